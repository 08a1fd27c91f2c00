"""What the ledger says of a generated year, compared with what is true of it.

Everything comes from the read store, so from entries: custody row by row, the clocks of each
dossier, and which duties are broken. The truth file is read beside it.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from consumers.generate.truth import DossierTruth, TrueClocks
from ledger.core.times import parse_instant
from ledger.domain.clocks import Clocks, clocks
from ledger.domain.duties import DUTIES
from ledger.domain.rules import Rules
from projections.queries.dossiers import list_dossiers
from projections.queries.duties import list_duties
from projections.store.sqlite import ReadStore

JUDGED_AT: Final = "2026-12-01T00:00:00.000000Z"
"""Behind everything that a generated year holds: nothing is due later."""

BACKDATED: Final = "backdating"
"""Where an end is claimed earlier than it was, the clocks are those of the claim; the label and the
order of the entries say so."""

_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTE_MICROSECONDS: Final = 60_000_000

Row = tuple[str, str, str, str, str]
"""Kind, officer, unit, from, to."""


class DutyFound(msgspec.Struct, frozen=True):
    """Dossiers in which a duty was broken on purpose, in which it was found broken, and both."""

    duty: str
    planted: int
    found: int
    both: int

    @property
    def precision(self) -> float | None:
        """Share of what was found that was planted; None where nothing was found."""
        return self.both / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        """Share of what was planted that was found; None where nothing was planted."""
        return self.both / self.planted if self.planted else None


class Compared(msgspec.Struct, frozen=True):
    """The comparison. `custody_differs`, `clocks_differ`, `sums_differ` name dossiers.

    `sums_differ`: the three clocks and the time after the end are not the lifetime, exactly.
    `backdated` counts dossiers whose clocks are judged by what was claimed.
    """

    entries: int
    dossiers: int
    intervals: int
    custody_differs: tuple[str, ...]
    clocks_differ: tuple[str, ...]
    sums_differ: tuple[str, ...]
    backdated: int
    duties: tuple[DutyFound, ...]

    @property
    def is_true(self) -> bool:
        """Whether the ledger says what is true, everywhere."""
        differs = self.custody_differs or self.clocks_differ or self.sums_differ
        return not differs and all(d.planted == d.found == d.both for d in self.duties)


def read_truth(path: Path) -> Iterator[DossierTruth]:
    """The dossiers of a truth file, one after another."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        next(iter(file))  # seed and number
        for line in file:
            yield msgspec.json.decode(line, type=DossierTruth)


def compare(store: ReadStore, truth_file: Path, rules: Rules) -> Compared:
    """Compare the caught-up store of a home that holds just the generated year."""
    truths = {truth.dossier: truth for truth in read_truth(truth_file)}
    custody_differs, intervals = _custody(store, truths)
    clocks_differ, sums_differ = _clocks(store, truths)
    planted = {(t.dossier, breach.duty) for t in truths.values() for breach in t.breaches}
    found = {
        (row.dossier, row.found.duty)
        for row in list_duties(store, at=JUDGED_AT, rules=rules)
        if row.found.result == "broken"
    }
    return Compared(
        entries=sum(cursor.head.size for cursor in store.cursors()),
        dossiers=len(truths),
        intervals=intervals,
        custody_differs=custody_differs,
        clocks_differ=clocks_differ,
        sums_differ=sums_differ,
        backdated=sum(map(_is_backdated, truths.values())),
        duties=tuple(
            DutyFound(
                duty,
                sum(own == duty for _, own in planted),
                sum(own == duty for _, own in found),
                sum(own == duty for _, own in planted & found),
            )
            for duty in DUTIES
        ),
    )


def _is_backdated(truth: DossierTruth) -> bool:
    return any(label.name == BACKDATED for label in truth.behaviours)


def _custody(store: ReadStore, truths: dict[str, DossierTruth]) -> tuple[tuple[str, ...], int]:
    """The dossiers whose rows are not the truth to the minute, and how many rows were compared."""
    rows: dict[str, list[Row]] = {}
    for dossier, *row in store.connection.execute(
        "SELECT dossier, kind, officer, unit, from_at, to_at FROM interval ORDER BY dossier, number"
    ):
        rows.setdefault(dossier, []).append((row[0], row[1], row[2], row[3], row[4]))
    told = {
        truth.dossier: [(i.kind, i.officer, i.unit, i.from_at, i.to_at) for i in truth.custody]
        for truth in truths.values()
    }
    every = sorted(rows.keys() | told.keys())
    differs = tuple(name for name in every if rows.get(name) != told.get(name))
    return differs, sum(map(len, rows.values()))


def _clocks(
    store: ReadStore, truths: dict[str, DossierTruth]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The dossiers whose clocks are not the truth, and those whose clocks are not the lifetime."""
    differ, sums = [], []
    for state in list_dossiers(store, at=JUDGED_AT):
        truth = truths[state.dossier_id]
        last = truth.custody[-1].to_at
        found = clocks(state, last)
        lived = (parse_instant(last) - parse_instant(state.begun_at)) // _MICROSECOND
        parts = found.office + found.applicant + found.external
        if parts != found.gross or parts + found.closed != lived or found.office < 0:
            sums.append(state.dossier_id)
        if _minutes(found) != truth.clocks and not _is_backdated(truth):
            differ.append(state.dossier_id)
    return tuple(differ), tuple(sums)


def _minutes(found: Clocks) -> TrueClocks:
    parts = (found.gross, found.office, found.applicant, found.external, found.closed)
    return TrueClocks(*(part // _MINUTE_MICROSECONDS for part in parts))
