"""What a process knows of a log that may hold strays: the fold by the chain rule, with places.

Every process that reads a partition feeds its records here in order of their offsets; the writer
feeds its own entries once their echo has come. All of it is in memory and disposable.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from ledger.app.group import Group
from ledger.app.ports import Record
from ledger.app.submission import Place
from ledger.core.chain import Head, StreamHead
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import HASH_BYTES, leaf_hash
from ledger.entry.entry import Entry
from ledger.entry.log_state import Judged, LogState, Stray, StrayTracker


class StrayRecord(msgspec.Struct, frozen=True):
    """A record that does not count: its offset, why, and its hex leaf hash ("" without value)."""

    offset: int
    reason: str
    leaf: str


class MemoryIndex:
    """Heads, action ids, streams and notification ids of one log, with the offset of each entry.

    `expect` is a head that somebody has seen: a log that does not hold it is `log.overwritten`.
    """

    def __init__(
        self, origin: str, *, genesis_leaf: str | None = None, expect: Head | None = None
    ) -> None:
        self.state = LogState(origin, genesis_leaf=genesis_leaf)
        self.position = 0
        """The offset after the last record taken in."""
        self.expect = expect
        self.strays: list[StrayRecord] = []
        self.findings: list[Finding] = []
        self.own_entries: list[bytes] = []
        """The entries (not void) of the log's own stream; few, and asked for on event loops."""
        self.broken: FindingError | None = None
        """Why this log cannot be relied on; once found, nothing more is taken in."""
        self._tracker = StrayTracker()
        self._places: dict[str, Place] = {}
        self._offsets = array("q")
        self._leaves = bytearray()
        self._streams: dict[str, array[int]] = {}
        self._notifications = array("q")

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
        return self._places.get(action_id)

    def offset_of(self, index: int) -> int:
        """The offset of the entry at `index`."""
        return self._offsets[index]

    def leaf_of(self, index: int) -> str:
        """The hex leaf hash of the entry at `index`."""
        return self._leaves[HASH_BYTES * index : HASH_BYTES * (index + 1)].hex()

    def stream_indices(self, stream: str, after: int, until: int | None) -> Sequence[int]:
        """Indices of a stream's entries with `after` < version <= `until`, by version."""
        return list(self._streams.get(stream, ())[after:until])

    def notification_count(self) -> int:
        """The highest notification id."""
        return len(self._notifications)

    def notification_indices(self, start: int, stop: int | None, limit: int) -> Sequence[int]:
        """Indices of the notifications `start` to `stop`, at most `limit`."""
        last = len(self._notifications) if stop is None else stop
        first = max(start, 1)
        return list(self._notifications[first - 1 : min(last, first - 1 + limit)])

    def notification_id(self, index: int) -> int:
        """The notification id of the entry at `index`; KeyError where it is no notification."""
        at = bisect_left(self._notifications, index)
        if at == len(self._notifications) or self._notifications[at] != index:
            raise KeyError(index)
        return at + 1

    def overlap(self) -> int:
        """Where to read on so that the newest entry known is seen, and compared, once more."""
        return self._offsets[-1] if self._offsets else 0

    def add(self, record: Record) -> Entry | None:
        """Take the next record in; the entry if it counts.

        A record taken in before is compared with what is known instead. Raises `FindingError`
        for a log that was overwritten or begins with another genesis than the pinned one, and
        `NewerFormatError` where this software is too old.
        """
        if self.broken is not None:
            raise self.broken
        try:
            return self._add(record)
        except FindingError as error:
            self.broken = error
            raise

    def _add(self, record: Record) -> Entry | None:
        if record.position < self.position:
            self._compare(record)
            return None
        result = self.state.admit(record.data)
        self.position = record.position + 1
        if isinstance(result, Stray):
            self._add_stray(record, result)
            return None
        self._tracker.counted(result.leaf)
        judged = self.state.judge(result)
        self.findings.extend(judged.findings)
        if result.seal.index == 0 and judged.void:
            raise FindingError(judged.findings[-1])
        self._check_expected()
        self._enter(judged, record.position)
        return result

    def add_landed(self, group: Group, base_offset: int) -> None:
        """Take in a group of this process's own that landed where it was expected."""
        for place, sealed in enumerate(group.entries):
            offset = base_offset + place
            if sealed.stream.startswith("ledger:"):
                # Entries of the log's own stream change its keys: they go the reader's way.
                self.add(Record(offset, sealed.data))
                continue
            self.state.head = Head(sealed.place.index + 1, sealed.place.leaf)
            self.state.streams[sealed.stream] = StreamHead(sealed.place.version, sealed.place.leaf)
            self.state.recorded_at = max(self.state.recorded_at, group.recorded_at)
            self.position = offset + 1
            self._offsets.append(offset)
            self._leaves += bytes.fromhex(sealed.place.leaf)
            self._keep(sealed.stream, sealed.action_id, sealed.place)
        self._check_expected()

    def check_end(self, end: int) -> None:
        """Compare what is known with a log that ends at offset `end`."""
        if end < self.position:
            raise self._overwritten(
                f"the log ends at offset {end}, {self.position} was read before",
                expected=str(self.position),
                actual=str(end),
            )
        if self.expect is not None and self.expect.size > self.head.size:
            raise self._overwritten(
                f"{self.expect.size} entries were seen before, {self.head.size} count now",
                expected=f"{self.expect.size}:{self.expect.leaf}",
                actual=f"{self.head.size}:{self.head.leaf}",
            )

    def _enter(self, judged: Judged, offset: int) -> None:
        entry = judged.entry
        self._offsets.append(offset)
        self._leaves += bytes.fromhex(entry.leaf)
        if judged.void:
            return
        action_id = entry.action.get("id")
        digest = sha256(entry.action_bytes).digest()
        place = Place(entry.seal.index, entry.seal.version, entry.leaf, digest)
        self._keep(entry.seal.stream, str(action_id), place)
        if entry.seal.stream == self.state.own_stream:
            self.own_entries.append(entry.data)

    def _keep(self, stream: str, action_id: str, place: Place) -> None:
        self._places.setdefault(action_id, place)
        positions = self._streams.get(stream)
        if positions is None:
            positions = self._streams[stream] = array("q")
        positions.append(place.index)
        if not stream.startswith("ledger:"):
            self._notifications.append(place.index)

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
        self.strays.append(StrayRecord(record.position, stray.reason, stray.leaf))
        if self._tracker.add(stray, self.head.size):
            raise self._overwritten(
                f"strays from more than one batch continue one another at offset {record.position}",
                expected=f"entry {self.head.size} behind {self.head.leaf}",
                actual=stray.reason,
                offset=record.position,
            )

    def _compare(self, record: Record) -> None:
        if not self._offsets or record.position != self._offsets[-1]:
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

    def _check_expected(self) -> None:
        expect = self.expect
        if expect is None or self.head.size != expect.size:
            return
        if self.head.leaf != expect.leaf:
            raise self._overwritten(
                f"entry {expect.size - 1} is not the one that was seen before",
                expected=expect.leaf,
                actual=self.head.leaf,
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
                next_step="pal verify names the first bad index",
            )
        )
    return record.data
