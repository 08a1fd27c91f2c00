"""The entries of a log that was verified before, found again among its records by links alone.

Whoever knows the head up to which a log was verified in full need not verify it again: the chain
binds every byte before that head. Each entry is the one that names the entry before it, and the
last must be that of the head by its hash, so by its `prev` the one before it is the right one too,
and so on down to the genesis. What does not go on from there is a stray, as for every reader.

Only the hash at the one place of `prev` in the canonical form is compared, and no entry is decoded.
A record that has the right hash there and is no entry, or one of another log, leads astray, and the
head is not reached: then `careful` decodes each one, as the full verifier does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ledger.core.chain import EMPTY_HEAD, Head
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import HASH_BYTES, leaf_hash, leaf_hashes
from ledger.entry.entry import Entry, NewerFormatError
from ledger.entry.links import place_of_prev
from ledger.entry.log_state import LogState

_HEX_LENGTH: Final = 2 * HASH_BYTES
_RECORDED_AT: Final = b'"recorded_at":"'
_INSTANT_BYTES: Final = len("2026-03-02T08:00:00.000000Z")


class LinkFollower:
    """Give the records of the log `origin` in order to `follow` until it `has_arrived` at `head`.

    That head must come from a full verification that passed, so that no entry before it is void.
    """

    def __init__(self, origin: str, head: Head, *, careful: bool = False) -> None:
        self.origin = origin
        self.goal = head
        self._careful = careful
        self._size, self._leaf = EMPTY_HEAD

    @property
    def has_arrived(self) -> bool:
        """Whether as many entries as the head has were followed."""
        return self._size >= self.goal.size

    def follow(self, values: Iterable[bytes | None]) -> list[bytes]:
        """The entries among the next records, none behind the head.

        Raises `FindingError` (`log.overwritten`) where they led elsewhere than to the head.
        """
        if self.has_arrived:
            return []
        records = list(values)
        found = None if self._careful else self._follow_all(records)
        if found is None:
            found = self._follow_each(records)
        if self.has_arrived and self._leaf != self.goal.leaf:
            raise self._elsewhere("log.overwritten", "the log leads to another head")
        return found

    def _follow_all(self, records: list[bytes | None]) -> list[bytes] | None:
        """Every record, where each is the next entry: compared in one piece; else None."""
        prev, grows_at = place_of_prev(self.origin, self._size)
        size = self._size + len(records)
        if size > min(grows_at, self.goal.size):
            return None
        end = prev + _HEX_LENGTH
        entries = [data for data in records if data is not None]
        hashes = self._leaf + b"".join(leaf_hashes(entries)).hex()
        named = b"".join([data[prev:end] for data in entries])
        if len(entries) < len(records) or named != hashes[:-_HEX_LENGTH].encode():
            return None
        self._size, self._leaf = size, hashes[-_HEX_LENGTH:]
        return entries

    def _follow_each(self, records: list[bytes | None]) -> list[bytes]:
        """Those of the records that go on from the entry before."""
        found: list[bytes] = []
        size, goal, leaf = self._size, self.goal.size, self._leaf.encode()
        prev, grows_at = place_of_prev(self.origin, size)
        for data in records:
            if data is None or data[prev : prev + _HEX_LENGTH] != leaf:
                continue
            if self._careful and not self._counts(data, Head(size, leaf.decode())):
                continue
            leaf = leaf_hash(data).hex().encode()
            found.append(data)
            size += 1
            if size >= goal:
                break
            if size == grows_at:
                prev, grows_at = place_of_prev(self.origin, size)
        self._size, self._leaf = size, leaf.decode()
        return found

    def _counts(self, data: bytes, head: Head) -> bool:
        """Whether a record extends the head by the chain rule."""
        state = LogState(self.origin)
        state.head = head
        try:
            return isinstance(state.admit(data), Entry)
        except NewerFormatError:
            return False

    def finish(self) -> None:
        """Say that no record is left; raises `FindingError` (`log.truncated`) short of the head."""
        if not self.has_arrived:
            raise self._elsewhere("log.truncated", "the log ends before the head")

    def _elsewhere(self, code: str, message: str) -> FindingError:
        return FindingError(
            Finding(
                code=code,
                verdict=Verdict.FAILED,
                message=f"{message} up to which it was verified before",
                origin=self.origin,
                index=min(self._size, self.goal.size - 1),
                expected=f"{self.goal.size}:{self.goal.leaf}",
                actual=f"{self._size}:{self._leaf}",
                next_step="pal verify, which names the first entry that differs",
            )
        )


def recorded_until(entries: Sequence[bytes], until: str) -> int:
    """How many of these entries, in their order, were recorded up to the instant `until`."""
    last = until.encode()
    for place, data in enumerate(entries):
        at = data.find(_RECORDED_AT) + len(_RECORDED_AT)
        if data[at : at + _INSTANT_BYTES] > last:
            return place
    return len(entries)
