"""The Merkle tree of RFC 6962 section 2.1 over SHA-256: leaf, node, root and the two proofs.

Pure functions over 32-byte hashes. An odd leaf is never duplicated; a hash of another length is
refused everywhere, because without that check an "empty root and leaf" forgery verifies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
_PAIRS: Final = Struct(f"{2 * HASH_BYTES}s").iter_unpack

NodeReader = Callable[[int, int], bytes]
"""(level, index) to the hash of the complete subtree over the leaves from index * 2^level to
(index + 1) * 2^level; level 0 holds the leaves."""


class ProofError(ValueError):
    """A proof whose shape or hashes do not lead to the expected root."""


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data): the Merkle leaf and, in this ledger, the chain link."""
    return sha256(b"\x00" + data).digest()


# A copy of what hashed the prefix costs less than a new object and a longer string.
LEAF: Final = sha256(b"\x00")
"""To be copied, never updated: `update` with an entry, and its leaf hash is the digest."""
_NODE: Final = sha256(b"\x01")


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """The same of each entry, faster than one by one."""
    copy, found = LEAF.copy, list[bytes]()
    add = found.append
    for data in entries:
        leaf = copy()
        leaf.update(data)
        add(leaf.digest())
    return found


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

    @classmethod
    def resume(cls, size: int, peaks: bytes) -> RootAccumulator:
        """The accumulator of `size` leaves whose `peaks()` were kept; raises `ProofError`."""
        if size < 0 or len(peaks) != size.bit_count() * HASH_BYTES:
            msg = f"{len(peaks)} bytes are not the peaks of {size} leaves"
            raise ProofError(msg)
        accumulator = cls()
        accumulator.size = size
        starts = range(0, len(peaks), HASH_BYTES)
        accumulator._peaks = [peaks[at : at + HASH_BYTES] for at in starts]
        return accumulator

    def peaks(self) -> bytes:
        """The hashes of the complete subtrees, largest first, joined: all there is to go on from.

        There is one for each bit that is set in `size`.
        """
        return b"".join(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash (32 bytes)."""
        _check_hash(leaf)
        carry = self.size
        self.size += 1
        while carry & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            carry >>= 1
        self._peaks.append(leaf)

    def append_subtree(self, level: int, node: bytes) -> None:
        """Add the complete subtree over the next 2^level leaves; `size` must be a multiple."""
        _check_hash(node)
        carry = self.size >> level
        if carry << level != self.size:
            msg = f"no subtree of 2^{level} leaves begins at leaf {self.size}"
            raise ProofError(msg)
        self.size += 1 << level
        while carry & 1:
            node = node_hash(self._peaks.pop(), node)
            carry >>= 1
        self._peaks.append(node)

    def root(self) -> bytes:
        """The RFC 6962 root over the leaves added so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def complete_root(level: bytes) -> bytes:
    """The root over 2^n joined hashes, a level at a time: several times as fast as one by one."""
    while len(level) > HASH_BYTES:
        level = b"".join(nodes_above(level))
    return level


def levels_of(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The nodes over one or more leaves level by level, the leaves first, the root last.

    A node without a sibling is carried up as it is.
    """
    levels = [list(leaves)]
    while len(level := levels[-1]) > 1:
        even = len(level) & ~1
        levels.append(nodes_above(b"".join(level[:even])) + level[even:])
    return levels


def nodes_above(level: bytes) -> list[bytes]:
    """The node over each pair of an even number of joined hashes."""
    copy, found = _NODE.copy, list[bytes]()
    add = found.append
    for (pair,) in _PAIRS(level):
        node = copy()
        node.update(pair)
        add(node.digest())
    return found


def subtrees_of(first: int, leaves: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """The complete subtrees, (level, root), that leaves from `first` on fill in any larger tree.

    Added in this order (`RootAccumulator.append_subtree`) they stand for the leaves.
    """
    found: list[tuple[int, bytes]] = []
    at, end = first, first + len(leaves)
    while at < end:
        # As large as its place allows, and no larger than what is left.
        level = (end - at).bit_length() - 1
        if at:
            level = min(level, (at & -at).bit_length() - 1)
        begin = at - first
        found.append((level, complete_root(b"".join(leaves[begin : begin + (1 << level)]))))
        at += 1 << level
    return found


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The RFC 6962 root of a list of leaf hashes."""
    for leaf in leaves:
        _check_hash(leaf)
    accumulator = RootAccumulator()
    for subtree in subtrees_of(0, leaves):
        accumulator.append_subtree(*subtree)
    return accumulator.root()


def prove_all_inclusions(leaves: Sequence[bytes]) -> tuple[bytes, list[tuple[bytes, ...]]]:
    """Root and, for each leaf, its inclusion proof (sibling first), in O(n log n)."""
    for leaf in leaves:
        _check_hash(leaf)
    if not leaves:
        return EMPTY_ROOT, []
    levels = levels_of(leaves)
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


def _ranges_of_inclusion(at: int, size: int) -> Iterator[tuple[int, int]]:
    """The leaf ranges whose roots make the proof of leaf `at` (RFC 6962 section 2.1.1), root's
    child first."""
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if at < middle:
            yield middle, end
            end = middle
        else:
            yield begin, middle
            begin = middle


def _ranges_of_consistency(old: int, size: int) -> Iterator[tuple[int, int]]:
    """The same for a consistency proof (RFC 6962 section 2.1.2, SUBPROOF), 0 < old < size."""
    begin, end = 0, size
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            yield middle, end
            end = middle
        else:
            yield begin, middle
            begin = middle
    if begin:
        yield begin, end


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _root_of_range(begin: int, end: int, read_node: NodeReader) -> bytes:
    """The root over some leaves of a tree that RFC 6962 hashes together."""
    root = b""
    while begin < end:
        # From the right: the smallest complete subtree that ends here.
        level = ((end - begin) & (begin - end)).bit_length() - 1
        end -= 1 << level
        node = read_node(level, end >> level)
        _check_hash(node)
        root = node_hash(node, root) if root else node
    return root


def read_root(size: int, read_node: NodeReader) -> bytes:
    """The root of a tree of `size` leaves from its complete subtrees, O(log size) of them."""
    return _root_of_range(0, size, read_node) if size else EMPTY_ROOT


def prove_inclusion(at: int, size: int, read_node: NodeReader) -> tuple[bytes, ...]:
    """The inclusion proof of leaf `at` in a tree of `size`, sibling first.

    What was read is not checked: `check_inclusion` against a signed root does that.
    """
    if not 0 <= at < size:
        msg = f"position {at} lies outside a tree of {size}"
        raise ProofError(msg)
    ranges = list(_ranges_of_inclusion(at, size))
    return tuple(_root_of_range(*leaves, read_node) for leaves in reversed(ranges))


def prove_consistency(old: int, size: int, read_node: NodeReader) -> tuple[bytes, ...]:
    """The proof that the tree of `size` begins with the tree of `old`; unchecked like the other."""
    if not 0 <= old <= size:
        msg = f"a tree of {size} does not begin with one of {old}"
        raise ProofError(msg)
    ranges = list(_ranges_of_consistency(old, size)) if 0 < old < size else []
    return tuple(_root_of_range(*leaves, read_node) for leaves in reversed(ranges))


def check_consistency(
    old: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]
) -> None:
    """Raise `ProofError` unless `path` proves that the tree of `size` under `root` begins with the
    tree of `old` under `old_root` (RFC 9162 section 2.1.4.2).

    The empty tree is consistent with any, and then there is nothing to prove (C2SP tlog-witness).
    """
    for value in (old_root, root, *path):
        _check_hash(value)
    if not 0 <= old <= size:
        msg = f"a tree of {size} does not begin with one of {old}"
        raise ProofError(msg)
    if old in {0, size}:
        expected = EMPTY_ROOT if old == 0 else root
        if path or old_root != expected or (size == 0 and root != EMPTY_ROOT):
            msg = f"from {old} to {size} the old root is {expected.hex()} and the proof empty"
            raise ProofError(msg)
        return
    if len(path) != _consistency_length(old, size):
        msg = f"proof has {len(path)} hashes, expected {_consistency_length(old, size)}"
        raise ProofError(msg)
    found_old, found = _roots_from_consistency(old, size, old_root, path)
    if (found_old, found) != (old_root, root):
        msg = (
            f"proof leads from {found_old.hex()} to {found.hex()}, "
            f"expected {old_root.hex()} to {root.hex()}"
        )
        raise ProofError(msg)


def _consistency_length(old: int, size: int) -> int:
    """How many hashes the proof from `old` to `size` has, 0 < old < size."""
    return sum(1 for _ in _ranges_of_consistency(old, size))


def _roots_from_consistency(
    old: int, size: int, old_root: bytes, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Both roots that a proof of the right length leads to, 0 < old < size."""
    # A complete old tree is itself a node of the new one, and the proof leaves it out.
    first, *rest = path if old & (old - 1) else (old_root, *path)
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    found_old = found = first
    for sibling in rest:
        if place & 1 or place == last:
            found_old, found = node_hash(sibling, found_old), node_hash(sibling, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return found_old, found
