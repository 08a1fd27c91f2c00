"""Proof files of the officer index: that a log held exactly so many entries of an officer, or none.

One leaf of the map with its inclusion proof says how many, and under which root: whoever holds the
leaf hashes of that many entries checks that none is missing. Two neighbours in the map between
which the officer would stand say that there are none (docs/formats/officer-index.md).

What the proof is held against is what the log of checkpoints says; that this is signed and
witnessed is for the caller to check.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Final

import msgspec

from ledger.core.canonical import CanonicalError, Struct, decode_canonical, encode_canonical
from ledger.core.merkle import EMPTY_ROOT, ProofError, check_inclusion, root_of
from ledger.entry.entry import Count, Positive
from ledger.entry.officer_index import OfficerLeaf, OfficerMap

FORMAT_VERSION: Final = 1

PROOF_BYTES_MAX: Final = 262_144
"""Three ids, each of which stood in an entry of at most 65 535 bytes, and two paths of at most 63
hashes."""

Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Id = Annotated[str, msgspec.Meta(min_length=1)]


class OfficerIndexError(ProofError):
    """A map or proof of the officer index that is malformed, or does not show what it should."""


class Committed(msgspec.Struct, frozen=True):
    """What the log of checkpoints says of one log: `officers` leaves of its map at `size` entries,
    with `root` over them (32 bytes)."""

    origin: str
    size: int
    officers: int
    root: bytes


class ProvedLeaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A leaf of the map at `position`; `root` and `path` (sibling first) in lower-case hex."""

    count: Positive
    officer: Id
    path: tuple[Hash, ...]
    position: Count
    root: Hash

    def leaf(self) -> OfficerLeaf:
        """The leaf itself."""
        return OfficerLeaf(self.officer, self.count, bytes.fromhex(self.root))


class OfficerProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A proof file. `leaves` holds the officer's own leaf; where there is none, the one before and
    the one behind the place where it would stand, or the only one of these that there is."""

    leaves: Annotated[tuple[ProvedLeaf, ...], msgspec.Meta(max_length=2)]
    officer: Id
    officers: Count
    origin: str
    size: Count
    v: int

    def encode(self) -> bytes:
        """The file's bytes; raises `OfficerIndexError` where they would be none."""
        try:
            data = encode_canonical(self)
        except CanonicalError as error:
            msg = f"no proof of the officer index: {error}"
            raise OfficerIndexError(msg) from error
        if parse_officer_proof(data) != self:
            msg = f"not the parts of one proof: officer {self.officer[:60]!r}"
            raise OfficerIndexError(msg)
        return data


class _MapFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole map as it is published, each leaf as id, count and root."""

    leaves: list[tuple[Id, Positive, Hash]]
    origin: str
    size: Count
    v: int


def prove_officer(officers: OfficerMap, officer: str, origin: str, size: int) -> OfficerProof:
    """The proof for `officer` from the map of the log `origin` at `size` entries."""
    position, is_there = officers.place_of(officer)
    positions = [position] if is_there else [position - 1, position]
    leaves = tuple(_proved(officers, at) for at in positions if 0 <= at < len(officers))
    return OfficerProof(leaves, officer, len(officers), origin, size, FORMAT_VERSION)


def _proved(officers: OfficerMap, position: int) -> ProvedLeaf:
    leaf = officers.leaf_at(position)
    path = tuple(value.hex() for value in officers.path_at(position))
    return ProvedLeaf(leaf.count, leaf.officer, path, position, leaf.root.hex())


def parse_officer_proof(data: bytes) -> OfficerProof:
    """The proof whose file is exactly `data`; verifies nothing. Raises `OfficerIndexError`."""
    if len(data) > PROOF_BYTES_MAX:
        msg = f"a proof of {len(data)} bytes: more than {PROOF_BYTES_MAX}"
        raise OfficerIndexError(msg)
    proof = _read(data, OfficerProof)
    _check_version(proof.v)
    return proof


def check_officer_proof(proof: OfficerProof, officer: str, committed: Committed) -> OfficerLeaf:
    """How many entries of `officer` the log had, and their root; 0 and the empty root for none.

    Raises `OfficerIndexError` (or `ProofError`) unless the proof shows it under what is committed.
    """
    told = (proof.v, proof.officer, proof.origin, proof.size, proof.officers)
    asked = (FORMAT_VERSION, officer, committed.origin, committed.size, committed.officers)
    if told != asked:
        msg = f"the proof speaks of {told}, asked was for {asked}"
        raise OfficerIndexError(msg)
    for proved in proof.leaves:
        path = tuple(map(bytes.fromhex, proved.path))
        leaf_hash = proved.leaf().hash()
        check_inclusion(proved.position, proof.officers, leaf_hash, path, committed.root)
    if [proved.officer for proved in proof.leaves] == [officer]:
        return proof.leaves[0].leaf()
    _check_absence(proof, committed.root)
    return OfficerLeaf(officer, 0, EMPTY_ROOT)


def _check_absence(proof: OfficerProof, root: bytes) -> None:
    """The leaves are the neighbours of the place where the officer would stand, and all of them."""
    if proof.officers == 0 and root != EMPTY_ROOT:
        msg = f"a map without officers has the root {EMPTY_ROOT.hex()}, not {root.hex()}"
        raise OfficerIndexError(msg)
    key = proof.officer.encode()
    behind = next((leaf.position for leaf in proof.leaves if leaf.officer.encode() > key), None)
    place = proof.officers if behind is None else behind
    expected = [at for at in (place - 1, place) if 0 <= at < proof.officers]
    found = [leaf.position for leaf in proof.leaves]
    before = [leaf.position for leaf in proof.leaves if leaf.officer.encode() < key]
    if found != expected or before != [at for at in expected if at < place]:
        msg = (
            f"the leaves at {found} are not the neighbours of the place of "
            f"{proof.officer[:60]!r} in a map of {proof.officers}"
        )
        raise OfficerIndexError(msg)


def check_complete(leaf: OfficerLeaf, entry_leaves: Sequence[bytes]) -> None:
    """Raise `OfficerIndexError` unless these are the leaf hashes of all entries of the officer, in
    the order of the log: none is missing, added or moved.
    """
    if len(entry_leaves) != leaf.count:
        msg = f"{len(entry_leaves)} entries of {leaf.officer[:60]!r}, the log had {leaf.count}"
        raise OfficerIndexError(msg)
    found = root_of(entry_leaves)
    if found != leaf.root:
        msg = (
            f"the entries of {leaf.officer[:60]!r} lead to {found.hex()}, "
            f"expected {leaf.root.hex()}"
        )
        raise OfficerIndexError(msg)


def encode_officer_map(officers: OfficerMap, origin: str, size: int) -> bytes:
    """The file of the whole map of the log `origin` at `size` entries."""
    leaves = [(leaf.officer, leaf.count, leaf.root.hex()) for leaf in officers.leaves()]
    return encode_canonical(_MapFile(leaves, origin, size, FORMAT_VERSION))


def parse_officer_map(data: bytes, committed: Committed) -> OfficerMap:
    """The map whose file is `data`, which has the committed root; raises `OfficerIndexError`."""
    file = _read(data, _MapFile)
    _check_version(file.v)
    ids = [officer.encode() for officer, _, _ in file.leaves]
    if any(low >= high for low, high in pairwise(ids)):
        msg = "the officers of a map are sorted by their bytes, each once"
        raise OfficerIndexError(msg)
    officers = OfficerMap(
        OfficerLeaf(officer, count, bytes.fromhex(root)) for officer, count, root in file.leaves
    )
    told = Committed(file.origin, file.size, len(officers), officers.root())
    if told != committed:
        msg = f"the map is {_words(told)}, committed is {_words(committed)}"
        raise OfficerIndexError(msg)
    return officers


def _words(told: Committed) -> str:
    return f"{told.origin[:60]} at {told.size}: {told.officers} officers, root {told.root.hex()}"


def _check_version(version: int) -> None:
    if version != FORMAT_VERSION:
        msg = f"format version {version} of the officer index, expected {FORMAT_VERSION}"
        raise OfficerIndexError(msg)


def _read(data: bytes, kind: type[Struct]) -> Struct:
    try:
        return msgspec.convert(decode_canonical(data), kind)
    except (CanonicalError, msgspec.ValidationError) as error:
        msg = f"no file of the officer index: {error}"
        raise OfficerIndexError(msg) from error
