"""Sealed fields: personal text that no entry shows in clear (DESIGN.md section 3). Pure.

A sealed field is `{"sealed":{"box":…,"key":K,"nonce":…}}`. `box` is the base64 of AES-256-GCM
ciphertext and tag, `nonce` of 12 bytes, and K = lower-case hex SHA-256 of `pal/subject-key/v1\\n`
followed by the 32 key bytes: K commits to the key, so no box opens to two texts under two keys.

Associated data, exact bytes: `pal/sealed/v1\\n<stream>\\n<path>\\n<K>\\n`. Stream and path hold no
control characters, so no two triples give the same bytes. `path` names the field within the
action's `data`, keys joined by dots (`applicant.name`). Key and nonce are arguments; a nonce is
used once for each key.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_KEY_PREFIX: Final = b"pal/subject-key/v1\n"
_BOX_PREFIX: Final = "pal/sealed/v1\n"
_CONTROL: Final = frozenset(map(chr, (*range(0x20), 0x7F)))


class SealedError(ValueError):
    """A sealed field that does not open with this key in this place, or is malformed."""


def key_id(key: bytes) -> str:
    """K of a subject key of 32 bytes."""
    if len(key) != KEY_BYTES:
        msg = f"a subject key has {KEY_BYTES} bytes, this one has {len(key)}"
        raise SealedError(msg)
    return sha256(_KEY_PREFIX + key).hexdigest()


class SubjectKey:
    """The AES-256 key of one data subject with its id; its text form never shows the key."""

    __slots__ = ("id", "raw")

    def __init__(self, raw: bytes) -> None:
        self.id = key_id(raw)
        self.raw = raw

    @classmethod
    def generate(cls, random_bytes: bytes) -> SubjectKey:
        """The key made of 32 bytes from the system's random source."""
        return cls(random_bytes)

    def __repr__(self) -> str:
        return f"SubjectKey({self.id[:16]}…)"


class _Box(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    box: str
    key: str
    nonce: str


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sealed: _Box


def _associated(stream: str, path: str, key: str) -> bytes:
    for name, value in (("stream", stream), ("field path", path)):
        if not value or not _CONTROL.isdisjoint(value):
            msg = f"{name} {value!r} is empty or holds control characters"
            raise SealedError(msg)
    return f"{_BOX_PREFIX}{stream}\n{path}\n{key}\n".encode()


def _unbase64(name: str, text: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        msg = f"{name}: not base64"
        raise SealedError(msg) from error
    if b64encode(raw).decode() != text:
        msg = f"{name}: base64 with left-over bits"
        raise SealedError(msg)
    return raw


def seal_text(key: SubjectKey, stream: str, path: str, text: str, nonce: bytes) -> dict[str, Any]:
    """The sealed field that holds `text` at `path` of an action of `stream`."""
    if len(nonce) != NONCE_BYTES:
        msg = f"a nonce has {NONCE_BYTES} bytes, this one has {len(nonce)}"
        raise SealedError(msg)
    box = AESGCM(key.raw).encrypt(nonce, text.encode(), _associated(stream, path, key.id))
    return {
        "sealed": {
            "box": b64encode(box).decode(),
            "key": key.id,
            "nonce": b64encode(nonce).decode(),
        }
    }


def sealed_key_id(value: object) -> str | None:
    """K of a sealed field; None where `value` is none, or is malformed."""
    try:
        return msgspec.convert(value, _Sealed).sealed.key
    except msgspec.ValidationError:
        return None


def open_text(key: SubjectKey, stream: str, path: str, sealed: object) -> str:
    """The text of a sealed field; raises `SealedError` for another key, stream or path."""
    try:
        box = msgspec.convert(sealed, _Sealed).sealed
    except msgspec.ValidationError as error:
        msg = f"not a sealed field: {error}"
        raise SealedError(msg) from error
    if box.key != key.id:
        msg = f"sealed with key {box.key}, this is {key.id}"
        raise SealedError(msg)
    nonce, raw = _unbase64("nonce", box.nonce), _unbase64("box", box.box)
    if len(nonce) != NONCE_BYTES or len(raw) < TAG_BYTES:
        msg = f"nonce of {len(nonce)} bytes, box of {len(raw)}"
        raise SealedError(msg)
    try:
        return AESGCM(key.raw).decrypt(nonce, raw, _associated(stream, path, key.id)).decode()
    except InvalidTag as error:
        msg = f"does not open as {path} of {stream}: moved, or changed"
        raise SealedError(msg) from error
