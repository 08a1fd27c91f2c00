"""The entry: `<seal line>\\n<action bytes>`, format version 1 (DESIGN.md section 3). Frozen.

What is hashed is the bytes as stored. A record that this module refuses is not an entry; a record
whose seal line names a newer format is not for this software, and the reader must stop.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from functools import lru_cache
from typing import Annotated, Any, Final, NoReturn

import msgspec

from ledger.core.action import STREAM_PATTERN, TYPE_PATTERN, Action, matches, read_action
from ledger.core.canonical import CanonicalError, decode_canonical
from ledger.core.merkle import HASH_BYTES, inclusion_length, leaf_hash
from ledger.core.times import parse_instant

FORMAT_VERSION: Final = 1
ENTRY_BYTES_MAX: Final = 65_535
"""C2SP tlog-tiles stores an entry behind a 16-bit length."""
SIGNATURE_BYTES: Final = 64
HEX_LENGTH: Final = 2 * HASH_BYTES
_TEXTS_MAX: Final = 65_536

_ORIGIN = re.compile(r"[!-~]+/(?:0|[1-9][0-9]*)")
_KEY = re.compile(r"[!-~]+")
_STREAM = re.compile(STREAM_PATTERN)
_HASH_TEXT = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
"""The base64 of 32 bytes: two bits of the last letter are left over, and must be zero."""
_TYPE = re.compile(TYPE_PATTERN)

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


class EntryError(ValueError):
    """The bytes are not an entry of format version 1."""


class NewerFormatError(Exception):
    """The seal line names a newer format version: this software is too old to read on."""


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An Ed25519 signature over the root of the submission of `size` actions, this one at `at`."""

    at: Count
    key: str
    path: tuple[str, ...]
    sig: str
    size: Positive

    def path_hashes(self) -> tuple[bytes, ...]:
        """The inclusion proof as raw hashes."""
        return tuple(map(hash_of_base64, self.path))


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The seal line. All keys are always present; their meaning is in DESIGN.md section 3."""

    index: Count
    origin: str
    prev: str
    recorded_at: str
    sigs: Annotated[tuple[Signature, ...], msgspec.Meta(min_length=1)]
    stream: str
    stream_prev: str
    type: str
    v: int
    version: Positive


class Entry(msgspec.Struct, frozen=True):
    """A well-formed entry: its seal, its bytes, the exact bytes that the actor signed, its leaf.

    `typed` is the action as far as its types go (`check_action` says the rest); None where it is
    canonical JSON and no action all the same. `leaf` is hex.
    """

    seal: Seal
    data: bytes
    action_bytes: bytes
    typed: Action | None
    leaf: str

    @property
    def action(self) -> dict[str, Any]:
        """The action as builtins, decoded again each time."""
        value: dict[str, Any] = msgspec.json.decode(self.action_bytes)
        return value

    @property
    def action_id(self) -> str:
        """The id that the action gives itself."""
        return str(self.action.get("id")) if self.typed is None else self.typed.id


class _FormatOnly(msgspec.Struct):
    v: int


_seal_decoder = msgspec.json.Decoder(Seal)
# The fields of both structs stand in the order of their names, so this writes them sorted.
_seal_encoder = msgspec.json.Encoder()
_format_decoder = msgspec.json.Decoder(_FormatOnly)


def _check_newer_format(line: bytes) -> None:
    """Raise `NewerFormatError` if `line` is a canonical object that names a later version."""
    try:
        version = _format_decoder.decode(line).v
        decode_canonical(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, CanonicalError):
        return
    if version > FORMAT_VERSION:
        msg = f"entry format {version} is newer than {FORMAT_VERSION}: install newer software"
        raise NewerFormatError(msg)


def _check_hex_hash(field: str, text: str) -> None:
    if len(text) != HEX_LENGTH or text.strip("0123456789abcdef"):
        msg = f"{field}: {text!r} is not a lower-case hex hash"
        raise ValueError(msg)


def _decode_base64(field: str, text: str, length: int) -> bytes:
    # Encoding again refuses left-over bits, so that one hash or signature has one text.
    raw = a2b_base64(text)
    if len(raw) != length or b2a_base64(raw, newline=False) != text.encode():
        msg = f"{field}: not the base64 of {length} bytes"
        raise ValueError(msg)
    return raw


# The entries of one submission share their signature and most of their paths, those of one group
# their time: what was well-formed once need not be looked at again.


@lru_cache(maxsize=65_536)
def hash_of_base64(text: str) -> bytes:
    """The 32 bytes of a hash in a path; raises ValueError for other text."""
    return _decode_base64("sigs.path", text, HASH_BYTES)


@lru_cache(maxsize=4_096)
def _check_signature_text(text: str) -> None:
    _decode_base64("sigs.sig", text, SIGNATURE_BYTES)


_check_instant = lru_cache(maxsize=4_096)(parse_instant)


_path_texts: set[str] = set()
"""Texts of hashes that were well-formed: most of a path is that of the entry before."""
_leaf_texts: set[str] = set()
"""Leaves of entries decoded lately, which those behind them name."""


def _check_path(path: tuple[str, ...]) -> None:
    fresh = [text for text in path if text not in _path_texts]
    for text in fresh:
        if _HASH_TEXT.fullmatch(text) is None:
            hash_of_base64(text)
    if len(_path_texts) > _TEXTS_MAX:
        _path_texts.clear()
    _path_texts.update(fresh)


def _misnamed(seal: Seal) -> ValueError:
    for field, text, pattern in (
        ("origin", seal.origin, _ORIGIN),
        ("stream", seal.stream, _STREAM),
        ("type", seal.type, _TYPE),
    ):
        if not matches(pattern, text):
            return ValueError(f"{field}: {text!r} is not of the form {pattern.pattern}")
    return ValueError("a name is not of its form")


def _check_seal(seal: Seal) -> None:
    """What the types of the struct do not say; raises ValueError (`ProofError` is one)."""
    if not (
        matches(_ORIGIN, seal.origin)
        and matches(_STREAM, seal.stream)
        and matches(_TYPE, seal.type)
    ):
        raise _misnamed(seal)
    if seal.prev not in _leaf_texts:
        _check_hex_hash("prev", seal.prev)
    if seal.stream_prev not in _leaf_texts:
        _check_hex_hash("stream_prev", seal.stream_prev)
    _check_instant(seal.recorded_at)
    for signature in seal.sigs:
        if not matches(_KEY, signature.key):
            msg = f"sigs: {signature.key!r} is no key id"
            raise ValueError(msg)
        _check_signature_text(signature.sig)
        path = signature.path
        if len(path) != inclusion_length(signature.at, signature.size):
            msg = f"sigs: path of {len(path)} for place {signature.at} of {signature.size}"
            raise ValueError(msg)
        _check_path(path)


def _decode_seal(line: bytes) -> Seal:
    try:
        seal = _seal_decoder.decode(line)
        if _seal_encoder.encode(seal) != line:
            _refuse_seal("not canonical")
        if seal.v != FORMAT_VERSION:
            _check_newer_format(line)
            _refuse_seal(f"format version {seal.v}, expected {FORMAT_VERSION}")
        _check_seal(seal)
    except (msgspec.MsgspecError, ValueError) as error:
        if isinstance(error, EntryError):
            raise
        _check_newer_format(line)
        msg = f"seal: {error}"
        raise EntryError(msg) from error
    return seal


def _refuse_seal(why: str) -> NoReturn:
    msg = f"seal: {why}"
    raise EntryError(msg)


def decode_entry(data: bytes) -> Entry:
    """The entry in `data`; raises `EntryError`, or `NewerFormatError`: the reader must stop."""
    if len(data) > ENTRY_BYTES_MAX:
        msg = f"{len(data)} bytes, at most {ENTRY_BYTES_MAX}"
        raise EntryError(msg)
    line, separator, action_bytes = data.partition(b"\n")
    if not separator:
        msg = "no line feed between seal and action"
        raise EntryError(msg)
    seal = _decode_seal(line)
    typed = read_action(action_bytes)
    if typed is None:
        _check_untyped(seal, action_bytes)
    elif typed.stream != seal.stream or typed.type != seal.type:
        raise _other_action(seal, typed.type, typed.stream)
    leaf = leaf_hash(data).hex()
    if len(_leaf_texts) > _TEXTS_MAX:
        _leaf_texts.clear()
    _leaf_texts.add(leaf)
    return Entry(seal, data, action_bytes, typed, leaf)


def _check_untyped(seal: Seal, action_bytes: bytes) -> None:
    """What an entry needs of its action, whatever else that is: canonical, of the seal's stream and
    type."""
    try:
        action = decode_canonical(action_bytes)
    except CanonicalError as error:
        msg = f"action: {error}"
        raise EntryError(msg) from error
    if not isinstance(action, dict):
        msg = "action: not an object"
        raise EntryError(msg)
    if action.get("stream") != seal.stream or action.get("type") != seal.type:
        raise _other_action(seal, action.get("type"), action.get("stream"))


def _other_action(seal: Seal, type_name: object, stream: object) -> EntryError:
    return EntryError(
        f"seal says {seal.type} of {seal.stream}, the action says {type_name} of {stream}"
    )


def encode_entry(seal: Seal, action_bytes: bytes) -> bytes:
    """The bytes of an entry. The caller has checked the action; the length is checked here."""
    data = _seal_encoder.encode(seal) + b"\n" + action_bytes
    if len(data) > ENTRY_BYTES_MAX:
        msg = f"entry of {len(data)} bytes, at most {ENTRY_BYTES_MAX}: documents stay outside"
        raise EntryError(msg)
    return data
