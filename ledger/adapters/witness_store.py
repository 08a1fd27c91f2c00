"""What a witness has cosigned: one SQLite file, with deciding and keeping in one step.

Every checkpoint that was ever cosigned stays, with the log's signatures and the newest cosignature
of it: a witness whose file is put back to an earlier state contradicts what logs have published,
and both notes together prove it. WAL and synchronous=FULL: what was answered survives a power cut.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from ledger.adapters.transaction import transaction
from ledger.adapters.trust import sync_folder
from ledger.app.submission import LedgerError
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.note import NoteError, SignedNote, parse_note
from ledger.entry.witness_rules import Admitted, Cosigned, Refusal

APPLICATION_ID: Final = 0x50414C57
"""`PALW` in the file's header."""

FORKS_MAX: Final = 100
"""Kept of each log: one is proof enough, and whoever holds its key could sign without end."""

_FORMAT: Final = 1
_LOCK_SECONDS: Final = 10.0
_PRIVATE_FILE: Final = 0o600
_SCHEMA: Final = (
    """CREATE TABLE cosigned (place INTEGER PRIMARY KEY, origin TEXT NOT NULL,
    size INTEGER NOT NULL, root BLOB NOT NULL, at_seconds INTEGER NOT NULL,
    note BLOB NOT NULL) STRICT""",
    "CREATE INDEX cosigned_size ON cosigned (origin, size)",
    """CREATE TABLE fork (origin TEXT NOT NULL, size INTEGER NOT NULL, text TEXT NOT NULL,
    note BLOB NOT NULL, PRIMARY KEY (origin, size, text)) STRICT, WITHOUT ROWID""",
)
_COLUMNS: Final = "origin, size, root, at_seconds, note"

_log = logging.getLogger("ledger.witness")


class WitnessStoreError(LedgerError):
    """The file is missing, exists already, is damaged or cannot be written."""

    code = "witness.store"


class WitnessStore:
    """One witness's file; safe for several threads and several processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_LOCK_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make the file of a new witness; raises `WitnessStoreError` where there is one."""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE))
        except FileExistsError as error:
            raise WitnessStoreError(f"{path} exists already", next_step="use it") from error
        store = cls(path)
        try:
            with store._step() as connection:
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={_FORMAT}")
            store._connection.execute("PRAGMA journal_mode=WAL")
        finally:
            store.close()
        sync_folder(path.parent)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The file that `create` made; raises `WitnessStoreError`.

        It is never made anew: a witness that has forgotten what it cosigned would cosign a fork.
        """
        if not path.exists():
            raise WitnessStoreError(
                f"no file of a witness at {path}",
                next_step="docs/operate/witness.md: restoring a witness; never start it empty",
            )
        store = cls(path)
        try:
            with store._told():
                (found,) = store._connection.execute("PRAGMA application_id").fetchone()
                (version,) = store._connection.execute("PRAGMA user_version").fetchone()
                if (found, version) != (APPLICATION_ID, _FORMAT):
                    raise sqlite3.DatabaseError("no file of a witness, or of another version")
                store._connection.execute("PRAGMA synchronous=FULL")
        except WitnessStoreError:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(self) -> None:
        """Raise `WitnessStoreError` where nothing could be written now."""
        with self._step():
            pass

    def latest(self, origin: str) -> Cosigned | None:
        """The checkpoint of a log that was cosigned last; raises `WitnessStoreError`."""
        with self._lock, self._told():
            return _latest(self._connection, origin)

    def history(self, origin: str) -> list[Cosigned]:
        """Every checkpoint of a log that was cosigned, in this order."""
        with self._lock, self._told():
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM cosigned WHERE origin = ? ORDER BY place",  # noqa: S608 - columns of ours
                (origin,),
            )
            return [_cosigned(*row) for row in rows]

    def forks(self, origin: str) -> list[SignedNote]:
        """Checkpoints that a log signed though another of their size was cosigned here."""
        with self._lock, self._told():
            rows = self._connection.execute(
                "SELECT note FROM fork WHERE origin = ? ORDER BY size, text", (origin,)
            )
            return [parse_note(note) for (note,) in rows]

    def extend(
        self, admitted: Admitted, judge: Callable[[Cosigned | None], Cosigned | Refusal]
    ) -> Cosigned | Refusal:
        """Give the last checkpoint of a log to `judge` and keep what it cosigns, in one step.

        What is given back is on the disk, and no other request came between. A checkpoint that
        forks the log is kept as evidence, whatever `judge` says. Raises `WitnessStoreError`.
        """
        offered = admitted.checkpoint
        with self._step() as connection:
            latest = _latest(connection, offered.origin)
            if _is_forked(connection, admitted):
                _keep_fork(connection, admitted)
            answer = judge(latest)
            if isinstance(answer, Cosigned):
                _keep(connection, answer, latest)
        return answer

    @contextmanager
    def _step(self) -> Iterator[sqlite3.Connection]:
        """One transaction that nobody else writes in; undone where it fails."""
        with self._lock, self._told(), transaction(self._connection) as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, NoteError) as error:
            raise WitnessStoreError(
                f"{self._path}: {error}",
                next_step="docs/operate/witness.md: restoring a witness",
            ) from error


def _latest(connection: sqlite3.Connection, origin: str) -> Cosigned | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM cosigned WHERE origin = ? ORDER BY place DESC LIMIT 1",  # noqa: S608 - columns of ours
        (origin,),
    ).fetchone()
    return None if row is None else _cosigned(*row)


def _cosigned(origin: str, size: int, root: bytes, at_seconds: int, note: bytes) -> Cosigned:
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.text)
    if (checkpoint.origin, checkpoint.size, checkpoint.root) != (origin, size, root):
        raise sqlite3.DatabaseError(f"the columns of {origin} {size} do not fit their note")
    return Cosigned(checkpoint, parsed, at_seconds)


def _keep(connection: sqlite3.Connection, new: Cosigned, latest: Cosigned | None) -> None:
    """A checkpoint that was cosigned again replaces its own row: anybody may send it again, and the
    file grows with what the log signs alone."""
    if latest is not None and latest.note.text == new.note.text:
        connection.execute(
            """UPDATE cosigned SET at_seconds = ?, note = ?
            WHERE place = (SELECT max(place) FROM cosigned WHERE origin = ?)""",
            (new.at_seconds, new.note.encode(), new.checkpoint.origin),
        )
        return
    of = new.checkpoint
    connection.execute(
        f"INSERT INTO cosigned ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - columns of ours
        (of.origin, of.size, of.root, new.at_seconds, new.note.encode()),
    )


def _is_forked(connection: sqlite3.Connection, admitted: Admitted) -> bool:
    of = admitted.checkpoint
    found = connection.execute(
        "SELECT 1 FROM cosigned WHERE origin = ? AND size = ? AND root != ?",
        (of.origin, of.size, of.root),
    ).fetchone()
    return found is not None


def _keep_fork(connection: sqlite3.Connection, admitted: Admitted) -> None:
    of, note = admitted.checkpoint, admitted.note
    (kept,) = connection.execute(
        "SELECT count(*) FROM fork WHERE origin = ?", (of.origin,)
    ).fetchone()
    if kept < FORKS_MAX:
        cursor = connection.execute(
            "INSERT OR IGNORE INTO fork (origin, size, text, note) VALUES (?, ?, ?, ?)",
            (of.origin, of.size, note.text, note.encode()),
        )
        if cursor.rowcount:
            _log.error("%s signed two trees of size %d; both are kept", of.origin, of.size)
