"""A log in one Kafka partition as the application sees it: written, read and indexed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from ledger.adapters.index_sqlite import open_index
from ledger.adapters.kafka_client import (
    LoopThread,
    Partition,
    partition_of,
)
from ledger.adapters.kafka_entries import EntriesAt
from ledger.adapters.kafka_reader import KafkaReader
from ledger.adapters.kafka_security import PLAINTEXT, KafkaSecurity
from ledger.adapters.kafka_writer import KafkaWriter, Outcome
from ledger.app.index_tables import StrayRecord
from ledger.app.limits import APPEND_TIMEOUT_SECONDS
from ledger.app.log_index import MemoryIndex, PartitionIndex
from ledger.app.ports import Record, WriterHealth
from ledger.app.sequencer import Sequencer
from ledger.app.submission import Answer, LedgerError, Place, Submission, UnavailableError
from ledger.app.watch import offset_gaps
from ledger.core.chain import Head, StreamHead
from ledger.entry.signatures import SigningKey

_POLL_SECONDS: Final = 0.05
_CLOSE_SECONDS: Final = 10.0
_SUBMIT_SLICE: Final = 2_000
"""Submissions handed to the writer's loop at a time, so that its queue stays bounded."""

T = TypeVar("T")


def _software() -> str:
    """What a writer's opening entry names as its software."""
    try:
        return f"procedure-audit-ledger {version('procedure-audit-ledger')}"
    except PackageNotFoundError:
        return "procedure-audit-ledger, not installed"


class KafkaLog:
    """An `EntryLog` over a Kafka partition (KAFKA.md section 1).

    The writer opens on the first append, never before. Either the log has an event loop on a
    thread of its own (`open`), or it runs on the caller's (`serve_here`), which saves the hand-over
    between threads; there `append` is the door, and reads that need the broker go through
    `asyncio.to_thread`.
    """

    def __init__(
        self,
        partition: Partition,
        key: SigningKey,
        index: PartitionIndex,
        loop: asyncio.AbstractEventLoop,
        thread: LoopThread | None,
        *,
        timeout_seconds: float = APPEND_TIMEOUT_SECONDS,
    ) -> None:
        self.origin = index.origin
        self._partition = partition
        self._index = index
        self._loop = loop
        self._thread = thread
        self._loop_thread = threading.get_ident()
        self._timeout = timeout_seconds
        self._grown = threading.Condition()
        machine = Sequencer(index, key, software=_software(), timeout_seconds=timeout_seconds)
        self._writer = KafkaWriter(partition, index, machine, self._notify)
        self._reader = KafkaReader(self.origin, partition, self._run, lambda: None)
        self._entries_at = EntriesAt(partition, index)
        self._close_once = threading.Lock()
        self._waiting: set[asyncio.Task[None]] = set()

    @classmethod
    def open(
        cls,
        bootstrap: str,
        topic: str,
        origin: str,
        genesis_leaf: str | None,
        key: SigningKey,
        expect: Head | None = None,
        timeout_seconds: float = APPEND_TIMEOUT_SECONDS,
        security: KafkaSecurity = PLAINTEXT,
        index_path: Path | None = None,
    ) -> Self:
        """A log for synchronous use. Connects, reads nothing yet, writes nothing.

        `genesis_leaf` is the pinned hex leaf of entry 0, `expect` a head that was seen before. The
        local index lies at `index_path`; without one the whole log is read anew by each process,
        into memory. Raises `UnavailableError` where there is no broker or no such topic.
        """
        thread = LoopThread("pal-kafka")

        async def make() -> Self:
            partition = await Partition.open(bootstrap, topic, partition_of(origin), security)
            index = await _open_index(partition, index_path, origin, genesis_leaf, expect)
            return cls(partition, key, index, thread.loop, thread, timeout_seconds=timeout_seconds)

        try:
            return thread.run(make())
        except BaseException:
            thread.close()
            raise

    @classmethod
    async def serve_here(
        cls,
        bootstrap: str,
        topic: str,
        origin: str,
        genesis_leaf: str | None,
        key: SigningKey,
        expect: Head | None = None,
        timeout_seconds: float = APPEND_TIMEOUT_SECONDS,
        security: KafkaSecurity = PLAINTEXT,
        index_path: Path | None = None,
    ) -> Self:
        """A log on the running event loop, with its index read; the writer is not open yet."""
        partition = await Partition.open(bootstrap, topic, partition_of(origin), security)
        index = await _open_index(partition, index_path, origin, genesis_leaf, expect)
        loop = asyncio.get_running_loop()
        log = cls(partition, key, index, loop, None, timeout_seconds=timeout_seconds)
        try:
            await log._writer.refresh()
        except BaseException:
            await log.aclose()
            raise
        return log

    # Writing

    async def append(self, submission: Submission) -> Answer:
        """Record one submission; see `EntryLog`. From any event loop."""
        if asyncio.get_running_loop() is not self._loop:
            future: Future[Sequence[Answer]] = Future()
            self._call(self._start, [submission], future)
            return (await asyncio.wrap_future(future))[0]
        self._check_open()
        if not self._writer.has_room():
            await self._writer.room()
            self._check_open()
        answer: asyncio.Future[Answer] = self._loop.create_future()

        def deliver(outcome: Outcome) -> None:
            if answer.done():
                return
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        self._writer.submit(submission, deliver)
        return await answer

    def submit(self, submissions: Sequence[Submission]) -> Sequence[Answer]:
        """Record each submission all or none, in order; see `EntryLog`. From any thread."""
        self._refuse_own_loop("submit")
        answers: list[Answer] = []
        for at in range(0, len(submissions), _SUBMIT_SLICE):
            future: Future[Sequence[Answer]] = Future()
            self._call(self._start, submissions[at : at + _SUBMIT_SLICE], future)
            answers += future.result()
        return answers

    def _start(self, submissions: Sequence[Submission], future: Future[Sequence[Answer]]) -> None:
        try:
            self._check_open()
        except UnavailableError as error:
            future.set_exception(error)
            return
        if self._writer.has_room(len(submissions)):
            self._queue(submissions, future)
            return
        task = self._loop.create_task(self._start_later(submissions, future))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _start_later(
        self, submissions: Sequence[Submission], future: Future[Sequence[Answer]]
    ) -> None:
        try:
            await self._writer.room(len(submissions))
            self._check_open()
        except UnavailableError as error:
            future.set_exception(error)
        else:
            self._queue(submissions, future)

    def _queue(self, submissions: Sequence[Submission], future: Future[Sequence[Answer]]) -> None:
        outcomes: list[Outcome | None] = [None] * len(submissions)
        left = len(submissions)

        def deliver_at(place: int, outcome: Outcome) -> None:
            nonlocal left
            outcomes[place] = outcome
            left -= 1
            if left or future.cancelled():
                return
            errors = [item for item in outcomes if isinstance(item, Exception)]
            if errors:
                future.set_exception(errors[0])
            else:
                future.set_result([o for o in outcomes if not isinstance(o, Exception | None)])

        for place, submission in enumerate(submissions):
            self._writer.submit(submission, partial(deliver_at, place))

    # The index

    @property
    def warning(self) -> str:
        """What preflight or index have to say aloud, once a writer has opened; "" without."""
        return self._writer.warning or self._index.tables.warning

    @property
    def batches(self) -> int:
        """Record batches that this process's writer has had acknowledged: entries per group."""
        return self._writer.batches

    def health(self) -> WriterHealth:
        """How the writer of this process does; asks nobody, from any thread."""
        writer = self._writer
        echo_at = writer.echo_at
        return WriterHealth(
            origin=self.origin,
            phase=writer.machine.phase.value,
            session=writer.machine.session_id,
            size=self._index.head.size,
            queue=writer.queue,
            last_echo_age_seconds=-1.0 if echo_at is None else self._loop.time() - echo_at,
            strays=len(self._index.strays),
        )

    @property
    def strays(self) -> Sequence[StrayRecord]:
        """Records that do not count, as far as this process has read."""
        return tuple(self._index.strays)

    def gaps(self, after: int) -> Sequence[tuple[int, int]]:
        """Offsets (first, last) from `after` on at which lies neither entry nor stray."""
        index = self._index
        strays = [stray.offset for stray in index.strays]
        return offset_gaps(index.head.size, index.position, index.offset_of, strays, after)

    def head(self) -> Head:
        """Size and leaf of the log; reads what others appended, opens no writer."""
        self._refresh()
        return self._index.head

    def stream_head(self, stream: str) -> StreamHead:
        """Version and leaf of a stream."""
        self._refresh()
        return self._index.stream_head(stream)

    def place_of(self, action_id: str) -> Place | None:
        """Where an action is recorded, if it is."""
        known = self._index.place_of(action_id)
        if known is not None:
            return known
        self._refresh()
        return self._index.place_of(action_id)

    def stream_entries(
        self,
        stream: str,
        *,
        after: int = 0,
        until: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[bytes]:
        """Entries (not void) of a stream with `after` < version <= `until`, by version."""
        if until is not None and until <= after:
            return []
        self._refresh()
        if stream == f"ledger:{self.origin}":
            # In memory: the application asks for the log's keys on its own event loop.
            own = self._index.own_entries[after:until]
            return (own[::-1] if desc else own)[:limit]
        indices = list(self._index.stream_indices(stream, after, until))
        return self._entries((indices[::-1] if desc else indices)[:limit])

    def notifications(
        self, start: int, stop: int | None, limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """(notification id, entry) for ids `start` to `stop`; see `EntryLog`."""
        self._refresh()
        first = max(start, 1)
        indices = self._index.notification_indices(first, stop, limit)
        return list(enumerate(self._entries(indices), first))

    def notification_id(self, index: int) -> int:
        """The notification id of the entry at `index`, which is of no `ledger:` stream."""
        return self._index.notification_id(index)

    def notification_count(self) -> int:
        """The highest notification id; 0 where there is none."""
        self._refresh()
        return self._index.notification_count()

    def wait_for_growth(self, size: int, timeout_seconds: float) -> bool:
        """Wait until `head().size` exceeds `size`; False when the time ran out."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            if self.head().size > size:
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self._grown:
                self._grown.wait(min(left, _POLL_SECONDS))

    # Records as they lie

    def read(self, position: int, limit: int) -> Sequence[Record]:
        """Up to `limit` records from Kafka offset `position` on, as they lie."""
        return self._reader.read(position, limit)

    def end(self) -> int:
        """The Kafka offset that the next record will have."""
        return self._reader.end()

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:
        """Wait until a record lies at offset `position` or after it."""
        return self._reader.wait_beyond(position, timeout_seconds)

    # The end

    def close(self) -> None:
        """End writer and connections; safe to call again, and from any thread.

        On the log's own event loop (the garbage collector may close an application anywhere) and
        for a log of `serve_here` it does not wait.
        """
        if not self._begin_closing():
            return
        if self._on_loop():
            self._closing = self._loop.create_task(self._end_on_loop())
        elif self._thread is None:
            if not self._loop.is_closed():
                asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        else:
            try:
                self._thread.run(self._end(), _CLOSE_SECONDS)
            finally:
                self._thread.close()

    async def aclose(self, drain_seconds: float = 0.0) -> None:
        """The same, on the log's own event loop, waiting until all is closed.

        What is queued is answered first, for so long; new submissions are refused from here on.
        """
        if self._begin_closing():
            await self._end(drain_seconds)

    def _begin_closing(self) -> bool:
        """Whether it falls to this caller to close the log: it does so once."""
        return self._close_once.acquire(blocking=False)

    @property
    def _closed(self) -> bool:
        return self._close_once.locked()

    async def _end(self, drain_seconds: float = 0.0) -> None:
        await self._writer.close(drain_seconds)
        await asyncio.to_thread(self._index.close)
        await self._partition.close()

    async def _end_on_loop(self) -> None:
        try:
            await self._end()
        finally:
            if self._thread is not None:
                self._thread.close()

    # Helpers

    def _on_loop(self) -> bool:
        return threading.get_ident() == self._loop_thread

    def _check_open(self) -> None:
        if self._closed:
            raise UnavailableError("the log was closed", next_step="open it again")

    def _refuse_own_loop(self, what: str) -> None:
        if self._on_loop():
            msg = f"{what} would block the log's own event loop"
            raise LedgerError(msg, next_step="await append(), or use asyncio.to_thread")

    def _call(self, function: Any, *arguments: Any) -> None:
        self._check_open()
        if self._thread is not None:
            self._thread.call(function, *arguments)
        else:
            self._loop.call_soon_threadsafe(function, *arguments)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._closed or self._on_loop():
            work.close()
            self._check_open()
            self._refuse_own_loop("reading from the broker")
        if self._thread is not None:
            return self._thread.run(work)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _refresh(self) -> None:
        if self._index.broken is not None:
            raise self._index.broken
        if not self._on_loop() and not self._writer.is_current:
            self._run(self._writer.refresh())

    def _notify(self) -> None:
        with self._grown:
            self._grown.notify_all()

    def _entries(self, indices: Sequence[int]) -> list[bytes]:
        return self._run(self._entries_at.read(indices)) if indices else []


async def _open_index(
    partition: Partition,
    path: Path | None,
    origin: str,
    genesis_leaf: str | None,
    expect: Head | None,
) -> PartitionIndex:
    if path is None:
        return MemoryIndex(origin, genesis_leaf=genesis_leaf, expect=expect)
    try:
        return await asyncio.to_thread(
            open_index, path, origin, genesis_leaf=genesis_leaf, expect=expect
        )
    except BaseException:
        await partition.close()
        raise
