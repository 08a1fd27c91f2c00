"""A due date computed again from the entries (D16, T11): it must be the one that stands there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from ledger.core.action import Action, Actor
from ledger.core.findings import Finding, Verdict
from ledger.domain.deadlines import local_date
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, Possible, decide, evolve
from ledger.domain.due_dates import RULE_SET, WORKING_DAYS
from ledger.domain.evolution import LEDGER_ACTOR, is_derived
from ledger.domain.rules import Rules

_DERIVED: Final = frozenset(
    {
        "dossier.attempt_rejected.v1",
        "dossier.consultation_lapsed.v1",
        "dossier.deadline_set.v1",
        "dossier.deadline_paused.v1",
        "dossier.deadline_resumed.v1",
    }
)


def recomputed(actions: Sequence[Action], rules: Rules, ruleset: str = "") -> DossierState:
    """The dossier folded from the actions of its sources alone; what the ledger derived is
    derived again by `rules`. With `ruleset` as if it had been pinned to that one.

    The calendar that a due date was derived by stays: one published since moves no older dossier.
    """
    state = EMPTY_DOSSIER
    calendars = _calendars(actions)
    for action in actions:
        if is_derived(action) and action.type in _DERIVED:
            continue
        calendar = calendars.get(action.id, "")
        if calendar and action.type == "dossier.accepted.v1":
            action = replace(action, data={"calendar": calendar, **action.data})  # noqa: PLW2901 - pinned
        elif calendar and not state.calendar:
            state = replace(state, calendar=calendar)
        if ruleset and action.type == "dossier.accepted.v1":
            action = replace(action, data={**action.data, "ruleset": ruleset})  # noqa: PLW2901 - what if
        decision = decide(state, action, rules)
        state = evolve(state, action, state.version + 1)
        for item in decision.derived if isinstance(decision, Possible) else ():
            system = Actor(kind="system", id=LEDGER_ACTOR)
            derived = replace(action, type=item.type, actor=system, data=item.data)
            state = evolve(state, derived, state.version + 1)
    return state


def _calendars(actions: Sequence[Action]) -> dict[str, str]:
    """The calendar of each due date that the ledger derived, by the action that it came of."""
    return {
        cause: action.data.get("calendar", "")
        for action in actions
        if is_derived(action) and action.type == "dossier.deadline_set.v1"
        for cause in action.causes
    }


def due_findings(
    actions: Sequence[Action], state: DossierState, rules: Rules
) -> tuple[Finding, ...]:
    """A finding where the due date that the ledger derived is not what its function gives.

    `actions` are those of one dossier in order, `state` what they fold to. Indeterminate where a
    function, calendar or rule set is named that is not known here.
    """
    derived = [a for a in actions if is_derived(a) and a.type == "dossier.deadline_set.v1"]
    if not derived:
        return ()
    newest = derived[-1]
    stream, version = newest.stream, actions.index(newest) + 1
    for action in derived:
        data = action.data
        function = data["function_version"]
        on = local_date(state.accepted_at or state.begun_at).isoformat()
        pinned = rules.pinned(data.get("ruleset", ""), data.get("calendar", ""), on)
        if function not in {WORKING_DAYS, RULE_SET} or pinned is None:
            return (
                Finding(
                    code="dossier.due_date_unknown",
                    verdict=Verdict.INDETERMINATE,
                    message="a due date was computed by rules that are not known here",
                    stream=stream,
                    version=actions.index(action) + 1,
                    expected=f"a function, calendar and rule set of this software: {WORKING_DAYS}, "
                    f"{RULE_SET}; {', '.join(rules.calendars)}; {', '.join(rules.rulesets)}",
                    actual=f"{function}; {data.get('calendar', '')}; {data.get('ruleset', '')}",
                    next_step="check with the software that computed it, or a newer one",
                ),
            )
    again = recomputed(actions, rules).due_at
    if again == state.due_at:
        return ()
    return (
        Finding(
            code="dossier.due_date_differs",
            verdict=Verdict.FAILED,
            message="the due date is not what its function gives for these entries",
            stream=stream,
            version=version,
            expected=again or "none",
            actual=state.due_at or "none",
            next_step="compare the inputs of the due date with the entries; extend it by decision",
        ),
    )
