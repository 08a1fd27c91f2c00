"""The sealer's store: every checkpoint that was ever signed, replaced only by compare-and-swap.

It is what keeps a log from being signed twice in two ways: a new checkpoint is kept only where the
one that it grew from is still the last. WAL and synchronous=FULL: what was kept survives a power
cut. Whoever restores an older copy restores an older promise: see docs/operate/sealing.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple, Self

import msgspec

from ledger.adapters.new_file import new_file
from ledger.adapters.transaction import transaction
from ledger.app.sealing import SealerDisplacedError, SealingNotOpenedError, TreeState
from ledger.app.submission import LedgerError
from ledger.entry.officer_index import OfficerRow

APPLICATION_ID: Final = 0x50414C53
"""`PALS` in the file's header."""

FORMAT_VERSION: Final = 1
LOCK_SECONDS: Final = 10.0

_SCHEMA: Final = (
    """CREATE TABLE tree (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL,
    note BLOB NOT NULL, position INTEGER NOT NULL, leaf TEXT NOT NULL,
    last_position INTEGER NOT NULL, officers INTEGER NOT NULL, officers_root BLOB NOT NULL)
    STRICT, WITHOUT ROWID""",
    """CREATE TABLE checkpoint (origin TEXT NOT NULL, size INTEGER NOT NULL,
    signed_at TEXT NOT NULL, note BLOB NOT NULL, witnessed_at TEXT NOT NULL DEFAULT '',
    token BLOB NOT NULL DEFAULT x'', stamped_at TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (origin, size)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE officer (origin TEXT NOT NULL, officer TEXT NOT NULL, count INTEGER NOT NULL,
    peaks BLOB NOT NULL, PRIMARY KEY (origin, officer)) STRICT, WITHOUT ROWID""",
    "CREATE TABLE round (idx INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT",
    """CREATE TABLE outage (id INTEGER PRIMARY KEY CHECK (id = 1), since_at TEXT NOT NULL,
    reason TEXT NOT NULL, recorded_at TEXT NOT NULL) STRICT""",
    """CREATE TABLE evidence (id INTEGER PRIMARY KEY, found_at TEXT NOT NULL, origin TEXT NOT NULL,
    ours BLOB NOT NULL, theirs BLOB NOT NULL, UNIQUE (origin, ours, theirs)) STRICT""",
)
# The columns stand in the order of the structs' fields.
_TREE: Final = (
    "SELECT origin, size, root, note, position, leaf, last_position, officers, officers_root"
    " FROM tree WHERE origin = ?"
)
_ADD_TREE: Final = "INSERT OR IGNORE INTO tree VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SET_TREE: Final = _ADD_TREE.replace("INSERT OR IGNORE", "REPLACE")
_SET_OFFICER: Final = "REPLACE INTO officer (origin, officer, count, peaks) VALUES (?, ?, ?, ?)"
_ADD_CHECKPOINT: Final = "INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?, ?, ?)"
_CHECKPOINT: Final = (
    "SELECT origin, size, signed_at, note, witnessed_at, token, stamped_at FROM checkpoint"
    " WHERE origin = ? "
)
_ONE: Final = _CHECKPOINT + "AND size = ?"
_EACH: Final = _CHECKPOINT + "ORDER BY size"
_WITNESSED: Final = _CHECKPOINT + "AND witnessed_at != '' ORDER BY size DESC LIMIT 1"
_STAMPED: Final = _CHECKPOINT + "AND stamped_at != '' ORDER BY size DESC LIMIT 1"


class StoreFileError(LedgerError):
    """The file is no store of a sealer, or one of a newer format."""

    code = "sealer.file"


class StoreExistsError(LedgerError):
    """A store is there, or what SQLite kept beside one: nothing may take its place."""

    code = "sealer.store_exists"


class SignedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint as it is kept: `note` with the log's signatures and every cosignature that came,
    `witnessed_at` when a quorum of them last was there ("" never), `token` its RFC 3161 token."""

    origin: str
    size: int
    signed_at: str
    note: bytes
    witnessed_at: str
    token: bytes
    stamped_at: str


class Outage(msgspec.Struct, frozen=True):
    """Since when no quorum answers, why, and when that was recorded in the logs ("" not yet)."""

    since_at: str
    reason: str
    recorded_at: str = ""


class RestoredTree(NamedTuple):
    """All that a store keeps of a tree that one checkpoint is known of."""

    state: TreeState
    signed: SignedCheckpoint
    officers: Sequence[OfficerRow] = ()


class CheckpointStore:
    """One file for all trees of a ledger. Safe to use from any thread; close after use."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lock = Lock()

    @classmethod
    def create(cls, path: Path, states: Sequence[TreeState]) -> CheckpointStore:
        """Make the store of trees that nothing was signed of; one that is there is completed by the
        trees that it lacks, and nothing else of it changed."""
        if not path.exists():
            with _new_file(path):
                pass
        store = cls.open(path)
        store.add_trees(states)
        return store

    @classmethod
    def restore(
        cls, path: Path, trees: Sequence[RestoredTree], first_round: int, rounds: Sequence[bytes]
    ) -> None:
        """Make a store that was lost anew, of what was signed last of each tree, and the entries of
        the log of checkpoints from index `first_round` on. Raises `StoreExistsError`."""
        with _new_file(path) as connection:
            for tree in trees:
                connection.execute(_ADD_TREE, msgspec.structs.astuple(tree.state))
                connection.execute(_ADD_CHECKPOINT, msgspec.structs.astuple(tree.signed))
                rows = [(tree.state.origin, *row) for row in tree.officers]
                connection.executemany(_SET_OFFICER, rows)
            connection.executemany(
                "INSERT INTO round VALUES (?, ?)", enumerate(rounds, first_round)
            )

    @classmethod
    def open(cls, path: Path) -> CheckpointStore:
        """Open an existing store; raises `SealingNotOpenedError` or `StoreFileError`."""
        if not path.exists():
            msg = f"there is no {path}: no checkpoint was ever signed here, or the store is lost"
            raise SealingNotOpenedError(
                msg, next_step="pal seal open; where checkpoints are published, pal seal restore"
            )
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=LOCK_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            with _errors(path):
                _check_format(path, connection)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
        except StoreFileError:
            connection.close()
            raise
        return cls(path, connection)

    def close(self) -> None:
        """Close the file; safe to call again."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Trees

    def add_trees(self, states: Sequence[TreeState]) -> None:
        """Put in the trees that are not known yet."""
        values = [msgspec.structs.astuple(state) for state in states]
        with self._writing() as connection:
            connection.executemany(_ADD_TREE, values)

    def state(self, origin: str) -> TreeState:
        """What was signed of a tree last; raises `SealingNotOpenedError` for an unknown one."""
        rows = self._rows(_TREE, (origin,))
        if not rows:
            msg = f"sealing of {origin} was never opened"
            raise SealingNotOpenedError(msg, next_step="pal seal open")
        return TreeState(*rows[0])

    def swap(
        self, expected: TreeState, new: TreeState, signed_at: str, rows: Sequence[OfficerRow] = ()
    ) -> None:
        """Put `new`, whose note was just signed, in the place of `expected`, with the rows of the
        officer index that changed: all or none.

        Raises `SealerDisplacedError` where another state stands there by now.
        """
        with self._writing() as connection:
            found = connection.execute(_TREE, (expected.origin,)).fetchone()
            if found is None or TreeState(*found) != expected or new.size <= expected.size:
                size = "none" if found is None else TreeState(*found).size
                msg = (
                    f"{expected.origin}: the last signed checkpoint has size {size}, this sealer "
                    f"grew the one of {expected.size} to {new.size}"
                )
                raise SealerDisplacedError(msg, next_step="one sealer for a ledger: end the other")
            connection.execute(_SET_TREE, msgspec.structs.astuple(new))
            connection.execute(
                "INSERT INTO checkpoint (origin, size, signed_at, note) VALUES (?, ?, ?, ?)",
                (new.origin, new.size, signed_at, new.note),
            )
            connection.executemany(_SET_OFFICER, [(new.origin, *row) for row in rows])

    def officer_rows(self, origin: str) -> list[OfficerRow]:
        """The rows of the officer index as of the last signed checkpoint."""
        rows = self._rows("SELECT officer, count, peaks FROM officer WHERE origin = ?", (origin,))
        return [OfficerRow(*row) for row in rows]

    # Checkpoints

    def checkpoint(self, origin: str, size: int) -> SignedCheckpoint | None:
        """The checkpoint of that size; None where none was signed."""
        return self._checkpoint(_ONE, origin, size)

    def checkpoints(self, origin: str) -> list[SignedCheckpoint]:
        """Every checkpoint that was ever signed of a tree, by size."""
        return [SignedCheckpoint(*row) for row in self._rows(_EACH, (origin,))]

    def newest_witnessed(self, origin: str) -> SignedCheckpoint | None:
        """The largest checkpoint that a quorum cosigned; None where there is none."""
        return self._checkpoint(_WITNESSED, origin)

    def newest_stamped(self, origin: str) -> SignedCheckpoint | None:
        """The largest checkpoint with an RFC 3161 token; None where there is none."""
        return self._checkpoint(_STAMPED, origin)

    def size_before(self, origin: str, size: int) -> int:
        """The size of the checkpoint that was signed before the one of `size`; 0 for none."""
        ((found,),) = self._rows(
            "SELECT coalesce(max(size), 0) FROM checkpoint WHERE origin = ? AND size < ?",
            (origin, size),
        )
        return int(found)

    def keep_cosigned(self, origin: str, size: int, note: bytes, witnessed_at: str | None) -> None:
        """Keep a checkpoint with the cosignatures that came; `witnessed_at` None leaves the moment
        of the last quorum as it was, "" takes it back."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE checkpoint SET note = ?, witnessed_at = coalesce(?, witnessed_at)"
                " WHERE origin = ? AND size = ?",
                (note, witnessed_at, origin, size),
            )

    def keep_token(self, origin: str, size: int, token: bytes, stamped_at: str) -> None:
        """Keep the RFC 3161 token of a checkpoint; a checkpoint keeps its first one."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE checkpoint SET token = ?, stamped_at = ?"
                " WHERE origin = ? AND size = ? AND stamped_at = ''",
                (token, stamped_at, origin, size),
            )

    # The log of checkpoints, the outage, evidence

    def rounds(self, start: int) -> list[bytes]:
        """The entries of the log of checkpoints from index `start` on."""
        rows = self._rows("SELECT data FROM round WHERE idx >= ? ORDER BY idx", (start,))
        return [data for (data,) in rows]

    def last_round(self) -> bytes | None:
        """The newest entry of the log of checkpoints, sealed or not; None for an empty one."""
        rows = self._rows("SELECT data FROM round ORDER BY idx DESC LIMIT 1")
        return bytes(rows[0][0]) if rows else None

    def add_round(self, origin: str, data: bytes) -> None:
        """Append an entry to the log of checkpoints `origin`, before anything of it is published.

        Entries that are signed are published and kept there alone, but for the newest.
        """
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO round (idx, data) SELECT coalesce(max(idx) + 1, 0), ? FROM round",
                (data,),
            )
            connection.execute(
                "DELETE FROM round WHERE idx < (SELECT size FROM tree WHERE origin = ?)"
                " AND idx < (SELECT max(idx) FROM round)",
                (origin,),
            )

    def outage(self) -> Outage | None:
        """The outage of the witnesses that goes on; None where there is none."""
        rows = self._rows("SELECT since_at, reason, recorded_at FROM outage")
        return Outage(*rows[0]) if rows else None

    def set_outage(self, outage: Outage | None) -> None:
        """Remember how the witnesses are."""
        with self._writing() as connection:
            connection.execute("DELETE FROM outage")
            if outage is not None:
                connection.execute(
                    "INSERT INTO outage (id, since_at, reason, recorded_at) VALUES (1, ?, ?, ?)",
                    msgspec.structs.astuple(outage),
                )

    def keep_evidence(self, origin: str, ours: bytes, theirs: bytes, found_at: str) -> None:
        """Keep two notes that do not fit together, for ever."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO evidence (found_at, origin, ours, theirs)"
                " VALUES (?, ?, ?, ?)",
                (found_at, origin, ours, theirs),
            )

    def evidence(self) -> list[tuple[str, str, bytes, bytes]]:
        """Moment, origin and both notes of what was kept as evidence."""
        rows = self._rows("SELECT found_at, origin, ours, theirs FROM evidence ORDER BY id")
        return [(found_at, origin, ours, theirs) for found_at, origin, ours, theirs in rows]

    def _checkpoint(self, sql: str, *arguments: object) -> SignedCheckpoint | None:
        rows = self._rows(sql, arguments)
        return SignedCheckpoint(*rows[0]) if rows else None

    def _rows(self, sql: str, arguments: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock, _errors(self.path):
            return self._connection.execute(sql, arguments).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _errors(self.path), transaction(self._connection) as connection:
            yield connection


def check_none(path: Path) -> None:
    """Raise `StoreExistsError` where a store, or a part of one, lies at `path`.

    SQLite would play what lies in a left-over journal into the new file.
    """
    names = [f"{path}{end}" for end in ("", "-wal", "-shm", "-journal")]
    found = [name for name in names if Path(name).exists()]
    if found:
        msg = f"there is {', '.join(found)}"
        step = "go on with it; what is damaged or left over, move aside and keep: pal seal show"
        raise StoreExistsError(msg, next_step=step)


@contextmanager
def _new_file(path: Path) -> Iterator[sqlite3.Connection]:
    """The transaction in which a store is made: whole or not there, and never in another's place.

    What a crash leaves half made does not look like a store.
    """
    check_none(path)
    try:
        with (
            new_file(path) as unfinished,
            closing(sqlite3.connect(unfinished, isolation_level=None)) as connection,
        ):
            with _errors(path), transaction(connection):
                for statement in _SCHEMA:
                    connection.execute(statement)
                yield connection
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    except FileExistsError as error:
        msg = f"another process just made {path}"
        raise StoreExistsError(msg, next_step="go on with it: pal seal show") from error


def _check_format(path: Path, connection: sqlite3.Connection) -> None:
    """Before anything is written to it: whose file it is."""
    found = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("application_id", "user_version")
    ]
    if found != [APPLICATION_ID, FORMAT_VERSION]:
        msg = f"{path} has the format {found}, expected {[APPLICATION_ID, FORMAT_VERSION]}"
        raise StoreFileError(msg, next_step="restore the store, or install newer software")


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreFileError(f"{path}: {error}", next_step="restore the store") from error
