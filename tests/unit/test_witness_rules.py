"""What a witness cosigns: request bytes, every status, and what a flipped byte may come to."""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.checkpoint import Checkpoint
from ledger.core.merkle import EMPTY_ROOT, leaf_hash, prove_consistency, root_of
from ledger.core.note import (
    Algorithm,
    NoteSignature,
    SignedNote,
    VerifierKey,
    parse_note,
    parse_verifier_key,
)
from ledger.core.tiles import GrowingTree, Tile, nodes_of_tiles
from ledger.core.witness import (
    PROOF_LINES_MAX,
    AddCheckpoint,
    WitnessMessageError,
    encode_cosignatures,
    parse_add_checkpoint,
    parse_cosignatures,
)
from ledger.entry.note_keys import NoteSigner, verify_note
from ledger.entry.witness_rules import Admitted, Refusal, Status, admit, cosign, decide

ORIGIN = "log.example/0"
FIRST = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\1" * 32), Algorithm.ED25519)
LATER = NoteSigner(
    ORIGIN, MLDSA44PrivateKey.from_seed_bytes(b"\1" * 32), Algorithm.COSIGNATURE_ML_DSA_44
)
STRANGER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\3" * 32), Algorithm.ED25519)
WITNESS = NoteSigner(
    "witness.example/w1",
    Ed25519PrivateKey.from_private_bytes(bytes(range(32))),
    Algorithm.COSIGNATURE_ED25519,
)
LOGS = {ORIGIN: (FIRST.key, LATER.key)}
SIZES = 12


@cache
def tree() -> tuple[dict[Tile, bytes], list[bytes]]:
    growing, roots = GrowingTree(), [EMPTY_ROOT]
    files: dict[Tile, bytes] = {}
    for at in range(SIZES):
        files.update(growing.append(leaf_hash(b"%d" % at)))
        files.update(growing.partial_tiles())
        roots.append(growing.root())
    return files, roots


def checkpoint(size: int, root: bytes | None = None) -> Checkpoint:
    return Checkpoint(ORIGIN, size, tree()[1][size] if root is None else root)


def proof(old: int, size: int) -> tuple[bytes, ...]:
    return prove_consistency(old, size, nodes_of_tiles(tree()[0].get, size)) if old else ()


def signed(of: Checkpoint, *signers: NoteSigner) -> SignedNote:
    text = of.text()
    return SignedNote(text, tuple(signer.sign(text, 9) for signer in signers or (FIRST,)))


def asked(old: int, size: int, *signers: NoteSigner) -> bytes:
    note = signed(checkpoint(size), *signers)
    return AddCheckpoint(old, proof(old, size) if old <= size else (), note).encode()


def admitted(data: bytes) -> Admitted:
    found = admit(data, LOGS)
    assert isinstance(found, Admitted), found
    return found


def refused(data: bytes) -> Status:
    found = admit(data, LOGS)
    assert isinstance(found, Refusal)
    assert found.message
    return found.status


def test_the_cosignature_that_torchwood_accepts_comes_of_a_request() -> None:
    vectors = Path(__file__).parents[1] / "vectors" / "tessera_log.json"
    tessera = json.loads(vectors.read_text(encoding="utf-8"))
    key = parse_verifier_key(tessera["verifier_key"])
    leaves = [leaf_hash(leaf.encode()) for leaf in tessera["leaves"]]
    old = Checkpoint(key.name, 8, root_of(leaves[:8]))
    growing, files = GrowingTree(), dict[Tile, bytes]()
    for leaf in leaves[:15]:
        files.update(growing.append(leaf))
    files.update(growing.partial_tiles())
    path = prove_consistency(8, 15, nodes_of_tiles(files.get, 15))
    note = parse_note(tessera["checkpoints"][15].encode())
    found = admit(AddCheckpoint(8, path, note).encode(), {key.name: (key,)})
    assert isinstance(found, Admitted)
    assert decide(found, old) is None
    body = encode_cosignatures(cosign(found, (WITNESS,), 1_679_315_147))
    assert body.decode() == (
        "— witness.example/w1 519lMgAAAABkGFDLo0vvaVMnQBetpNUCKKILroiWxoSAyyV9iB/cgczFo9ONQdSu"
        "KdatX9+k2ggtjAKaVSHrTWaVvipK5HiRqnepAA==\n"
    )
    (line,) = parse_cosignatures(body)
    assert verify_note(SignedNote(note.text, (line,)), (WITNESS.key,))


def test_every_pair_of_sizes_is_cosigned_from_the_right_size_only() -> None:
    for size, old, held in product(range(SIZES + 1), repeat=3):
        data = asked(old, size)
        if old > size:
            assert refused(data) is Status.MALFORMED
            continue
        answer = decide(admitted(data), checkpoint(held) if held else None)
        if old == held:
            assert answer is None
        else:
            assert answer is not None
            assert (answer.status, answer.latest_size) == (Status.OTHER_SIZE, held)


def test_a_fork_or_a_wrong_proof_is_never_cosigned() -> None:
    for old, size in product(range(SIZES + 1), repeat=2):
        if old > size:
            continue
        forked = signed(checkpoint(size, leaf_hash(b"fork")))
        right = proof(old, size)
        held = checkpoint(old) if old else None
        assert (
            decide(admitted(AddCheckpoint(old, right, signed(checkpoint(size))).encode()), held)
            is None
        )
        if old or size == 0:
            answer = decide(admitted(AddCheckpoint(old, right, forked).encode()), held)
            assert answer is not None
            assert answer.status is Status.INCONSISTENT
        wrong = [(*right, leaf_hash(b"")), (leaf_hash(b""), *right)]
        wrong += [right[:at] + right[at + 1 :] for at in range(len(right))]
        wrong += [(*right[:at], leaf_hash(b""), *right[at + 1 :]) for at in range(len(right))]
        for path in wrong:
            data = AddCheckpoint(old, path, signed(checkpoint(size))).encode()
            answer = decide(admitted(data), held)
            assert answer is not None
            assert answer.status is Status.INCONSISTENT


def test_the_first_checkpoint_may_have_any_size_but_empty_trees_have_one_root() -> None:
    data = AddCheckpoint(0, (), signed(checkpoint(0, leaf_hash(b"")))).encode()
    answer = decide(admitted(data), None)
    assert answer is not None
    assert answer.status is Status.INCONSISTENT
    assert decide(admitted(asked(0, 0)), checkpoint(0)) is None
    assert decide(admitted(asked(0, SIZES)), checkpoint(0)) is None


def test_who_must_have_signed() -> None:
    for signers in ((FIRST,), (LATER,), (FIRST, LATER), (STRANGER, FIRST), (FIRST, WITNESS)):
        found = admitted(asked(0, 3, *signers))
        assert {each.key_id for each in found.note.signatures} == {
            signer.key.id for signer in signers if signer in {FIRST, LATER}
        }
    assert refused(asked(0, 3, STRANGER)) is Status.NOT_SIGNED
    assert refused(asked(0, 3, WITNESS)) is Status.NOT_SIGNED
    text = checkpoint(3).text()
    false = NoteSignature(ORIGIN, LATER.key.id, FIRST.sign(text).blob)
    note = SignedNote(text, (FIRST.sign(text), false))
    assert refused(AddCheckpoint(0, (), note).encode()) is Status.NOT_SIGNED
    other = NoteSigner(
        "log.example/1", Ed25519PrivateKey.from_private_bytes(b"\1" * 32), Algorithm(1)
    )
    text = Checkpoint("log.example/1", 3, leaf_hash(b"")).text()
    note = SignedNote(text, (other.sign(text),))
    assert refused(AddCheckpoint(0, (), note).encode()) is Status.UNKNOWN_LOG
    answer = admit(AddCheckpoint(0, (), note).encode(), {**LOGS, "log.example/1": ()})
    assert isinstance(answer, Refusal)
    assert answer.status is Status.UNKNOWN_LOG


def test_extension_lines_are_cosigned_by_the_key_that_signs_them() -> None:
    of = Checkpoint(ORIGIN, 3, tree()[1][3], ("more",))
    found = admitted(AddCheckpoint(0, (), signed(of)).encode())
    large = NoteSigner(
        "witness.example/w1", MLDSA44PrivateKey.from_seed_bytes(bytes(32)), Algorithm(6)
    )
    assert [each.key_id for each in cosign(found, (WITNESS, large), 1)] == [WITNESS.key.id]
    found = admitted(asked(0, 3))
    both = cosign(found, (WITNESS, large), 1)
    assert verify_note(SignedNote(found.note.text, both), (WITNESS.key, large.key))


HASH = b64encode(leaf_hash(b"")).decode()
NOTE = signed(checkpoint(3)).encode().decode()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n\n",
        NOTE,
        f"\n{NOTE}",
        f"old 1\n{NOTE}",
        f"old\n\n{NOTE}",
        f"old \n\n{NOTE}",
        f"Old 1\n\n{NOTE}",
        f"old  1\n\n{NOTE}",
        f"old 01\n\n{NOTE}",
        f"old -1\n\n{NOTE}",
        f"old +1\n\n{NOTE}",
        f"old 1 \n\n{NOTE}",
        f"old \u0661\n\n{NOTE}",
        f"old 9223372036854775808\n\n{NOTE}",
        f"old 1\r\n\n{NOTE}",
        f"old 1\n{HASH} \n\n{NOTE}",
        f"old 1\n{HASH[:-1]}\n\n{NOTE}",
        f"old 1\n{HASH[:-4]}\n\n{NOTE}",
        f"old 1\n{HASH.replace(HASH[-2], '?')}\n\n{NOTE}",
        f"old 1\n{HASH}{HASH}\n\n{NOTE}",
        f"{HASH}\nold 1\n\n{NOTE}",
        "old 1\n" + f"{HASH}\n" * (PROOF_LINES_MAX + 1) + f"\n{NOTE}",
        f"old 1\n\n\n{NOTE}",
        f"old 1\n\n{NOTE[:-1]}",
        f"old 1\n\n{NOTE}\n",
        f"old 1\n\n{NOTE.partition(chr(10) * 2)[0]}\n",
        f"old 1\n\nno checkpoint\n\n{NOTE.partition(chr(10) * 2)[2]}",
        f"old 1\n\n{NOTE}".replace("\n3\n", "\n03\n"),
        f"old 1\n\n{NOTE}" + NoteSignature("w", b"abcd", bytes(2_428)).line() * 90,
    ],
)
def test_what_is_no_request(body: str) -> None:
    assert refused(body.encode()) is Status.MALFORMED


def test_the_longest_request_fits_and_parts_without_a_place_are_refused() -> None:
    key = VerifierKey("w", Algorithm(6), bytes(1_312))
    many = tuple(NoteSignature("w" * 200, key.id, bytes(2_428)) for _ in range(64))
    note = SignedNote(checkpoint(3).text(), many)
    request = AddCheckpoint(2**63 - 1, (leaf_hash(b""),) * PROOF_LINES_MAX, note)
    assert parse_add_checkpoint(request.encode()) == request
    for wrong in (
        AddCheckpoint(-1, (), note),
        AddCheckpoint(2**63, (), note),
        AddCheckpoint(1, (b"short",), note),
        AddCheckpoint(1, (leaf_hash(b""),) * (PROOF_LINES_MAX + 1), note),
    ):
        with pytest.raises(WitnessMessageError):
            wrong.encode()


def test_a_flipped_byte_is_never_cosigned_with_another_meaning() -> None:
    held = checkpoint(5)
    for signers in ((FIRST,), (FIRST, STRANGER)):
        data = asked(5, 11, *signers)
        whole = admitted(data)
        for at, bit in product(range(len(data)), (0x01, 0x04, 0x20, 0x80)):
            flipped = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            found = admit(flipped, LOGS)
            if isinstance(found, Admitted) and decide(found, held) is None:
                # Only a line of a key that the witness does not know may have changed.
                assert found == whole
                assert at > data.index(b"\xe2\x80\x94")
                assert len(signers) > 1


@given(st.binary(max_size=80), st.integers(0, 400), st.integers(0, 90))
def test_whatever_the_bytes_there_is_an_answer(junk: bytes, at: int, cut: int) -> None:
    whole = asked(5, 11)
    for data in (junk, whole[:at] + junk + whole[at + cut :]):
        found = admit(data, LOGS)
        if isinstance(found, Admitted):
            assert found.checkpoint == checkpoint(11)
        try:
            request = parse_add_checkpoint(data)
        except WitnessMessageError:
            continue
        assert request.encode() == data
