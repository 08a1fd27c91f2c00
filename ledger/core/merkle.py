"""The Merkle tree of RFC 6962 section 2.1 over SHA-256: leaf, node, root, inclusion proof.

Pure functions over 32-byte hashes. An odd leaf is never duplicated; a hash of another length is
refused everywhere, because without that check an "empty root and leaf" forgery verifies.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


class ProofError(ValueError):
    """A proof whose shape or hashes do not lead to the expected root."""


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data): the Merkle leaf and, in this ledger, the chain link."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


# The paths of one submission share most of their nodes: remembered, a submission of n actions costs
# about n hashes instead of n log n. A pure function, so remembering cannot change an answer.
_path_node = lru_cache(maxsize=16_384)(node_hash)


def _check_hash(value: bytes) -> None:
    if len(value) != HASH_BYTES:
        msg = f"a hash has {HASH_BYTES} bytes, this one has {len(value)}"
        raise ProofError(msg)


class RootAccumulator:
    """The root of a growing list of leaves in O(log n) memory (a compact range from 0)."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash (32 bytes)."""
        _check_hash(leaf)
        carry = self.size
        self.size += 1
        while carry & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            carry >>= 1
        self._peaks.append(leaf)

    def root(self) -> bytes:
        """The RFC 6962 root over the leaves added so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The RFC 6962 root of a list of leaf hashes."""
    accumulator = RootAccumulator()
    for leaf in leaves:
        accumulator.append(leaf)
    return accumulator.root()


def prove_all_inclusions(leaves: Sequence[bytes]) -> tuple[bytes, list[tuple[bytes, ...]]]:
    """Root and, for each leaf, its inclusion proof (sibling first), in O(n log n)."""
    for leaf in leaves:
        _check_hash(leaf)
    if not leaves:
        return EMPTY_ROOT, []
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        level = levels[-1]
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) & 1:
            paired.append(level[-1])
        levels.append(paired)
    # From the root down: a node's proof is its sibling, where it has one, then its parent's proof.
    proofs: list[tuple[bytes, ...]] = [()]
    for level in levels[-2::-1]:
        proofs = [
            (level[place ^ 1], *proofs[place >> 1])
            if place ^ 1 < len(level)
            else proofs[place >> 1]
            for place in range(len(level))
        ]
    return levels[-1][0], proofs


def inclusion_length(at: int, size: int) -> int:
    """How many hashes the inclusion proof of leaf `at` in a tree of `size` has."""
    if not 0 <= at < size:
        msg = f"position {at} lies outside a tree of {size}"
        raise ProofError(msg)
    inner = (at ^ (size - 1)).bit_length()
    return inner + (at >> inner).bit_count()


def root_from_inclusion(at: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """The root that `path` leads to from `leaf` (RFC 9162 section 2.1.3.2, decomposed)."""
    if len(path) != inclusion_length(at, size):
        msg = f"proof has {len(path)} hashes, expected {inclusion_length(at, size)}"
        raise ProofError(msg)
    _check_hash(leaf)
    inner = (at ^ (size - 1)).bit_length()
    current = leaf
    for level, sibling in enumerate(path):
        _check_hash(sibling)
        right = level < inner and not (at >> level) & 1
        current = _path_node(current, sibling) if right else _path_node(sibling, current)
    return current


def check_inclusion(at: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Raise `ProofError` unless `path` proves that `leaf` stands at `at` under `root`."""
    _check_hash(root)
    found = root_from_inclusion(at, size, leaf, path)
    if found != root:
        msg = f"proof leads to root {found.hex()}, expected {root.hex()}"
        raise ProofError(msg)
