"""The file of a local index: its lock, its name, its layout, and whether it may be believed.

The file is derived from the log and may be deleted at any time. Nothing in it is believed by
itself: the row of the cursor, of a block and of a stream carry a checksum, the row of an action id
points to an entry that must carry the same id, and the log must still hold the newest entry.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from ledger.adapters.index_rows import (
    BLOCK_ENTRIES,
    SCHEMA,
    DamagedIndexError,
    Loaded,
    cursor_mark,
    read_block,
    read_rest,
)
from ledger.app.index_tables import ROW, ROW_BYTES, Standing
from ledger.app.submission import LedgerError, UnavailableError
from ledger.core.chain import Head
from ledger.core.merkle import leaf_hash

APPLICATION_ID: Final = 0x50414C49
FORMAT: Final = 1
NAMES_MAX: Final = 8
"""Processes of one home that keep an index of the same log at the same time."""
_CACHE_KIBIBYTES: Final = 64 * 1024
_MAPPED_BYTES: Final = 2**31 - 1
_CHECKPOINT_PAGES: Final = 16_384
_LOCK_SECONDS: Final = 10.0


class OtherLogError(LedgerError):
    """The local index was made from another log than the one that is opened."""

    code = "index.other_log"


class IndexFile:
    """One locked index file of one log: opened whole, or made anew."""

    def __init__(self, path: Path, lock: int, origin: str) -> None:
        self.path = path
        self.origin = origin
        self.rebuilt_because = ""
        """Why an earlier file was set aside; "" where none was."""
        self._lock = lock

    @classmethod
    def open(cls, path: Path, origin: str) -> IndexFile:
        """Lock `path`, or `path` with `-2`, `-3`, … where another process holds it.

        A further name begins as a copy of the first, so that it need not read the whole log.
        Raises `UnavailableError` where all names are held.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, NAMES_MAX + 1):
            name = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
            lock = _try_lock(name)
            if lock is None:
                continue
            if number > 1 and path.exists() and not name.exists():
                _copy(path, name)
            return cls(name, lock, origin)
        msg = f"{NAMES_MAX} processes hold an index beside {path}"
        raise UnavailableError(msg, next_step="end one of them")

    def load(self, genesis_leaf: str | None) -> Loaded | None:
        """What the file keeps; None after a new one was made: there was none, or a damaged one.

        Raises `OtherLogError` for a file of another log, which is left as it is.
        """
        if self.path.exists():
            try:
                with closing(self.connect()) as connection:
                    loaded = self._read(connection, genesis_leaf)
                if loaded is not None:
                    return loaded
            except sqlite3.OperationalError:
                raise
            except (sqlite3.DatabaseError, DamagedIndexError) as error:
                self.rebuilt_because = str(error)
                self.set_aside()
        self._create()
        return None

    def connect(self) -> sqlite3.Connection:
        """A connection for the caller's own lock or thread."""
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_LOCK_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        # A power cut costs the newest rows, never the file: WAL with NORMAL. The log has them.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIBIBYTES}")
        connection.execute(f"PRAGMA mmap_size={_MAPPED_BYTES}")
        return connection

    def damaged(self, what: str) -> DamagedIndexError:
        """Set the file aside for a look; the error to raise."""
        self.set_aside()
        return DamagedIndexError(
            f"the local index {self.path} is damaged: {what}",
            next_step="start again: the index is made anew from the log",
        )

    def set_aside(self) -> None:
        """Rename the file to `….damaged`; an earlier one is replaced."""
        for ending in ("-wal", "-shm"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            self.path.replace(f"{self.path}.damaged")

    def unlock(self) -> None:
        """Let other processes have the name; safe to call again."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _create(self) -> None:
        # A file left by a process that was killed while it made one is empty of rows: begin again.
        for ending in ("", "-wal", "-shm"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(
                f"BEGIN; PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={FORMAT};"
                f"{SCHEMA} COMMIT;"
            )

    def _read(self, connection: sqlite3.Connection, genesis_leaf: str | None) -> Loaded | None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (form,) = connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID or form != FORMAT:
            msg = f"{self.path} is no index of format {FORMAT}"
            raise DamagedIndexError(msg)
        row = connection.execute(
            "SELECT origin, genesis, position, size, leaf, recorded_at, mark FROM cursor"
        ).fetchone()
        if row is None:
            return None
        origin, genesis, position, size, leaf, recorded_at, mark = row
        standing = Standing(position, Head(size, leaf), recorded_at)
        if mark != cursor_mark(origin, genesis, standing):
            msg = "its cursor does not have its checksum"
            raise DamagedIndexError(msg)
        if origin != self.origin or genesis_leaf not in (None, genesis):
            raise OtherLogError(
                f"{self.path} is the index of {origin} with genesis {genesis}, "
                f"not of {self.origin} with genesis {genesis_leaf or 'unknown'}",
                next_step="check --home and --log; if both are right, delete the file: it is made "
                "anew from the log",
            )
        loaded = read_rest(connection, standing)
        _check(connection, loaded, genesis)
        return loaded


def _check(connection: sqlite3.Connection, loaded: Loaded, genesis: str) -> None:
    """The ends agree with each other: genesis, newest block and cursor, each by its hash."""
    head = loaded.kept.standing.head
    own = loaded.kept.own_entries
    if not own or leaf_hash(own[0]).hex() != genesis:
        msg = "its first entry is not the genesis of its cursor"
        raise DamagedIndexError(msg)
    last, rest = divmod(head.size - 1, BLOCK_ENTRIES)
    records = read_block(connection, last)
    if len(records) != ROW_BYTES * (rest + 1):
        msg = f"its newest block ends elsewhere than its cursor, at {head.size}"
        raise DamagedIndexError(msg)
    if ROW.unpack_from(records, ROW_BYTES * rest)[0].hex() != head.leaf:
        msg = f"its newest record is not entry {head.size - 1} of its cursor"
        raise DamagedIndexError(msg)
    if not loaded.runs or loaded.runs[0][0] != 0:
        msg = "it does not say where its entries lie"
        raise DamagedIndexError(msg)


def _try_lock(path: Path) -> int | None:
    # A file of its own: closing any descriptor of the database would end SQLite's own locks.
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_suffix(".copying")
    temporary.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(temporary)) as writing,
        ):
            # In one step: all of it as of one moment, whatever its owner writes meanwhile.
            reading.backup(writing)
        temporary.replace(target)
    except sqlite3.Error:
        # A copy only saves time: without it the index is made from the log.
        temporary.unlink(missing_ok=True)
