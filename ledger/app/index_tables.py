"""What an index keeps of each entry: where it lies, and what is asked by stream, id and number.

`PartitionIndex` folds the log by the chain rule and enters here what counts. `MemoryTables` forgets
all at the end of the process; `ledger.adapters.index_sqlite` keeps the same in a file.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from struct import Struct
from typing import Final, Protocol

import msgspec

from ledger.app.group import SealedEntry
from ledger.app.submission import Place
from ledger.core.chain import Head, StreamHead
from ledger.core.merkle import HASH_BYTES
from ledger.entry.entry import Signature

ROW: Final = Struct("<32s32sqqI")
"""Leaf, digest of the action, version (0: void), index of the version before, CRC of the id."""
ROW_BYTES: Final = ROW.size
BEFORE: Final = Struct("<q")
BEFORE_AT: Final = 2 * HASH_BYTES + BEFORE.size
"""Where the index of the version before stands in a row."""


class StrayRecord(msgspec.Struct, frozen=True):
    """A record that does not count: its offset, why, and its hex leaf hash ("" without value)."""

    offset: int
    reason: str
    leaf: str


class SeenStray(msgspec.Struct, frozen=True):
    """A stray with what tells later whether others continue it.

    `recorded_at` is "" where nothing can: it is no entry, or one behind the head. `index` is the
    one that it names: an entry with this leaf there means that it counts after all.
    """

    record: StrayRecord
    recorded_at: str
    index: int


class Standing(msgspec.Struct, frozen=True):
    """Where an index stands: the offset to read on from, the head, the newest `recorded_at`."""

    position: int
    head: Head
    recorded_at: str


class Kept(msgspec.Struct, frozen=True):
    """What tables that outlive a process give back: own entries and strays in their order."""

    standing: Standing
    own_entries: tuple[bytes, ...]
    strays: tuple[SeenStray, ...]


class StreamPart(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The entries of one stream in a run.

    `version` and `prev` are what the first of them names, `first` and `last` their places in the
    run, `head` is where the stream stands behind them.
    """

    stream: str
    version: int
    prev: str
    first: int
    last: int
    head: StreamHead


class Run(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Well-formed entries that continue one another in the log, in their streams and in time.

    `index` and `prev` are what the first names, `recorded_at` those of the first and the last.
    `rows` holds a `ROW` of each, with -1 before a stream's first entry in the run. None is void
    by itself; `signatures`, without their paths, and roots are those of their submissions.
    """

    origin: str
    index: int
    prev: str
    recorded_at: tuple[str, str]
    rows: bytes
    ids: list[str]
    streams: list[StreamPart]
    signatures: list[tuple[Signature, bytes]]

    @property
    def head(self) -> Head:
        """The head of a log that ends with it."""
        return Head(self.index + len(self.ids), self.leaf_at(len(self.ids) - 1))

    def leaf_at(self, place: int) -> str:
        """The hex leaf of one of its entries."""
        return self.rows[place * ROW_BYTES : place * ROW_BYTES + HASH_BYTES].hex()


class IndexTables(Protocol):
    """One log's rows. Written by one thread; read by any."""

    kept: Kept | None
    """What was kept from an earlier process; None for an index that begins anew."""

    @property
    def warning(self) -> str:
        """What has to be said aloud of the tables; "" where all is well."""

    def look_up(self, action_ids: Collection[str], streams: Collection[str]) -> None:
        """Fetch together what is asked next; raises `LedgerError` where rows cannot be kept."""

    def place_of(self, action_id: str) -> Place | None:
        """Where the action was first recorded, if it was."""

    def offset_of(self, index: int) -> int:
        """The offset of the entry at `index`; IndexError where there is none."""

    def leaf_of(self, index: int) -> str:
        """The hex leaf hash of the entry at `index`; IndexError where there is none."""

    def stream_indices(self, stream: str, after: int, until: int | None) -> Sequence[int]:
        """Indices of a stream's entries with `after` < version <= `until`, by version."""

    def notification_count(self) -> int:
        """The highest notification id."""

    def notification_indices(self, start: int, stop: int | None, limit: int) -> Sequence[int]:
        """Indices of the notifications `start` to `stop`, at most `limit`."""

    def notification_id(self, index: int) -> int:
        """The notification id of the entry at `index`; KeyError where it is no notification."""

    def add(self, offset: int, stream: str, action_id: str, place: Place) -> None:
        """Enter the next entry, which is not void."""

    def add_group(self, offset: int, entries: Sequence[SealedEntry]) -> None:
        """Enter the next entries, none void or of the log's own stream, at `offset` and behind."""

    def add_run(self, offset: int, run: Run) -> None:
        """Enter the next entries, of which the first lies at `offset` and the others behind it."""

    def add_void(self, offset: int, leaf: str) -> None:
        """Enter the next entry, which records nothing."""

    def add_stray(self, stray: SeenStray) -> None:
        """Enter a record that does not count."""

    def settle(self, standing: Standing, own_entries: Sequence[bytes]) -> None:
        """All that was entered belongs to `standing`: from here it may be kept."""

    def close(self) -> None:
        """Keep what is to be kept and give everything back; safe to call again."""


class Numbering:
    """Offsets and notification ids, which follow the index but for a few exceptions.

    Offset - index changes only where strays or control records lie; only void entries and those of
    the log's own stream are no notifications. So memory grows with the exceptions alone.
    """

    def __init__(self) -> None:
        self.size = 0
        self.run_starts = array("q")
        self.run_drifts = array("q")
        self.silent = array("q")
        """Indices that are no notifications, rising."""

    def add(self, offset: int, *, silent: bool) -> None:
        """Enter the next index."""
        index = self.size
        drift = offset - index
        if not self.run_drifts or self.run_drifts[-1] != drift:
            self.run_starts.append(index)
            self.run_drifts.append(drift)
        if silent:
            self.silent.append(index)
        self.size = index + 1

    def add_many(self, offset: int, count: int) -> None:
        """Enter the next indices, all of them notifications, at `offset` and behind it."""
        self.add(offset, silent=False)
        self.size += count - 1

    def offset_of(self, index: int) -> int:
        """The offset of the entry at `index`."""
        if not 0 <= index < self.size:
            msg = f"no entry {index} in a log of {self.size}"
            raise IndexError(msg)
        return index + self.run_drifts[bisect_right(self.run_starts, index) - 1]

    def count(self) -> int:
        """How many notifications there are."""
        return self.size - len(self.silent)

    def indices(self, start: int, stop: int | None, limit: int) -> list[int]:
        """Indices of the notifications `start` to `stop`, at most `limit`."""
        first = max(start, 1)
        last = min(self.count() if stop is None else stop, self.count(), first - 1 + limit)
        if last < first:
            return []
        silent = self.silent
        # Before silent[j] lie silent[j] - j notifications.
        at = bisect_right(range(len(silent)), first - 1, key=lambda j: silent[j] - j)
        found: list[int] = []
        index = first - 1 + at
        while len(found) <= last - first:
            if at < len(silent) and silent[at] == index:
                at += 1
            else:
                found.append(index)
            index += 1
        return found

    def number_of(self, index: int) -> int:
        """The notification id of the entry at `index`; KeyError where it is no notification."""
        at = bisect_left(self.silent, index)
        if not 0 <= index < self.size or (at < len(self.silent) and self.silent[at] == index):
            raise KeyError(index)
        return index - at + 1


class MemoryTables:
    """Rows in memory, for a process that keeps no index file: tests, explorations, short reads."""

    kept: Kept | None = None
    warning = ""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._leaves = bytearray()
        self._streams: dict[str, array[int]] = {}
        self._numbers = Numbering()

    def look_up(self, action_ids: Collection[str], streams: Collection[str]) -> None:
        """See `IndexTables`; everything is at hand."""

    def place_of(self, action_id: str) -> Place | None:
        """See `IndexTables`."""
        return self._places.get(action_id)

    def offset_of(self, index: int) -> int:
        """See `IndexTables`."""
        return self._numbers.offset_of(index)

    def leaf_of(self, index: int) -> str:
        """See `IndexTables`."""
        if not 0 <= index < self._numbers.size:
            raise IndexError(index)
        return self._leaves[HASH_BYTES * index : HASH_BYTES * (index + 1)].hex()

    def stream_indices(self, stream: str, after: int, until: int | None) -> Sequence[int]:
        """See `IndexTables`."""
        return list(self._streams.get(stream, ())[after:until])

    def notification_count(self) -> int:
        """See `IndexTables`."""
        return self._numbers.count()

    def notification_indices(self, start: int, stop: int | None, limit: int) -> Sequence[int]:
        """See `IndexTables`."""
        return self._numbers.indices(start, stop, limit)

    def notification_id(self, index: int) -> int:
        """See `IndexTables`."""
        return self._numbers.number_of(index)

    def add(self, offset: int, stream: str, action_id: str, place: Place) -> None:
        """See `IndexTables`."""
        self._numbers.add(offset, silent=stream.startswith("ledger:"))
        self._leaves += bytes.fromhex(place.leaf)
        self._places.setdefault(action_id, place)
        positions = self._streams.get(stream)
        if positions is None:
            positions = self._streams[stream] = array("q")
        positions.append(place.index)

    def add_group(self, offset: int, entries: Sequence[SealedEntry]) -> None:
        """See `IndexTables`."""
        for place, entry in enumerate(entries, offset):
            self.add(place, entry.stream, entry.action_id, entry.place)

    def add_run(self, offset: int, run: Run) -> None:
        """See `IndexTables`."""
        streams = {part.last: part.stream for part in run.streams}
        rows = list(ROW.iter_unpack(run.rows))
        for at in range(len(rows) - 1, -1, -1):
            if rows[at][3] >= 0:
                streams[rows[at][3] - run.index] = streams[at]
        for at, (leaf, digest, version, _, _) in enumerate(rows):
            place = Place(run.index + at, version, leaf.hex(), digest)
            self.add(offset + at, streams[at], run.ids[at], place)

    def add_void(self, offset: int, leaf: str) -> None:
        """See `IndexTables`."""
        self._numbers.add(offset, silent=True)
        self._leaves += bytes.fromhex(leaf)

    def add_stray(self, stray: SeenStray) -> None:
        """See `IndexTables`; the index itself remembers strays."""

    def settle(self, standing: Standing, own_entries: Sequence[bytes]) -> None:
        """See `IndexTables`; nothing outlives the process."""

    def close(self) -> None:
        """See `IndexTables`."""
