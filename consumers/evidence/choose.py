"""What belongs into a bundle besides the entries of its scope: the registry that they lean on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from ledger.core.action import Action, stream_id
from ledger.entry.bundle import Place
from projections.queries.evidence import (
    StandingEntry,
    registry_of,
    shared_registry,
)
from projections.store.sqlite import ReadStore

_KINDS: Final = ("officer", "unit", "procedure", "system")
"""Registry streams that an action may name by id."""

_NAME_LENGTH_MAX: Final = 200
"""No id is longer (ledger.domain.fields.Code)."""


def registry_for(store: ReadStore, actions: Iterable[Action]) -> list[StandingEntry]:
    """Officers, units, procedures and systems that the actions name, the units that these belong
    to, and authority and calendars: every version, so that what was valid then is among it.

    Whatever text of an action is the id of such a stream counts as naming it: too many are no harm.
    """
    found: dict[Place, StandingEntry] = {}
    for entry in shared_registry(store):
        found[Place(entry.log, entry.index)] = entry
    seen: set[str] = set()
    wanted = {name for action in actions for name in _names(action)}
    while wanted:
        seen |= wanted
        fresh = list(registry_of(store, _streams(wanted)))
        for entry in fresh:
            found[Place(entry.log, entry.index)] = entry
        # An officer names a unit and a unit its parent; a procedure names every unit there is.
        named = (entry for entry in fresh if entry.action.stream.startswith(("officer:", "unit:")))
        wanted = {name for entry in named for name in _names(entry.action)} - seen
    return [found[place] for place in sorted(found)]


def _streams(names: Iterable[str]) -> set[str]:
    return {stream_id(kind, name) for kind in _KINDS for name in names}


def _names(action: Action) -> Iterator[str]:
    actor = action.actor
    yield from (name for name in (actor.id, actor.unit, actor.on_behalf_of) if name)
    if not isinstance(action.procedure, msgspec.UnsetType):
        yield action.procedure.code
        if action.procedure.agency:
            yield action.procedure.agency
    yield from _texts(action.data)


def _texts(value: Any) -> Iterator[str]:
    """The short texts in an action's data; sealed fields hold none that name anything."""
    if isinstance(value, str):
        if 0 < len(value) <= _NAME_LENGTH_MAX:
            yield value
    elif isinstance(value, dict):
        if "sealed" not in value:
            for item in value.values():
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
