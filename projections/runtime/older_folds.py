"""Folds of dossiers in a temporary file: those that a replay has not met lately."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec

from projections.folds.dossier import DossierFold
from projections.runtime.folding import DossierRow, dossier_row
from projections.store.sqlite import DOSSIER_COLUMNS


class TemporaryFolds:
    """The row of each dossier that was put away; nothing of it outlives the object."""

    def __init__(self) -> None:
        # An empty name: a file that SQLite makes when memory is full, and deletes at the end.
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute(
            f"CREATE TABLE dossier ({', '.join(DOSSIER_COLUMNS)}, PRIMARY KEY (dossier)) "
            "WITHOUT ROWID"
        )
        self._decode = msgspec.json.Decoder(DossierFold).decode

    def fold(self, dossier: str) -> DossierFold | None:
        """The fold of a dossier as it was put away last; None where it never was."""
        row = self._connection.execute(
            "SELECT fold FROM dossier WHERE dossier = ?", (dossier,)
        ).fetchone()
        return None if row is None else self._decode(row[0])

    def keep(self, folds: Iterable[DossierFold]) -> None:
        """Take over what memory forgets."""
        rows = sorted(map(dossier_row, folds))
        self._connection.execute("BEGIN")
        self._connection.executemany(
            "INSERT OR REPLACE INTO dossier VALUES (?,?,?,?,?,?,?,?,?)", rows
        )
        self._connection.execute("COMMIT")

    def rows(self) -> Iterator[DossierRow]:
        """Every row, by dossier id."""
        return self._connection.execute("SELECT * FROM dossier ORDER BY dossier")

    def close(self) -> None:
        """Delete the file."""
        self._connection.close()
