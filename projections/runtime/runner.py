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
from ledger.core.chain import StreamHead
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import Entry
from ledger.entry.log_state import LogState, Stray, StrayTracker
from projections.runtime.batch import Batch, FoldCache, UnreadableError, read_action
from projections.store.sqlite import Cursor, ReadStore

BATCH_RECORDS: Final = 5_000
"""Records of one transaction: large enough to be quick, small enough to bound memory."""


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
    the bad record committed.
    """
    cursor = store.cursor()
    state = _restore(reader, store, cursor, genesis_leaf)
    position = 0 if cursor is None else cursor.position
    begun = state.head.size
    parked = {stream for (stream,) in store.rows("SELECT stream FROM parked")}
    cache = FoldCache()
    run = _Run(state, parked, strict_rows=strict_rows, live=live)
    while records := reader.read(position, BATCH_RECORDS):
        batch = Batch()
        error = run.take(records, batch)
        position = run.position if error else records[-1].position + 1
        batch.write(store, cache, state, position)
        if on_progress is not None:
            on_progress(state.head.size)
        if error is not None:
            raise error
    return state.head.size - begun


def _restore(
    reader: LogReader, store: ReadStore, cursor: Cursor | None, genesis_leaf: str | None
) -> LogState:
    """The state at the cursor, after comparing the log's bytes there with what the store knows."""
    state = LogState(reader.origin, genesis_leaf=genesis_leaf)
    if cursor is None:
        return state
    if cursor.origin != reader.origin:
        raise _error(
            "projection.other_log",
            "the read store was made from another log",
            expected=cursor.origin,
            actual=reader.origin,
        )
    last = reader.read(cursor.position - 1, 1)
    found = leaf_hash(last[0].data).hex() if last and last[0].data is not None else "no record"
    strays = store.rows(
        "SELECT 1 FROM finding WHERE position = ? AND code = 'log.stray'", (cursor.position - 1,)
    )
    if found != cursor.head.leaf and not (strays and last):
        raise _error(
            "log.overwritten",
            "the log is not the one that was folded up to here: it was cut or altered",
            expected=f"{cursor.head.size}:{cursor.head.leaf}",
            actual=found,
            index=cursor.head.size - 1,
        )
    state.head = cursor.head
    state.recorded_at = cursor.recorded_at
    state.streams = {
        stream: StreamHead(version, leaf)
        for stream, version, leaf in store.rows("SELECT stream, version, leaf FROM stream")
    }
    own = store.rows(
        "SELECT type, action FROM timeline WHERE stream = ? ORDER BY version", (state.own_stream,)
    )
    for type_name, action in own:
        state.keys.apply(type_name, decode_canonical(action).get("data", {}))
    return state


class _Run:
    """Judging records into batches."""

    def __init__(self, state: LogState, parked: set[str], *, strict_rows: bool, live: bool) -> None:
        self.state = state
        self.parked = parked
        self.strict_rows = strict_rows
        self.live = live
        self.strays = StrayTracker()
        self.position = 0

    def take(self, records: Sequence[Record], batch: Batch) -> FindingError | None:
        """Judge records in order; an error ends the run behind what came before it."""
        for record in records:
            self.position = record.position
            admitted = self.state.admit(record.data)
            if isinstance(admitted, Stray):
                error = self._take_stray(record, admitted, batch)
            else:
                error = self._take_entry(admitted, batch)
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

    def _take_entry(self, entry: Entry, batch: Batch) -> FindingError | None:
        self.strays.counted(entry.leaf)
        judged = self.state.judge(entry)
        if judged.findings and entry.seal.index == 0:
            return FindingError(judged.findings[0])
        batch.findings.extend(judged.findings)
        if judged.void:
            return None
        stream = entry.seal.stream
        try:
            if stream in self.parked:
                return None
            action = read_action(entry)
        except UnreadableError as error:
            if not self.live:
                return _error(
                    "projection.unreadable", str(error), index=entry.seal.index, stream=stream
                )
            self.parked.add(stream)
            seal = entry.seal
            batch.parked.append((stream, seal.index, seal.type, str(error), entry.data))
            return None
        batch.entries.append((entry, action))
        return None


def _error(
    code: str,
    message: str,
    *,
    index: int = -1,
    stream: str = "",
    expected: str = "",
    actual: str = "",
) -> FindingError:
    return FindingError(
        Finding(
            code=code,
            verdict=Verdict.FAILED,
            message=message,
            index=index,
            stream=stream,
            expected=expected,
            actual=actual,
            next_step="pal verify",
        )
    )
