"""Reading a log record by record: what counts, what is void, where to stop.

It stops, loudly, at a gap, a broken link or a log that is not the one it knows; nothing is skipped
silently.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from ledger.app.ports import LogReader, Record
from ledger.app.read_ahead import read_ahead
from ledger.core.canonical import decode_canonical
from ledger.core.chain import EMPTY_HEAD, StreamHead
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.ids import log_of
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import Entry, Signature
from ledger.entry.log_state import GENESIS_TYPE, LogState, Stray, StrayTracker
from ledger.entry.signatures import KEY_ENROLLED, KEY_REVOKED
from ledger.entry.together import Together, extend_by, read_together, whole_until
from projections.runtime.batch import Batch, OwnEntry, Verified
from projections.store.sqlite import Cursor, ReadStore

BATCH_RECORDS: Final = 5_000
"""Records of one batch: large enough to be quick, small enough to bound memory."""

STREAMS_REMEMBERED_MAX: Final = 200_000
"""Heads of streams of all logs kept in memory; older ones are asked for."""

_KEY_TYPES: Final = frozenset({GENESIS_TYPE, KEY_ENROLLED, KEY_REVOKED})
_THREADS: Final = os.cpu_count() or 1
"""Checking a signature lets other threads run: one for each core."""
_INLINE_MAX: Final = 4
"""Fewer signatures are checked here: handing them over takes as long."""


class OlderHeads(Protocol):
    """Stream heads beyond those in memory."""

    def stream_head(self, stream: str) -> StreamHead:
        """Where a stream stands that memory does not know; version 0 for one without entries."""

    def keep(self, heads: Mapping[str, StreamHead]) -> None:
        """Memory forgets these now."""


class _VerifiedState(LogState):
    """The state of a log of which only the newest stream heads are in memory."""

    def __init__(self, origin: str, genesis_leaf: str | None, older: OlderHeads) -> None:
        super().__init__(origin, genesis_leaf=genesis_leaf)
        self._older = older
        self._is_whole = True

    def restore(self, cursor: Cursor, keys: Iterable[tuple[str, bytes]]) -> None:
        """Stand where the store stands."""
        self.head = cursor.head
        self.recorded_at = cursor.recorded_at
        self._is_whole = False
        for type_name, action in keys:
            self.apply_own(type_name, decode_canonical(action)["data"])

    def stream_head(self, stream: str) -> StreamHead:
        """Where a stream stands, from memory or from what is older."""
        found = self.streams.get(stream)
        if found is None and not self._is_whole:
            found = self._older.stream_head(stream)
        return super().stream_head(stream) if found is None else found

    def forget(self, most: int) -> None:
        """Bound the memory."""
        if len(self.streams) > most:
            self._older.keep(self.streams)
            self.streams.clear()
            self._is_whole = False


class LogVerifier:
    """One log, verified batch by batch from where the store stands; without one from its beginning.

    `share` is the number of logs that share the memory set aside for stream heads. Raises
    `FindingError` where the log is not the one that the store was made from.
    """

    def __init__(
        self,
        reader: LogReader,
        store: ReadStore | None,
        older: OlderHeads,
        *,
        genesis_leaf: str | None,
        strict_rows: bool,
        share: int = 1,
    ) -> None:
        self.reader = reader
        log = log_of(reader.origin)
        self.cursor = None if store is None else store.cursor(log)
        self.position = 0 if self.cursor is None else self.cursor.position
        """The position to read next; behind the cursor's where only strays were read since."""
        self.error: FindingError | None = None
        """What ended the newest batch before its last record: raise it once that is written."""
        self._state = _VerifiedState(reader.origin, genesis_leaf, older)
        if store is not None and self.cursor is not None:
            _compare(reader, self.cursor, genesis_leaf)
            if self.cursor.head != EMPTY_HEAD:
                self._state.restore(self.cursor, store.log_keys(log))
        self._strays = StrayTracker()
        self._strict_rows = strict_rows
        self._pool: ThreadPoolExecutor | None = None
        self._streams_most = STREAMS_REMEMBERED_MAX // share
        # What a cursor may say: the newest entry that counts and was taken, not strays behind it.
        self._taken = self.position
        self._head = self._state.head
        self._genesis = "" if self.cursor is None else self.cursor.genesis
        self._recorded_at = self._state.recorded_at

    @property
    def size(self) -> int:
        """How many entries of the log were taken."""
        return self._head.size

    def step(self) -> Batch | None:
        """The next batch; None at the end of the log. Whoever takes it has to write it."""
        records = self.reader.read(self.position, BATCH_RECORDS)
        if not records:
            return None
        if len(records) == BATCH_RECORDS:
            # Submissions are read whole: one that goes on behind these comes with the next.
            records = records[: whole_until([record.data for record in records])]
        batch = Batch(self.cursor, self._after(), [], {}, [], [])
        self.error = self._take(records, batch)
        self._state.forget(self._streams_most)
        self.position = records[-1].position + 1
        self.cursor = batch.after = self._after()
        return batch

    def _after(self) -> Cursor:
        return Cursor(self.reader.origin, self._taken, self._head, self._genesis, self._recorded_at)

    def _take(self, records: Sequence[Record], batch: Batch) -> FindingError | None:
        """Judge records in order; an error ends the batch behind what came before it."""
        found = self._read_together(records)
        begin = 0
        for place, together in found.items():
            if error := self._take_each(records[begin:place], batch):
                return error
            begin = place + len(together.members)
            own = records[place:begin]
            if extend_by(self._state, together):
                self._hand_over_together(own, together, batch)
            elif error := self._take_each(own, batch):
                return error
        return self._take_each(records[begin:], batch)

    def _read_together(self, records: Sequence[Record]) -> dict[int, Together]:
        """The submissions that lie whole among the records, by place, their signatures verified."""
        values = [record.data for record in records]
        found: dict[int, Together] = {}
        keys, wanted = self._state.keys, []
        place = 0
        while place < len(values):
            together = read_together(values, place)
            if together is None:
                place += 1
                continue
            found[place] = together
            place += len(together.members)
            signature, root = together.seal.sigs[0], together.root
            if keys.role_of(signature.key) is not None and not keys.remembers(signature, root):
                wanted.append((signature, root))
        self._check_signatures(wanted)
        return found

    def _hand_over_together(
        self, records: Sequence[Record], together: Together, batch: Batch
    ) -> None:
        seal, entries, heads = together.seal, batch.entries, batch.heads
        for at, (record, member) in enumerate(zip(records, together.members, strict=True)):
            stream, version, leaf = member.stream, member.version, member.leaf
            self._strays.counted(leaf)
            assert record.data is not None  # noqa: S101 - it was read as an entry
            entries.append(
                Verified(seal.index + at, stream, version, seal.recorded_at, leaf, record.data)
            )
            heads[stream] = StreamHead(version, leaf)
        self._taken = records[-1].position + 1
        self._head = self._state.head
        self._recorded_at = self._state.recorded_at

    def _take_each(self, records: Sequence[Record], batch: Batch) -> FindingError | None:
        for ahead in read_ahead(records, self._state):
            self._check_signatures(ahead.unverified)
            for record, read, root, *_ in ahead.records:
                placed = self._state.place(read) if isinstance(read, Entry) else read
                if isinstance(placed, Entry):
                    error = self._take_entry(record, placed, root, batch)
                elif isinstance(placed, Stray):
                    error = self._take_stray(record, placed, batch)
                else:
                    size = self._state.head.size
                    error = self._error(
                        "entry.newer_format",
                        str(placed),
                        index=size,
                        verdict=Verdict.INDETERMINATE,
                    )
                if error is not None:
                    return error
        return None

    def _check_signatures(self, wanted: Sequence[tuple[Signature, bytes]]) -> None:
        """Verify submissions ahead of their entries; what does not verify is found again there."""
        keys = self._state.keys

        def check(part: Sequence[tuple[Signature, bytes]]) -> list[bool]:
            return [keys.is_genuine(signature, root) for signature, root in part]

        if len(wanted) <= _INLINE_MAX:
            parts, answers = [wanted], [check(wanted)]
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, "pal-signatures")
            parts = [wanted[place::_THREADS] for place in range(_THREADS)]
            answers = list(self._pool.map(check, parts))
        for part, genuine in zip(parts, answers, strict=True):
            for (signature, root), good in zip(part, genuine, strict=True):
                if good:
                    keys.remember(signature, root)

    def _take_stray(self, record: Record, stray: Stray, batch: Batch) -> FindingError | None:
        head = self._state.head
        if self._strict_rows:
            return self._error(
                "chain.link_mismatch",
                stray.reason,
                index=head.size,
                expected=f"index {head.size} behind {head.leaf}",
                actual=stray.leaf or "no entry",
            )
        if self._strays.add(stray, head.size):
            return self._error(
                "log.overwritten",
                "strays chain to one another over more than one batch",
                index=head.size,
                expected=f"index {head.size} behind {head.leaf}",
                actual=stray.leaf,
            )
        batch.findings.append(
            Finding(
                code="log.stray",
                verdict=Verdict.INDETERMINATE,
                message=stray.reason,
                origin=self._state.origin,
                offset=record.position,
                actual=stray.leaf,
            )
        )
        return None

    def _take_entry(
        self, record: Record, entry: Entry, root: bytes | None, batch: Batch
    ) -> FindingError | None:
        self._strays.counted(entry.leaf)
        judged = self._state.judge(entry, root)
        if judged.findings:
            if entry.seal.index == 0:
                return FindingError(judged.findings[0])
            batch.findings.extend(judged.findings)
        if not judged.void:
            self._hand_over(entry, batch)
        if entry.seal.index == 0:
            self._genesis = entry.leaf
        self._taken = record.position + 1
        self._head = self._state.head
        self._recorded_at = self._state.recorded_at
        return None

    def _hand_over(self, entry: Entry, batch: Batch) -> None:
        seal = entry.seal
        stream = seal.stream
        batch.entries.append(
            Verified(seal.index, stream, seal.version, seal.recorded_at, entry.leaf, entry.data)
        )
        batch.heads[stream] = self._state.streams[stream]
        if seal.type in _KEY_TYPES and stream == self._state.own_stream:
            batch.keys.append(OwnEntry(seal.index, seal.type, entry.action_bytes))

    def _error(
        self,
        code: str,
        message: str,
        *,
        index: int,
        stream: str = "",
        expected: str = "",
        actual: str = "",
        verdict: Verdict = Verdict.FAILED,
    ) -> FindingError:
        return _finding_error(
            self._state.origin, code, message, index, stream, expected, actual, verdict
        )


def _finding_error(
    origin: str,
    code: str,
    message: str,
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


def _compare(reader: LogReader, cursor: Cursor, genesis_leaf: str | None) -> None:
    """Raise `FindingError` unless the log is the one that was folded up to the cursor."""
    origin = reader.origin
    if cursor.origin != origin:
        raise _finding_error(
            origin,
            "projection.other_log",
            "the read store was made from another log",
            expected=cursor.origin,
            actual=origin,
        )
    if cursor.head == EMPTY_HEAD:
        return
    if genesis_leaf is not None and cursor.genesis != genesis_leaf:
        raise _finding_error(
            origin,
            "trust.genesis_mismatch",
            "the read store was made from a log with another genesis than the one that is pinned",
            index=0,
            expected=genesis_leaf,
            actual=cursor.genesis,
        )
    last = reader.read(cursor.position - 1, 1)
    data = last[0].data if last and last[0].position == cursor.position - 1 else None
    found = "no record" if data is None else leaf_hash(data).hex()
    if found != cursor.head.leaf:
        raise _finding_error(
            origin,
            "log.overwritten",
            "the log is not the one that was folded up to here: it was cut or altered",
            expected=f"{cursor.head.size}:{cursor.head.leaf}",
            actual=found,
            index=cursor.head.size - 1,
        )
