"""A submission checked as one tree and each path followed by itself give the same roots."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.core.merkle import ProofError, leaf_hash, root_from_inclusion
from ledger.entry.entry import Entry, Seal, decode_entry
from ledger.entry.signatures import submission_roots
from tests.unit.projections_logs import Log, imported

OTHER = b64encode(sha256(b"other").digest()).decode()


def entries_of(sizes: list[int]) -> list[Entry]:
    log = Log()
    for number, size in enumerate(sizes):
        log.append(*(imported(f"D{number}", "an", place, number=place) for place in range(size)))
    return [decode_entry(data) for data in log.records]


def spoiled(entry: Entry, how: str) -> Entry:
    first = entry.seal.sigs[0]
    if how == "path" and first.path:
        first = replace(first, path=(*first.path[:-1], OTHER))
    elif how == "at":
        first = replace(first, at=max(first.at - 1, 0))
    elif how == "size":
        first = replace(first, size=first.size + 1)
    sigs = (first, first) if how == "twice" else (first,)
    seal: Seal = replace(entry.seal, sigs=sigs)
    body = entry.action_bytes + b" " if how == "action" else entry.action_bytes
    return replace(entry, seal=seal, action_bytes=body)


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.sampled_from(["", "path", "at", "size", "twice", "action"]),
    st.integers(0, 30),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_one_tree_says_what_each_path_says(
    sizes: list[int], how: str, place: int, cut_before: int, cut_behind: int
):
    entries = entries_of(sizes)
    place %= len(entries)
    entries[place] = spoiled(entries[place], how)
    entries = entries[cut_before : max(len(entries) - cut_behind, cut_before + 1)]
    roots = submission_roots(entries)
    assert len(roots) == len(entries)
    for entry, root in zip(entries, roots, strict=True):
        if root is None:
            continue
        (signature,) = entry.seal.sigs
        try:
            followed = root_from_inclusion(
                signature.at,
                signature.size,
                leaf_hash(entry.action_bytes),
                signature.path_hashes(),
            )
        except ProofError:
            followed = b""
        assert root == followed
    if not how and cut_before == cut_behind == 0:
        assert None not in roots
