"""Whose entries count, and the committed index against one computed from the bytes of a log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from consumers.cli.verify_officers import acts_of
from ledger.core.action import Actor
from ledger.core.findings import Verdict
from ledger.core.merkle import EMPTY_ROOT, leaf_hash
from ledger.entry.entry import Entry, decode_entry
from ledger.entry.log_state import LogState
from ledger.entry.officer_check import OfficerCheck
from ledger.entry.officer_index import OfficerIndex, officer_in, officer_of
from ledger.entry.officer_proof import Committed
from ledger.entry.verification import Verification
from ledger.entry.verify import Verifier
from tests.unit.projections_logs import Log, act, handed_over
from tests.unit.test_officer_index import map_head


def entries_of(log: Log) -> list[Entry]:
    """Every entry that counts, by the chain rule alone."""
    state, found = LogState(log.origin), []
    for data in log.records:
        entry = state.admit(data)
        if isinstance(entry, Entry):
            state.judge(entry)
            found.append(entry)
            assert officer_of(entry) == officer_in(entry.action_bytes)
    return found


def by_hand(records: Iterable[bytes]) -> dict[str, list[bytes]]:
    """What docs/formats/officer-index.md says, from the bytes alone."""
    made: dict[str, list[bytes]] = {}
    for data in records:
        actor = json.loads(data.split(b"\n", 1)[1])["actor"]
        if actor["kind"] == "officer":
            made.setdefault(actor["id"], []).append(leaf_hash(data))
    return made


def committed(records: Sequence[bytes], size: int) -> Committed:
    made = by_hand(records[:size])
    return Committed("office/0", size, len(made), map_head(made))


def office() -> Log:
    log = Log()
    log.append(*handed_over("A"))
    log.append_void(act("accepted", "V", "tam", 1))
    acting = act("accepted", "B", "minh", 2)
    log.append(replace(acting, actor=replace(acting.actor, on_behalf_of="lan")))
    for kind in ("applicant", "system", "support"):
        seen = act("accepted", f"K-{kind}", "lan", 3)
        log.append(replace(seen, actor=Actor(kind, "lan")))
    return log


def checked(log: Log, items: Iterable[Committed], size: int | None = None) -> OfficerCheck:
    check = OfficerCheck(log.origin, items)
    for entry in entries_of(log):
        check.add(officer_of(entry), bytes.fromhex(entry.leaf))
    check.finish(check.size if size is None else size)
    return check


def test_every_size_of_a_log_agrees_with_what_is_counted_by_hand() -> None:
    log = office()
    sizes = range(len(log.records) + 1)
    check = checked(log, [committed(log.records, size) for size in sizes])
    assert (check.findings, check.checked) == ([], len(log.records) + 1)
    made = by_hand(log.records)
    # Void entries are in the log; whom somebody acts for has not acted.
    assert {officer: len(leaves) for officer, leaves in made.items()} == {
        "lan": 3,
        "minh": 4,
        "tam": 1,
    }


def test_the_fold_over_entries_is_what_is_counted_by_hand() -> None:
    log, index = office(), OfficerIndex()
    for entry in entries_of(log):
        index.add(entry)
    whole = committed(log.records, len(log.records))
    assert (len(index.map()), index.map().root()) == (whole.officers, whole.root)


def test_strays_are_no_entries() -> None:
    log = office()
    whole = committed(log.records, len(log.records))
    copy = log.records[3]
    log.records[5:5] = [b"straight to the topic", copy]
    check = checked(log, [whole])
    assert (check.findings, check.checked) == ([], 1)


def verification(log: Log, *, every_record_counts: bool) -> Verification:
    verifier = Verifier(
        log.origin, log.genesis_leaf, every_record_counts=every_record_counts, logs=1
    )
    for record in log.read(0, len(log.records)):
        verifier.add(record)
    return verifier.finish()


@pytest.mark.parametrize("strays", [0, 3])
@pytest.mark.parametrize("later", [0, 2])
def test_the_entries_of_a_log_are_read_with_strays_and_while_it_grows(
    strays: int, later: int
) -> None:
    """Quickly where the verifier saw every record in its place, by the chain rule elsewhere."""
    log = office()
    expected = [
        (leaf, officer_in(data.split(b"\n", 1)[1]))
        for data in log.records
        for leaf in [leaf_hash(data)]
    ]
    for number in range(strays):
        log.records.insert(2 * number + 3, log.records[1] if number else b"straight to the topic")
    whole, log.records = log.records, log.records[: len(log.records) - later]
    result = verification(log, every_record_counts=False)
    log.records = [*whole, b"written since, and no entry"]
    assert [(leaf, officer) for officer, leaf in acts_of(log, result)] == expected


def test_a_log_that_breaks_is_read_up_to_there() -> None:
    log = office()
    log.records[4] = log.records[4].replace(b"lan", b"tam")
    result = verification(log, every_record_counts=True)
    assert [leaf for _, leaf in acts_of(log, result)] == [leaf_hash(d) for d in log.records[:5]]


@pytest.mark.parametrize(
    ("change", "value"), [("officers", 1), ("root", EMPTY_ROOT), ("root", bytes(32))]
)
def test_a_wrong_commitment_is_found_where_it_lies(change: str, value: Any) -> None:
    log = office()
    items = [committed(log.records, size) for size in range(2, 9)]
    items[3] = replace(items[3], **{change: value})
    check = checked(log, items)
    (finding,) = check.findings
    assert (finding.code, finding.verdict) == ("officers.root_mismatch", Verdict.FAILED)
    assert (finding.index, check.checked) == (items[3].size - 1, 7)


def test_an_entry_left_out_of_the_index_is_found() -> None:
    """The sealer that the index is made against: it leaves out what somebody did."""
    log = office()
    size = len(log.records)
    for hidden in range(1, size):
        shown = [data for at, data in enumerate(log.records[:size]) if at != hidden]
        made = by_hand(shown)
        if made == by_hand(log.records):
            continue  # nobody's of that kind
        check = checked(log, [Committed(log.origin, size, len(made), map_head(made))])
        assert [finding.code for finding in check.findings] == ["officers.root_mismatch"], hidden


def test_two_commitments_at_one_size_are_both_compared() -> None:
    log = office()
    right = committed(log.records, 4)
    check = checked(log, [right, right, replace(right, root=bytes(32))])
    assert (len(check.findings), check.checked) == (1, 2)


def test_a_commitment_beyond_the_end_is_not_passed_over() -> None:
    log = office()
    right = committed(log.records, len(log.records))
    (finding,) = checked(log, [replace(right, size=right.size + 2)]).findings
    assert (finding.code, finding.index) == ("log.truncated", right.size)


def test_what_lies_behind_a_break_is_not_known() -> None:
    log = office()
    size = len(log.records)
    items = [committed(log.records, at) for at in (3, 6, size)]
    log.records[4] = log.records[4].replace(b"lan", b"tam")
    check = checked(log, [*items, replace(items[0], size=size + 1)], size)
    assert [finding.code for finding in check.findings] == [
        "log.truncated",
        "officers.not_compared",
    ]
    assert (check.findings[1].verdict, check.findings[1].index) == (Verdict.INDETERMINATE, 5)
    assert check.checked == 1
    only_at_the_end = checked(log, items[2:], size)
    assert [finding.code for finding in only_at_the_end.findings] == ["officers.not_compared"]


@pytest.mark.parametrize(
    ("actor", "officer"),
    [
        ({"kind": "officer", "id": "lan"}, "lan"),
        ({"kind": "officer", "id": "lan", "later": 1}, "lan"),
        ({"kind": "officer", "id": ""}, None),
        ({"kind": "officer", "id": 7}, None),
        ({"kind": "officer"}, None),
        ({"kind": "system", "id": "lan"}, None),
        ({"kind": ["officer"], "id": "lan"}, None),
        ("officer", None),
        (None, None),
    ],
)
def test_an_action_that_cannot_be_typed_is_counted_by_what_stands_there(
    actor: Any, officer: str | None
) -> None:
    """Such an entry is void, and what it says of its actor may be anything."""
    data = office().records[1]
    seal, body = data.split(b"\n", 1)
    action = json.loads(body)
    del action["actor"]
    if actor is not None:
        action["actor"] = actor
    action["unheard_of"] = "1"
    text = json.dumps(action, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    entry = decode_entry(seal + b"\n" + text.encode())
    assert entry.typed is None
    assert officer_of(entry) == officer_in(entry.action_bytes) == officer
