"""The entries of the log of checkpoints: one for each round of sealing, naming every log's latest.

An inspector who holds one checkpoint of this log holds all of them: its root commits to the size,
root and officer index of each log (docs/formats/checkpoint.md).
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from ledger.core.canonical import CanonicalError, decode_canonical, encode_canonical
from ledger.core.times import parse_instant
from ledger.entry.entry import Count

FORMAT_VERSION: Final = 1
CHECKPOINTS: Final = "checkpoints"
"""What stands in the origin of the log of checkpoints where others have their number."""

Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class RoundError(ValueError):
    """Bytes that are no entry of the log of checkpoints."""


class LoggedTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A log at one moment: `size` entries under `root`, `officers` leaves under `officers_root`."""

    officers: Count
    officers_root: Hash
    origin: str
    root: Hash
    size: Count


class Round(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry: every log of the ledger by its number, and when the sealer wrote this."""

    logs: Annotated[tuple[LoggedTree, ...], msgspec.Meta(min_length=1)]
    sealed_at: str
    v: int = FORMAT_VERSION

    def of(self, origin: str) -> LoggedTree | None:
        """What is said of a log; None where it is not named."""
        return next((log for log in self.logs if log.origin == origin), None)

    def encode(self) -> bytes:
        """The entry's bytes; raises `RoundError` where these parts make none."""
        data = encode_canonical(self)
        if parse_round(data) != self:
            msg = f"not the parts of one entry: sealed_at {self.sealed_at!r}"
            raise RoundError(msg)
        return data


def checkpoints_origin(name: str) -> str:
    """The origin of the log of checkpoints of the ledger `name`."""
    return f"{name}/{CHECKPOINTS}"


def parse_round(data: bytes) -> Round:
    """The entry whose bytes are exactly `data`; raises `RoundError`."""
    try:
        found = msgspec.convert(decode_canonical(data), Round)
        parse_instant(found.sealed_at)
    except (CanonicalError, msgspec.ValidationError, ValueError) as error:
        msg = f"no entry of a log of checkpoints: {error}"
        raise RoundError(msg) from error
    if found.v != FORMAT_VERSION:
        msg = f"format version {found.v} of the log of checkpoints, expected {FORMAT_VERSION}"
        raise RoundError(msg)
    if encode_canonical(found) != data:
        msg = "no entry of a log of checkpoints: it does not name its format version"
        raise RoundError(msg)
    return found
