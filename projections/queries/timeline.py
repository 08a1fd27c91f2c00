"""Entries as rows: of one dossier, of a range, or chosen by actor, type and time."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from itertools import groupby, islice
from typing import Any

import msgspec

from ledger.core.action import Action, decode_action, plain_id, stream_id
from ledger.domain.upcasting import upcast
from projections.queries.as_of import NOW, AsOf
from projections.store.sqlite import ReadStore

ROWS_MAX = 1_000_000
"""Rows of one answer: beyond it the question needs a filter."""


class TimelineRow(msgspec.Struct, frozen=True):
    """One entry: where it stands, when it was recorded and when it happened, and its action.

    `action` is what was recorded; folds take `current`.
    """

    log: int
    index: int
    stream: str
    version: int
    recorded_at: str
    occurred_at: str
    type: str
    actor: str
    leaf: str
    action: Action

    @property
    def current(self) -> Action:
        """The action as the newest schema of its type says it."""
        return upcast(self.action)


class EventFilter(msgspec.Struct, frozen=True):
    """What to choose; "" and the bounds left out choose everything. Times are UTC text.

    `log` -1 chooses every log; bounds of the index speak of each log that is chosen.
    """

    stream: str = ""
    actor: str = ""
    type: str = ""
    occurred_from: str = ""
    occurred_to: str = ""
    log: int = -1
    first_index: int = 0
    last_index: int = 2**62
    limit: int = ROWS_MAX


def events(store: ReadStore, chosen: EventFilter, as_of: AsOf = NOW) -> Iterator[TimelineRow]:
    """The chosen entries in the order of their recording; those of one log by index."""
    condition, arguments = as_of.condition(store)
    clauses = [condition, "idx BETWEEN ? AND ?"]
    values: list[object] = [*arguments, chosen.first_index, chosen.last_index]
    for column, value in (
        ("stream = ?", chosen.stream),
        ("actor = ?", chosen.actor),
        ("type = ?", chosen.type),
        ("occurred_at >= ?", chosen.occurred_from),
        ("occurred_at <= ?", chosen.occurred_to),
    ):
        if value:
            clauses.append(column)
            values.append(value)
    logs = [cursor.log for cursor in store.cursors() if chosen.log in (-1, cursor.log)]
    if chosen.stream:
        # A stream lies in one log: its own index finds it there, whichever that is.
        parts = [_rows(store, clauses, values)]
    else:
        parts = [_rows(store, [*clauses, "log = ?"], [*values, log]) for log in logs]
    for _, _, _, row in islice(merge(*parts), chosen.limit):
        log, index, stream, version, recorded_at, occurred_at, type_name, actor, leaf, action = row
        yield TimelineRow(
            log,
            index,
            stream,
            version,
            recorded_at,
            occurred_at,
            type_name,
            actor,
            leaf,
            decode_action(action),
        )


def _rows(
    store: ReadStore, clauses: list[str], values: list[object]
) -> Iterator[tuple[str, int, int, tuple[Any, ...]]]:
    """Rows of one log with what they are merged by: a clock that ran back swaps none of them."""
    query = (
        "SELECT log, idx, stream, version, recorded_at, occurred_at, type, actor, leaf, action "  # noqa: S608 - clauses of ours, values as parameters
        f"FROM timeline WHERE {' AND '.join(clauses)} ORDER BY idx"
    )
    newest = ""
    for row in store.connection.execute(query, values):
        log, index, recorded_at = row[0], row[1], row[4]
        newest = max(newest, recorded_at)
        yield newest, log, index, row


def by_dossier(
    store: ReadStore, as_of: AsOf = NOW, dossiers: frozenset[str] | None = None
) -> Iterator[tuple[str, list[tuple[int, Action]]]]:
    """Each dossier (or each of those named) by id, with version and action of its entries, as
    folds take them."""
    condition, arguments = as_of.condition(store)
    # Stream ids of a kind lie side by side: `:` is followed by `;`.
    rows = store.connection.execute(
        "SELECT stream, version, action FROM timeline "  # noqa: S608 - clauses of ours, values as parameters
        f"WHERE stream >= 'dossier:' AND stream < 'dossier;' AND {condition} "
        "ORDER BY stream, version",
        arguments,
    )
    for stream, group in groupby(rows, key=lambda row: row[0]):
        dossier = plain_id(stream)
        if dossiers is None or dossier in dossiers:
            yield dossier, [(n, upcast(decode_action(action))) for _, n, action in group]


def dossier_events(store: ReadStore, dossier: str, as_of: AsOf = NOW) -> list[TimelineRow]:
    """All entries of a dossier by version."""
    return list(events(store, EventFilter(stream=stream_id("dossier", dossier)), as_of))
