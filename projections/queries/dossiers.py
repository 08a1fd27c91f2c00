"""Dossiers: one as of a moment, and lists of them (T1, T5, T6)."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ledger.core.action import plain_id
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, evolve
from projections.folds.custody import Interval
from projections.folds.dossier import EMPTY_FOLD, DossierFold, fold_dossier
from projections.queries.as_of import NOW, AsOf
from projections.queries.timeline import EventFilter, TimelineRow, dossier_events, events
from projections.store.sqlite import ReadStore

_decoder = msgspec.json.Decoder(DossierFold)


class DossierView(msgspec.Struct, frozen=True):
    """A dossier as of a moment: its state, its custody intervals, its entries."""

    state: DossierState
    intervals: tuple[Interval, ...]
    entries: tuple[TimelineRow, ...]


def hide_later(state: DossierState, at: str) -> DossierState:
    """Without what a foreign log says of a time after `at`: nobody could know it then."""
    if state.ended_imported and state.ended_at > at:
        state = replace(state, ended_at="", ended_imported=False)
    if state.due_imported and state.due_at > at:
        state = replace(state, due_at="", due_imported=False)
    return state


def get_dossier(store: ReadStore, dossier: str, as_of: AsOf = NOW) -> DossierView | None:
    """The dossier folded from its entries up to the moment; None where it has none then."""
    entries = dossier_events(store, dossier, as_of)
    if not entries:
        return None
    fold = EMPTY_FOLD
    intervals: dict[int, Interval] = {}
    for row in entries:
        fold, effects = fold_dossier(fold, row.action, row.version)
        intervals |= {item.number: item for item in effects.intervals}
    state = hide_later(fold.state, as_of.at) if as_of.at else fold.state
    return DossierView(state, tuple(intervals.values()), tuple(entries))


def is_late(state: DossierState, at: str) -> bool:
    """Delivered or, without delivery, ended after the due date; if open, overdue at `at`.

    Compared as instants. Without a due date nothing can be late.
    """
    if not state.due_at:
        return False
    return (state.delivered_at or state.ended_at or at) > state.due_at


def list_dossiers(
    store: ReadStore, *, at: str, late: bool = False, as_of: AsOf = NOW
) -> list[DossierState]:
    """All dossiers by id as of a moment; with `late` only those late as at the instant `at`."""
    if as_of == NOW:
        rows = store.rows("SELECT fold FROM dossier ORDER BY dossier")
        states = [_decoder.decode(row[0]).state for row in rows]
    else:
        states = _refold(store, as_of)
        if as_of.at:
            states = [hide_later(state, as_of.at) for state in states]
    return [state for state in states if not late or is_late(state, at)]


def _refold(store: ReadStore, as_of: AsOf) -> list[DossierState]:
    folded: dict[str, DossierState] = {}
    for row in events(store, EventFilter(), as_of):
        if row.stream.startswith("dossier:"):
            dossier = plain_id(row.stream)
            before = folded.get(dossier, EMPTY_DOSSIER)
            folded[dossier] = evolve(before, row.action, row.version)
    return [folded[dossier] for dossier in sorted(folded)]
