"""One batch of entries on its way into the read store: folded in memory, written in one go."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import msgspec

from ledger.core.action import Action, ActionError, convert_action, plain_id
from ledger.core.findings import Finding
from ledger.domain.events import EventError, decode_event
from ledger.entry.entry import Entry
from ledger.entry.log_state import LogState
from projections.folds.dossier import EMPTY_FOLD, DossierFold, Effects, fold_dossier
from projections.store.sqlite import Cursor, ReadStore

FOLDS_REMEMBERED_MAX: Final = 50_000
"""Dossier folds kept between batches; the others are read again."""

_fold_decoder = msgspec.json.Decoder(DossierFold)
_fold_encoder = msgspec.json.Encoder()


class UnreadableError(ValueError):
    """A counted entry whose action this software cannot apply."""


class FoldCache:
    """The newest folds, least recently used out first."""

    def __init__(self) -> None:
        self._folds: OrderedDict[str, DossierFold] = OrderedDict()

    def load(self, store: ReadStore, dossiers: set[str]) -> dict[str, DossierFold]:
        """The folds of dossiers, from memory or from the store."""
        missing = [dossier for dossier in dossiers if dossier not in self._folds]
        stored = store.folds(missing)
        found = {dossier: _fold_decoder.decode(data) for dossier, data in stored.items()}
        return {d: self._folds.get(d) or found.get(d, EMPTY_FOLD) for d in dossiers}

    def keep(self, folds: dict[str, DossierFold]) -> None:
        """Remember folds that were committed."""
        for dossier, fold in folds.items():
            self._folds[dossier] = fold
            self._folds.move_to_end(dossier)
        while len(self._folds) > FOLDS_REMEMBERED_MAX:
            self._folds.popitem(last=False)


def read_action(entry: Entry) -> Action:
    """The action of an entry; raises `UnreadableError` where type or data are unknown here."""
    try:
        action = convert_action(entry.action)
        decode_event(action.type, action.data)
    except (ActionError, EventError) as error:
        raise UnreadableError(str(error)) from error
    return action


class Batch:
    """Rows of one batch. `add` in order, then `write` once."""

    def __init__(self) -> None:
        self.entries: list[tuple[Entry, Action]] = []
        self.parked: list[tuple[str, int, str, str, bytes]] = []
        self.findings: list[Finding] = []
        self.folds: dict[str, DossierFold] = {}

    def write(self, store: ReadStore, cache: FoldCache, state: LogState, position: int) -> None:
        """Fold the entries and commit rows and cursor in one transaction."""
        dossiers = {
            plain_id(entry.seal.stream)
            for entry, _ in self.entries
            if entry.seal.stream.startswith("dossier:")
        }
        self.folds = cache.load(store, dossiers)
        timeline: list[tuple[Any, ...]] = []
        streams: dict[str, tuple[str, int, str]] = {}
        effects: list[tuple[str, Effects]] = []
        officers: dict[tuple[str, str], int] = {}
        for entry, action in self.entries:
            seal = entry.seal
            timeline.append(
                (
                    seal.stream,
                    seal.version,
                    seal.index,
                    seal.recorded_at,
                    action.occurred_at.at,
                    seal.type,
                    action.actor.kind,
                    action.actor.id,
                    entry.leaf,
                    entry.action_bytes,
                )
            )
            streams[seal.stream] = (seal.stream, seal.version, entry.leaf)
            if not seal.stream.startswith("dossier:"):
                continue
            dossier = plain_id(seal.stream)
            self.folds[dossier], effect = fold_dossier(self.folds[dossier], action, seal.version)
            effects.append((dossier, effect))
            if action.actor.kind == "officer":
                pair = (action.actor.id, dossier)
                officers[pair] = officers.get(pair, 0) + 1
        connection = store.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            run = connection.executemany
            run("INSERT INTO timeline VALUES (?,?,?,?,?,?,?,?,?,?)", timeline)
            run("INSERT OR REPLACE INTO stream VALUES (?,?,?)", streams.values())
            self._write_dossiers(store, effects)
            run(
                "INSERT INTO officer_dossier VALUES (?,?,?) ON CONFLICT (officer, dossier) "
                "DO UPDATE SET entries = entries + excluded.entries",
                [(officer, dossier, count) for (officer, dossier), count in officers.items()],
            )
            run("INSERT OR IGNORE INTO parked VALUES (?,?,?,?,?)", self.parked)
            run(
                "INSERT INTO finding (code, idx, position, finding) VALUES (?,?,?,?)",
                [(f.code, f.index, f.offset, msgspec.json.encode(f)) for f in self.findings],
            )
            cursor = Cursor(state.origin, position, state.head, state.recorded_at)
            connection.execute(
                "INSERT OR REPLACE INTO cursor VALUES (0,?,?,?,?,?)",
                (cursor.origin, position, *cursor.head, cursor.recorded_at),
            )
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        cache.keep(self.folds)

    def _write_dossiers(self, store: ReadStore, effects: list[tuple[str, Effects]]) -> None:
        run = store.connection.executemany
        intervals: dict[tuple[str, int], tuple[Any, ...]] = {}
        for dossier, effect in effects:
            for item in effect.intervals:
                intervals[dossier, item.number] = (dossier, *msgspec.structs.astuple(item))
        run("INSERT OR REPLACE INTO interval VALUES (?,?,?,?,?,?,?,?,?,?)", intervals.values())
        run(
            "INSERT INTO handover VALUES (?,?,?,?)",
            [
                (dossier, *msgspec.structs.astuple(effect.handover))
                for dossier, effect in effects
                if effect.handover is not None
            ],
        )
        run(
            "INSERT INTO returned VALUES (?,?,?,?)",
            [
                (dossier, *msgspec.structs.astuple(effect.returned))
                for dossier, effect in effects
                if effect.returned is not None
            ],
        )
        rows = []
        for dossier, fold in self.folds.items():
            state = fold.state
            rows.append(
                (
                    dossier,
                    state.status,
                    state.portal_status,
                    state.holder,
                    state.due_at,
                    state.ended_at,
                    state.delivered_at,
                    state.version,
                    _fold_encoder.encode(fold),
                )
            )
        run("INSERT OR REPLACE INTO dossier VALUES (?,?,?,?,?,?,?,?,?)", rows)
