"""What a witness cosigns and what it refuses, in the order and with the statuses of C2SP
tlog-witness.

Two steps, because the second must be one atomic step with keeping what was cosigned: `admit` needs
the request and the keys alone, `decide` the checkpoint that was cosigned last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

import msgspec

from ledger.core.checkpoint import Checkpoint, CheckpointError, parse_checkpoint
from ledger.core.merkle import EMPTY_ROOT, ProofError, check_consistency
from ledger.core.note import (
    Algorithm,
    NoteSignature,
    SignedNote,
    VerifierKey,
)
from ledger.core.witness import WitnessMessageError, parse_add_checkpoint
from ledger.entry.note_keys import NoteSignatureError, NoteSigner, verify_note


class Status(IntEnum):
    """HTTP's numbers, with the meaning that the protocol gives them."""

    MALFORMED = 400
    NOT_SIGNED = 403
    UNKNOWN_LOG = 404
    OTHER_SIZE = 409
    INCONSISTENT = 422
    UNAVAILABLE = 503


class Refusal(msgspec.Struct, frozen=True):
    """Nothing was cosigned. `latest_size` is the witness's own, where that is what differs."""

    status: Status
    message: str
    latest_size: int = 0


class Admitted(msgspec.Struct, frozen=True):
    """A checkpoint of a log that the witness was told of, signed by it, with the proof offered.

    `note` holds the signatures of the log's known keys alone: nothing else was verified.
    """

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: SignedNote


class Cosigned(msgspec.Struct, frozen=True):
    """A checkpoint with its log's signatures, cosigned at a POSIX time in seconds."""

    checkpoint: Checkpoint
    note: SignedNote
    at_seconds: int


def admit(data: bytes, logs: Mapping[str, Sequence[VerifierKey]]) -> Admitted | Refusal:
    """The request in `data`, where a key of its origin in `logs` signed the checkpoint.

    One key is enough, as the protocol says: a log that changes its keys is known by both for a
    while. A false signature of a known key refuses the request, whatever else stands there.
    """
    try:
        request = parse_add_checkpoint(data)
        checkpoint = parse_checkpoint(request.note.text)
    except (WitnessMessageError, CheckpointError) as error:
        return Refusal(Status.MALFORMED, str(error))
    keys = logs.get(checkpoint.origin, ())
    if not keys:
        return Refusal(Status.UNKNOWN_LOG, f"no log {checkpoint.origin[:200]!r} is known here")
    try:
        verify_note(request.note, keys)
    except NoteSignatureError as error:
        return Refusal(Status.NOT_SIGNED, str(error))
    if request.old_size > checkpoint.size:
        msg = f"old size {request.old_size} is more than the checkpoint's {checkpoint.size}"
        return Refusal(Status.MALFORMED, msg)
    known = {(key.name, key.id) for key in keys}
    own = tuple(each for each in request.note.signatures if (each.name, each.key_id) in known)
    note = SignedNote(request.note.text, own)
    return Admitted(request.old_size, request.proof, checkpoint, note)


def decide(admitted: Admitted, latest: Checkpoint | None) -> Refusal | None:
    """Why the checkpoint must not be cosigned after `latest`, the last one of its log; else None.

    Two trees of one size must have one root: where they differ, the log signed a fork, and the
    request holds the proof of it.
    """
    size, root = (latest.size, latest.root) if latest else (0, EMPTY_ROOT)
    offered = admitted.checkpoint
    if admitted.old_size != size:
        msg = f"old size {admitted.old_size}, the last one cosigned here is {size}"
        return Refusal(Status.OTHER_SIZE, msg, size)
    try:
        check_consistency(size, offered.size, root, offered.root, admitted.proof)
    except ProofError as error:
        return Refusal(Status.INCONSISTENT, str(error))
    return None


def cosign(
    admitted: Admitted, signers: Sequence[NoteSigner], at_seconds: int
) -> tuple[NoteSignature, ...]:
    """The witness's cosignatures. A checkpoint with extension lines gets none with ML-DSA-44, which
    would leave those lines unsigned."""
    return tuple(
        signer.sign(admitted.note.text, at_seconds)
        for signer in signers
        if signer.key.algorithm is not Algorithm.COSIGNATURE_ML_DSA_44
        or not admitted.checkpoint.extensions
    )
