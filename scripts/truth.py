#!/usr/bin/env python3
"""Make a year in which the truth is known, record it, and compare what the ledger says.

.venv/bin/python scripts/truth.py                       10 000 entries
.venv/bin/python scripts/truth.py --entries 100000      what the acceptance asks for

The year is generated, imported into a new embedded ledger, folded, and compared with its truth
file: every custody interval to the minute, the clocks of every dossier, and every duty in every
dossier. Prints the table of duties; exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from time import monotonic

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from consumers.bootstrap import Settings, open_ledger, utc_now
from consumers.creation import create_ledger
from consumers.generate.compare import Compared, compare
from consumers.generate.files import write_files
from consumers.workers.importer import ImportOptions, import_file
from ledger.adapters.rule_files import DEFAULT_RULES

SHOWN_MAX = 10
"""Dossiers that are named where something differs."""


def run(folder: Path, entries: int, seed: str) -> Compared:
    """Generate, import, fold and compare in `folder`."""
    settings = Settings(folder / "home")
    made = write_files(folder / "year.jsonl", entries, seed, lambda _done, _all: None)
    create_ledger(settings, "truth").close()
    with open_ledger(settings) as ledger:
        key = ledger.keys.load_signing_key("source")
        options = ImportOptions()
        summary = import_file(
            made.actions_file, ledger.logs, key, ledger.keys, options, now=utc_now
        )
        if summary.refused_cases or summary.recorded != made.actions:
            msg = f"{summary.refused_cases} streams refused: {summary.problems[:SHOWN_MAX]}"
            raise SystemExit(msg)
        with closing(ledger.store()) as store:
            return compare(store, made.truth_file, DEFAULT_RULES)


def show(found: Compared) -> None:
    """Print what was compared."""
    print(f"entries {found.entries:,}, dossiers {found.dossiers:,}")
    for what, count, differs in (
        ("custody intervals equal to the minute", found.intervals, found.custody_differs),
        ("clocks equal to the truth", found.dossiers - found.backdated, found.clocks_differ),
        ("clocks that add up to the lifetime exactly", found.dossiers, found.sums_differ),
    ):
        print(
            f"{'✗' if differs else '✓'} {what}: {count:,} compared, {len(differs)} dossiers differ"
        )
        for dossier in differs[:SHOWN_MAX]:
            print(f"    {dossier}")
    print(f"  (clocks as claimed, not as true: {found.backdated} backdated dossiers)")
    print("duty  planted  found  precision  recall")
    for row in found.duties:
        shares = ("-" if s is None else f"{s:.4f}" for s in (row.precision, row.recall))
        print(f"{row.duty:<4} {row.planted:>8} {row.found:>6} ", *(f"{s:>9}" for s in shares))


def main() -> int:
    """Run it; gives the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=10_000, help="1000 to 10000000")
    parser.add_argument("--seed", default="truth")
    chosen = parser.parse_args()
    begun = monotonic()
    with tempfile.TemporaryDirectory(prefix="pal-truth-") as folder:
        found = run(Path(folder), chosen.entries, chosen.seed)
    show(found)
    verdict = (
        "the ledger says what is true" if found.is_true else "the ledger differs from the truth"
    )
    print(f"{verdict} (seed {chosen.seed}, {monotonic() - begun:.0f} s)")
    return 0 if found.is_true else 1


if __name__ == "__main__":
    sys.exit(main())
