"""`decide`: whether an action on a dossier is possible, and what the ledger derives from it.

Impossible is (DESIGN.md section 4): accepting or rejecting an offer that is not open; a first
action other than submission, acceptance or import; a supplement or payment answered that was never
asked for. A broken duty is never refused: the breach is the evidence.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec

from ledger.core.action import Action
from ledger.core.times import parse_instant
from ledger.domain.calendars import Rules
from ledger.domain.deadlines import (
    FUNCTION_VERSION,
    Calendar,
    CalendarYearError,
    DueDate,
    due_after_pause,
    due_after_restart,
    due_on,
    inputs_hash,
    local_date,
)
from ledger.domain.dossier_state import EMPTY_DOSSIER, DossierState
from ledger.domain.evolution import evolve

__all__ = [
    "EMPTY_DOSSIER",
    "DerivedEvent",
    "DossierState",
    "Impossible",
    "Possible",
    "Rules",
    "decide",
    "evolve",
]

_BEGINNINGS: Final = frozenset(
    {"dossier.submitted.v1", "dossier.accepted.v1", "dossier.action_imported.v1"}
)
_OFFER_ANSWERS: Final = frozenset({"dossier.custody_accepted.v1", "dossier.custody_rejected.v1"})
_SUPPLEMENT_ANSWERS: Final = frozenset(
    {"dossier.supplement_received.v1", "dossier.supplement_lapsed.v1"}
)
_PAYMENT_ANSWERS: Final = frozenset(
    {"dossier.payment_confirmed.v1", "dossier.payment_failed.v1", "dossier.refunded.v1"}
)


class DerivedEvent(msgspec.Struct, frozen=True):
    """What the ledger itself asserts because of an action: type and data of the event."""

    type: str
    data: dict[str, Any]


class Possible(msgspec.Struct, frozen=True):
    """The action may be recorded, followed by what is derived from it."""

    derived: tuple[DerivedEvent, ...] = ()


class Impossible(msgspec.Struct, frozen=True):
    """The action cannot have happened to this dossier; `field` names what says so."""

    code: str
    message: str
    field: str


Decision = Possible | Impossible


def decide(state: DossierState, action: Action, rules: Rules) -> Decision:
    """Whether `action` is possible for a dossier in `state`, and what follows from it.

    An imported action is judged the same way, and derives nothing.
    """
    impossible = _impossible(state, action)
    if impossible is not None:
        return impossible
    if "imported" in action.data or action.type == "dossier.action_imported.v1":
        return Possible()
    return Possible(_derive(state, action, rules))


def _impossible(state: DossierState, action: Action) -> Impossible | None:
    data = action.data
    if state.version == 0 and action.type not in _BEGINNINGS and "imported" not in data:
        return Impossible(
            "dossier.not_begun",
            f"{action.type} cannot be the first action of {action.stream}: "
            "a dossier begins with submission, acceptance or import",
            "type",
        )
    if action.type in _OFFER_ANSWERS:
        offer_id = data.get("offer_id", "")
        if all(offer.offer_id != offer_id for offer in state.open_offers):
            return Impossible(
                "custody.offer_not_open", f"offer {offer_id} is not open", "data.offer_id"
            )
    if action.type in _SUPPLEMENT_ANSWERS and not state.open_supplements:
        return Impossible("supplement.not_requested", "no supplement is asked for", "type")
    if action.type in _PAYMENT_ANSWERS and data.get("obligation_id") not in state.obligations:
        return Impossible(
            "payment.not_requested",
            f"obligation {data.get('obligation_id')} was never issued",
            "data.obligation_id",
        )
    return None


def _derive(state: DossierState, action: Action, rules: Rules) -> tuple[DerivedEvent, ...]:
    data = action.data
    if action.type == "dossier.accepted.v1":
        return _first_due_date(action, rules)
    if action.type == "dossier.supplement_requested.v1":
        return _pause(state, action, "supplement")
    if action.type == "dossier.financial_obligation_issued.v1":
        return _pause(state, action, "finance")
    if action.type == "dossier.supplement_received.v1" and data.get("complete", True):
        return _resume(state, action, "supplement", rules)
    if action.type == "dossier.payment_confirmed.v1" and state.open_obligations == (
        data["obligation_id"],
    ):
        return _resume(state, action, "finance", rules)
    return ()


def _set(due: DueDate, calendar: Calendar) -> DerivedEvent:
    return DerivedEvent(
        "dossier.deadline_set.v1",
        {
            "due_at": due.at,
            "function_version": FUNCTION_VERSION,
            "inputs_hash": inputs_hash(due, calendar),
            "calendar": calendar.version,
            "counted_from_on": due.counted_from.isoformat(),
            "working_days": due.working_days,
            **(
                {"unconfirmed": [d.isoformat() for d in due.unconfirmed]} if due.unconfirmed else {}
            ),
        },
    )


def _first_due_date(action: Action, rules: Rules) -> tuple[DerivedEvent, ...]:
    """E34 for an acceptance that names working days and no due date of its own (D2)."""
    data = action.data
    calendar = rules.calendar(data.get("calendar", ""))
    if not data.get("duration_days") or data.get("due_at") or calendar is None:
        return ()
    received = parse_instant(data.get("received_at") or action.occurred_at.at)
    try:
        due = due_on(received, data["duration_days"], calendar, data.get("cutoff", ""))
    except CalendarYearError:
        # Beyond the calendar a due date is indeterminate: none is set, and none is guessed.
        return ()
    return (_set(due, calendar),)


def _pause(state: DossierState, action: Action, cause: str) -> tuple[DerivedEvent, ...]:
    """E35 where a clock runs or stands still for another cause (D7, D8)."""
    if not state.clock_from_on or cause in state.pauses:
        return ()
    event = {"cause": cause, "cause_event": action.id}
    return (DerivedEvent("dossier.deadline_paused.v1", event),)


def _resume(
    state: DossierState, action: Action, cause: str, rules: Rules
) -> tuple[DerivedEvent, ...]:
    """E35 and, once the last cause has gone, the new due date by mode restart or pause (D7)."""
    if cause not in state.pauses or (cause == "supplement" and len(state.open_supplements) > 1):
        return ()
    resumed = DerivedEvent(
        "dossier.deadline_resumed.v1", {"cause": cause, "cause_event": action.id}
    )
    calendar = rules.calendar(state.calendar)
    if len(state.pauses) > 1 or calendar is None:
        return (resumed,)
    complete = local_date(action.occurred_at.at)
    try:
        if state.restarts:
            due = due_after_restart(state.duration_days, complete, calendar)
        else:
            due = due_after_pause(
                date.fromisoformat(state.clock_from_on),
                state.clock_days,
                date.fromisoformat(state.paused_on),
                complete,
                calendar,
            )
    except CalendarYearError:
        return (resumed,)
    return (resumed, _set(due, calendar))
