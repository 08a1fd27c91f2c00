"""From a signed root down the tiles of a tree: which files are missing or rotten, and where.

A tile is right where it leads to the hash that a right tile above holds for it. One that does not
is rotten; what it must hold is made from the files below it, where those lead to that hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from typing import Final

import msgspec

from ledger.core.merkle import HASH_BYTES, complete_root, leaf_hashes, read_root
from ledger.core.tiles import (
    ENTRIES,
    WIDTH_MAX,
    Tile,
    TileError,
    TileReader,
    decode_bundle,
    nodes_of_tiles,
    read_tile,
    split_hashes,
    width_at,
)

FAULTS_MAX: Final = 1_000
"""Files named; a tree with more of them is to be published anew."""


class TileFault(msgspec.Struct, frozen=True):
    """A file that is missing or rotten, and the first entry that it is wrong about."""

    tile: Tile
    is_missing: bool
    what: str
    index: int
    expected: str = ""
    actual: str = ""


def read_hashes(read: TileReader, tile: Tile) -> bytes:
    """The hashes of a tile; empty where it is missing or of another size."""
    try:
        return read_tile(read, tile)
    except TileError:
        return b""


def read_bundle(read: TileReader, number: int, size: int) -> tuple[list[bytes], str]:
    """The entries of a bundle; none, and why, where it cannot be read."""
    tile = Tile(ENTRIES, number, width_at(ENTRIES, number, size))
    data, width = read(tile), tile.width
    if data is None and width < WIDTH_MAX:
        # Once the full bundle is there the partial one may be removed.
        data, width = read(tile.full()), WIDTH_MAX
    if data is None:
        return [], "is not there"
    try:
        return decode_bundle(data, width)[: tile.width], ""
    except TileError as error:
        return [], str(error)


class Descent:
    """One tree of `size` under a signed root; `edge` holds its partial tiles as made from below."""

    def __init__(
        self, read: TileReader, size: int, root: bytes, edge: Mapping[Tile, bytes]
    ) -> None:
        self._read = read
        self._size = size
        self._root = root
        self._edge = edge
        self.is_of_root = False
        """Whether the partial tiles, as they lie or as made from below, lead to the root."""
        self._faults: list[TileFault] = []

    def run(self) -> list[TileFault]:
        """The faults, `FAULTS_MAX` at most."""
        edge = self._right_edge()
        self.is_of_root = edge is not None
        # Where nothing leads to the root, the files below are judged by the tiles as they lie.
        for tile, hashes in (self._edge_as_it_lies() if edge is None else edge).items():
            if edge is not None or not hashes:
                self._check_file(tile, hashes)
            if hashes:
                self._below(tile, hashes)
        return self._faults[:FAULTS_MAX]

    def _edge_as_it_lies(self) -> dict[Tile, bytes]:
        return {tile: read_hashes(self._read, tile) or made for tile, made in self._edge.items()}

    def _right_edge(self) -> dict[Tile, bytes] | None:
        """For each level the file or what was made from below, so that they lead to the root."""
        choices = [
            list(dict.fromkeys((read_hashes(self._read, tile) or made, made)))
            for tile, made in self._edge.items()
        ]
        for chosen in product(*choices):
            edge = dict(zip(self._edge, chosen, strict=True))
            with suppress(TileError):
                if read_root(self._size, nodes_of_tiles(edge.get, self._size)) == self._root:
                    return edge
        return None

    def _below(self, tile: Tile, hashes: bytes) -> None:
        """`tile` must hold `hashes`: check what each of them stands for."""
        if tile.level == 0:
            self._check_bundle(tile.number, hashes)
            return
        for place, expected in enumerate(split_hashes(hashes)):
            if len(self._faults) >= FAULTS_MAX:
                return
            child = Tile(tile.level - 1, tile.number * WIDTH_MAX + place, WIDTH_MAX)
            right = self._right_hashes(child, expected)
            if right is not None:
                self._check_file(child, right)
                self._below(child, right)
            elif child.level == 0:
                # Neither file leads to the hash above: both are rotten.
                self._name(child, "does not lead to the hash above it")
                self._name(Tile(ENTRIES, child.number, WIDTH_MAX), "nor does its tile")
            else:
                self._name(child, "does not lead to the hash above it, nor do the files below it")
                self._below(child, read_hashes(self._read, child) or self._made_below(child))

    def _right_hashes(self, tile: Tile, root: bytes) -> bytes | None:
        """What a full tile must hold: the file, or what the files below it lead to."""
        for hashes in self._candidates(tile):
            if len(hashes) == WIDTH_MAX * HASH_BYTES and complete_root(hashes) == root:
                return hashes
        return None

    def _candidates(self, tile: Tile) -> Iterator[bytes]:
        yield read_hashes(self._read, tile)
        yield self._made_below(tile)

    def _made_below(self, tile: Tile) -> bytes:
        if tile.level == 0:
            entries, _ = read_bundle(self._read, tile.number, self._size)
            return b"".join(leaf_hashes(entries))
        children = range(tile.number * WIDTH_MAX, (tile.number + 1) * WIDTH_MAX)
        below = [read_hashes(self._read, Tile(tile.level - 1, n, WIDTH_MAX)) for n in children]
        return b"".join(complete_root(hashes) for hashes in below if hashes)

    def _check_file(self, tile: Tile, right: bytes) -> None:
        found = read_hashes(self._read, tile)
        if found == right:
            return
        if not found:
            data = self._read(tile)
            self._name(tile, "is not there" if data is None else f"has {len(data)} bytes")
            return
        place, expected, actual = _first_difference(split_hashes(right), split_hashes(found))
        what = "holds a hash that the entries do not lead to"
        self._name(tile, what, place, expected.hex(), actual.hex())

    def _check_bundle(self, number: int, hashes: bytes) -> None:
        """A bundle against the leaf hashes that it must have."""
        tile = Tile(ENTRIES, number, width_at(ENTRIES, number, self._size))
        entries, fault = read_bundle(self._read, number, self._size)
        if fault:
            self._name(tile, fault)
            return
        found = leaf_hashes(entries)
        right = split_hashes(hashes)
        if found != right:
            place, expected, actual = _first_difference(right, found)
            what = "holds an entry that is not the one of the tree"
            self._name(tile, what, place, expected.hex(), actual.hex())

    def _name(
        self, tile: Tile, what: str, place: int = 0, expected: str = "", actual: str = ""
    ) -> None:
        index = (tile.number * WIDTH_MAX + place) * WIDTH_MAX ** max(tile.level, 0)
        is_missing = self._read(tile) is None
        self._faults.append(TileFault(tile, is_missing, what, index, expected, actual))


def _first_difference(right: list[bytes], found: list[bytes]) -> tuple[int, bytes, bytes]:
    pairs = enumerate(zip(right, found, strict=True))
    return next((place, one, other) for place, (one, other) in pairs if one != other)
