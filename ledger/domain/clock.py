"""What the ledger derives for a dossier: due dates, pauses, resumptions, silences (E23, E34, E35).

The ledger counts only where it knows how: a due date that a foreign log gave is never moved, and
beyond the years of the calendar none is set and none is guessed. A re-route between systems (E46)
and transport by post move nothing: the clock begins where the dossier is complete (D13, D14).
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from ledger.core.action import Action
from ledger.domain.deadlines import local_date
from ledger.domain.dossier_state import Consultation, DossierState
from ledger.domain.due_dates import DerivedEvent, first_due, moved_due
from ledger.domain.evolution import evolve
from ledger.domain.rules import Rules

_PAUSING: Final = {
    "dossier.supplement_requested.v1": "supplement",
    "dossier.financial_obligation_issued.v1": "finance",
}


def derive(state: DossierState, action: Action, rules: Rules) -> tuple[DerivedEvent, ...]:
    """What follows from a native `action` on a dossier in `state`: for its clock, and for those who
    were asked and had stayed silent when it happened."""
    lapsed: tuple[DerivedEvent, ...] = ()
    if state.open_consultations:
        after = evolve(state, action, state.version + 1)
        lapsed = silences(after, local_date(action.occurred_at.at).isoformat(), rules)
    return (*_clock(state, action, rules), *lapsed)


def counts_days(state: DossierState, action: Action) -> bool:
    """Whether a calendar may matter to what follows from `action`: a due date is set or moved."""
    return action.type == "dossier.accepted.v1" or bool(state.pauses)


def calendar_of(state: DossierState, action: Action) -> str:
    """The version of the calendar by which `action` counts, "" = the default."""
    if action.type == "dossier.accepted.v1":
        return str(action.data.get("calendar", ""))
    return state.calendar


def _clock(state: DossierState, action: Action, rules: Rules) -> tuple[DerivedEvent, ...]:
    if action.type == "dossier.accepted.v1":
        due = first_due(action, rules)
        return (due,) if due else ()
    if action.type in _PAUSING:
        return _pause(state, action, _PAUSING[action.type], rules)
    if not state.pauses:
        return ()
    after = evolve(state, action, state.version + 1)
    if after.is_ended and not state.is_ended:
        # The end of a dossier ends every pause: what comes later may not move its due date.
        return _resume(replace(state, restarts=False), action, state.pauses, rules)
    if action.type == "dossier.deadline_resumed.v1" and not after.pauses:
        due = moved_due(state, action.occurred_at.at, rules)
        return (due,) if due else ()
    return _resume(state, action, _gone(action, after), rules)


def _gone(action: Action, after: DossierState) -> tuple[str, ...]:
    """The cause of a pause that `action` takes away, if it left `after` without it."""
    if action.type == "dossier.supplement_received.v1":
        complete = action.data.get("complete", True)
        return ("supplement",) if complete and not after.open_supplements else ()
    if action.type == "dossier.payment_confirmed.v1" and not after.open_obligations:
        return ("finance",)
    return ()


def _pause(
    state: DossierState, action: Action, cause: str, rules: Rules
) -> tuple[DerivedEvent, ...]:
    """E35 where a clock runs, or stands still for another cause only (D7, D8).

    What the action leaves open is the rule set's: it then stands in the derived event.
    """
    if not state.due_at or state.due_imported or state.is_ended or cause in state.pauses:
        return ()
    event: dict[str, Any] = {"cause": cause, "cause_event": action.id}
    ruleset = rules.rulesets.get(state.ruleset)
    if ruleset is not None:
        if cause == "finance" and ruleset.payment_clock.value == "runs":
            return ()
        if cause == "supplement" and "clock" not in action.data:
            event["clock"] = ruleset.supplement_clock.value
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
    due = moved_due(state, action.occurred_at.at, rules)
    return (*resumed, due) if due else resumed


def silences(state: DossierState, on: str, rules: Rules) -> tuple[DerivedEvent, ...]:
    """E23 for each open consultation whose day to reply lies before the local day `on` (D9).

    The effect is the question's own, else the rule set's. Nothing lapses where silence blocks or
    neither says what it means, nor once the dossier has ended.
    """
    if state.is_ended:
        return ()
    ruleset = rules.rulesets.get(state.ruleset)
    default = ruleset.silence_effect.value if ruleset else ""

    def effect(asked: Consultation) -> str:
        return asked.silence_effect or default

    return tuple(
        DerivedEvent(
            "dossier.consultation_lapsed.v1",
            {"agency": asked.agency, "silence_effect": effect(asked)},
        )
        for asked in state.open_consultations
        if asked.reply_by_on and asked.reply_by_on < on and effect(asked) not in {"", "blocks"}
    )
