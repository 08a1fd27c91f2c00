"""One contract for both indexes: whatever the log holds, file and memory give the same answers."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.adapters import index_sqlite
from ledger.adapters.index_file import OtherLogError
from ledger.adapters.index_sqlite import SqliteTables, open_index
from ledger.app.group import seal_group
from ledger.app.log_index import MemoryIndex, PartitionIndex
from ledger.app.ports import Record
from ledger.app.read_facts import facts_of, take_facts
from ledger.app.submission import LedgerError, Submission
from ledger.core.chain import Head
from ledger.core.findings import FindingError
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import EntryError, decode_entry
from tests.contracts.index_records import (
    FOREIGN_ID,
    GENESIS_LEAF,
    KINDS,
    STREAMS,
    Partition,
    Step,
    an_action,
    answers,
)
from tests.simulation.small_log import ORIGIN

steps = st.lists(
    st.builds(Step, st.sampled_from(KINDS), st.integers(0, 60)), min_size=1, max_size=25
)


@pytest.fixture(autouse=True)
def _written_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_sqlite, "FLUSH_ENTRIES", 3)
    monkeypatch.setattr(index_sqlite, "PENDING_ENTRIES_MAX", 4)
    monkeypatch.setattr(index_sqlite, "HEADS_REMEMBERED_MAX", 2)


def tables_of(index: PartitionIndex) -> SqliteTables:
    assert isinstance(index.tables, SqliteTables)
    return index.tables


def kill(index: PartitionIndex) -> None:
    """As the end of a process would leave it: what is being written is whole or not there."""
    tables = tables_of(index)
    tables._thread.shutdown(cancel_futures=True)
    tables._reading.close()
    tables._writing.close()
    tables._file.unlock()


def action_ids(partition: Partition) -> list[str]:
    found = [FOREIGN_ID, "nobody", "018f0000-0000-7000-8000-000000000000"]
    for record in partition.records:
        try:
            found.append(decode_entry(record.data or b"").action_id)
        except EntryError:
            continue
    return found


def open_at(path: Path, **options) -> PartitionIndex:
    return open_index(path, ORIGIN, genesis_leaf=GENESIS_LEAF, **options)


def read_from(index: PartitionIndex, partition: Partition, until: int | None = None) -> None:
    """As a reader does: from the newest entry known on."""
    start = index.position if index.is_compared else index.overlap()
    records = [r for r in partition.records[:until] if r.position >= start]
    index.take_in(records, records[-1].position + 1 if records else start)


@settings(max_examples=80, deadline=None)
@given(steps, st.data())
def test_file_and_memory_answer_alike_whatever_happens(recipe: list[Step], data) -> None:
    partition, memory = Partition(), MemoryIndex(ORIGIN, genesis_leaf=GENESIS_LEAF)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        index = open_at(path)
        whole = True
        for number, step in enumerate(recipe):
            whole = partition.apply(number, step)
            if not whole:
                break
            choice = data.draw(st.sampled_from(("go on", "read", "close", "kill")))
            if choice == "go on":
                continue
            read_from(index, partition)
            if choice == "read":
                continue
            index.close() if choice == "close" else kill(index)
            index = open_at(path)
        for side in (memory, index):
            if whole:
                read_from(side, partition)
                side.check_end(partition.offset)
                continue
            with pytest.raises(FindingError) as caught:
                read_from(side, partition)
            assert caught.value.finding.code == "log.overwritten"
        ids = action_ids(partition)
        if whole:
            assert answers(index, STREAMS, ids) == answers(memory, STREAMS, ids)
            # Asked for together or one by one, each id by itself too: the same.
            for asked in (ids, *([action_id] for action_id in ids)):
                index.tables.look_up(asked, STREAMS)
                assert [index.place_of(i) for i in asked] == [memory.place_of(i) for i in asked]
        index.close()
        again = open_at(path)
        if whole:
            read_from(again, partition)
            again.tables.look_up(ids, STREAMS)
            assert answers(again, STREAMS, ids) == answers(memory, STREAMS, ids)
        else:
            # Stopped where it was right; the next process finds the same.
            with pytest.raises(FindingError):
                read_from(again, partition)
        again.close()


@settings(max_examples=60, deadline=None)
@given(steps)
def test_records_read_by_another_process_mean_the_same(recipe: list[Step]) -> None:
    partition = Partition()
    for number, step in enumerate(recipe):
        if not partition.apply(number, step):
            return
    memory, other = (MemoryIndex(ORIGIN, genesis_leaf=GENESIS_LEAF) for _ in range(2))
    read_from(memory, partition)
    facts = facts_of([record.data for record in partition.records])
    for ahead in take_facts(partition.records, facts, other.state):
        other.take_in(ahead, ahead.next_offset)
    other.take_in((), memory.position)
    ids = action_ids(partition)
    assert answers(other, STREAMS, ids) == answers(memory, STREAMS, ids)
    assert list(other.findings) == list(memory.findings)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=8), st.booleans())
def test_groups_that_landed_are_entered_as_they_are_read(sizes: list[int], reopen: bool) -> None:
    memory = MemoryIndex(ORIGIN, genesis_leaf=GENESIS_LEAF)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        index = open_at(path)
        first = Partition()
        for side in (memory, index):
            read_from(side, first)
        number = 0
        for moment, size in enumerate(sizes):
            actions = [an_action(STREAMS[n % 3], f"n{number + n}") for n in range(size)]
            number += size
            submissions = [Submission((action,)) for action in (*actions, actions[0])]
            recorded_at = f"2027-01-01T00:00:{moment:02d}.000000Z"
            index.look_up(submissions)
            group = seal_group(ORIGIN, index, submissions, recorded_at)
            assert group == seal_group(ORIGIN, memory, submissions, recorded_at)
            for side in (memory, index):
                side.add_landed(group, side.position)
            first.records += [
                Record(index.position - len(group.entries) + n, entry.data)
                for n, entry in enumerate(group.entries)
            ]
        ids = action_ids(first)
        assert answers(index, STREAMS, ids) == answers(memory, STREAMS, ids)
        if reopen:
            index.close()
            index = open_at(path)
            read_from(index, first)
            assert answers(index, STREAMS, ids) == answers(memory, STREAMS, ids)
        index.close()


def read_to_the_end(index: PartitionIndex, records: Sequence[Record], end: int) -> None:
    index.take_in(records, end)
    index.check_end(end)


def a_partition(entries: int = 300) -> Partition:
    partition = Partition()
    for number in range(entries):
        partition.apply(number, Step("entry", number % 3))
    return partition


@pytest.fixture(scope="module")
def partition() -> Partition:
    return a_partition()


@pytest.fixture
def made(tmp_path: Path, partition: Partition) -> Path:
    path = tmp_path / "index.sqlite"
    index = open_at(path)
    read_from(index, partition)
    index.close()
    return path


def test_an_index_resumes_from_its_cursor_and_compares_the_log_there(
    made: Path, partition: Partition
) -> None:
    index = open_at(made)
    assert index.position == partition.offset
    assert index.head == partition.index.head
    assert not index.is_compared
    index.take_in([partition.records[-1]], partition.offset)
    assert index.is_compared
    index.check_end(partition.offset)
    index.close()


def test_a_log_that_does_not_hold_what_the_index_saw_is_overwritten(
    made: Path, partition: Partition
) -> None:
    last = partition.records[-1]
    other = a_partition(299)
    other.apply(1000, Step("entry", 0))
    shorter = partition.records[:-1]
    for records, end in (
        ([Record(last.position, b"junk")], partition.offset),
        ([other.records[-1]], partition.offset),
        ([], partition.offset),
        ([Record(last.position + 1, last.data)], partition.offset + 1),
        ([], shorter[-1].position + 1),
    ):
        index = open_at(made)
        with pytest.raises(FindingError) as caught:
            read_to_the_end(index, records, end)
        assert caught.value.finding.code == "log.overwritten"
        index.close()
        # Evidence: the file is not touched, and says the same again.
        assert open_size(made) == partition.index.head.size


def open_size(path: Path) -> int:
    index = open_at(path)
    size = index.head.size
    index.close()
    return size


def test_a_head_seen_elsewhere_is_compared_with_what_the_index_keeps(
    made: Path, partition: Partition
) -> None:
    middle = partition.index.leaf_of(149)
    index = open_at(made, expect=Head(150, middle))
    assert index.expect is None
    index.close()
    with pytest.raises(FindingError) as caught:
        open_at(made, expect=Head(150, "1" * 64))
    assert caught.value.finding.code == "log.overwritten"
    later = open_at(made, expect=Head(partition.index.head.size + 1, "1" * 64))
    with pytest.raises(FindingError):
        read_to_the_end(later, partition.records[-1:], partition.offset)
    later.close()


def test_the_index_of_another_log_is_refused_and_left_as_it_is(
    made: Path, partition: Partition
) -> None:
    before = made.read_bytes()
    for origin, leaf in (("ledger.example/other/0", GENESIS_LEAF), (ORIGIN, "2" * 64)):
        with pytest.raises(OtherLogError, match="is the index of") as caught:
            open_index(made, origin, genesis_leaf=leaf)
        assert "delete the file" in caught.value.next_step
    assert made.read_bytes() == before
    assert open_size(made) == partition.index.head.size


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


DAMAGES = {
    "not a database": lambda path: overwrite(path, 0, b"something else entirely"),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "empty": lambda path: path.write_bytes(b""),
    "newer format": lambda path: execute(path, "PRAGMA user_version=2"),
    "other application": lambda path: execute(path, "PRAGMA application_id=1"),
    "cursor moved": lambda path: execute(path, "UPDATE cursor SET position = position - 1"),
    "cursor's head": lambda path: execute(path, "UPDATE cursor SET leaf = genesis"),
    "newest block": lambda path: execute(
        path, "DELETE FROM block WHERE number = (SELECT max(number) FROM block)"
    ),
    "block altered": lambda path: execute(
        path, "UPDATE block SET data = zeroblob(length(data)) WHERE number = 2"
    ),
    "genesis": lambda path: execute(path, "UPDATE own SET data = x'00' WHERE number = 0"),
    "no runs": lambda path: execute(path, "DELETE FROM run"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_set_aside_and_made_anew(
    made: Path, partition: Partition, name: str
) -> None:
    DAMAGES[name](made)
    index = open_at(made)
    assert index.position == 0
    assert "made anew" in tables_of(index).warning
    assert Path(f"{made}.damaged").exists()
    read_from(index, partition)
    ids = action_ids(partition)
    assert answers(index, STREAMS, ids) == answers(partition.index, STREAMS, ids) | {
        "strays": [],
    }
    index.close()
    assert open_size(made) == partition.index.head.size


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stream SET version = version + 1",
        "UPDATE stream SET idx = 5",
        "UPDATE stream SET leaf = replace(leaf, 'a', 'b')",
        "UPDATE place SET idx = 7",
        "UPDATE block SET data = zeroblob(length(data)) WHERE number = 0",
        "DELETE FROM block WHERE number = 0",
    ],
)
def test_a_damaged_row_is_never_believed(made: Path, partition: Partition, statement: str) -> None:
    execute(made, statement)
    index = open_at(made)
    stream = STREAMS[0]
    known = partition.index.stream_indices(stream, 0, None)[1]
    action_id = decode_entry(partition.records[known].data or b"").action_id
    with pytest.raises(LedgerError, match="damaged") as caught:
        (index.stream_head(stream), index.place_of(action_id), index.leaf_of(0))
    assert "made anew" in caught.value.next_step
    with pytest.raises(LedgerError, match="damaged"):
        index.look_up([Submission((an_action(stream, "new"),))])
    index.close()
    again = open_at(made)
    assert again.position == 0
    read_from(again, partition)
    assert again.head == partition.index.head
    again.close()


def test_a_second_process_takes_a_name_of_its_own_with_a_copy(
    made: Path, partition: Partition
) -> None:
    first = open_at(made)
    second = open_at(made)
    assert tables_of(second)._file.path == made.with_stem("index-2")
    assert second.head == first.head
    for side in (first, second):
        read_from(side, partition)
    ids = action_ids(partition)
    assert answers(first, STREAMS, ids) == answers(second, STREAMS, ids)
    first.close()
    second.close()
    again = open_at(made)
    assert tables_of(again)._file.path == made
    again.close()
    again.close()


def test_memory_does_not_grow_with_the_log(tmp_path: Path, partition: Partition) -> None:
    index = open_at(tmp_path / "index.sqlite")
    tables = tables_of(index)
    for record in partition.records:
        index.take_in([record], record.position + 1)
        index.look_up([Submission((an_action(STREAMS[0], "new"),))])
        assert len(tables._pending.ids) <= 5
        assert len(tables._heads) <= 8
    assert len(tables._numbers.silent) == 1
    assert leaf_hash(partition.records[-1].data or b"").hex() == index.head.leaf
    index.close()


def test_an_id_that_was_looked_up_in_vain_is_found_once_it_is_in_the_file(tmp_path: Path) -> None:
    index = open_at(tmp_path / "index.sqlite")
    read_from(index, Partition())
    actions = [an_action(STREAMS[0], f"n{number}") for number in range(8)]
    actions.append(an_action(STREAMS[0], "odd", action_id=FOREIGN_ID))
    submission = Submission(tuple(actions))
    index.look_up([submission])
    group = seal_group(ORIGIN, index, [submission], "2027-01-01T00:00:00.000000Z")
    index.add_landed(group, index.position)
    tables = tables_of(index)
    assert tables._future is not None
    tables._future.result()
    index.take_in((), index.position)
    assert tables._flushing is None
    assert [index.place_of(action.id) for action in actions] == [e.place for e in group.entries]
    index.tables.look_up([FOREIGN_ID], ())
    assert index.place_of(FOREIGN_ID) == group.entries[-1].place
    index.close()


UUIDS = [an_action(STREAMS[0], name).id for name in ("one", "two")]


@pytest.mark.parametrize(
    "odd",
    [
        # Joined, each of these reads as UUIDs, as nothing, or as the mark of an entry without id.
        ["".join(UUIDS)],
        ["", UUIDS[0][:18], UUIDS[0][18:]],
        ["00000000-0000-0000-0000-000000000000"],
        [UUIDS[0].upper(), FOREIGN_ID],
    ],
)
def test_ids_of_any_form_lead_to_their_own_entries(tmp_path: Path, odd: list[str]) -> None:
    path = tmp_path / "index.sqlite"
    index = open_at(path)
    read_from(index, Partition())
    actions = [an_action(STREAMS[0], f"n{number}") for number in range(4)]
    actions[1:1] = [an_action(STREAMS[1], "odd", action_id=action_id) for action_id in odd]
    submission = Submission(tuple(actions))
    group = seal_group(ORIGIN, index, [submission], "2027-01-01T00:00:00.000000Z")
    index.add_landed(group, index.position)
    index.close()
    index = open_at(path)
    index.look_up([submission])
    assert [index.place_of(action.id) for action in actions] == [e.place for e in group.entries]
    assert not seal_group(ORIGIN, index, [submission], "2027-01-02T00:00:00.000000Z").entries
    index.close()


@pytest.mark.parametrize("restart", [False, True])
def test_strays_that_continue_one_another_are_found_across_a_restart(
    tmp_path: Path, restart: bool
) -> None:
    """An entry altered inside the broker makes strays of all behind it (KAFKA.md section 1)."""
    whole = a_partition(6)
    altered = whole.records[3]
    records = [*whole.records[:3], Record(altered.position, b"altered"), *whole.records[4:]]
    index = open_at(tmp_path / "index.sqlite")
    index.take_in(records[:5], 5)
    if restart:
        index.close()
        index = open_at(tmp_path / "index.sqlite")
        index.take_in(records[2:5], 5)
    assert [stray.offset for stray in index.strays] == [3, 4]
    with pytest.raises(FindingError) as caught:
        index.take_in(records[5:6], 6)
    assert caught.value.finding.code == "log.overwritten"
    index.close()
