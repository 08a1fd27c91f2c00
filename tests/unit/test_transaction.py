"""One transaction: all or nothing, and what failed is what is raised."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ledger.adapters.transaction import transaction

TABLES = (
    "CREATE TABLE a (id INTEGER PRIMARY KEY)",
    "CREATE TABLE b (a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)",
)


def opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.sqlite"
    with closing(opened(path)) as connection, transaction(connection):
        for statement in TABLES:
            connection.execute(statement)
    return path


def rows(path: Path) -> int:
    with closing(opened(path)) as connection:
        return len(connection.execute("SELECT * FROM a UNION ALL SELECT * FROM b").fetchall())


def test_nobody_else_writes_meanwhile_and_the_end_keeps_it(path: Path) -> None:
    with closing(opened(path)) as connection, closing(opened(path)) as other:
        with transaction(connection) as given:
            assert given is connection
            connection.execute("INSERT INTO a VALUES (1)")
            with pytest.raises(sqlite3.OperationalError, match="locked"), transaction(other):
                pass
            assert rows(path) == 0
        assert rows(path) == 1
        with transaction(other):
            other.execute("INSERT INTO a VALUES (2)")
    assert rows(path) == 2


FAILURES: dict[str, tuple[type[BaseException], Callable[[sqlite3.Connection], object]]] = {
    "an error": (ZeroDivisionError, lambda _: 1 // 0),
    "a statement": (sqlite3.OperationalError, lambda c: c.execute("no statement")),
    "the commit": (sqlite3.IntegrityError, lambda c: c.execute("INSERT INTO b VALUES (7)")),
    "it was undone before": (ZeroDivisionError, lambda c: (c.execute("ROLLBACK"), 1 // 0)),
    "it cannot be undone": (ZeroDivisionError, lambda c: (c.close(), 1 // 0)),
}


@pytest.mark.parametrize("what", FAILURES)
def test_nothing_is_kept_and_what_failed_is_raised(path: Path, what: str) -> None:
    kind, fail = FAILURES[what]

    def write(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO a VALUES (1)")
            fail(connection)

    with closing(opened(path)) as connection:
        with pytest.raises(kind):
            write(connection)
        assert what == "it cannot be undone" or not connection.in_transaction
    assert rows(path) == 0
