"""Published trees: each file that is changed, cut, swapped or missing is named, and no other."""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import sha256

import pytest

from ledger.core.findings import Verdict
from ledger.core.merkle import leaf_hash, root_of
from ledger.core.tiles import (
    ENTRIES,
    GrowingTree,
    Tile,
    decode_bundle,
    encode_bundle,
    grown_tiles,
    width_at,
)
from ledger.entry.tile_check import TreeCheck, bundle_count, bundle_facts

Files = dict[Tile, bytes]


def entries_of(size: int) -> list[bytes]:
    return [b"entry %d %s" % (n, sha256(b"%d" % n).digest()[: n % 7]) for n in range(size)]


def tree_of(entries: list[bytes]) -> Files:
    """The files that a tree of these entries demands."""
    tree = GrowingTree()
    tiles: Files = {}
    for entry in entries:
        tiles.update(tree.append(leaf_hash(entry)))
    tiles.update(tree.partial_tiles())
    demanded = list(grown_tiles(0, len(entries)))
    for tile in demanded:
        if tile.level == ENTRIES:
            first = tile.number * 256
            tiles[tile] = encode_bundle(entries[first : first + tile.width])
    assert set(tiles) == set(demanded)
    return tiles


def check(files: Files, size: int, root: bytes) -> TreeCheck:
    found = TreeCheck(files.get, "log.example/0", size, root)
    for number in range(bundle_count(size)):
        facts, _ = bundle_facts(files.get, number, size)
        found.add(facts)
    found.root = found.finish()  # type: ignore[attr-defined]
    return found


def named(files: Files, size: int, root: bytes) -> dict[str, tuple[str, int]]:
    """Of each file that is named, with which code and at which index."""
    findings = check(files, size, root).findings()
    assert all(finding.verdict is Verdict.FAILED for finding in findings)
    return {f.message.partition(":")[0]: (f.code, f.index) for f in findings}


def first_entry(tile: Tile, at: int) -> int:
    """The first entry that byte `at` of a tile is about."""
    return (tile.number * 256 + at // 32) << (8 * tile.level)


def place_of(entries: list[bytes], at: int) -> tuple[int, bool]:
    """The entry of a bundle in which byte `at` lies, and whether it is one of its length."""
    begin = place = 0
    while at >= begin + 2 + len(entries[place]):
        begin += 2 + len(entries[place])
        place += 1
    return place, at < begin + 2


SMALL = [1, 2, 3, 4, 5]
AROUND = [255, 256, 257, 300, 512, 513]


@pytest.mark.parametrize("size", [*SMALL, *AROUND, 70_000])
def test_a_whole_tree_leads_to_its_root_and_is_counted(size: int) -> None:
    entries = entries_of(size)
    files = tree_of(entries)
    root = root_of([leaf_hash(entry) for entry in entries])
    found = check(files, size, root)
    assert (found.findings(), found.root) == ([], root)  # type: ignore[attr-defined]
    bundles = sum(tile.level == ENTRIES for tile in files)
    assert [step.checked for step in found.steps()] == [bundles, len(files) - bundles]
    assert {step.verdict for step in found.steps()} == {Verdict.PASSED}


@pytest.mark.parametrize("size", SMALL)
def test_every_flipped_byte_of_every_file_names_that_file(size: int) -> None:
    entries = entries_of(size)
    files = tree_of(entries)
    root = root_of([leaf_hash(entry) for entry in entries])
    for tile, data in files.items():
        for at in range(len(data)):
            for mask in (1, 0x80):
                flipped = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
                found = named({**files, tile: flipped}, size, root)
                assert set(found) == {tile.path()}, (tile, at)
                code, index = found[tile.path()]
                assert code == "tile.rotten"
                if tile.level != ENTRIES:
                    assert index == first_entry(tile, at)


@pytest.mark.parametrize("size", AROUND)
def test_a_flipped_byte_anywhere_names_that_file_and_its_entry(size: int) -> None:
    entries = entries_of(size)
    files = tree_of(entries)
    root = root_of([leaf_hash(entry) for entry in entries])
    draw = random.Random(size)
    for tile, data in files.items():
        places = range(len(data)) if len(data) <= 64 else draw.sample(range(len(data)), 24)
        for at in places:
            flipped = data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]
            found = named({**files, tile: flipped}, size, root)
            assert set(found) == {tile.path()}, (tile, at)
            if tile.level != ENTRIES:
                assert found[tile.path()] == ("tile.rotten", first_entry(tile, at))
                continue
            place, is_length = place_of(decode_bundle(data, tile.width), at)
            # A changed length moves whatever stands behind it.
            assert is_length or found[tile.path()][1] == tile.number * 256 + place


def cut(entries: list[bytes]) -> list[bytes]:
    return entries[:-1]


def doubled(entries: list[bytes]) -> list[bytes]:
    return [entries[0], *entries]


def swapped(entries: list[bytes]) -> list[bytes]:
    return [entries[-1], *entries[1:-1], entries[0]]


def inserted(entries: list[bytes]) -> list[bytes]:
    middle = len(entries) // 2
    return [*entries[:middle], b"another", *entries[middle:]]


def replaced(entries: list[bytes]) -> list[bytes]:
    return [*entries[:-1], b"another"]


@pytest.mark.parametrize("size", [2, 3, 5, 256, 300, 513])
@pytest.mark.parametrize("how", [cut, doubled, swapped, inserted, replaced])
def test_entries_of_a_bundle_in_another_order_or_number(
    size: int, how: Callable[[list[bytes]], list[bytes]]
) -> None:
    entries = entries_of(size)
    files = tree_of(entries)
    root = root_of([leaf_hash(entry) for entry in entries])
    for number in range(bundle_count(size)):
        tile = Tile(ENTRIES, number, width_at(ENTRIES, number, size))
        whole = decode_bundle(files[tile], tile.width)
        if how(whole) == whole:
            continue
        found = named({**files, tile: encode_bundle(how(whole))}, size, root)
        assert set(found) == {tile.path()}


@pytest.mark.parametrize("size", [2, 5, 256, 300, 513])
@pytest.mark.parametrize("how", [doubled, swapped, inserted, replaced])
def test_a_tree_that_is_whole_but_of_other_entries_leads_to_another_root(
    size: int, how: Callable[[list[bytes]], list[bytes]]
) -> None:
    entries = entries_of(size)
    root = root_of([leaf_hash(entry) for entry in entries])
    other = how(entries)[:size]
    found = check(tree_of(other), size, root)
    assert found.findings() == []
    assert found.root == root_of([leaf_hash(entry) for entry in other])  # type: ignore[attr-defined]
    assert found.root != root  # type: ignore[attr-defined]


def test_a_flipped_byte_of_the_upper_levels() -> None:
    entries = entries_of(66_000)
    files = tree_of(entries)
    root = root_of([leaf_hash(entry) for entry in entries])
    for tile, at in ((Tile(1, 0, 256), 8_000), (Tile(1, 1, 1), 5), (Tile(2, 0, 1), 31)):
        data = files[tile]
        flipped = data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]
        found = named({**files, tile: flipped}, 66_000, root)
        assert found == {tile.path(): ("tile.rotten", first_entry(tile, at))}


@pytest.mark.parametrize("size", [1, 5, 255, 256, 300, 513, 66_000])
def test_every_missing_file_is_named(size: int) -> None:
    entries = entries_of(size)
    files = tree_of(entries)
    root = root_of([leaf_hash(entry) for entry in entries])
    tiles = list(files)
    if size > 65_536:
        tiles = [*random.Random(1).sample(tiles, 2), *(tile for tile in files if tile.level > 0)]
    for tile in tiles:
        without = {other: data for other, data in files.items() if other != tile}
        found = check(without, size, root)
        assert [f.code for f in found.findings()] == ["tile.missing"], tile
        assert found.findings()[0].message.startswith(f"{tile.path()}:")
        assert found.root == root  # type: ignore[attr-defined]
        short = named({**files, tile: files[tile][:-1]}, size, root)
        assert set(short) == {tile.path()}


def test_the_full_file_stands_for_a_partial_one_that_was_removed() -> None:
    entries = entries_of(300)
    files = tree_of(entries)
    root = root_of([leaf_hash(entry) for entry in entries[:280]])
    full = tree_of(entries_of(512))
    grown = {tile: data for tile, data in full.items() if tile.level <= 0}
    grown[Tile(1, 0, 1)] = files[Tile(1, 0, 1)]
    assert named(grown, 280, root) == {}


def test_bundle_and_tile_changed_alike_are_both_named() -> None:
    entries = entries_of(513)
    files = tree_of(entries)
    root = root_of([leaf_hash(entry) for entry in entries])
    other = [*entries[:256], b"another", *entries[257:]]
    changed = tree_of(other)
    bundle, tile = Tile(ENTRIES, 1, 256), Tile(0, 1, 256)
    found = named({**files, bundle: changed[bundle], tile: changed[tile]}, 513, root)
    assert set(found) == {bundle.path(), tile.path()}


def test_two_rotten_files_are_both_named_and_a_whole_level_can_be_lost() -> None:
    entries = entries_of(513)
    files = tree_of(entries)
    root = root_of([leaf_hash(entry) for entry in entries])
    bundle, tile = Tile(ENTRIES, 0, 256), Tile(0, 1, 256)
    changed = {
        **files,
        bundle: files[bundle][:-1] + b"?",
        tile: files[tile][:40] + b"?" + files[tile][41:],
    }
    assert named(changed, 513, root) == {
        bundle.path(): ("tile.rotten", 255),
        tile.path(): ("tile.rotten", 257),
    }
    no_tiles = {tile: data for tile, data in files.items() if tile.level == ENTRIES}
    lost = {tile.path() for tile in files if tile.level != ENTRIES}
    assert set(named(no_tiles, 513, root)) == lost


def test_a_size_that_is_not_that_of_the_tree_ends_soon() -> None:
    files = tree_of(entries_of(5))
    found = TreeCheck(files.get, "log.example/0", 2**60, bytes(32))
    number = 0
    while not found.is_hopeless:
        facts, _ = bundle_facts(files.get, number, 2**60)
        found.add(facts)
        number += 1
    assert number < 2_000
    assert found.finish() is None
    assert [finding.code for finding in found.findings()] == ["tile.missing"]
