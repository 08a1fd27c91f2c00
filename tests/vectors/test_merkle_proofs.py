"""Inclusion and consistency proofs: published ones, those that Go makes, and every forgery."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from hashlib import sha256

import pytest

from ledger.core.merkle import (
    EMPTY_ROOT,
    ProofError,
    check_consistency,
    check_inclusion,
    leaf_hash,
    prove_all_inclusions,
    prove_consistency,
    prove_inclusion,
    read_root,
    root_of,
)

# From transparency-dev/merkle, testdata/consistency and testdata/inclusion, "happy path".
CONSISTENCIES = (
    (1, 8, "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c= Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4= a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ="),  # noqa: E501 - a vector as it was published
    (2, 5, "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4= vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms="),  # noqa: E501 - as above
    (6, 7, "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o= sIaT7C5yFZcTBkHoIR5+7cy0wmQTlj7ubB4u0W/7Gl8= 037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc="),  # noqa: E501 - as above
    (6, 8, "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o= yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA= 037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc="),  # noqa: E501 - as above
)  # fmt: skip
INCLUSIONS = (
    (0, 8, "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c= Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4= a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ="),  # noqa: E501 - as above
    (1, 5, "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0= Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4= vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms="),  # noqa: E501 - as above
    (5, 8, "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms= yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA= 037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc="),  # noqa: E501 - as above
)  # fmt: skip
REFERENCE = [
    leaf_hash(bytes.fromhex(text))
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
REFERENCE_ROOTS = {
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}

# Every proof of the trees of 1 to 65 leaves "entry 0", "entry 1", …, each after a line with its
# numbers, as golang.org/x/mod/sumdb/tlog v0.43.0 makes them: SHA-256 over all.
GO_INCLUSIONS = "af065ae8cda8c6c271b9ca99a49cbfb7137a2dafd66d8aee354486098e4e8fcc"
GO_CONSISTENCIES = "3a51ffec96cbb099f1bd140447393c2f60dc88b7c53c29a20782d40f0b35e9b6"
SIZE_MAX = 65
LEAVES = [leaf_hash(b"entry %d" % at) for at in range(SIZE_MAX)]
ROOTS = [root_of(LEAVES[:size]) for size in range(SIZE_MAX + 1)]


def node(level: int, index: int) -> bytes:
    return root_of(LEAVES[index << level : (index + 1) << level])


def reference_node(level: int, index: int) -> bytes:
    return root_of(REFERENCE[index << level : (index + 1) << level])


def decoded(proof: str) -> tuple[bytes, ...]:
    return tuple(b64decode(text) for text in proof.split())


@pytest.mark.parametrize(("at", "size", "proof"), INCLUSIONS)
def test_published_inclusion_proofs(at: int, size: int, proof: str) -> None:
    assert prove_inclusion(at, size, reference_node) == decoded(proof)
    root = bytes.fromhex(REFERENCE_ROOTS[size])
    check_inclusion(at, size, REFERENCE[at], decoded(proof), root)


@pytest.mark.parametrize(("old", "size", "proof"), CONSISTENCIES)
def test_published_consistency_proofs(old: int, size: int, proof: str) -> None:
    assert prove_consistency(old, size, reference_node) == decoded(proof)
    root = bytes.fromhex(REFERENCE_ROOTS[size])
    check_consistency(old, size, root_of(REFERENCE[:old]), root, decoded(proof))


def test_every_inclusion_proof_of_small_trees_is_the_one_that_go_makes() -> None:
    made = sha256()
    for size in range(1, SIZE_MAX + 1):
        assert read_root(size, node) == ROOTS[size]
        at_once = prove_all_inclusions(LEAVES[:size])[1]
        for at in range(size):
            path = prove_inclusion(at, size, node)
            assert path == at_once[at]
            check_inclusion(at, size, LEAVES[at], path, ROOTS[size])
            made.update(b"%d %d\n" % (size, at) + b"".join(path))
    assert made.hexdigest() == GO_INCLUSIONS


def test_every_consistency_proof_of_small_trees_is_the_one_that_go_makes() -> None:
    made = sha256()
    for size in range(1, SIZE_MAX + 1):
        for old in range(1, size + 1):
            path = prove_consistency(old, size, node)
            check_consistency(old, size, ROOTS[old], ROOTS[size], path)
            made.update(b"%d %d\n" % (old, size) + b"".join(path))
    assert made.hexdigest() == GO_CONSISTENCIES


def test_the_empty_tree_is_consistent_with_any_and_has_its_own_root() -> None:
    assert read_root(0, node) == ROOTS[0] == EMPTY_ROOT
    for size in (0, 1, 7):
        assert prove_consistency(0, size, node) == ()
        check_consistency(0, size, EMPTY_ROOT, ROOTS[size], ())
    refused: list[tuple[int, int, bytes, bytes, tuple[bytes, ...]]] = [
        (0, 7, EMPTY_ROOT, ROOTS[7], (ROOTS[7],)),
        (0, 7, ROOTS[1], ROOTS[7], ()),
        (0, 0, EMPTY_ROOT, ROOTS[1], ()),
        (0, 0, ROOTS[1], ROOTS[1], ()),
    ]
    for arguments in refused:
        with pytest.raises(ProofError):
            check_consistency(*arguments)


def altered_paths(path: Sequence[bytes], *others: bytes) -> Iterator[tuple[bytes, ...]]:
    """Each class of wrong proof in that test data: a bit, a component more or less, garbage, a root
    before or behind; and every hash cut short or too long."""
    for place, item in enumerate(path):
        head, tail = tuple(path[:place]), tuple(path[place + 1 :])
        yield (*head, bytes([item[0] ^ 0x10]) + item[1:], *tail)
        yield (*head, item[:31] + bytes([item[31] ^ 1]), *tail)
        yield (*head, item[:31], *tail)
        yield (*head, item + b"\0", *tail)
        yield (*head, *tail)
        yield (*head, item, item, *tail)
        yield (*head, b"", *tail)
    for extra in (b"garbage", bytes(32), b"", *others):
        yield (extra, *path)
        yield (*path, extra)
    if path:
        yield ()
        yield tuple(path[1:])
        yield tuple(path[:-1])
    if len(set(path)) > 1:
        yield tuple(reversed(path))


def inclusion_is_refused(at: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes):
    with pytest.raises(ProofError):
        check_inclusion(at, size, leaf, path, root)


def consistency_is_refused(old: int, size: int, old_root: bytes, root: bytes, path) -> None:
    with pytest.raises(ProofError):
        check_consistency(old, size, old_root, root, path)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 31, 32, 33, 64, 65])
def test_no_wrong_inclusion_proof_is_accepted(size: int) -> None:
    root = ROOTS[size]
    for at in range(size):
        leaf, path = LEAVES[at], prove_inclusion(at, size, node)
        for wrong in altered_paths(path, root, leaf):
            inclusion_is_refused(at, size, leaf, wrong, root)
        for wrong_at in {at + 1, at - 1, at ^ 2, size, -1} - {at}:
            inclusion_is_refused(wrong_at, size, leaf, path, root)
        for wrong_size in (0, size // 2, size * 2):
            inclusion_is_refused(at, wrong_size, leaf, path, root)
        for wrong_leaf in (b"", b"wrong", leaf_hash(b"another"), root + leaf):
            inclusion_is_refused(at, size, wrong_leaf, path, root)
        for wrong_root in (b"", EMPTY_ROOT, leaf_hash(b"random"), root[:31]):
            inclusion_is_refused(at, size, leaf, path, wrong_root)


@pytest.mark.parametrize("size", [2, 3, 5, 8, 13, 31, 32, 33, 64, 65])
def test_no_wrong_consistency_proof_is_accepted(size: int) -> None:
    root = ROOTS[size]
    for old in range(1, size):
        old_root, path = ROOTS[old], prove_consistency(old, size, node)
        for wrong in altered_paths(path, root, old_root):
            consistency_is_refused(old, size, old_root, root, wrong)
        consistency_is_refused(old, size, root, old_root, path)
        for wrong_root in (b"", EMPTY_ROOT, leaf_hash(b"random"), root[:31]):
            consistency_is_refused(old, size, wrong_root, root, path)
            consistency_is_refused(old, size, old_root, wrong_root, path)
        consistency_is_refused(size, size, old_root, root, path)
        consistency_is_refused(0, size, old_root, root, path)
        consistency_is_refused(size, old, old_root, root, path)
        consistency_is_refused(-old, size, old_root, root, path)
        consistency_is_refused(old, size * 2, old_root, root, path)


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 11])
def test_every_flipped_byte_of_a_small_proof_is_refused(size: int) -> None:
    def flips(data: bytes) -> Iterator[bytes]:
        for at in range(len(data)):
            yield data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1 :]

    def split(data: bytes) -> list[bytes]:
        return [data[at : at + 32] for at in range(0, len(data), 32)]

    for at in range(size):
        path = prove_inclusion(at, size, node)
        for flipped in flips(b"".join((LEAVES[at], ROOTS[size], *path))):
            leaf, root, *wrong = split(flipped)
            inclusion_is_refused(at, size, leaf, wrong, root)
    for old in range(1, size):
        path = prove_consistency(old, size, node)
        for flipped in flips(b"".join((ROOTS[old], ROOTS[size], *path))):
            old_root, root, *wrong = split(flipped)
            consistency_is_refused(old, size, old_root, root, wrong)


def test_no_proof_is_made_of_what_is_not_there() -> None:
    for at, size in ((0, 0), (5, 5), (-1, 5), (7, 5)):
        with pytest.raises(ProofError):
            prove_inclusion(at, size, node)
    for old, size in ((-1, 5), (6, 5)):
        with pytest.raises(ProofError):
            prove_consistency(old, size, node)
    with pytest.raises(ProofError):
        prove_inclusion(0, 2, lambda level, index: b"")


def test_hashes_cut_elsewhere_are_refused_although_they_hash_alike() -> None:
    """node(left, right) joins both: a byte moved from one to the other changes no root."""
    leaf, (sibling, *rest) = LEAVES[1], prove_inclusion(1, 5, node)
    inclusion_is_refused(1, 5, leaf[1:], (sibling + leaf[:1], *rest), ROOTS[5])
    first, beside, *rest = prove_consistency(6, 7, node)
    for moved in (
        (first[:-1], first[-1:] + beside, *rest),
        (first, beside[:-1], beside[-1:] + rest[0], *rest[1:]),
    ):
        consistency_is_refused(6, 7, ROOTS[6], ROOTS[7], moved)
