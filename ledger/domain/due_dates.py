"""E34: a due date as the ledger derives it, with function, inputs and their hash (D16).

`due/1` counts working days; `due/2` follows a rule set: working days or hours, and when a day ends.
A recorded due date names its function and inputs, so that it can be computed again for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec

from ledger.core.action import Action
from ledger.core.canonical import encode_canonical
from ledger.core.times import parse_instant
from ledger.domain.deadlines import (
    Calendar,
    CalendarYearError,
    DueDate,
    due_after,
    due_after_pause,
    due_after_restart,
    due_day,
    due_on,
    local_date,
    working_days_between,
)
from ledger.domain.dossier_state import DossierState
from ledger.domain.office_hours import OfficeHours, due_after_hours, working_time_between
from ledger.domain.rules import Pinned, Rules

WORKING_DAYS: Final = "due/1"
RULE_SET: Final = "due/2"
_SECOND: Final = timedelta(seconds=1)


class DerivedEvent(msgspec.Struct, frozen=True):
    """What the ledger itself asserts because of an action: type and data of the event."""

    type: str
    data: dict[str, Any]


def first_due(action: Action, rules: Rules) -> DerivedEvent | None:
    """E34 for an acceptance that names a time and no due date of its own (D2 to D4).

    None where nothing is to be counted, or where it cannot be known: an unknown calendar or rule
    set, hours without a rule set that says when the office is open, a year outside the calendar.
    """
    data = action.data
    received = data.get("received_at") or action.occurred_at.at
    on = local_date(received).isoformat()
    pinned = rules.pinned(data.get("ruleset", ""), data.get("calendar", ""), on)
    if data.get("due_at") or pinned is None:
        return None
    try:
        if "duration_hours" in data:
            seconds, office = data["duration_hours"] * 3600, pinned.office
            return _after_hours(received, seconds, pinned, office) if office else None
        if "duration_days" not in data:
            return None
        cutoff, effect = data.get("cutoff", ""), data.get("cutoff_effect", "")
        if pinned.ruleset:
            cutoff = cutoff or pinned.ruleset.cutoff.value
            effect = effect or pinned.ruleset.cutoff_effect.value
        moment = parse_instant(received)
        days = data["duration_days"]
        due = due_on(moment, days, pinned.calendar, cutoff, effect or "shift_receipt")
    except CalendarYearError:
        return None
    return _after_days(due, pinned)


def moved_due(state: DossierState, complete: str, rules: Rules) -> DerivedEvent | None:
    """E34 after the last pause, which ended at the instant `complete` (D7, D8).

    None where nothing moves, or where it cannot be known; a foreign log's date is never moved.
    """
    if not state.due_at or state.due_imported or not state.paused_since:
        return None
    on = local_date(state.accepted_at or state.begun_at).isoformat()
    pinned = rules.pinned(state.ruleset, state.calendar, on)
    if pinned is None:
        return None
    try:
        office = pinned.office
        if office and (state.clock_from_at or (state.duration_hours and state.restarts)):
            return _moved_hours(state, complete, pinned, office)
        due = _moved_days(state, local_date(complete), pinned.calendar)
    except CalendarYearError:
        return None
    doubts = () if state.restarts else state.due_unconfirmed_on
    return _after_days(due, pinned, doubts) if due else None


def _moved_days(state: DossierState, complete: date, calendar: Calendar) -> DueDate | None:
    if state.restarts:
        days = state.duration_days
        if not days and state.accepted_at:
            # The slip gave a date, not a number of days: the whole time is what it gave.
            start = local_date(state.accepted_at)
            days = working_days_between(start, due_day(state.due_at), calendar)
        return due_after_restart(days, complete, calendar)
    stopped = date.fromisoformat(state.paused_on)
    if state.clock_from_on:
        start = date.fromisoformat(state.clock_from_on)
        return due_after_pause(start, state.clock_days, stopped, complete, calendar)
    paused = working_days_between(stopped, complete, calendar)
    # A date given by hand moves from where it stands.
    return due_after(due_day(state.due_at), paused, calendar) if paused else None


def _moved_hours(
    state: DossierState, complete: str, pinned: Pinned, office: OfficeHours
) -> DerivedEvent:
    if state.restarts:
        return _after_hours(complete, state.duration_hours * 3600, pinned, office)
    paused = working_time_between(state.paused_since, complete, pinned.calendar, office)
    seconds = state.clock_seconds + paused // _SECOND
    return _after_hours(state.clock_from_at, seconds, pinned, office, state.due_unconfirmed_on)


def _after_hours(
    start: str, seconds: int, pinned: Pinned, office: OfficeHours, doubts: Iterable[str] = ()
) -> DerivedEvent:
    """Due `seconds` of working time after `start`, by the office's hours (D3)."""
    working = timedelta(seconds=seconds)
    due_at = due_after_hours(start, working, pinned.calendar, office)
    first, last = local_date(start), due_day(due_at)
    days = (day.isoformat() for day in pinned.calendar.unconfirmed if first <= day <= last)
    counted = {"counted_from_at": start, "working_seconds": seconds}
    return _event(due_at, counted, pinned, {*doubts, *days})


def _after_days(due: DueDate, pinned: Pinned, doubts: Iterable[str] = ()) -> DerivedEvent:
    counted = {"counted_from_on": due.counted_from.isoformat(), "working_days": due.working_days}
    days = (day.isoformat() for day in due.unconfirmed)
    return _event(pinned.end_of(due), counted, pinned, {*doubts, *days})


def _event(
    due_at: str, counted: dict[str, Any], pinned: Pinned, unconfirmed: set[str]
) -> DerivedEvent:
    inputs: dict[str, Any] = {
        "calendar": pinned.calendar.version,
        "function_version": RULE_SET if pinned.ruleset else WORKING_DAYS,
        **counted,
    }
    if pinned.ruleset:
        inputs["ruleset"] = pinned.ruleset.name
    data = {
        "due_at": due_at,
        "inputs_hash": sha256(encode_canonical(inputs)).hexdigest(),
        **inputs,
    }
    if unconfirmed:
        data["unconfirmed"] = sorted(unconfirmed)
    return DerivedEvent("dossier.deadline_set.v1", data)
