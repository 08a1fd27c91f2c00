"""`.tlog-proof` files: one that a Go program wrote and signed, our own, and every wrong one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from ledger.core.checkpoint import Checkpoint, CheckpointError
from ledger.core.merkle import ProofError, leaf_hash, prove_inclusion
from ledger.core.note import (
    Algorithm,
    NoteError,
    NoteSignature,
    SignedNote,
    parse_note,
    parse_verifier_key,
)
from ledger.core.tiles import GrowingTree, nodes_of_tiles
from ledger.core.tlog_proof import TlogProof, parse_tlog_proof
from ledger.entry.note_keys import (
    NoteSignatureError,
    NoteSigner,
    VerifiedCheckpoint,
    verify_tlog_proof,
)

VECTOR: dict[str, Any] = json.loads(
    (Path(__file__).parent / "tlog_proof.json").read_text(encoding="utf-8")
)
DATA: bytes = VECTOR["proof"].encode()
ENTRY: bytes = VECTOR["entry"].encode()
ORIGIN: str = VECTOR["origin"]
LOG_KEYS = [parse_verifier_key(VECTOR["log_key"])]
COSIGNERS = [parse_verifier_key(text) for text in VECTOR["cosigner_keys"]]


def verified(data: bytes, entry: bytes = ENTRY) -> VerifiedCheckpoint:
    return verify_tlog_proof(parse_tlog_proof(data), entry, ORIGIN, LOG_KEYS, COSIGNERS)


def own_proof(index: int, size: int) -> TlogProof:
    tree, files = GrowingTree(), {}
    for at in range(size):
        files.update(tree.append(leaf_hash(b"entry %d" % at)))
    files.update(tree.partial_tiles())
    text = Checkpoint(ORIGIN, size, tree.root()).text()
    signer = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\1" * 32), Algorithm.ED25519)
    assert [signer.key] == LOG_KEYS
    path = prove_inclusion(index, size, nodes_of_tiles(files.get, size))
    return TlogProof(index, path, SignedNote(text, (signer.sign(text),)))


def test_a_file_that_go_wrote_verifies_with_both_kinds_of_cosignature() -> None:
    proof = parse_tlog_proof(DATA)
    assert proof.encode() == DATA
    assert (proof.index, len(proof.path), proof.extra) == (777, 10, b"by hand")
    found = verified(DATA)
    assert found.checkpoint.size == 1_000
    assert [signed.key for signed in found.signatures] == LOG_KEYS
    assert [signed.key for signed in found.cosignatures] == COSIGNERS
    assert [signed.key.algorithm for signed in found.cosignatures] == [
        Algorithm.COSIGNATURE_ED25519,
        Algorithm.COSIGNATURE_ML_DSA_44,
    ]


def test_our_proof_of_the_same_place_is_the_one_in_that_file() -> None:
    theirs, ours = parse_tlog_proof(DATA), own_proof(777, 1_000)
    assert ours.path == theirs.path
    assert ours.checkpoint.text == theirs.checkpoint.text
    assert ours.checkpoint.signatures[0] == theirs.checkpoint.signatures[0]


def test_every_flipped_byte_is_refused_or_costs_a_cosignature() -> None:
    """Two places are nobody's word: `extra`, and lines of keys that the checker does not know."""
    begin = DATA.index(b"extra ") + len(b"extra ")
    unsigned = range(begin, DATA.index(b"\n", begin))
    whole = len(verified(DATA).cosignatures)
    # Each byte of the large signature is flipped in test_note_vectors.py.
    large = DATA.rindex("—".encode())
    for at in (*range(large + 40), *range(large + 40, len(DATA), 13), len(DATA) - 1):
        flipped = DATA[:at] + bytes([DATA[at] ^ 1]) + DATA[at + 1 :]
        try:
            found = verified(flipped)
        except (ProofError, NoteError, NoteSignatureError):
            continue
        assert at in unsigned or len(found.cosignatures) < whole


@pytest.mark.parametrize(("index", "size"), [(0, 1), (1, 2), (4, 5), (5, 9)])
def test_every_flipped_byte_without_cosignatures_is_refused(index: int, size: int) -> None:
    data, entry = own_proof(index, size).encode(), b"entry %d" % index
    assert verified(data, entry).checkpoint.size == size
    for at in range(len(data)):
        for bit in (1, 0x20, 0x80):
            flipped = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            with pytest.raises((ProofError, NoteError, NoteSignatureError)):
                verified(flipped, entry)
    for cut in range(len(data)):
        with pytest.raises((ProofError, NoteError, NoteSignatureError)):
            verified(data[:cut], entry)


def test_another_entry_place_log_or_checkpoint_is_refused() -> None:
    proof = own_proof(5, 9)
    wrong = [
        replace(proof, index=4),
        replace(proof, index=9),
        replace(proof, path=proof.path[:-1]),
        replace(proof, checkpoint=own_proof(5, 8).checkpoint),
        replace(proof, checkpoint=own_proof(5, 10).checkpoint),
    ]
    for proof_of_another in wrong:
        with pytest.raises(ProofError):
            verify_tlog_proof(proof_of_another, b"entry 5", ORIGIN, LOG_KEYS)
    with pytest.raises(ProofError):
        verify_tlog_proof(proof, b"entry 4", ORIGIN, LOG_KEYS)
    with pytest.raises(CheckpointError):
        verify_tlog_proof(proof, b"entry 5", "log.example/pal/1", LOG_KEYS)
    unsigned = SignedNote(proof.checkpoint.text, (NoteSignature("somebody", b"abcd", b"x"),))
    with pytest.raises(NoteSignatureError):
        verify_tlog_proof(replace(proof, checkpoint=unsigned), b"entry 5", ORIGIN, LOG_KEYS)
    witnessed_only = parse_note(parse_tlog_proof(DATA).checkpoint.encode())
    without_log = SignedNote(witnessed_only.text, witnessed_only.signatures[1:])
    with pytest.raises(NoteSignatureError):
        verify_tlog_proof(
            replace(parse_tlog_proof(DATA), checkpoint=without_log),
            ENTRY,
            ORIGIN,
            LOG_KEYS,
            COSIGNERS,
        )


PLAIN = own_proof(0, 2).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN.replace(b"@v1", b"@v2"),
        PLAIN.replace(b"index 0\n", b""),
        PLAIN.replace(b"index 0\n", b"index 00\n"),
        PLAIN.replace(b"index 0\n", b"index -0\n"),
        PLAIN.replace(b"index 0\n", b"index 0 \n"),
        PLAIN.replace(b"index 0\n", b"index 0\nindex 0\n"),
        PLAIN.replace(b"index 0\n", b"index 0\nextra eA==\n"),
        PLAIN.replace(b"index 0\n", b"extra \nindex 0\n"),
        PLAIN.replace(b"index 0\n", b"extra eA\nindex 0\n"),
        PLAIN.replace(b"index 0\n", b"extra eA==\nextra eA==\nindex 0\n"),
        PLAIN.replace(b"index 0\n", b"index 0\n\n"),
        PLAIN.replace(b"index 0\n", b"index 0\neA==\n"),
        PLAIN.replace(b"index 0\n", b"index 0\n" + PLAIN.split(b"\n")[2] + b"\n"),
        PLAIN.replace(b"index 0\n", b"index 0\n" + (PLAIN.split(b"\n")[2] + b"\n") * 63),
        PLAIN.replace(b"\n", b"\r\n"),
        b"\n" + PLAIN,
        PLAIN + b"\n",
        PLAIN + b"x" * 2_000_000,
    ],
)
def test_what_is_no_proof_file(data: bytes) -> None:
    with pytest.raises((ProofError, NoteError, NoteSignatureError)):
        verified(data, b"entry 0")


def test_a_file_too_large_for_any_proof_is_refused_before_it_is_read() -> None:
    with pytest.raises(ProofError, match="up to"):
        parse_tlog_proof(PLAIN.replace(b"index 0\n", b"index 0\n" + b"eA==\n" * 300_000))


def test_parts_that_make_no_file_are_refused() -> None:
    proof = own_proof(0, 2)
    assert verified(replace(proof, extra=b"x" * 65_535).encode(), b"entry 0").checkpoint.size == 2
    for wrong in (
        replace(proof, index=-1),
        replace(proof, path=(b"short",)),
        replace(proof, path=(b"",)),
        replace(proof, path=proof.path * 64),
        replace(proof, extra=bytes(65_536)),
        replace(proof, checkpoint=SignedNote("no newline", proof.checkpoint.signatures)),
    ):
        with pytest.raises((ProofError, NoteError)):
            wrong.encode()
