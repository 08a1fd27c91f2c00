"""Time until a writer serves, without and with its local index, on a real Kafka broker; JSON.

PAL_KAFKA_BOOTSTRAP=127.0.0.1:9092 .venv/bin/python scripts/benchmarks/restart.py --entries 1000000

The log is made in bulk, outside the measured time: `--submission` actions are signed together
(1: each by itself), dossiers of ten entries, five thousand open at a time. Each start is a process
of its own: it opens the log and appends one action, and the clock stops at its answer. `without`
begins with no index file, `with` with the one that the run before left. `read_per_second` is the
log read as it lies, unchecked, in the same run. `cpu_seconds` counts the starting
process alone, `helpers_cpu_seconds` those that it has started to read ahead.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import secrets
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import perf_counter, process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from append_kafka import bare_producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.adapters.kafka import KafkaLog, create_log
from ledger.adapters.kafka_client import Partition
from ledger.app.genesis import genesis_entry
from ledger.app.submission import Recorded, SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash, prove_all_inclusions
from ledger.core.times import format_instant
from ledger.entry.entry import decode_entry
from ledger.entry.signatures import SigningKey, signed_message

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEY = SigningKey("ledger-1", PRIVATE, "ledger")
OPEN_DOSSIERS = 5_000
DOSSIER_ENTRIES = 10
BATCH_BYTES = 3 * 2**20
BEGAN = datetime(2026, 3, 2, 8, tzinfo=UTC)
ACTION = (
    '{"actor":{"id":"C-0092","kind":"officer"},"data":{"note":"%s"},"id":"%s",'
    '"occurred_at":{"at":"2026-03-02T08:00:00.000000Z","precision":"second"},'
    '"stream":"%s","type":"dossier.note_added.v1"}'
)
SEAL = (
    '{"index":%d,"origin":"%s","prev":"%s","recorded_at":"%s","sigs":[{"at":%d,"key":"ledger-1",'
    '"path":[%s],"sig":"%s","size":%d}],"stream":"%s","stream_prev":"%s",'
    '"type":"dossier.note_added.v1","v":1,"version":%d}\n'
)


class LogMaker:
    """Entries as the ledger would write them, from templates: making them must not take hours."""

    def __init__(self, origin: str, genesis: bytes) -> None:
        self.origin = origin
        self.size = 1
        self.leaf = leaf_hash(genesis).hex()
        self._streams: dict[str, tuple[int, str]] = {}

    def submission(self, count: int, recorded_at: str) -> Iterator[bytes]:
        """The entries of `count` actions that are signed together."""
        numbers = range(self.size - 1, self.size - 1 + count)
        streams = [f"dossier:H{self._dossier(n):09d}" for n in numbers]
        note = "x" * 80
        ids = [uuid7_text(1_700_000_000_000 + n, n.to_bytes(10, "big")) for n in numbers]
        actions = [
            (ACTION % (note, action_id, stream)).encode()
            for action_id, stream in zip(ids, streams, strict=True)
        ]
        root, paths = prove_all_inclusions([leaf_hash(action) for action in actions])
        signature = b64encode(PRIVATE.sign(signed_message(count, root))).decode()
        texts = {node: f'"{b64encode(node).decode()}"' for path in paths for node in path}
        for at, (stream, action) in enumerate(zip(streams, actions, strict=True)):
            version, before = self._streams.get(stream, (0, "0" * 64))
            path = ",".join([texts[node] for node in paths[at]])
            seal = SEAL % (
                self.size,
                self.origin,
                self.leaf,
                recorded_at,
                at,
                path,
                signature,
                count,
                stream,
                before,
                version + 1,
            )
            data = seal.encode() + action
            self.leaf = leaf_hash(data).hex()
            self._streams[stream] = (version + 1, self.leaf)
            self.size += 1
            yield data
        if len(self._streams) > 2 * OPEN_DOSSIERS:
            # Dossiers that are done never come again.
            newest = max(self._streams)
            floor = f"dossier:H{int(newest[9:]) // OPEN_DOSSIERS * OPEN_DOSSIERS:09d}"
            self._streams = {s: head for s, head in self._streams.items() if s >= floor}

    def _dossier(self, number: int) -> int:
        window, place = divmod(number, OPEN_DOSSIERS * DOSSIER_ENTRIES)
        # 7919 is prime to 5000: each dossier of the window comes up ten times, far apart.
        return window * OPEN_DOSSIERS + place * 7919 % OPEN_DOSSIERS


def new_log(bootstrap: str) -> tuple[str, bytes]:
    """A topic with a genesis, for this run."""
    topic = f"restart-{secrets.token_hex(4)}"
    genesis = genesis_entry(
        topic,
        0,
        1,
        [KEY.enrolled()],
        KEY,
        uuid7_text(int(BEGAN.timestamp() * 1000), secrets.token_bytes(10)),
        format_instant(BEGAN),
        sha256(b"{}").hexdigest(),
    )
    create_log(bootstrap, topic, genesis)
    return topic, genesis


async def fill(bootstrap: str, topic: str, genesis: bytes, entries: int, size: int) -> LogMaker:
    """Append `entries` entries in batches, one in flight."""
    maker = LogMaker(f"{topic}/0", genesis)
    check = [decode_entry(data) for data in LogMaker(f"{topic}/0", genesis).submission(3, AT)]
    if any(entry.typed is None for entry in check):
        sys.exit("the templates are no longer what the ledger writes")
    async with bare_producer(bootstrap) as producer:
        sent = None
        number = 0
        while maker.size <= entries:
            batch, taken = producer.create_batch(), 0
            number += 1
            recorded_at = format_instant(BEGAN + timedelta(microseconds=number))
            while taken < BATCH_BYTES and maker.size <= entries:
                for data in maker.submission(min(size, entries + 1 - maker.size), recorded_at):
                    if batch.append(timestamp=None, key=None, value=data) is None:
                        sys.exit("a batch is too large")
                    taken += len(data)
            batch.close()
            if sent is not None:
                await sent
            sent = await producer.send_batch(batch, topic, partition=0)
        if sent is not None:
            await sent
    return maker


AT = format_instant(BEGAN)


async def read_all(bootstrap: str, topic: str) -> dict[str, float]:
    """The partition as it lies, without checks."""
    partition = await Partition.open(bootstrap, topic)
    began = perf_counter()
    position = count = length = 0
    while True:
        chunk = await partition.fetch(position, max_bytes=2 * 2**20)
        count += len(chunk.records)
        length += sum(len(record.data or b"") for record in chunk.records)
        position = chunk.next_offset
        if position >= chunk.end:
            break
    seconds = perf_counter() - began
    await partition.close()
    return {"read_per_second": round(count / seconds), "entry_bytes": round(length / count)}


async def start(bootstrap: str, topic: str, leaf: str, index: Path) -> dict[str, float]:
    """One start in this process: open, append one action, say how long that took."""
    stream = f"dossier:{secrets.token_hex(6)}"
    action = Action(
        id=uuid7_text(1_800_000_000_000, secrets.token_bytes(10)),
        type="dossier.note_added.v1",
        stream=stream,
        occurred_at=OccurredAt(AT, "second"),
        actor=Actor(kind="officer", id="C-0092"),
        data={"note": "the first after a restart"},
    )
    data = encode_action(action)
    signed = SignedAction(action.id, stream, action.type, data, KEY.sign([data])[0])
    began, cpu = perf_counter(), process_time()
    log = await KafkaLog.serve_here(bootstrap, topic, f"{topic}/0", leaf, KEY, index_path=index)
    answer = await log.append(Submission((signed,)))
    seconds = perf_counter() - began
    cpu_seconds = process_time() - cpu
    helpers = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not isinstance(answer, Recorded):
        raise TypeError(answer)
    size = log.head().size
    await log.aclose()
    return {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "helpers_cpu_seconds": round(helpers.ru_utime + helpers.ru_stime, 3),
        "entries_per_second": round(size / seconds),
        "entries": size,
        "close_seconds": round(perf_counter() - began - seconds, 3),
        "peak_mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def start_apart(*arguments: str) -> dict[str, float]:
    """The same in a process of its own, as a restart is."""
    command = [sys.executable, __file__, "--start", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    row: dict[str, float] = json.loads(done.stdout)
    return row


def measure(bootstrap: str, entries: int, size: int, topic: str, leaf: str) -> dict[str, object]:
    """Everything, on a log that is made here unless it is named."""
    result: dict[str, object] = {"load_average": os.getloadavg()}
    if not topic:
        began = perf_counter()
        topic, genesis = new_log(bootstrap)
        leaf = leaf_hash(genesis).hex()
        asyncio.run(fill(bootstrap, topic, genesis, entries, size))
        result["make_per_second"] = round(entries / (perf_counter() - began))
    result |= {"topic": topic, "genesis_leaf": leaf}
    result |= asyncio.run(read_all(bootstrap, topic))
    with tempfile.TemporaryDirectory() as folder:
        index = str(Path(folder) / "index.sqlite")
        result["without"] = start_apart(bootstrap, topic, leaf, index)
        result["index_mebibytes"] = round(Path(index).stat().st_size / 2**20)
        result["with"] = start_apart(bootstrap, topic, leaf, index)
    result["load_average_after"] = os.getloadavg()
    return result


def main() -> None:
    """Run and print JSON."""
    parser = argparse.ArgumentParser(description="Time until a writer serves after a restart.")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--submission", type=int, default=200, help="actions signed together")
    parser.add_argument("--topic", default="", help="a topic that an earlier run has made")
    parser.add_argument("--genesis-leaf", default="", help="its genesis leaf, as that run said")
    parser.add_argument("--start", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.start:
        bootstrap, topic, leaf, index = arguments.start
        print(json.dumps(asyncio.run(start(bootstrap, topic, leaf, Path(index)))))
        return
    bootstrap = os.environ.get("PAL_KAFKA_BOOTSTRAP")
    if not bootstrap:
        sys.exit("set PAL_KAFKA_BOOTSTRAP (scripts/kafka start prints it)")
    settings = {
        "setting": "one broker on the same machine; one partition",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        "submission": arguments.submission,
    }
    result = measure(
        bootstrap,
        arguments.entries,
        arguments.submission,
        arguments.topic,
        arguments.genesis_leaf,
    )
    print(json.dumps(settings | result, indent=1))


if __name__ == "__main__":
    main()
