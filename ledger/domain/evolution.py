"""`evolve`: what each event changes in a dossier. Total: no registered event ever fails here.

Repository, intake and the dossier projection fold with this one function.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from ledger.core.action import Action, plain_id
from ledger.core.times import parse_instant
from ledger.domain.changes import Change, Changes, held_by
from ledger.domain.changes_business import BUSINESS
from ledger.domain.changes_clock import CLOCK
from ledger.domain.changes_result import RESULT
from ledger.domain.changes_work import WORK
from ledger.domain.dossier_state import ENDS, DossierState
from ledger.domain.guards import guard, with_breaches
from ledger.domain.imported_case import due_and_ended

_LOOKS: Final = frozenset({"dossier.viewed.v1", "dossier.exported.v1"})

LEDGER_ACTOR: Final = "ledger"
"""Actor id (kind system) of what the ledger itself derives."""

CHANGES: Final[Mapping[str, Change]] = MappingProxyType({**BUSINESS, **WORK, **CLOCK, **RESULT})
"""What an event changes beside what every event changes; others leave only their trace."""

_EXTERNAL: Final = frozenset({"external", "force_majeure", "court"})
_MICROSECOND: Final = timedelta(microseconds=1)

_WAITED_FOR_BY: Final = frozenset(
    {"status", "open_supplements", "open_obligations", "open_consultations", "pauses"}
)
"""The fields that say whose time passes: while none changes it stays whose it was."""


def is_derived(action: Action) -> bool:
    """Whether the ledger derived this action from another (a due date set, a clock paused)."""
    return action.actor.kind == "system" and action.actor.id == LEDGER_ACTOR


def is_passive(action: Action) -> bool:
    """Whether the action is nobody's work: derived by the ledger, or a look at the dossier (E20).

    It ends and begins nothing in custody and succession, and shows nobody as the holder.
    """
    return action.type in _LOOKS or is_derived(action)


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


def _waited_for(state: DossierState, changes: Changes) -> str:
    """Whose time passes after `changes` (DOMAIN.md 2.1): "" is the office's own.

    Applicant: a supplement or payment is open, or the result lies ready. External: a mandatory
    consultation, or a pause by another's cause. Where both are waited for it is the applicant's.
    """
    new = changes.get
    status = new("status", state.status)
    if status in ENDS:
        return "closed"
    if (
        status == "done"
        or new("open_supplements", state.open_supplements)
        or new("open_obligations", state.open_obligations)
    ):
        return "applicant"
    # Most dossiers have neither: looking into nothing is not free.
    consultations = new("open_consultations", state.open_consultations)
    if consultations and any(asked.mandatory for asked in consultations):
        return "external"
    pauses = new("pauses", state.pauses)
    return "external" if pauses and not _EXTERNAL.isdisjoint(pauses) else ""


def _switched(state: DossierState, changes: Changes, at: str) -> Changes:
    """Close the wait that ends at `at` and begin the next, where whose time it is has changed.

    Each moment of the lifetime counts once: a late record never counts a stretch again.
    """
    waited = _waited_for(state, changes)
    if waited == state.waits:
        return {}
    since = state.waits_since or changes.get("begun_at", state.begun_at)
    at = max(at, since)
    switched: Changes = {"waits": waited, "waits_since": at}
    if state.waits:
        name = f"{state.waits}_microseconds"
        passed = (parse_instant(at) - parse_instant(since)) // _MICROSECOND
        switched[name] = getattr(state, name) + passed
    return switched


def evolve(state: DossierState, action: Action, version: int) -> DossierState:
    """The dossier after `action`, its entry of 1-based `version` in the dossier's stream."""
    at = action.occurred_at.at
    change = CHANGES.get(action.type)
    changes: Changes = {}
    if change is not None:
        changes = change(state, action, action.data)
        broken = guard(state, action, version)
        if broken:
            changes["breaches"] = with_breaches(state.breaches, broken)
    # What this event itself changes goes before what every event does.
    if state.version == 0:
        changes = _begin(state, action) | changes
    if not _WAITED_FOR_BY.isdisjoint(changes):
        changes |= _switched(state, changes, at)
    if not is_passive(action):
        actor = action.actor
        if actor.kind == "officer":
            if state.holder_inferred:
                changes = held_by(state, action, actor.unit) | changes
            changes["last_officer"], changes["last_unit"] = actor.id, actor.unit
        changes["last_occurred_at"] = at
        if at < state.last_occurred_at:
            changes["late_recorded"] = state.late_recorded + 1
    procedure = action.procedure
    if procedure and not state.procedure:
        changes["procedure"], changes["procedure_version"] = procedure.code, procedure.version
    changes["version"] = version
    return replace(state, **changes)
