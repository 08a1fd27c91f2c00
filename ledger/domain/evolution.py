"""`evolve`: what each event changes in a dossier. Total: no registered event ever fails here.

Repository, intake and the dossier projection fold with this one function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec.structs import replace

from ledger.core.action import Action, plain_id
from ledger.domain.deadlines import local_date
from ledger.domain.dossier_state import DossierState, Offer
from ledger.domain.imported_case import due_and_ended

Changes = dict[str, Any]
Change = Callable[[DossierState, Action, Mapping[str, Any]], Changes]

PORTAL_STATUS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "unknown": 0,
        "submitted": 1,
        "accepted": 2,
        "refused": 3,
        "processing": 4,
        "intake_supplement": 5,
        "appraisal_supplement": 5,
        "awaiting_payment": 6,
        "withdrawn": 7,
        "stopped": 8,
        "done": 9,
        "delivered": 10,
    }
)
"""Business state to the national portal's code (DOMAIN.md 1.4)."""

_WAITING: Final = frozenset({"intake_supplement", "appraisal_supplement", "awaiting_payment"})

_LOOKS: Final = frozenset({"dossier.viewed.v1", "dossier.exported.v1"})

LEDGER_ACTOR: Final = "ledger"
"""Actor id (kind system) of what the ledger itself derives."""


def is_derived(action: Action) -> bool:
    """Whether the ledger derived this action from another (a due date set, a clock paused)."""
    return action.actor.kind == "system" and action.actor.id == LEDGER_ACTOR


def is_passive(action: Action) -> bool:
    """Whether the action is nobody's work: derived by the ledger, or a look at the dossier (E20).

    It ends and begins nothing in custody and succession, and shows nobody as the holder.
    """
    return action.type in _LOOKS or is_derived(action)


def _status(name: str) -> Changes:
    return {"status": name, "portal_status": PORTAL_STATUS[name]}


def _end(name: str, action: Action) -> Changes:
    return {
        **_status(name),
        "ended_at": action.occurred_at.at,
        "ended_imported": False,
        "outcome": name,
    }


def _wait(state: DossierState, name: str) -> Changes:
    """Waiting for the applicant; a dossier that has ended waits for nothing."""
    if state.is_ended:
        return {}
    return {**_status(name), "status_before_wait": state.status_before_wait or state.status}


def _submitted(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {
        **_status("submitted"),
        "submitted_at": action.occurred_at.at,
        "applicant_ref": data.get("applicant_ref", ""),
        "channel": data.get("channel", ""),
    }


def _intake_checked(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return _end("refused", action) if data.get("result") == "out_of_scope" else {}


def _accepted(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    changes = {
        **_status("accepted"),
        "accepted_at": action.occurred_at.at,
        "unit": data.get("unit") or action.actor.unit or state.unit,
        "duration_days": data.get("duration_days", 0),
        "calendar": data.get("calendar", ""),
        "restarts": False,
    }
    if state.is_ended:
        changes |= {"ended_at": "", "ended_imported": False, "outcome": ""}
    if data.get("due_at"):
        changes |= _given_due(data["due_at"])
    return changes


def _given_due(due_at: str) -> Changes:
    """A due date set by hand: it is counted from nothing."""
    return {
        "due_at": due_at,
        "due_imported": False,
        "due_unconfirmed_on": (),
        "clock_from_on": "",
        "clock_days": 0,
    }


def _refused(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return _end("refused", action)


def _supplement_requested(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    asked = data.get("round", 1)
    return {
        **_wait(state, f"{data.get('stage', 'appraisal')}_supplement"),
        "supplement_rounds": state.supplement_rounds + 1,
        "supplements": (*state.supplements, asked),
        "open_supplements": (*state.open_supplements, asked),
        "restarts": state.restarts or data.get("clock") == "restart",
    }


def _back(state: DossierState) -> Changes:
    """After the last wait: where the dossier stood, or processing once it was accepted."""
    if state.status not in _WAITING:
        return {"status_before_wait": ""}
    before = state.status_before_wait or ("processing" if state.accepted_at else "submitted")
    return {**_status(before), "status_before_wait": ""}


def _still_open(state: DossierState, data: Mapping[str, Any]) -> tuple[int, ...]:
    """The open rounds without the one that is answered: the named, else the oldest."""
    answered = data.get("round")
    left = list(state.open_supplements)
    if answered is None:
        return tuple(left[1:])
    if answered in left:
        left.remove(answered)
    return tuple(left)


def _supplement_received(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    if not data.get("complete", True):
        return {}
    still_open = _still_open(state, data)
    waits = {} if still_open or state.open_obligations else _back(state)
    return {"open_supplements": still_open, **waits}


def _supplement_lapsed(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"open_supplements": _still_open(state, data)}


def _custody_offered(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    offer = Offer(
        action.id,
        action.actor.id,
        data.get("to_unit", ""),
        data.get("to_officer", ""),
        action.occurred_at.at,
    )
    changes: Changes = {"open_offers": (*state.open_offers, offer), "holder_inferred": False}
    if state.holder_inferred and action.actor.kind == "officer":
        # The giver shows by offering that it was theirs.
        changes |= _held_by(state, action, action.actor.unit)
    return changes


def _held_by(state: DossierState, action: Action, unit: str) -> Changes:
    since = state.holder_since if state.holder == action.actor.id else action.occurred_at.at
    return {"holder": action.actor.id, "holder_unit": unit, "holder_since": since}


def _without_offer(state: DossierState, offer_id: str) -> tuple[Offer | None, tuple[Offer, ...]]:
    found = next((offer for offer in state.open_offers if offer.offer_id == offer_id), None)
    return found, tuple(offer for offer in state.open_offers if offer.offer_id != offer_id)


def _custody_accepted(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    offer, others = _without_offer(state, data.get("offer_id", ""))
    unit = action.actor.unit or (offer.to_unit if offer else "")
    changes: Changes = {
        "open_offers": others,
        "holder": action.actor.id,
        "holder_unit": unit,
        "holder_since": action.occurred_at.at,
        "holder_inferred": False,
    }
    return changes | (_status("processing") if state.status == "accepted" else {})


def _custody_rejected(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    _, others = _without_offer(state, data.get("offer_id", ""))
    return {"open_offers": others}


def _consultation_requested(
    state: DossierState, action: Action, data: Mapping[str, Any]
) -> Changes:
    return {"open_consultations": (*state.open_consultations, data.get("agency", ""))}


def _consultation_closed(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    left = list(state.open_consultations)
    if data.get("agency") in left:
        left.remove(data["agency"])
    return {"open_consultations": tuple(left)}


def _negative(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"outcome": "negative"}


def _issued(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"outcome": state.outcome or "granted"}


def _returned(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {} if state.is_ended else _status("done")


def _delivered(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    at = action.occurred_at.at
    return {
        **_status("delivered"),
        "delivered_at": at,
        "ended_at": at,
        "ended_imported": False,
        "outcome": state.outcome or "granted",
    }


def _deadline_set(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {
        "due_at": data.get("due_at", ""),
        "due_imported": False,
        "due_unconfirmed_on": tuple(data.get("unconfirmed", ())),
        "calendar": data.get("calendar") or state.calendar,
        "clock_from_on": data.get("counted_from_on", ""),
        "clock_days": data.get("working_days", 0),
    }


def _paused(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    at = action.occurred_at.at
    return {
        "pauses": (*state.pauses, data.get("cause", "")),
        "paused_on": state.paused_on or local_date(at).isoformat(),
        "paused_since": state.paused_since or at,
    }


def _resumed(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    left = list(state.pauses)
    if data.get("cause") in left:
        left.remove(data["cause"])
    running = {} if left else {"paused_since": "", "paused_on": "", "restarts": False}
    return {"pauses": tuple(left), **running}


def _extended(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    due_at = data.get("new_due_at")
    return {"extensions": state.extensions + 1, **(_given_due(due_at) if due_at else {})}


def _apology(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"apologies": state.apologies + 1}


def _obligation(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {
        **_wait(state, "awaiting_payment"),
        "obligations": (*state.obligations, action.id),
        "open_obligations": (*state.open_obligations, action.id),
    }


def _paid(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    left = tuple(item for item in state.open_obligations if item != data.get("obligation_id"))
    waits = {} if left or state.open_supplements else _back(state)
    return {"open_obligations": left, **waits}


def _withdrawn(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return _end("withdrawn", action)


def _stopped(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return _end("stopped", action)


def _corrected(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"corrections": state.corrections + 1}


CHANGES: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "dossier.submitted.v1": _submitted,
        "dossier.intake_checked.v1": _intake_checked,
        "dossier.accepted.v1": _accepted,
        "dossier.refused.v1": _refused,
        "dossier.supplement_requested.v1": _supplement_requested,
        "dossier.supplement_received.v1": _supplement_received,
        "dossier.supplement_lapsed.v1": _supplement_lapsed,
        "dossier.custody_offered.v1": _custody_offered,
        "dossier.custody_accepted.v1": _custody_accepted,
        "dossier.custody_rejected.v1": _custody_rejected,
        "dossier.consultation_requested.v1": _consultation_requested,
        "dossier.consultation_answered.v1": _consultation_closed,
        "dossier.consultation_lapsed.v1": _consultation_closed,
        "dossier.negative_decision_issued.v1": _negative,
        "dossier.result_issued.v1": _issued,
        "dossier.returned_to_result_desk.v1": _returned,
        "dossier.result_delivered.v1": _delivered,
        "dossier.deadline_set.v1": _deadline_set,
        "dossier.deadline_paused.v1": _paused,
        "dossier.deadline_resumed.v1": _resumed,
        "dossier.deadline_extended.v1": _extended,
        "dossier.apology_issued.v1": _apology,
        "dossier.financial_obligation_issued.v1": _obligation,
        "dossier.payment_confirmed.v1": _paid,
        "dossier.withdrawn.v1": _withdrawn,
        "dossier.processing_stopped.v1": _stopped,
        "dossier.event_corrected.v1": _corrected,
    }
)
"""What an event changes beside what every event changes; others leave only their trace."""


def _begin(state: DossierState, action: Action) -> Changes:
    """What the first entry of a dossier says about the whole."""
    data = action.data
    imported = data.get("imported") or (data if "source_log" in data else None)
    changes: Changes = {
        "dossier_id": plain_id(action.stream),
        "begun_at": action.occurred_at.at,
        "is_imported": imported is not None,
    }
    if imported is not None:
        due, ended = due_and_ended(imported.get("case", ()))
        changes |= {
            "source": imported.get("source_log", ""),
            "due_at": due,
            "due_imported": bool(due),
            "ended_at": ended,
            "ended_imported": bool(ended),
        }
    return changes


def evolve(state: DossierState, action: Action, version: int) -> DossierState:
    """The dossier after `action`, its entry of 1-based `version` in the dossier's stream."""
    changes: Changes = {"version": version}
    if state.version == 0:
        changes |= _begin(state, action)
    procedure = action.procedure
    if procedure and not state.procedure:
        changes |= {"procedure": procedure.code, "procedure_version": procedure.version}
    if not is_passive(action):
        changes["last_occurred_at"] = action.occurred_at.at
        if action.actor.kind == "officer":
            changes |= {"last_officer": action.actor.id, "last_unit": action.actor.unit}
            if state.holder_inferred:
                changes |= _held_by(state, action, action.actor.unit)
    change = CHANGES.get(action.type)
    if change is not None:
        changes |= change(state, action, action.data)
    return replace(state, **changes)
