"""Action ids: UUIDv7 (RFC 9562 section 5.7) from a time and bits that the caller gives."""

from __future__ import annotations

from typing import Final
from uuid import UUID

ENTROPY_BYTES: Final = 10
MILLISECONDS_MAX: Final = 2**48 - 1


def uuid7_text(milliseconds: int, entropy: bytes) -> str:
    """The UUIDv7 of a Unix time in milliseconds (0 before 1970) and at least 10 further bytes.

    The same arguments give the same id: derived and imported actions rely on that.
    """
    if len(entropy) < ENTROPY_BYTES:
        msg = f"a UUIDv7 needs {ENTROPY_BYTES} bytes beside its time, got {len(entropy)}"
        raise ValueError(msg)
    time = min(max(milliseconds, 0), MILLISECONDS_MAX)
    raw = bytearray(time.to_bytes(6, "big") + entropy[:ENTROPY_BYTES])
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return str(UUID(bytes=bytes(raw)))


def uuid7_milliseconds(action_id: str) -> int:
    """The Unix time in milliseconds that a UUIDv7 carries."""
    return int.from_bytes(UUID(action_id).bytes[:6], "big")
