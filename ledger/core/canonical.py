"""Canonical JSON: RFC 8785 narrowed to what an audit entry needs.

Objects with ASCII keys, arrays, strings, booleans and integers up to ±(2^53-1); no floats, no null.
Within these bounds the sorted msgspec encoder writes RFC 8785 bytes (`tests/vectors` holds that
against an RFC 8785 library), so a strict reader only has to decode, encode again and compare: that
refuses duplicate keys, spaces, needless escapes, `-0` and `1.0` without a parser of our own.

>>> encode_canonical({"b": 1, "a": "ệ"}).decode()
'{"a":"ệ","b":1}'
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

import msgspec

INTEGER_MAX: Final = 2**53 - 1
"""RFC 8785 section 3.2.2.3: integers beyond this are not exact in every reader."""

DEPTH_MAX: Final = 32
"""Deeper nesting has no use in an action, and unbounded nesting is an attack on every reader."""

_DIGITS_TO_ZERO = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_LONG_NUMBER = b"0" * 16
# From the last byte beyond ASCII in a string to its end; only a key is followed by a colon. Each
# byte is looked at once or twice, whatever the text: no input makes this slow.
_NON_ASCII_KEY = re.compile(rb'[\x80-\xff](?:[^"\\\x80-\xff]|\\.)*+":')


Struct = TypeVar("Struct", bound=msgspec.Struct)


class CanonicalError(ValueError):
    """The bytes are not canonical JSON, or the value has no canonical form."""


def refuse_float(text: str) -> NoReturn:
    """The float hook of every decoder of canonical bytes."""
    msg = f"{text} is not an integer: amounts and counts are integers, times are text"
    raise CanonicalError(msg)


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(float_hook=refuse_float)


def _check_values(value: object, depth: int = 0) -> None:
    """Raise unless every key and value below `value` lies within the narrowed RFC 8785."""
    if depth > DEPTH_MAX:
        msg = f"nested deeper than {DEPTH_MAX}"
        raise CanonicalError(msg)
    if isinstance(value, (str, bool)):
        return
    if isinstance(value, int):
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            msg = f"integer {value} is beyond ±(2^53-1)"
            raise CanonicalError(msg)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                msg = f"key {key!r} is not ASCII text"
                raise CanonicalError(msg)
            _check_values(item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_values(item, depth + 1)
    elif value is None:
        msg = "null is not allowed: an unknown field is left out"
        raise CanonicalError(msg)
    else:
        msg = f"a {type(value).__name__} has no canonical form"
        raise CanonicalError(msg)


def encode_canonical(value: object) -> bytes:
    """The canonical bytes of `value` (dicts, lists, str, int, bool; or a struct of these).

    Raises `CanonicalError` where the value lies outside the narrowed RFC 8785.
    """
    if not isinstance(value, msgspec.Struct):
        _check_values(value)
    try:
        data = _encoder.encode(value)
    except (UnicodeEncodeError, TypeError) as error:
        raise CanonicalError(str(error)) from error
    if isinstance(value, msgspec.Struct):
        # A struct's types are known: reading its bytes strictly is quicker than walking its values.
        decode_canonical(data)
    return data


def decode_canonical(data: bytes) -> Any:
    """The value whose canonical bytes are exactly `data`; raises `CanonicalError` otherwise."""
    try:
        value = _decoder.decode(data)
        again = _encoder.encode(value)
    except CanonicalError:
        raise
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = f"not JSON: {error}"
        raise CanonicalError(msg) from error
    if again != data:
        at = next(
            (i for i, (a, b) in enumerate(zip(data, again, strict=False)) if a != b),
            min(len(data), len(again)),
        )
        expected, found = again[at : at + 24], data[at : at + 24]
        msg = f"not canonical at byte {at}: expected {expected!r}, found {found!r}"
        raise CanonicalError(msg)
    if _needs_walk(data):
        _check_values(value)
    return value


def _needs_walk(data: bytes) -> bool:
    """Whether canonical bytes may hold what is not allowed.

    Floats were refused while decoding. What else may hide (null, long integers, keys beyond ASCII,
    deep nesting) leaves a trace in the bytes.
    """
    return (
        b"null" in data
        or (not data.isascii() and _NON_ASCII_KEY.search(data) is not None)
        or data.count(b"[") + data.count(b"{") > DEPTH_MAX
        or _LONG_NUMBER in data.translate(_DIGITS_TO_ZERO)
    )


def is_plain(value: object) -> bool:
    """Whether a decoded value is a text, a truth value or an integer that every reader has exactly:
    nothing below it has to be looked for.
    """
    return isinstance(value, str) or (
        isinstance(value, int) and -INTEGER_MAX <= value <= INTEGER_MAX
    )


def decode_canonical_as(
    data: bytes, decoder: msgspec.json.Decoder[Struct], is_flat: Callable[[Struct], bool]
) -> Struct | None:
    """The struct whose canonical bytes are exactly `data`, decoded once as a rule; None where that
    is not so: `decode_canonical` then says why.

    `decoder` has `refuse_float` for its hook, and its struct leaves defaults out. `is_flat` says of
    a struct that all its keys are ASCII and each value that its types leave open `is_plain`.
    """
    try:
        value = decoder.decode(data)
        if _encoder.encode(value) != data:
            return None
        if not is_flat(value) and _needs_walk(data):
            # What looks like a fault may stand in a text: a hash has long numbers in it.
            decode_canonical(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return value
