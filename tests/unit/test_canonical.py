"""Canonical JSON agrees with an RFC 8785 library wherever both speak."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.canonical import (
    DEPTH_MAX,
    INTEGER_MAX,
    CanonicalError,
    decode_canonical,
    encode_canonical,
)

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
KEYS = st.text(alphabet=st.characters(max_codepoint=127))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


@given(VALUES)
def test_writes_what_an_rfc_8785_library_writes(value: Any) -> None:
    data = encode_canonical(value)
    assert data == rfc8785.dumps(value)
    assert decode_canonical(data) == value


@given(VALUES, st.data())
def test_one_changed_byte_is_refused_or_another_value(value: Any, data: st.DataObject) -> None:
    raw = bytearray(encode_canonical(value))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        changed = decode_canonical(bytes(raw))
    except CanonicalError:
        return
    assert encode_canonical(changed) == bytes(raw) == rfc8785.dumps(changed)
    assert (changed, str(changed)) != (value, str(value))


@given(st.binary())
def test_arbitrary_bytes_decode_only_to_their_own_encoding(data: bytes) -> None:
    try:
        value = decode_canonical(data)
    except CanonicalError:
        return
    assert encode_canonical(value) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"1.0",
        b"1e3",
        b"-0",
        b"01",
        b" 1",
        b"1 ",
        b"1 2",
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u00E9"',
        '{"ệ":1}'.encode(),
        b'{"a":null}',
        b"\xff",
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b"9007199254740992",
        b"-9007199254740992",
        b"123456789012345678901234567890",
        b"NaN",
        b"\xef\xbb\xbf1",
        b"[" * (DEPTH_MAX + 2) + b"]" * (DEPTH_MAX + 2),
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda data: repr(data[:20]),
)
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        decode_canonical(data)


@pytest.mark.parametrize(
    "value",
    [None, 1.5, {"a": None}, {"ệ": 1}, {1: "a"}, INTEGER_MAX + 1, b"bytes", "\ud800", {"a": {2}}],
    ids=repr,
)
def test_values_without_a_canonical_form_are_refused(value: Any) -> None:
    with pytest.raises(CanonicalError):
        encode_canonical(value)


@given(st.text(alphabet='aệ"\\:\n,{}', min_size=1))
def test_a_key_beyond_ascii_is_refused_whatever_stands_around_it(key: str) -> None:
    data = rfc8785.dumps({"a": key, key: '\\":'})
    if key.isascii():
        assert decode_canonical(data) == {"a": key, key: '\\":'}
    else:
        with pytest.raises(CanonicalError):
            decode_canonical(data)
