"""Due dates by working days: what must hold for every calendar, day and pause (D1 to D7)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.domain.calendars import VN
from ledger.domain.deadlines import (
    LOCAL,
    counted_from,
    due_after,
    due_after_pause,
    due_after_restart,
    due_day,
    due_on,
    working_days_between,
)

days = st.dates(date(2022, 1, 1), date(2026, 12, 31))
lengths = st.integers(0, 60)
moments = st.builds(datetime.combine, days, st.times(), st.just(LOCAL))


@settings(deadline=None)
@given(moments, lengths, days)
def test_one_more_holiday_never_makes_a_due_date_earlier(
    received: datetime, length: int, holiday: date
) -> None:
    more = replace(VN, holidays=VN.holidays | {holiday}, makeup_days=VN.makeup_days - {holiday})
    assert due_on(received, length, more).on >= due_on(received, length, VN).on


@settings(deadline=None)
@given(days, st.integers(1, 60), days, st.integers(0, 40))
def test_a_pause_of_k_working_days_moves_the_due_date_by_k(
    start: date, length: int, stopped: date, pause: int
) -> None:
    resumed = due_after(stopped, pause, VN).on
    before = due_after(start, length, VN).on
    after = due_after_pause(start, length, stopped, resumed, VN).on
    assert working_days_between(before, after, VN) == pause
    assert after >= before


@settings(deadline=None)
@given(days, lengths)
def test_the_due_date_is_the_nth_working_day_after_the_first(start: date, length: int) -> None:
    due = due_after(start, length, VN)
    assert working_days_between(start, due.on, VN) == length
    assert length == 0 or VN.is_working_day(due.on)
    assert due_day(due.at) == due.on


@settings(deadline=None)
@given(moments, lengths)
def test_a_later_receipt_or_a_longer_time_is_never_due_earlier(
    received: datetime, length: int
) -> None:
    due = due_on(received, length, VN, "15:00").on
    assert due_on(received + timedelta(hours=7), length, VN, "15:00").on >= due
    assert due_on(received, length + 1, VN, "15:00").on > due
    assert due >= due_on(received, length, VN).on


@settings(deadline=None)
@given(moments, st.integers(0, 30))
def test_the_effects_of_the_cutoff_are_ordered(received: datetime, length: int) -> None:
    """D4: same_day_only changes same-day procedures only, shift_receipt all, the others none."""
    plain = due_on(received, length, VN)
    assert due_on(received, length, VN, "15:00", "none") == plain
    assert due_on(received, length, VN, "15:00", "transfer_only") == plain
    shifted = due_on(received, length, VN, "15:00", "shift_receipt")
    same_day = due_on(received, length, VN, "15:00", "same_day_only")
    assert same_day == (shifted if length == 0 else plain)


@settings(deadline=None)
@given(moments, days, lengths)
def test_a_restart_is_a_receipt_on_the_day_of_completion(
    received: datetime, complete: date, length: int
) -> None:
    at = datetime.combine(complete, time(9), LOCAL)
    assert due_after_restart(length, complete, VN).on == due_on(at, length, VN).on
    assert VN.is_working_day(counted_from(received, VN, "15:00"))
