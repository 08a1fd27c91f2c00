"""Verify entries: links and root alone, and in full, beside bare SHA-256 in the same run; JSON.

    python scripts/benchmarks/verify.py [--entries 100000] [--submission 50]

The entries lie in memory, so no reading is measured; `links` is hash, index, prev and root, `full`
adds form, stream links and one signature a submission, `file` is the SQLite file with its columns
and SQLite's own check of its indexes. One process, one core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parent))
from append_sqlite import make_submissions, open_log

from ledger.adapters.sqlite_verify import verify_file
from ledger.app.limits import READ_RECORDS_MAX
from ledger.app.ports import Record
from ledger.core.findings import Verdict
from ledger.entry.links import LinkChecker
from ledger.entry.verify import Verifier

GROUP = 40


def measure(count: int, check: Callable[[], Verdict]) -> dict[str, object]:
    """Entries a second of one check, which must pass."""
    begun = perf_counter()
    verdict = check()
    seconds = perf_counter() - begun
    return {"entries_per_second": round(count / seconds), "verdict": verdict}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--submission", type=int, default=50, help="actions signed together")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = options.submission
        log = open_log(folder, "verify")
        for first in range(0, options.entries, size * GROUP):
            log.submit(make_submissions(min(GROUP, (options.entries - first) // size), size, first))
        head, origin = log.head(), log.origin
        entries: list[bytes] = []
        while batch := log.read(len(entries), READ_RECORDS_MAX):
            entries += [record.data for record in batch if record.data is not None]
        log.close()
        genesis_leaf = sha256(b"\x00" + entries[0]).hexdigest()

        def bare() -> Verdict:
            for data in entries:
                sha256(data).digest()
            return Verdict.PASSED

        def links() -> Verdict:
            checker = LinkChecker(origin, genesis_leaf)
            for first in range(0, len(entries), READ_RECORDS_MAX):
                checker.add(entries[first : first + READ_RECORDS_MAX])
            return checker.finish(head).verdict

        def full() -> Verdict:
            verifier = Verifier(origin, genesis_leaf, head, every_record_counts=True)
            for index, data in enumerate(entries):
                verifier.add(Record(index, data))
            return verifier.finish().verdict

        def file() -> Verdict:
            path = folder / "verify.sqlite"
            return verify_file(path, genesis_leaf=genesis_leaf, expect=head).verdict

        results = {
            check.__name__: measure(len(entries), check) for check in (bare, links, full, file)
        }
    print(
        json.dumps(
            {
                "benchmark": "verify",
                "entries": len(entries),
                "bytes_per_entry": sum(map(len, entries)) // len(entries),
                "actions_per_submission": size,
                "python": platform.python_version(),
                "machine": f"{os.cpu_count()} x {platform.machine()}",
                "results": results,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
