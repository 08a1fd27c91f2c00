"""What a sealer keeps of each tree, and how it reads on in a log: by the chain rule, from where it
stopped, without the log's beginning.

Which entries a tree holds needs no keys and no streams: strays never count, void entries keep their
index. So what is kept of a log is its head and a position, however long it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from ledger.app.ports import LogReader
from ledger.app.submission import LedgerError
from ledger.core.chain import ZERO_LINK, Head
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import EMPTY_ROOT, leaf_hash
from ledger.entry.entry import Entry, NewerFormatError
from ledger.entry.log_state import LogState, Stray, StrayTracker

_READ_RECORDS: Final = 512
"""Records of one read: two bundles; an entry has at most 64 KiB, so at most 32 MiB."""


class SealerDisplacedError(LedgerError):
    """Another sealer signed meanwhile: this one has lost its place and must stop."""

    code = "sealer.displaced"


class SealingNotOpenedError(LedgerError):
    """Nothing says what was signed of this log before: sealing was never opened, or its store is
    lost."""

    code = "sealer.not_opened"


class TreeState(msgspec.Struct, frozen=True):
    """What was signed of a tree last, and how far its log had been read by then.

    `root` and `officers_root` have 32 bytes; `note` is the checkpoint with the log's signatures,
    b"" where none was signed yet; `leaf` is the hex leaf hash of entry `size - 1`, `last_position`
    where it lies (-1 for none), `position` what is to be read next.
    """

    origin: str
    size: int = 0
    root: bytes = EMPTY_ROOT
    note: bytes = b""
    position: int = 0
    leaf: str = ZERO_LINK
    last_position: int = -1
    officers: int = 0
    officers_root: bytes = EMPTY_ROOT


class Counted(NamedTuple):
    """An entry that counts: where it lies, its bytes, its leaf hash, and the entry where it is of a
    ledger's log (the log of checkpoints holds none)."""

    position: int
    data: bytes
    leaf: bytes
    entry: Entry | None = None


class LogFollower:
    """The entries of one log from where `state` stopped. Raises `FindingError` where the log cannot
    be relied on, and is used no more then.

    `every_record_counts` is for a log without strays (SQLite): there a record that does not extend
    the head is a failure.
    """

    def __init__(
        self,
        reader: LogReader,
        state: TreeState,
        *,
        genesis_leaf: str,
        every_record_counts: bool,
    ) -> None:
        self.origin = state.origin
        self.position = state.position
        self._last = (state.last_position, state.leaf)
        self._reader = reader
        self._genesis_leaf = genesis_leaf
        self._strict = every_record_counts
        self._rule = LogState(state.origin)
        self._rule.head = Head(state.size, state.leaf)
        self._tracker = StrayTracker()

    def check_last(self) -> None:
        """The newest entry that was read before lies where it lay, and the log reaches behind it.

        A tail that was cut, or cut and written anew, shows here before anything else is read.
        """
        size, (position, leaf) = self._rule.head.size, self._last
        end = self._reader.end()
        if end < self.position:
            raise self._failed(
                "log.truncated",
                "the log ends before what was read and signed",
                expected=f"{size}:{leaf}, position {self.position}",
                actual=f"position {end}",
            )
        if position < 0:
            return
        records = self._reader.read(position, 1)
        there = records[0] if records and records[0].position == position else None
        found = "" if there is None or there.data is None else leaf_hash(there.data).hex()
        if found != leaf:
            raise self._failed(
                "log.overwritten",
                "the newest entry that was signed is another one now",
                index=size - 1,
                expected=leaf,
                actual=found or "no record",
            )

    def entries(self, limit: int) -> Iterator[Counted]:
        """The next entries that count, at most `limit`, up to where the log ends now."""
        end = self._reader.end()
        while limit > 0 and self.position < end:
            records = self._reader.read(self.position, _READ_RECORDS)
            if not records:
                return
            for record in records:
                if limit == 0 or record.position >= end:
                    return
                counted = self._take(record.position, record.data)
                self.position = record.position + 1
                if counted is not None:
                    limit -= 1
                    yield counted

    def _take(self, position: int, data: bytes | None) -> Counted | None:
        size = self._rule.head.size
        if self._strict and position != self.position:
            raise self._failed(
                "chain.index_missing",
                "the row of this index is missing",
                index=size,
                expected=str(self.position),
                actual=str(position),
            )
        try:
            admitted = self._rule.admit(data)
        except NewerFormatError as error:
            raise self._failed(
                "entry.newer_format",
                str(error),
                index=size,
                offset=position,
                expected="format version 1",
                verdict=Verdict.INDETERMINATE,
            ) from error
        if isinstance(admitted, Stray):
            self._stray(position, admitted)
            return None
        if size == 0 and admitted.leaf != self._genesis_leaf:
            raise self._failed(
                "trust.genesis_mismatch",
                "this log begins with another genesis than the one that is pinned",
                index=0,
                expected=self._genesis_leaf,
                actual=admitted.leaf,
            )
        self._tracker.counted(admitted.leaf)
        self._rule.head = Head(size + 1, admitted.leaf)
        self._last = (position, admitted.leaf)
        return Counted(position, admitted.data, bytes.fromhex(admitted.leaf), admitted)

    def _stray(self, position: int, stray: Stray) -> None:
        head = self._rule.head
        if self._strict:
            raise self._failed(
                "chain.link_mismatch" if stray.entry is not None else "entry.malformed",
                f"this row does not extend the log: {stray.reason}",
                index=head.size,
                expected=f"prev {head.leaf}",
                actual=stray.leaf,
            )
        if self._tracker.add(stray, head.size):
            raise self._failed(
                "log.overwritten",
                "strays chain to one another over more than one batch: an entry before them was "
                "changed or lost",
                index=head.size,
                offset=position,
                expected=f"prev {head.leaf}",
                actual=stray.leaf,
            )

    def _failed(
        self,
        code: str,
        message: str,
        *,
        expected: str,
        actual: str = "",
        index: int = -1,
        offset: int = -1,
        verdict: Verdict = Verdict.FAILED,
    ) -> FindingError:
        return FindingError(
            Finding(
                code=code,
                verdict=verdict,
                message=message,
                origin=self.origin,
                index=index,
                offset=offset,
                expected=expected,
                actual=actual,
                next_step="nothing more is signed of this log; keep a copy, then pal verify",
            )
        )


class RoundsFollower:
    """The entries of the log of checkpoints from where `state` stopped; `read` gives those from an
    index on, as the sealer's own store keeps them."""

    def __init__(self, read: Callable[[int], Sequence[bytes]], state: TreeState) -> None:
        self.position = state.position
        self._read = read

    def check_last(self) -> None:
        """Nothing to see: store and signature are one file."""

    def entries(self, limit: int) -> Iterator[Counted]:
        """The next entries, at most `limit`."""
        for data in self._read(self.position)[:limit]:
            self.position += 1
            yield Counted(self.position - 1, data, leaf_hash(data))
