"""How a dossier's lifetime divides: whose time passed (DOMAIN.md 2.1, D7, T2).

Every moment from its beginning belongs to the office, the applicant, somebody outside, or to nobody
because the dossier was closed; the four add up to the lifetime exactly, in microseconds.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from ledger.core.times import parse_instant
from ledger.domain.deadlines import (
    Calendar,
    CalendarYearError,
    due_day,
    local_date,
    working_days_between,
)
from ledger.domain.dossier_state import DossierState

_MICROSECOND: Final = timedelta(microseconds=1)


class Clocks(msgspec.Struct, frozen=True):
    """Microseconds. `gross` is the time that the dossier was open; `applicant_net` is what is left
    of it without the applicant's own time; `office` also without that of others outside."""

    gross: int
    applicant: int
    external: int
    closed: int

    @property
    def applicant_net(self) -> int:
        """Gross without the time that the applicant took."""
        return self.gross - self.applicant

    @property
    def office(self) -> int:
        """Gross without the time of the applicant and of others outside."""
        return self.gross - self.applicant - self.external


def clocks(state: DossierState, at: str) -> Clocks:
    """The clocks of a dossier as at the instant `at`; a foreign log's end date stops them."""
    if state.ended_imported and not state.is_ended:
        at = min(at, state.ended_at)
    times = {
        "applicant": state.applicant_microseconds,
        "external": state.external_microseconds,
        "closed": state.closed_microseconds,
    }
    begun = state.begun_at or at
    at = max(at, begun, state.waits_since)
    if state.waits:
        times[state.waits] += _between(state.waits_since, at)
    return Clocks(_between(begun, at) - times["closed"], **times)


class StatutoryDays(msgspec.Struct, frozen=True):
    """Working days that the rule allots, and how many are left; negative when it is late."""

    allotted: int
    left: int

    @property
    def used(self) -> int:
        """What has passed of them; a restart begins at nothing again (D7)."""
        return self.allotted - self.left


def statutory_days(state: DossierState, at: str, calendar: Calendar) -> StatutoryDays | None:
    """The statutory clock in working days as at the instant `at`: it stands still in a pause.

    None without a due date, and where the calendar does not know a year that it needs.
    """
    if not state.due_at:
        return None
    stop = state.paused_since or state.delivered_at or state.ended_at
    today, due = local_date(min(at, stop) if stop else at), due_day(state.due_at)
    try:
        allotted = state.duration_days
        if not allotted and state.accepted_at:
            allotted = working_days_between(local_date(state.accepted_at), due, calendar)
        if today <= due:
            return StatutoryDays(allotted, working_days_between(today, due, calendar))
        return StatutoryDays(allotted, -working_days_between(due, today, calendar))
    except CalendarYearError:
        return None


def _between(start: str, end: str) -> int:
    return (parse_instant(end) - parse_instant(start)) // _MICROSECOND
