"""Keys that sign checkpoints and verify them: Ed25519, and the two cosignatures of C2SP.

The log signs with Ed25519 always and may add ML-DSA-44, which a quantum computer does not break;
witnesses cosign with either. ML-DSA-44 signatures are made anew each time and differ; Ed25519 ones
are always the same.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from ledger.core.checkpoint import (
    Checkpoint,
    CheckpointError,
    cosigned_subtree,
    cosigned_text,
    parse_checkpoint,
)
from ledger.core.merkle import check_inclusion, leaf_hash
from ledger.core.note import Algorithm, NoteSignature, SignedNote, VerifierKey
from ledger.core.tlog_proof import TlogProof

_SIGNATURE_BYTES = {
    Algorithm.ED25519: 64,
    Algorithm.COSIGNATURE_ED25519: 64,
    Algorithm.COSIGNATURE_ML_DSA_44: 2_420,
}
_TIME_BYTES = 8


class NoteSignatureError(ValueError):
    """A signature of a known key that does not verify, or none where one is needed."""


class VerifiedSignature(msgspec.Struct, frozen=True):
    """A key that signed; `at_seconds` is a cosigner's POSIX time, 0 where it names none."""

    key: VerifierKey
    at_seconds: int


class NoteSigner:
    """A private key with its name and what kind of signature it makes."""

    def __init__(
        self, name: str, private: Ed25519PrivateKey | MLDSA44PrivateKey, algorithm: Algorithm
    ) -> None:
        if isinstance(private, MLDSA44PrivateKey) != (algorithm is Algorithm.COSIGNATURE_ML_DSA_44):
            msg = f"key {name}: {algorithm.name} needs another kind of key"
            raise NoteSignatureError(msg)
        self.key = VerifierKey(name, algorithm, private.public_key().public_bytes_raw())
        self._private = private

    def sign(self, text: str, at_seconds: int = 0) -> NoteSignature:
        """Sign a note's text, which for a cosigner is a checkpoint's; raises `CheckpointError`."""
        signature = self._private.sign(_message(self.key, text, at_seconds))
        time = b"" if self.key.algorithm is Algorithm.ED25519 else at_seconds.to_bytes(_TIME_BYTES)
        return NoteSignature(self.key.name, self.key.id, time + signature)


def _message(key: VerifierKey, text: str, at_seconds: int) -> bytes:
    """The bytes that a signature of `key` covers."""
    if key.algorithm is Algorithm.ED25519:
        return text.encode()
    if key.algorithm is Algorithm.COSIGNATURE_ED25519:
        return cosigned_text(text, at_seconds)
    return cosigned_subtree(key.name, text, at_seconds)


def check_signature(key: VerifierKey, text: str, blob: bytes) -> VerifiedSignature:
    """Raise `NoteSignatureError` unless `blob` (without the key id) is a signature of `key`."""
    time_bytes = 0 if key.algorithm is Algorithm.ED25519 else _TIME_BYTES
    expected = time_bytes + _SIGNATURE_BYTES[key.algorithm]
    if len(blob) != expected:
        msg = f"the signature of {key.name} has {len(blob)} bytes, expected {expected}"
        raise NoteSignatureError(msg)
    at_seconds = int.from_bytes(blob[:time_bytes])
    public: Ed25519PublicKey | MLDSA44PublicKey
    try:
        if key.algorithm is Algorithm.COSIGNATURE_ML_DSA_44:
            public = MLDSA44PublicKey.from_public_bytes(key.public)
        else:
            public = Ed25519PublicKey.from_public_bytes(key.public)
        public.verify(blob[time_bytes:], _message(key, text, at_seconds))
    except InvalidSignature as error:
        msg = f"the signature of {key.name} ({key.id.hex()}) does not fit this text"
        raise NoteSignatureError(msg) from error
    except ValueError as error:
        msg = f"{key.name} ({key.id.hex()}) cannot have signed this text: {error}"
        raise NoteSignatureError(msg) from error
    return VerifiedSignature(key, at_seconds)


def verify_note(note: SignedNote, keys: Iterable[VerifierKey]) -> tuple[VerifiedSignature, ...]:
    """The signatures of known keys, all of which must verify, and one of them must be there.

    A line whose name and key id no key has is left alone (C2SP signed-note). Raises
    `NoteSignatureError`.
    """
    known = {(key.name, key.id): key for key in keys}
    verified = tuple(
        check_signature(known[signature.name, signature.key_id], note.text, signature.blob)
        for signature in note.signatures
        if (signature.name, signature.key_id) in known
    )
    if not verified:
        named = ", ".join(sorted({signature.name for signature in note.signatures}))
        msg = f"none of the known keys signed; signatures there: {named or 'none'}"
        raise NoteSignatureError(msg)
    return verified


class VerifiedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint that its log signed, and the cosignatures on it that verify."""

    checkpoint: Checkpoint
    signatures: tuple[VerifiedSignature, ...]
    cosignatures: tuple[VerifiedSignature, ...]


def verify_checkpoint(
    note: SignedNote,
    origin: str,
    log_keys: Iterable[VerifierKey],
    cosigners: Iterable[VerifierKey] = (),
) -> VerifiedCheckpoint:
    """The checkpoint of `origin` in `note`, signed by every key of `log_keys`, at least one.

    Every one, because a log that signs twice wants nobody to believe one signature alone. How many
    cosignatures are enough is the caller's policy. Raises `NoteSignatureError`, `CheckpointError`.
    """
    logs = list(log_keys)
    # No log is its own witness.
    others = [key for key in cosigners if key not in logs]
    verified = verify_note(note, (*logs, *others))
    signed = {signature.key for signature in verified}
    missing = [key for key in logs if key not in signed]
    if missing or not logs:
        named = ", ".join(f"{key.name} ({key.id.hex()})" for key in missing)
        msg = f"a checkpoint of {origin} without the signature of {named or 'any key of the log'}"
        raise NoteSignatureError(msg)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != origin:
        msg = f"a checkpoint of {checkpoint.origin[:60]!r}, expected {origin!r}"
        raise CheckpointError(msg)
    return VerifiedCheckpoint(
        checkpoint,
        tuple(signature for signature in verified if signature.key in logs),
        tuple(signature for signature in verified if signature.key in others),
    )


def verify_tlog_proof(
    proof: TlogProof,
    entry: bytes,
    origin: str,
    log_keys: Iterable[VerifierKey],
    cosigners: Iterable[VerifierKey] = (),
) -> VerifiedCheckpoint:
    """The checkpoint by which `entry` stands at `proof.index` of `origin`; its leaf is made here.

    Whether the cosignatures are enough is the caller's policy. Raises `ProofError`,
    `NoteSignatureError`, `CheckpointError`.
    """
    verified = verify_checkpoint(proof.checkpoint, origin, log_keys, cosigners)
    tree = verified.checkpoint
    check_inclusion(proof.index, tree.size, leaf_hash(entry), proof.path, tree.root)
    return verified
