"""Hashes, links of the log and root alone: that the bytes lead to a head that is already trusted.

One pass at several times the speed of the full verifier. It decodes no entry and checks no form,
no stream link and no signature; so it answers one question only: are these, byte for byte, the
entries that lead to an expected head? That head must come from a full verification, a witness or a
signed checkpoint. Without one the answer is indeterminate.

The hash in each entry's `prev`, at its one place in the canonical form, is all that has to be
compared: the last entry is that of the head by its hash, so its `prev` is the right one, so the
entry before it is the right one by its hash, and so on down to the first. The head must be one of
this origin: another log's entries lead to their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Final

import msgspec

from ledger.core.chain import EMPTY_HEAD, Head
from ledger.core.findings import Finding, Verdict
from ledger.core.merkle import HASH_BYTES, LEAF, RootAccumulator, subtrees_of
from ledger.core.tiles import TileError

_HEX_LENGTH: Final = 2 * HASH_BYTES


class LinkCheck(msgspec.Struct, frozen=True):
    """What the pass found. `first_bad_index` is -1 where every link holds."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    first_bad_index: int
    entries: int
    head: Head
    root: str


class LinkChecker:
    """Add the entry bundles of one origin (C2SP tlog-tiles) in order, then finish.

    One that starts behind a head that is claimed can be checked elsewhere, and `join` the one that
    leads there.
    """

    def __init__(
        self, origin: str, genesis_leaf: str | None = None, start: Head = EMPTY_HEAD
    ) -> None:
        self.origin = origin
        self.genesis_leaf = genesis_leaf
        self.start = start
        self.head = start
        self._subtrees: list[tuple[int, bytes]] = []
        self._root = RootAccumulator()
        self._first_bad = -1

    def add(self, bundle: bytes) -> None:
        """Take the next entry bundle; after the first broken link nothing more is looked at.

        Raises `TileError` for bytes that are no bundle.
        """
        if self._first_bad >= 0 or not bundle:
            return
        size, leaf = self.head
        leaves, named = self._read(bundle, size)
        hashes = (leaf + b"".join(leaves).hex()).encode()
        good = len(leaves)
        if size == 0 and self.genesis_leaf not in (None, leaves[0].hex()):
            good = 0
        elif b"".join(named) != hashes[:-_HEX_LENGTH]:
            good = next(at for at, prev in enumerate(named) if prev != _hex_at(hashes, at))
        if good < len(leaves):
            self._first_bad = size + good
        subtrees = subtrees_of(size, leaves[:good])
        if self.start.size:
            self._subtrees += subtrees
        else:
            self._grow(subtrees)
        self.head = Head(size + good, _hex_at(hashes, good).decode())

    def _read(self, bundle: bytes, size: int) -> tuple[list[bytes], list[bytes]]:
        """The leaf of each entry from entry `size` on, and what stands where its `prev` does.

        In one pass that keeps nothing else: this is all that is done a million times.
        """
        copy, leaves, named = LEAF.copy, list[bytes](), list[bytes]()
        add, name, at, last = leaves.append, named.append, 0, len(bundle) - 2
        while at <= last:
            index = size + len(leaves)
            prev, grows_at = place_of_prev(self.origin, index)
            end = prev + _HEX_LENGTH
            for _ in repeat(None, grows_at - index):
                if at > last:
                    break
                begin = at + 2
                at = begin + (bundle[at] << 8 | bundle[at + 1])
                entry = bundle[begin:at]
                leaf = copy()
                leaf.update(entry)
                add(leaf.digest())
                name(entry[prev:end])
        if at != len(bundle):
            msg = f"entry {len(leaves) - 1} of a bundle ends at byte {at} of {len(bundle)}"
            raise TileError(msg)
        return leaves, named

    def _grow(self, subtrees: Iterable[tuple[int, bytes]]) -> None:
        for subtree in subtrees:
            self._root.append_subtree(*subtree)

    def join(self, behind: LinkChecker) -> None:
        """Take what was checked of the entries behind these, from the head that was claimed."""
        if self._first_bad >= 0:
            return
        if behind.start != self.head:
            self._first_bad = self.head.size
            return
        if behind.start.size:
            self._grow(behind._subtrees)
        else:
            self._root = behind._root
        self.head, self._first_bad = behind.head, behind._first_bad

    def finish(self, expect: Head | None = None) -> LinkCheck:
        """Passed only where every link holds and the last entry is that of `expect`."""
        finding: Finding | None = None
        if self._first_bad >= 0:
            finding = self._finding(
                "chain.link_mismatch",
                Verdict.FAILED,
                "this entry does not continue the log",
                index=self._first_bad,
                expected=f"prev {self.head.leaf}",
            )
        elif expect is not None and expect != self.head:
            short = self.head.size < expect.size
            finding = self._finding(
                "log.truncated" if short else "log.overwritten",
                Verdict.FAILED,
                "the entries do not lead to the expected head",
                index=self.head.size if short else expect.size - 1,
                expected=f"{expect.size}:{expect.leaf}",
                actual=f"{self.head.size}:{self.head.leaf}",
            )
        elif expect is None or self.head.size == 0:
            finding = self._finding(
                "log.not_checked_in_full",
                Verdict.INDETERMINATE,
                "links alone prove nothing without a trusted head: forms and signatures were "
                "not checked",
                expected="the head of a full verification, a witness or a checkpoint",
                actual=f"{self.head.size}:{self.head.leaf}",
            )
        return LinkCheck(
            verdict=Verdict.PASSED if finding is None else finding.verdict,
            findings=() if finding is None else (finding,),
            first_bad_index=-1 if finding is None else finding.index,
            entries=self.head.size,
            head=self.head,
            root=self._root.root().hex(),
        )

    def _finding(
        self,
        code: str,
        verdict: Verdict,
        message: str,
        *,
        index: int = -1,
        expected: str = "",
        actual: str = "",
    ) -> Finding:
        return Finding(
            code=code,
            verdict=verdict,
            message=message,
            origin=self.origin,
            index=index,
            expected=expected,
            actual=actual,
            next_step="verify in full to name every difference",
        )


def place_of_prev(origin: str, index: int) -> tuple[int, int]:
    """Where the hash in `prev` stands in the entry of an index, and the next index with one digit
    more, from which on it stands elsewhere."""
    before = f'{{"index":{index},"origin":"{origin}","prev":"'
    return len(before.encode()), 10 ** len(str(index))


def _hex_at(hashes: bytes, place: int) -> bytes:
    return hashes[place * _HEX_LENGTH : (place + 1) * _HEX_LENGTH]
