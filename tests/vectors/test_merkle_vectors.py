"""RFC 6962 hashing against the vectors of transparency-dev/merkle and Tessera's test log."""

from __future__ import annotations

from base64 import b64encode

import pytest

from ledger.core.merkle import (
    EMPTY_ROOT,
    ProofError,
    RootAccumulator,
    check_inclusion,
    inclusion_length,
    leaf_hash,
    node_hash,
    prove_all_inclusions,
    root_of,
)

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
TESSERA_LEAVES = (
    b"one two three four five six seven eit nain ten ileven twelf threeten fourten fivten".split()
)
TESSERA_ROOTS = {
    1: "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=",
    2: "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=",
    3: "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=",
    7: "IrSXADBqJ7EQoUODSDKROySgNveeL6CFhik2w/+fS7U=",
    12: "uZo6M+IhVna+CLgWCrJs0xBPUHbozHkYTQASduHSLME=",
    15: "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=",
}


def test_leaf_and_node_hashes() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == ROOTS[0]
    assert (
        leaf_hash(b"L123456").hex()
        == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    )
    assert (
        node_hash(b"N123", b"N456").hex()
        == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_of_the_reference_leaves(size: int) -> None:
    hashes = [leaf_hash(leaf) for leaf in LEAVES[:size]]
    assert root_of(hashes).hex() == ROOTS[size - 1]
    assert prove_all_inclusions(hashes)[0].hex() == ROOTS[size - 1]


@pytest.mark.parametrize("size", sorted(TESSERA_ROOTS))
def test_roots_of_tesseras_test_log(size: int) -> None:
    root = root_of([leaf_hash(leaf) for leaf in TESSERA_LEAVES[:size]])
    assert b64encode(root).decode() == TESSERA_ROOTS[size]


def test_every_inclusion_proof_of_small_trees_and_every_change_to_it() -> None:
    for size in range(1, 18):
        hashes = [leaf_hash(bytes([place])) for place in range(size)]
        root, paths = prove_all_inclusions(hashes)
        assert root == root_of(hashes)
        for at, path in enumerate(paths):
            assert len(path) == inclusion_length(at, size)
            check_inclusion(at, size, hashes[at], path, root)
            refused = [
                (at, size, hashes[at], (*path, root), root),
                (at, size, hashes[at], (root, *path), root),
                (at, size, leaf_hash(b"another"), path, root),
                (at, size, hashes[at], path, leaf_hash(b"another")),
                (at, size, b"", path, root),
                (at + size, size, hashes[at], path, root),
                (-1, size, hashes[at], path, root),
            ]
            refused += [(at ^ 1, size, hashes[at], path, root)] if size > 1 else []
            for place, item in enumerate(path):
                flipped = bytes([item[0] ^ 1]) + item[1:]
                refused += [
                    (at, size, hashes[at], (*path[:place], flipped, *path[place + 1 :]), root),
                    (at, size, hashes[at], (*path[:place], *path[place + 1 :]), root),
                    (at, size, hashes[at], (*path[:place], item[:31], *path[place + 1 :]), root),
                ]
            for arguments in refused:
                with pytest.raises(ProofError):
                    check_inclusion(*arguments)


def test_the_empty_root_and_leaf_forgery_is_refused() -> None:
    with pytest.raises(ProofError):
        check_inclusion(0, 1, b"", (), b"")


def test_one_flipped_bit_in_any_leaf_of_a_small_tree_changes_the_root() -> None:
    for size in range(1, 9):
        leaves = [bytes([place, place + 1]) for place in range(size)]
        root = root_of([leaf_hash(leaf) for leaf in leaves])
        for place in range(size):
            for bit in range(16):
                changed = bytearray(leaves[place])
                changed[bit // 8] ^= 1 << (bit % 8)
                others = [*leaves[:place], bytes(changed), *leaves[place + 1 :]]
                assert root_of([leaf_hash(leaf) for leaf in others]) != root


def test_a_hash_of_another_length_is_refused() -> None:
    with pytest.raises(ProofError):
        RootAccumulator().append(bytes(31))
