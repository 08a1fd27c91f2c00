"""Keys of small order, which let anybody sign, are refused wherever a key enters.

`ed25519_small_order.txt` is the list of "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko
2020): eight points in their canonical form, then six other forms. It is checked here against
arithmetic of its own.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.core.ed25519 import is_small_order
from ledger.core.note import Algorithm, NoteError, VerifierKey, parse_verifier_key
from ledger.core.policy import PolicyError, parse_policy
from ledger.entry.signatures import EnrolledKey, KeyRing, SignatureError

LISTED = [
    bytes.fromhex(line)
    for line in Path(__file__)
    .with_name("ed25519_small_order.txt")
    .read_text(encoding="ascii")
    .splitlines()
]
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def add(one: Point, other: Point) -> Point:
    """The addition of RFC 8032 section 5.1, in affine coordinates."""
    (x1, y1), (x2, y2) = one, other
    both = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + both, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - both, -1, P)
    return x % P, y % P


def times(number: int, point: Point) -> Point:
    result = NEUTRAL
    while number:
        if number & 1:
            result = add(result, point)
        point, number = add(point, point), number >> 1
    return result


def points_of(encoded: bytes) -> list[Point]:
    """The point of an encoding, read as leniently as anybody does; none where there is none."""
    number = int.from_bytes(encoded, "little")
    y, sign = (number & (2**255 - 1)) % P, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return []
    return [(-x % P if x & 1 != sign else x, y)]


def encodings_of(point: Point) -> set[bytes]:
    """Every encoding that is read as this point."""
    x, y = point
    signs = (0, 1) if x == 0 else (x & 1,)
    numbers = [y, y + P] if y + P < 2**255 else [y]
    return {(number | sign << 255).to_bytes(32, "little") for number in numbers for sign in signs}


def torsion() -> set[Point]:
    """The points whose order divides 8: multiples of one of order 8, found by chance."""
    while True:
        for point in points_of(secrets.token_bytes(32)):
            found = times(L, point)
            if times(4, found) != NEUTRAL:
                return {times(number, found) for number in range(8)}


def test_the_list_is_complete_and_holds_nothing_else() -> None:
    points = torsion()
    assert len(points) == 8
    encodings = set().union(*map(encodings_of, points))
    assert len(LISTED) == len(encodings) == 14
    assert set(LISTED) == encodings
    for encoded in LISTED:
        assert [times(8, point) for point in points_of(encoded)] == [NEUTRAL]
        assert is_small_order(encoded)


def test_no_other_key_is_taken_for_one() -> None:
    for y in (*range(2, 100), *range(P - 100, P - 1), *range(P + 2, 2**255)):
        for sign in (0, 1):
            encoded = (y | sign << 255).to_bytes(32, "little")
            assert not is_small_order(encoded)
            for point in points_of(encoded):
                assert times(8, point) != NEUTRAL
    for encoded in LISTED:
        for bit in range(255):  # the sign of x makes another listed one
            flipped = (int.from_bytes(encoded, "little") ^ 1 << bit).to_bytes(32, "little")
            assert is_small_order(flipped) == (flipped in LISTED)
    for number in range(200):
        seed = sha256(number.to_bytes(4)).digest()
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        assert not is_small_order(public)


def forge(public: bytes, text: bytes) -> bool:
    """Whether the library takes a signature that nobody made: R small too, S = 0."""
    for commitment in LISTED:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(commitment + bytes(32), text)
        except InvalidSignature:
            continue
        return True
    return False


def test_the_library_itself_lets_anybody_sign_by_them() -> None:
    """What the refusal is for; with it gone nothing else would say no."""
    texts = [b"text %d" % number for number in range(20)]
    assert all(forge(LISTED[0], text) for text in texts)
    assert any(forge(public, text) for public in LISTED[4:8] for text in texts)


@pytest.mark.parametrize("public", LISTED, ids=bytes.hex)
def test_they_are_refused_where_a_key_enters(public: bytes) -> None:
    text = b64encode(public).decode()
    for role in ("ledger", "source"):
        ring = KeyRing()
        with pytest.raises(SignatureError, match="small order"):
            ring.enrol(EnrolledKey("k", "Ed25519", text, role))  # type: ignore[arg-type]
        assert ring.role_of("k") is None
    for line, algorithm in (("log", Algorithm.ED25519), ("witness w", Algorithm(4))):
        with pytest.raises(NoteError, match="small order"):
            VerifierKey("office/0", algorithm, public)
        material = bytes([algorithm]) + public
        key_id = sha256(b"office/0\n" + material).digest()[:4].hex()
        vkey = f"office/0+{key_id}+{b64encode(material).decode()}"
        with pytest.raises(NoteError, match="small order"):
            parse_verifier_key(vkey)
        with pytest.raises(PolicyError, match=r"line 1: .*small order"):
            parse_policy(f"{line} {vkey}\nquorum none\n".encode())
