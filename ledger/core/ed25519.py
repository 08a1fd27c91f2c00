"""Public keys of Ed25519 that bind nobody.

Eight points of the curve have an order that divides 8. Whoever names one of them as a public key
lets anybody sign, for whatever text, without a private key. RFC 8032 does not ask a verifier to
refuse them, and libraries differ in it: so they are refused where a key enters.
"""

from __future__ import annotations

from typing import Final

_FIELD: Final = 2**255 - 19
_Y_BITS: Final = 2**255 - 1
"""A key is the y of its point in 32 bytes, little-endian, and the sign of x in the highest bit."""

_Y_OF_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7

_SMALL_ORDER_Y: Final = frozenset(
    (
        1,  # order 1
        _FIELD - 1,  # order 2
        0,  # order 4
        _Y_OF_ORDER_8,
        _FIELD - _Y_OF_ORDER_8,
        _FIELD,  # 0 and 1 once more, as a reader takes them that does not reduce
        _FIELD + 1,
    )
)


def is_small_order(public: bytes) -> bool:
    """Whether these 32 bytes are one of the 14 ways to write a point of small order."""
    return int.from_bytes(public, "little") & _Y_BITS in _SMALL_ORDER_Y
