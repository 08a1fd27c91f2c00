"""What the tables of changes share: a change of a dossier is a dict of new field values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from ledger.core.action import Action
from ledger.domain.dossier_state import PORTAL_STATUS, WAITING, DossierState

Changes = dict[str, Any]
Change = Callable[[DossierState, Action, Mapping[str, Any]], Changes]


_IN_STATUS: Final[Mapping[str, Changes]] = MappingProxyType(
    {name: {"status": name, "portal_status": code} for name, code in PORTAL_STATUS.items()}
)
"""The names are those of the table, not equal ones that were read from somewhere: a state is stored
without a field that is its default, and to the encoder that is the very object."""


def in_status(name: str) -> Changes:
    """The business state and its portal code."""
    return _IN_STATUS[name].copy()


def end(name: str, action: Action) -> Changes:
    """The dossier ends by `action`."""
    return {
        **in_status(name),
        "ended_at": action.occurred_at.at,
        "ended_imported": False,
        "outcome": name,
    }


def wait(state: DossierState, name: str) -> Changes:
    """Waiting for the applicant; a dossier that has ended waits for nothing."""
    if state.is_ended:
        return {}
    return {**in_status(name), "status_before_wait": state.status_before_wait or state.status}


def back(
    state: DossierState, open_supplements: tuple[int, ...], open_obligations: tuple[str, ...]
) -> Changes:
    """After a wait: what is still waited for; after the last one where the dossier stood, or
    processing once it was accepted."""
    if state.status in WAITING and open_supplements:
        return in_status("appraisal_supplement" if state.accepted_at else "intake_supplement")
    if state.status in WAITING and open_obligations:
        return in_status("awaiting_payment")
    if open_supplements or open_obligations:
        return {}
    if state.status not in WAITING:
        return {"status_before_wait": ""}
    before = state.status_before_wait or ("processing" if state.accepted_at else "submitted")
    return {**in_status(before), "status_before_wait": ""}


def held_by(state: DossierState, action: Action, unit: str) -> Changes:
    """The acting officer is the holder; since when, if it was another before."""
    since = state.holder_since if state.holder == action.actor.id else action.occurred_at.at
    return {"holder": action.actor.id, "holder_unit": unit, "holder_since": since}


def without(items: tuple[str, ...], item: str) -> tuple[str, ...]:
    """`items` without `item`; without a named one the oldest goes."""
    if not item:
        return items[1:]
    return tuple(other for other in items if other != item)
