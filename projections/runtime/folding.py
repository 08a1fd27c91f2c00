"""Verified batches on their way into the read store: folded in memory, written in one go.

Live, an entry that this software cannot read parks its whole stream and the others go on; a rebuild
fails instead.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from ledger.app.submission import UnavailableError
from ledger.core.action import (
    Action,
    ActionError,
    are_in_form,
    check_action,
    plain_id,
    reread_action,
)
from ledger.core.chain import StreamHead
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.ids import log_of
from ledger.domain.events import MAY_BE_EMPTY, EventError, decode_event
from ledger.domain.upcasting import upcast
from projections.folds.dossier import EMPTY_FOLD, DossierFold, Effects, fold_dossier
from projections.folds.names import plain_text
from projections.folds.officer import Tally
from projections.runtime.batch import Batch, Verified
from projections.store.sqlite import Cursor, ReadStore

FOLDS_REMEMBERED_MAX: Final = 20_000
"""Dossier folds of all logs kept between batches; the others are read again."""

_fold_decoder = msgspec.json.Decoder(DossierFold)
_fold_encoder = msgspec.json.Encoder()

Row = tuple[Any, ...]
DossierRow = tuple[str, str, int, str, str, str, str, int, bytes]
"""A row of the table `dossier`, its columns as in `DOSSIER_COLUMNS`."""


class UnreadableError(ValueError):
    """An entry that counts, whose action this software cannot apply; `type` is what it says."""

    def __init__(self, type_name: str, why: object) -> None:
        super().__init__(str(why))
        self.type = type_name


class OvertakenError(Exception):
    """Another process moved the store's cursor meanwhile; nothing was written."""


class FoldCache:
    """The newest folds of dossiers, at most `most`; least recently used out first."""

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


class Folder:
    """Folds batches into a store: `write` one, or `add` several and `commit` them together.

    `live` says to park what cannot be read; otherwise `FindingError` (`projection.unreadable`).
    `share` is the number of folders that share the memory set aside for folds.
    """

    def __init__(self, store: ReadStore, *, live: bool, share: int = 1) -> None:
        self._store = store
        self._live = live
        self._cache = FoldCache(FOLDS_REMEMBERED_MAX // share)
        self._forget()

    def _forget(self) -> None:
        """Begin with nothing that waits to be written."""
        self._parked = set(self._store.parked_streams())
        self._folds: dict[str, DossierFold] = {}
        self._intervals: dict[tuple[str, int], Row] = {}
        self._handovers: list[Row] = []
        self._returns: list[Row] = []
        self._tally = Tally()
        self._heads: dict[str, StreamHead] = {}
        self._named: set[tuple[str, str]] = set()
        self._cursors: dict[int, Cursor] = {}

    def write(self, batch: Batch) -> None:
        """Fold a batch and commit its rows and its log's cursor in one transaction.

        Raises `OvertakenError` where the store's cursor of the log is no longer the batch's.
        """
        self.add(batch)
        self.commit()

    def add(self, batch: Batch) -> None:
        """Fold a batch; its rows and cursor wait for `commit`.

        Raises `OvertakenError`, and `UnavailableError` where the store cannot be written now; then
        nothing of what waited is written.
        """
        store, log = self._store, batch.after.log
        with self._all_or_nothing():
            if not store.connection.in_transaction:
                store.connection.execute("BEGIN IMMEDIATE")
            known = self._cursors.get(log) or store.cursor(log)
            if known != batch.before:
                raise OvertakenError
            self._cursors[log] = batch.after
            self._heads |= batch.heads
            self._fold(batch)
            self._write_rare(batch, log)

    def commit(self) -> None:
        """Write what waits and every cursor, together; raises `UnavailableError`."""
        connection = self._store.connection
        if not connection.in_transaction:
            return
        with self._all_or_nothing():
            self._write_waiting()
            for cursor in self._cursors.values():
                self._store.put_cursor(cursor)
            connection.execute("COMMIT")
        self._cache.keep(self._folds)
        self._forget()

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if self._store.connection.in_transaction:
                self._store.connection.execute("ROLLBACK")
            self._forget()
            if not isinstance(error, sqlite3.OperationalError):
                raise
            raise UnavailableError(
                f"{self._store.path.name}: {error}",
                next_step="see whether another process holds the file, or the disk is full",
            ) from error

    def _fold(self, batch: Batch) -> None:
        folds, log = self._load(batch), batch.after.log
        timeline: list[Row] = []
        for entry in batch.entries:
            stream = entry.stream
            if stream in self._parked:
                continue
            data = entry.data[entry.data.index(b"\n") + 1 :]
            try:
                action = read_known_action(data)
            except UnreadableError as error:
                self._park(batch.after.origin, entry, error)
                continue
            actor = action.actor
            timeline.append(
                (
                    log,
                    entry.index,
                    stream,
                    entry.version,
                    entry.recorded_at,
                    action.occurred_at.at,
                    action.type,
                    actor.kind,
                    actor.id,
                    entry.leaf,
                    data,
                )
            )
            if stream in folds:
                current = upcast(action)
                folds[stream], effects = fold_dossier(folds[stream], current, entry.version)
                dossier = folds[stream].state.dossier_id
                self._tally.add(dossier, action)
                self._keep_effects(dossier, effects)
            else:
                self._named.add((stream.partition(":")[0], plain_id(stream)))
        for fold in folds.values():
            dossier = fold.state.dossier_id
            if dossier:  # else parked at its first entry
                self._folds[dossier] = fold
                self._named.add(("dossier", dossier))
        self._store.connection.executemany(
            "INSERT INTO timeline VALUES (?,?,?,?,?,?,?,?,?,?,?)", timeline
        )

    def _park(self, origin: str, entry: Verified, error: UnreadableError) -> None:
        """Fold nothing more of a stream; its links are checked on, and its keys are valid."""
        if not self._live:
            raise FindingError(
                Finding(
                    code="projection.unreadable",
                    verdict=Verdict.FAILED,
                    message=str(error),
                    origin=origin,
                    index=entry.index,
                    stream=entry.stream,
                    next_step="install newer software, then pal rebuild again",
                )
            )
        self._parked.add(entry.stream)
        self._store.connection.execute(
            "INSERT OR IGNORE INTO parked VALUES (?,?,?,?,?,?)",
            (entry.stream, log_of(origin), entry.index, error.type, str(error), entry.data),
        )

    def _load(self, batch: Batch) -> dict[str, DossierFold]:
        """The fold before the batch of each dossier in it, by stream."""
        folds: dict[str, DossierFold] = {}
        older: dict[str, str] = {}
        for entry in batch.entries:
            stream = entry.stream
            if stream in folds or stream in older or not stream.startswith("dossier:"):
                continue
            if entry.version == 1:
                folds[stream] = EMPTY_FOLD
            else:
                dossier = plain_id(stream)
                waiting = self._folds.get(dossier)
                if waiting is None:
                    older[stream] = dossier
                else:
                    folds[stream] = waiting
        found = self._cache.load(self._store, set(older.values()))
        return folds | {stream: found[dossier] for stream, dossier in older.items()}

    def _keep_effects(self, dossier: str, effects: Effects) -> None:
        for item in effects.intervals:
            self._intervals[dossier, item.number] = (dossier, *msgspec.structs.astuple(item))
        given, back = effects.handover, effects.returned
        if given is not None:
            self._handovers.append((dossier, given.version, given.giver, given.receiver))
        if back is not None:
            self._returns.append((dossier, back.version, back.officer, back.other))

    def _write_rare(self, batch: Batch, log: int) -> None:
        run = self._store.connection.executemany
        run(
            "INSERT OR REPLACE INTO log_key VALUES (?,?,?,?)",
            [(log, key.index, key.type, key.action) for key in batch.keys],
        )
        run(
            "INSERT OR IGNORE INTO finding (log, code, idx, position, finding) VALUES (?,?,?,?,?)",
            [(log, f.code, f.index, f.offset, msgspec.json.encode(f)) for f in batch.findings],
        )

    def _write_waiting(self) -> None:
        run = self._store.connection.executemany
        # In the order of their keys: neighbours lie on one page.
        run(
            "INSERT OR REPLACE INTO stream VALUES (?,?,?)",
            [(stream, head.version, head.leaf) for stream, head in sorted(self._heads.items())],
        )
        run(
            "INSERT OR REPLACE INTO dossier VALUES (?,?,?,?,?,?,?,?,?)",
            [dossier_row(fold) for _, fold in sorted(self._folds.items())],
        )
        run(
            "INSERT OR REPLACE INTO interval VALUES (?,?,?,?,?,?,?,?,?,?)",
            [row for _, row in sorted(self._intervals.items())],
        )
        run("INSERT INTO handover VALUES (?,?,?,?)", sorted(self._handovers))
        run("INSERT INTO returned VALUES (?,?,?,?)", sorted(self._returns))
        tally = self._tally
        for table, counts in (
            ("officer_dossier", tally.by_dossier),
            ("officer_type", tally.by_type),
        ):
            run(
                f"INSERT INTO {table} VALUES (?,?,?) ON CONFLICT DO UPDATE "  # noqa: S608 - table names of ours
                "SET entries = entries + excluded.entries",
                [(*key, count) for key, count in sorted(counts.items())],
            )
        named = self._named | {("officer", officer) for officer, _ in tally.by_type}
        run(
            "INSERT OR IGNORE INTO name VALUES (?,?,?)",
            [(kind, name, plain_text(name)) for kind, name in sorted(named) if kind != "ledger"],
        )


def read_known_action(data: bytes) -> Action:
    """The action of a verified entry; raises `UnreadableError` where type or data are unknown."""
    try:
        action = reread_action(data)
        check_action(action)
        decode_event(action.type, action.data)
    except (ActionError, EventError) as error:
        value = msgspec.json.decode(data)
        named = value.get("type") if isinstance(value, dict) else None
        raise UnreadableError(str(named), error) from error
    return action


def read_known_actions(values: Sequence[bytes]) -> list[Action] | None:
    """The same of many, quicker; None where one of them cannot be read."""
    try:
        actions = [reread_action(data) for data in values]
        for action in actions:
            if action.data or action.type not in MAY_BE_EMPTY:
                decode_event(action.type, action.data)
    except (ActionError, EventError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return actions if are_in_form(actions) else None


def dossier_row(fold: DossierFold) -> DossierRow:
    """The row of a dossier in the table `dossier`."""
    state = fold.state
    return (
        state.dossier_id,
        state.status,
        state.portal_status,
        state.holder,
        state.due_at,
        state.ended_at,
        state.delivered_at,
        state.version,
        _fold_encoder.encode(fold),
    )
