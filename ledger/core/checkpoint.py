"""Checkpoints (C2SP tlog-checkpoint v1.0.0) and what a cosigner signs of one (tlog-cosignature).

A checkpoint is the text of a signed note: origin, size and root of a log at one moment.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final

import msgspec

from ledger.core.merkle import HASH_BYTES
from ledger.core.note import NoteError, decode_base64

SIZE_MAX: Final = 2**63 - 1
"""Other readers hold sizes and times in signed 64 bits."""

_NAME_BYTES_MAX: Final = 255
"""Names in a cosigned message carry one byte for their length."""

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_SUBTREE_LABEL: Final = b"subtree/v1\n\0"


class CheckpointError(NoteError):
    """Text that is no checkpoint, or a checkpoint that has no text."""


class Checkpoint(msgspec.Struct, frozen=True):
    """`root` has 32 bytes; `extensions` are lines without newlines, and there should be none:
    nobody can audit them, and an ML-DSA cosignature does not cover them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The text of the note; raises `CheckpointError` where a field has no place in one."""
        text = self._joined()
        if parse_checkpoint(text) != self:
            msg = f"not the fields of one checkpoint: origin {self.origin[:60]!r}"
            raise CheckpointError(msg)
        return text

    def _joined(self) -> str:
        root = b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.extensions))


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint whose text is exactly `text`; raises `CheckpointError` otherwise."""
    *lines, rest = text.split("\n")
    if rest or len(lines) < 3 or not all(lines):
        msg = "a checkpoint has three lines or more, none of them empty, each with its newline"
        raise CheckpointError(msg)
    origin, size, encoded, *extensions = lines
    try:
        root = decode_base64(encoded)
    except NoteError as error:
        msg = f"the root of {origin[:60]}: {error}"
        raise CheckpointError(msg) from error
    if len(root) != HASH_BYTES:
        msg = f"the root of {origin[:60]} has {len(root)} bytes, expected {HASH_BYTES}"
        raise CheckpointError(msg)
    return Checkpoint(origin, parse_number(size), root, tuple(extensions))


def parse_number(text: str) -> int:
    """A size or index: decimal ASCII without leading zeros, at most `SIZE_MAX`."""
    if _NUMBER.fullmatch(text) is None or int(text) > SIZE_MAX:
        msg = f"{text[:60]!r} is no size or index: decimal, no leading zero, at most {SIZE_MAX}"
        raise CheckpointError(msg)
    return int(text)


def cosigned_text(text: str, at_seconds: int) -> bytes:
    """What an Ed25519 cosigner signs of a checkpoint's text at a POSIX time in seconds."""
    parse_checkpoint(text)
    _check_time(at_seconds)
    return f"cosignature/v1\ntime {at_seconds}\n{text}".encode()


def cosigned_subtree(cosigner: str, text: str, at_seconds: int) -> bytes:
    """What an ML-DSA-44 cosigner signs of a checkpoint's text at a POSIX time in seconds.

    Raises `CheckpointError` for a checkpoint with extension lines, which would stay unsigned.
    """
    checkpoint = parse_checkpoint(text)
    _check_time(at_seconds)
    if checkpoint.extensions:
        msg = f"{checkpoint.origin[:60]}: ML-DSA-44 does not sign extension lines"
        raise CheckpointError(msg)
    return b"".join(
        (
            _SUBTREE_LABEL,
            _with_length(cosigner),
            at_seconds.to_bytes(8),
            _with_length(checkpoint.origin),
            (0).to_bytes(8),
            checkpoint.size.to_bytes(8),
            checkpoint.root,
        )
    )


def _check_time(at_seconds: int) -> None:
    if not 0 <= at_seconds <= SIZE_MAX:
        msg = f"{at_seconds} is no time of a cosignature: 0 to {SIZE_MAX} seconds"
        raise CheckpointError(msg)


def _with_length(name: str) -> bytes:
    data = name.encode()
    if not 0 < len(data) <= _NAME_BYTES_MAX:
        msg = f"{name[:60]!r} has {len(data)} bytes: 1 to {_NAME_BYTES_MAX} fit a cosignature"
        raise CheckpointError(msg)
    return bytes([len(data)]) + data
