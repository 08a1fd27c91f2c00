"""Actions on one dossier, and the ledger in small: decide, then fold what is recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.core.action import Action, Actor, OccurredAt
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, Impossible, decide, evolve
from ledger.domain.events import decode_event

STREAM = "dossier:000.00.00.H29-260302-0001"


def action_id(number: int) -> str:
    return f"019c0000-0000-7000-8000-{number:012d}"


def act(
    number: int,
    name: str,
    day: str,
    data: dict[str, Any] | None = None,
    *,
    who: str = "lan",
    kind: str = "officer",
    unit: str = "one-stop",
    behalf: str = "",
) -> Action:
    """The `number`-th action, at 09:00 local time of `day` unless `day` is an instant."""
    at = day if "T" in day else f"{day}T02:00:00.000000Z"
    actor = Actor(kind=kind, id=who, unit=unit, on_behalf_of=behalf)  # type: ignore[arg-type]
    return Action(
        id=action_id(number),
        type=f"dossier.{name}.v1",
        stream=STREAM,
        occurred_at=OccurredAt(at, "second"),
        actor=actor,
        data=data or {},
    )


def record(state: DossierState, action: Action) -> DossierState:
    """The state after `action` and all that the ledger derives from it; both must be valid."""
    decode_event(action.type, action.data)
    decision = decide(state, action, DEFAULT_RULES)
    assert not isinstance(decision, Impossible), decision
    state = evolve(state, action, state.version + 1)
    for item in decision.derived:
        decode_event(item.type, item.data)
        derived = Action(
            id=action.id,
            type=item.type,
            stream=action.stream,
            occurred_at=action.occurred_at,
            actor=Actor(kind="system", id="ledger"),
            data=item.data,
            causes=(action.id,),
        )
        state = evolve(state, derived, state.version + 1)
    return state


def recorded(actions: Iterable[Action], state: DossierState = EMPTY_DOSSIER) -> DossierState:
    for action in actions:
        state = record(state, action)
    return state


def refused(state: DossierState, action: Action) -> Impossible:
    decision = decide(state, action, DEFAULT_RULES)
    assert isinstance(decision, Impossible), decision
    return decision
