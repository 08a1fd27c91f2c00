"""Digests of projections: the same actions give the same digest, whatever log carried them.

SHA-256 over the rows in key order, each as a canonical JSON array and a line feed, without index,
recorded_at, leaf and cursor, and without the log's own streams (DESIGN.md section 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from projections.store.sqlite import ReadStore

_QUERIES: Final = {
    "timeline": "SELECT stream, version, occurred_at, type, actor_kind, actor, hex(action) "
    "FROM timeline WHERE stream NOT LIKE 'ledger:%' ORDER BY stream, version",
    "dossier": "SELECT dossier, status, portal_status, holder, due_at, ended_at, delivered_at, "
    "version, hex(fold) FROM dossier ORDER BY dossier",
    "interval": "SELECT * FROM interval ORDER BY dossier, number",
    "handover": "SELECT * FROM handover ORDER BY dossier, version",
    "returned": "SELECT * FROM returned ORDER BY dossier, version",
    "officer_dossier": "SELECT * FROM officer_dossier ORDER BY officer, dossier",
    "officer_type": "SELECT * FROM officer_type ORDER BY officer, type",
}

PROJECTIONS: Final = tuple(_QUERIES)
"""The names of all that have a digest."""


def digests(store: ReadStore, names: Iterable[str] = PROJECTIONS) -> dict[str, str]:
    """The hex digest of each projection by name, of all or of some."""
    found: dict[str, str] = {}
    for name in names:
        hasher = RowHasher()
        for row in store.connection.execute(_QUERIES[name]):
            hasher.add(row)
        found[name] = hasher.hex()
    return found


class RowHasher:
    """The digest of rows that are given one by one, as the query of a projection has them."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._hasher = sha256()

    def add(self, row: Sequence[Any]) -> None:
        """The next row."""
        self._hasher.update(self._encode(row) + b"\n")

    def add_dossier(self, row: Sequence[Any]) -> None:
        """The next row of the table `dossier`."""
        *columns, fold = row
        self.add((*columns, fold.hex().upper()))

    def hex(self) -> str:
        """The digest of all rows so far."""
        return self._hasher.hexdigest()
