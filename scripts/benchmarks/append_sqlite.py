"""Append to the SQLite log (synchronous=FULL) beside bare SQLite inserts in the same run; JSON.

    python scripts/benchmarks/append_sqlite.py [--seconds 3] [--folder DIR]

Actions are signed beforehand: signing is measured apart. The bare insert writes the same bytes with
the same settings into a table with one index, as many in a transaction as there are callers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.adapters.sqlite_log import SqliteLog
from ledger.adapters.sqlite_table import PAGE_BYTES
from ledger.app.genesis import genesis_entry
from ledger.app.submission import SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.ids import uuid7_text
from ledger.entry.signatures import SigningKey

AT = "2026-03-02T08:00:00.000000Z"
ENTRIES_PER_STREAM = 10
KEY = SigningKey("bench", Ed25519PrivateKey.generate(), "ledger")


def make_submissions(count: int, size: int, start: int) -> list[Submission]:
    """`count` submissions of `size` actions each, about 770 bytes an entry."""
    submissions = []
    for first in range(start, start + count * size, size):
        actions = []
        for number in range(first, first + size):
            action = Action(
                id=uuid7_text(1_770_000_000_000 + number, sha256(b"%d" % number).digest()),
                type="dossier.custody_accepted.v1",
                stream=f"dossier:2026-{number // ENTRIES_PER_STREAM:09d}",
                occurred_at=OccurredAt(AT, "second"),
                actor=Actor(kind="officer", id=f"officer-{number % 500}", unit="unit-7"),
                data={"from_officer_id": f"officer-{number % 97}"},
            )
            actions.append((action, encode_action(action)))
        sigs = KEY.sign([data for _, data in actions])
        submissions.append(
            Submission(
                tuple(
                    SignedAction(action.id, action.stream, action.type, data, sig)
                    for (action, data), sig in zip(actions, sigs, strict=True)
                )
            )
        )
    return submissions


def open_log(folder: Path, name: str) -> SqliteLog:
    """A fresh log."""
    genesis = genesis_entry(
        f"bench-{name}",
        0,
        1,
        [KEY.enrolled()],
        KEY,
        uuid7_text(0, bytes(10)),
        AT,
        sha256(b"").hexdigest(),
    )
    return SqliteLog.create(folder / f"{name}.sqlite", genesis)


def measure_callers(folder: Path, callers: int, count: int) -> dict[str, float]:
    """`callers` coroutines append one action at a time."""
    submissions = make_submissions(count, 1, 0)
    log = open_log(folder, f"callers-{callers}")
    waits: list[float] = []

    async def caller(queue: list[Submission]) -> None:
        while queue:
            submission = queue.pop()
            begun = perf_counter()
            await log.append(submission)
            waits.append(perf_counter() - begun)

    async def run() -> None:
        await asyncio.gather(*(caller(submissions) for _ in range(callers)))

    begun = perf_counter()
    asyncio.run(run())
    seconds = perf_counter() - begun
    log.close()
    return {"entries_per_second": count / seconds, "p50_ms": 1000 * median(waits)}


def measure_bulk(folder: Path, count: int, size: int) -> dict[str, float]:
    """Submissions of `size` actions, many at a time, as an import sends them."""
    submissions = make_submissions(count // size, size, 0)
    log = open_log(folder, "bulk")
    begun = perf_counter()
    for first in range(0, len(submissions), 40):
        log.submit(submissions[first : first + 40])
    seconds = perf_counter() - begun
    log.close()
    return {"entries_per_second": count / seconds}


def measure_bare(folder: Path, name: str, group: int) -> dict[str, float]:
    """Bare inserts of the very entries of log `name`, `group` a transaction, synchronous=FULL."""
    with closing(sqlite3.connect(folder / f"{name}.sqlite")) as written:
        rows = written.execute("SELECT idx, stream, data FROM entry ORDER BY idx").fetchall()
    connection = sqlite3.connect(folder / f"bare-{name}.sqlite", isolation_level=None)
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE entry (idx INTEGER PRIMARY KEY, stream TEXT, data BLOB)")
    connection.execute("CREATE INDEX entry_stream ON entry (stream)")
    begun = perf_counter()
    for first in range(0, len(rows), group):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO entry VALUES (?, ?, ?)", rows[first : first + group])
        connection.execute("COMMIT")
    seconds = perf_counter() - begun
    connection.close()
    return {
        "entries_per_second": len(rows) / seconds,
        "bytes_per_entry": sum(len(row[2]) for row in rows) / len(rows),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="aim for each measurement")
    parser.add_argument("--folder", type=Path, help="where the files lie; default a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        scale = options.seconds
        cases: list[tuple[str, Callable[[], dict[str, float]], Callable[[], dict[str, float]]]] = [
            (
                "1 caller",
                lambda: measure_callers(folder, 1, int(2_500 * scale)),
                lambda: measure_bare(folder, "callers-1", 1),
            ),
            (
                "64 callers",
                lambda: measure_callers(folder, 64, int(20_000 * scale)),
                lambda: measure_bare(folder, "callers-64", 64),
            ),
            (
                "bulk",
                lambda: measure_bulk(folder, int(40 * scale) * 1_000, 50),
                lambda: measure_bare(folder, "bulk", 2_000),
            ),
        ]
        results = []
        for case, ours, bare in cases:
            mine, theirs = ours(), bare()
            ratio = mine["entries_per_second"] / theirs["entries_per_second"]
            results.append({"case": case, "ledger": mine, "bare": theirs, "ratio": round(ratio, 3)})
    print(
        json.dumps(
            {
                "benchmark": "append_sqlite",
                "synchronous": "FULL",
                "journal": "WAL",
                "sqlite": sqlite3.sqlite_version,
                "python": platform.python_version(),
                "machine": f"{os.cpu_count()} x {platform.machine()}",
                "results": results,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
