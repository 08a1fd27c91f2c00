"""The pass over hashes, links and root agrees with the full verifier, and claims no more."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.chain import EMPTY_HEAD, ZERO_LINK, Head
from ledger.core.findings import Verdict
from ledger.core.merkle import leaf_hash, root_of
from ledger.core.tiles import TileError, encode_bundle
from ledger.entry.links import LinkChecker

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "entry_vectors.json").read_text(encoding="utf-8")
)
ORIGIN = str(VECTORS["origin"])
ENTRIES = [b64decode(vector["entry_b64"]) for vector in VECTORS["entries"]]
HEAD = Head(len(ENTRIES), VECTORS["entries"][-1]["leaf"])


def check(entries: list[bytes], expect: Head | None = None) -> Any:
    checker = LinkChecker(ORIGIN, VECTORS["entries"][0]["leaf"])
    checker.add(encode_bundle(entries))
    return checker.finish(expect)


@given(st.lists(st.integers(1, 5), max_size=12))
def test_however_the_entries_come_the_root_is_that_of_the_vectors(cuts: list[int]) -> None:
    checker = LinkChecker(ORIGIN)
    at = 0
    for cut in cuts:
        checker.add(encode_bundle(ENTRIES[at : at + cut]))
        at += cut
    checker.add(encode_bundle(ENTRIES[at:]))
    found = checker.finish(HEAD)
    assert (found.verdict, found.entries, found.head) == (Verdict.PASSED, len(ENTRIES), HEAD)
    assert found.root == b64decode(VECTORS["entries"][-1]["root_b64_at_size"]).hex()


def test_without_a_trusted_head_it_is_indeterminate() -> None:
    assert check(ENTRIES).verdict is Verdict.INDETERMINATE
    assert check([]).verdict is Verdict.INDETERMINATE
    assert check([], EMPTY_HEAD).verdict is Verdict.INDETERMINATE


@given(st.integers(0, len(ENTRIES) - 1), st.data())
def test_one_changed_byte_anywhere_never_leads_to_the_head(index: int, data: st.DataObject) -> None:
    raw = bytearray(ENTRIES[index])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    found = check([*ENTRIES[:index], bytes(raw), *ENTRIES[index + 1 :]], HEAD)
    assert found.verdict is Verdict.FAILED
    assert found.first_bad_index in {index, index + 1, len(ENTRIES) - 1}


@pytest.mark.parametrize("index", range(len(ENTRIES)))
def test_dropped_doubled_and_cut(index: int) -> None:
    dropped = check([*ENTRIES[:index], *ENTRIES[index + 1 :]], HEAD)
    assert (dropped.verdict, dropped.first_bad_index) == (Verdict.FAILED, index)
    doubled = check([*ENTRIES[: index + 1], *ENTRIES[index:]], HEAD)
    assert (doubled.verdict, doubled.first_bad_index) == (Verdict.FAILED, index + 1)
    cut = check(ENTRIES[:index], HEAD)
    assert (cut.verdict, cut.first_bad_index) == (Verdict.FAILED, index)


def test_another_genesis_is_refused() -> None:
    checker = LinkChecker(ORIGIN, "0" * 64)
    checker.add(encode_bundle(ENTRIES))
    assert checker.finish(HEAD).first_bad_index == 0


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 768, 1023, 1300])
def test_roots_over_tiles(size: int) -> None:
    entries, prev = [], ZERO_LINK
    for index in range(size):
        data = f'{{"index":{index},"origin":"a%41/0","prev":"{prev}","recorded_at":"'.encode()
        data += sha256(data).hexdigest().encode()
        entries.append(data)
        prev = leaf_hash(data).hex()
    checker = LinkChecker("a%41/0")
    checker.add(encode_bundle(entries[:300]))
    checker.add(encode_bundle(entries[300:]))
    found = checker.finish(Head(size, prev) if size else None)
    assert found.entries == size
    assert found.root == root_of([leaf_hash(data) for data in entries]).hex()


@pytest.mark.parametrize("cut", range(1, len(ENTRIES)))
def test_parts_that_were_checked_apart_are_joined(cut: int) -> None:
    def parts(claimed: Head, entries: list[bytes]) -> Any:
        first = LinkChecker(ORIGIN, VECTORS["entries"][0]["leaf"])
        behind = LinkChecker(ORIGIN, start=claimed)
        first.add(encode_bundle(entries[:cut]))
        behind.add(encode_bundle(entries[cut:]))
        first.join(behind)
        return first.finish(HEAD)

    claimed = Head(cut, VECTORS["entries"][cut - 1]["leaf"])
    assert parts(claimed, ENTRIES) == check(ENTRIES, HEAD)
    other = parts(Head(cut, "ab" * 32), ENTRIES)
    assert (other.verdict, other.first_bad_index) == (Verdict.FAILED, cut)
    changed = [*ENTRIES[:cut], ENTRIES[cut].replace(b'"v":1', b'"v":2', 1), *ENTRIES[cut + 1 :]]
    assert parts(claimed, changed) == check(changed, HEAD)


@pytest.mark.parametrize("bundle", [b"\x00", b"\x00\x05four", b"\x00\x01a\x00"])
def test_bytes_that_are_no_bundle_are_refused(bundle: bytes) -> None:
    with pytest.raises(TileError, match="ends at byte"):
        LinkChecker(ORIGIN).add(bundle)


def test_a_part_from_the_very_beginning_is_joined_too() -> None:
    first, whole = LinkChecker(ORIGIN), LinkChecker(ORIGIN)
    whole.add(encode_bundle(ENTRIES))
    first.join(whole)
    assert first.finish(HEAD) == check(ENTRIES, HEAD)
