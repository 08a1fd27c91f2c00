"""Fault runs on three real brokers under a steady load, each judged by an independent reader.

    .venv/bin/python scripts/faults                       # 30 runs: five of each kind
    .venv/bin/python scripts/faults --kind leader-killed --runs 1 --json runs.json

Brokers come from scripts/kafka (Java 17; PAL_KAFKA_LIBS or Maven). Each run has a topic of its own
(three replicas, min.insync.replicas=2, acks=all, no fsync at each append). The invariant: an
acknowledged action counts exactly once, where its answer said; an unacknowledged one at most once;
one that was reported as not recorded never; nothing else counts. Exit code 1 where it is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ledger.adapters.kafka_admin import create_log_async
from ledger.app.genesis import genesis_entry
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.core.times import format_instant
from scripts.faults.callers import Book, Callers, WriterProcess
from scripts.faults.chain_rule import Partition, judge
from scripts.faults.cluster import Cluster
from scripts.faults.kinds import KINDS, Scene
from scripts.faults.raw_partition import read_partition
from scripts.faults.writer import KEY

STEADY_SECONDS: Final = 4.0
"""Of load before the fault, and after the callers have recovered from it."""
RECOVERY_SECONDS: Final = 90.0
FINISH_SECONDS: Final = 45.0
"""A caller waits at most 30 s for its answer."""
OWN_TYPES: Final = ("ledger.genesis.v1", "ledger.writer_opened.v1")
MUST_BE_ZERO: Final = ("lost", "doubled", "misplaced", "denied_counted", "foreign", "void")
Row = dict[str, Any]


def compare(book: Book, partition: Partition) -> Row:
    """The invariant, in numbers; those of `MUST_BE_ZERO` break it."""
    places = partition.places
    known = book.acknowledged.keys() | book.unknown
    ours = {action_id for action_id, kind in partition.types.items() if kind not in OWN_TYPES}
    # A caller that had no time to take its answer is neither acknowledged nor told anything.
    foreign = ours - known - book.denied
    return {
        "acknowledged": len(book.acknowledged),
        "unknown": len(book.unknown),
        "unknown_counted": len(book.unknown & places.keys()),
        "not_recorded": len(book.denied),
        "stray": len(partition.strays),
        "lost": len(book.acknowledged.keys() - places.keys()),
        "doubled": sum(len(found) > 1 for found in places.values()),
        "misplaced": book.changed
        + sum(
            action_id in places and place not in places[action_id]
            for action_id, place in book.acknowledged.items()
        ),
        "denied_counted": len(book.denied & places.keys()),
        "foreign": len(foreign),
        "void": len(partition.faults),
        "entries": partition.size,
        "sessions": sum(kind == OWN_TYPES[1] for kind in partition.types.values()),
    }


def is_broken(row: Row) -> bool:
    """Whether a run broke the invariant, raised a false alarm, or never recovered."""
    return any(row[name] for name in MUST_BE_ZERO) or bool(row["alarms"] or not row["recovered"])


async def new_log(bootstrap: str, topic: str) -> str:
    """A topic with a genesis; gives the genesis leaf."""
    now = datetime.now(UTC)
    genesis = genesis_entry(
        topic,
        0,
        1,
        [KEY.enrolled()],
        KEY,
        uuid7_text(int(now.timestamp() * 1000), secrets.token_bytes(10)),
        format_instant(now),
        sha256(b"{}").hexdigest(),
    )
    await create_log_async(bootstrap, topic, genesis)
    return leaf_hash(genesis).hex()


async def run_one(
    cluster: Cluster, kind: str, number: int, arguments: argparse.Namespace, sockets: Path
) -> Row:
    """One run: load, fault, recovery, judgement."""
    topic = f"faults-{kind}-{number}-{secrets.token_hex(3)}"
    leaf = await new_log(cluster.bootstrap, topic)
    await asyncio.to_thread(cluster.wait_until_whole, topic)
    log = open_log(arguments.folder / "writers", topic)
    fault, owners, patience_seconds = KINDS[kind]
    owners = owners if arguments.owners is None else arguments.owners
    writers: list[WriterProcess] = []

    def spawn() -> WriterProcess:
        socket = sockets / f"{topic[-6:]}-{len(writers)}.sock"
        options = ["--owner"] if owners else []
        writers.append(WriterProcess([*options, cluster.bootstrap, topic, leaf], socket, log))
        return writers[-1]

    pace_seconds = arguments.pace_ms / 1000
    callers = Callers(arguments.callers, pace_seconds, patience_seconds, number, topic)
    callers.writers += [spawn() for _ in range(max(owners, 1))]
    began = time.monotonic()
    try:
        is_up = await until_all_heard(callers, RECOVERY_SECONDS)
        callers.reset_pauses()
        await asyncio.sleep(STEADY_SECONDS)
        await fault(Scene(cluster, topic, callers, spawn, number))
        recovered = is_up and await until_all_heard(callers, RECOVERY_SECONDS)
        await asyncio.sleep(STEADY_SECONDS)
        await callers.finish(FINISH_SECONDS)
        asked_again = await callers.ask_again()
    finally:
        await asyncio.gather(*(writer.stop() for writer in writers))
        log.close()
    seconds = time.monotonic() - began
    await asyncio.to_thread(cluster.wait_until_whole, topic)
    records = read_partition(cluster.bootstrap, topic)
    partition = await asyncio.to_thread(judge, f"{topic}/0", records)
    row = {
        "kind": kind,
        "run": number + 1,
        "seconds": round(seconds, 1),
        **compare(callers.book, partition),
        "asked_again": asked_again,
        "longest_pause_seconds": round(callers.longest_pause, 2),
        "recovered": recovered,
        "alarms": dict(callers.book.alarms),
        "strays": [f"offset {offset}: {why}" for offset, why in partition.strays[:20]],
    }
    if not is_broken(row):
        await asyncio.to_thread(forget, cluster, topic, Path(log.name))
    return row


def forget(cluster: Cluster, topic: str, log: Path) -> None:
    """A run that held leaves nothing behind; of a broken one topic and writers' log stay."""
    cluster.delete(topic)
    log.unlink()


def open_log(folder: Path, topic: str) -> IO[bytes]:
    """Where the writers of a run say what they see."""
    folder.mkdir(exist_ok=True)
    return (folder / f"{topic}.log").open("ab")


async def until_all_heard(callers: Callers, timeout_seconds: float) -> bool:
    """Wait until every caller has had an acknowledgement from now on."""
    since = time.monotonic()
    while not callers.have_all_heard(since):
        if time.monotonic() > since + timeout_seconds:
            return False
        await asyncio.sleep(0.1)
    return True


COLUMNS: Final[Mapping[str, str]] = {
    "kind": "kind",
    "run": "run",
    "acknowledged": "acknowledged",
    "unknown": "unknown",
    "not_recorded": "not recorded",
    "stray": "stray",
    "lost": "lost",
    "doubled": "doubled",
    "misplaced": "misplaced",
    "sessions": "sessions",
    "longest_pause_seconds": "longest pause",
    "seconds": "seconds",
}


def table_line(values: Mapping[str, object]) -> str:
    """One row of the table, as Markdown."""
    return "| " + " | ".join(str(values[name]) for name in COLUMNS) + " |"


def totals(rows: list[Row]) -> Row:
    """Sums, and the worst pause."""
    summed = {
        name: sum(row[name] for row in rows)
        for name in (*COLUMNS, *MUST_BE_ZERO)
        if name not in ("kind", "run", "longest_pause_seconds")
    }
    worst = max(row["longest_pause_seconds"] for row in rows)
    longest = {"longest_pause_seconds": worst, "seconds": round(summed["seconds"], 1)}
    return {**summed, "kind": "all", "run": len(rows), **longest}


async def run_all(arguments: argparse.Namespace) -> list[Row]:
    """All runs, one after another on one cluster."""
    this = asyncio.current_task()
    if this is not None:
        # Stopped by a service manager or a time limit: writers and brokers are stopped too.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    cluster = Cluster(arguments.folder)
    rows: list[Row] = []
    cluster.start()
    print(table_line(COLUMNS), flush=True)
    print("|" + "---|" * len(COLUMNS), flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="pal-faults-") as sockets:
            for number in range(arguments.runs):
                for kind in arguments.kind or KINDS:
                    row = await run_one(cluster, kind, number, arguments, Path(sockets))
                    rows.append(row)
                    print(table_line(row), flush=True)
                    if is_broken(row):
                        print(json.dumps(row, indent=1), file=sys.stderr, flush=True)
                        return rows
    finally:
        if not arguments.keep:
            cluster.stop()
    return rows


def main() -> int:
    """Run, print a table, write JSON; 1 where the invariant is broken."""
    parser = argparse.ArgumentParser(description="Fault runs on three real Kafka brokers.")
    parser.add_argument("--runs", type=int, default=5, help="runs of each kind")
    parser.add_argument("--kind", action="append", choices=[*KINDS], help="only this kind")
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--pace-ms", type=float, default=40.0, help="a caller's pause")
    parser.add_argument("--owners", type=int, help="writers that share the log through the group")
    parser.add_argument("--folder", type=Path, default=Path(".kafka/faults"))
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--keep", action="store_true", help="leave the brokers running")
    arguments = parser.parse_args()
    began = datetime.now(UTC)
    rows = asyncio.run(run_all(arguments))
    summary = totals(rows)
    print(table_line(summary))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    result = {
        "command": " ".join(sys.argv),
        "began_at": format_instant(began),
        "machine": machine,
        "settings": "three brokers (broker and controller) on loopback, replication factor 3, "
        "min.insync.replicas=2, acks=all, idempotent, no fsync at each append; "
        f"{arguments.callers} callers, {arguments.pace_ms:g} ms between a caller's actions",
        "rows": rows,
        "total": summary,
    }
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    broken = [row for row in rows if is_broken(row)]
    print(f"{len(rows)} runs, {len(broken)} broke the invariant", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
