"""The figures of 1.11 over every dossier of the store, as of a moment."""

from __future__ import annotations

from collections.abc import Iterator

from projections.folds.figures import Counted, Figure, count_dossier, figures
from projections.queries.as_of import NOW, AsOf
from projections.queries.timeline import by_dossier
from projections.store.sqlite import ReadStore


def get_figures(
    store: ReadStore,
    *,
    at: str,
    from_at: str = "",
    to_at: str = "~",
    as_of: AsOf = NOW,
) -> tuple[Figure, ...]:
    """Every figure over what happened from one instant to another, both included.

    `at` is the instant at which open dossiers are judged, and counted.
    """
    return figures(_counted(store, at, as_of), from_at, to_at)


def _counted(store: ReadStore, at: str, as_of: AsOf) -> Iterator[Counted]:
    for _, entries in by_dossier(store, as_of):
        yield from count_dossier([action for _, action in entries], at)
