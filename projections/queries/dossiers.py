"""Dossiers: one as of a moment, and lists of them (T1, T5, T6)."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from ledger.core.action import plain_id
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, evolve
from projections.folds.custody import Interval
from projections.folds.dossier import EMPTY_FOLD, DossierFold, fold_dossier, is_late
from projections.folds.names import plain_text
from projections.queries.as_of import NOW, AsOf
from projections.queries.timeline import EventFilter, TimelineRow, dossier_events, events
from projections.store.sqlite import ReadStore

_decoder = msgspec.json.Decoder(DossierFold)


class DossierView(msgspec.Struct, frozen=True):
    """A dossier as of a moment: its state, its custody intervals, its entries."""

    state: DossierState
    intervals: tuple[Interval, ...]
    entries: tuple[TimelineRow, ...]


class DossierFilter(msgspec.Struct, frozen=True):
    """Which dossiers; what is left out chooses every one. `unit` is the holder's or the receiver's,
    `text` a part of the id, typed without accents or with."""

    status: str = ""
    holder: str = ""
    unit: str = ""
    procedure: str = ""
    text: str = ""
    ended: bool | None = None


EVERY: Final = DossierFilter()


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
        fold, effects = fold_dossier(fold, row.current, row.version)
        intervals |= {item.number: item for item in effects.intervals}
    state = fold.state if as_of == NOW else hide_later(fold.state, as_of.moment(store))
    return DossierView(state, tuple(intervals.values()), tuple(entries))


def list_dossiers(
    store: ReadStore,
    *,
    at: str,
    late: bool = False,
    as_of: AsOf = NOW,
    chosen: DossierFilter = EVERY,
) -> list[DossierState]:
    """The chosen dossiers by id as of a moment; with `late` only those late as at `at`."""
    if as_of == NOW:
        rows = store.rows("SELECT fold FROM dossier ORDER BY dossier")
        states = [_decoder.decode(row[0]).state for row in rows]
    else:
        states = _refold(store, as_of)
        moment = as_of.moment(store)
        states = [hide_later(state, moment) for state in states]
    return [
        state
        for state in states
        if (not late or is_late(state, at)) and (chosen == EVERY or _fits(state, chosen))
    ]


def _fits(state: DossierState, chosen: DossierFilter) -> bool:
    wanted = plain_text(chosen.text)
    return (
        chosen.status in ("", state.status)
        and chosen.holder in ("", state.holder)
        and chosen.unit in ("", state.holder_unit, state.unit)
        and chosen.procedure in ("", state.procedure)
        and (not wanted or wanted in plain_text(state.dossier_id))
        and chosen.ended in (None, bool(state.delivered_at or state.ended_at))
    )


def _refold(store: ReadStore, as_of: AsOf) -> list[DossierState]:
    folded: dict[str, DossierState] = {}
    for row in events(store, EventFilter(), as_of):
        if row.stream.startswith("dossier:"):
            dossier = plain_id(row.stream)
            before = folded.get(dossier, EMPTY_DOSSIER)
            folded[dossier] = evolve(before, row.current, row.version)
    return [folded[dossier] for dossier in sorted(folded)]
