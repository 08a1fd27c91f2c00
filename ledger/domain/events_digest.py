"""The data of what is recorded in log 0 of the projections: what they said as of which entries."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ledger.domain.fields import Code, Count, EventData, Hash


class DigestInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far one log was folded: its first `size` entries, `leaf` the hash of the last of them."""

    origin: Code
    size: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    leaf: Hash


class ProjectionDigest(EventData, frozen=True, kw_only=True):
    """What a projection said over the inputs, one for each log; `projection_version` names its
    rules."""

    projection: Code
    projection_version: Count
    inputs: Annotated[tuple[DigestInput, ...], msgspec.Meta(min_length=1)]
    digest: Hash
