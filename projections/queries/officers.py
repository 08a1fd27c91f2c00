"""Officers as actors: how many entries in how many dossiers. No rate, no rank."""

from __future__ import annotations

import msgspec

from projections.store.sqlite import ReadStore


class OfficerRow(msgspec.Struct, frozen=True):
    """One officer (the source's account, byte for byte)."""

    officer: str
    entries: int
    dossiers: int


def list_officers(store: ReadStore) -> list[OfficerRow]:
    """All officers who acted, by id."""
    rows = store.rows(
        "SELECT officer, sum(entries), count(*) FROM officer_dossier "
        "GROUP BY officer ORDER BY officer"
    )
    return [OfficerRow(*row) for row in rows]
