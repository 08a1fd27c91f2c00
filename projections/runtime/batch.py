"""One batch of a log's records, verified: what the folds may apply, and up to where."""

from __future__ import annotations

import msgspec

from ledger.core.chain import StreamHead
from ledger.core.findings import Finding
from projections.store.sqlite import Cursor


class Verified(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry that counts and is not void; `leaf` is hex, `data` its bytes, the seal included."""

    index: int
    stream: str
    version: int
    recorded_at: str
    leaf: str
    data: bytes


class OwnEntry(msgspec.Struct, frozen=True, array_like=True):
    """An entry of the log's own stream that enrols or revokes keys."""

    index: int
    type: str
    action: bytes


class Batch(msgspec.Struct, array_like=True):
    """What a batch of records brings, and the log's cursor before it and after it.

    `heads` are the streams that moved. Everything here may be sent to another process.
    """

    before: Cursor | None
    after: Cursor
    entries: list[Verified]
    heads: dict[str, StreamHead]
    keys: list[OwnEntry]
    findings: list[Finding]
