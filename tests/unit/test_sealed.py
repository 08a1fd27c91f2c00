"""Sealed fields: one key, one place, one text."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.canonical import encode_canonical
from ledger.entry.sealed import SealedError, SubjectKey, key_id, open_text, seal_text

KEY = SubjectKey.generate(bytes(range(32)))
NONCE = bytes(range(12))
STREAM, PATH, TEXT = "dossier:H26.31.0147", "applicant.name", "Nguyễn Thị Hồng"


def test_bytes_are_those_of_the_documented_form() -> None:
    key = sha256(b"pal/subject-key/v1\n" + bytes(range(32))).hexdigest()
    associated = f"pal/sealed/v1\n{STREAM}\n{PATH}\n{key}\n".encode()
    box = AESGCM(bytes(range(32))).encrypt(NONCE, TEXT.encode(), associated)
    assert seal_text(KEY, STREAM, PATH, TEXT, NONCE) == {
        "sealed": {
            "box": b64encode(box).decode(),
            "key": key,
            "nonce": b64encode(NONCE).decode(),
        }
    }


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.binary(min_size=12, max_size=12)
)
def test_opens_to_what_was_sealed(text: str, nonce: bytes) -> None:
    sealed = seal_text(KEY, STREAM, PATH, text, nonce)
    encode_canonical(sealed)
    assert open_text(KEY, STREAM, PATH, sealed) == text


def test_opens_in_no_other_place_and_with_no_other_key() -> None:
    sealed = seal_text(KEY, STREAM, PATH, TEXT, NONCE)
    other = SubjectKey(bytes(32))
    relabelled = {"sealed": {**sealed["sealed"], "key": other.id}}
    for key, stream, path, box in (
        (KEY, "dossier:H26.31.0148", PATH, sealed),
        (KEY, STREAM, "applicant.phone", sealed),
        (other, STREAM, PATH, sealed),
        (other, STREAM, PATH, relabelled),
        (KEY, STREAM, PATH, relabelled),
    ):
        with pytest.raises(SealedError):
            open_text(key, stream, path, box)


@given(st.integers(0, 200), st.integers(1, 255))
def test_one_changed_byte_of_the_box_or_nonce_is_refused(at: int, mask: int) -> None:
    sealed = seal_text(KEY, STREAM, PATH, TEXT, NONCE)["sealed"]
    for name in ("box", "nonce"):
        raw = bytearray(b64decode(sealed[name]))
        raw[at % len(raw)] ^= mask
        changed = {"sealed": {**sealed, name: b64encode(bytes(raw)).decode()}}
        with pytest.raises(SealedError):
            open_text(KEY, STREAM, PATH, changed)


@pytest.mark.parametrize(
    "value",
    [
        "Nguyễn Thị Hồng",
        {},
        {"sealed": {}},
        {"sealed": {"box": "", "key": KEY.id, "nonce": ""}},
        {"sealed": {"box": "!", "key": KEY.id, "nonce": "!"}},
        {"sealed": {"box": "AB==", "key": KEY.id, "nonce": "AAECAwQFBgcICQoL"}},
        {"sealed": {"box": "", "key": KEY.id, "nonce": "", "more": 1}},
    ],
)
def test_what_is_no_sealed_field_is_refused(value: object) -> None:
    with pytest.raises(SealedError):
        open_text(KEY, STREAM, PATH, value)


def test_arguments_that_would_make_the_form_ambiguous_are_refused() -> None:
    for stream, path in (("dossier:a\nb", PATH), (STREAM, "a\nb"), ("", PATH), (STREAM, "")):
        with pytest.raises(SealedError):
            seal_text(KEY, stream, path, TEXT, NONCE)
    with pytest.raises(SealedError):
        seal_text(KEY, STREAM, PATH, TEXT, bytes(11))
    with pytest.raises(SealedError):
        key_id(bytes(31))


def test_a_key_never_shows_in_its_text() -> None:
    assert KEY.raw.hex() not in repr(KEY)
