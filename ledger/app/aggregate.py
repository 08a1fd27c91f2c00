"""Actions and dossiers as the eventsourcing library sees them: events, an aggregate, a mapper."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from eventsourcing.persistence import Mapper, MapperDeserialisationError, StoredEvent

from ledger.core.action import Action, decode_action
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, evolve
from ledger.domain.events import is_registered
from ledger.domain.upcasting import upcast


class ActionEvent(msgspec.Struct, frozen=True):
    """An action as the library's domain event: stream, version, and the action with its bytes."""

    originator_id: str
    originator_version: int
    action: Action
    data: bytes


class Dossier(msgspec.Struct, frozen=True):
    """A dossier as the library's immutable aggregate: stream id, version and folded state."""

    id: str
    version: int
    state: DossierState


def project_dossier(initial: Dossier | None, events: Iterable[ActionEvent]) -> Dossier | None:
    """The `projector_func` for `Repository.get`: the domain's own `evolve`, nothing else."""
    dossier = initial
    for event in events:
        state = EMPTY_DOSSIER if dossier is None else dossier.state
        version = event.originator_version
        dossier = Dossier(
            event.originator_id, version, evolve(state, upcast(event.action), version)
        )
    return dossier


class ActionMapper(Mapper[str]):
    """Action <-> StoredEvent. Types come from the closed registry; no name is ever imported."""

    def __init__(self) -> None:
        # Stored events hold the action's own bytes: there is nothing to transcode or encrypt here.
        pass

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """The stored event whose state is the action's exact bytes."""
        event: ActionEvent = domain_event
        return StoredEvent(
            event.originator_id, event.originator_version, event.action.type, event.data
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The action in a stored event; raises `MapperDeserialisationError` for unknown types."""
        if not is_registered(stored_event.topic):
            msg = f"{stored_event.topic!r} is no event type of this ledger"
            raise MapperDeserialisationError(msg)
        return ActionEvent(
            str(stored_event.originator_id),
            stored_event.originator_version,
            decode_action(stored_event.state),
            stored_event.state,
        )
