"""Reading on in a log by the chain rule: strays never count, and a log that changed is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from consumers.bootstrap import Settings, open_ledger
from consumers.creation import create_ledger
from ledger.app.ports import Record
from ledger.app.sealing import Counted, LogFollower, TreeState
from ledger.core.findings import FindingError
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import decode_entry
from tests.integration.seal_killed import append

FOREIGN = b"not an entry"


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Twelve entries in four groups, each with a time of its own."""
    settings = Settings(tmp_path_factory.mktemp("follower") / "home")
    create_ledger(settings, "office").close()
    with open_ledger(settings) as ledger:
        for count in (1, 4, 3, 3):
            append(ledger, 0, count)
        return [record.data or b"" for record in ledger.readers[0].read(0, 100)]


class Records:
    """A partition: whatever bytes lie at each offset; None for a record without a value."""

    origin = "office/0"

    def __init__(self, data: Sequence[bytes | None], first: int = 0) -> None:
        self.records = [Record(offset, item) for offset, item in enumerate(data, first)]

    def read(self, position: int, limit: int) -> Sequence[Record]:
        return [record for record in self.records if record.position >= position][:limit]

    def end(self) -> int:
        return self.records[-1].position + 1 if self.records else 0

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:
        return self.end() > position

    def close(self) -> None:
        pass


def follower(
    records: Records, entries: list[bytes], state: TreeState | None = None, *, strict: bool = False
) -> LogFollower:
    return LogFollower(
        records,
        state or TreeState("office/0"),
        genesis_leaf=leaf_hash(entries[0]).hex(),
        every_record_counts=strict,
    )


def state_after(counted: Sequence[Counted], position: int) -> TreeState:
    last = counted[-1]
    return TreeState(
        "office/0",
        len(counted),
        position=position,
        leaf=last.leaf.hex(),
        last_position=last.position,
    )


def code_of(work: LogFollower) -> str:
    def read_on() -> None:
        work.check_last()
        list(work.entries(100))

    with pytest.raises(FindingError) as caught:
        read_on()
    return caught.value.finding.code


def test_strays_between_entries_do_not_count_and_a_stop_anywhere_changes_nothing(
    entries: list[bytes],
) -> None:
    other = entries[5].replace(b"office/0", b"office/9")
    lying = [entries[0], FOREIGN, None, *entries[1:6], other, entries[5], *entries[6:], FOREIGN]
    records = Records(lying, first=3)
    whole = list(follower(records, entries).entries(100))
    assert [counted.data for counted in whole] == entries
    assert [counted.leaf for counted in whole] == [leaf_hash(data) for data in entries]
    for limit in range(1, len(entries) + 1):
        first = follower(records, entries)
        taken = list(first.entries(limit))
        assert [counted.data for counted in taken] == entries[:limit]
        again = follower(records, entries, state_after(taken, first.position))
        again.check_last()
        assert [*taken, *again.entries(100)] == whole
        first.check_last()
        assert [*taken, *first.entries(100)] == whole


def test_a_log_without_strays_is_stopped_at_the_first_record_that_does_not_count(
    entries: list[bytes],
) -> None:
    changed = entries[4].replace(b"remark", b"report")
    for lying, code in (
        ([*entries[:4], FOREIGN], "entry.malformed"),
        ([*entries[:4], entries[5]], "chain.link_mismatch"),
        ([*entries[:4], changed, *entries[5:]], "chain.link_mismatch"),
        ([*entries[:4], None], "entry.malformed"),
    ):
        assert code_of(follower(Records(lying), entries, strict=True)) == code
    gap = Records(entries)
    del gap.records[4]
    assert code_of(follower(gap, entries, strict=True)) == "chain.index_missing"


def test_another_genesis_and_a_newer_format_stop_it(entries: list[bytes]) -> None:
    work = LogFollower(
        Records(entries), TreeState("office/0"), genesis_leaf="0" * 64, every_record_counts=False
    )
    assert code_of(work) == "trust.genesis_mismatch"
    newer = entries[3].replace(b'"v":1,', b'"v":2,')
    assert decode_entry(entries[3])
    assert newer != entries[3]
    assert code_of(follower(Records([*entries[:3], newer]), entries)) == "entry.newer_format"


def test_a_tail_that_was_cut_or_written_anew_is_told_before_anything_is_read(
    entries: list[bytes],
) -> None:
    taken = list(follower(Records(entries), entries).entries(100))
    state = state_after(taken, len(entries))
    assert code_of(follower(Records(entries[:-1]), entries, state)) == "log.truncated"
    # Another last entry in its place, and one more: what was signed is not there any more.
    other = [*entries[:-1], entries[-1].replace(b"remark", b"report"), entries[-1]]
    assert code_of(follower(Records(other), entries, state)) == "log.overwritten"
    # The tail was cut further, and made as long as it was.
    assert code_of(follower(Records([*entries[:8], *entries[4:8]]), entries, state)) == (
        "log.overwritten"
    )


def test_an_entry_that_was_changed_ahead_of_it_is_told_by_what_follows(
    entries: list[bytes],
) -> None:
    """Everything behind the changed entry is stray, over more than one batch."""
    changed = [*entries[:3], entries[3].replace(b"remark", b"report"), *entries[4:]]
    assert code_of(follower(Records(changed), entries)) == "log.overwritten"
