"""Verify a SQLite log file as it lies: rows, columns, head row and the file's own indexes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from ledger.adapters import verify_process
from ledger.adapters.sqlite_table import (
    claimed_of,
    connect,
    iterate_rows,
    iterate_stream,
    read_head_row,
    read_row,
)
from ledger.adapters.verify_process import Request, Rows, Task, verify_tasks
from ledger.core.chain import EMPTY_HEAD, Head
from ledger.core.findings import Finding, Verdict
from ledger.entry.checkpoint_check import CheckpointCheck
from ledger.entry.entry import EntryError, NewerFormatError, decode_entry
from ledger.entry.segment import SEAL_START_BYTES, TOGETHER_MAX, Claimed, begins_submission
from ledger.entry.verify import SeenHead, Verification, Verifier
from ledger.entry.verify_part import PartVerifier

PROBLEMS_MAX: Final = 100
_PROGRESS_ROWS: Final = 10_000
_ROW_PROBLEM: Final = re.compile(r"\brow (\d+) ")


def _origin_of(connection: sqlite3.Connection) -> str:
    """The origin that the file claims for itself, where no trust names one."""
    try:
        row = read_row(connection, 0)
        return "" if row is None else decode_entry(row.data).seal.origin
    except (EntryError, NewerFormatError, sqlite3.Error):
        return ""


def _check_file(connection: sqlite3.Connection, origin: str, verifier: Verifier) -> None:
    """SQLite's own check of pages and indexes: a lookup must not miss a row that is there."""
    # The rows that integrity_check names are counted from 1 in the order of the table.
    first = connection.execute("SELECT min(idx) FROM entry").fetchone()[0] or 0
    for (problem,) in connection.execute(f"PRAGMA integrity_check({PROBLEMS_MAX})"):
        if problem == "ok":
            return
        named = _ROW_PROBLEM.search(problem)
        verifier.add_finding(
            Finding(
                code="store.index_mismatch",
                verdict=Verdict.FAILED,
                message=f"SQLite finds the file inconsistent: {problem}",
                origin=origin,
                index=int(named[1]) - 1 + first if named else -1,
                expected="every index holds every row",
                actual=problem,
                next_step="keep a copy; restore the file, or rebuild its indexes (REINDEX)",
            )
        )


def verify_file(
    path: Path,
    *,
    origin: str | None = None,
    genesis_leaf: str | None = None,
    expect: Head | None = None,
    seen: Iterable[SeenHead] = (),
    logs: int | None = None,
    checkpoints: CheckpointCheck | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Verification:
    """Verify the log at `path`; `on_progress` gets the number of rows read so far.

    Nothing of the file is believed: origin, genesis leaf and number of logs come from the
    caller's trust, the policy of the checkpoints too. Many rows are read by other processes, one
    for each core. Raises `LogFileError` where the file is missing or no log at all.
    """
    with closing(connect(path)) as connection:
        # One read transaction: a writer may go on meanwhile, this sees one moment.
        connection.execute("BEGIN")
        name = origin or _origin_of(connection)
        verifier = Verifier(
            name,
            genesis_leaf,
            expect,
            seen=seen,
            every_record_counts=True,
            logs=logs,
            checkpoints=checkpoints,
        )
        head: Head | None = None
        try:
            _read_file(path, connection, verifier, on_progress)
            head = read_head_row(connection) or EMPTY_HEAD
            _check_file(connection, name, verifier)
        except sqlite3.Error as error:
            verifier.add_finding(
                Finding(
                    code="store.unreadable",
                    verdict=Verdict.FAILED,
                    message=f"SQLite cannot read the file: {error}",
                    origin=name,
                    index=verifier.state.head.size,
                    next_step="keep a copy; restore the file from a backup",
                )
            )
        return verifier.finish(stored_head=head)


def _read_file(
    path: Path,
    connection: sqlite3.Connection,
    verifier: Verifier,
    on_progress: Callable[[int], None] | None,
) -> None:
    """Add every row."""
    first, last, count = connection.execute(
        "SELECT min(idx), max(idx), count(*) FROM entry"
    ).fetchone()
    if count <= verify_process.FEW_ENTRIES_MAX or first != 0 or last != count - 1:
        # Few, or with holes: row by row.
        for done, row in enumerate(iterate_rows(connection), 1):
            verifier.add(*claimed_of(row))
            if on_progress is not None and done % _PROGRESS_ROWS == 0:
                on_progress(done)
        return

    def records(position: int, end: int) -> Iterable[Claimed]:
        return map(claimed_of, iterate_rows(connection, position, end))

    def tasks() -> Iterator[Task]:
        position = 1
        while position < count:
            end = _part_end(connection, position + verify_process.PART_ENTRIES, count)
            rows = Rows(str(path.absolute()), position, end)
            position = end
            keys = list(verifier.state.keys)
            request = Request(rows, verifier.state.origin, keys, sorted(verifier.cuts))
            yield Task(request, records)

    # The genesis first: it names the keys.
    for record, stored in records(0, 1):
        verifier.add(record, stored)
    verify_tasks(verifier, tasks(), verify_process.processes(), on_progress=on_progress)


def _part_end(connection: sqlite3.Connection, position: int, count: int) -> int:
    """The index behind a part: where a submission begins, if one does soon behind `position`."""
    rows = connection.execute(
        "SELECT idx, substr(data, 1, ?) FROM entry NOT INDEXED WHERE idx >= ? AND idx < ?"
        " ORDER BY idx LIMIT ?",
        (SEAL_START_BYTES, position, count, TOGETHER_MAX),
    )
    for index, start in rows:
        if isinstance(start, bytes) and begins_submission(start):
            return int(index)
    return min(position, count)


class SqliteParts:
    """Parts of the log in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def verify_range(self, verifier: PartVerifier, span: range) -> Verification:
        """Verify the rows with an index of `span`."""
        with closing(connect(self._path)) as connection:
            connection.execute("BEGIN")
            own = verifier.state.own_stream
            for row in iterate_stream(connection, own, own):
                if row.index < span.start:
                    verifier.add_own(claimed_of(row)[0].data or b"")
            for row in iterate_rows(connection, span.start, span.stop):
                verifier.add(*claimed_of(row))
            return verifier.finish()

    def verify_stream(self, verifier: PartVerifier, stream: str) -> Verification:
        """Verify the rows that are stored as entries of one stream."""
        with closing(connect(self._path)) as connection:
            connection.execute("BEGIN")
            for row in iterate_stream(connection, stream, verifier.state.own_stream):
                # In the order of the log, so that each entry meets the keys that were valid then.
                if row.stream == stream:
                    verifier.add(*claimed_of(row))
                else:
                    verifier.add_own(claimed_of(row)[0].data or b"")
            return verifier.finish()
