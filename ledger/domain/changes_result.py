"""Delivery, synchronisation, corrections and the citizen's voice."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ledger.core.action import Action
from ledger.domain.changes import Change, Changes, in_status, without
from ledger.domain.dossier_state import DossierState


def _numbered(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"phase": ""}


def _issued(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {
        "outcome": state.outcome or "granted",
        "issued_at": action.occurred_at.at,
        "phase": "",
    }


def _negative(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    """A decision against the applicant takes the same path: number, issue, result desk."""
    return {
        "outcome": "negative",
        "phase": "await_number",
        "decided_by": (*state.decided_by, action.actor.id),
    }


def _returned(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    if state.is_ended:
        return {}
    return {**in_status("done"), "at_desk_at": action.occurred_at.at, "phase": ""}


def _delivered(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    at = action.occurred_at.at
    return {
        **in_status("delivered"),
        "delivered_at": at,
        "ended_at": at,
        "ended_imported": False,
        "outcome": state.outcome or "granted",
        "phase": "",
    }


def _electronic(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"electronic_result": True}


def _corrected(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    """What was folded stays as it was recorded: a correction is shown beside it, never inside."""
    return {"corrections": state.corrections + 1}


def _attempted(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    """Something was tried and refused: it changes nothing but the count."""
    return {"attempts_rejected": state.attempts_rejected + 1}


def _synchronised(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    sent = data.get("portal_status", state.portal_status)
    return {"synchronised_status": sent, "sync_failed": False}


def _sync_failed(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"sync_failed": True}


def _archived(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"archived_at": action.occurred_at.at}


def _filed(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"open_filings": (*state.open_filings, action.id)}


def _answered(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"open_filings": without(state.open_filings, data.get("filing_id", ""))}


def _urged(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"open_urges": (*state.open_urges, action.id)}


def _urge_answered(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"open_urges": without(state.open_urges, data.get("urge_id", ""))}


RESULT: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "dossier.result_numbered.v1": _numbered,  # E29
        "dossier.result_issued.v1": _issued,  # E29
        "dossier.negative_decision_issued.v1": _negative,  # E30
        "dossier.returned_to_result_desk.v1": _returned,  # E31
        "dossier.result_delivered.v1": _delivered,  # E32
        "dossier.electronic_result_issued.v1": _electronic,  # E33
        "dossier.urge_issued.v1": _urged,  # E38
        "dossier.urge_answered.v1": _urge_answered,  # E38
        "dossier.event_corrected.v1": _corrected,  # E47
        "dossier.attempt_rejected.v1": _attempted,  # E48
        "dossier.synchronised_to_portal.v1": _synchronised,  # E49
        "dossier.sync_failed.v1": _sync_failed,  # E49
        "dossier.archived_transferred.v1": _archived,  # E50
        "dossier.feedback_filed.v1": _filed,  # E51
        "dossier.complaint_filed.v1": _filed,  # E51
        "dossier.answered.v1": _answered,  # E51
    }
)
