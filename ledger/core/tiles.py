"""The static tree of a log as files (C2SP tlog-tiles): tiles, entry bundles, roots and proofs.

A full tile holds 256 hashes; each hash of a tile above is the root of a full tile below. Files
never change: the rest of a level that is not full yet is a partial tile, named by its width.
Nothing here opens a file: a reader function gives a tile's bytes, a `GrowingTree` says what to
write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from ledger.core.merkle import (
    HASH_BYTES,
    NodeReader,
    ProofError,
    complete_root,
    leaf_hash,
    read_root,
)

WIDTH_MAX: Final = 256
LEVEL_MAX: Final = 63
ENTRIES: Final = -1
"""The level that stands for entry bundles; a bundle holds the entries of the tile of level 0 with
the same number and width."""

ENTRY_BYTES_MAX: Final = 65_535
"""An entry in a bundle stands behind two bytes with its length."""

_LEVEL_BITS: Final = 8
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<number>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class TileError(ProofError):
    """A tile or bundle that is missing, has another size than it must, or leads to another root."""


class Tile(NamedTuple):
    """One file of the tree: `width` hashes (or entries), 1 to 256; 256 is a full one."""

    level: int
    number: int
    width: int

    def path(self) -> str:
        """The file's path below the log's prefix: `tile/0/x001/234.p/17`."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        groups = [f"{self.number % 1000:03d}"]
        rest = self.number // 1000
        while rest:
            groups.append(f"x{rest % 1000:03d}")
            rest //= 1000
        partial = f".p/{self.width}" if self.width < WIDTH_MAX else ""
        return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"

    def full(self) -> Tile:
        """The full tile that takes this one's place once the tree has grown."""
        return self._replace(width=WIDTH_MAX)


TileReader = Callable[[Tile], bytes | None]
"""The bytes of a tile, or None where there is no such file."""


def parse_tile_path(path: str) -> Tile:
    """The tile whose path is exactly `path`; raises `TileError` otherwise."""
    found = _PATH.fullmatch(path)
    if found is not None:
        level = ENTRIES if found["level"] == "entries" else int(found["level"])
        number = int(found["number"].replace("x", "").replace("/", ""))
        tile = Tile(level, number, int(found["width"] or WIDTH_MAX))
        if level <= LEVEL_MAX and tile.path() == path:
            return tile
    msg = f"{path[:80]!r} is no path of a tile or bundle"
    raise TileError(msg)


def width_at(level: int, number: int, size: int) -> int:
    """How many hashes a tile has in a tree of `size`; 0 or less where there is no such tile."""
    return min(WIDTH_MAX, (size >> (_LEVEL_BITS * max(level, 0))) - number * WIDTH_MAX)


def grown_tiles(old: int, size: int) -> Iterator[Tile]:
    """What a tree that grows from `old` to `size` writes, in the order of publishing: bundles, then
    each level of tiles. Partial tiles of sizes in between, which no checkpoint names, are left out.
    """
    if not 0 <= old <= size:
        msg = f"a tree does not grow from {old} to {size}"
        raise TileError(msg)
    for level in range(ENTRIES, LEVEL_MAX + 1):
        bits = _LEVEL_BITS * max(level, 0)
        before, after = old >> bits, size >> bits
        if after == before:
            return
        for number in range(before // WIDTH_MAX, (after - 1) // WIDTH_MAX + 1):
            yield Tile(level, number, width_at(level, number, size))


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry behind its length in two bytes, big-endian."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > ENTRY_BYTES_MAX:
            msg = f"an entry of {len(entry)} bytes: more than {ENTRY_BYTES_MAX}"
            raise TileError(msg)
        parts += (len(entry).to_bytes(2), entry)
    return b"".join(parts)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """The `width` entries of a bundle; raises `TileError` unless it holds exactly so many."""
    entries = list[bytes]()
    add, at, last = entries.append, 0, len(data) - 2
    while at <= last:
        begin = at + 2
        at = begin + (data[at] << 8 | data[at + 1])
        add(data[begin:at])
    if at != len(data):
        msg = f"entry {len(entries) - 1} of a bundle ends at byte {at} of {len(data)}"
        raise TileError(msg)
    if len(entries) != width:
        msg = f"a bundle of {len(entries)} entries, expected {width}"
        raise TileError(msg)
    return entries


def read_tile(read: TileReader, tile: Tile) -> bytes:
    """The hashes of `tile`, joined; from the full tile where the partial one was removed."""
    data = read(tile)
    if data is None and tile.width < WIDTH_MAX:
        data = read(tile.full())
        if data is not None and len(data) == WIDTH_MAX * HASH_BYTES:
            return data[: tile.width * HASH_BYTES]
    if data is None:
        msg = f"{tile.path()} is not there"
        raise TileError(msg)
    if len(data) != tile.width * HASH_BYTES:
        msg = f"{tile.path()} has {len(data)} bytes, expected {tile.width * HASH_BYTES}"
        raise TileError(msg)
    return data


def nodes_of_tiles(read: TileReader, size: int) -> NodeReader:
    """Reads complete subtrees of a tree of `size` from its tiles, each tile once.

    For one root or proof: it keeps what it read, which is a few tiles for each level. Nothing is
    checked but sizes; `check_inclusion`, `check_consistency` or a signed root tell rot.
    """
    kept: dict[Tile, bytes] = {}

    def read_node(level: int, index: int) -> bytes:
        tile_level, above = divmod(level, _LEVEL_BITS)
        first = index << above
        number, place = divmod(first, WIDTH_MAX)
        tile = Tile(tile_level, number, width_at(tile_level, number, size))
        if tile not in kept:
            kept[tile] = read_tile(read, tile)
        begin, end = place * HASH_BYTES, (place + (1 << above)) * HASH_BYTES
        return complete_root(kept[tile][begin:end])

    return read_node


def split_hashes(data: bytes) -> list[bytes]:
    """The hashes of a tile, one by one."""
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


class GrowingTree:
    """The right edge of a tile tree, 255 hashes a level at most, however long the log is.

    `append` gives the full tiles that a leaf completes; `partial_tiles` what a checkpoint needs
    besides. Bundles are the caller's: it has the entries.
    """

    __slots__ = ("_edge", "size")

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[list[bytes]] = []

    @classmethod
    def resume(cls, read: TileReader, size: int, root: bytes) -> GrowingTree:
        """The tree of `size` under a checkpoint's `root`; raises `TileError` where the partial
        tiles lead to another root."""
        tree = cls()
        tree.size = size
        while size:
            level, width = len(tree._edge), size % WIDTH_MAX
            size //= WIDTH_MAX
            tile = Tile(level, size, width)
            tree._edge.append(split_hashes(read_tile(read, tile)) if width else [])
        found = tree.root()
        if found != root:
            msg = f"the tiles of size {tree.size} lead to {found.hex()}, expected {root.hex()}"
            raise TileError(msg)
        return tree

    def append(self, leaf: bytes) -> Iterable[tuple[Tile, bytes]]:
        """Add a leaf hash; the full tiles with their bytes, lowest first, and mostly none."""
        if len(leaf) != HASH_BYTES:
            msg = f"a hash has {HASH_BYTES} bytes, this one has {len(leaf)}"
            raise TileError(msg)
        self.size += 1
        full: list[tuple[Tile, bytes]] = []
        value, level = leaf, 0
        while True:
            if level == len(self._edge):
                self._edge.append([])
            hashes = self._edge[level]
            hashes.append(value)
            if len(hashes) < WIDTH_MAX:
                return full
            number = (self.size >> (_LEVEL_BITS * (level + 1))) - 1
            joined = b"".join(hashes)
            full.append((Tile(level, number, WIDTH_MAX), joined))
            value, level = complete_root(joined), level + 1
            hashes.clear()

    def partial_tiles(self) -> Iterator[tuple[Tile, bytes]]:
        """The tiles that are not full at this size, lowest level first."""
        for level, hashes in enumerate(self._edge):
            if hashes:
                number = self.size >> (_LEVEL_BITS * (level + 1))
                yield Tile(level, number, len(hashes)), b"".join(hashes)

    def root(self) -> bytes:
        """The RFC 6962 root at this size."""
        return read_root(self.size, nodes_of_tiles(dict(self.partial_tiles()).get, self.size))


def check_bundle(bundle: bytes, tile: bytes) -> list[bytes]:
    """The entries of a bundle whose leaf hashes are exactly those of its tile of level 0."""
    hashes = split_hashes(tile)
    entries = decode_bundle(bundle, len(hashes))
    for place, (entry, expected) in enumerate(zip(entries, hashes, strict=True)):
        found = leaf_hash(entry)
        if found != expected:
            msg = f"entry {place} of the bundle has leaf {found.hex()}, not {expected.hex()}"
            raise TileError(msg)
    return entries
