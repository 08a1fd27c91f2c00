"""Business dimension: from submission to its end, supplements included (DOMAIN.md 1.10)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ledger.core.action import Action
from ledger.domain.changes import Change, Changes, back, end, in_status, wait
from ledger.domain.changes_clock import given_due
from ledger.domain.dossier_state import DossierState


def _submitted(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {
        **in_status("submitted"),
        "submitted_at": action.occurred_at.at,
        "applicant_ref": data.get("applicant_ref", ""),
        "channel": data.get("channel", ""),
    }


def _intake_checked(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return end("refused", action) if data.get("result") == "out_of_scope" else {}


def _accepted(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    changes = {
        **in_status("accepted"),
        "accepted_at": action.occurred_at.at,
        "unit": data.get("unit") or action.actor.unit or state.unit,
        "duration_days": data.get("duration_days", 0),
        "duration_hours": data.get("duration_hours", 0),
        "calendar": data.get("calendar", ""),
        "ruleset": data.get("ruleset", ""),
        "restarts": False,
    }
    if state.is_ended:
        changes |= {"ended_at": "", "ended_imported": False, "outcome": ""}
    if data.get("due_at"):
        changes |= given_due(data["due_at"])
    return changes


def _refused(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return end("refused", action)


def _supplement_requested(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    asked, stage = data.get("round", 1), data.get("stage", "appraisal")
    return {
        **wait(state, f"{stage}_supplement"),
        "supplement_rounds": state.supplement_rounds + 1,
        "intake_rounds": state.intake_rounds + (stage == "intake"),
        "supplements": (*state.supplements, asked),
        "open_supplements": (*state.open_supplements, asked),
        "restarts": state.restarts or data.get("clock") == "restart",
    }


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
    left = _still_open(state, data)
    return {"open_supplements": left, **back(state, left, state.open_obligations)}


def _supplement_lapsed(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    effect = data.get("effect", "")
    ended = end(effect, action) if effect and not state.is_ended else {}
    return {"open_supplements": _still_open(state, data), **ended}


def _withdrawal_requested(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    """Before acceptance the applicant's word is enough; later the office records it (D11)."""
    return end("withdrawn", action) if state.status == "submitted" else {}


def _withdrawn(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return end("withdrawn", action)


def _stopped(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return end("stopped", action)


def _reopened(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    """A new round: what was issued and delivered is void, the entries that say so stay."""
    return {
        **in_status("processing" if state.accepted_at else "submitted"),
        "reopened": state.reopened + 1,
        "status_before_wait": "",
        "outcome": "",
        "ended_at": "",
        "ended_imported": False,
        "delivered_at": "",
        "issued_at": "",
        "at_desk_at": "",
        "drafted_by": "",
        "decided_by": (),
        "phase": "",
    }


def _merged(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {**end("merged", action), "merged_into": data.get("into", "")}


def _split(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"linked": (*state.linked, *data.get("into", ()))}


def _linked(state: DossierState, action: Action, data: Mapping[str, Any]) -> Changes:
    return {"linked": (*state.linked, data.get("dossier", ""))}


BUSINESS: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "dossier.submitted.v1": _submitted,  # E01
        "dossier.intake_checked.v1": _intake_checked,  # E05
        "dossier.accepted.v1": _accepted,  # E06
        "dossier.refused.v1": _refused,  # E07
        "dossier.supplement_requested.v1": _supplement_requested,  # E08
        "dossier.supplement_received.v1": _supplement_received,  # E09
        "dossier.supplement_lapsed.v1": _supplement_lapsed,  # E10
        "dossier.withdrawal_requested.v1": _withdrawal_requested,  # E42
        "dossier.withdrawn.v1": _withdrawn,  # E42
        "dossier.processing_stopped.v1": _stopped,  # E43
        "dossier.reopened.v1": _reopened,  # E44
        "dossier.merged.v1": _merged,  # E45
        "dossier.split.v1": _split,  # E45
        "dossier.linked_to.v1": _linked,  # E45
    }
)
