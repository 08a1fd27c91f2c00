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


class ActivityRow(msgspec.Struct, frozen=True):
    """How many entries of one type an officer has in dossiers."""

    officer: str
    type: str
    entries: int


def list_activity(store: ReadStore, officer: str = "") -> list[ActivityRow]:
    """Entries by officer and type, of one officer or, with "", of all."""
    rows = store.rows(
        "SELECT officer, type, entries FROM officer_type WHERE ? IN ('', officer) "
        "ORDER BY officer, type",
        (officer,),
    )
    return [ActivityRow(*row) for row in rows]
