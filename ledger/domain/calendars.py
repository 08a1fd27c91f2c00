"""The calendars that are shipped."""

from __future__ import annotations

from datetime import date
from typing import Final

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
