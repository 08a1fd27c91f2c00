"""Stream heads in a temporary file: what a rebuild knows of streams that it has not met lately."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Self

from ledger.core.chain import EMPTY_STREAM, StreamHead


class TemporaryHeads:
    """Where each stream of some logs stands; nothing of it outlives the object."""

    def __init__(self) -> None:
        # An empty name: a file that SQLite makes when memory is full, and deletes at the end.
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute(
            "CREATE TABLE head (stream TEXT PRIMARY KEY, version INTEGER, leaf TEXT) WITHOUT ROWID"
        )

    def stream_head(self, stream: str) -> StreamHead:
        """Where a stream stands; version 0 for one without entries."""
        row = self._connection.execute(
            "SELECT version, leaf FROM head WHERE stream = ?", (stream,)
        ).fetchone()
        return EMPTY_STREAM if row is None else StreamHead(*row)

    def keep(self, heads: Mapping[str, StreamHead]) -> None:
        """Take over what memory forgets."""
        self._connection.execute("BEGIN")
        self._connection.executemany(
            "INSERT OR REPLACE INTO head VALUES (?,?,?)",
            [(stream, head.version, head.leaf) for stream, head in sorted(heads.items())],
        )
        self._connection.execute("COMMIT")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
