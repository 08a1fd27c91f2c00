"""Acknowledged appends per second on a real Kafka broker, as JSON; ratios within one run.

PAL_KAFKA_BOOTSTRAP=127.0.0.1:9092 .venv/bin/python scripts/benchmarks/append_kafka.py

One broker, acks=all, idempotent, flush.messages=1 (fsync at each append). Entries of about 770
bytes, signed beforehand: action signatures are measured apart. `bare` is an aiokafka idempotent
producer that sends batches of the mean size that the ledger's groups had, one in flight;
`bare_transactional` the same with a transaction for each batch; `bare_callers` is the producer used
as the ledger is, by as many callers, each waiting for the answer to its own record. With --no-fsync
the topic leaves writing to disk to the operating system. Logs keep their local index in a file, as
a service does (`--index memory`: in memory alone); `index_per_second` is reading the log anew,
without that file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import secrets
import sys
import tempfile
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median, quantiles
from threading import Thread

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.adapters.kafka import KafkaLog, create_log
from ledger.adapters.kafka_admin import MESSAGE_BYTES_MAX, wanted_settings
from ledger.adapters.kafka_client import Partition
from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.app.aggregate import ActionEvent
from ledger.app.application import ProcedureLedger
from ledger.app.genesis import genesis_entry
from ledger.app.submission import Recorded, SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, decode_action, encode_action
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.core.times import format_instant
from ledger.entry.signatures import SigningKey

AT = "2026-03-02T08:00:00.000000Z"
NOTE = "x" * 80
CALLERS = (1, 8, 64, 512)
THREADS = (1, 8, 64, 512)
TRANSACTIONS = 50
"""Of the bare transactional producer, in each row: it takes tens of milliseconds for each."""
Row = dict[str, float]


def make_submissions(
    key: SigningKey, count: int, prefix: str, dossiers: int = 5_000
) -> list[Submission]:
    """`count` signed actions, spread over so many dossiers."""
    made = []
    for number in range(count):
        stream = f"dossier:{prefix}-{number % dossiers}"
        action = Action(
            id=uuid7_text(number, sha256(f"{prefix} {number}".encode()).digest()),
            type="dossier.custody_accepted.v1",
            stream=stream,
            occurred_at=OccurredAt(AT, "second"),
            actor=Actor(kind="officer", id="C-0092"),
            data={"note": NOTE},
        )
        data = encode_action(action)
        signed = SignedAction(action.id, stream, action.type, data, key.sign([data])[0])
        made.append(Submission((signed,)))
    return made


async def run_callers(log: KafkaLog, work: list[Submission], callers: int) -> Row:
    """Append all of `work` by so many callers, each waiting for its answer."""
    batches = log.batches
    pending = iter(work)
    times: list[float] = []

    async def caller() -> None:
        for submission in pending:
            began = time.perf_counter()
            answer = await log.append(submission)
            times.append(time.perf_counter() - began)
            if not isinstance(answer, Recorded):
                raise TypeError(answer)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    seconds = time.perf_counter() - began
    stream = work[-1].actions[0].stream
    newest = await asyncio.to_thread(log.stream_entries, stream, desc=True, limit=1)
    return {
        "callers": callers,
        "entries": len(work),
        "per_second": round(len(work) / seconds),
        "p50_ms": round(1000 * median(times), 2),
        "p99_ms": round(1000 * quantiles(times, n=100)[98], 2),
        "mean_batch": round(len(work) / (log.batches - batches), 1),
        "entry_bytes": len(newest[0]),
    }


def run_threads(
    ledger: ProcedureLedger, log: KafkaLog, work: list[Submission], threads: int
) -> Row:
    """Save all of `work`, the first action of a dossier each, through `Application.save`."""
    batches = log.batches
    signed = [submission.actions[0] for submission in work]
    events = [ActionEvent(a.stream, 1, decode_action(a.data), a.data) for a in signed]
    pending = iter(list(zip(events, signed, strict=True)))
    times: list[float] = []

    def save() -> None:
        for event, action in pending:
            began = time.perf_counter()
            ledger.save(event, sigs=[action.sigs])
            times.append(time.perf_counter() - began)

    workers = [Thread(target=save) for _ in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    if len(times) != len(work):
        msg = f"{len(work) - len(times)} saves failed"
        raise RuntimeError(msg)
    return {
        "save_threads": threads,
        "entries": len(work),
        "per_second": round(len(work) / seconds),
        "p50_ms": round(1000 * median(times), 2),
        "p99_ms": round(1000 * quantiles(times, n=100)[98], 2),
        "mean_batch": round(len(work) / (log.batches - batches), 1),
    }


def bare_producer(bootstrap: str, **settings: str) -> AIOKafkaProducer:
    """An idempotent producer that takes batches as large as the ledger's."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=MESSAGE_BYTES_MAX,
        max_request_size=MESSAGE_BYTES_MAX,
        **settings,
    )


async def run_bare(
    bootstrap: str, topic: str, size: int, count: int, length: float, *, transactional: bool = False
) -> float:
    """Entries per second of a bare producer, one batch of `size` in flight.

    Idempotent, or with a transaction for each batch, as libraries without a chain rule need it.
    """
    value = b"x" * int(length)
    settings = {"transactional_id": f"bare-{topic}"} if transactional else {}
    async with bare_producer(bootstrap, **settings) as producer:
        began = time.perf_counter()
        for _ in range(count // size):
            batch = producer.create_batch()
            for _ in range(size):
                batch.append(timestamp=None, key=None, value=value)
            batch.close()
            if transactional:
                await producer.begin_transaction()
            await (await producer.send_batch(batch, topic, partition=0))
            if transactional:
                await producer.commit_transaction()
        return count // size * size / (time.perf_counter() - began)


async def run_bare_callers(
    bootstrap: str, topic: str, callers: int, count: int, length: float
) -> tuple[float, float]:
    """Entries per second of a bare idempotent producer, used as the ledger is: so many callers,
    each waiting for its answer. Also the mean size of its batches, told apart by their arrival.
    """
    value = b"x" * int(length)
    offsets: list[int] = []
    pending = iter(range(count))
    async with bare_producer(bootstrap) as producer:

        async def caller() -> None:
            for _ in pending:
                answer = await producer.send_and_wait(topic, value, partition=0)
                offsets.append(answer.offset)

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(callers)))
        seconds = time.perf_counter() - began
    partition = TopicPartition(topic, 0)
    moments: set[int] = set()
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        consumer.assign([partition])
        consumer.seek(partition, min(offsets))
        while await consumer.position(partition) <= max(offsets):
            records = await consumer.getmany(partition, timeout_ms=1_000)
            moments.update(record.timestamp for record in records.get(partition, ()))
    return count / seconds, count / len(moments)


async def set_fsync(bootstrap: str, topic: str, replicas: int, *, each_append: bool) -> None:
    """Let the brokers write to disk at each append, or leave it to the operating system."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        messages = "1" if each_append else str(2**63 - 1)
        settings = {**wanted_settings(replicas), "flush.messages": messages}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, settings)])
    finally:
        await admin.close()


def new_log(
    bootstrap: str, key: SigningKey, replicas: int = 1, *, fsync: bool = True
) -> tuple[str, bytes]:
    """A topic with a genesis, for this run."""
    topic = f"benchmark-{secrets.token_hex(4)}"
    moment = datetime.now(UTC)
    genesis = genesis_entry(
        topic,
        0,
        1,
        [key.enrolled()],
        key,
        uuid7_text(int(moment.timestamp() * 1000), secrets.token_bytes(10)),
        format_instant(moment),
        sha256(b"{}").hexdigest(),
    )
    create_log(bootstrap, topic, genesis, replicas=replicas)
    asyncio.run(set_fsync(bootstrap, topic, replicas, each_append=fsync))
    return topic, genesis


async def measure(
    bootstrap: str, seconds: float, logs: list[tuple[str, bytes]], index: Path | None
) -> list[dict[str, float]]:
    """One row per number of callers, the bare producer right after it in the same run."""
    key = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
    (topic, genesis), (bare_topic, _) = logs
    leaf = leaf_hash(genesis).hex()
    log = await KafkaLog.serve_here(bootstrap, topic, f"{topic}/0", leaf, key, index_path=index)
    rows = []
    for submission in make_submissions(key, 200, "warm"):
        await log.append(submission)
    for callers in CALLERS:
        rate = {1: 700, 8: 4_000, 64: 15_000, 512: 30_000}[callers]
        work = make_submissions(key, int(rate * seconds), f"c{callers}")
        row = await run_callers(log, work, callers)
        size = max(1, round(row["mean_batch"]))
        bare = await run_bare(bootstrap, bare_topic, size, len(work), row["entry_bytes"])
        row["bare_per_second"] = round(bare)
        row["share_of_bare"] = round(row["per_second"] / bare, 2)
        rate_of_callers, batch_of_callers = await run_bare_callers(
            bootstrap, bare_topic, callers, len(work), row["entry_bytes"]
        )
        row["bare_callers_per_second"] = round(rate_of_callers)
        row["bare_callers_mean_batch"] = round(batch_of_callers, 1)
        row["share_of_bare_callers"] = round(row["per_second"] / rate_of_callers, 2)
        few = min(len(work), TRANSACTIONS * size)
        length = row["entry_bytes"]
        slow = await run_bare(bootstrap, bare_topic, size, few, length, transactional=True)
        row["bare_transactional_per_second"] = round(slow)
        rows.append(row)
    await log.aclose()
    rows += await asyncio.to_thread(run_saves, bootstrap, logs[0], key, seconds, index)
    submissions = make_submissions(key, int(20_000 * seconds), "bulk")
    rows.append(await asyncio.to_thread(bulk, bootstrap, logs[0], key, submissions, index))
    rows.append(await read_all(bootstrap, topic))
    return rows


def run_saves(
    bootstrap: str,
    where: tuple[str, bytes],
    key: SigningKey,
    seconds: float,
    index: Path | None,
) -> list[Row]:
    """The synchronous door, one row per number of threads."""
    log = open_log(bootstrap, where, key, index)
    ledger = ProcedureLedger(
        log, key=key, ledger_key=key, rules=DEFAULT_RULES, now=lambda: datetime.now(UTC)
    )
    log.head()
    log.submit(make_submissions(key, 1, "first-save"))
    rows = []
    for threads in THREADS:
        count = int({1: 600, 8: 2_500, 64: 5_000, 512: 5_000}[threads] * seconds)
        work = make_submissions(key, count, f"save{threads}", count)
        rows.append(run_threads(ledger, log, work, threads))
    ledger.close()
    return rows


def open_log(
    bootstrap: str, where: tuple[str, bytes], key: SigningKey, index: Path | None
) -> KafkaLog:
    """The log at (topic, genesis) for synchronous use."""
    topic, genesis = where
    leaf = leaf_hash(genesis).hex()
    return KafkaLog.open(bootstrap, topic, f"{topic}/0", leaf, key, index_path=index)


def bulk(
    bootstrap: str,
    where: tuple[str, bytes],
    key: SigningKey,
    submissions: list[Submission],
    index: Path | None,
) -> Row:
    """The synchronous door with a list, as an import uses it."""
    anew = open_log(bootstrap, where, key, None)
    began = time.perf_counter()
    size = anew.head().size
    opened = time.perf_counter() - began
    anew.close()
    log = open_log(bootstrap, where, key, index)
    log.head()
    log.submit(submissions[:1])
    began = time.perf_counter()
    log.submit(submissions[1:])
    rate = len(submissions) / (time.perf_counter() - began)
    log.close()
    return {
        "bulk_entries": len(submissions),
        "bulk_per_second": round(rate),
        "index_entries": size,
        "index_per_second": round(size / opened),
    }


async def read_all(bootstrap: str, topic: str) -> Row:
    """Reading the partition as it lies, without checks."""
    partition = await Partition.open(bootstrap, topic)
    began = time.perf_counter()
    position = count = 0
    while True:
        chunk = await partition.fetch(position, max_bytes=2 * 2**20)
        count += len(chunk.records)
        position = chunk.next_offset
        if position >= chunk.end:
            break
    seconds = time.perf_counter() - began
    await partition.close()
    return {"read_entries": count, "read_per_second": round(count / seconds)}


def main() -> None:
    """Run and print JSON."""
    parser = argparse.ArgumentParser(description="Appends per second on a real Kafka broker.")
    parser.add_argument("--seconds", type=float, default=3.0, help="about so long per row")
    parser.add_argument("--replicas", type=int, default=1, help="of the topic: 1, or 3")
    parser.add_argument("--fsync", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--index", choices=("file", "memory"), default="file")
    arguments = parser.parse_args()
    bootstrap = os.environ.get("PAL_KAFKA_BOOTSTRAP")
    if not bootstrap:
        sys.exit("set PAL_KAFKA_BOOTSTRAP (scripts/kafka start prints it)")
    key = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
    logs = [new_log(bootstrap, key, arguments.replicas, fsync=arguments.fsync) for _ in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index.sqlite" if arguments.index == "file" else None
        rows = asyncio.run(measure(bootstrap, arguments.seconds, logs, index))
    kept = "flush.messages=1" if arguments.fsync else "no fsync"
    if arguments.replicas > 1:
        kept += ", min.insync.replicas=2"
    setting = f"{arguments.replicas} broker(s) on the same machine, acks=all, idempotent, {kept}"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    setting += f", local index in {'a file' if index else 'memory'}"
    print(json.dumps({"setting": setting, "machine": machine, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
