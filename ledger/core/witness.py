"""The bytes of the witness protocol (C2SP tlog-witness, `add-checkpoint`): request and answers."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

import msgspec

from ledger.core.checkpoint import parse_number
from ledger.core.merkle import HASH_BYTES
from ledger.core.note import (
    NoteError,
    NoteSignature,
    SignedNote,
    decode_base64,
    parse_note,
    parse_signature_line,
)

PROOF_LINES_MAX: Final = 63
"""A tree of 2^63 - 1 leaves has no longer proof; the protocol says it too."""

REQUEST_BYTES_MAX: Final = 262_144
"""The longest proof and some sixty of the largest signatures; everybody must take sixteen."""

ANSWER_BYTES_MAX: Final = 65_536
"""Sixteen of the largest signatures; a witness with more keys than that is none of ours."""

COSIGNATURES_MAX: Final = 16
"""Lines of one answer; each costs the reader a look at its keys."""

SIZE_CONTENT_TYPE: Final = "text/x.tlog.size"

_OLD: Final = "old "


class WitnessMessageError(NoteError):
    """Bytes that are no request of the witness protocol, or no answer."""


class AddCheckpoint(msgspec.Struct, frozen=True):
    """Asks a witness that cosigned the tree of `old_size` to cosign the one of `note` too.

    `proof` is the consistency proof between them, 32 bytes each; empty where `old_size` is 0.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: SignedNote

    def encode(self) -> bytes:
        """The request's body; raises `WitnessMessageError` or `NoteError` where it makes none."""
        lines = (f"{_OLD}{self.old_size}", *(b64encode(value).decode() for value in self.proof))
        data = "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.note.encode()
        if parse_add_checkpoint(data) != self:
            msg = f"not the parts of one request: old size {self.old_size}"
            raise WitnessMessageError(msg)
        return data


def parse_add_checkpoint(data: bytes) -> AddCheckpoint:
    """The request whose body is exactly `data`; verifies nothing. Raises `WitnessMessageError`."""
    head, empty, note = data.partition(b"\n\n")
    if len(data) > REQUEST_BYTES_MAX or not empty:
        msg = f"expected `old`, a proof, an empty line, a checkpoint, up to {REQUEST_BYTES_MAX} B"
        raise WitnessMessageError(msg)
    try:
        first, *lines = head.decode("ascii").split("\n")
        if not first.startswith(_OLD):
            msg = f"{first[:60]!r} is no old size: expected `old <size>`"
            raise WitnessMessageError(msg)
        if len(lines) > PROOF_LINES_MAX:
            msg = f"a proof of {len(lines)} lines: more than {PROOF_LINES_MAX}"
            raise WitnessMessageError(msg)
        proof = tuple(map(_hash_of, lines))
        return AddCheckpoint(parse_number(first.removeprefix(_OLD)), proof, parse_note(note))
    except (UnicodeDecodeError, NoteError) as error:
        raise WitnessMessageError(str(error)) from error


def _hash_of(line: str) -> bytes:
    value = decode_base64(line)
    if len(value) != HASH_BYTES:
        msg = f"a hash has {HASH_BYTES} bytes, this one has {len(value)}"
        raise WitnessMessageError(msg)
    return value


def encode_cosignatures(signatures: tuple[NoteSignature, ...]) -> bytes:
    """The body of the answer 200: a line for each cosignature."""
    return "".join(signature.line() for signature in signatures).encode()


def parse_cosignatures(data: bytes) -> tuple[NoteSignature, ...]:
    """The lines of an answer 200, one at least; verifies nothing. Raises `WitnessMessageError`."""
    try:
        *lines, rest = data.decode().split("\n")
        if rest or not 0 < len(lines) <= COSIGNATURES_MAX:
            msg = f"expected 1 to {COSIGNATURES_MAX} lines, each with its newline"
            raise WitnessMessageError(msg)
        return tuple(map(parse_signature_line, lines))
    except (UnicodeDecodeError, NoteError) as error:
        msg = f"no cosignatures: {error}"
        raise WitnessMessageError(msg) from error


def encode_size(size: int) -> bytes:
    """The body of the answer 409: the size that the witness cosigned last."""
    return f"{size}\n".encode()


def parse_size(data: bytes) -> int:
    """The size in an answer 409; raises `WitnessMessageError`."""
    try:
        line, newline, rest = data.decode("ascii").partition("\n")
        if not newline or rest:
            msg = f"{line[:60]!r} is no line with a size"
            raise WitnessMessageError(msg)
        return parse_number(line)
    except (UnicodeDecodeError, NoteError) as error:
        raise WitnessMessageError(str(error)) from error
