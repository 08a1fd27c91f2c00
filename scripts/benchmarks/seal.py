"""What sealing costs whoever appends, and how fast a sealer goes alone; JSON.

    .venv/bin/python scripts/benchmarks/seal.py [--seconds 3] [--every 1] [--folder DIR]
    PAL_KAFKA_BOOTSTRAP=127.0.0.1:9092 .venv/bin/python scripts/benchmarks/seal.py

64 callers append entries of about 770 bytes, signed beforehand, in turns without and with a sealer
(`pal seal run --follow`, a process of its own, no witness) at work on the same log; `loss` compares
the medians of the turns of one run. The embedded log has synchronous=FULL; a topic, where a broker
is named, one partition with acks=all and flush.messages=1, and is created anew. `alone` is one
sealer over what was appended, from zero, with nothing beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from consumers.bootstrap import OpenLedger, Settings, open_ledger
from consumers.creation import create_ledger, new_action_id
from consumers.sealing import (
    load_policy,
    load_signers,
    open_sealer,
    open_sealing,
    tree_folder,
)
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.adapters.kafka_log import KafkaLog
from ledger.adapters.sqlite_log import SqliteLog
from ledger.app.sealing import TreeState
from ledger.app.submission import Recorded, SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.times import format_instant

CALLERS = 64
ENTRIES_PER_STREAM = 10
RATES = {"sqlite": 12_000, "kafka": 8_000}
"""Entries of one turn for each second asked for."""


def make_submissions(ledger: OpenLedger, count: int) -> list[Submission]:
    """`count` signed actions of five hundred officers."""
    key, now, mark = ledger.keys.load_signing_key("source"), ledger.now(), secrets.token_hex(4)
    made = []
    for number in range(count):
        stream = f"dossier:{mark}-{number // ENTRIES_PER_STREAM:09d}"
        action = Action(
            new_action_id(now),
            "dossier.custody_accepted.v1",
            stream,
            OccurredAt(format_instant(now), "second"),
            Actor(kind="officer", id=f"officer-{number % 500}", unit="unit-7"),
            {"offer_id": f"offer-{number % 97}", "note": "x" * 64},
        )
        data = encode_action(action)
        signed = SignedAction(action.id, stream, action.type, data, key.sign([data])[0])
        made.append(Submission((signed,)))
    return made


async def append_all(log: Any, work: list[Submission]) -> float:
    """Entries a second by so many callers, each waiting for its answer."""
    pending = iter(work)

    async def caller() -> None:
        for submission in pending:
            answer = await log.append(submission)
            if not isinstance(answer, Recorded):
                raise TypeError(answer)

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return len(work) / (time.perf_counter() - begun)


@contextmanager
def sealer_beside(settings: Settings, every: float) -> Iterator[dict[str, float]]:
    """A sealer in a process of its own, at work from its first checkpoint on."""
    words = ["seal", "run", "--follow", "--every", str(every), "--home", str(settings.home)]
    words += ["--log", settings.log] if settings.log else []
    code = "from consumers.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.DEVNULL,
    )
    told: dict[str, float] = {}
    before = tree_folder(settings, "0").read_checkpoint()
    try:
        while tree_folder(settings, "0").read_checkpoint() == before:
            if process.poll() is not None:
                msg = "the sealer ended"
                raise RuntimeError(msg)
            time.sleep(0.05)
        yield told
    finally:
        process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    told["sealer_cpu_seconds"] = round(usage.ru_utime + usage.ru_stime, 2)
    told["sealer_mib"] = round(usage.ru_maxrss / 1024)


async def measure_turns(
    settings: Settings, every: float, turns: int, serve: Callable[[], Any], count: int
) -> dict[str, Any]:
    """Turns without and with a sealer, one after another."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    sealers: list[dict[str, float]] = []
    with open_ledger(settings) as ledger:
        log = await serve()
        await append_all(log, make_submissions(ledger, count // 4))  # a warm start
        for turn in range(turns * 2):
            work = make_submissions(ledger, count)
            if turn % 2 == 0:
                rates[False].append(await append_all(log, work))
                continue
            await append_all(log, make_submissions(ledger, CALLERS))  # something for it to sign
            with sealer_beside(settings, every) as told:
                rates[True].append(await append_all(log, work))
            sealers.append(told)
        if hasattr(log, "aclose"):
            await log.aclose()
    alone, beside = median(rates[False]), median(rates[True])
    return {
        "entries_a_turn": count,
        "without_sealer_per_second": [round(rate) for rate in rates[False]],
        "with_sealer_per_second": [round(rate) for rate in rates[True]],
        "loss_percent": round(100 * (1 - beside / alone), 1),
        "sealers": sealers,
    }


def measure_alone(settings: Settings) -> dict[str, Any]:
    """One sealer from zero over the same log: its store and trees are made anew."""
    with tempfile.TemporaryDirectory(dir=settings.home.parent) as name:
        home = Path(name) / "home"
        home.mkdir()
        for path in settings.home.iterdir():
            if not path.name.startswith(("tiles", "sealer")):
                (home / path.name).symlink_to(path)
        fresh = Settings(home, settings.log)
        with open_ledger(fresh) as ledger:
            # Opening would refuse: a log that was sealed has lost its store.
            signers = load_signers(ledger, load_policy(fresh))
            CheckpointStore.create(fresh.sealer_path, list(map(TreeState, signers))).close()
            with open_sealer(ledger) as sealer:
                begun, entries = time.perf_counter(), 0
                while True:
                    done = sealer.seal()
                    entries += done.trees[0].grew
                    if not done.is_behind:
                        break
                seconds = time.perf_counter() - begun
        with CheckpointStore.open(fresh.sealer_path) as store:
            checkpoints = len(store.checkpoints(ledger.trust[0].origin))
    return {
        "entries": entries,
        "per_second": round(entries / seconds),
        "checkpoints": checkpoints,
        "process_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def measure(kind: str, settings: Settings, options: argparse.Namespace) -> dict[str, Any]:
    """One kind of log: appending in turns, then sealing alone."""
    with create_ledger(settings, f"bench-{secrets.token_hex(4)}", logs=1) as ledger:
        _, failed = open_sealing(ledger)
        if failed:
            raise RuntimeError(failed)
        trust = ledger.trust[0]
        key = ledger.keys.load_signing_key("ledger")

    async def serve() -> Any:
        if settings.kafka is None:
            return SqliteLog.open(settings.log_path, genesis_leaf=trust.genesis_leaf)
        path = settings.index_path_of(0)
        return await KafkaLog.serve_here(
            *settings.kafka, trust.origin, trust.genesis_leaf, key, index_path=path
        )

    count = int(RATES[kind] * options.seconds)
    turns = asyncio.run(measure_turns(settings, options.every, options.turns, serve, count))
    return {"log": kind, **turns, "alone": measure_alone(settings)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="aim for each turn")
    parser.add_argument("--turns", type=int, default=3, help="without a sealer, and as many with")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two rounds")
    parser.add_argument("--folder", type=Path, help="where the files lie; default a temporary one")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        results.append(measure("sqlite", Settings(Path(name) / "sqlite"), options))
        bootstrap = os.environ.get("PAL_KAFKA_BOOTSTRAP")
        if bootstrap:
            log = f"kafka://{bootstrap}/seal-{secrets.token_hex(4)}"
            results.append(measure("kafka", Settings(Path(name) / "kafka", log), options))
    told = {
        "benchmark": "seal",
        "setting": "SQLite synchronous=FULL; Kafka acks=all, flush.messages=1; tiles synced each",
        "every_seconds": options.every,
        "machine": f"{os.cpu_count()} x {platform.machine()}, Python {platform.python_version()}",
        "results": results,
    }
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
