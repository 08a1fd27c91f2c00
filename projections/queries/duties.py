"""Duties of many dossiers, from their entries (T6, T7): computed when asked, memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ledger.domain.duties import check_duties
from ledger.domain.duty import DutyResult
from ledger.domain.rules import Rules
from projections.queries.as_of import NOW, AsOf
from projections.queries.registry import registry_as_of
from projections.queries.timeline import by_dossier
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
    for dossier, entries in by_dossier(store, as_of, dossiers):
        versions = {action.id: version for version, action in entries}
        for found in check_duties(entries, registry, rules, at):
            behind = sorted(versions[entry] for entry in found.entries if entry in versions)
            yield DutyRow(dossier, found, tuple(behind))
