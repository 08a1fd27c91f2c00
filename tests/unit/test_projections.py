"""The read store: what a log becomes, batch by batch, after restarts, and where it must stop."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.app.genesis import genesis_entry
from ledger.app.group import seal_group
from ledger.app.ports import Record
from ledger.app.submission import Place, SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action, plain_id, stream_id
from ledger.core.chain import EMPTY_STREAM, Head, StreamHead
from ledger.core.findings import FindingError
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.core.times import add_seconds
from ledger.entry.signatures import SigningKey
from projections.queries.as_of import AsOf
from projections.queries.digest import digests
from projections.queries.dossiers import get_dossier, list_dossiers
from projections.queries.find import find
from projections.queries.handovers import list_handovers, list_returns
from projections.queries.officers import list_officers
from projections.queries.timeline import EventFilter, events
from projections.reports.officer import NOTE, officer_report
from projections.runtime.rebuild import rebuild
from projections.runtime.runner import project
from projections.store.sqlite import ReadStore

AT = "2026-03-02T01:00:00.000000Z"
LEDGER = SigningKey("log-key", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
LATER = SigningKey("later-key", Ed25519PrivateKey.from_private_bytes(bytes(31) + b"1"), "ledger")
CASE = [
    ["deadline", "date", "2026-03-04T00:00:00+00:00"],
    ["enddate", "date", "2026-03-05T00:00:00+00:00"],
]


class GrowingLog:
    """A sealed log in memory; `records` may be spoiled, `sizes` bounds what each read gives."""

    def __init__(self, name: str = "test") -> None:
        genesis = genesis_entry(
            name, 0, 1, [LEDGER.enrolled()], LEDGER, uuid7_text(0, bytes(10)), AT, "0" * 64
        )
        self.origin = f"{name}/0"
        self.records: list[bytes | None] = [genesis]
        self.genesis_leaf = leaf_hash(genesis).hex()
        self.head = Head(1, self.genesis_leaf)
        self.streams = {f"ledger:{self.origin}": StreamHead(1, self.genesis_leaf)}
        self.sizes: Iterator[int] = iter(())

    def stream_head(self, stream: str) -> StreamHead:
        return self.streams.get(stream, EMPTY_STREAM)

    def place_of(self, action_id: str) -> Place | None:
        return None

    def holds(self, stream: str) -> bool:
        return True

    def seal(self, actions: Sequence[Action], key: SigningKey = LEDGER) -> list[bytes]:
        """The actions as one batch, appended."""
        bodies = [encode_action(action) for action in actions]
        signed = tuple(
            SignedAction(action.id, action.stream, action.type, body, sigs)
            for action, body, sigs in zip(actions, bodies, key.sign(bodies), strict=True)
        )
        group = seal_group(
            self.origin, self, [Submission(signed)], add_seconds(AT, 86_400 + self.head.size)
        )
        self.streams |= {e.stream: StreamHead(e.place.version, e.place.leaf) for e in group.entries}
        self.head = group.head
        self.records += [entry.data for entry in group.entries]
        return [entry.data for entry in group.entries]

    def read(self, position: int, limit: int) -> Sequence[Record]:
        limit = min(limit, next(self.sizes, limit))
        part = self.records[position : position + limit]
        return [Record(position + place, data) for place, data in enumerate(part)]

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:
        return position < len(self.records)

    def close(self) -> None:
        pass


def make_action(
    number: int,
    dossier: str,
    officer: str,
    type_name: str = "dossier.action_imported.v1",
    **data: Any,
) -> Action:
    if type_name == "dossier.action_imported.v1":
        data = {"activity": "step", "source_log": "s", **data}
    return Action(
        id=uuid7_text(number, sha256(b"%d" % number).digest()),
        type=type_name,
        stream=stream_id("dossier", dossier),
        occurred_at=OccurredAt(add_seconds(AT, number * 60), "second"),
        actor=Actor("officer", officer, unit="unit") if officer else Actor("system", "s"),
        data=data,
    )


def ledger_action(number: int, origin: str, type_name: str, data: dict[str, Any]) -> Action:
    return Action(
        id=uuid7_text(number, sha256(b"%d" % number).digest()),
        type=type_name,
        stream=f"ledger:{origin}",
        occurred_at=OccurredAt(AT, "second"),
        actor=Actor("system", "log-key"),
        data=data,
    )


def run(log: GrowingLog, store: ReadStore, *, strict: bool = True) -> int:
    leaves = {log.origin: log.genesis_leaf}
    return project([log], store, genesis_leaves=leaves, strict_rows=strict)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReadStore]:
    opened = ReadStore.open(tmp_path / "read.sqlite")
    yield opened
    opened.close()


def reopened(store: ReadStore) -> ReadStore:
    store.close()
    return ReadStore.open(store.path)


def sample_log() -> GrowingLog:
    """Two dossiers: an and binh alternate in one (A-B-A), chi alone in an imported late one."""
    log = GrowingLog()
    log.seal([make_action(n, "D1", officer) for n, officer in enumerate(("an", "binh", "an"))])
    log.seal([make_action(10, "Hồ sơ", "chi", case=CASE), make_action(11, "Hồ sơ", "chi")])
    return log


def code_of(error: pytest.ExceptionInfo[FindingError]) -> tuple[str, int]:
    return error.value.finding.code, error.value.finding.index


# What the same actions give, however they came


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["an", "binh", "chi", ""])),
        min_size=1,
        max_size=40,
    ),
    st.lists(st.integers(1, 7), max_size=20),
    st.integers(1, 40),
)
def test_any_batches_and_restarts_give_the_rows_of_one_go(
    chosen: list[tuple[str, str]], sizes: list[int], pause: int
) -> None:
    actions = [make_action(n, dossier, who) for n, (dossier, who) in enumerate(chosen)]
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = GrowingLog(), GrowingLog()
        whole.seal(actions)
        one = ReadStore.open(Path(folder) / "one.sqlite")
        assert run(whole, one) == len(actions) + 1

        many = ReadStore.open(Path(folder) / "many.sqlite")
        parts.sizes = iter(sizes)
        gained = 0
        for part in (actions[:pause], actions[pause:]):
            if part:
                parts.seal(part)
            gained += run(parts, many)
            many = reopened(many)
        assert gained == len(actions) + 1
        assert many.head() == parts.head
        assert digests(many) == digests(one)
        many.close()
        one.close()
        rebuilt = rebuild(
            [parts], many.path, genesis_leaves={parts.origin: parts.genesis_leaf}, strict_rows=True
        )
        assert rebuilt.compared
        assert rebuilt.entries == len(actions) + 1


def test_a_live_row_that_was_altered_stops_the_rebuild_and_both_files_stay(
    store: ReadStore,
) -> None:
    log = sample_log()
    run(log, store)
    store.connection.execute("UPDATE interval SET officer = 'dung' WHERE officer = 'chi'")
    store.close()
    with pytest.raises(FindingError) as error:
        rebuild([log], store.path, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True)
    assert error.value.finding.code == "projection.digest_mismatch"
    assert "interval" in error.value.finding.message
    assert store.path.exists()
    assert store.path.with_name(store.path.name + ".rebuild").exists()


def test_two_processes_on_one_store_count_every_entry_once(store: ReadStore) -> None:
    log = sample_log()

    class Overtaken(GrowingLog):
        """While this reader reads its first batch, another process folds the whole log."""

        def __init__(self) -> None:
            super().__init__()
            self.records, self.head = log.records, log.head
            self.others = 0

        def read(self, position: int, limit: int) -> Sequence[Record]:
            records = super().read(position, limit)
            if not self.others:
                self.others = 1
                other = ReadStore.open(store.path)
                self.others = run(log, other)
                other.close()
            return records

    slow = Overtaken()
    run(slow, store)
    assert slow.others == len(log.records)
    assert store.head() == log.head
    assert [(row.officer, row.entries) for row in list_officers(store)] == [
        ("an", 2),
        ("binh", 1),
        ("chi", 2),
    ]


# Where it stops, and what it goes on from


def test_another_genesis_than_the_pinned_one_is_refused_each_time(store: ReadStore) -> None:
    log = sample_log()
    log.genesis_leaf = "0" * 64
    for _ in range(2):
        with pytest.raises(FindingError) as error:
            run(log, store)
        assert code_of(error) == ("trust.genesis_mismatch", 0)


@pytest.mark.parametrize("spoiled", [1, 3, 5])
def test_an_embedded_log_with_a_bad_row_stops_there_with_what_came_before(
    store: ReadStore, spoiled: int
) -> None:
    log = sample_log()
    good = log.records[spoiled]
    log.records[spoiled] = b"{}\n{}"
    for _ in range(2):
        with pytest.raises(FindingError) as error:
            run(log, store)
        assert code_of(error) == ("chain.link_mismatch", spoiled)
        assert store.head().size == spoiled
        store = reopened(store)
    log.records[spoiled] = good
    assert run(log, store) == len(log.records) - spoiled
    store.close()


@pytest.mark.parametrize("strict", [True, False])
def test_a_log_that_was_cut_or_replaced_behind_the_cursor_is_named(
    store: ReadStore, strict: bool
) -> None:
    log = sample_log()
    run(log, store, strict=strict)
    kept = list(log.records)
    log.records.pop()
    with pytest.raises(FindingError) as cut:
        run(log, store, strict=strict)
    assert code_of(cut) == ("log.overwritten", len(kept) - 1)
    log.records = [*kept[:-1], kept[1]]
    with pytest.raises(FindingError) as replaced:
        run(log, store, strict=strict)
    assert code_of(replaced) == ("log.overwritten", len(kept) - 1)
    log.records = list(kept)
    assert run(log, store, strict=strict) == 0


def test_another_log_is_not_folded_into_the_same_store(store: ReadStore) -> None:
    run(sample_log(), store)
    other = GrowingLog("other")
    with pytest.raises(FindingError) as error:
        run(other, store)
    assert code_of(error)[0] == "projection.other_log"


def test_strays_are_reported_once_and_change_no_row(store: ReadStore, tmp_path: Path) -> None:
    plain = sample_log()
    clean = ReadStore.open(tmp_path / "clean.sqlite")
    run(plain, clean, strict=False)
    log = sample_log()
    # A deletion, rubbish, a record sent twice; the last one lies at the end, behind the head.
    log.records = [*log.records[:2], None, b"rubbish", *log.records[2:], log.records[1]]
    for _ in range(3):
        run(log, store, strict=False)
        store = reopened(store)
    assert store.head() == log.head
    assert digests(store) == digests(clean)
    found = store.rows("SELECT position FROM finding WHERE code = 'log.stray' ORDER BY position")
    assert found == [(2,), (3,), (len(log.records) - 1,)]
    log.seal([make_action(20, "D1", "binh")])
    assert run(log, store, strict=False) == 1
    store.close()
    clean.close()


def test_an_overwritten_entry_is_named_even_when_it_shows_in_two_runs(store: ReadStore) -> None:
    log = sample_log()
    run(log, store, strict=False)
    log.seal([make_action(20, "D1", "chi")])
    log.records[-1] = b"altered in the broker"
    log.seal([make_action(21, "D1", "chi")])
    run(log, store, strict=False)
    store = reopened(store)
    log.seal([make_action(22, "D1", "chi")])
    with pytest.raises(FindingError) as error:
        run(log, store, strict=False)
    assert code_of(error)[0] == "log.overwritten"
    store.close()


def test_an_unknown_type_parks_its_stream_only_and_fails_a_rebuild(store: ReadStore) -> None:
    log = sample_log()
    log.seal([make_action(20, "D1", "an", "dossier.from_the_future.v9", anything=1)])
    log.seal([make_action(21, "D1", "binh"), make_action(22, "D2", "chi")])
    run(log, store)
    # After a restart the parked stream is still continued, not broken.
    store = reopened(store)
    log.seal([make_action(23, "D1", "binh"), make_action(24, "D2", "chi")])
    run(log, store)
    assert store.rows("SELECT stream, type FROM parked") == [
        ("dossier:D1", "dossier.from_the_future.v9")
    ]
    assert store.rows("SELECT code FROM finding") == []
    view = get_dossier(store, "D1")
    assert view is not None
    assert view.state.version == 3
    other = get_dossier(store, "D2")
    assert other is not None
    assert other.state.version == 2
    store.close()
    with pytest.raises(FindingError) as error:
        rebuild([log], store.path, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True)
    assert code_of(error)[0] == "projection.unreadable"
    assert error.value.finding.stream == "dossier:D1"


def test_a_void_entry_counts_but_changes_no_row(store: ReadStore) -> None:
    log = sample_log()
    before = log.streams["dossier:D1"]
    log.seal([make_action(20, "D1", "chi")], key=LATER)
    log.streams["dossier:D1"] = before
    log.seal([make_action(21, "D1", "binh")])
    run(log, store)
    assert store.rows("SELECT code, idx FROM finding") == [("signature.invalid", 6)]
    view = get_dossier(store, "D1")
    assert view is not None
    assert [row.actor for row in view.entries] == ["an", "binh", "an", "binh"]


def test_keys_enrolled_behind_a_parked_own_entry_are_known_after_a_restart(
    store: ReadStore,
) -> None:
    log = GrowingLog()
    log.seal([ledger_action(1, log.origin, "ledger.from_the_future.v9", {"x": 1})])
    enrolled = LATER.enrolled()
    key = {name: getattr(enrolled, name) for name in enrolled.__struct_fields__}
    log.seal([ledger_action(2, log.origin, "ledger.key_enrolled.v1", {"key": key})])
    run(log, store)
    store = reopened(store)
    log.seal([make_action(3, "D1", "an")], key=LATER)
    run(log, store)
    assert store.rows("SELECT code FROM finding") == []
    assert [row.officer for row in list_officers(store)] == ["an"]
    store.close()


# What is read


def test_handovers_returns_and_officers(store: ReadStore) -> None:
    run(sample_log(), store)
    assert [(r.giver, r.receiver, r.count) for r in list_handovers(store)] == [
        ("an", "binh", 1),
        ("binh", "an", 1),
    ]
    assert [(r.dossier, r.version, r.officer, r.other) for r in list_returns(store)] == [
        ("D1", 3, "an", "binh")
    ]
    assert [(r.officer, r.entries, r.dossiers) for r in list_officers(store)] == [
        ("an", 2, 1),
        ("binh", 1, 1),
        ("chi", 2, 1),
    ]


def test_late_and_what_was_known_when(store: ReadStore) -> None:
    run(sample_log(), store)
    late = list_dossiers(store, at="2026-04-01T00:00:00.000000Z", late=True)
    assert [state.dossier_id for state in late] == ["Hồ sơ"]
    # Nobody knew on 3 March when the dossier would end, nor is its due date shown then.
    then = get_dossier(store, "Hồ sơ", AsOf("occurred", "2026-03-03T00:00:00.000000Z"))
    assert then is not None
    assert (then.state.ended_at, then.state.due_at) == ("", "")
    by_index = get_dossier(store, "D1", AsOf("index", index=2))
    assert by_index is not None
    assert [row.actor for row in by_index.entries] == ["an", "binh"]
    # An index stands for when it was recorded, 3 March: before due date and end.
    newest = get_dossier(store, "Hồ sơ", AsOf("index", index=5))
    assert newest is not None
    assert (newest.state.ended_at, newest.state.due_at) == ("", "")
    assert get_dossier(store, "D1", AsOf("index", index=0)) is None
    assert get_dossier(store, "nowhere") is None


@pytest.mark.parametrize("dossier", ["D1", "Hồ sơ"])
def test_refolding_the_timeline_gives_the_stored_state(store: ReadStore, dossier: str) -> None:
    run(sample_log(), store)
    view = get_dossier(store, dossier)
    stored = {s.dossier_id: s for s in list_dossiers(store, at=AT)}
    assert view is not None
    assert view.state == stored[dossier]


def test_find_by_id_unaccented_text_leaf_and_index(store: ReadStore) -> None:
    log = sample_log()
    run(log, store)
    assert [(f.kind, f.id) for f in find(store, "ho so")] == [("dossier", "Hồ sơ")]
    assert ("officer", "binh") in [(f.kind, f.id) for f in find(store, "BINH")]
    assert [f.index for f in find(store, "2") if f.kind == "entry"] == [2]
    assert [f.index for f in find(store, log.head.leaf[:12])] == [log.head.size - 1]
    for odd in ("²", "9" * 40, "'", "%", "_", "nobody at all"):
        assert [f for f in find(store, odd) if f.kind == "entry"] == []


def test_the_officer_report_links_every_number_and_judges_nobody(store: ReadStore) -> None:
    log = sample_log()
    run(log, store)
    report = officer_report(store, "an")
    assert report is not None
    assert report.heads == {log.origin: log.head}
    assert [link.index for link in report.entries] == [1, 3]
    assert [link.leaf for link in report.entries] == [
        leaf_hash(log.records[i] or b"").hex() for i in (1, 3)
    ]
    assert [plain_id(stream) for stream in report.dossiers] == ["D1"]
    assert [(item.version, item.other) for item in report.given] == [(2, "binh")]
    assert [(item.version, item.other) for item in report.received] == [(3, "binh")]
    assert report.note == NOTE
    # Only what happened in the period: the entry of minute 2 and the hand-over it shows.
    part = officer_report(store, "an", add_seconds(AT, 61))
    assert part is not None
    assert [link.index for link in part.entries] == [3]
    assert (part.given, [item.version for item in part.received]) == ((), [3])
    assert part.control_sum != report.control_sum
    assert officer_report(store, "nobody") is None
    forbidden = {"rate", "rank", "late", "score", "average"}
    assert not forbidden & {p for f in report.__struct_fields__ for p in f.split("_")}


def test_events_by_actor_type_range_and_limit(store: ReadStore) -> None:
    run(sample_log(), store)
    assert [r.index for r in events(store, EventFilter(actor="an"))] == [1, 3]
    assert [r.index for r in events(store, EventFilter(first_index=2, last_index=3))] == [2, 3]
    assert [r.index for r in events(store, EventFilter(type="ledger.genesis.v1"))] == [0]
    assert [r.index for r in events(store, EventFilter(limit=2))] == [0, 1]
