"""The file of the SQLite log: its table, its head row, and reading them as they lie.

One row for each entry: its bytes, its leaf, and what is looked up (stream, version, action id). One
head row: size and leaf. Verification compares all of it with the bytes; nothing here is trusted
because it is stored. WAL and synchronous=FULL: a commit that was answered survives a power cut.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import msgspec

from ledger.app.group import SealedEntry
from ledger.app.limits import READ_RECORDS_MAX
from ledger.app.ports import Record
from ledger.app.submission import LedgerError
from ledger.core.chain import Head
from ledger.entry.entry import decode_entry
from ledger.entry.verification import Stored

APPLICATION_ID: Final = 0x50414C31
"""`PAL1` in the file's header: `file` and SQLite's tools show whose file it is."""

LOCK_SECONDS: Final = 10.0
"""How long a write waits for another process; less than a caller's own time-out."""

PAGE_BYTES: Final = 8_192
"""A commit writes four pages whole, of rows, both indexes and the head: half as large, one entry
alone costs 40 KB in place of 72. Smaller ones leave gaps beside rows of about a kilobyte."""

CHECKPOINT_PAGES: Final = 8_000
"""WAL pages after which a commit moves them into the file: 64 MB."""

CACHE_KIBIBYTES: Final = 65_536

_SCHEMA: Final = (
    """CREATE TABLE entry (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, stream TEXT NOT NULL,
    version INTEGER NOT NULL, action_id TEXT NOT NULL, data BLOB NOT NULL) STRICT""",
    "CREATE UNIQUE INDEX entry_stream ON entry (stream, version)",
    "CREATE UNIQUE INDEX entry_action ON entry (action_id)",
    """CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL,
    leaf BLOB NOT NULL) STRICT""",
)
_INSERT: Final = (
    "INSERT INTO entry (idx, leaf, stream, version, action_id, data) VALUES (?, ?, ?, ?, ?, ?)"
)


_INDEX_MIN: Final = -(2**63)
_INDEX_MAX: Final = 2**63 - 1
"""Whatever integer somebody wrote into the file; that the last is left out harms nobody."""


class LogFileError(LedgerError):
    """The file is missing, exists already, or is no log of this ledger."""

    code = "log.file"


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row as it lies; every field but `data` is a claim about `data`."""

    index: int
    leaf: bytes
    stream: str
    version: int
    action_id: str
    data: bytes


def connect(path: Path) -> sqlite3.Connection:
    """A connection to an existing log file, for use under the caller's own lock."""
    if not path.exists():
        msg = f"no log at {path}"
        raise LogFileError(msg, next_step="pal log create")
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=LOCK_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        (found,) = connection.execute("PRAGMA application_id").fetchone()
        if found != APPLICATION_ID:
            msg = f"{path} is no log of this ledger"
            raise LogFileError(msg, next_step="name the file that pal log create made")  # noqa: TRY301 - one place closes the connection
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIBIBYTES}")
    except sqlite3.Error as error:
        connection.close()
        msg = f"{path}: {error}"
        raise LogFileError(msg, next_step="verify the file, or restore it from a backup") from error
    except LogFileError:
        connection.close()
        raise
    return connection


def create_file(path: Path, genesis: bytes) -> None:
    """Create a log file that holds `genesis`; whole or not there. Raises `LogFileError`."""
    entry = decode_entry(genesis)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}-{secrets.token_hex(8)}"
    leaf = bytes.fromhex(entry.leaf)
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(
                _INSERT,
                (0, leaf, entry.seal.stream, 1, str(entry.action.get("id")), genesis),
            )
            connection.execute("INSERT INTO head (id, size, leaf) VALUES (1, 1, ?)", (leaf,))
            connection.execute("COMMIT")
        path.hardlink_to(temporary)
    except FileExistsError as error:
        msg = f"{path} exists already"
        raise LogFileError(msg, next_step="open it, or choose another file") from error
    finally:
        temporary.unlink(missing_ok=True)
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def insert_entries(
    connection: sqlite3.Connection, entries: Sequence[SealedEntry], head: Head
) -> None:
    """Write the entries and the head row within the caller's transaction."""
    connection.executemany(
        _INSERT,
        [
            (
                entry.place.index,
                bytes.fromhex(entry.place.leaf),
                entry.stream,
                entry.place.version,
                entry.action_id,
                entry.data,
            )
            for entry in entries
        ],
    )
    connection.execute(
        "UPDATE head SET size = ?, leaf = ? WHERE id = 1", (head.size, bytes.fromhex(head.leaf))
    )


def read_head_row(connection: sqlite3.Connection) -> Head | None:
    """The head row as it lies; None where there is none."""
    row = connection.execute("SELECT size, leaf FROM head WHERE id = 1").fetchone()
    return None if row is None else Head(row[0], row[1].hex())


def read_row(connection: sqlite3.Connection, index: int) -> Row | None:
    """The row at `index`, or None."""
    row = connection.execute(
        "SELECT idx, leaf, stream, version, action_id, data FROM entry WHERE idx = ?", (index,)
    ).fetchone()
    return None if row is None else Row(*row)


def last_index(connection: sqlite3.Connection) -> int:
    """The highest index of a row; -1 where there are none."""
    row = connection.execute("SELECT max(idx) FROM entry").fetchone()
    return -1 if row[0] is None else int(row[0])


def iterate_rows(
    connection: sqlite3.Connection, first: int | None = None, end: int | None = None
) -> Iterator[Row]:
    """Rows in the order of their index, all or from `first` up to `end` (not included), read
    straight from the table, in bounded memory."""
    cursor = connection.execute(
        "SELECT idx, leaf, stream, version, action_id, data FROM entry NOT INDEXED"
        " WHERE idx >= ? AND idx < ? ORDER BY idx",
        (_INDEX_MIN if first is None else first, _INDEX_MAX if end is None else end),
    )
    while rows := cursor.fetchmany(READ_RECORDS_MAX):
        for row in rows:
            yield Row(*row)


def iterate_stream(connection: sqlite3.Connection, stream: str, own: str) -> Iterator[Row]:
    """The rows stored as entries of a stream or of the log's own, in the order of the log."""
    cursor = connection.execute(
        "SELECT idx, leaf, stream, version, action_id, data FROM entry"
        " WHERE stream IN (?, ?) ORDER BY idx",
        (stream, own),
    )
    while rows := cursor.fetchmany(READ_RECORDS_MAX):
        for row in rows:
            yield Row(*row)


def claimed_of(row: Row) -> tuple[Record, Stored]:
    """A row as the verifier takes it: the entry's bytes, and what is stored beside them."""
    stored = Stored(_as_bytes(row.leaf).hex(), row.stream, row.version, row.action_id)
    return Record(row.index, _as_bytes(row.data)), stored


def _as_bytes(value: object) -> bytes:
    # Whoever rewrites the file can rewrite its schema: a column may then hold anything.
    if isinstance(value, bytes):
        return value
    return str(value).encode(errors="surrogateescape")
