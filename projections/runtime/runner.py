"""Catching up with logs: read, verify each link, fold, write rows and cursor in one transaction.

It stops, loudly, at a gap, a broken link or a log that is not the one it knows; nothing is skipped
silently. Live, an entry that this software cannot read parks its whole stream and the others go on;
a rebuild fails instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ledger.app.ports import LogReader, Record
from ledger.core.canonical import decode_canonical
from ledger.core.chain import EMPTY_HEAD, StreamHead
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.ids import log_of
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import Entry, NewerFormatError
from ledger.entry.log_state import LogState, Stray, StrayTracker
from projections.runtime.batch import (
    FOLDS_REMEMBERED_MAX,
    Batch,
    FoldCache,
    OvertakenError,
    UnreadableError,
    known_action,
)
from projections.store.sqlite import Cursor, ReadStore

BATCH_RECORDS: Final = 5_000
"""Records of one transaction: large enough to be quick, small enough to bound memory."""

_KEY_TYPES: Final = frozenset(
    {"ledger.genesis.v1", "ledger.key_enrolled.v1", "ledger.key_revoked.v1"}
)

STREAMS_REMEMBERED_MAX: Final = 200_000
"""Heads of streams of all logs kept in memory; the others are read from the store."""


def project(
    readers: Sequence[LogReader],
    store: ReadStore,
    *,
    genesis_leaves: Mapping[str, str],
    strict_rows: bool,
    on_progress: Callable[[int], None] | None = None,
    live: bool = True,
) -> int:
    """Fold what the logs have beyond the store's cursors; gives how many entries were folded.

    `genesis_leaves` pins the genesis of each origin; one that is left out is not compared.
    `strict_rows` says that every record must count (an embedded log); otherwise a record that does
    not count is a stray, reported and never folded. `on_progress` is told the size of all logs
    together as far as they are folded. Raises `FindingError`, with everything before the bad record
    committed. Where another process folds into the same store, each batch is still written once:
    whoever comes second goes on from there.

    The logs are read one after another, and in which order changes nothing: streams never span
    logs, and what crosses streams is only ever added up.
    """
    sizes = {cursor.origin: cursor.head.size for cursor in store.cursors()}
    begun = sum(sizes.values())
    try:
        for reader in readers:
            projector = LogProjector(
                reader,
                store,
                genesis_leaf=genesis_leaves.get(reader.origin),
                strict_rows=strict_rows,
                live=live,
                share=len(readers),
            )
            while projector.step():
                sizes[reader.origin] = projector.size
                if on_progress is not None:
                    on_progress(sum(sizes.values()))
            sizes[reader.origin] = projector.size
    except FindingError:
        # What lies before the break is looked at next.
        store.make_indexes()
        raise
    store.make_indexes()
    return sum(sizes.values()) - begun


class LogProjector:
    """One log on its way into the store, batch by batch. `size` is that of the log as folded.

    `share` is the number of logs that share the memory set aside for folds and stream heads. Makes
    no indexes: whoever has caught up calls `ReadStore.make_indexes`.
    """

    def __init__(
        self,
        reader: LogReader,
        store: ReadStore,
        *,
        genesis_leaf: str | None,
        strict_rows: bool,
        live: bool,
        share: int = 1,
    ) -> None:
        self.reader = reader
        self._store = store
        self._genesis_leaf = genesis_leaf
        self._strict_rows = strict_rows
        self._live = live
        self._share = share
        self._begin()

    def _begin(self) -> None:
        """Stand where the store stands in this log."""
        store, origin = self._store, self.reader.origin
        self._cursor = cursor = store.cursor(log_of(origin))
        self._state = _restore(self.reader, store, cursor, self._genesis_leaf)
        self._state.streams_most = STREAMS_REMEMBERED_MAX // self._share
        parked = store.rows("SELECT stream FROM parked WHERE log = ?", (log_of(origin),))
        self._cache = FoldCache(FOLDS_REMEMBERED_MAX // self._share)
        self.position = 0 if cursor is None else cursor.position
        self._run = _Run(
            self._state,
            {stream for (stream,) in parked},
            self.position,
            strict_rows=self._strict_rows,
            live=self._live,
        )

    @property
    def size(self) -> int:
        """How many entries of the log are folded and committed."""
        return 0 if self._cursor is None else self._cursor.head.size

    def step(self) -> int:
        """Fold and commit the next batch; gives how many records were read, 0 at the end."""
        records = self.reader.read(self.position, BATCH_RECORDS)
        if not records:
            return 0
        batch = Batch(self.reader.origin)
        run = self._run
        error = run.take(records, batch)
        genesis = run.genesis or ("" if self._cursor is None else self._cursor.genesis)
        after = Cursor(self.reader.origin, run.position, run.head, genesis, run.recorded_at)
        try:
            batch.write(self._store, self._cache, self._cursor, after)
        except OvertakenError:
            self._begin()
            return len(records)
        self.position = records[-1].position + 1
        self._cursor = after
        self._state.forget_most()
        if error is not None:
            raise error
        return len(records)


class _StoredState(LogState):
    """The state of a log whose stream heads lie in the read store."""

    def __init__(self, store: ReadStore, origin: str, genesis_leaf: str | None) -> None:
        super().__init__(origin, genesis_leaf=genesis_leaf)
        self._store = store
        self._log = log_of(origin)
        self._is_whole = True
        self.streams_most = STREAMS_REMEMBERED_MAX

    def restore(self, cursor: Cursor) -> None:
        """Stand where the store stands."""
        self.head = cursor.head
        self.recorded_at = cursor.recorded_at
        self._is_whole = False
        keys = self._store.rows(
            "SELECT type, action FROM log_key WHERE log = ? ORDER BY idx", (self._log,)
        )
        for type_name, action in keys:
            self.apply_own(type_name, decode_canonical(action)["data"])

    def stream_head(self, stream: str) -> StreamHead:
        """Where a stream stands, from memory or from the store."""
        found = self.streams.get(stream)
        if found is None and not self._is_whole:
            found = self._store.stream_head(stream)
        return super().stream_head(stream) if found is None else found

    def forget_most(self) -> None:
        """Bound the memory; only right when everything is written."""
        if len(self.streams) > self.streams_most:
            self.streams.clear()
            self._is_whole = False


def _restore(
    reader: LogReader, store: ReadStore, cursor: Cursor | None, genesis_leaf: str | None
) -> _StoredState:
    """The state at the cursor, after comparing the log's bytes there with what the store knows."""
    state = _StoredState(store, reader.origin, genesis_leaf)
    if cursor is None:
        return state
    if cursor.origin != reader.origin:
        raise _error(
            "projection.other_log",
            "the read store was made from another log",
            origin=reader.origin,
            expected=cursor.origin,
            actual=reader.origin,
        )
    if cursor.head == EMPTY_HEAD:
        return state
    if genesis_leaf is not None and cursor.genesis != genesis_leaf:
        raise _error(
            "trust.genesis_mismatch",
            "the read store was made from a log with another genesis than the one that is pinned",
            origin=reader.origin,
            index=0,
            expected=genesis_leaf,
            actual=cursor.genesis,
        )
    last = reader.read(cursor.position - 1, 1)
    data = last[0].data if last and last[0].position == cursor.position - 1 else None
    found = "no record" if data is None else leaf_hash(data).hex()
    if found != cursor.head.leaf:
        raise _error(
            "log.overwritten",
            "the log is not the one that was folded up to here: it was cut or altered",
            origin=reader.origin,
            expected=f"{cursor.head.size}:{cursor.head.leaf}",
            actual=found,
            index=cursor.head.size - 1,
        )
    state.restore(cursor)
    return state


class _Run:
    """Judging records into batches. Position, head and recorded_at are those of the newest entry
    that counts and was taken: what a cursor may say."""

    def __init__(
        self, state: LogState, parked: set[str], position: int, *, strict_rows: bool, live: bool
    ) -> None:
        self.state = state
        self.parked = parked
        self.strict_rows = strict_rows
        self.live = live
        self.strays = StrayTracker()
        self.position = position
        self.head = state.head
        self.recorded_at = state.recorded_at
        self.genesis = ""

    def take(self, records: Sequence[Record], batch: Batch) -> FindingError | None:
        """Judge records in order; an error ends the run behind what came before it."""
        for record in records:
            try:
                admitted = self.state.admit(record.data)
            except NewerFormatError as newer:
                return _error(
                    "entry.newer_format",
                    str(newer),
                    origin=self.state.origin,
                    index=self.state.head.size,
                    verdict=Verdict.INDETERMINATE,
                )
            if isinstance(admitted, Stray):
                error = self._take_stray(record, admitted, batch)
            else:
                error = self._take_entry(record, admitted, batch)
            if error is not None:
                return error
        return None

    def _take_stray(self, record: Record, stray: Stray, batch: Batch) -> FindingError | None:
        size = self.state.head.size
        if self.strict_rows:
            return _error(
                "chain.link_mismatch",
                stray.reason,
                origin=self.state.origin,
                index=size,
                expected=f"index {size} behind {self.state.head.leaf}",
                actual=stray.leaf or "no entry",
            )
        if self.strays.add(stray, size):
            return _error(
                "log.overwritten",
                "strays chain to one another over more than one batch",
                origin=self.state.origin,
                index=size,
                expected=f"index {size} behind {self.state.head.leaf}",
                actual=stray.leaf,
            )
        batch.findings.append(
            Finding(
                code="log.stray",
                verdict=Verdict.INDETERMINATE,
                message=stray.reason,
                origin=self.state.origin,
                offset=record.position,
                actual=stray.leaf,
            )
        )
        return None

    def _take_entry(self, record: Record, entry: Entry, batch: Batch) -> FindingError | None:
        self.strays.counted(entry.leaf)
        judged = self.state.judge(entry)
        if judged.findings and entry.seal.index == 0:
            return FindingError(judged.findings[0])
        if not judged.void:
            error = self._apply(entry, batch)
            if error is not None:
                return error
        batch.findings.extend(judged.findings)
        if entry.seal.index == 0:
            self.genesis = entry.leaf
        self.position = record.position + 1
        self.head = self.state.head
        self.recorded_at = self.state.recorded_at
        return None

    def _apply(self, entry: Entry, batch: Batch) -> FindingError | None:
        """Hand the entry to the folds, or park its stream."""
        seal = entry.seal
        if seal.stream not in self.parked:
            try:
                batch.entries.append((entry, known_action(entry)))
            except UnreadableError as error:
                if not self.live:
                    return _error(
                        "projection.unreadable",
                        str(error),
                        origin=self.state.origin,
                        index=seal.index,
                        stream=seal.stream,
                    )
                self.parked.add(seal.stream)
                batch.parked.append((seal.stream, seal.index, seal.type, str(error), entry.data))
        # A parked stream is not folded, but its links are checked and its keys are valid.
        batch.heads[seal.stream] = self.state.streams[seal.stream]
        if seal.type in _KEY_TYPES and seal.stream == self.state.own_stream:
            batch.keys.append((seal.index, seal.type, entry.action_bytes))
        return None


def _error(
    code: str,
    message: str,
    *,
    origin: str,
    index: int = -1,
    stream: str = "",
    expected: str = "",
    actual: str = "",
    verdict: Verdict = Verdict.FAILED,
) -> FindingError:
    return FindingError(
        Finding(
            code=code,
            verdict=verdict,
            message=message,
            origin=origin,
            index=index,
            stream=stream,
            expected=expected,
            actual=actual,
            next_step="pal verify",
        )
    )
