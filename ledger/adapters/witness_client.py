"""Asks a witness to cosign a checkpoint (C2SP tlog-witness); any implementation of it will do."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from ledger.adapters.http_post import post
from ledger.core.note import NoteSignature, SignedNote
from ledger.core.witness import (
    ANSWER_BYTES_MAX,
    SIZE_CONTENT_TYPE,
    AddCheckpoint,
    WitnessMessageError,
    parse_cosignatures,
    parse_size,
)

_TEXT_MAX = 200


class Cosigned(msgspec.Struct, frozen=True):
    """The lines that the witness gave. Only their form was looked at: verify them by its key."""

    signatures: tuple[NoteSignature, ...]


class Conflict(msgspec.Struct, frozen=True):
    """The witness cosigned a tree of `size` last, says it: ask again with a proof from there."""

    size: int


class Refused(msgspec.Struct, frozen=True):
    """Another status, or an answer that is none of the protocol; `text` is the start of what the
    witness said, printable."""

    status: int
    text: str


def add_checkpoint(
    url: str, old_size: int, proof: tuple[bytes, ...], note: SignedNote, timeout_seconds: float
) -> Cosigned | Conflict | Refused:
    """Ask the witness with the submission prefix `url` to cosign `note`.

    `proof` is the consistency proof from `old_size`. Raises `RemoteUnavailableError` where no
    answer came, `WitnessMessageError` or `NoteError` where the parts make no request.
    """
    body = AddCheckpoint(old_size, proof, note).encode()
    answer = post(
        f"{url.rstrip('/')}/add-checkpoint",
        body,
        "text/plain; charset=utf-8",
        timeout_seconds,
        ANSWER_BYTES_MAX,
    )
    try:
        if answer.status == HTTPStatus.OK:
            return Cosigned(parse_cosignatures(answer.body))
        if answer.status == HTTPStatus.CONFLICT and answer.content_type == SIZE_CONTENT_TYPE:
            return Conflict(parse_size(answer.body))
    except WitnessMessageError as error:
        return Refused(answer.status, str(error))
    return Refused(answer.status, _printable(answer.body))


def _printable(body: bytes) -> str:
    text = body[:_TEXT_MAX].decode("utf-8", "replace")
    return "".join(each if each.isprintable() else " " for each in text).strip()
