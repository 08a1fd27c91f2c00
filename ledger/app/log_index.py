"""What a process knows of a log that may hold strays: the fold by the chain rule, with places.

Every process that reads a partition feeds its records here in order of their offsets; the writer
feeds its own entries once their echo has come. The index is derived from the log and disposable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from ledger.app.group import Group
from ledger.app.index_tables import (
    IndexTables,
    Kept,
    MemoryTables,
    SeenStray,
    Standing,
    StrayRecord,
)
from ledger.app.limits import GROUP_ENTRIES_MAX
from ledger.app.ports import Record
from ledger.app.read_ahead import Ahead, ReadRecord, ReadRun, read_ahead
from ledger.app.read_facts import extend_by
from ledger.app.submission import Place, SignedAction, Submission
from ledger.core.chain import Head, StreamHead
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import Entry, NewerFormatError, decode_entry
from ledger.entry.log_state import Judged, LogState, Stray, StrayTracker

FINDINGS_KEPT_MAX: Final = 1_000
"""The newest findings a writer keeps; `pal verify` gives all of them."""


class PartitionIndex:
    """Heads, action ids, streams and notification ids of one log, with the offset of each entry.

    `expect` is a head that somebody has seen: a log that does not hold it is `log.overwritten`.
    Tables that were kept are a head seen too: nothing is taken in before the log has shown the
    same bytes at their newest entry.
    """

    def __init__(
        self,
        tables: IndexTables,
        state: LogState,
        *,
        expect: Head | None = None,
    ) -> None:
        self.tables = tables
        self.state = state
        self.position = 0
        """The offset after the last record taken in."""
        self.expect = expect
        self.strays: list[StrayRecord] = []
        self.findings: deque[Finding] = deque(maxlen=FINDINGS_KEPT_MAX)
        self.own_entries: list[bytes] = []
        """The entries (not void) of the log's own stream; few, and asked for on event loops."""
        self.broken: FindingError | None = None
        """Why this log cannot be relied on; once found, nothing more is taken in."""
        self.is_compared = True
        """Whether the log was seen to hold what the tables were made from."""
        self._tracker = StrayTracker()
        if tables.kept is not None:
            self._restore(tables.kept)

    def _restore(self, kept: Kept) -> None:
        for data in kept.own_entries:
            entry = decode_entry(data)
            self.state.apply_own(entry.seal.type, entry.action.get("data", {}))
            self.own_entries.append(data)
        self.position, self.state.head, self.state.recorded_at = (
            kept.standing.position,
            kept.standing.head,
            kept.standing.recorded_at,
        )
        for seen in kept.strays:
            self.strays.append(seen.record)
            size, leaf = self.head.size, seen.record.leaf
            if seen.recorded_at and not (
                seen.index < size and self.tables.leaf_of(seen.index) == leaf
            ):
                self._tracker.restore(leaf, seen.recorded_at)
        self.is_compared = False
        expect = self.expect
        if expect is not None and 0 < expect.size <= self.head.size:
            self._compare_expected(expect, self.tables.leaf_of(expect.size - 1))

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.state.origin

    @property
    def head(self) -> Head:
        """Size and leaf of the log."""
        return self.state.head

    def stream_head(self, stream: str) -> StreamHead:
        """Version and leaf of a stream; version 0 where it has no entries."""
        return self.state.stream_head(stream)

    def holds(self, stream: str) -> bool:
        """Whether the stream belongs into this log; see `LogState.holds`."""
        return self.state.holds(stream)

    def place_of(self, action_id: str) -> Place | None:
        """Where the action is recorded, if it is; void entries record nothing."""
        return self.tables.place_of(action_id)

    def offset_of(self, index: int) -> int:
        """The offset of the entry at `index`."""
        return self.tables.offset_of(index)

    def leaf_of(self, index: int) -> str:
        """The hex leaf hash of the entry at `index`."""
        return self.tables.leaf_of(index)

    def stream_indices(self, stream: str, after: int, until: int | None) -> Sequence[int]:
        """Indices of a stream's entries with `after` < version <= `until`, by version."""
        return self.tables.stream_indices(stream, after, until)

    def notification_count(self) -> int:
        """The highest notification id."""
        return self.tables.notification_count()

    def notification_indices(self, start: int, stop: int | None, limit: int) -> Sequence[int]:
        """Indices of the notifications `start` to `stop`, at most `limit`."""
        return self.tables.notification_indices(start, stop, limit)

    def notification_id(self, index: int) -> int:
        """The notification id of the entry at `index`; KeyError where it is no notification."""
        return self.tables.notification_id(index)

    def look_up(self, submissions: Sequence[Submission]) -> None:
        """Fetch together what sealing these will ask; raises `LedgerError` where rows are lost."""
        actions: list[SignedAction] = []
        for submission in submissions:
            actions += submission.actions
            if len(actions) >= GROUP_ENTRIES_MAX:
                break
        self.tables.look_up(
            [action.id for action in actions], {action.stream for action in actions}
        )

    def overlap(self) -> int:
        """Where to read on so that the newest entry known is seen, and compared, once more."""
        return self.tables.offset_of(self.head.size - 1) if self.head.size else 0

    def take_in(self, records: Ahead | ReadRun | Sequence[Record], next_offset: int) -> None:
        """Take records in, in order; `next_offset` also passes control records, which are none.

        Raises what `add` raises, and `LedgerError` where the tables cannot keep their rows.
        """
        if isinstance(records, Ahead):
            self._take_ahead(records)
        elif not isinstance(records, ReadRun):
            for ahead in read_ahead(records, self.state):
                self._take_ahead(ahead)
        elif not self._take_run(records):
            for ahead in read_ahead(records.records, self.state):
                self._take_ahead(ahead)
        self.position = max(self.position, next_offset)
        self._settle()

    def _take_ahead(self, ahead: Ahead) -> None:
        streams = {item.read.seal.stream for item in ahead.records if type(item.read) is Entry}
        self.tables.look_up((), streams)
        for item in ahead.records:
            self._take(item)

    def _take_run(self, item: ReadRun) -> bool:
        """Take a run in at once; False where its records have to be looked at one by one."""
        first, last, run = item.records[0].position, item.records[-1].position, item.run
        size = self.head.size
        if (
            self.broken is not None
            or first < self.position
            or last - first != len(item.records) - 1
            or not self.is_compared
            # An entry may be the one that a stray waits for, or that somebody expects.
            or self.strays
            or (self.expect is not None and self.expect.size <= size + len(item.records))
        ):
            return False
        self.tables.look_up((), [part.stream for part in run.streams])
        if not extend_by(self.state, run):
            return False
        self.position = last + 1
        self.tables.add_run(first, run)
        return True

    def add(self, record: Record) -> Entry | None:
        """Take the next record in; the entry if it counts.

        A record taken in before is compared with what is known instead. Raises `FindingError`
        for a log that was overwritten or begins with another genesis than the pinned one, and
        `NewerFormatError` where this software is too old.
        """
        return self._take(ReadRecord(record, self.state.decode(record.data), None))

    def _take(self, item: ReadRecord) -> Entry | None:
        if self.broken is not None:
            raise self.broken
        try:
            return self._add(item)
        except FindingError as error:
            self.broken = error
            raise

    def _add(self, item: ReadRecord) -> Entry | None:
        record, read = item.record, item.read
        if record.position < self.position:
            self._compare(record)
            return None
        if not self.is_compared:
            raise self._not_found()
        if isinstance(read, NewerFormatError):
            raise read
        result = self.state.place(read) if isinstance(read, Entry) else read
        self.position = record.position + 1
        if isinstance(result, Stray):
            self._add_stray(record, result)
            return None
        self._tracker.counted(result.leaf)
        judged = self.state.judge(result, item.root)
        if judged.findings:
            self.findings.extend(judged.findings)
            if result.seal.index == 0 and judged.void:
                raise FindingError(judged.findings[-1])
        if self.expect is not None:
            self._check_expected()
        self._enter(judged, item)
        return result

    def add_landed(self, group: Group, base_offset: int) -> None:
        """Take in a group of this process's own that landed where it was expected."""
        if any(stream.startswith("ledger:") for stream in group.streams):
            # Entries of the log's own stream change its keys: they go the reader's way.
            for offset, sealed in enumerate(group.entries, base_offset):
                self.add(Record(offset, sealed.data))
        else:
            self.tables.add_group(base_offset, group.entries)
            self.state.set_stream_heads(group.streams.items())
            self.state.head = group.head
            self.state.recorded_at = max(self.state.recorded_at, group.recorded_at)
            self.position = base_offset + len(group.entries)
        self._check_expected()
        self._settle()

    def check_end(self, end: int) -> None:
        """Compare what is known with a log that ends at offset `end`."""
        if end < self.position:
            raise self._overwritten(
                f"the log ends at offset {end}, {self.position} was read before",
                expected=str(self.position),
                actual=str(end),
            )
        if not self.is_compared:
            raise self._not_found()
        if self.expect is not None and self.expect.size > self.head.size:
            raise self._overwritten(
                f"{self.expect.size} entries were seen before, {self.head.size} count now",
                expected=f"{self.expect.size}:{self.expect.leaf}",
                actual=f"{self.head.size}:{self.head.leaf}",
            )

    def close(self) -> None:
        """Keep what is to be kept and give everything back; safe to call again."""
        self.tables.close()

    def _settle(self) -> None:
        standing = Standing(self.position, self.head, self.state.recorded_at)
        self.tables.settle(standing, self.own_entries)

    def _enter(self, judged: Judged, item: ReadRecord) -> None:
        entry = judged.entry
        if judged.void:
            self.tables.add_void(item.record.position, entry.leaf)
            return
        seal = entry.seal
        digest = sha256(entry.action_bytes).digest()
        place = Place(seal.index, seal.version, entry.leaf, digest)
        self.tables.add(item.record.position, seal.stream, entry.action_id, place)
        if seal.stream == self.state.own_stream:
            self.own_entries.append(entry.data)

    def _add_stray(self, record: Record, stray: Stray) -> None:
        if self.head.size == 0:
            raise FindingError(
                Finding(
                    code="trust.genesis_mismatch",
                    verdict=Verdict.FAILED,
                    message=f"the partition does not begin with a genesis: {stray.reason}",
                    origin=self.origin,
                    offset=record.position,
                    expected=f"the genesis of {self.origin}",
                    actual=stray.reason,
                    next_step="check --log: this is the topic of another log",
                )
            )
        kept = StrayRecord(record.position, stray.reason, stray.leaf)
        self.strays.append(kept)
        is_overwritten = self._tracker.add(stray, self.head.size)
        index = -1 if stray.entry is None else stray.entry.seal.index
        self.tables.add_stray(SeenStray(kept, self._tracker.remembered(stray.leaf), index))
        if is_overwritten:
            raise self._overwritten(
                f"strays from more than one batch continue one another at offset {record.position}",
                expected=f"entry {self.head.size} behind {self.head.leaf}",
                actual=stray.reason,
                offset=record.position,
            )

    def _compare(self, record: Record) -> None:
        if not self.head.size or record.position != self.overlap():
            return
        leaf = "" if record.data is None else leaf_hash(record.data).hex()
        # A void entry at the end keeps the head too: the head's leaf is that of the last entry.
        if leaf != self.head.leaf:
            raise self._overwritten(
                f"offset {record.position} holds other bytes than when it was read before",
                expected=self.head.leaf,
                actual=leaf or "no value",
                offset=record.position,
            )
        self.is_compared = True

    def _not_found(self) -> FindingError:
        return self._overwritten(
            f"offset {self.overlap()} holds no record: entry {self.head.size - 1} was read there",
            expected=self.head.leaf,
            actual="no record",
            offset=self.overlap(),
        )

    def _check_expected(self) -> None:
        expect = self.expect
        if expect is not None and self.head.size == expect.size:
            self._compare_expected(expect, self.head.leaf)

    def _compare_expected(self, expect: Head, leaf: str) -> None:
        if leaf != expect.leaf:
            raise self._overwritten(
                f"entry {expect.size - 1} is not the one that was seen before",
                expected=expect.leaf,
                actual=leaf,
            )
        self.expect = None

    def _overwritten(
        self, message: str, *, expected: str, actual: str, offset: int = -1
    ) -> FindingError:
        return FindingError(
            Finding(
                code="log.overwritten",
                verdict=Verdict.FAILED,
                message=message,
                origin=self.origin,
                index=self.head.size,
                offset=offset,
                expected=expected,
                actual=actual,
                next_step="keep the topic as it is and compare it with a copy, a read store or a "
                "witness: pal verify names the first bad index",
            )
        )


class MemoryIndex(PartitionIndex):
    """The same with its rows in memory alone: for tests, explorations and logs without a home."""

    def __init__(
        self, origin: str, *, genesis_leaf: str | None = None, expect: Head | None = None
    ) -> None:
        super().__init__(MemoryTables(), LogState(origin, genesis_leaf=genesis_leaf), expect=expect)


def entry_bytes(record: Record, leaf: str) -> bytes:
    """The bytes of a record that was indexed; raises `FindingError` where they have changed."""
    if record.data is None or leaf_hash(record.data).hex() != leaf:
        raise FindingError(
            Finding(
                code="log.overwritten",
                verdict=Verdict.FAILED,
                message=f"offset {record.position} holds other bytes than when it was read before",
                offset=record.position,
                expected=leaf,
                next_step="pal verify reads the log itself: where that passes the local index is "
                "wrong, and may be deleted",
            )
        )
    return record.data
