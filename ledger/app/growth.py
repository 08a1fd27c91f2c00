"""Growing a published tree by the entries of one checkpoint, and reading back what was written.

Each bundle is written before the tile of its hashes and each tile before the one above it. What is
held meanwhile is one open bundle and the right edge of the tree, however many entries come.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import HASH_BYTES, prove_consistency
from ledger.core.tiles import (
    ENTRIES,
    WIDTH_MAX,
    GrowingTree,
    Tile,
    TileError,
    check_bundle,
    encode_bundle,
    grown_tiles,
    nodes_of_tiles,
    read_tile,
    width_at,
)


class TreeFiles(Protocol):
    """Where the tiles and bundles of one tree are kept; what is there is never changed."""

    def read(self, tile: Tile) -> bytes | None:
        """The bytes of a tile or bundle; None where there is none."""

    def write(self, tile: Tile, data: bytes) -> None:
        """Keep a tile or bundle; raises `FindingError` where it is there with other bytes."""

    def sync(self) -> None:
        """Everything written is there after a power cut when this returns."""


def grow(
    files: TreeFiles, origin: str, size: int, root: bytes, entries: Iterable[tuple[bytes, bytes]]
) -> tuple[int, bytes]:
    """Write what a tree of `size` under `root` grows into by `entries` (bytes and leaf hash), and
    give the new size and root.

    The root is that of the bytes as they were read back, hashed anew. Raises `FindingError`
    (`tile.mismatch`) where what is published does not lead to `root`, or not to what was hashed on
    the way in.
    """
    try:
        tree = GrowingTree.resume(files.read, size, root)
        bundle = _open_bundle(files, size)
        for data, leaf in entries:
            bundle.append(data)
            full = tree.append(leaf)
            if len(bundle) == WIDTH_MAX:
                number = tree.size // WIDTH_MAX - 1
                files.write(Tile(ENTRIES, number, WIDTH_MAX), encode_bundle(bundle))
                bundle.clear()
            for tile, hashes in full:
                files.write(tile, hashes)
        if tree.size == size:
            return size, root
        if bundle:
            number = tree.size // WIDTH_MAX
            files.write(Tile(ENTRIES, number, len(bundle)), encode_bundle(bundle))
        for tile, hashes in tree.partial_tiles():
            files.write(tile, hashes)
        files.sync()
        found = _root_as_written(files, size, root, tree.size)
    except TileError as error:
        raise mismatch(origin, str(error)) from error
    if found != tree.root():
        msg = f"what was written leads to {found.hex()}, what was read to {tree.root().hex()}"
        raise mismatch(origin, msg)
    return tree.size, found


def _open_bundle(files: TreeFiles, size: int) -> list[bytes]:
    """The entries of the bundle at the right edge, which fit their hashes; none at a full one."""
    number, width = divmod(size, WIDTH_MAX)
    if not width:
        return []
    hashes = read_tile(files.read, Tile(0, number, width))
    return check_bundle(_read(files, Tile(ENTRIES, number, width)), hashes)


def _read(files: TreeFiles, tile: Tile) -> bytes:
    data = files.read(tile)
    if data is None:
        msg = f"{tile.path()} is not there"
        raise TileError(msg)
    return data


def _root_as_written(files: TreeFiles, size: int, root: bytes, grown: int) -> bytes:
    """The root of the tree of `grown` from its files alone: each new entry hashed again, each new
    tile compared with what the entries give."""
    tree = GrowingTree.resume(files.read, size, root)
    for bundle in grown_tiles(size, grown):
        if bundle.level != ENTRIES:
            break
        first = bundle.number * WIDTH_MAX
        hashes = _read(files, Tile(0, bundle.number, width_at(0, bundle.number, grown)))
        check_bundle(_read(files, bundle), hashes)
        for at in range(max(size - first, 0), bundle.width):
            for tile, expected in tree.append(hashes[at * HASH_BYTES : (at + 1) * HASH_BYTES]):
                _compare(files, tile, expected)
    for tile, expected in tree.partial_tiles():
        _compare(files, tile, expected)
    return tree.root()


def _compare(files: TreeFiles, tile: Tile, expected: bytes) -> None:
    if _read(files, tile) != expected:
        msg = f"{tile.path()} does not hold the hashes of what lies below it"
        raise TileError(msg)


def prove_growth(files: TreeFiles, origin: str, old: int, size: int) -> tuple[bytes, ...]:
    """The consistency proof from a tree of `old` to one of `size`, from the published tiles.

    Raises `FindingError` where they give none.
    """
    try:
        return prove_consistency(old, size, nodes_of_tiles(files.read, size))
    except TileError as error:
        raise mismatch(origin, str(error)) from error


def mismatch(origin: str, message: str) -> FindingError:
    """The published tree of `origin` is not that of its checkpoint."""
    return FindingError(
        Finding(
            code="tile.mismatch",
            verdict=Verdict.FAILED,
            message=f"the published tree does not fit: {message}",
            origin=origin,
            expected="tiles and bundles that lead to the root that was signed",
            next_step="nothing was signed; keep the files, then restore them from a backup or pal "
            "verify",
        )
    )
