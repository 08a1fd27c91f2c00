"""Signed notes (C2SP signed-note v1.0.0): text, signature lines, key ids, verifier keys.

The bytes only: `ledger.entry.note_keys` signs and verifies. Each value has one form here, so what
was read is written again byte for byte.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from enum import IntEnum
from hashlib import sha256
from typing import Final

import msgspec

from ledger.core.ed25519 import is_small_order

NOTE_BYTES_MAX: Final = 1_000_000
"""Room for a hundred signatures of the largest algorithm and their text; what is longer is an
attack on the reader."""

NOTE_SIGNATURES_MAX: Final = 100
"""The specification asks for 16 at least; a policy may name 32 witnesses with two keys each."""

KEY_ID_BYTES: Final = 4
_DASH: Final = "\u2014 "


class NoteError(ValueError):
    """Bytes that are no signed note, or a key that is none."""


class Algorithm(IntEnum):
    """The signature types in use here, with the byte that stands for each in a key id.

    `ED25519` signs the text; the other two are the cosignatures of C2SP tlog-cosignature.
    """

    ED25519 = 1
    COSIGNATURE_ED25519 = 4
    COSIGNATURE_ML_DSA_44 = 6


PUBLIC_KEY_BYTES: Final = {
    Algorithm.ED25519: 32,
    Algorithm.COSIGNATURE_ED25519: 32,
    Algorithm.COSIGNATURE_ML_DSA_44: 1_312,
}


class NoteSignature(msgspec.Struct, frozen=True):
    """One signature line: who says to have signed, the four bytes of the key's id, the rest."""

    name: str
    key_id: bytes
    blob: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.blob).decode()}\n"


class SignedNote(msgspec.Struct, frozen=True):
    """`text` ends with a newline, which is signed with it; unknown signatures are kept in place."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The note's bytes; raises `NoteError` where these parts make no note."""
        data = self._joined()
        if parse_note(data) != self:
            msg = f"not the parts of one note: text {self.text[:60]!r}"
            raise NoteError(msg)
        return data

    def _joined(self) -> bytes:
        lines = "".join(signature.line() for signature in self.signatures)
        try:
            return f"{self.text}\n{lines}".encode()
        except UnicodeEncodeError as error:
            raise NoteError(str(error)) from error


class VerifierKey(msgspec.Struct, frozen=True):
    """A public key with the name it signs under; name and id together tell keys apart."""

    name: str
    algorithm: Algorithm
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != PUBLIC_KEY_BYTES[self.algorithm]:
            msg = (
                f"key {self.name}: {self.algorithm.name} has "
                f"{PUBLIC_KEY_BYTES[self.algorithm]} bytes, this one has {len(self.public)}"
            )
            raise NoteError(msg)
        if self.algorithm is not Algorithm.COSIGNATURE_ML_DSA_44 and is_small_order(self.public):
            msg = f"key {self.name}: a point of small order, with which anybody can sign"
            raise NoteError(msg)

    @property
    def id(self) -> bytes:
        """SHA-256(name, newline, algorithm, public key), its first four bytes."""
        material = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        return sha256(material).digest()[:KEY_ID_BYTES]

    def text(self) -> str:
        """The key as people hand it on: `<name>+<id in hex>+<base64>`."""
        public = b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{public}"


def parse_verifier_key(text: str) -> VerifierKey:
    """The key that `VerifierKey.text` wrote; raises `NoteError` for anything else."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        msg = f"{text[:60]!r} is no verifier key: expected <name>+<id>+<base64>"
        raise NoteError(msg)
    name, key_id, encoded = parts
    material = decode_base64(encoded)
    try:
        algorithm = Algorithm(int.from_bytes(material[:1]))
    except ValueError as error:
        msg = f"key {name}: {error}"
        raise NoteError(msg) from error
    key = VerifierKey(name, algorithm, material[1:])
    if key.id.hex() != key_id:
        msg = f"key {name}: id {key_id!r} stands there, its bytes give {key.id.hex()}"
        raise NoteError(msg)
    return key


def decode_base64(text: str) -> bytes:
    """The bytes of padded standard base64; raises `NoteError` unless it re-encodes to itself."""
    try:
        data = b64decode(text, validate=True)
    except ValueError as error:
        msg = f"{text[:60]!r} is no base64: {error}"
        raise NoteError(msg) from error
    if b64encode(data).decode() != text:
        msg = f"{text[:60]!r} is no base64 in its one form"
        raise NoteError(msg)
    return data


def parse_note(data: bytes) -> SignedNote:
    """The note whose bytes are exactly `data`; verifies nothing. Raises `NoteError`."""
    if len(data) > NOTE_BYTES_MAX:
        msg = f"a note of {len(data)} bytes: more than {NOTE_BYTES_MAX}"
        raise NoteError(msg)
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        msg = f"a note is UTF-8: {error}"
        raise NoteError(msg) from error
    if any(character < " " and character != "\n" for character in whole):
        msg = "a note has no control character but the newline"
        raise NoteError(msg)
    text, blank, block = whole.rpartition("\n\n")
    if not blank or not block.endswith("\n"):
        msg = "a note is text, an empty line and signature lines, each with its newline"
        raise NoteError(msg)
    lines = block[:-1].split("\n")
    if len(lines) > NOTE_SIGNATURES_MAX:
        msg = f"a note with {len(lines)} signatures: more than {NOTE_SIGNATURES_MAX}"
        raise NoteError(msg)
    return SignedNote(f"{text}\n", tuple(map(parse_signature_line, lines)))


def parse_signature_line(line: str) -> NoteSignature:
    """One signature line without its newline; raises `NoteError`."""
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH):
        msg = f"{line[:60]!r} is no signature line: it begins with an em dash and a space"
        raise NoteError(msg)
    _check_name(name)
    raw = decode_base64(encoded)
    if len(raw) <= KEY_ID_BYTES:
        msg = f"the signature of {name} has {len(raw)} bytes: no more than its key id"
        raise NoteError(msg)
    return NoteSignature(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def _check_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() or character < " " for character in name):
        msg = f"{name[:60]!r} is no key name: not empty, no space, no plus"
        raise NoteError(msg)
