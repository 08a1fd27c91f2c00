"""Field types that the event structs share: what a value may be, checked when it is decoded."""

from __future__ import annotations

from typing import Annotated

import msgspec

FIRST_YEAR = 1900
LAST_YEAR = 2100
"""A date or instant outside these years is a slip of the pen, and refused."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
"""Free text stays short: documents lie outside, named by their hash."""

Code = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Hours = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
"""Working hours: a hundred thousand are half a century of them."""

Seconds = Annotated[int, msgspec.Meta(ge=0, le=10**10)]
"""Working time in seconds, pauses included: three hundred years."""

Amount = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""Integer đồng, never negative: a refund is an event of its own."""

Instant = Annotated[str, msgspec.Meta(extra={"form": "instant"})]
"""UTC with six decimals; `ledger.domain.events` checks that it is a real one, 1900 to 2100."""

Date = Annotated[str, msgspec.Meta(extra={"form": "date"})]
"""`YYYY-MM-DD`; checked like an instant."""

LocalTime = Annotated[str, msgspec.Meta(pattern=r"\A(?:(?:[01][0-9]|2[0-3]):[0-5][0-9])?\Z")]
"""`HH:MM` of the office's clock, or nothing."""

Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Attribute = tuple[str, str, str]
"""Name, type and text of a source attribute, as the source wrote them."""


class SealedBox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """AES-256-GCM: `key` names the subject's key by its hash; nonce and box in base64."""

    key: Hash
    nonce: Code
    box: Annotated[str, msgspec.Meta(min_length=1)]


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Personal data: readable only with the key of its subject, which can be erased."""

    sealed: SealedBox


class ImportedFrom(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a mapped import keeps of its source event, so that a mapping loses nothing.

    `case` holds the attributes of the whole case; only a dossier's first entry carries it.
    """

    activity: Text
    source_log: Code
    lifecycle: str = ""
    attributes: tuple[Attribute, ...] = ()
    case: tuple[Attribute, ...] = ()


class EventData(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of every event's data: unknown fields are refused, unknown values left out."""


class DossierData(EventData, frozen=True, kw_only=True):
    """Data of a dossier's event; `imported` stands where a foreign log is the source."""

    imported: ImportedFrom | msgspec.UnsetType = msgspec.UNSET
