"""Working hours (D3): due times by the office's own intervals, as provincial systems count them.

Time passes only on working days within the intervals. Received outside them is received at the next
opening. What is due after n hours is due at the moment when n hours have passed, so at the closing
of an interval where they end there, not at the next opening.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

import msgspec

from ledger.core.times import format_instant, parse_instant
from ledger.domain.deadlines import LOCAL, Calendar, local_date

_ZERO = timedelta(0)


class OfficeHours(msgspec.Struct, frozen=True):
    """The intervals of a working day, local, in order and without overlap."""

    intervals: tuple[tuple[time, time], ...]

    @property
    def day(self) -> timedelta:
        """The working time of one day."""
        return sum((_length(begin, end) for begin, end in self.intervals), _ZERO)

    @property
    def closing(self) -> time:
        """When the last interval ends."""
        return self.intervals[-1][1]


def office_hours(intervals: Sequence[tuple[str, str]]) -> OfficeHours:
    """The intervals in texts `HH:MM`; raises ValueError where they overlap or run backwards."""
    found = tuple((time.fromisoformat(begin), time.fromisoformat(end)) for begin, end in intervals)
    moments = [moment for interval in found for moment in interval]
    if not found or moments != sorted(set(moments)):
        msg = f"office hours {list(intervals)} are not in order"
        raise ValueError(msg)
    return OfficeHours(found)


def due_after_hours(start: str, working: timedelta, calendar: Calendar, office: OfficeHours) -> str:
    """The instant when `working` time has passed since `start`; raises `CalendarYearError`."""
    left = working
    stretches = _open_from(start, calendar, office)
    while True:  # the calendar ends it with an error, never in silence
        begin, end = next(stretches)
        if left <= end - begin:
            return format_instant(begin + left)
        left -= end - begin


def working_time_between(
    start: str, end: str, calendar: Calendar, office: OfficeHours
) -> timedelta:
    """The working time in (start, end]; zero where it ends before it begins."""
    passed = _ZERO
    if end <= start:
        return passed
    calendar.check_year(local_date(end))
    until = parse_instant(end).astimezone(LOCAL)
    for begin, close in _open_from(start, calendar, office):
        if begin >= until:
            break
        passed += min(close, until) - begin
    return passed


def _open_from(
    start: str, calendar: Calendar, office: OfficeHours
) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of open office from `start` on; ends in `CalendarYearError`."""
    day = local_date(start)
    calendar.check_year(day)
    moment = parse_instant(start).astimezone(LOCAL)
    while True:
        if calendar.is_working_day(day):
            for begin, end in office.intervals:
                closes = datetime.combine(day, end, LOCAL)
                if closes > moment:
                    yield max(datetime.combine(day, begin, LOCAL), moment), closes
        day += timedelta(days=1)


def _length(begin: time, end: time) -> timedelta:
    return datetime.combine(date.min, end) - datetime.combine(date.min, begin)
