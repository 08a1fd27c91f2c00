"""Action ids: UUIDv7 (RFC 9562 section 5.7) from a time and bits that the caller gives.

And which of a ledger's logs a stream belongs to, which number an origin has.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final
from uuid import UUID

ENTROPY_BYTES: Final = 10
MILLISECONDS_MAX: Final = 2**48 - 1


def log_of(origin: str) -> int:
    """The number of a log: what stands behind the last stroke of its origin.

    >>> log_of("land-office/3")
    3
    """
    return int(origin.rpartition("/")[2])


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
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def uuid7_milliseconds(action_id: str) -> int:
    """The Unix time in milliseconds that a UUIDv7 carries."""
    return int.from_bytes(UUID(action_id).bytes[:6], "big")


def log_number(stream: str, logs: int) -> int:
    """The number (from 0) of the log, of a ledger with so many, that holds a stream.

    SHA-256 of the stream's UTF-8 bytes as a big-endian integer, modulo `logs`; the own stream
    `ledger:<name>/<n>` of log n is always in n (DESIGN.md section 3). Raises `ValueError`.
    """
    if logs < 1:
        msg = f"a ledger has at least one log, not {logs}"
        raise ValueError(msg)
    if not stream.startswith("ledger:"):
        return int.from_bytes(sha256(stream.encode()).digest(), "big") % logs
    text = stream.rpartition("/")[2]
    if text not in map(str, range(logs)):
        msg = f"{stream} is the stream of none of {logs} logs"
        raise ValueError(msg)
    return int(text)
