"""Ledgers of several logs, their writers, and the writer process that a test stops or kills."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from collections.abc import Sequence
from typing import NamedTuple

from consumers.workers.writer import Writer
from ledger.adapters.kafka import KafkaLog, create_log
from ledger.app.submission import LedgerError, Recorded
from ledger.core.ids import log_number
from tests.integration.kafka_logs import TestLog, make_genesis, one


class TestLedger(NamedTuple):
    """A topic with one log per partition."""

    bootstrap: str
    topic: str
    genesis: tuple[bytes, ...]

    __test__ = False

    def log(self, number: int) -> TestLog:
        return TestLog(self.bootstrap, self.topic, f"{self.topic}/{number}", self.genesis[number])

    async def serve_log(self, number: int) -> KafkaLog:
        return await self.log(number).serve_here()

    async def start(self, **options) -> Writer:
        return await Writer.start(self.bootstrap, self.topic, self.serve_log, **options)


def new_ledger(bootstrap: str, logs: int) -> TestLedger:
    topic = f"test-{secrets.token_hex(6)}"
    entries = [make_genesis(topic, number, logs) for number in range(logs)]
    create_log(bootstrap, topic, *entries)
    return TestLedger(bootstrap, topic, tuple(entries))


def stream_of(number: int, logs: int) -> str:
    """A stream that belongs into log `number`."""
    names = (f"dossier:{count}" for count in range(1_000))
    return next(name for name in names if log_number(name, logs) == number)


async def append_to(log: KafkaLog, number: int, stream: str) -> None:
    """The same sequence of actions whoever serves the log, telling of each acknowledgement."""
    for count in range(1_000_000):
        submission = one(stream, count)
        try:
            answer = await log.append(submission)
        except LedgerError:
            return  # the log was handed over
        assert isinstance(answer, Recorded)
        place = answer.places[0]
        print("ack", number, submission.actions[0].id, place.index, place.leaf, flush=True)
        await asyncio.sleep(0.002)


async def serve(ledger: TestLedger) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    writer = await ledger.start()
    streams = [stream_of(number, len(ledger.genesis)) for number in range(len(ledger.genesis))]
    tasks: dict[KafkaLog, asyncio.Task[None]] = {}
    owned: frozenset[int] = frozenset()
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set():
        for number, log in writer.logs.items():
            if log not in tasks:
                tasks[log] = asyncio.create_task(append_to(log, number, streams[number]))
        print("owned", *sorted(writer.owned), flush=True)
        owned = writer.owned
        changed = asyncio.create_task(writer.changed(owned))
        await asyncio.wait({changed, stopping}, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
    await writer.stop()
    await asyncio.wait(tasks.values())
    print("stopped", flush=True)


def main(bootstrap: str, topic: str, genesis: Sequence[str]) -> None:
    asyncio.run(serve(TestLedger(bootstrap, topic, tuple(map(bytes.fromhex, genesis)))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
