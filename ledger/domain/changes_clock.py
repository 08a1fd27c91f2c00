"""Clocks and money: due dates, pauses, extensions, apologies, obligations (D7, D8, D10)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ledger.core.action import Action
from ledger.domain.changes import Change, Changes, back, wait
from ledger.domain.deadlines import local_date
from ledger.domain.dossier_state import DossierState


def given_due(due_at: str) -> Changes:
    """A due date set by hand: it is counted from nothing."""
    return {
        "due_at": due_at,
        "due_imported": False,
        "due_unconfirmed_on": (),
        "clock_from_on": "",
        "clock_days": 0,
        "clock_from_at": "",
        "clock_seconds": 0,
    }


def _deadline_set(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {
        "due_at": data.get("due_at", ""),
        "due_imported": False,
        "due_unconfirmed_on": tuple(data.get("unconfirmed", ())),
        "calendar": data.get("calendar") or state.calendar,
        "clock_from_on": data.get("counted_from_on", ""),
        "clock_days": data.get("working_days", 0),
        "clock_from_at": data.get("counted_from_at", ""),
        "clock_seconds": data.get("working_seconds", 0),
    }


def _paused(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    at = action.occurred_at.at
    return {
        "pauses": (*state.pauses, data.get("cause", "")),
        "paused_on": state.paused_on or local_date(at).isoformat(),
        "paused_since": state.paused_since or at,
        "restarts": state.restarts or data.get("clock") == "restart",
    }


def _resumed(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    left = list(state.pauses)
    if data.get("cause") in left:
        left.remove(data["cause"])
    running = {} if left else {"paused_since": "", "paused_on": "", "restarts": False}
    return {"pauses": tuple(left), **running}


def _extended(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    due_at = data.get("new_due_at")
    return {"extensions": state.extensions + 1, **(given_due(due_at) if due_at else {})}


def _apology(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"apologies": state.apologies + 1}


def _obligation(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {
        **wait(state, "awaiting_payment"),
        "obligations": (*state.obligations, action.id),
        "open_obligations": (*state.open_obligations, action.id),
    }


def _paid(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    left = tuple(item for item in state.open_obligations if item != data.get("obligation_id"))
    return {"open_obligations": left, **back(state, state.open_supplements, left)}


def _payment_failed(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    failed = data.get("obligation_id", "")
    if failed in state.failed_obligations:
        return {}
    return {"failed_obligations": (*state.failed_obligations, failed)}


def _refunded(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"refunds": state.refunds + 1}


CLOCK: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "dossier.deadline_set.v1": _deadline_set,  # E34
        "dossier.deadline_paused.v1": _paused,  # E35
        "dossier.deadline_resumed.v1": _resumed,  # E35
        "dossier.deadline_extended.v1": _extended,  # E36
        "dossier.apology_issued.v1": _apology,  # E37
        "dossier.financial_obligation_issued.v1": _obligation,  # E40
        "dossier.payment_confirmed.v1": _paid,  # E41
        "dossier.payment_failed.v1": _payment_failed,  # E41
        "dossier.refunded.v1": _refunded,  # E41
    }
)
