"""Import of event logs into the embedded log, a fresh home for each run; prints JSON.

    python scripts/benchmarks/import_log.py FILE... [--again] [--profile]

`read` is both passes over the file and the making of actions without a log; `import` is the whole
way, signed, chained and committed (SQLite, synchronous=FULL); with --again a second run follows,
which finds everything recorded. Of a large file a process of its own prepares the cases (see
`consumers.workers.prepare_process`). Which share signing has is printed apart.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import platform
import pstats
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from consumers.bootstrap import Settings, utc_now
from consumers.creation import create_ledger
from consumers.workers.importer import ImportOptions, ImportSummary, import_file
from ledger.adapters import csv_log, xes
from ledger.app.limits import SUBMISSION_ACTIONS_MAX
from ledger.core.action import encode_action
from ledger.domain.importing import Columns, ImportRules, case_actions
from ledger.entry.signatures import SigningKey


def read_only(path: Path) -> list[bytes]:
    """The actions of a file, made without any log."""
    rules = ImportRules("benchmark")
    if ".csv" in path.suffixes:
        cases = csv_log.read_cases(path, csv_log.summarise(path, Columns()))
    else:
        xes.summarise(path)
        cases = xes.read_cases(path)
    return [encode_action(a) for case in cases for a in case_actions(case, rules).actions]


def sign_seconds(key: SigningKey, actions: list[bytes]) -> float:
    """Seconds to sign the actions, a thousand together."""
    begun = perf_counter()
    for start in range(0, len(actions), SUBMISSION_ACTIONS_MAX):
        key.sign(actions[start : start + SUBMISSION_ACTIONS_MAX])
    return perf_counter() - begun


def measure(path: Path, *, again: bool) -> dict[str, object]:
    """Rates of one file in events a second."""
    begun = perf_counter()
    actions = read_only(path)
    read_seconds = perf_counter() - begun
    with (
        tempfile.TemporaryDirectory() as name,
        create_ledger(Settings(Path(name) / "home")) as ledger,
    ):
        key = ledger.keys.load_signing_key("source")

        def run() -> tuple[ImportSummary, float]:
            since = perf_counter()
            summary = import_file(path, ledger.logs, key, ledger.keys, ImportOptions(), now=utc_now)
            return summary, perf_counter() - since

        summary, seconds = run()
        result: dict[str, object] = {
            "file": path.name,
            "events": summary.events,
            "recorded": summary.recorded,
            "refused_cases": summary.refused_cases,
            "bytes_per_action": sum(map(len, actions)) // max(1, len(actions)),
            "read_per_second": round(summary.events / read_seconds),
            "import_per_second": round(summary.recorded / seconds),
            "signing_share": round(sign_seconds(key, actions) / seconds, 3),
        }
        if again:
            second, seconds = run()
            result["again_recorded"] = second.recorded
            result["again_per_second"] = round(second.events / seconds)
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--again", action="store_true", help="import a second time")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    options = parser.parse_args()
    profiler = cProfile.Profile()
    if options.profile:
        profiler.enable()
    results = [measure(path, again=options.again) for path in options.files]
    profiler.disable()
    if options.profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    print(
        json.dumps(
            {
                "benchmark": "import",
                "log": "SQLite, synchronous=FULL",
                "python": platform.python_version(),
                "machine": f"{os.cpu_count()} x {platform.machine()}",
                "results": results,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
