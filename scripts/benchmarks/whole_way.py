"""A log's whole way: import, verify, rebuild; each beside a bare baseline in the same run; JSON.

    python scripts/benchmarks/whole_way.py FILE|office:N ... [--log sqlite|kafka] [--folder DIR]

`office:1000000` is the demo office repeated with new ids until a million entries are there, as
JSON lines. Each input gets a fresh home and a fresh log: SQLite with synchronous=FULL, or with
`--log kafka` a topic on the broker that PAL_KAFKA_BOOTSTRAP names (acks=all; on a
single broker flush.messages=1, fsync at each append). Import is what `pal import` does, checks and
signing included; verify what `pal verify` does, signatures included; rebuild what `pal rebuild`
does without a live store to compare with. The baselines: the same entries inserted into a bare
SQLite table, or records of that length sent by a bare idempotent producer, as many at a time as an
import sends; SHA-256 of each entry as it is read; one bare row inserted for each entry.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import secrets
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from itertools import count, islice
from operator import attrgetter
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent))
from append_kafka import new_log, run_bare
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.bootstrap import KAFKA_SCHEME, OpenLedger, Settings, open_ledger, utc_now
from consumers.creation import create_ledger
from consumers.demo.office import demo_actions
from consumers.workers.import_run import WINDOW_ACTIONS
from consumers.workers.importer import ImportOptions, import_file
from ledger.adapters.sqlite_table import PAGE_BYTES
from ledger.adapters.sqlite_verify import verify_file
from ledger.adapters.verify_log import verify_log
from ledger.app.limits import GROUP_ENTRIES_MAX, READ_RECORDS_MAX
from ledger.app.ports import LogReader, Record
from ledger.core.action import encode_action
from ledger.core.findings import Verdict
from ledger.entry.signatures import SigningKey
from ledger.entry.verify import Verifier
from projections.runtime.rebuild import rebuild

BARE_ENTRIES_MAX = 200_000
"""Entries of a baseline that writes: enough to be steady, few enough to lie in memory."""


def office_file(entries: int, path: Path) -> Path:
    """The demo office, copy after copy, as JSON lines; the actions of a stream lie together."""
    copies = (sorted(demo_actions(copy), key=attrgetter("stream")) for copy in count())
    actions = islice((action for copy in copies for action in copy), entries)
    with path.open("wb") as file:
        for action in actions:
            file.write(encode_action(action) + b"\n")
    return path


def read_records(reader: LogReader) -> Iterator[Sequence[Record]]:
    """A log's records in batches, as a verifier reads them."""
    position = 0
    while records := reader.read(position, READ_RECORDS_MAX):
        yield records
        position = records[-1].position + 1


def read_entries(ledger: OpenLedger) -> Iterator[bytes]:
    """The entries of all logs."""
    for reader in ledger.readers:
        for records in read_records(reader):
            yield from (record.data for record in records if record.data is not None)


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` took."""
    begun = perf_counter()
    work()
    return perf_counter() - begun


def bare_sqlite(path: Path, entries: list[bytes], group: int, synchronous: str) -> float:
    """Entries a second into a bare table, `group` a transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("CREATE TABLE entry (idx INTEGER PRIMARY KEY, data BLOB)")
        rows = list(enumerate(entries))

        def insert() -> None:
            for first in range(0, len(rows), group):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    "INSERT INTO entry VALUES (?, ?)", rows[first : first + group]
                )
                connection.execute("COMMIT")

        return len(rows) / timed(insert)


def bare_producer(bootstrap: str, entries: list[bytes]) -> float:
    """Records a second of a bare idempotent producer, batches as large as an import's groups."""
    key = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
    topic, _ = new_log(bootstrap, key)
    length = sum(map(len, entries)) / len(entries)
    size = min(GROUP_ENTRIES_MAX, len(entries))
    return asyncio.run(run_bare(bootstrap, topic, size, len(entries), length))


def verify(ledger: OpenLedger) -> Verdict:
    """As `pal verify` does it."""
    settings = ledger.settings
    verdicts = set()
    for number, (trust, reader) in enumerate(zip(ledger.trust, ledger.readers, strict=True)):
        origin, leaf, logs = trust.origin, trust.genesis_leaf, len(ledger.trust)
        if settings.kafka is None:
            path = settings.log_path_of(number)
            checked = verify_file(path, origin=origin, genesis_leaf=leaf, logs=logs)
        else:
            checked = verify_log(reader, Verifier(origin, leaf, logs=logs))
        verdicts.add(checked.verdict)
    return Verdict.PASSED if verdicts == {Verdict.PASSED} else Verdict.FAILED


def read_and_hash(ledger: OpenLedger) -> None:
    """What no verification can do without."""
    for data in read_entries(ledger):
        sha256(b"\x00" + data).digest()


def measure(path: Path, folder: Path, bootstrap: str, logs: int) -> dict[str, object]:
    """One file's way, in events and entries a second."""
    log = f"{KAFKA_SCHEME}{bootstrap}/benchmark-{secrets.token_hex(4)}" if bootstrap else ""
    with create_ledger(Settings(folder / "home", log), logs=logs) as ledger:
        key = ledger.keys.load_signing_key("source")
        begun = perf_counter()
        summary = import_file(path, ledger.logs, key, ledger.keys, ImportOptions(), now=utc_now)
        import_seconds = perf_counter() - begun
        size = sum(log.head().size for log in ledger.logs)
    with open_ledger(ledger.settings) as ledger:
        begun = perf_counter()
        verdict = verify(ledger)
        verify_seconds = perf_counter() - begun
        hash_seconds = timed(lambda: read_and_hash(ledger))
        begun = perf_counter()
        rebuilt = rebuild(
            ledger.readers,
            ledger.settings.read_path,
            genesis_leaves=ledger.genesis_leaves,
            strict_rows=ledger.every_row_counts,
        )
        rebuild_seconds = perf_counter() - begun
        sample = list(islice(read_entries(ledger), BARE_ENTRIES_MAX))
    row = bare_sqlite(folder / "row.sqlite", sample, READ_RECORDS_MAX, "OFF")
    if bootstrap:
        append = bare_producer(bootstrap, sample)
    else:
        append = bare_sqlite(folder / "append.sqlite", sample, WINDOW_ACTIONS, "FULL")
    rates = {
        "import": (summary.recorded / import_seconds, append),
        "verify": (size / verify_seconds, size / hash_seconds),
        "rebuild": (rebuilt.entries / rebuild_seconds, row),
    }
    return {
        "input": path.name,
        "entries": size,
        "bytes_per_entry": sum(map(len, sample)) // len(sample),
        "refused_cases": summary.refused_cases,
        "verdict": verdict,
        "results": {
            name: {
                "per_second": round(ours),
                "bare_per_second": round(bare),
                "ratio": round(ours / bare, 3),
            }
            for name, (ours, bare) in rates.items()
        },
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="+", metavar="FILE|office:N")
    parser.add_argument("--log", choices=("sqlite", "kafka"), default="sqlite")
    parser.add_argument("--logs", type=int, default=1, help="over so many logs (partitions)")
    parser.add_argument("--folder", type=Path, help="where the files lie; default a temporary one")
    options = parser.parse_args()
    bootstrap = os.environ.get("PAL_KAFKA_BOOTSTRAP", "") if options.log == "kafka" else ""
    if options.log == "kafka" and not bootstrap:
        parser.exit(2, "set PAL_KAFKA_BOOTSTRAP (scripts/kafka start prints it)\n")
    results = []
    for given in options.inputs:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            kind, _, number = given.partition(":")
            office = kind == "office" and number.isdecimal()
            path = office_file(int(number), folder / "office.jsonl") if office else Path(given)
            results.append(measure(path, folder, bootstrap, options.logs))
    sqlite = f"SQLite, {options.logs} file(s), synchronous=FULL"
    kafka = f"Kafka, {options.logs} partition(s), acks=all, flush.messages=1 on a single broker"
    print(
        json.dumps(
            {
                "benchmark": "whole_way",
                "log": kafka if bootstrap else sqlite,
                "python": platform.python_version(),
                "machine": f"{os.cpu_count()} x {platform.machine()}",
                "load_average": round(os.getloadavg()[0], 2),
                "results": results,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
