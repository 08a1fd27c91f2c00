"""Signed notes, checkpoints and cosignatures against what other programs wrote."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.core.checkpoint import Checkpoint, CheckpointError, parse_checkpoint
from ledger.core.merkle import leaf_hash, root_of
from ledger.core.note import (
    NOTE_BYTES_MAX,
    NOTE_SIGNATURES_MAX,
    Algorithm,
    NoteError,
    NoteSignature,
    SignedNote,
    VerifierKey,
    parse_note,
    parse_verifier_key,
)
from ledger.entry.note_keys import (
    NoteSignatureError,
    NoteSigner,
    verify_checkpoint,
    verify_note,
)

HERE = Path(__file__).parent
TESSERA: dict[str, Any] = json.loads((HERE / "tessera_log.json").read_text(encoding="utf-8"))
ML_DSA: dict[str, str] = json.loads((HERE / "ml_dsa_checkpoint.json").read_text(encoding="utf-8"))
COSIGNED: dict[str, Any] = json.loads(
    (HERE / "witness_cosignatures.json").read_text(encoding="utf-8")
)
LOG_KEY = parse_verifier_key(TESSERA["verifier_key"])
ORIGIN = "example.com/log/testdata"

# C2SP signed-note, and note/example_test.go of golang.org/x/mod/sumdb.
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOO_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONn"
    "cAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
PETER_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb"
    "6KE6RyyBwJnAM=\n"
)

# A witness with the seed 00 01 … 1f; torchwood accepts its cosignature of the test log's size 15.
WITNESS_KEY = "witness.example/w1+e75f6532+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
WITNESS_AT_SECONDS = 1_679_315_147
WITNESS_LINE = (
    "— witness.example/w1 519lMgAAAABkGFDLo0vvaVMnQBetpNUCKKILroiWxoSAyyV9iB/cgczFo9ONQdSuKdatX9+k"
    "2ggtjAKaVSHrTWaVvipK5HiRqnepAA==\n"
)


def signer_of(private_key: str) -> NoteSigner:
    _, _, name, _, material = private_key.split("+", 4)
    private = Ed25519PrivateKey.from_private_bytes(b64decode(material)[1:])
    return NoteSigner(name, private, Algorithm.ED25519)


PETER = signer_of(PETER_PRIVATE)
WITNESS = NoteSigner(
    "witness.example/w1",
    Ed25519PrivateKey.from_private_bytes(bytes(range(32))),
    Algorithm.COSIGNATURE_ED25519,
)


def test_a_published_note_verifies() -> None:
    key = parse_verifier_key(FOO)
    assert key.id.hex() == "530d903a"
    assert key.text() == FOO
    note = parse_note(FOO_NOTE.encode())
    assert note.text == "This is an example message.\n"
    assert [signed.key for signed in verify_note(note, [key])] == [key]
    assert note.encode() == FOO_NOTE.encode()


def test_signing_gives_the_published_note() -> None:
    assert PETER.key.id.hex() == "c74f20a3"
    signature = PETER.sign(PETER_TEXT)
    assert signature.line() == PETER_LINE
    assert SignedNote(PETER_TEXT, (signature,)).encode().decode() == f"{PETER_TEXT}\n{PETER_LINE}"


@pytest.mark.parametrize("size", range(16))
def test_checkpoints_of_tesseras_test_log_verify_and_are_signed_alike(size: int) -> None:
    data = TESSERA["checkpoints"][size].encode()
    opened = verify_checkpoint(parse_note(data), ORIGIN, [LOG_KEY]).checkpoint
    leaves = [leaf_hash(leaf.encode()) for leaf in TESSERA["leaves"][:size]]
    assert opened == Checkpoint(ORIGIN, size, root_of(leaves))
    text = Checkpoint(ORIGIN, size, root_of(leaves)).text()
    assert SignedNote(text, (signer_of(TESSERA["private_key"]).sign(text),)).encode() == data


def test_a_cosignature_that_torchwood_accepts() -> None:
    assert WITNESS.key.text() == WITNESS_KEY
    note = parse_note(TESSERA["checkpoints"][15].encode())
    signature = WITNESS.sign(note.text, WITNESS_AT_SECONDS)
    assert signature.line() == WITNESS_LINE
    cosigned = parse_note(SignedNote(note.text, (*note.signatures, signature)).encode())
    opened = verify_checkpoint(cosigned, ORIGIN, [LOG_KEY], [WITNESS.key])
    assert [signed.key for signed in opened.signatures] == [LOG_KEY]
    assert [(signed.key, signed.at_seconds) for signed in opened.cosignatures] == [
        (WITNESS.key, WITNESS_AT_SECONDS)
    ]
    same_key = VerifierKey(WITNESS.key.name, Algorithm.ED25519, WITNESS.key.public)
    assert same_key.id.hex() == "3218362d"


def test_cosignatures_that_two_witnesses_in_go_gave_our_client_verify() -> None:
    note = parse_note(TESSERA["checkpoints"][15].encode())
    keys = [parse_verifier_key(each["verifier_key"]) for each in COSIGNED["witnesses"]]
    lines = "".join(each["line"] for each in COSIGNED["witnesses"])
    whole = parse_note(note.encode() + lines.encode())
    opened = verify_checkpoint(whole, ORIGIN, [LOG_KEY], keys)
    assert [signed.key for signed in opened.cosignatures] == keys
    assert len(keys) == 2


def test_an_ml_dsa_checkpoint_of_torchwood_verifies() -> None:
    key = parse_verifier_key(ML_DSA["verifier_key"])
    assert key.algorithm is Algorithm.COSIGNATURE_ML_DSA_44
    assert key.text() == ML_DSA["verifier_key"]
    data = ML_DSA["checkpoint"].encode()
    opened = verify_checkpoint(parse_note(data), "example.com/mldsa-log", [key])
    assert opened.checkpoint.size == 1
    assert opened.checkpoint.root == leaf_hash(b"testonly")


def test_every_flipped_byte_of_a_signed_checkpoint_is_refused() -> None:
    for data, key, bits in (
        (TESSERA["checkpoints"][15].encode(), LOG_KEY, (0x01, 0x20, 0x80)),
        (ML_DSA["checkpoint"].encode(), parse_verifier_key(ML_DSA["verifier_key"]), (0x01,)),
    ):
        origin = parse_checkpoint(parse_note(data).text).origin
        for at in range(len(data)):
            for bit in bits:
                flipped = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
                with pytest.raises((NoteError, NoteSignatureError)):
                    verify_checkpoint(parse_note(flipped), origin, [key])


def test_unknown_signatures_are_kept_and_a_false_one_of_a_known_key_refuses_the_note() -> None:
    own = PETER.sign(PETER_TEXT)
    stranger = NoteSignature("PeterNeumann", b"\0\0\0\1", b"what we do not know")
    namesake = NoteSignature("enoch", own.key_id, bytes(64))
    note = SignedNote(PETER_TEXT, (stranger, own, namesake))
    assert parse_note(note.encode()) == note
    assert len(verify_note(note, [PETER.key])) == 1
    false = NoteSignature(own.name, own.key_id, bytes(64))
    short = NoteSignature(own.name, own.key_id, own.blob[:63])
    with pytest.raises(NoteSignatureError, match="has 63 bytes, expected 64"):
        verify_note(SignedNote(PETER_TEXT, (short,)), [PETER.key])
    for signatures in ((own, false), (false, own), (own, short), (stranger, namesake)):
        with pytest.raises(NoteSignatureError):
            verify_note(SignedNote(PETER_TEXT, signatures), [PETER.key])


def test_several_keys_of_a_log_must_all_have_signed() -> None:
    private = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    later = NoteSigner("log.example/0", private, Algorithm.COSIGNATURE_ML_DSA_44)
    first = NoteSigner(
        "log.example/0", Ed25519PrivateKey.from_private_bytes(bytes(32)), Algorithm.ED25519
    )
    text = Checkpoint("log.example/0", 1, leaf_hash(b"")).text()
    keys = [first.key, later.key]
    both = SignedNote(text, (first.sign(text), later.sign(text, WITNESS_AT_SECONDS)))
    opened = verify_checkpoint(parse_note(both.encode()), "log.example/0", keys)
    assert [signed.at_seconds for signed in opened.signatures] == [0, WITNESS_AT_SECONDS]
    for lacking in both.signatures:
        with pytest.raises(NoteSignatureError):
            verify_checkpoint(SignedNote(text, (lacking,)), "log.example/0", keys)
    with pytest.raises(NoteSignatureError):
        verify_checkpoint(both, "log.example/0", [], keys)
    assert verify_checkpoint(both, "log.example/0", keys, keys).cosignatures == ()
    with pytest.raises(CheckpointError):
        verify_checkpoint(both, "log.example/1", keys)
    moved = NoteSignature(later.key.name, later.key.id, bytes(8) + both.signatures[1].blob[8:])
    with pytest.raises(NoteSignatureError):
        verify_checkpoint(SignedNote(text, (both.signatures[0], moved)), "log.example/0", keys)


def test_ml_dsa_signs_no_extension_lines_and_ed25519_cosigners_sign_all_of_them() -> None:
    text = Checkpoint(ORIGIN, 1, leaf_hash(b""), ("more",)).text()
    private = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    with pytest.raises(CheckpointError):
        NoteSigner("w", private, Algorithm.COSIGNATURE_ML_DSA_44).sign(text)
    signed = WITNESS.sign(text, 1)
    assert verify_note(SignedNote(text, (signed,)), [WITNESS.key])
    with pytest.raises(NoteSignatureError):
        verify_note(SignedNote(text.replace("more", "else"), (signed,)), [WITNESS.key])
    with pytest.raises(NoteSignatureError):
        verify_note(SignedNote("no checkpoint\n", (signed,)), [WITNESS.key])
    with pytest.raises(NoteSignatureError):
        NoteSigner("w", private, Algorithm.ED25519)


PETER_NOTE = f"{PETER_TEXT}\n{PETER_LINE}"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PETER_TEXT.encode(),
        PETER_TEXT.encode() + b"\n",
        PETER_NOTE[:-1].encode(),
        b"\x01" + PETER_NOTE.encode(),
        b"\xff" + PETER_NOTE.encode(),
        PETER_NOTE.replace("\n", "\r\n").encode(),
        PETER_NOTE.replace("PeterNeumann", "Bad Name").encode(),
        PETER_NOTE.replace("PeterNeumann", "Bad\u00a0Name").encode(),
        PETER_NOTE.replace("PeterNeumann", "Bad+Name").encode(),
        PETER_NOTE.replace("PeterNeumann ", " ").encode(),
        PETER_NOTE.replace("—", "-").encode(),
        PETER_NOTE.replace("— ", "").encode(),
        PETER_NOTE.replace("— ", "—  ").encode(),
        PETER_NOTE.replace("Neumann ", "Neumann  ").encode(),
        PETER_NOTE.replace("AM=\n", "AM\n").encode(),
        PETER_NOTE.replace("AM=\n", "AN=\n").encode(),
        PETER_NOTE.replace("AM=\n", "AM= \n").encode(),
        f"{PETER_TEXT}\n— PeterNeumann x08gow==\n".encode(),
        f"{PETER_NOTE}Unexpected line.\n".encode(),
        f"{PETER_NOTE}\n".encode(),
        (PETER_NOTE + PETER_LINE * NOTE_SIGNATURES_MAX).encode(),
        b"x" * NOTE_BYTES_MAX + b"\n\n" + PETER_LINE.encode(),
    ],
)
def test_what_is_no_note(data: bytes) -> None:
    with pytest.raises(NoteError):
        parse_note(data)


def test_the_last_empty_line_ends_the_text_and_sixteen_large_signatures_fit() -> None:
    text = "Ognuno sta solo\n\n— quasi una firma\n\n\ned è subito sera.\n\n"
    large = tuple(NoteSignature(f"w{at}", b"abcd", bytes([at]) * 5_000) for at in range(16))
    note = SignedNote(text, large)
    assert parse_note(note.encode()) == note
    for wrong in ("no newline", "a\rb\n", "\ud800\n", ""):
        with pytest.raises(NoteError):
            SignedNote(wrong, large).encode()
    with pytest.raises(NoteError):
        SignedNote(text, ()).encode()
    with pytest.raises(NoteError):
        SignedNote(text, (NoteSignature("w", b"abc", b""),)).encode()
    with pytest.raises(NoteError):
        VerifierKey("w", Algorithm.ED25519, bytes(31))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo+530d903a",
        FOO.replace("530d903a", "530d903b"),
        FOO.replace("530d903a", "530D903A"),
        FOO.replace("example.com/foo", "example.com/fop"),
        FOO.replace("example.com/foo", "example.com foo"),
        FOO.replace("+Ae", "+Ce"),
        FOO[:-4],
        FOO + "AAAA",
        "example.com/foo+530d903a+",
        FOO + "\n",
    ],
)
def test_what_is_no_verifier_key(text: str) -> None:
    with pytest.raises(NoteError):
        parse_verifier_key(text)


ROOT_LINE = "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs="


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"o\n15\n{ROOT_LINE}",
        f"\n15\n{ROOT_LINE}\n",
        f"o\n015\n{ROOT_LINE}\n",
        f"o\n+15\n{ROOT_LINE}\n",
        f"o\n-15\n{ROOT_LINE}\n",
        f"o\n1_5\n{ROOT_LINE}\n",
        f"o\n15 \n{ROOT_LINE}\n",
        f"o\n١٥\n{ROOT_LINE}\n",
        f"o\n\n{ROOT_LINE}\n",
        f"o\n9223372036854775808\n{ROOT_LINE}\n",
        f"o\n15\n{ROOT_LINE[:-1]}\n",
        f"o\n15\n{ROOT_LINE[:-4]}\n",
        f"o\n15\n{ROOT_LINE.replace('cs=', 'ct=')}\n",
        "o\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja_1nk427v383cs=\n",
        f"o\n15\n{ROOT_LINE}\n\n",
        f"o\n15\n{ROOT_LINE}\n\nmore\n",
        f"o\n15\n{ROOT_LINE}\nmore",
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(CheckpointError):
        parse_checkpoint(text)


def test_extension_lines_are_kept_and_fields_without_a_place_refused() -> None:
    text = f"o\n0\n{ROOT_LINE}\nmore\nand more\n"
    assert parse_checkpoint(text).extensions == ("more", "and more")
    assert parse_checkpoint(text).text() == text
    root = b64decode(ROOT_LINE)
    for wrong in (
        Checkpoint("", 1, root),
        Checkpoint("o\n1", 1, root),
        Checkpoint("o", -1, root),
        Checkpoint("o", 1, root[:31]),
        Checkpoint("o", 1, root, ("",)),
        Checkpoint("o", 1, root, ("a\nb",)),
    ):
        with pytest.raises(CheckpointError):
            wrong.text()
    with pytest.raises(CheckpointError):
        WITNESS.sign(text, -1)
    with pytest.raises(CheckpointError):
        WITNESS.sign("no checkpoint\n", 1)
    private = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    cosigner = NoteSigner("w" * 256, private, Algorithm.COSIGNATURE_ML_DSA_44)
    with pytest.raises(CheckpointError):
        cosigner.sign(Checkpoint("o", 1, root).text())
