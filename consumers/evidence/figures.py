"""The figures in a bundle: each with its parameters, its version and the entries behind it.

Made from the entries of the bundle alone, so that whoever has the bundle can count again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.entry.bundle import DossierScope, OfficerScope, Scope
from projections.folds.figures import FIGURES, count_dossier, figures
from projections.queries.timeline import TimelineRow
from projections.store.sqlite import PROJECTION_VERSION


def figures_of(scope: Scope, rows: Sequence[TimelineRow], hidden: int, at: str) -> dict[str, Any]:
    """The figures of a scope over its entries that are shown, as at the instant `at`.

    `hidden` entries are not disclosed: what depends on all of a dossier is left out then.
    """
    counted = [_count("entries", rows), *_by("type", rows), *_by("stream", rows)]
    parameters: dict[str, Any] = {"at": at, "not_disclosed": hidden}
    if isinstance(scope, OfficerScope):
        parameters |= {"officer": scope.officer, "from_at": scope.from_at, "to_at": scope.to_at}
    elif isinstance(scope, DossierScope):
        parameters["dossier"] = scope.dossier
        if not hidden:
            counted += _ratios(rows, at)
    return {"figures": counted, "parameters": parameters, "v": 1, "version": PROJECTION_VERSION}


def _place(row: TimelineRow) -> str:
    return f"{row.log}/{row.index}"


def _count(name: str, rows: Sequence[TimelineRow]) -> dict[str, Any]:
    return {"name": name, "value": len(rows), "entries": [_place(row) for row in rows]}


def _by(field: str, rows: Sequence[TimelineRow]) -> list[dict[str, Any]]:
    groups: dict[str, list[TimelineRow]] = {}
    for row in rows:
        groups.setdefault(getattr(row, field), []).append(row)
    return [_count(f"entries by {field}: {name}", groups[name]) for name in sorted(groups)]


def _ratios(rows: Sequence[TimelineRow], at: str) -> list[dict[str, Any]]:
    """The figures of DOMAIN.md 1.11 that this dossier has a part in."""
    places = {row.action.id: _place(row) for row in rows}
    found = figures(count_dossier([row.action for row in rows], at)) if rows else ()
    return [
        {
            "name": item.name,
            "numerator": item.numerator,
            "numerator_means": FIGURES[item.name][0],
            "denominator": item.denominator,
            "denominator_means": FIGURES[item.name][1],
            "entries": [places[action] for action in (*item.counted, *item.others)],
        }
        for item in found
        if item.denominator
    ]
