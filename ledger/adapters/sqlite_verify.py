"""Verify a SQLite log file as it lies: rows, columns, head row and the file's own indexes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from ledger.adapters.sqlite_table import connect, iterate_rows, read_head_row, read_row
from ledger.app.ports import Record
from ledger.core.chain import EMPTY_HEAD, Head
from ledger.core.findings import Finding, Verdict
from ledger.entry.entry import EntryError, NewerFormatError, decode_entry
from ledger.entry.verify import SeenHead, Stored, Verification, Verifier

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


def _as_bytes(value: object) -> bytes:
    # Whoever rewrites the file can rewrite its schema: a column may then hold anything.
    if isinstance(value, bytes):
        return value
    return str(value).encode(errors="surrogateescape")


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
    on_progress: Callable[[int], None] | None = None,
) -> Verification:
    """Verify the log at `path`; `on_progress` gets the number of rows read so far.

    Nothing of the file is believed: origin, genesis leaf and number of logs come from the
    caller's trust. Raises
    `LogFileError` where the file is missing or no log at all.
    """
    with closing(connect(path)) as connection:
        # One read transaction: a writer may go on meanwhile, this sees one moment.
        connection.execute("BEGIN")
        name = origin or _origin_of(connection)
        verifier = Verifier(
            name, genesis_leaf, expect, seen=seen, every_record_counts=True, logs=logs
        )
        head: Head | None = None
        try:
            for count, row in enumerate(iterate_rows(connection), 1):
                leaf = _as_bytes(row.leaf).hex()
                stored = Stored(leaf, row.stream, row.version, row.action_id)
                verifier.add(Record(row.index, _as_bytes(row.data)), stored)
                if on_progress is not None and count % _PROGRESS_ROWS == 0:
                    on_progress(count)
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
