"""Duties of many dossiers, from their entries (T6, T7): computed when asked, memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import msgspec

from ledger.core.action import decode_action, plain_id
from ledger.domain.duties import check_duties
from ledger.domain.duty import DutyResult
from ledger.domain.rules import Rules
from projections.queries.as_of import NOW, AsOf
from projections.queries.registry import registry_as_of
from projections.store.sqlite import ReadStore


class DutyRow(msgspec.Struct, frozen=True):
    """A duty of a dossier, and the versions of the dossier's entries behind the answer."""

    dossier: str
    found: DutyResult
    versions: tuple[int, ...]


def list_duties(
    store: ReadStore,
    *,
    at: str,
    rules: Rules,
    as_of: AsOf = NOW,
    dossiers: frozenset[str] | None = None,
) -> Iterator[DutyRow]:
    """The answer to each duty of each dossier (or of those named), by dossier and duty, as at the
    instant `at`; what was recorded by `as_of` is known."""
    registry = registry_as_of(store, as_of)
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
        if dossiers is not None and dossier not in dossiers:
            continue
        entries = [(version, decode_action(action)) for _, version, action in group]
        versions = {action.id: version for version, action in entries}
        for found in check_duties(entries, registry, rules, at):
            behind = sorted(versions[entry] for entry in found.entries if entry in versions)
            yield DutyRow(dossier, found, tuple(behind))
