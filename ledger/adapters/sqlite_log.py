"""The embedded log: one SQLite file, one writer thread, group commit.

Submissions queue up; the writer seals all that fit behind the head, commits them in one transaction
and answers after the commit. Another process may write the same file: each group begins by
comparing the head row with what this process knows, within the write lock, and goes on with the
keys that count by then. A void entry cannot arise here, because what is sealed continues its stream
and was signed by a key of this log.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Lock
from time import monotonic
from typing import Any, Final

from ledger.adapters.sqlite_checks import check_ends, checked_data, to_place
from ledger.adapters.sqlite_table import LogFileError, connect, create_file
from ledger.adapters.sqlite_writer import SqliteWriter
from ledger.app.limits import READ_RECORDS_MAX
from ledger.app.ports import Record
from ledger.app.submission import Answer, Place, Submission, UnavailableError
from ledger.core.chain import EMPTY_STREAM, Head, StreamHead
from ledger.core.findings import FindingError
from ledger.core.merkle import leaf_hash

_POLL_SECONDS = 0.05
"""How soon growth by another process is noticed; growth by this one wakes waiters at once."""


_STREAM_FORWARD: Final = (
    "SELECT idx, leaf, data FROM entry WHERE stream = ? AND version > ? AND version <= ?"
    " ORDER BY version LIMIT ?"
)
_STREAM_BACKWARD: Final = _STREAM_FORWARD.replace("BY version", "BY version DESC")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqliteLog:
    """An `EntryLog` in one SQLite file. Safe to use from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        origin: str | None = None,
        genesis_leaf: str | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.path = path
        self._lock = Lock()
        self._grown = Condition()
        self._closed = False
        self._connection = connect(path)
        try:
            first, _ = check_ends(self._connection, origin, genesis_leaf)
        except sqlite3.Error as error:
            self._connection.close()
            msg = f"{path}: {error}"
            raise LogFileError(msg, next_step="verify the file") from error
        except FindingError:
            self._connection.close()
            raise
        self.origin: str = first.seal.origin
        self._own_stream = f"ledger:{self.origin}"
        self._own: tuple[list[int], int] = ([], 0)
        self._writer = SqliteWriter(path, self.origin, first.leaf, now, self._announce)

    @classmethod
    def open(
        cls,
        path: Path,
        origin: str | None = None,
        *,
        genesis_leaf: str | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> SqliteLog:
        """Open the log at `path`; the writer itself opens on the first submission.

        Raises `LogFileError` where there is no log, `FindingError` where head row, last entry,
        origin or pinned genesis disagree with the bytes.
        """
        return cls(path, origin=origin, genesis_leaf=genesis_leaf, now=now)

    @classmethod
    def create(
        cls, path: Path, genesis: bytes, *, now: Callable[[], datetime] = _utc_now
    ) -> SqliteLog:
        """Create the file with `genesis` as index 0 and open it; raises `LogFileError`."""
        create_file(path, genesis)
        return cls(path, genesis_leaf=leaf_hash(genesis).hex(), now=now)

    # Writing

    def submit(self, submissions: Sequence[Submission]) -> Sequence[Answer]:
        """Record each submission all or none; returns when every answer is final."""
        return self._writer.submit(submissions)

    async def append(self, submission: Submission) -> Answer:
        """Record one submission; the caller's event loop goes on meanwhile."""
        return await self._writer.append(submission)

    def _announce(self) -> None:
        with self._grown:
            self._grown.notify_all()

    # Reading

    def _query(self, sql: str, arguments: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            if self._closed:
                msg = f"the log {self.path} is closed"
                raise UnavailableError(msg, next_step="open it again")
            try:
                return self._connection.execute(sql, arguments).fetchall()
            except sqlite3.Error as error:
                msg = f"{self.path}: {error}"
                raise UnavailableError(msg, next_step="pal verify") from error

    def read(self, position: int, limit: int) -> Sequence[Record]:
        """Up to `limit` records from index `position` on, at most `READ_RECORDS_MAX`."""
        rows = self._query(
            "SELECT idx, data FROM entry WHERE idx >= ? ORDER BY idx LIMIT ?",
            (position, min(limit, READ_RECORDS_MAX)),
        )
        return [Record(index, data) for index, data in rows]

    def head(self) -> Head:
        """Size and leaf as the head row says now, whichever process wrote last."""
        ((size, leaf),) = self._query("SELECT size, leaf FROM head WHERE id = 1")
        return Head(size, leaf.hex())

    def stream_head(self, stream: str) -> StreamHead:
        """Version and leaf of a stream; version 0 for one without entries."""
        rows = self._query(
            "SELECT version, leaf FROM entry WHERE stream = ? ORDER BY version DESC LIMIT 1",
            (stream,),
        )
        if not rows:
            return EMPTY_STREAM
        version, leaf = rows[0]
        return StreamHead(version, leaf.hex())

    def place_of(self, action_id: str) -> Place | None:
        """Where an action is recorded, if it is."""
        rows = self._query(
            "SELECT idx, version, leaf, data FROM entry WHERE action_id = ?", (action_id,)
        )
        return to_place(rows[0]) if rows else None

    def stream_entries(
        self,
        stream: str,
        *,
        after: int = 0,
        until: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[bytes]:
        """Entries of a stream with `after` < version <= `until`, by version.

        Raises `FindingError` for bytes that are not those of the stored leaf: nothing that was
        changed in the file is given to a fold.
        """
        rows = self._query(
            _STREAM_BACKWARD if desc else _STREAM_FORWARD,
            (stream, after, 2**53 if until is None else until, -1 if limit is None else limit),
        )
        return [checked_data(row) for row in rows]

    # Notification ids number the entries of all streams but the log's own, from 1. The log's own
    # entries are few: their indexes are kept, and the rest is counting.

    def _own_indexes(self, beyond: int | None = None) -> tuple[list[int], int]:
        """The indexes of the log's own stream, and the size up to which they are complete."""
        known, size = self._own
        if beyond is not None and beyond < size:
            return self._own
        # The newest known version is read again, so that there is always a row with the size.
        rows = self._query(
            "SELECT (SELECT size FROM head WHERE id = 1), idx FROM entry"
            " WHERE stream = ? AND version >= ? ORDER BY version",
            (self._own_stream, max(len(known), 1)),
        )
        if rows:
            self._own = ([*known[: len(known) - 1], *(row[1] for row in rows)], rows[0][0])
        return self._own

    def notifications(
        self, start: int, stop: int | None, limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """(notification id, entry) for ids `start` to `stop`, both included."""
        own, size = self._own_indexes()
        first = max(start, 1)
        count = min(limit, READ_RECORDS_MAX, size - len(own) - first + 1)
        if stop is not None:
            count = min(count, stop - first + 1)
        if count <= 0:
            return []
        index = first - 1
        while (moved := first - 1 + bisect_right(own, index)) != index:
            index = moved
        rows = self._query(
            "SELECT idx, leaf, data FROM entry WHERE idx >= ? AND stream != ? ORDER BY idx LIMIT ?",
            (index, self._own_stream, count),
        )
        return [(first + place, checked_data(row)) for place, row in enumerate(rows)]

    def notification_id(self, index: int) -> int:
        """The notification id of the entry at `index`, which is of no `ledger:` stream."""
        own, _ = self._own_indexes(index)
        return index + 1 - bisect_right(own, index)

    def notification_count(self) -> int:
        """The highest notification id; 0 where there is none."""
        own, size = self._own_indexes()
        return size - len(own)

    # Waiting and closing

    def end(self) -> int:
        """The index that the next entry will have."""
        return self.head().size

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:
        """Wait until an entry lies at `position` or after it; False when the time ran out."""
        deadline = monotonic() + timeout_seconds
        while not self._closed:
            if self.head().size > position:
                return True
            left = deadline - monotonic()
            if left <= 0:
                return False
            with self._grown:
                self._grown.wait(min(left, _POLL_SECONDS))
        return False

    def wait_for_growth(self, size: int, timeout_seconds: float) -> bool:
        """Wait until the log has more than `size` entries; False when the time ran out."""
        return self.wait_beyond(size, timeout_seconds)

    def close(self) -> None:
        """Answer what is queued, end the writer, close the file; safe to call again."""
        self._writer.close()
        with self._lock:
            if not self._closed:
                self._closed = True
                self._connection.close()
        self._announce()
