"""Calendars (D1): the one that is shipped, and those that entries published (E65).

The version of a calendar begins with the id of its stream and a hyphen: `VN-2026.1` is published in
`calendar:VN`. So a dossier that names a version names the stream that says its days.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from ledger.core.action import stream_id
from ledger.core.canonical import encode_canonical
from ledger.domain import calendar_vn
from ledger.domain.deadlines import Calendar


def _days(texts: Iterable[str]) -> frozenset[date]:
    return frozenset(map(date.fromisoformat, texts))


def calendar_id(version: str) -> str:
    """The id of the calendar that a version belongs to.

    >>> calendar_id("VN-2026.1")
    'VN'
    """
    return version.rpartition("-")[0] or version


def calendar_stream(version: str) -> str:
    """The stream in which a version of a calendar is published."""
    return stream_id("calendar", calendar_id(version))


@lru_cache(maxsize=64)
def data_hash(calendar: Calendar) -> str:
    """The hash by which an entry names a shipped calendar without listing its days."""
    days = {
        "holidays": sorted(day.isoformat() for day in calendar.holidays),
        "makeup": sorted(day.isoformat() for day in calendar.makeup_days),
    }
    return sha256(encode_canonical(days)).hexdigest()


class PublishedCalendar(NamedTuple):
    """What one entry published: valid from a day on, by the action `entry`.

    `calendar` is None where the entry names shipped data by its hash and lists no days.
    """

    version: str
    from_on: str
    entry: str
    calendar: Calendar | None
    data_hash: str


def published_calendar(data: Mapping[str, Any], from_on: str, entry: str) -> PublishedCalendar:
    """The calendar in an event's data. It knows the years from its first to its last holiday."""
    version, listed = data["version"], _days(data.get("holidays", ()))
    calendar = None
    if listed:
        calendar = Calendar(
            version,
            min(listed).year,
            max(listed).year,
            listed,
            _days(data.get("makeup_days", ())),
            _days(data.get("unconfirmed", ())),
        )
    return PublishedCalendar(version, from_on, entry, calendar, data.get("data_hash", ""))


VN: Final = Calendar(
    version=calendar_vn.VERSION,
    first_year=calendar_vn.FIRST_YEAR,
    last_year=calendar_vn.LAST_YEAR,
    holidays=_days(calendar_vn.HOLIDAYS),
    makeup_days=_days(calendar_vn.MAKEUP_WORKING_DAYS),
    unconfirmed=_days(calendar_vn.UNCONFIRMED_DAYS),
)
