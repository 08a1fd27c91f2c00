"""Catching up: read, verify each link, fold, write rows and cursor in one transaction.

It stops, loudly, at a gap, a broken link or a log that is not the one it knows; nothing is skipped
silently. Live, an entry that this software cannot read parks its whole stream and the others go on;
a rebuild fails instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ledger.app.ports import LogReader, Record
from ledger.core.canonical import decode_canonical
from ledger.core.chain import EMPTY_HEAD, StreamHead
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import Entry, NewerFormatError
from ledger.entry.log_state import LogState, Stray, StrayTracker
from projections.runtime.batch import (
    Batch,
    FoldCache,
    OvertakenError,
    UnreadableError,
    read_action,
)
from projections.store.sqlite import Cursor, ReadStore

BATCH_RECORDS: Final = 5_000
"""Records of one transaction: large enough to be quick, small enough to bound memory."""

_KEY_TYPES: Final = frozenset(
    {"ledger.genesis.v1", "ledger.key_enrolled.v1", "ledger.key_revoked.v1"}
)

STREAMS_REMEMBERED_MAX: Final = 200_000
"""Heads of streams kept in memory; the others are read from the store when they are asked for."""


def project(
    reader: LogReader,
    store: ReadStore,
    *,
    genesis_leaf: str | None,
    strict_rows: bool,
    on_progress: Callable[[int], None] | None = None,
    live: bool = True,
) -> int:
    """Fold what the log has beyond the store's cursor; gives how many entries were folded.

    `strict_rows` says that every record must count (an embedded log); otherwise a record that does
    not count is a stray, reported and never folded. Raises `FindingError`, with everything before
    the bad record committed. Where another process folds into the same store, each batch is still
    written once: whoever comes second goes on from there.
    """
    begun = store.head().size
    while True:
        try:
            _catch_up(reader, store, genesis_leaf, strict_rows, on_progress, live)
        except OvertakenError:
            continue
        except FindingError:
            store.make_indexes()
            raise
        store.make_indexes()
        return store.head().size - begun


def _catch_up(
    reader: LogReader,
    store: ReadStore,
    genesis_leaf: str | None,
    strict_rows: bool,
    on_progress: Callable[[int], None] | None,
    live: bool,
) -> None:
    cursor = store.cursor()
    state = _restore(reader, store, cursor, genesis_leaf)
    parked = {stream for (stream,) in store.rows("SELECT stream FROM parked")}
    cache = FoldCache()
    position = 0 if cursor is None else cursor.position
    run = _Run(state, parked, position, strict_rows=strict_rows, live=live)
    while records := reader.read(position, BATCH_RECORDS):
        batch = Batch()
        error = run.take(records, batch)
        position = records[-1].position + 1
        after = Cursor(state.origin, run.position, run.head, run.recorded_at)
        batch.write(store, cache, cursor, after)
        state.forget_most()
        cursor = after
        if on_progress is not None:
            on_progress(state.head.size)
        if error is not None:
            raise error


class _StoredState(LogState):
    """The state of a log whose stream heads lie in the read store."""

    def __init__(self, store: ReadStore, origin: str, genesis_leaf: str | None) -> None:
        super().__init__(origin, genesis_leaf=genesis_leaf)
        self._store = store
        self._is_whole = True

    def restore(self, cursor: Cursor) -> None:
        """Stand where the store stands."""
        self.head = cursor.head
        self.recorded_at = cursor.recorded_at
        self._is_whole = False
        keys = self._store.rows("SELECT type, action FROM log_key ORDER BY idx")
        for type_name, action in keys:
            self.keys.apply(type_name, decode_canonical(action)["data"])

    def stream_head(self, stream: str) -> StreamHead:
        """Where a stream stands, from memory or from the store."""
        found = self.streams.get(stream)
        if found is None and not self._is_whole:
            found = self._store.stream_head(stream)
        return super().stream_head(stream) if found is None else found

    def forget_most(self) -> None:
        """Bound the memory; only right when everything is written."""
        if len(self.streams) > STREAMS_REMEMBERED_MAX:
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
            expected=cursor.origin,
            actual=reader.origin,
        )
    if cursor.head == EMPTY_HEAD:
        return state
    first = store.rows("SELECT leaf FROM timeline WHERE idx = 0")
    if genesis_leaf is not None and first and first[0][0] != genesis_leaf:
        raise _error(
            "trust.genesis_mismatch",
            "the read store was made from a log with another genesis than the one that is pinned",
            index=0,
            expected=genesis_leaf,
            actual=first[0][0],
        )
    last = reader.read(cursor.position - 1, 1)
    data = last[0].data if last and last[0].position == cursor.position - 1 else None
    found = "no record" if data is None else leaf_hash(data).hex()
    if found != cursor.head.leaf:
        raise _error(
            "log.overwritten",
            "the log is not the one that was folded up to here: it was cut or altered",
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

    def take(self, records: Sequence[Record], batch: Batch) -> FindingError | None:
        """Judge records in order; an error ends the run behind what came before it."""
        for record in records:
            try:
                admitted = self.state.admit(record.data)
            except NewerFormatError as newer:
                return _error(
                    "entry.newer_format",
                    str(newer),
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
                index=size,
                expected=f"index {size} behind {self.state.head.leaf}",
                actual=stray.leaf or "no entry",
            )
        if self.strays.add(stray, size):
            return _error(
                "log.overwritten",
                "strays chain to one another over more than one batch",
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
        self.position = record.position + 1
        self.head = self.state.head
        self.recorded_at = self.state.recorded_at
        return None

    def _apply(self, entry: Entry, batch: Batch) -> FindingError | None:
        """Hand the entry to the folds, or park its stream."""
        seal = entry.seal
        if seal.stream not in self.parked:
            try:
                batch.entries.append((entry, read_action(entry)))
            except UnreadableError as error:
                if not self.live:
                    return _error(
                        "projection.unreadable", str(error), index=seal.index, stream=seal.stream
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
            index=index,
            stream=stream,
            expected=expected,
            actual=actual,
            next_step="pal verify",
        )
    )
