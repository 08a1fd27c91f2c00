"""Replay from a real Kafka broker: links followed, every dossier folded, in processes; JSON.

PAL_KAFKA_BOOTSTRAP=127.0.0.1:9092 .venv/bin/python scripts/benchmarks/replay.py --entries 1000000

The logs are made outside the measured time, in record batches as a bulk import writes them, and
verified in full once by `pal verify`, as `pal states` demands. `replay` is from the start of the
processes until the last log is folded and its states are written; `whole` is with the digest over
all dossiers and, with --compare, a read store that `pal rebuild` made before. `bare` reads the
same logs in as many processes without looking at what it reads. Each is the best of --runs.
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
from contextlib import ExitStack, closing
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from aiokafka import AIOKafkaProducer
from append_kafka import bare_producer
from rebuild import MemoryLog, interleaved, signed_together

from consumers import replaying
from consumers.bootstrap import Settings, open_reader
from ledger.adapters.kafka import create_log
from ledger.adapters.trust import load_trust, pin
from ledger.app.limits import GROUP_ENTRIES_MAX
from ledger.core.action import Action
from ledger.core.ids import log_number
from ledger.core.times import add_seconds
from projections.store.sqlite import ReadStore

BEGAN = "2026-04-01T00:00:00.000000Z"


class Filler:
    """Seals actions into the logs of a topic and sends them, one batch in flight for each log."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, logs: list[MemoryLog]) -> None:
        self._producer = producer
        self._topic = topic
        self._logs = logs
        self._sent: dict[int, asyncio.Future[object]] = {}
        self._groups = 0
        self.bytes = 0

    async def fill(self, entries: int, submission: int) -> int:
        """Send about `entries` entries; gives how many."""
        waiting: list[list[Action]] = [[] for _ in self._logs]
        count = 0
        for action in interleaved(entries):
            number = log_number(action.stream, len(self._logs))
            part = waiting[number]
            part.append(action)
            if len(part) >= GROUP_ENTRIES_MAX:
                count += await self._send(number, part, submission)
                waiting[number] = []
        for number, part in enumerate(waiting):
            count += await self._send(number, part, submission)
        for sent in self._sent.values():
            await sent
        return count

    async def _send(self, number: int, actions: list[Action], submission: int) -> int:
        log = self._logs[number]
        self._groups += 1
        parts = [actions[at : at + submission] for at in range(0, len(actions), submission)]
        log.seal(
            [signed_together(part) for part in parts if part], add_seconds(BEGAN, self._groups)
        )
        batch = self._producer.create_batch()
        for data in log.entries:
            if batch.append(timestamp=None, key=None, value=data) is None:
                sys.exit("a batch is too large")
            self.bytes += len(data)
        batch.close()
        if number in self._sent:
            await self._sent[number]
        self._sent[number] = await self._producer.send_batch(batch, self._topic, partition=number)
        count, log.entries = len(log.entries), []
        return count


async def make_logs(
    bootstrap: str, home: Path, entries: int, logs: int, submission: int
) -> tuple[str, int, int]:
    """A topic filled, pinned in `home`; its name, its entries and their mean bytes."""
    topic = f"replay-{secrets.token_hex(4)}"
    made = [MemoryLog(topic, number, logs) for number in range(logs)]
    geneses = [log.entries.pop() for log in made]
    await asyncio.to_thread(create_log, bootstrap, topic, *geneses)
    pin(Settings(home, f"kafka://{bootstrap}/{topic}").trust_path, geneses)
    async with bare_producer(bootstrap) as producer:
        filler = Filler(producer, topic, made)
        count = await filler.fill(entries, submission)
    return topic, count + logs, filler.bytes // count


def pal(settings: Settings, *words: str) -> float:
    """Run a command of `pal`; gives its seconds."""
    began = perf_counter()
    start = "import sys; from consumers.cli.main import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", start, *words, "--home", str(settings.home)]
    done = subprocess.run(
        [*command, "--log", settings.log],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    return perf_counter() - began


def replay(settings: Settings, processes: int, live: ReadStore | None) -> dict[str, float]:
    """One replay, as `pal states` does it."""
    trust = load_trust(settings.trust_path)
    extents = replaying.extents_of(trust, live)
    folded = 0.0
    size = sum(extent.verified.size for extent in extents)

    def note(done: int) -> None:
        nonlocal folded
        if done == size:
            folded = perf_counter() - began

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = perf_counter()
    found = replaying.fold_states(
        settings, trust, extents, live, on_progress=note, processes=processes
    )
    seconds = perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if found.findings:
        sys.exit(str(found.findings))
    return {
        "entries_per_second": round(found.entries / folded),
        "replay_seconds": round(folded, 2),
        "whole_seconds": round(seconds, 2),
        "whole_per_second": round(found.entries / seconds),
        "dossiers": found.dossiers,
        "compared": found.compared,
        "cpu_seconds": round(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2
        ),
    }


def read_logs(settings: Settings, numbers: list[int]) -> None:
    """Read some logs as they lie, in this process."""
    trust = load_trust(settings.trust_path)
    for number in numbers:
        with closing(open_reader(settings, number, trust[number], alone=True)) as reader:
            position = 0
            while records := reader.read(position, 2_000):
                position = records[-1].position + 1


def read_bare(settings: Settings, entries: int, processes: int, logs: int) -> float:
    """The same logs read in processes, unchecked; entries a second."""
    began = perf_counter()
    running = [
        subprocess.Popen(
            [
                *(sys.executable, __file__, "--read", str(settings.home), settings.log),
                ",".join(str(number) for number in range(first, logs, processes)),
            ]
        )
        for first in range(processes)
    ]
    for process in running:
        if process.wait() != 0:
            sys.exit("reading failed; why stands above")
    return entries / (perf_counter() - began)


def measure(bootstrap: str, given: argparse.Namespace) -> dict[str, object]:
    """Make the logs, verify them, replay them."""
    processes = given.processes
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        home = Path(folder)
        made = make_logs(bootstrap, home, given.entries, given.logs, given.submission)
        topic, entries, entry_bytes = asyncio.run(made)
        settings = Settings(home, f"kafka://{bootstrap}/{topic}")
        verify_seconds = pal(settings, "verify")
        result: dict[str, object] = {
            "entries": entries,
            "logs": given.logs,
            "bytes_per_entry": entry_bytes,
            "verified_in_full_per_second": round(entries / verify_seconds),
        }
        live = None
        if given.compare:
            result["rebuilt_per_second"] = round(entries / pal(settings, "rebuild"))
            live = opened.enter_context(closing(ReadStore.open(settings.read_path)))
        result["load_average"] = os.getloadavg()[0]
        bare = [read_bare(settings, entries, processes, given.logs) for _ in range(given.runs)]
        runs = [replay(settings, processes, live) for _ in range(given.runs)]
        best = max(runs, key=lambda run: run["entries_per_second"])
        result |= {
            "replay": best,
            "replay_of_each_run": [run["entries_per_second"] for run in runs],
            "bare_per_second": round(max(bare)),
            "of_bare": round(best["entries_per_second"] / max(bare), 2),
        }
    return result


def main() -> None:
    """Run and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--logs", type=int, default=8)
    parser.add_argument("--submission", type=int, default=1, help="actions signed together")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--compare", action="store_true", help="with a read store")
    parser.add_argument("--read", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        home, log, numbers = given.read
        read_logs(Settings(Path(home), log), [int(number) for number in numbers.split(",")])
        return
    bootstrap = os.environ.get("PAL_KAFKA_BOOTSTRAP")
    if not bootstrap:
        sys.exit("set PAL_KAFKA_BOOTSTRAP (scripts/kafka start prints it)")
    settings = {
        "benchmark": "replay",
        "setting": "one broker on the same machine",
        "processes": given.processes,
        "actions_per_submission": given.submission,
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} x {platform.machine()}",
    }
    print(json.dumps(settings | measure(bootstrap, given), indent=1))


if __name__ == "__main__":
    main()
