"""The read store: one SQLite file, made from the logs of a ledger and thrown away at will.

Rows and cursor are written in one transaction, so each entry counts exactly once. Each log has a
cursor of its own, and an entry is named by log and index. Sealed fields stay sealed: nothing
personal lies here in clear.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, Self

import msgspec

from ledger.adapters.transaction import transaction
from ledger.app.submission import UnavailableError
from ledger.core.action import stream_id
from ledger.core.chain import EMPTY_HEAD, EMPTY_STREAM, Head, StreamHead
from ledger.core.ids import log_of

PROJECTION_VERSION: Final = 9
"""Raised whenever a fold or a table changes: a store of another version is made anew."""

BUSY_TIMEOUT_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 0.01

CACHE_KIBIBYTES: Final = 32 * 1024
"""Pages in memory, and rows that an index is made from at a time."""

SCHEMA: Final = """
CREATE TABLE cursor (
    log INTEGER PRIMARY KEY, origin TEXT NOT NULL, position INTEGER NOT NULL,
    size INTEGER NOT NULL, leaf TEXT NOT NULL, genesis TEXT NOT NULL, recorded_at TEXT NOT NULL
) STRICT;
CREATE TABLE stream (
    stream TEXT PRIMARY KEY, version INTEGER NOT NULL, leaf TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE log_key (
    log INTEGER NOT NULL, idx INTEGER NOT NULL, type TEXT NOT NULL, action BLOB NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;
CREATE TABLE timeline (
    log INTEGER NOT NULL, idx INTEGER NOT NULL, stream TEXT NOT NULL, version INTEGER NOT NULL,
    recorded_at TEXT NOT NULL, occurred_at TEXT NOT NULL, type TEXT NOT NULL,
    actor_kind TEXT NOT NULL, actor TEXT NOT NULL, leaf TEXT NOT NULL, action BLOB NOT NULL
) STRICT;
CREATE TABLE dossier (
    dossier TEXT PRIMARY KEY, status TEXT NOT NULL, portal_status INTEGER NOT NULL,
    holder TEXT NOT NULL, due_at TEXT NOT NULL, ended_at TEXT NOT NULL,
    delivered_at TEXT NOT NULL, version INTEGER NOT NULL, fold BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE interval (
    dossier TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, officer TEXT NOT NULL,
    unit TEXT NOT NULL, inferred INTEGER NOT NULL, from_at TEXT NOT NULL, to_at TEXT NOT NULL,
    from_version INTEGER NOT NULL, to_version INTEGER NOT NULL, PRIMARY KEY (dossier, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE handover (
    dossier TEXT NOT NULL, version INTEGER NOT NULL, giver TEXT NOT NULL, receiver TEXT NOT NULL,
    PRIMARY KEY (dossier, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE returned (
    dossier TEXT NOT NULL, version INTEGER NOT NULL, officer TEXT NOT NULL, other TEXT NOT NULL,
    PRIMARY KEY (dossier, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE officer_dossier (
    officer TEXT NOT NULL, dossier TEXT NOT NULL, entries INTEGER NOT NULL,
    PRIMARY KEY (officer, dossier)
) STRICT, WITHOUT ROWID;
CREATE TABLE officer_type (
    officer TEXT NOT NULL, type TEXT NOT NULL, entries INTEGER NOT NULL,
    PRIMARY KEY (officer, type)
) STRICT, WITHOUT ROWID;
CREATE TABLE name (
    kind TEXT NOT NULL, id TEXT NOT NULL, plain TEXT NOT NULL, PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE parked (
    stream TEXT PRIMARY KEY, log INTEGER NOT NULL, idx INTEGER NOT NULL, type TEXT NOT NULL,
    error TEXT NOT NULL, data BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE finding (
    number INTEGER PRIMARY KEY, log INTEGER NOT NULL, code TEXT NOT NULL, idx INTEGER NOT NULL,
    position INTEGER NOT NULL, finding BLOB NOT NULL, UNIQUE (log, code, idx, position)
) STRICT;
"""

DOSSIER_COLUMNS: Final = (
    "dossier",
    "status",
    "portal_status",
    "holder",
    "due_at",
    "ended_at",
    "delivered_at",
    "version",
    "fold",
)
"""The columns of the table `dossier`, in their order."""

INDEXES: Final = """
CREATE UNIQUE INDEX IF NOT EXISTS timeline_place ON timeline (log, idx);
CREATE UNIQUE INDEX IF NOT EXISTS timeline_stream ON timeline (stream, version);
CREATE INDEX IF NOT EXISTS timeline_actor ON timeline (actor, log, idx);
CREATE INDEX IF NOT EXISTS timeline_leaf ON timeline (leaf);
CREATE INDEX IF NOT EXISTS interval_officer ON interval (officer, from_at);
CREATE INDEX IF NOT EXISTS handover_giver ON handover (giver, receiver);
CREATE INDEX IF NOT EXISTS handover_receiver ON handover (receiver);
"""
"""Made once a new store has caught up: sorting once is several times faster than inserting."""


class Cursor(msgspec.Struct, frozen=True):
    """How far a log was folded: size, leaf and newest recorded_at, and the position to read next.

    The position lies directly behind the record of the head: strays behind it are read again.
    `genesis` is the leaf of index 0, "" before it was folded.
    """

    origin: str
    position: int
    head: Head
    genesis: str
    recorded_at: str

    @property
    def log(self) -> int:
        """The number of the log."""
        return log_of(self.origin)


class ReadStore:
    """An open read store; `open` makes it where it is missing or of another version."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or make the store at `path`; raises `UnavailableError`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = _connect(path)
            if _version(connection) != PROJECTION_VERSION:
                _make_tables(connection)
        except sqlite3.Error as error:
            raise UnavailableError(
                f"{path.name}: {error}", next_step="delete the file: it is rebuilt from the log"
            ) from error
        return cls(path, connection)

    def cursors(self) -> tuple[Cursor, ...]:
        """How far the store has come in each log that it knows, by log number."""
        rows = self.rows(
            "SELECT origin, position, size, leaf, genesis, recorded_at FROM cursor ORDER BY log"
        )
        return tuple(Cursor(row[0], row[1], Head(row[2], row[3]), row[4], row[5]) for row in rows)

    def cursor(self, log: int = 0) -> Cursor | None:
        """How far the store has come in one log; None where it has nothing of it."""
        return next((cursor for cursor in self.cursors() if cursor.log == log), None)

    def head(self, log: int = 0) -> Head:
        """Size and leaf of one log, on which every answer about its streams stands."""
        cursor = self.cursor(log)
        return EMPTY_HEAD if cursor is None else cursor.head

    def put_cursor(self, cursor: Cursor) -> None:
        """Set the cursor of a log, within the transaction that writes what it speaks of."""
        self.connection.execute(
            "INSERT OR REPLACE INTO cursor VALUES (?,?,?,?,?,?,?)",
            (
                cursor.log,
                cursor.origin,
                cursor.position,
                *cursor.head,
                cursor.genesis,
                cursor.recorded_at,
            ),
        )

    def make_indexes(self) -> None:
        """Make the indexes that are missing; call when the store has caught up."""
        self.connection.executescript(f"BEGIN; {INDEXES} COMMIT;")

    def stream_head(self, stream: str) -> StreamHead:
        """Where a stream stands, parked ones included; version 0 for one without entries."""
        rows = self.rows("SELECT version, leaf FROM stream WHERE stream = ?", (stream,))
        return StreamHead(*rows[0]) if rows else EMPTY_STREAM

    def log_keys(self, log: int) -> list[tuple[str, bytes]]:
        """Type and action of the entries of a log that changed its keys, in order."""
        return self.rows("SELECT type, action FROM log_key WHERE log = ? ORDER BY idx", (log,))

    def parked_streams(self) -> list[str]:
        """The streams that are parked, of every log."""
        return [stream for (stream,) in self.rows("SELECT stream FROM parked")]

    def rows(self, sql: str, arguments: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.connection.execute(sql, arguments).fetchall()

    def folds(self, dossiers: Iterable[str]) -> dict[str, bytes]:
        """The stored folds of dossiers, by dossier id."""
        wanted = list(dossiers)
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            query = f"SELECT dossier, fold FROM dossier WHERE dossier IN ({marks})"  # noqa: S608 - only question marks
            found.update(self.rows(query, part))
        return found

    def unguarded(self) -> None:
        """Write without a journal on disk: for a file that nobody reads before it is whole."""
        self.connection.execute("PRAGMA journal_mode=MEMORY")
        self.connection.execute("PRAGMA synchronous=OFF")

    def guarded(self) -> None:
        """Write again so that readers and crashes do no harm, with everything on the disk."""
        self.connection.execute("PRAGMA synchronous=NORMAL")
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
    # A row of the timeline takes most of a kilobyte: in small pages a quarter of the file is gaps.
    connection.execute("PRAGMA page_size=8192")
    _use_wal(connection)
    # The store can always be made again from the log: it need not survive a power cut.
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIBIBYTES}")
    connection.create_function(
        "dossier_stream", 1, lambda dossier: stream_id("dossier", dossier), deterministic=True
    )
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers and the writer work side by side; said of a file once, so two may say it at once,
    and then SQLite refuses one of them without waiting."""
    deadline = monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(_RETRY_SECONDS)
        else:
            return


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables anew, unless another process that opened the same file just did."""
    with transaction(connection):
        if _version(connection) == PROJECTION_VERSION:
            return
        old = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        for (name,) in old.fetchall():
            connection.execute(f'DROP TABLE "{name}"')
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {PROJECTION_VERSION}")


def remove_store(path: Path) -> None:
    """Delete a store and what SQLite keeps beside it."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
