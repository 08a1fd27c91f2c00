"""What the ledger derives for the clock of a dossier: due dates, pauses, resumptions (E34, E35).

The ledger counts only where it knows how: a due date that a foreign log gave is never moved, and
beyond the years of the calendar none is set and none is guessed.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from ledger.core.action import Action
from ledger.core.times import parse_instant
from ledger.domain.calendars import Rules
from ledger.domain.deadlines import (
    FUNCTION_VERSION,
    Calendar,
    CalendarYearError,
    DueDate,
    due_after,
    due_after_pause,
    due_after_restart,
    due_day,
    due_on,
    inputs_hash,
    local_date,
    working_days_between,
)
from ledger.domain.dossier_state import DossierState
from ledger.domain.evolution import evolve

_PAUSING: Final = {
    "dossier.supplement_requested.v1": "supplement",
    "dossier.financial_obligation_issued.v1": "finance",
}


class DerivedEvent(msgspec.Struct, frozen=True):
    """What the ledger itself asserts because of an action: type and data of the event."""

    type: str
    data: dict[str, Any]


def derive(state: DossierState, action: Action, rules: Rules) -> tuple[DerivedEvent, ...]:
    """What follows for the clock from a native `action` on a dossier in `state`."""
    if action.type == "dossier.accepted.v1":
        return _first_due_date(action, rules)
    if action.type in _PAUSING:
        return _pause(state, action, _PAUSING[action.type])
    if not state.pauses:
        return ()
    after = evolve(state, action, state.version + 1)
    if after.is_ended and not state.is_ended:
        # The end of a dossier ends every pause: what comes later may not move its due date.
        return _resume(replace(state, restarts=False), action, state.pauses, rules)
    if action.type == "dossier.deadline_resumed.v1" and not after.pauses:
        return _due_again(state, action, rules)
    return _resume(state, action, _gone(action, after), rules)


def _gone(action: Action, after: DossierState) -> tuple[str, ...]:
    """The cause of a pause that `action` takes away, if it left `after` without it."""
    if action.type == "dossier.supplement_received.v1":
        complete = action.data.get("complete", True)
        return ("supplement",) if complete and not after.open_supplements else ()
    if action.type == "dossier.payment_confirmed.v1" and not after.open_obligations:
        return ("finance",)
    return ()


def _set(due: DueDate, calendar: Calendar, doubts: tuple[str, ...] = ()) -> DerivedEvent:
    data: dict[str, Any] = {
        "due_at": due.at,
        "function_version": FUNCTION_VERSION,
        "inputs_hash": inputs_hash(due, calendar),
        "calendar": calendar.version,
        "counted_from_on": due.counted_from.isoformat(),
        "working_days": due.working_days,
    }
    unconfirmed = sorted({*doubts, *(day.isoformat() for day in due.unconfirmed)})
    if unconfirmed:
        data["unconfirmed"] = unconfirmed
    return DerivedEvent("dossier.deadline_set.v1", data)


def _first_due_date(action: Action, rules: Rules) -> tuple[DerivedEvent, ...]:
    """E34 for an acceptance that names working days and no due date of its own (D2, D4)."""
    data = action.data
    calendar = rules.calendar(data.get("calendar", ""))
    days = data.get("duration_days")
    if days is None or data.get("due_at") or calendar is None:
        return ()
    received = parse_instant(data.get("received_at") or action.occurred_at.at)
    effect = data.get("cutoff_effect", "shift_receipt")
    try:
        due = due_on(received, days, calendar, data.get("cutoff", ""), effect)
    except CalendarYearError:
        return ()
    return (_set(due, calendar),)


def _pause(state: DossierState, action: Action, cause: str) -> tuple[DerivedEvent, ...]:
    """E35 where a clock runs, or stands still for another cause only (D7, D8)."""
    if not state.due_at or state.due_imported or state.is_ended or cause in state.pauses:
        return ()
    event = {"cause": cause, "cause_event": action.id}
    return (DerivedEvent("dossier.deadline_paused.v1", event),)


def _resume(
    state: DossierState, action: Action, causes: tuple[str, ...], rules: Rules
) -> tuple[DerivedEvent, ...]:
    """E35 for each cause that has gone and, with the last one, the new due date (D7)."""
    gone = [cause for cause in causes if cause in state.pauses]
    resumed = tuple(
        DerivedEvent("dossier.deadline_resumed.v1", {"cause": cause, "cause_event": action.id})
        for cause in gone
    )
    if not gone or len(gone) < len(state.pauses):
        return resumed
    return (*resumed, *_due_again(state, action, rules))


def _due_again(state: DossierState, action: Action, rules: Rules) -> tuple[DerivedEvent, ...]:
    """E34 after the last pause, by mode restart or pause; nothing where it cannot be known."""
    calendar = rules.calendar(state.calendar)
    if calendar is None or not state.due_at or state.due_imported or not state.paused_on:
        return ()
    try:
        due = _moved(state, local_date(action.occurred_at.at), calendar)
    except CalendarYearError:
        return ()
    if due is None:
        return ()
    return (_set(due, calendar, () if state.restarts else state.due_unconfirmed_on),)


def _moved(state: DossierState, complete: date, calendar: Calendar) -> DueDate | None:
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
