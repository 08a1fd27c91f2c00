"""The accountability report of one officer: descriptive, every number with its entries (T9).

No rate, no rank and no lateness of a person stands here: those need the fairness rules (F1 to F15),
which do not exist yet. An indicator is no proof, and the report says so.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec

from ledger.core.action import stream_id
from ledger.core.chain import Head
from projections.queries.timeline import EventFilter, TimelineRow, events
from projections.store.sqlite import ReadStore

NOTE: Final = "indicator, not proof"


class EntryLink(msgspec.Struct, frozen=True):
    """Where an entry stands, so that anyone can look: index, leaf, stream and version."""

    index: int
    leaf: str
    stream: str
    version: int
    type: str
    occurred_at: str


class HeldInterval(msgspec.Struct, frozen=True):
    """A stretch in which the officer held a dossier; `inferred` where nobody accepted it."""

    dossier: str
    from_at: str
    to_at: str
    inferred: bool
    from_version: int
    to_version: int


class HandoverLink(msgspec.Struct, frozen=True):
    """A hand-over given to or received from another officer, and the entry that shows it."""

    dossier: str
    version: int
    other: str


class OfficerReport(msgspec.Struct, frozen=True):
    """What an officer did in a period (UTC instants, both included), as of a head of the log.

    `control_sum` is the SHA-256 over index and leaf of every entry used, in order.
    """

    officer: str
    from_at: str
    to_at: str
    head: Head
    entries: tuple[EntryLink, ...]
    entries_by_type: tuple[tuple[str, int], ...]
    dossiers: tuple[str, ...]
    given: tuple[HandoverLink, ...]
    received: tuple[HandoverLink, ...]
    held: tuple[HeldInterval, ...]
    control_sum: str
    note: str = NOTE


def officer_report(
    store: ReadStore, officer: str, from_at: str = "", to_at: str = ""
) -> OfficerReport | None:
    """The report; None for an officer who has no entry in the period."""
    rows = [
        row
        for row in events(
            store, EventFilter(actor=officer, occurred_from=from_at, occurred_to=to_at)
        )
        if row.action.actor.kind == "officer"
    ]
    if not rows:
        return None
    links = tuple(
        EntryLink(r.index, r.leaf, r.stream, r.version, r.type, r.occurred_at) for r in rows
    )
    control = sha256(b"".join(f"{link.index}:{link.leaf}\n".encode() for link in links))
    return OfficerReport(
        officer=officer,
        from_at=from_at,
        to_at=to_at,
        head=store.head(),
        entries=links,
        entries_by_type=_by_type(rows),
        dossiers=tuple(sorted({r.stream for r in rows if r.stream.startswith("dossier:")})),
        given=_handovers(store, "giver", "receiver", officer, from_at, to_at),
        received=_handovers(store, "receiver", "giver", officer, from_at, to_at),
        held=_held(store, officer, from_at, to_at),
        control_sum=control.hexdigest(),
    )


def _by_type(rows: list[TimelineRow]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.type] = counts.get(row.type, 0) + 1
    return tuple(sorted(counts.items()))


def _handovers(
    store: ReadStore, own: str, other: str, officer: str, from_at: str, to_at: str
) -> tuple[HandoverLink, ...]:
    rows = store.rows(
        f"SELECT h.dossier, h.version, h.{other} FROM handover h "  # noqa: S608 - column names of ours
        f"WHERE h.{own} = ? ORDER BY h.dossier, h.version",
        (officer,),
    )
    if from_at or to_at:
        inside = {
            (r.stream, r.version)
            for r in events(store, EventFilter(occurred_from=from_at, occurred_to=to_at))
        }
        rows = [row for row in rows if (stream_id("dossier", row[0]), row[1]) in inside]
    return tuple(HandoverLink(*row) for row in rows)


def _held(store: ReadStore, officer: str, from_at: str, to_at: str) -> tuple[HeldInterval, ...]:
    rows = store.rows(
        "SELECT dossier, from_at, to_at, inferred, from_version, to_version FROM interval "
        "WHERE officer = ? AND kind = 'held' AND to_at >= ? AND from_at <= ? "
        "ORDER BY dossier, number",
        (officer, from_at, to_at or "9999"),
    )
    return tuple(HeldInterval(d, a, b, bool(i), v, w) for d, a, b, i, v, w in rows)
