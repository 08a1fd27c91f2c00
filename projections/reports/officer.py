"""The accountability report of one officer: descriptive, every number with its entries (T9).

No rate, no rank and no lateness of a person stands here: those need the fairness rules (F1 to F15),
which do not exist yet. An indicator is no proof, and the report says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

import msgspec

from ledger.core.chain import Head
from projections.store.sqlite import ReadStore

NOTE: Final = "indicator, not proof"

_END_OF_TIME: Final = "~"
"""Sorts behind every instant."""


class EntryLink(msgspec.Struct, frozen=True):
    """Where an entry stands, so that anyone can look: log, index, leaf, stream and version."""

    log: int
    index: int
    leaf: str
    stream: str
    version: int
    type: str
    occurred_at: str


class HeldInterval(msgspec.Struct, frozen=True):
    """A stretch in which the officer held a dossier; `inferred` where nobody accepted it.

    Whole, also where it reaches beyond the period. The versions are its first and last entry.
    """

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
    log: int
    index: int
    leaf: str
    occurred_at: str


class OfficerReport(msgspec.Struct, frozen=True):
    """What an officer did in a period (UTC instants, both included), as of a head of each log.

    Every entry of the officer stands in `entries` once; counted by type and by stream they give the
    same total (`adds_up`). `dossiers` are streams. `control_sum` is the SHA-256 over index and leaf
    of every entry, in order: whoever has the log can compute it again.
    """

    officer: str
    from_at: str
    to_at: str
    heads: dict[str, Head]
    entries: tuple[EntryLink, ...]
    entries_by_type: tuple[tuple[str, int], ...]
    dossiers: tuple[str, ...]
    given: tuple[HandoverLink, ...]
    received: tuple[HandoverLink, ...]
    held: tuple[HeldInterval, ...]
    control_sum: str
    note: str = NOTE
    entries_by_stream: tuple[tuple[str, int], ...] = ()

    @property
    def adds_up(self) -> bool:
        """Whether all totals are those of the entries listed."""
        total = len(self.entries)
        return (
            sum(count for _, count in self.entries_by_type) == total
            and sum(count for _, count in self.entries_by_stream) == total
            and control_sum(self.entries) == self.control_sum
        )


def control_sum(entries: tuple[EntryLink, ...]) -> str:
    """The hex SHA-256 over `<index>:<leaf>` and a line feed of each entry."""
    return sha256(b"".join(f"{e.index}:{e.leaf}\n".encode() for e in entries)).hexdigest()


def officer_report(
    store: ReadStore, officer: str, from_at: str = "", to_at: str = ""
) -> OfficerReport | None:
    """The report; None for an officer who has no entry in the period. `""` leaves an end open."""
    period = (from_at, to_at or _END_OF_TIME)
    entries = tuple(
        EntryLink(*row)
        for row in store.rows(
            "SELECT log, idx, leaf, stream, version, type, occurred_at FROM timeline "
            "WHERE actor = ? AND actor_kind = 'officer' AND occurred_at BETWEEN ? AND ? "
            "ORDER BY log, idx",
            (officer, *period),
        )
    )
    if not entries:
        return None
    streams = Counter(entry.stream for entry in entries)
    return OfficerReport(
        officer=officer,
        from_at=from_at,
        to_at=to_at,
        heads={cursor.origin: cursor.head for cursor in store.cursors()},
        entries=entries,
        entries_by_type=tuple(sorted(Counter(entry.type for entry in entries).items())),
        dossiers=tuple(sorted(name for name in streams if name.startswith("dossier:"))),
        given=_handovers(store, "giver", "receiver", (officer, *period)),
        received=_handovers(store, "receiver", "giver", (officer, *period)),
        held=_held(store, (officer, *period)),
        control_sum=control_sum(entries),
        entries_by_stream=tuple(sorted(streams.items())),
    )


def _handovers(
    store: ReadStore, own: str, other: str, chosen: tuple[str, str, str]
) -> tuple[HandoverLink, ...]:
    rows = store.rows(
        f"SELECT h.dossier, h.version, h.{other}, t.log, t.idx, t.leaf, t.occurred_at "  # noqa: S608 - column names of ours
        "FROM handover h "
        "JOIN timeline t ON t.stream = dossier_stream(h.dossier) AND t.version = h.version "
        f"WHERE h.{own} = ? AND t.occurred_at BETWEEN ? AND ? ORDER BY h.dossier, h.version",
        chosen,
    )
    return tuple(HandoverLink(*row) for row in rows)


def _held(store: ReadStore, chosen: tuple[str, str, str]) -> tuple[HeldInterval, ...]:
    rows = store.rows(
        "SELECT dossier, from_at, to_at, inferred, from_version, to_version FROM interval "
        "WHERE officer = ? AND kind = 'held' AND to_at >= ? AND from_at <= ? "
        "ORDER BY dossier, number",
        chosen,
    )
    return tuple(HeldInterval(d, a, b, bool(i), v, w) for d, a, b, i, v, w in rows)


ROW_COLUMNS: Final = (
    "section",
    "dossier_or_stream",
    "other",
    "from_at",
    "to_at",
    "inferred",
    "type",
    "first_version",
    "last_version",
    "log",
    "index",
    "leaf",
)


def report_rows(report: OfficerReport) -> Iterator[dict[str, str | int | bool]]:
    """The report as flat rows for CSV: columns `ROW_COLUMNS`, "" where one does not apply."""
    empty: dict[str, str | int | bool] = dict.fromkeys(ROW_COLUMNS, "")
    for entry in report.entries:
        yield empty | {
            "section": "entry",
            "dossier_or_stream": entry.stream,
            "from_at": entry.occurred_at,
            "to_at": entry.occurred_at,
            "type": entry.type,
            "first_version": entry.version,
            "last_version": entry.version,
            "log": entry.log,
            "index": entry.index,
            "leaf": entry.leaf,
        }
    for section, links in (("given", report.given), ("received", report.received)):
        for link in links:
            yield empty | {
                "section": section,
                "dossier_or_stream": link.dossier,
                "other": link.other,
                "from_at": link.occurred_at,
                "to_at": link.occurred_at,
                "first_version": link.version,
                "last_version": link.version,
                "log": link.log,
                "index": link.index,
                "leaf": link.leaf,
            }
    for held in report.held:
        yield empty | {
            "section": "held",
            "dossier_or_stream": held.dossier,
            "from_at": held.from_at,
            "to_at": held.to_at,
            "inferred": held.inferred,
            "first_version": held.from_version,
            "last_version": held.to_version,
        }
