"""Time in the generated province: whole minutes since 1970 in UTC, and the hours of three offices.

Working time is counted in minutes too, 480 a day in each of the three office calendars (G1).
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from ledger.domain.calendars import VN

DAY: Final = 480
"""Working minutes of one day."""

FIRST_DAY: Final = date(2025, 7, 1)
LAST_ARRIVAL: Final = date(2026, 3, 31)
_CALENDAR_LAST: Final = date(2027, 12, 31)
_EPOCH: Final = date(1970, 1, 1)
_LOCAL_MINUTES: Final = 7 * 60
_MINUTES: Final = 24 * 60

_DAYS: Final[tuple[int, ...]] = tuple(
    number
    for number in range((FIRST_DAY - _EPOCH).days, (_CALENDAR_LAST - _EPOCH).days + 1)
    if VN.is_working_day(_EPOCH + timedelta(days=number))
)
"""The working days, as days since 1970."""


def _places() -> tuple[int, ...]:
    """For each day from the first on: how many working days lie before it."""
    found, place = [], 0
    for number in range(_DAYS[0], _DAYS[-1] + 1):
        found.append(place)
        place += number == _DAYS[place]
    return tuple(found)


_PLACE: Final = _places()


class Office:
    """When one office is open: two intervals a day in local minutes, together 480."""

    def __init__(self, morning: tuple[int, int], afternoon: tuple[int, int]) -> None:
        self._morning, self._afternoon = morning, afternoon
        self._half = morning[1] - morning[0]

    def worked(self, at: int) -> int:
        """Working minutes from the first day's opening to `at`; closed = the next opening."""
        day, minute = divmod(at + _LOCAL_MINUTES, _MINUTES)
        place = _PLACE[day - _DAYS[0]]
        if _DAYS[place] != day:
            return place * DAY
        if minute < self._morning[1]:
            return place * DAY + max(0, minute - self._morning[0])
        if minute < self._afternoon[1]:
            return place * DAY + self._half + max(0, minute - self._afternoon[0])
        return (place + 1) * DAY

    def moment(self, worked: int) -> int:
        """The minute at which so much working time has passed and the office is open."""
        place, rest = divmod(worked, DAY)
        start = self._morning[0] + rest
        if rest >= self._half:
            start = self._afternoon[0] + rest - self._half
        return _DAYS[place] * _MINUTES + start - _LOCAL_MINUTES

    def after(self, at: int, minutes: int) -> int:
        """`minutes` of working time after `at`."""
        return self.moment(self.worked(at) + minutes)

    def before(self, at: int, minutes: int) -> int:
        """`minutes` of working time before `at`, a working day's end."""
        return self.moment(max(0, self.worked(at - 1) - minutes))


OFFICES: Final = (
    Office((7 * 60, 11 * 60 + 30), (13 * 60 + 30, 17 * 60)),
    Office((7 * 60 + 30, 11 * 60 + 30), (13 * 60, 17 * 60)),
    Office((8 * 60, 12 * 60), (13 * 60, 17 * 60)),
)


def working_days(first: date, last: date) -> list[date]:
    """The working days from `first` to `last`, both included."""
    days = (_EPOCH + timedelta(days=number) for number in _DAYS)
    return [day for day in days if first <= day <= last]


def at_local(day: date, minute: int) -> int:
    """The minute since 1970 of a local minute of a day."""
    return (day - _EPOCH).days * _MINUTES + minute - _LOCAL_MINUTES


def local_day(at: int) -> date:
    """The local day of a minute."""
    return _EPOCH + timedelta(days=(at + _LOCAL_MINUTES) // _MINUTES)


def local_minute(at: int) -> int:
    """The local minute of the day."""
    return (at + _LOCAL_MINUTES) % _MINUTES


def working_day_after(day: date, days: int) -> date:
    """The working day `days` after `day`, which need not be one itself; 0 = itself or the next."""
    number = (day - _EPOCH).days
    place = _PLACE[number - _DAYS[0]]
    is_worked = _DAYS[place] == number
    return _EPOCH + timedelta(days=_DAYS[place + days - (0 if is_worked or not days else 1)])


def working_days_in(after: date, until: date) -> int:
    """Working days in (after, until]."""
    first, last = ((day - _EPOCH).days for day in (after, until))
    return bisect_right(_DAYS, last) - bisect_right(_DAYS, first)


@lru_cache(maxsize=4096)
def _day_text(number: int) -> str:
    return (_EPOCH + timedelta(days=number)).isoformat()


def instant(at: int) -> str:
    """A minute as the text of an instant.

    >>> instant(29_359_660)
    '2025-10-27T15:40:00.000000Z'
    """
    day, minute = divmod(at, _MINUTES)
    hour, rest = divmod(minute, 60)
    return f"{_day_text(day)}T{hour:02}:{rest:02}:00.000000Z"
