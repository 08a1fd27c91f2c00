"""The officer index against an RFC 6962 of its own, written from the specification: small maps
exhaustively, growth at random, and every altered byte of a proof."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.core.merkle import ProofError, RootAccumulator
from ledger.entry.officer_index import OfficerIndex, OfficerLeaf, OfficerMap, OfficerRow
from ledger.entry.officer_proof import (
    PROOF_BYTES_MAX,
    Committed,
    OfficerIndexError,
    OfficerProof,
    check_complete,
    check_officer_proof,
    encode_officer_map,
    parse_officer_map,
    parse_officer_proof,
    prove_officer,
)

ORIGIN = "land-office/0"
SIZE = 1_000


def tree_head(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1 over leaf hashes, as it is written there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01" + tree_head(leaves[:k]) + tree_head(leaves[k:])).digest()


def map_head(entries: dict[str, list[bytes]]) -> bytes:
    """The root of the map as docs/formats/officer-index.md says it."""
    leaves = []
    for officer in sorted(entries, key=lambda officer: officer.encode()):
        made = entries[officer]
        text = f"pal/officer/v1\n{officer}\n{len(made)}\n{tree_head(made).hex()}\n"
        leaves.append(sha256(b"\x00" + text.encode()).digest())
    return tree_head(leaves)


def entry_leaf(number: int) -> bytes:
    return sha256(b"entry %d" % number).digest()


def by_officer(acts: Iterable[str]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for number, officer in enumerate(acts):
        found.setdefault(officer, []).append(entry_leaf(number))
    return found


def index_of(acts: Iterable[str]) -> OfficerIndex:
    index = OfficerIndex()
    for number, officer in enumerate(acts):
        index.add_leaf(officer, entry_leaf(number))
    return index


def committed(officers: OfficerMap) -> Committed:
    return Committed(ORIGIN, SIZE, len(officers), officers.root())


def shown(officers: OfficerMap, officer: str) -> OfficerLeaf:
    """What a proof shows that went through its file."""
    data = prove_officer(officers, officer, ORIGIN, SIZE).encode()
    return check_officer_proof(parse_officer_proof(data), officer, committed(officers))


@pytest.mark.parametrize("count", range(18))
def test_presence_and_absence_in_every_small_map(count: int) -> None:
    # Officers b, d, f, … and between, before and behind them those who are not there.
    there = [f"{2 * number + 1:03d}" for number in range(count)]
    acts = [officer for number, officer in enumerate(there) for _ in range(number % 4 + 1)]
    entries = by_officer(acts)
    officers = index_of(acts).map()
    assert officers.root() == map_head(entries)
    for number in range(2 * count + 1):
        officer = f"{number:03d}"
        leaf = shown(officers, officer)
        made = entries.get(officer, [])
        assert (leaf.count, leaf.root) == (len(made), tree_head(made))
        check_complete(leaf, made)


@pytest.mark.parametrize("length", range(1, 6))
def test_every_short_log_of_three_officers(length: int) -> None:
    for acts in product(("a", "b", "ổ"), repeat=length):
        index = OfficerIndex()
        for number, officer in enumerate(acts):
            index.add_leaf(officer, entry_leaf(number))
            # The map is asked for after each entry: what is kept between must not go stale.
            assert index.map().root() == map_head(by_officer(acts[: number + 1]))


ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)


@given(st.lists(ids | st.sampled_from(["a", "b", "\n1", "a\n1"])), st.data())
def test_growth_in_steps_is_a_rebuild(acts: list[str], data: st.DataObject) -> None:
    rows: dict[str, OfficerRow] = {}
    index = OfficerIndex()
    for number, officer in enumerate(acts):
        index.add_leaf(officer, entry_leaf(number))
        step = data.draw(st.sampled_from(["go on", "map", "rows", "begin again"]))
        if step == "map":
            index.map()
        if step in {"rows", "begin again"}:
            rows.update((row.officer, row) for row in index.take_changed_rows())
        if step == "begin again":
            index = OfficerIndex(rows.values())
    assert index.map().root() == map_head(by_officer(acts)) == index_of(acts).map().root()
    rows.update((row.officer, row) for row in index.take_changed_rows())
    assert OfficerIndex(rows.values()).map().leaves() == index.map().leaves()
    assert not index.take_changed_rows()


def test_rows_that_were_not_taken_are_given_again() -> None:
    index = index_of("ab")
    assert [row.officer for row in index.take_changed_rows()] == ["a", "b"]
    index.map()
    index.add_leaf("b", entry_leaf(2))
    assert [(row.officer, row.entries) for row in index.take_changed_rows()] == [("b", 2)]


@pytest.mark.parametrize(("size", "peaks"), [(3, b"\0" * 32), (0, b"\0" * 32), (-1, b"")])
def test_a_row_whose_peaks_do_not_fit_its_count_is_refused(size: int, peaks: bytes) -> None:
    with pytest.raises(ProofError):
        RootAccumulator.resume(size, peaks)


@pytest.mark.parametrize("officer", ["Tổ-1", "a", "0", "zz", "m"])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_every_flipped_bit_of_a_proof_file_is_refused(officer: str, count: int) -> None:
    officers = index_of(["Tổ-1", "a", "m", "k", "b"][:count]).map()
    data = prove_officer(officers, officer, ORIGIN, SIZE).encode()
    for at in range(len(data)):
        for bit in range(8):
            altered = bytearray(data)
            altered[at] ^= 1 << bit
            with pytest.raises(ProofError):
                check_officer_proof(
                    parse_officer_proof(bytes(altered)), officer, committed(officers)
                )


def test_every_cut_and_every_addition_to_a_proof_file_is_refused() -> None:
    officers = index_of("abc").map()
    data = prove_officer(officers, "b", ORIGIN, SIZE).encode()
    for altered in [data[:at] for at in range(len(data))] + [data + b"\n", b" " + data]:
        with pytest.raises(OfficerIndexError):
            parse_officer_proof(altered)


def forged(proof: OfficerProof, officers: OfficerMap, officer: str) -> None:
    with pytest.raises(ProofError):
        check_officer_proof(proof, officer, committed(officers))


def test_an_absence_shown_with_other_leaves_than_both_neighbours_is_refused() -> None:
    officers = index_of("bdfh").map()
    whole = {name: prove_officer(officers, name, ORIGIN, SIZE) for name in "abcdefghi"}
    present = {name: whole[name].leaves[0] for name in "bdfh"}
    for officer in "aceghi" + "bdf":
        right = whole[officer].leaves
        for first in [None, *present.values()]:
            for second in [None, *present.values()]:
                leaves = tuple(leaf for leaf in (first, second) if leaf is not None)
                if leaves != right:
                    forged(replace(whole[officer], leaves=leaves), officers, officer)


def test_a_proof_says_nothing_of_another_officer_log_size_or_map() -> None:
    officers = index_of("bd").map()
    proof = prove_officer(officers, "b", ORIGIN, SIZE)
    right = committed(officers)
    check_officer_proof(proof, "b", right)
    forged(proof, officers, "d")
    for other in (
        replace(right, origin="land-office/1"),
        replace(right, size=SIZE + 1),
        replace(right, officers=3),
        replace(right, root=bytes(32)),
    ):
        with pytest.raises(ProofError):
            check_officer_proof(proof, "b", other)
    empty = prove_officer(OfficerMap(), "b", ORIGIN, SIZE)
    with pytest.raises(ProofError):
        check_officer_proof(empty, "b", Committed(ORIGIN, SIZE, 0, bytes(32)))


def test_entries_left_out_added_moved_or_of_others_are_not_all() -> None:
    acts = "abacab"
    made = by_officer(acts)["a"]
    leaf = shown(index_of(acts).map(), "a")
    check_complete(leaf, made)
    for altered in (made[:-1], made[1:], [*made, made[0]], made[::-1], [*made[:2], entry_leaf(9)]):
        with pytest.raises(OfficerIndexError):
            check_complete(leaf, altered)


def test_the_file_of_the_map_is_read_back_and_every_flipped_byte_refused() -> None:
    officers = index_of(["a", "b", "a", 'c"', "ệ"]).map()
    right = committed(officers)
    data = encode_officer_map(officers, ORIGIN, SIZE)
    assert parse_officer_map(data, right).leaves() == officers.leaves()
    for at in range(len(data)):
        for bit in range(8):
            altered = bytearray(data)
            altered[at] ^= 1 << bit
            with pytest.raises(OfficerIndexError):
                parse_officer_map(bytes(altered), right)


@pytest.mark.parametrize("names", [("b", "a"), ("a", "a")])
def test_a_file_whose_officers_are_out_of_order_is_refused(names: tuple[str, str]) -> None:
    officers = index_of("ab").map()
    data = encode_officer_map(officers, ORIGIN, SIZE)
    first, second = (f'["{name}",1,'.encode() for name in names)
    altered = data.replace(b'["a",1,', b"@").replace(b'["b",1,', second).replace(b"@", first)
    with pytest.raises(OfficerIndexError, match="sorted"):
        parse_officer_map(altered, committed(officers))


def by_the_page(v: int = 1, **more: Any) -> bytes:
    """The proof of officer a in a map of a and b, written from docs/formats/officer-index.md."""
    made = by_officer("aba")
    roots = {officer: tree_head(leaves).hex() for officer, leaves in made.items()}
    other = sha256(f"\0pal/officer/v1\nb\n1\n{roots['b']}\n".encode()).hexdigest()
    leaf = {"count": 2, "officer": "a", "path": [other], "position": 0, "root": roots["a"]}
    proof = {
        "leaves": [leaf],
        "officer": "a",
        "officers": 2,
        "origin": ORIGIN,
        "size": SIZE,
        "v": v,
    }
    return json.dumps(proof | more, sort_keys=True, separators=(",", ":")).encode()


def test_a_proof_file_is_the_one_that_the_page_describes() -> None:
    officers = index_of("aba").map()
    assert prove_officer(officers, "a", ORIGIN, SIZE).encode() == by_the_page()
    whole = (
        f'{{"leaves":[["a",2,"{tree_head(by_officer("aba")["a"]).hex()}"],'
        f'["b",1,"{entry_leaf(1).hex()}"]],"origin":"{ORIGIN}","size":{SIZE},"v":1}}'
    )
    assert encode_officer_map(officers, ORIGIN, SIZE) == whole.encode()


@pytest.mark.parametrize(
    "data",
    [
        by_the_page(v=2),
        by_the_page(v=0),
        by_the_page(more="1"),
        by_the_page(officer="a" * PROOF_BYTES_MAX),
        by_the_page(leaves=[*json.loads(by_the_page())["leaves"]] * 3),
        by_the_page(leaves=[{**json.loads(by_the_page())["leaves"][0], "more": 1}]),
        by_the_page(size=-1),
        by_the_page(officer=""),
    ],
)
def test_a_file_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(OfficerIndexError):
        parse_officer_proof(data)


@pytest.mark.parametrize("end", [b'"v":2}', b'"v":0}', b'"v":1,"w":1}'])
def test_a_map_file_of_another_form_is_refused(end: bytes) -> None:
    officers = index_of("aba").map()
    data = encode_officer_map(officers, ORIGIN, SIZE)
    with pytest.raises(OfficerIndexError):
        parse_officer_map(data.replace(b'"v":1}', end), committed(officers))


def test_parts_that_make_no_file_are_not_written() -> None:
    proof = prove_officer(index_of("ab").map(), "a", ORIGIN, SIZE)
    for altered in (
        replace(proof, officer="\ud800"),
        replace(proof, size=-1),
        replace(proof, v=2),
        replace(proof, leaves=(*proof.leaves, *proof.leaves, *proof.leaves)),
    ):
        with pytest.raises(OfficerIndexError):
            altered.encode()


def test_how_many_are_missing_is_said() -> None:
    leaf = shown(index_of("abacab").map(), "a")
    with pytest.raises(OfficerIndexError, match="2 entries of 'a', the log had 3"):
        check_complete(leaf, by_officer("abacab")["a"][:2])
