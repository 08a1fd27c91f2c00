"""Writers, a simulated cluster and their callers, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from ledger.adapters.kafka_admin import create_log_async
from ledger.adapters.kafka_log import KafkaLog
from ledger.adapters.simulator import Simulator
from ledger.app.submission import LedgerError, Submission
from ledger.core.findings import FindingError
from ledger.core.merkle import leaf_hash
from tests.integration.kafka_logs import KEY, make_genesis
from tests.simulation.oracle import LOST, Fold, check
from tests.simulation.virtual_loop import VirtualLoop

TOPIC = "procedures"
_owner: ContextVar[int] = ContextVar("owner", default=-1)
GENESIS = make_genesis(TOPIC)


class Cluster:
    """A log on three brokers, and writers that open, die and are replaced."""

    def __init__(self, seed: int, writers: int, *, indexed: bool = False) -> None:
        # aiokafka shuffles brokers, the writer jitters its back-off: both follow the seed too.
        random.seed(seed)
        self.loop = VirtualLoop(seed)
        self.loop.set_task_factory(self._make_task)
        self.loop.set_exception_handler(self._note_error)
        self.errors: list[Any] = []
        """What no task of ours may leave behind: exceptions that nobody looked at."""
        self.tasks: dict[int, set[asyncio.Task[Any]]] = {number: set() for number in range(writers)}
        self.tasks[-1] = set()
        self.simulator = Simulator(brokers=3)
        self.writers: list[KafkaLog | None] = [None] * writers
        self.submissions: list[Submission] = []
        self.outcomes: list[Any] = []
        self.callers: dict[int, set[int]] = {number: set() for number in range(writers)}
        self.folder = TemporaryDirectory() if indexed else None
        """Where each writer keeps its local index; what a killed one leaves is its successor's."""
        self.lives = [0] * writers
        self.run(self._set_up())

    async def _set_up(self) -> None:
        await self.simulator.start()
        await create_log_async(self.simulator.bootstrap, TOPIC, GENESIS)

    def _make_task(self, loop: Any, work: Coroutine, context: Any = None, **options) -> Any:
        owner = _owner.get() if context is None else context.get(_owner, -1)
        task = asyncio.Task(work, loop=loop, context=context, **options)
        self.tasks[owner].add(task)
        task.add_done_callback(self.tasks[owner].discard)
        return task

    def _note_error(self, _loop: Any, context: dict[str, Any]) -> None:
        if context.get("exception") is not None:
            self.errors.append(context)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let things happen until `work` is done."""
        return self.loop.run_until_complete(work)

    def wait(self, seconds: float) -> None:
        """Let things happen for so long."""
        self.run(asyncio.sleep(seconds))

    def wait_for_answers(self, seconds: float) -> None:
        """Let things happen until everybody is answered, at most for so long."""
        deadline = self.loop.time() + seconds
        while None in self.outcomes and self.loop.time() < deadline:
            self.wait(0.1)
        assert None not in self.outcomes, "somebody waits for ever"

    # Callers

    def submit(self, writer: int, submission: Submission) -> None:
        """Somebody sends a submission to a writer, which opens if it must."""
        token = len(self.submissions)
        self.submissions.append(submission)
        self.outcomes.append(None)
        self.callers[writer].add(token)
        context = copy_context()
        context.run(_owner.set, writer)
        self.loop.create_task(self._submit(writer, token), context=context)

    async def _submit(self, writer: int, token: int) -> None:
        try:
            log = await self._opened(writer)
            self.outcomes[token] = await log.append(self.submissions[token])
        except (LedgerError, FindingError) as error:
            self.outcomes[token] = error
        self.callers[writer].discard(token)

    async def _opened(self, writer: int) -> KafkaLog:
        known = self.writers[writer]
        if known is not None:
            return known
        log = await KafkaLog.serve_here(
            self.simulator.bootstrap,
            TOPIC,
            f"{TOPIC}/0",
            leaf_hash(GENESIS).hex(),
            KEY,
            index_path=self._index_path(writer),
        )
        if self.writers[writer] is None:
            self.writers[writer] = log
        return self.writers[writer] or log

    def _index_path(self, writer: int) -> Path | None:
        if self.folder is None:
            return None
        return Path(self.folder.name) / f"{writer}-{self.lives[writer]}.sqlite"

    def look(self, writer: int) -> None:
        """Somebody asks a writer's process what the log holds."""
        log = self.writers[writer]
        if log is not None:
            context = copy_context()
            context.run(_owner.set, writer)
            self.loop.create_task(self._look(log), context=context)

    async def _look(self, log: KafkaLog) -> None:
        try:
            await log._writer.refresh()
        except LedgerError:
            pass  # no broker answered
        except FindingError as error:
            self.errors.append(error)

    def stall(self, writer: int, seconds: float) -> None:
        """The network between a writer and the brokers hangs; then everything arrives, late."""
        self.loop.stall(self._belongs_to(writer), seconds)

    def _belongs_to(self, writer: int) -> Callable[[Context], bool]:
        return lambda context: context.get(_owner, -1) == writer

    # Ends

    def close(self, writer: int) -> None:
        """A clean stop."""
        log, self.writers[writer] = self.writers[writer], None
        if log is not None:
            self.run(log.aclose())

    def kill(self, writer: int) -> None:
        """As kill -9: what its requests did stays, nobody is told anything."""
        log, self.writers[writer] = self.writers[writer], None
        self._leave_index(writer)
        for token in self.callers[writer]:
            self.outcomes[token] = LOST
        self.callers[writer].clear()
        # What is cancelled may begin something else: that ends too, before any time passes.
        for _ in range(5):
            self.loop.kill(self._belongs_to(writer))
            self._cancel(writer)
        if log is not None:
            log._index.close()

    def _leave_index(self, writer: int) -> None:
        left = self._index_path(writer)
        self.lives[writer] += 1
        found = self._index_path(writer)
        if left is None or found is None:
            return
        for part in ("", "-wal"):
            if Path(f"{left}{part}").exists():
                copyfile(f"{left}{part}", f"{found}{part}")

    def _cancel(self, owner: int) -> None:
        for task in list(self.tasks[owner]):
            task.cancel()
        self.wait(0)

    def end(self) -> None:
        """Close everything, and the loop."""
        for writer in range(len(self.writers)):
            self.close(writer)
            self.kill(writer)
        self.run(self.simulator.stop())
        self._cancel(-1)
        self.loop.close()
        if self.folder is not None:
            self.folder.cleanup()

    # The log

    def write(self, record: bytes | None) -> None:
        """Somebody who is no writer puts a record into the topic."""
        builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 2**20)
        builder.append(0, timestamp=0, key=None, value=record, headers=[])
        self.simulator.partition(TOPIC).append(bytes(builder.build()), 0)

    def records(self) -> list[bytes]:
        """The leader's log, record by record; b"" for one without a value."""
        found: list[bytes] = []
        for batch in self.simulator.partition(TOPIC).batches:
            records = MemoryRecords(batch.data)
            while records.has_next():
                found += [record.value or b"" for record in records.next_batch()]
        return found

    def check(self) -> Fold:
        """The invariant (oracle.py)."""
        fold = Fold().take(self.records())
        check(fold, self.simulator.partition(TOPIC).watermark, self.submissions, self.outcomes)
        return fold
