"""Due dates by working days (D1, D2, D4, D7): pure functions over a calendar.

The first day is not counted (Civil Code 2015 art. 147); the due date is the n-th working day after
the day from which is counted; the dossier is due at 24:00 local time of that day. As an instant
that is the next local midnight: what happens at this very instant is on time, later is late.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from functools import cached_property
from typing import Final, Literal, NamedTuple

import msgspec

from ledger.core.times import format_instant, parse_instant

LOCAL: Final = timezone(timedelta(hours=7))
"""Asia/Ho_Chi_Minh has had no other offset since 1975; the calendar's years lie after that."""

CutoffEffect = Literal["none", "transfer_only", "same_day_only", "shift_receipt"]
"""What a receipt after the cut-off changes (D4): nothing; only the transfer to the specialised
unit (L7, no due date); the due date of a same-day procedure; the receipt of every dossier."""

_SATURDAY: Final = 5


class CalendarYearError(ValueError):
    """A date outside the calendar's years: the due date is indeterminate, not on time or late."""


class Calendar(msgspec.Struct, frozen=True, dict=True):
    """Which days are worked, by version. A later version may move the `unconfirmed` days."""

    version: str
    first_year: int
    last_year: int
    holidays: frozenset[date]
    makeup_days: frozenset[date]
    unconfirmed: frozenset[date]

    def is_working_day(self, day: date) -> bool:
        """Monday to Friday without holidays, and the make-up Saturdays (D1)."""
        self.check_year(day)
        if day in self.makeup_days:
            return True
        return day.weekday() < _SATURDAY and day not in self.holidays

    def check_year(self, day: date) -> None:
        """Raise `CalendarYearError` unless the calendar knows the year of `day`."""
        if not self.first_year <= day.year <= self.last_year:
            msg = f"{day} lies outside calendar {self.version} ({self.first_year}-{self.last_year})"
            raise CalendarYearError(msg)

    @cached_property
    def unconfirmed_sorted(self) -> tuple[date, ...]:
        """The unconfirmed days in order."""
        return tuple(sorted(self.unconfirmed))


class DueDate(NamedTuple):
    """A due date, the day it was counted from, and the unconfirmed days counted over."""

    on: date
    counted_from: date
    working_days: int
    unconfirmed: tuple[date, ...]

    @property
    def at(self) -> str:
        """24:00 local time of the due date, as an instant."""
        midnight = datetime(self.on.year, self.on.month, self.on.day, tzinfo=LOCAL)
        return format_instant(midnight + timedelta(days=1))


def local_date(instant: str) -> date:
    """The local day of an instant; the last hours of the year 9999 stay in it."""
    moment = parse_instant(instant)
    try:
        return moment.astimezone(LOCAL).date()
    except OverflowError:
        return moment.date()


def due_day(instant: str) -> date:
    """The local day whose end an instant is, or in which it lies."""
    return local_date(format_instant(parse_instant(instant) - timedelta(microseconds=1)))


def next_working_day(day: date, calendar: Calendar) -> date:
    """The first working day after `day`."""
    calendar.check_year(day)
    following = day + timedelta(days=1)
    while not calendar.is_working_day(following):
        following += timedelta(days=1)
    return following


def counted_from(received: datetime, calendar: Calendar, cutoff: str = "") -> date:
    """The day from which is counted, for an aware time of receipt.

    Received on a day off is received at the next opening. With `cutoff` (local `HH:MM`; the minute
    itself counts as after), a later receipt shifts to the next working day (D4, shift_receipt).
    """
    calendar.check_year(received.date())
    local = received.astimezone(LOCAL)
    day = local.date()
    if not calendar.is_working_day(day):
        return next_working_day(day, calendar)
    if cutoff and local.strftime("%H:%M") >= cutoff:
        return next_working_day(day, calendar)
    return day


def due_after(start: date, working_days: int, calendar: Calendar) -> DueDate:
    """The due date `working_days` after `start`; raises `CalendarYearError`."""
    day = start
    for _ in range(working_days):
        day = next_working_day(day, calendar)
    doubts = tuple(d for d in calendar.unconfirmed_sorted if start < d <= day)
    return DueDate(day, start, working_days, doubts)


def due_on(
    received: datetime,
    working_days: int,
    calendar: Calendar,
    cutoff: str = "",
    effect: CutoffEffect = "shift_receipt",
) -> DueDate:
    """The due date of a dossier complete at `received` (aware); 0 working days = the same day.

    Whether the day of receipt is worked matters too: an unconfirmed one is named.
    """
    shifts = effect == "shift_receipt" or (effect == "same_day_only" and working_days == 0)
    start = counted_from(received, calendar, cutoff if shifts else "")
    due = due_after(start, working_days, calendar)
    first = received.astimezone(LOCAL).date()
    doubts = tuple(d for d in calendar.unconfirmed_sorted if first <= d <= due.on)
    return due._replace(unconfirmed=doubts)


def working_days_between(start: date, end: date, calendar: Calendar) -> int:
    """Working days in (start, end]: those used when the clock stops on `end`."""
    days = (end - start).days
    return sum(calendar.is_working_day(start + timedelta(n)) for n in range(1, days + 1))


def due_after_pause(
    start: date, working_days: int, stopped: date, resumed: date, calendar: Calendar
) -> DueDate:
    """Mode pause (D7): the due date moves by the working days in (stopped, resumed].

    That holds for a dossier that was late already: it stays as late as it was.
    """
    paused = working_days_between(stopped, resumed, calendar)
    return due_after(start, working_days + paused, calendar)


def due_after_restart(working_days: int, resumed: date, calendar: Calendar) -> DueDate:
    """Mode restart (D7): the whole time is counted again from the day the dossier is complete.

    Complete on a day off is complete at the next opening.
    """
    start = resumed if calendar.is_working_day(resumed) else next_working_day(resumed, calendar)
    return due_after(start, working_days, calendar)


def latest_day_before(day: date, working_days: int, calendar: Calendar) -> date:
    """The last working day that lies n working days before `day` (D10); raises
    `CalendarYearError`."""
    found = day
    for _ in range(working_days):
        found -= timedelta(days=1)
        while not calendar.is_working_day(found):
            found -= timedelta(days=1)
    return found
