"""Tiles and bundles: Tessera's log, the specification's numbers, what Go makes of 70 000."""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ledger.core.checkpoint import parse_checkpoint
from ledger.core.merkle import (
    ProofError,
    check_consistency,
    check_inclusion,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    read_root,
    root_of,
)
from ledger.core.note import parse_note
from ledger.core.tiles import (
    ENTRIES,
    GrowingTree,
    Tile,
    TileError,
    check_bundle,
    decode_bundle,
    encode_bundle,
    grown_tiles,
    nodes_of_tiles,
    parse_tile_path,
    read_tile,
    width_at,
)

HERE = Path(__file__).parent
TESSERA: dict[str, Any] = json.loads((HERE / "tessera_log.json").read_text(encoding="utf-8"))

# The tree over "entry 0" … "entry 69999", by golang.org/x/mod/sumdb/tlog v0.43.0: its root, SHA-256
# over its sorted tiles and over two proofs, and the tiles that a growth from 300 to 66 000 writes.
GO_SIZE = 70_000
GO_ROOT = "a3920fba7f239a071a9bd10721f1341addefbaededb41c7e24437a9d16bdf00a"
GO_TILES = "11a4bee752ce182803295e06b7d016a5b8cbd2f71edb91e919637e28d0a5fae2"
GO_INCLUSION_12345 = "c2c267fa58479cfddaafb588b128dd83de6fe1b84c1979b8e5651fe0318cd8e6"
GO_CONSISTENCY_50000 = "355f2df002c021bb4cbd7f8e913b8e11537af39ae085796088659a698bfa9ccc"
GO_GROWTH = "9b9ffc7abd68d05198e4a40812de4462d726acb0c6315bed1ba74b0c98516f6b"

Files = dict[Tile, bytes]


def leaf(at: int) -> bytes:
    return leaf_hash(b"entry %d" % at)


def grow(tree: GrowingTree, files: Files, size: int) -> None:
    """Write what a checkpoint at `size` needs, as the sealer does."""
    for at in range(tree.size, size):
        files.update(tree.append(leaf(at)))
    files.update(tree.partial_tiles())


@pytest.fixture(scope="module")
def large() -> tuple[GrowingTree, Files]:
    tree, files = GrowingTree(), {}
    grow(tree, files, GO_SIZE)
    return tree, files


def digest_of_lines(lines: list[str]) -> str:
    return sha256("".join(sorted(lines)).encode()).hexdigest()


def test_the_tree_of_seventy_thousand_is_the_one_that_go_makes(large) -> None:
    tree, files = large
    assert tree.root().hex() == GO_ROOT
    assert set(files) == {tile for tile in grown_tiles(0, GO_SIZE) if tile.level != ENTRIES}
    assert len(files) == 273 + 1 + 1 + 1 + 1
    assert {Tile(0, 273, 112), Tile(1, 0, 256), Tile(1, 1, 17), Tile(2, 0, 1)} < set(files)
    made = digest_of_lines(
        [
            f"{tile.level} {tile.number} {tile.width} {sha256(data).hexdigest()}\n"
            for tile, data in files.items()
        ]
    )
    assert made == GO_TILES


def test_its_proofs_are_those_that_go_makes(large) -> None:
    _, files = large
    nodes, root = nodes_of_tiles(files.get, GO_SIZE), bytes.fromhex(GO_ROOT)
    assert read_root(GO_SIZE, nodes) == root
    inclusion = prove_inclusion(12_345, GO_SIZE, nodes)
    assert sha256(b"".join(inclusion)).hexdigest() == GO_INCLUSION_12345
    check_inclusion(12_345, GO_SIZE, leaf(12_345), inclusion, root)
    consistency = prove_consistency(50_000, GO_SIZE, nodes)
    assert sha256(b"".join(consistency)).hexdigest() == GO_CONSISTENCY_50000
    # The older root comes from the newer tree's tiles: partial ones of 50 000 were never written.
    older = read_root(50_000, nodes_of_tiles(files.get, 50_000))
    assert older == root_of([leaf(at) for at in range(50_000)])
    check_consistency(50_000, GO_SIZE, older, root, consistency)


def test_a_growth_writes_what_go_writes() -> None:
    grown = list(grown_tiles(300, 66_000))
    bundles = [tile for tile in grown if tile.level == ENTRIES]
    assert grown[: len(bundles)] == bundles
    assert [tile._replace(level=0) for tile in bundles] == [
        tile for tile in grown if tile.level == 0
    ]
    made = digest_of_lines(
        [f"{tile.level} {tile.number} {tile.width}\n" for tile in grown[len(bundles) :]]
    )
    assert made == GO_GROWTH


def test_small_growths_by_the_specification() -> None:
    assert list(grown_tiles(0, 0)) == list(grown_tiles(7, 7)) == []
    assert list(grown_tiles(0, 256)) == [
        Tile(ENTRIES, 0, 256),
        Tile(0, 0, 256),
        Tile(1, 0, 1),
    ]
    assert list(grown_tiles(256, 257)) == [Tile(ENTRIES, 1, 1), Tile(0, 1, 1)]
    assert list(grown_tiles(255, 257)) == [
        Tile(ENTRIES, 0, 256),
        Tile(ENTRIES, 1, 1),
        Tile(0, 0, 256),
        Tile(0, 1, 1),
        Tile(1, 0, 1),
    ]
    for old, size in ((-1, 5), (6, 5)):
        with pytest.raises(TileError):
            list(grown_tiles(old, size))
    with pytest.raises(TileError):
        GrowingTree().append(bytes(31))


def test_a_tree_grown_in_steps_from_its_own_tiles_writes_exactly_what_each_step_needs() -> None:
    files: Files = {}
    root = GrowingTree().root()
    steps = [0, 1, 2, 255, 256, 257, 511, 512, 700, 65_535, 65_536, 65_537, 65_800]
    for old, size in pairwise(steps):
        tree, written = GrowingTree.resume(files.get, old, root), {}
        grow(tree, written, size)
        needed = {tile for tile in grown_tiles(old, size) if tile.level != ENTRIES}
        # A partial tile that did not grow is the same file again.
        assert needed <= set(written)
        assert all(files[tile] == written[tile] for tile in set(written) - needed)
        files.update(written)
        older, root = root, tree.root()
        nodes = nodes_of_tiles(files.get, size)
        assert read_root(size, nodes) == root
        check_consistency(old, size, older, root, prove_consistency(old, size, nodes))
        for at in {0, old, size // 2, size - 1}:
            check_inclusion(at, size, leaf(at), prove_inclusion(at, size, nodes), root)
    assert root == root_of([leaf(at) for at in range(steps[-1])])


def test_what_a_growing_tree_holds_and_what_a_proof_reads_does_not_grow_with_the_log(large) -> None:
    tree, files = large
    assert sum(map(len, tree._edge)) == 112 + 17 + 1
    reads: list[Tile] = []

    def counted(tile: Tile) -> bytes | None:
        reads.append(tile)
        return files.get(tile)

    prove_inclusion(12_345, GO_SIZE, nodes_of_tiles(counted, GO_SIZE))
    assert len(reads) == len(set(reads)) <= 5
    reads.clear()
    GrowingTree.resume(counted, GO_SIZE, bytes.fromhex(GO_ROOT))
    assert reads == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]


def test_every_small_tree_from_tiles() -> None:
    tree, files = GrowingTree(), {}
    for size in range(1, 66):
        grow(tree, files, size)
        nodes = nodes_of_tiles(files.get, size)
        leaves = [leaf(at) for at in range(size)]
        assert read_root(size, nodes) == tree.root() == root_of(leaves)
        for at in range(size):
            check_inclusion(at, size, leaves[at], prove_inclusion(at, size, nodes), tree.root())
        for old in range(size):
            path = prove_consistency(old, size, nodes)
            check_consistency(old, size, root_of(leaves[:old]), tree.root(), path)


def test_every_flipped_byte_of_a_tile_is_found() -> None:
    tree, files = GrowingTree(), {}
    grow(tree, files, 260)
    root, size = tree.root(), tree.size
    for tile, data in files.items():
        for at in range(len(data)):
            rotten = dict(files)
            rotten[tile] = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            if tile.width < 256:
                with pytest.raises(TileError):
                    GrowingTree.resume(rotten.get, size, root)
            elif at % 32 == 5:
                # The root of a resumed tree comes from partial tiles; a proof that needs this hash
                # is that of the leaf beside it.
                beside = (at // 32) ^ 1
                path = prove_inclusion(beside, size, nodes_of_tiles(rotten.get, size))
                with pytest.raises(ProofError):
                    check_inclusion(beside, size, leaf(beside), path, root)


def test_a_full_tile_stands_in_for_a_partial_one_that_was_removed() -> None:
    tree, files = GrowingTree(), {}
    grow(tree, files, 300)
    assert read_tile(files.get, Tile(0, 0, 17)) == files[Tile(0, 0, 256)][: 17 * 32]
    for tile, data in (
        (Tile(0, 1, 43), None),
        (Tile(0, 1, 44), files[Tile(0, 1, 44)][:-1]),
        (Tile(0, 1, 44), files[Tile(0, 1, 44)] + bytes(32)),
        (Tile(0, 0, 256), b""),
        (Tile(0, 0, 17), b""),
    ):
        with pytest.raises(TileError):
            read_tile({tile: data}.get, tile)
    with pytest.raises(TileError):
        read_tile({Tile(0, 1, 256): bytes(32 * 255)}.get, Tile(0, 1, 44))


def test_tesseras_files_are_ours() -> None:
    entries = [text.encode() for text in TESSERA["leaves"]]
    for path, text in TESSERA["files"].items():
        data, tile = bytes.fromhex(text), parse_tile_path(path)
        assert tile.path() == path
        assert tile.width == width_at(tile.level, 0, tile.width)
        if tile.level == ENTRIES:
            assert data == encode_bundle(entries[: tile.width])
            hashes = bytes.fromhex(TESSERA["files"][tile._replace(level=0).path()])
            assert check_bundle(data, hashes) == entries[: tile.width]
        else:
            checkpoint = parse_checkpoint(
                parse_note(TESSERA["checkpoints"][tile.width].encode()).text
            )
            GrowingTree.resume({tile: data}.get, checkpoint.size, checkpoint.root)


def test_every_flipped_byte_of_a_bundle_is_found() -> None:
    bundle = bytes.fromhex(TESSERA["files"]["tile/entries/000.p/15"])
    hashes = bytes.fromhex(TESSERA["files"]["tile/0/000.p/15"])
    for at in range(len(bundle)):
        for bit in (1, 0x80):
            with pytest.raises(TileError):
                check_bundle(bundle[:at] + bytes([bundle[at] ^ bit]) + bundle[at + 1 :], hashes)
    for wrong in (b"", bundle[:-1], bundle + b"\0", bundle + b"\0\0"):
        with pytest.raises(TileError):
            check_bundle(wrong, hashes)


def test_bundles_hold_empty_and_largest_entries() -> None:
    entries = [b"", bytes(65_535), b"x"]
    assert decode_bundle(encode_bundle(entries), 3) == entries
    with pytest.raises(TileError):
        encode_bundle([bytes(65_536)])
    with pytest.raises(TileError):
        decode_bundle(encode_bundle(entries), 2)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 5, 256), "tile/0/005"),
        (Tile(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (Tile(63, 0, 1), "tile/63/000.p/1"),
        (Tile(1, 1_000, 255), "tile/1/x001/000.p/255"),
        (Tile(ENTRIES, 999, 256), "tile/entries/999"),
        (Tile(ENTRIES, 1_234_067, 3), "tile/entries/x001/x234/067.p/3"),
    ],
)
def test_paths(tile: Tile, path: str) -> None:
    assert tile.path() == path
    assert parse_tile_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/tile/0/000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/005",
        "tile/0/001/005",
        "tile/0/x001/x005",
        "tile/0/000.p/0",
        "tile/0/000.p/05",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/0/../000",
        "tile/entry/000",
        "tile/0/٠٠٠",
    ],
)
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(TileError):
        parse_tile_path(path)
