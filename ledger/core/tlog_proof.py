"""The proof file that whoever doubts an entry is handed (C2SP tlog-proof, `.tlog-proof`).

It names no entry: the checker hashes the entry that it holds. `extra` is signed by nobody.
"""

from __future__ import annotations

from base64 import b64encode

import msgspec

from ledger.core.checkpoint import parse_number
from ledger.core.merkle import HASH_BYTES, ProofError
from ledger.core.note import NOTE_BYTES_MAX, NoteError, SignedNote, decode_base64, parse_note

_HEADER = "c2sp.org/tlog-proof@v1"
_PATH_MAX = 63
"""A tree of 2^63 - 1 leaves has no longer path."""

_EXTRA_BYTES_MAX = 65_535
"""As long as an entry may be."""

_FILE_BYTES_MAX = NOTE_BYTES_MAX + 2 * _EXTRA_BYTES_MAX


class TlogProof(msgspec.Struct, frozen=True):
    """The place of an entry in the tree of `checkpoint`, with its inclusion proof."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: SignedNote
    extra: bytes = b""

    def encode(self) -> bytes:
        """The file's bytes; raises `ProofError` or `NoteError` where these parts make none."""
        data = self._joined()
        if parse_tlog_proof(data) != self:
            msg = f"not the parts of one proof: index {self.index}"
            raise ProofError(msg)
        return data

    def _joined(self) -> bytes:
        extra = [f"extra {b64encode(self.extra).decode()}"] if self.extra else []
        path = [b64encode(value).decode() for value in self.path]
        lines = (_HEADER, *extra, f"index {self.index}", *path)
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint.encode()


def parse_tlog_proof(data: bytes) -> TlogProof:
    """The proof whose file is exactly `data`; verifies nothing. Raises `ProofError`."""
    head, empty, note = data.partition(b"\n\n")
    if len(data) > _FILE_BYTES_MAX or not empty:
        msg = f"no proof file: its lines, an empty line and a checkpoint, up to {_FILE_BYTES_MAX} B"
        raise ProofError(msg)
    try:
        header, *lines = head.decode("ascii").split("\n")
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "))
            _check_extra(extra)
        if header != _HEADER or not lines or not lines[0].startswith("index "):
            msg = f"no proof file: {_HEADER!r}, then perhaps `extra`, then `index`"
            raise ProofError(msg)
        index = parse_number(lines[0].removeprefix("index "))
        path = tuple(map(_hash_of, lines[1:]))
        checkpoint = parse_note(note)
    except (UnicodeDecodeError, NoteError) as error:
        msg = f"no proof file: {error}"
        raise ProofError(msg) from error
    if len(path) > _PATH_MAX:
        msg = f"a proof of {len(path)} hashes: more than {_PATH_MAX}"
        raise ProofError(msg)
    return TlogProof(index, path, checkpoint, extra)


def _check_extra(extra: bytes) -> None:
    if not 0 < len(extra) <= _EXTRA_BYTES_MAX:
        msg = f"extra data of {len(extra)} bytes: 1 to {_EXTRA_BYTES_MAX}, or no such line"
        raise ProofError(msg)


def _hash_of(line: str) -> bytes:
    value = decode_base64(line)
    if len(value) != HASH_BYTES:
        msg = f"a hash has {HASH_BYTES} bytes, this one has {len(value)}"
        raise ProofError(msg)
    return value
