"""What an evidence bundle takes of the read store: where entries stand that others lean on."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from ledger.core.action import Action, decode_action
from ledger.entry.bundle import Place
from projections.store.sqlite import ReadStore

_SHARED_KINDS: Final = ("authority", "calendar")
"""Registry streams that speak of everybody."""


class StandingEntry(msgspec.Struct, frozen=True):
    """An entry of the registry, and where it stands."""

    log: int
    index: int
    action: Action


def officer_leaves(store: ReadStore, officer: str, log: int, size: int) -> list[tuple[int, str]]:
    """Index and leaf of each entry of an officer among the first `size` of a log; void entries are
    not among them (`void_indexes`)."""
    rows = store.rows(
        "SELECT idx, leaf FROM timeline WHERE actor = ? AND actor_kind = 'officer' AND log = ? "
        "AND idx < ? ORDER BY idx",
        (officer, log, size),
    )
    return [(index, leaf) for index, leaf in rows]


def void_indexes(store: ReadStore, log: int, size: int) -> list[int]:
    """The indexes of entries that count and are applied by no fold."""
    rows = store.rows(
        "SELECT DISTINCT idx FROM finding WHERE log = ? AND idx BETWEEN 0 AND ? AND NOT EXISTS "
        "(SELECT 1 FROM timeline t WHERE t.log = finding.log AND t.idx = finding.idx) "
        "ORDER BY idx",
        (log, size - 1),
    )
    return [index for (index,) in rows]


def key_places(store: ReadStore, log: int, origin: str) -> list[Place]:
    """Where a log enrols and revokes keys, genesis first, and where its sealing was opened.

    Its keys are known even where its own stream was set aside.
    """
    rows = store.rows("SELECT idx FROM log_key WHERE log = ? ORDER BY idx", (log,))
    opened = places_of(store, f"ledger:{origin}", "ledger.sealing_opened.v1")
    return [*(Place(log, index) for (index,) in rows), *opened]


def shared_registry(store: ReadStore) -> Iterator[StandingEntry]:
    """Authority and calendars, of every version."""
    for kind in _SHARED_KINDS:
        # Stream ids of a kind lie side by side: `:` is followed by `;`.
        yield from _entries(store, "stream >= ? AND stream < ?", (f"{kind}:", f"{kind};"))


def registry_of(store: ReadStore, streams: Collection[str]) -> Iterator[StandingEntry]:
    """Every entry of the streams named, of those that there are."""
    for stream in sorted(streams):
        yield from _entries(store, "stream = ?", (stream,))


def places_of(store: ReadStore, stream: str, type_name: str) -> list[Place]:
    """Where the entries of a type stand in a stream, in its order."""
    rows = store.rows(
        "SELECT log, idx FROM timeline WHERE stream = ? AND type = ? ORDER BY version",
        (stream, type_name),
    )
    return [Place(log, index) for log, index in rows]


def is_parked(store: ReadStore, stream: str) -> bool:
    """Whether a stream was set aside: not all of its entries are among the rows."""
    return bool(store.rows("SELECT 1 FROM parked WHERE stream = ?", (stream,)))


def _entries(
    store: ReadStore, condition: str, values: tuple[object, ...]
) -> Iterator[StandingEntry]:
    rows = store.rows(
        f"SELECT log, idx, action FROM timeline WHERE {condition} ORDER BY log, idx",  # noqa: S608 - conditions of ours, values as parameters
        values,
    )
    for log, index, action in rows:
        yield StandingEntry(log, index, decode_action(action))
