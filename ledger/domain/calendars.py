"""The calendars that are shipped, and the rules that decisions use by default."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

import msgspec

from ledger.domain import calendar_vn
from ledger.domain.deadlines import Calendar


def _days(texts: tuple[str, ...]) -> frozenset[date]:
    return frozenset(map(date.fromisoformat, texts))


VN: Final = Calendar(
    version=calendar_vn.VERSION,
    first_year=calendar_vn.FIRST_YEAR,
    last_year=calendar_vn.LAST_YEAR,
    holidays=_days(calendar_vn.HOLIDAYS),
    makeup_days=_days(calendar_vn.MAKEUP_WORKING_DAYS),
    unconfirmed=_days(calendar_vn.UNCONFIRMED_DAYS),
)


class Rules(msgspec.Struct, frozen=True):
    """What decisions depend on beside the dossier: the calendars by version, and the default."""

    calendars: Mapping[str, Calendar]
    default_calendar: str

    def calendar(self, version: str) -> Calendar | None:
        """The calendar that a dossier is pinned to; None where it is not known here."""
        return self.calendars.get(version or self.default_calendar)


DEFAULT_RULES: Final = Rules(MappingProxyType({VN.version: VN}), VN.version)
