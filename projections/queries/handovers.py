"""Hand-overs between officers and A-B-A returns, each with the dossiers behind it (I3, I22, T8)."""

from __future__ import annotations

import msgspec

from projections.store.sqlite import ReadStore


class HandoverRow(msgspec.Struct, frozen=True):
    """How often one officer's entry was followed by another's."""

    giver: str
    receiver: str
    count: int


class ReturnRow(msgspec.Struct, frozen=True):
    """One A-B-A: the dossier came back to `officer` from `other` with the entry of `version`."""

    dossier: str
    version: int
    officer: str
    other: str


def list_handovers(store: ReadStore) -> list[HandoverRow]:
    """Pairs by count descending, then by names."""
    rows = store.rows(
        "SELECT giver, receiver, count(*) AS n FROM handover GROUP BY giver, receiver "
        "ORDER BY n DESC, giver, receiver"
    )
    return [HandoverRow(*row) for row in rows]


def list_returns(store: ReadStore) -> list[ReturnRow]:
    """Every A-B-A return, by dossier and version."""
    rows = store.rows(
        "SELECT dossier, version, officer, other FROM returned ORDER BY dossier, version"
    )
    return [ReturnRow(*row) for row in rows]
