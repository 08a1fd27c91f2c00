"""One batch of entries on its way into the read store: folded in memory, written in one go."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ledger.core.action import Action, ActionError, check_action, convert_action, plain_id
from ledger.core.chain import StreamHead
from ledger.core.findings import Finding
from ledger.core.ids import log_of
from ledger.domain.events import EventError, decode_event
from ledger.entry.entry import Entry
from projections.folds.dossier import EMPTY_FOLD, DossierFold, Effects, fold_dossier
from projections.folds.names import plain_text
from projections.folds.officer import tally
from projections.folds.timeline import TimelineEntry, timeline_entry
from projections.store.sqlite import Cursor, ReadStore

FOLDS_REMEMBERED_MAX: Final = 20_000
"""Dossier folds of all logs kept between batches; the others are read again."""

_fold_decoder = msgspec.json.Decoder(DossierFold)
_fold_encoder = msgspec.json.Encoder()

Row = tuple[Any, ...]


class UnreadableError(ValueError):
    """A counted entry whose action this software cannot apply."""


class OvertakenError(Exception):
    """Another process moved the store's cursor meanwhile; nothing was written."""


class FoldCache:
    """The newest folds of one log's dossiers, at most `most`; least recently used out first."""

    def __init__(self, most: int) -> None:
        self._most = most
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
        while len(self._folds) > self._most:
            self._folds.popitem(last=False)


def known_action(entry: Entry) -> Action:
    """The action of an entry; raises `UnreadableError` where type or data are unknown here."""
    try:
        action = entry.typed
        if action is None:
            action = convert_action(entry.action)
        else:
            check_action(action)
        decode_event(action.type, action.data)
    except (ActionError, EventError) as error:
        raise UnreadableError(str(error)) from error
    return action


class Batch:
    """What one batch of records of one log brings; filled by the runner, then written once."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.log = log_of(origin)
        self.entries: list[tuple[Entry, Action]] = []
        self.heads: dict[str, StreamHead] = {}
        self.keys: list[tuple[int, str, bytes]] = []
        self.parked: list[tuple[str, int, str, str, bytes]] = []
        self.findings: list[Finding] = []

    def write(
        self, store: ReadStore, cache: FoldCache, before: Cursor | None, after: Cursor
    ) -> None:
        """Fold the entries and commit rows and the log's cursor in one transaction.

        Raises `OvertakenError` where the store's cursor of the log is no longer `before`.
        """
        connection = store.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            _check_cursor(store, self.log, before)
            folds = self._write_rows(store, cache)
            store.put_cursor(after)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        cache.keep(folds)

    def _write_rows(self, store: ReadStore, cache: FoldCache) -> dict[str, DossierFold]:
        timeline: list[TimelineEntry] = []
        of_dossiers: list[tuple[str, int, Action]] = []
        names: dict[str, str] = {}
        for entry, action in self.entries:
            timeline.append(timeline_entry(self.log, entry, action))
            stream = entry.seal.stream
            name = names.get(stream)
            if name is None:
                name = names[stream] = plain_id(stream)
            if stream.startswith("dossier:"):
                of_dossiers.append((name, entry.seal.version, action))
        folds = cache.load(store, {dossier for dossier, _, _ in of_dossiers})
        effects: list[tuple[str, Effects]] = []
        for dossier, version, action in of_dossiers:
            folds[dossier], effect = fold_dossier(folds[dossier], action, version)
            effects.append((dossier, effect))
        counted = tally((dossier, action) for dossier, _, action in of_dossiers)
        run = store.connection.executemany
        run("INSERT INTO timeline VALUES (?,?,?,?,?,?,?,?,?,?,?)", timeline)
        run(
            "INSERT OR REPLACE INTO stream VALUES (?,?,?)",
            [(stream, *head) for stream, head in self.heads.items()],
        )
        run(
            "INSERT OR REPLACE INTO log_key VALUES (?,?,?,?)",
            [(self.log, *key) for key in self.keys],
        )
        _write_dossiers(store, folds)
        _write_effects(store, effects)
        for table, counts in (
            ("officer_dossier", counted.by_dossier),
            ("officer_type", counted.by_type),
        ):
            run(
                f"INSERT INTO {table} VALUES (?,?,?) ON CONFLICT DO UPDATE "  # noqa: S608 - table names of ours
                "SET entries = entries + excluded.entries",
                [(*key, count) for key, count in counts.items()],
            )
        named = {(stream.partition(":")[0], name) for stream, name in names.items()}
        named |= {("officer", officer) for officer, _ in counted.by_type}
        _write_names(store, named)
        run(
            "INSERT OR IGNORE INTO parked VALUES (?,?,?,?,?,?)",
            [(stream, self.log, *rest) for stream, *rest in self.parked],
        )
        run(
            "INSERT OR IGNORE INTO finding (log, code, idx, position, finding) VALUES (?,?,?,?,?)",
            [(self.log, f.code, f.index, f.offset, msgspec.json.encode(f)) for f in self.findings],
        )
        return folds


def _check_cursor(store: ReadStore, log: int, before: Cursor | None) -> None:
    if store.cursor(log) != before:
        raise OvertakenError


def _write_names(store: ReadStore, named: Iterable[tuple[str, str]]) -> None:
    store.connection.executemany(
        "INSERT OR IGNORE INTO name VALUES (?,?,?)",
        [(kind, name, plain_text(name)) for kind, name in named if kind != "ledger"],
    )


def _write_dossiers(store: ReadStore, folds: dict[str, DossierFold]) -> None:
    rows: list[Row] = []
    for dossier, fold in folds.items():
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
    store.connection.executemany("INSERT OR REPLACE INTO dossier VALUES (?,?,?,?,?,?,?,?,?)", rows)


def _write_effects(store: ReadStore, effects: list[tuple[str, Effects]]) -> None:
    intervals: dict[tuple[str, int], Row] = {}
    handovers: list[Row] = []
    returns: list[Row] = []
    for dossier, effect in effects:
        for item in effect.intervals:
            intervals[dossier, item.number] = (dossier, *msgspec.structs.astuple(item))
        given, back = effect.handover, effect.returned
        if given is not None:
            handovers.append((dossier, given.version, given.giver, given.receiver))
        if back is not None:
            returns.append((dossier, back.version, back.officer, back.other))
    run = store.connection.executemany
    run("INSERT OR REPLACE INTO interval VALUES (?,?,?,?,?,?,?,?,?,?)", intervals.values())
    run("INSERT INTO handover VALUES (?,?,?,?)", handovers)
    run("INSERT INTO returned VALUES (?,?,?,?)", returns)
