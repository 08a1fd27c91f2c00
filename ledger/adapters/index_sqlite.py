"""A log's index in a SQLite file: written behind the echo, in the background; disposable.

What was entered since the last writing lies in memory; a thread writes it in one transaction with
the cursor, so the file is never ahead of the log's answers and after a crash only lags. Questions
go to the memory part, the part being written and the file, in this order, which is the order in
which rows move: no thread can miss one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Final, TypeVar
from zlib import crc32

from ledger.adapters.index_file import IndexFile
from ledger.adapters.index_rows import (
    BLOCK_ENTRIES,
    NO_HEAD,
    NO_ID,
    Batch,
    DamagedIndexError,
    IndexHead,
    Pending,
    find_heads,
    find_newest_id,
    find_places,
    read_block,
    tail_of,
    write_batch,
)
from ledger.app.group import SealedEntry
from ledger.app.index_tables import (
    ROW,
    ROW_BYTES,
    Kept,
    Numbering,
    Run,
    SeenStray,
    Standing,
)
from ledger.app.log_index import PartitionIndex
from ledger.app.submission import LedgerError, Place, UnavailableError
from ledger.core.chain import Head, StreamHead
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import EntryError
from ledger.entry.log_state import LogState

FLUSH_ENTRIES: Final = 50_000
"""Entries written together: enough that a page is written for many of them."""
FLUSH_SECONDS: Final = 2.0
"""A busy writer's file lags by no more; an idle one's rest is written when it closes."""
PENDING_ENTRIES_MAX: Final = 150_000
"""Beyond this the log waits for the file: memory stays bounded."""
HEADS_REMEMBERED_MAX: Final = 100_000
_BLOCKS_REMEMBERED_MAX: Final = 256

A = TypeVar("A")
T = TypeVar("T")


class SqliteTables:
    """`IndexTables` over one index file. One thread enters and looks up; any thread asks."""

    def __init__(self, file: IndexFile, genesis_leaf: str | None) -> None:
        self._file = file
        loaded = file.load(genesis_leaf)
        self.kept: Kept | None = None if loaded is None else loaded.kept
        self._numbers = Numbering()
        self._strays = self._own = 0
        if loaded is not None:
            self._numbers.size = loaded.kept.standing.head.size
            self._numbers.run_starts.extend(start for start, _ in loaded.runs)
            self._numbers.run_drifts.extend(drift for _, drift in loaded.runs)
            self._numbers.silent.extend(loaded.silent)
            self._strays, self._own = len(loaded.kept.strays), len(loaded.kept.own_entries)
        self._runs, self._silent = len(self._numbers.run_starts), len(self._numbers.silent)
        self._reading = file.connect()
        self._writing = file.connect()
        self._lock = Lock()
        number, rest = divmod(self._numbers.size, BLOCK_ENTRIES)
        self._tail = read_block(self._reading, number) if rest else b""
        # Ids are UUIDv7, so what is new comes behind what is written: no need to ask the file.
        self._newest_id = find_newest_id(self._reading)
        self._pending = Pending(self._numbers.size)
        self._flushing: Pending | None = None
        self._future: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "pal-index")
        self._flushed_at = monotonic()
        self._settled: Standing | None = None
        self._own_entries: Sequence[bytes] = ()
        self._failure: LedgerError | None = None
        self._heads: dict[str, IndexHead] = {}
        self._looked: dict[str, int] = {}
        self._blocks: dict[int, bytes] = {}
        self._closed = False

    @property
    def warning(self) -> str:
        """See `IndexTables`: that an earlier file was set aside, and why."""
        why = self._file.rebuilt_because
        return f"the local index was made anew from the log: {why}" if why else ""

    # Questions

    def look_up(self, action_ids: Collection[str], streams: Collection[str]) -> None:
        """See `IndexTables`: one query for all ids, one for all streams that are not at hand."""
        if self._failure is not None:
            raise self._failure
        if len(self._heads) > HEADS_REMEMBERED_MAX:
            self._heads = {}
        written = {} if self._flushing is None else self._flushing.streams
        fresh, heads = self._pending.streams, self._heads
        wanted = [s for s in streams if not (s in fresh or s in heads or s in written)]
        if wanted:
            found = self._ask(find_heads, wanted)
            heads.update((name, found.get(name, NO_HEAD)) for name in wanted)
        if action_ids:
            self._looked = dict.fromkeys(action_ids, -1)
            if self._newest_id is None or min(action_ids) <= self._newest_id:
                self._looked |= self._ask(find_places, action_ids)

    def stream_head(self, stream: str) -> StreamHead:
        """Version and leaf of a stream; version 0 where it has no entries."""
        head = self._head_of(stream)
        return StreamHead(head.version, head.leaf)

    def _head_of(self, stream: str) -> IndexHead:
        pending, flushing = self._pending, self._flushing
        found = pending.streams.get(stream)
        if found is None and flushing is not None:
            found = flushing.streams.get(stream)
        if found is None:
            found = self._heads.get(stream)
        return found or self._ask(find_heads, [stream]).get(stream, NO_HEAD)

    def stream_heads(self, streams: Sequence[str]) -> list[StreamHead]:
        """The same of several streams."""
        return [StreamHead(head.version, head.leaf) for head in self._heads_of(streams)]

    def _heads_of(self, streams: Sequence[str]) -> list[IndexHead]:
        fresh, heads = self._pending.streams.get, self._heads.get
        written = (self._flushing or self._pending).streams.get
        return [fresh(s) or written(s) or heads(s) or self._head_of(s) for s in streams]

    def place_of(self, action_id: str) -> Place | None:
        """See `IndexTables`."""
        pending, flushing = self._pending, self._flushing
        fresh = pending.places.get(action_id, -1)
        written = -1 if flushing is None else flushing.places.get(action_id, -1)
        looked = self._looked.get(action_id)
        if looked is None:
            looked = self._ask(find_places, [action_id]).get(action_id, -1)
        if fresh < 0 and written < 0 and looked < 0:
            return None
        # The first place counts, and the file holds the earliest.
        index = min(i for i in (fresh, written, looked) if i >= 0)
        leaf, digest, version, _, mark = self._record(index)
        if mark != crc32(action_id.encode()):
            raise self._damaged(f"entry {index} does not have the action id that leads to it")
        return Place(index, version, leaf.hex(), digest)

    def offset_of(self, index: int) -> int:
        """See `IndexTables`."""
        return self._numbers.offset_of(index)

    def leaf_of(self, index: int) -> str:
        """See `IndexTables`."""
        if not 0 <= index < self._numbers.size:
            raise IndexError(index)
        return self._record(index)[0].hex()

    def stream_indices(self, stream: str, after: int, until: int | None) -> Sequence[int]:
        """See `IndexTables`: each entry names the one before it in its stream."""
        head = self._head_of(stream)
        version, index = head.version, head.at
        found: list[int] = []
        while version > after:
            _, _, recorded, before, _ = self._record(index)
            if recorded != version:
                raise self._damaged(f"entry {index} is not version {version} of {stream}")
            if until is None or version <= until:
                found.append(index)
            version, index = version - 1, before
        return found[::-1]

    def notification_count(self) -> int:
        """See `IndexTables`."""
        return self._numbers.count()

    def notification_indices(self, start: int, stop: int | None, limit: int) -> Sequence[int]:
        """See `IndexTables`."""
        return self._numbers.indices(start, stop, limit)

    def notification_id(self, index: int) -> int:
        """See `IndexTables`."""
        return self._numbers.number_of(index)

    # Entering

    def add(self, offset: int, stream: str, action_id: str, place: Place) -> None:
        """See `IndexTables`."""
        self._settled = None
        self._pending.add(stream, action_id, place, self._head_of(stream).at)
        self._numbers.add(offset, silent=stream.startswith("ledger:"))

    def add_group(self, offset: int, entries: Sequence[SealedEntry]) -> None:
        """See `IndexTables`."""
        self._settled = None
        self._pending.add_group(entries, self._head_of)
        self._numbers.add_many(offset, len(entries))

    def add_run(self, offset: int, run: Run) -> None:
        """See `IndexTables`."""
        self._settled = None
        heads = self._heads_of([part.stream for part in run.streams])
        self._pending.add_run(run, [head.at for head in heads])
        self._numbers.add_many(offset, len(run.ids))

    def add_void(self, offset: int, leaf: str) -> None:
        """See `IndexTables`."""
        self._settled = None
        self._pending.add_void(leaf)
        self._numbers.add(offset, silent=True)

    def add_stray(self, stray: SeenStray) -> None:
        """See `IndexTables`."""
        self._settled = None
        self._pending.strays.append(stray)

    def settle(self, standing: Standing, own_entries: Sequence[bytes]) -> None:
        """See `IndexTables`: starts writing where enough has come together."""
        self._settled, self._own_entries = standing, own_entries
        count = len(self._pending.ids)
        if self._future is not None and (self._future.done() or count >= PENDING_ENTRIES_MAX):
            self._finish(self._future)
        due = monotonic() - self._flushed_at >= FLUSH_SECONDS
        if self._future is None and (count >= FLUSH_ENTRIES or (count > 0 and due)):
            self._start(standing)

    def close(self) -> None:
        """See `IndexTables`. What was not settled is left out: it is read again."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._future is not None:
                self._finish(self._future)
            if self._settled is not None and self._own_entries and self._failure is None:
                self._finish(self._start(self._settled))
        finally:
            self._thread.shutdown()
            with self._lock:
                self._reading.close()
            self._writing.close()
            self._file.unlock()

    def _start(self, standing: Standing) -> Future[None]:
        numbers, pending = self._numbers, self._pending
        batch = Batch(
            pending=pending,
            tail=self._tail,
            standing=standing,
            origin=self._file.origin,
            genesis=leaf_hash(self._own_entries[0]).hex(),
            own=list(enumerate(self._own_entries[self._own :], self._own)),
            stray_number=self._strays,
            runs=list(
                zip(
                    numbers.run_starts[self._runs :],
                    numbers.run_drifts[self._runs :],
                    strict=True,
                )
            ),
            silent=numbers.silent[self._silent :],
        )
        self._runs, self._silent = len(numbers.run_starts), len(numbers.silent)
        self._own, self._strays = len(self._own_entries), self._strays + len(pending.strays)
        self._tail = tail_of(batch)
        if self._newest_id is not None:
            newest = max(pending.ids, default=NO_ID)
            self._newest_id = max(self._newest_id, newest)
        self._flushing = pending
        self._pending = Pending(numbers.size)
        future = self._thread.submit(write_batch, self._writing, batch)
        self._future = future
        return future

    def _finish(self, future: Future[None]) -> None:
        self._future = None
        self._flushed_at = monotonic()
        try:
            future.result()
        except sqlite3.Error as error:
            # The rows stay in memory, where they are right; the next look-up says it.
            self._failure = self._failure or UnavailableError(
                f"the local index {self._file.path} cannot be written: {error}",
                next_step="make room for it, or delete it; then start again",
            )
            return
        # First what was found before, then the rows: whoever misses them here asks the file.
        if self._flushing is not None:
            self._heads.update(self._flushing.streams)
        self._looked = {}
        self._flushing = None

    # Reading the file

    def _record(self, index: int) -> tuple[bytes, bytes, int, int, int]:
        if not 0 <= index < self._numbers.size:
            raise self._damaged(f"entry {index} is named in a log of {self._numbers.size}")
        pending, flushing = self._pending, self._flushing
        for part in (pending, flushing):
            if part is not None and index >= part.first:
                return ROW.unpack_from(part.records, (index - part.first) * ROW_BYTES)
        number, place = divmod(index, BLOCK_ENTRIES)
        return ROW.unpack_from(self._block(number), place * ROW_BYTES)

    def _block(self, number: int) -> bytes:
        known = self._blocks.get(number)
        if known is not None:
            return known
        data = self._ask(read_block, number)
        if len(data) == BLOCK_ENTRIES * ROW_BYTES:
            # A block that is not full yet will be written again.
            if len(self._blocks) >= _BLOCKS_REMEMBERED_MAX:
                self._blocks = {}
            self._blocks[number] = data
        return data

    def _ask(self, query: Callable[[sqlite3.Connection, A], T], argument: A) -> T:
        try:
            with self._lock:
                self._check_open()
                return query(self._reading, argument)
        except sqlite3.OperationalError as error:
            raise UnavailableError(
                f"the local index {self._file.path} cannot be read: {error}",
                next_step="check the folder, or delete the file; then start again",
            ) from error
        except (DamagedIndexError, sqlite3.Error) as error:
            raise self._damaged(str(error)) from error

    def _check_open(self) -> None:
        if self._closed:
            raise UnavailableError("the log was closed", next_step="open it again")

    def _damaged(self, what: str) -> DamagedIndexError:
        error = self._file.damaged(what)
        self._failure = self._failure or error
        return error


class _TableState(LogState):
    """The state of a log whose stream heads lie in the tables."""

    def __init__(self, origin: str, genesis_leaf: str | None, tables: SqliteTables) -> None:
        super().__init__(origin, genesis_leaf=genesis_leaf)
        self._tables = tables

    def stream_head(self, stream: str) -> StreamHead:
        """Where a stream stands; version 0 for one without entries."""
        return self._tables.stream_head(stream)

    def stream_heads(self, streams: Sequence[str]) -> list[StreamHead]:
        """Where each of some streams stands."""
        return self._tables.stream_heads(streams)

    def set_stream_head(self, stream: str, head: StreamHead) -> None:
        """Nothing: the tables learn it with the entry."""

    def set_stream_heads(self, heads: Iterable[tuple[str, StreamHead]]) -> None:
        """The same."""


def open_index(
    path: Path,
    origin: str,
    *,
    genesis_leaf: str | None = None,
    expect: Head | None = None,
) -> PartitionIndex:
    """The index of `origin` in the file at `path`, or beside it (`IndexFile.open`).

    A damaged file is set aside and made anew. Raises `OtherLogError` for the index of another log,
    `FindingError` where it has not seen `expect`, `UnavailableError` where it cannot be opened.
    """
    try:
        file = IndexFile.open(path, origin)
    except OSError as error:
        raise _cannot_open(path, error) from error
    try:
        tables = SqliteTables(file, genesis_leaf)
    except (sqlite3.Error, OSError) as error:
        file.unlock()
        raise _cannot_open(file.path, error) from error
    except LedgerError:
        file.unlock()
        raise
    try:
        return PartitionIndex(tables, _TableState(origin, genesis_leaf, tables), expect=expect)
    except EntryError as error:
        tables.close()
        raise file.damaged(f"an entry of the log's own stream is none: {error}") from error
    except BaseException:
        tables.close()
        raise


def _cannot_open(path: Path, error: Exception) -> UnavailableError:
    return UnavailableError(
        f"the local index {path} cannot be opened: {error}",
        next_step="check the folder and its free space, or delete the file",
    )
