"""Group commit: versions, duplicate ids, all or none, limits; then the chain rule reads it back."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.app.group import Group, next_recorded_at, seal_group
from ledger.app.limits import GROUP_ENTRIES_MAX
from ledger.app.submission import Place, Recorded, Refused, SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.chain import Head, StreamHead
from ledger.core.ids import uuid7_text
from ledger.entry.entry import Entry
from ledger.entry.log_state import LogState
from ledger.entry.signatures import SigningKey

ORIGIN = "ledger.example/tests/0"
AT = "2026-03-02T08:00:00.000000Z"
KEY = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")


class Index:
    """A log in memory: the shared fold, and where each action id stands."""

    def __init__(self) -> None:
        self.state = LogState(ORIGIN)
        self.places: dict[str, Place] = {}

    @property
    def head(self) -> Head:
        return self.state.head

    def stream_head(self, stream: str) -> StreamHead:
        return self.state.stream_head(stream)

    def place_of(self, action_id: str) -> Place | None:
        return self.places.get(action_id)

    def holds(self, stream: str) -> bool:
        return self.state.holds(stream)

    def land(self, group: Group) -> None:
        for sealed in group.entries:
            entry = self.state.admit(sealed.data)
            assert isinstance(entry, Entry), entry
            judged = self.state.judge(entry)
            assert not judged.void, judged.findings
            self.places[sealed.action_id] = sealed.place
        assert self.state.head == group.head


def signed(stream: str, number: int, *, note: str = "", expected: int | None = None):
    action = Action(
        id=uuid7_text(number, sha256(str(number).encode()).digest()),
        type="dossier.submitted.v1" if stream.startswith("dossier") else "ledger.genesis.v1",
        stream=stream,
        occurred_at=OccurredAt(AT, "second"),
        actor=Actor(kind="officer", id="C-0092"),
        data={"note": note} if stream.startswith("dossier") else {"keys": [KEY_DATA]},
    )
    data = encode_action(action)
    return SignedAction(action.id, stream, action.type, data, KEY.sign([data])[0], expected)


KEY_DATA = {
    "id": KEY.enrolled().id,
    "alg": "Ed25519",
    "public": KEY.enrolled().public,
    "role": "ledger",
}


def open_index() -> Index:
    index = Index()
    genesis = Submission((signed(f"ledger:{ORIGIN}", 0),))
    index.land(seal_group(ORIGIN, index, [genesis], AT))
    return index


def test_a_group_is_sealed_behind_the_head_and_counts_whole() -> None:
    index = open_index()
    group = seal_group(
        ORIGIN,
        index,
        [
            Submission((signed("dossier:a", 1), signed("dossier:a", 2))),
            Submission((signed("dossier:b", 3),)),
        ],
        AT,
    )
    index.land(group)
    assert [a.places[0].index for a in group.answers if isinstance(a, Recorded)] == [1, 3]
    assert index.stream_head("dossier:a").version == 2


def test_one_id_twice_in_a_group_is_one_entry_with_one_answer() -> None:
    index = open_index()
    action = signed("dossier:a", 1)
    group = seal_group(ORIGIN, index, [Submission((action,)), Submission((action,))], AT)
    first, second = group.answers
    assert isinstance(first, Recorded)
    assert isinstance(second, Recorded)
    assert first.places == second.places
    assert (first.new, second.new, len(group.entries)) == (1, 0, 1)


def test_one_id_with_other_bytes_is_refused() -> None:
    index = open_index()
    index.land(seal_group(ORIGIN, index, [Submission((signed("dossier:a", 1),))], AT))
    group = seal_group(ORIGIN, index, [Submission((signed("dossier:a", 1, note="other"),))], AT)
    (answer,) = group.answers
    assert isinstance(answer, Refused)
    assert answer.code == "action.id_reused"
    assert group.entries == ()


def test_a_refused_submission_leaves_nothing_of_itself_behind() -> None:
    index = open_index()
    bad = Submission((signed("dossier:a", 1), signed("dossier:a", 2, expected=7)))
    good = Submission((signed("dossier:a", 3, expected=1),))
    group = seal_group(ORIGIN, index, [bad, good], AT)
    refused, recorded = group.answers
    assert isinstance(refused, Refused)
    assert refused.code == "stream.version_conflict"
    assert isinstance(recorded, Recorded)
    index.land(group)
    assert index.head.size == 2


def test_a_submission_is_never_split_over_two_groups() -> None:
    index = open_index()
    half = GROUP_ENTRIES_MAX // 2 + 1
    first = Submission(tuple(signed("dossier:a", n) for n in range(1, half + 1)))
    second = Submission(tuple(signed("dossier:b", n) for n in range(half + 1, 2 * half + 1)))
    group = seal_group(ORIGIN, index, [first, second], AT)
    assert len(group.answers) == 1
    index.land(group)
    assert index.stream_head("dossier:b").version == 0


def test_too_large_an_entry_is_refused_with_its_size() -> None:
    index = open_index()
    group = seal_group(
        ORIGIN, index, [Submission((signed("dossier:a", 1, note="x" * 70_000),))], AT
    )
    (answer,) = group.answers
    assert isinstance(answer, Refused)
    assert answer.code == "entry.too_large"


def test_each_group_has_a_time_of_its_own() -> None:
    now = datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert next_recorded_at(now, "") == AT
    assert next_recorded_at(now, AT) == "2026-03-02T08:00:00.000001Z"


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["dossier:a", "dossier:b"]),
                st.integers(1, 12),
                st.sampled_from([None, 1, 2, 3]),
            ),
            min_size=1,
            max_size=4,
        ),
        max_size=12,
    )
)
def test_any_queue_seals_to_a_chain_that_counts(queue: list[list[tuple[str, int, int | None]]]):
    index = open_index()
    submissions = [
        Submission(tuple(signed(stream, n, expected=e) for stream, n, e in actions))
        for actions in queue
    ]
    group = seal_group(ORIGIN, index, submissions, AT)
    index.land(group)
    assert len(group.answers) == len(submissions)
    for submission, answer in zip(submissions, group.answers, strict=True):
        if isinstance(answer, Recorded):
            assert [index.places[a.id] for a in submission.actions] == list(answer.places)
