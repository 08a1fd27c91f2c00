"""Custody lanes: one lane for each officer, and one for each unit that had a dossier in transit."""

from __future__ import annotations

import msgspec

from ledger.core.times import parse_instant
from projections.folds.custody import Interval, Kind
from projections.queries.as_of import NOW, AsOf
from projections.queries.dossiers import get_dossier
from projections.store.sqlite import ReadStore


class Lane(msgspec.Struct, frozen=True):
    """Who had the dossier (`officer` "": nobody personally), for how long in all, and when."""

    kind: Kind
    officer: str
    unit: str
    microseconds: int
    intervals: tuple[Interval, ...]


class Lanes(msgspec.Struct, frozen=True):
    """The lanes of a dossier by their first interval. They add up to its lifetime exactly."""

    dossier: str
    from_at: str
    to_at: str
    microseconds: int
    lanes: tuple[Lane, ...]


def microseconds_between(start: str, end: str) -> int:
    """The exact time from one instant to another."""
    span = parse_instant(end) - parse_instant(start)
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def custody_lanes(store: ReadStore, dossier: str, as_of: AsOf = NOW) -> Lanes | None:
    """The custody of a dossier as of a moment; None where it has no entries then."""
    view = get_dossier(store, dossier, as_of)
    if view is None or not view.intervals:
        return None
    parts: dict[tuple[Kind, str, str], list[Interval]] = {}
    for interval in view.intervals:
        parts.setdefault((interval.kind, interval.officer, interval.unit), []).append(interval)
    lanes = tuple(
        Lane(*key, sum(microseconds_between(i.from_at, i.to_at) for i in found), tuple(found))
        for key, found in parts.items()
    )
    start, end = view.intervals[0].from_at, view.intervals[-1].to_at
    return Lanes(dossier, start, end, microseconds_between(start, end), lanes)
