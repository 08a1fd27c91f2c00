"""What checking action signatures on intake costs, apart from all else; ratios in one run; JSON.

    python scripts/benchmarks/intake.py [--log sqlite|kafka] [--actions 20000] [--folder DIR]

Each action is the submission of a dossier of its own with one Ed25519 signature that came with it.
`unchecked` appends them to the log as they are; `unsigned_intake` goes through the application
(decoding, deciding), which signs them itself; `signed_intake` checks what came, in threads beside
the writer's loop. `verify` is the arithmetic alone, on one thread and on one for each core. SQLite
with synchronous=FULL, or the broker that PAL_KAFKA_BOOTSTRAP names (flush.messages=1).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parent))
import append_sqlite
from append_kafka import new_log
from append_sqlite import open_log
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.adapters.kafka import KafkaLog
from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.app.application import ProcedureLedger
from ledger.app.ports import EntryLog
from ledger.app.submission import SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.entry.signatures import KeyRing, SigningKey

CALLERS = (64, 512)
AT = "2026-03-02T08:00:00.000000Z"
Rows = list[dict[str, object]]


def make_actions(key: SigningKey, count: int, prefix: str) -> list[SignedAction]:
    """Submissions of so many dossiers, each signed alone."""
    made = []
    for number in range(count):
        stream = f"dossier:{prefix}-{number}"
        action = Action(
            id=uuid7_text(number, sha256(stream.encode()).digest()),
            type="dossier.submitted.v1",
            stream=stream,
            occurred_at=OccurredAt(AT, "second"),
            actor=Actor(kind="applicant", id="applicant-7"),
            data={"channel": "online", "applicant_ref": "applicant-7"},
        )
        data = encode_action(action)
        made.append(SignedAction(action.id, stream, action.type, data, key.sign([data])[0]))
    return made


def verify_rate(key: SigningKey, actions: Sequence[SignedAction], threads: int) -> float:
    """Signatures a second, the arithmetic and the paths alone."""

    def check(part: Sequence[SignedAction]) -> None:
        ring = KeyRing()
        ring.enrol(key.enrolled())
        for action in part:
            ring.check(action.data, action.sigs)

    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(check, [actions[place::threads] for place in range(threads)]))
    return len(actions) / (time.perf_counter() - begun)


async def run_callers(
    append: Callable[[SignedAction], Awaitable[object]],
    actions: Sequence[SignedAction],
    callers: int,
) -> dict[str, float]:
    """Append all by so many callers, each waiting for its answer."""
    pending = iter(actions)
    waits: list[float] = []

    async def caller() -> None:
        for action in pending:
            begun = time.perf_counter()
            await append(action)
            waits.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    seconds = time.perf_counter() - begun
    return {
        "per_second": round(len(actions) / seconds),
        "p50_ms": round(1000 * median(waits), 2),
        "p99_ms": round(1000 * quantiles(waits, n=100)[98], 2),
    }


async def measure(log: EntryLog, key: SigningKey, count: int) -> Rows:
    """One row for each number of callers."""
    ledger = ProcedureLedger(
        log, key=key, ledger_key=key, rules=DEFAULT_RULES, now=lambda: datetime.now(UTC)
    )
    rows: Rows = []
    for callers in CALLERS:
        ways: dict[str, Callable[[SignedAction], Awaitable[object]]] = {
            "unchecked": lambda action: log.append(Submission((action,))),
            "unsigned_intake": lambda action: ledger.append(action.data),
            "signed_intake": lambda action: ledger.append(action.data, action.sigs),
        }
        results = {}
        for name, append in ways.items():
            actions = make_actions(key, count, f"{name}-{callers}")
            results[name] = await run_callers(append, actions, callers)
        ratio = results["signed_intake"]["per_second"] / results["unsigned_intake"]["per_second"]
        rows.append({"callers": callers, **results, "signed_of_unsigned": round(ratio, 2)})
    return rows


async def measure_kafka(
    bootstrap: str, where: tuple[str, bytes], key: SigningKey, count: int
) -> Rows:
    """On a topic of its own."""
    topic, genesis = where
    leaf = leaf_hash(genesis).hex()
    log = await KafkaLog.serve_here(bootstrap, topic, f"{topic}/0", leaf, key)
    try:
        return await measure(log, key, count)
    finally:
        await log.aclose()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--log", choices=("sqlite", "kafka"), default="sqlite")
    parser.add_argument("--actions", type=int, default=20_000, help="for each figure")
    parser.add_argument("--folder", type=Path, help="where the file lies; default a temporary one")
    options = parser.parse_args()
    bootstrap = os.environ.get("PAL_KAFKA_BOOTSTRAP", "")
    if options.log == "kafka":
        if not bootstrap:
            parser.exit(2, "set PAL_KAFKA_BOOTSTRAP (scripts/kafka start prints it)\n")
        key = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
        where = new_log(bootstrap, key)
        rows = asyncio.run(measure_kafka(bootstrap, where, key, options.actions))
    else:
        key = append_sqlite.KEY
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            log = open_log(Path(name), "intake")
            rows = asyncio.run(measure(log, key, options.actions))
            log.close()
    actions = make_actions(key, options.actions, "verify")
    cores = os.cpu_count() or 1
    print(
        json.dumps(
            {
                "benchmark": "intake",
                "log": "Kafka, flush.messages=1" if options.log == "kafka" else "SQLite, FULL",
                "actions": options.actions,
                "python": platform.python_version(),
                "machine": f"{cores} x {platform.machine()}",
                "load_average": round(os.getloadavg()[0], 2),
                "verify_per_second": {
                    "1 thread": round(verify_rate(key, actions, 1)),
                    f"{cores} threads": round(verify_rate(key, actions, cores)),
                },
                "rows": rows,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
