"""Working hours (D3): what must hold for every start, length, pause and calendar."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.core.times import format_instant, parse_instant
from ledger.domain.calendars import VN
from ledger.domain.deadlines import LOCAL, CalendarYearError, due_after, local_date
from ledger.domain.office_hours import (
    OfficeHours,
    due_after_hours,
    office_hours,
    working_time_between,
)

OFFICE = office_hours([("07:00", "11:30"), ("13:30", "17:00")])
days = st.dates(date(2022, 1, 2), date(2026, 12, 31))
moments = st.builds(datetime.combine, days, st.times(), st.just(LOCAL)).map(format_instant)
times = st.integers(0, 40 * 3600).map(lambda seconds: timedelta(seconds=seconds))


def is_open(instant: str) -> bool:
    moment = parse_instant(instant).astimezone(LOCAL)
    at = moment.timetz().replace(tzinfo=None)
    return VN.is_working_day(moment.date()) and any(b <= at <= e for b, e in OFFICE.intervals)


@settings(deadline=None)
@given(moments, times)
def test_the_working_time_until_it_is_due_is_what_was_given(start: str, length: timedelta) -> None:
    due = due_after_hours(start, length, VN, OFFICE)
    assert is_open(due)
    assert due >= start
    assert working_time_between(start, due, VN, OFFICE) == length


@settings(deadline=None)
@given(moments, times, days)
def test_one_more_holiday_never_makes_it_due_earlier(
    start: str, length: timedelta, holiday: date
) -> None:
    more = replace(VN, holidays=VN.holidays | {holiday}, makeup_days=VN.makeup_days - {holiday})
    assert due_after_hours(start, length, more, OFFICE) >= due_after_hours(
        start, length, VN, OFFICE
    )


@settings(deadline=None)
@given(moments, times, times, moments)
def test_a_pause_moves_it_by_the_working_time_in_it(
    start: str, length: timedelta, pause: timedelta, stopped: str
) -> None:
    resumed = due_after_hours(stopped, pause, VN, OFFICE)
    before = due_after_hours(start, length, VN, OFFICE)
    after = due_after_hours(start, length + pause, VN, OFFICE)
    assert working_time_between(stopped, resumed, VN, OFFICE) == pause
    assert working_time_between(before, after, VN, OFFICE) == pause
    assert after >= before


@settings(deadline=None)
@given(moments, moments, times)
def test_a_later_start_or_a_longer_time_is_never_due_earlier(
    one: str, other: str, length: timedelta
) -> None:
    early, late = sorted((one, other))
    due = due_after_hours(early, length, VN, OFFICE)
    assert due_after_hours(late, length, VN, OFFICE) >= due
    assert due_after_hours(early, length + timedelta(seconds=1), VN, OFFICE) > due


@settings(deadline=None)
@given(days, st.integers(1, 40))
def test_eight_hours_are_a_day(day: date, count: int) -> None:
    """From the end of a working day, 8 n hours end where the n-th working day after it ends."""
    if not VN.is_working_day(day):
        return
    start = format_instant(datetime.combine(day, time(17), LOCAL))
    due = due_after_hours(start, count * OFFICE.day, VN, OFFICE)
    assert OFFICE.day == timedelta(hours=8)
    assert local_date(due) == due_after(day, count, VN).on
    assert parse_instant(due).astimezone(LOCAL).time() == OFFICE.closing


@pytest.mark.parametrize(
    ("hours", "due"), [(2.5, "11:30"), (2.75, "13:45"), (6, "17:00"), (0, "09:00")]
)
def test_an_interval_that_ends_ends_it(hours: float, due: str) -> None:
    found = due_after_hours("2026-03-02T02:00:00.000000Z", timedelta(hours=hours), VN, OFFICE)
    assert parse_instant(found).astimezone(LOCAL).strftime("%H:%M") == due


def test_outside_the_calendar_nothing_is_guessed() -> None:
    for start in ("2031-03-02T02:00:00.000000Z", "9999-12-31T23:59:59.999999Z"):
        with pytest.raises(CalendarYearError):
            due_after_hours(start, timedelta(hours=1), VN, OFFICE)
    with pytest.raises(CalendarYearError):
        due_after_hours("2027-12-30T02:00:00.000000Z", timedelta(hours=99), VN, OFFICE)
    with pytest.raises(CalendarYearError):
        working_time_between(
            "2027-12-30T02:00:00.000000Z", "2028-01-05T00:00:00.000000Z", VN, OFFICE
        )


@pytest.mark.parametrize(
    "intervals", [[], [("11:30", "07:00")], [("07:00", "12:00"), ("11:00", "17:00")]]
)
def test_hours_that_overlap_or_run_backwards_are_none(intervals: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match="not in order"):
        office_hours(intervals)
    assert OfficeHours(OFFICE.intervals) == OFFICE
