"""Custody, work and consultation: who has the dossier, what is done with it, who is asked."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ledger.core.action import Action
from ledger.domain.changes import Change, Changes, held_by, in_status, without
from ledger.domain.dossier_state import Consultation, DossierState, Offer


def _custody_offered(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    offer = Offer(
        action.id,
        action.actor.id,
        data.get("to_unit", ""),
        data.get("to_officer", ""),
        action.occurred_at.at,
        action.step,
        data.get("due_step_at", ""),
    )
    changes: Changes = {"open_offers": (*state.open_offers, offer), "holder_inferred": False}
    if state.holder_inferred and action.actor.kind == "officer":
        # The giver shows by offering that it was theirs.
        changes |= held_by(state, action, action.actor.unit)
    return changes


def _without_offer(state: DossierState, offer_id: str) -> tuple[Offer | None, tuple[Offer, ...]]:
    offers = state.open_offers
    if len(offers) == 1 and offers[0].offer_id == offer_id:
        return offers[0], ()
    found = next((offer for offer in offers if offer.offer_id == offer_id), None)
    return found, tuple(offer for offer in offers if offer.offer_id != offer_id)


def _custody_accepted(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    offer, others = _without_offer(state, data.get("offer_id", ""))
    unit = action.actor.unit or (offer.to_unit if offer else "")
    to_person = offer is not None and offer.to_officer == action.actor.id
    changes: Changes = {
        "open_offers": others,
        "holder": action.actor.id,
        "holder_unit": unit,
        "holder_since": action.occurred_at.at,
        "holder_inferred": False,
        "step": action.step or (offer.step if offer else ""),
        "due_step_at": offer.due_step_at if offer else "",
        # What is issued waits for no work: it goes to the clerk, the desk, the archive.
        "phase": state.phase
        or ("" if state.issued_at else "queue" if to_person else "await_assign"),
    }
    return changes | (in_status("processing") if state.status == "accepted" else {})


def _custody_rejected(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    _, others = _without_offer(state, data.get("offer_id", ""))
    return {"open_offers": others}


def _assigned(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    officer = data.get("officer", "")
    if data.get("role") == "co":
        left = without(state.co_officers, data["previous"]) if data.get("previous") else None
        return {"co_officers": (*(state.co_officers if left is None else left), officer)}
    waiting = state.phase in {"", "await_assign"}
    return {"assigned": officer, **({"phase": "queue"} if waiting else {})}


def _phase(name: str) -> Change:
    def change(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
        return {"phase": name}

    return change


def _verification_ordered(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"open_verifications": (*state.open_verifications, action.id)}


def _inspection_done(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"open_verifications": without(state.open_verifications, data.get("order_id", ""))}


def _consultation_requested(
    state: DossierState, action: Action, data: Mapping[str, Any]
) -> Changes:
    asked = Consultation(
        data.get("agency", ""),
        action.occurred_at.at,
        data.get("mandatory", False),
        data.get("reply_by_on", ""),
        data.get("silence_effect", ""),
    )
    return {"open_consultations": (*state.open_consultations, asked)}


def _consultation_closed(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    """The oldest question to the agency that answers, or lapses, is closed."""
    left = list(state.open_consultations)
    for place, asked in enumerate(left):
        if asked.agency == data.get("agency", ""):
            del left[place]
            break
    return {"open_consultations": tuple(left)}


def _escalated(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"open_escalations": (*state.open_escalations, action.id)}


def _escalation_answered(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"open_escalations": without(state.open_escalations, data.get("escalation_id", ""))}


def _draft_submitted(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"phase": "await_approval", "drafted_by": action.actor.id, "decided_by": ()}


def _approved(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"phase": "await_signature", "decided_by": (*state.decided_by, action.actor.id)}


def _signed(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"phase": "await_number", "decided_by": (*state.decided_by, action.actor.id)}


WORK: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "dossier.custody_offered.v1": _custody_offered,  # E11
        "dossier.custody_accepted.v1": _custody_accepted,  # E12
        "dossier.custody_rejected.v1": _custody_rejected,  # E13
        "dossier.assigned.v1": _assigned,  # E14
        "dossier.reassigned.v1": _assigned,  # E14
        "dossier.work_started.v1": _phase("working"),  # E15
        "dossier.work_suspended.v1": _phase("queue"),  # E15
        "dossier.work_resumed.v1": _phase("working"),  # E15
        "dossier.appraisal_recorded.v1": _phase("drafting"),  # E16
        "dossier.verification_ordered.v1": _verification_ordered,  # E17
        "dossier.field_inspection_done.v1": _inspection_done,  # E17
        "dossier.consultation_requested.v1": _consultation_requested,  # E21
        "dossier.consultation_answered.v1": _consultation_closed,  # E22
        "dossier.consultation_lapsed.v1": _consultation_closed,  # E23
        "dossier.escalated_for_opinion.v1": _escalated,  # E24
        "dossier.escalation_answered.v1": _escalation_answered,  # E25
        "dossier.draft_submitted.v1": _draft_submitted,  # E26
        "dossier.draft_returned.v1": _phase("drafting"),  # E27
        "dossier.approved.v1": _approved,  # E28
        "dossier.signed.v1": _signed,  # E28
    }
)
