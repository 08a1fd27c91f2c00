"""What a reader or writer checks of the file before it relies on a part of it."""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from typing import Any

from ledger.adapters.sqlite_table import last_index, read_head_row, read_row
from ledger.app.submission import Place
from ledger.core.chain import EMPTY_HEAD
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import Entry, EntryError, decode_entry


def log_refusal(code: str, message: str, *, index: int, expected: str, actual: str) -> FindingError:
    """The finding that stops whoever relies on the file."""
    return FindingError(
        Finding(
            code=code,
            verdict=Verdict.FAILED,
            message=message,
            index=index,
            expected=expected,
            actual=actual,
            next_step="pal verify names every difference; keep a copy of the file before mending",
        )
    )


def check_ends(
    connection: sqlite3.Connection, origin: str | None, genesis_leaf: str | None
) -> tuple[Entry, Entry]:
    """The first and the last entry, once head row, bytes, origin and pinned genesis agree.

    As of one moment, while another process may write. Raises `FindingError`: this is what a writer
    checks, `verify` checks everything.
    """
    if connection.in_transaction:
        return _check_ends(connection, origin, genesis_leaf)
    connection.execute("BEGIN")
    try:
        return _check_ends(connection, origin, genesis_leaf)
    finally:
        connection.execute("ROLLBACK")


def _check_ends(
    connection: sqlite3.Connection, origin: str | None, genesis_leaf: str | None
) -> tuple[Entry, Entry]:
    head = read_head_row(connection) or EMPTY_HEAD
    last = last_index(connection)
    if head.size != last + 1 or head.size == 0:
        raise log_refusal(
            "store.head_mismatch",
            "the head row and the rows disagree",
            index=min(head.size, last + 1),
            expected=f"{head.size} entries",
            actual=f"{last + 1} entries",
        )
    first = _checked_entry(connection, 0, genesis_leaf, "trust.genesis_mismatch")
    if origin not in (None, first.seal.origin):
        raise log_refusal(
            "trust.origin_mismatch",
            "this is another log than the one that is pinned",
            index=0,
            expected=str(origin),
            actual=first.seal.origin,
        )
    return first, _checked_entry(connection, last, head.leaf, "store.head_mismatch")


def _checked_entry(
    connection: sqlite3.Connection, index: int, leaf: str | None, code: str
) -> Entry:
    row = read_row(connection, index)
    data = b"" if row is None else row.data
    found = leaf_hash(data).hex()
    if leaf not in (None, found):
        raise log_refusal(
            code,
            f"the bytes at index {index} are not those that were recorded",
            index=index,
            expected=str(leaf),
            actual=found,
        )
    try:
        return decode_entry(data)
    except EntryError as error:
        raise log_refusal(
            "entry.malformed", str(error), index=index, expected="an entry", actual=found
        ) from error


def checked_data(row: tuple[int, bytes, bytes]) -> bytes:
    """The bytes in a row of idx, leaf, data; raises `FindingError` if they are not the leaf's."""
    index, leaf, data = row
    found = leaf_hash(data)
    if found != leaf:
        raise log_refusal(
            "store.leaf_mismatch",
            "the bytes of an entry are not those of its stored leaf",
            index=index,
            expected=leaf.hex(),
            actual=found.hex(),
        )
    return data


def to_place(row: tuple[Any, ...]) -> Place:
    """The place in a row of idx, version, leaf, data."""
    index, version, leaf, data = row
    return Place(index, version, leaf.hex(), sha256(data.partition(b"\n")[2]).digest())
