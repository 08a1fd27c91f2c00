"""The registry as of a moment of the ledger: what was recorded by then, answered by day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ledger.core.action import Action, decode_action
from ledger.domain.registry import Registry, build_registry
from ledger.domain.upcasting import upcast
from projections.queries.as_of import NOW, AsOf
from projections.store.sqlite import ReadStore

_KINDS: Final = ("authority", "calendar", "officer", "procedure", "system", "unit")


def registry_as_of(store: ReadStore, as_of: AsOf = NOW) -> Registry:
    """The registry that the entries up to the moment give."""
    return build_registry(_actions(store, as_of))


def _actions(store: ReadStore, as_of: AsOf) -> Iterator[Action]:
    condition, arguments = as_of.condition(store)
    for kind in _KINDS:
        # Stream ids of a kind lie side by side: `:` is followed by `;`.
        rows = store.connection.execute(
            "SELECT action FROM timeline WHERE stream >= ? AND stream < ? "  # noqa: S608 - clauses of ours, values as parameters
            f"AND {condition} ORDER BY stream, version",
            (f"{kind}:", f"{kind};", *arguments),
        )
        for (action,) in rows:
            yield upcast(decode_action(action))
