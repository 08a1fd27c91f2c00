"""Carries out what the sequencer decides, with aiokafka, on one event loop. Decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from secrets import token_bytes
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from ledger.adapters.kafka_admin import MESSAGE_BYTES_MAX, preflight
from ledger.adapters.kafka_catch_up import CatchUp, Fetched, take_in
from ledger.adapters.kafka_client import POINT_BYTES, Partition, UnreachableError
from ledger.adapters.kafka_security import not_allowed
from ledger.app.effects import (
    CloseProducer,
    Deliver,
    Effect,
    Moment,
    NewProducer,
    Phase,
    ReadFrom,
    SendBatch,
    WakeAt,
)
from ledger.app.limits import QUEUE_BYTES_MAX, QUEUE_SUBMISSIONS_MAX, QUEUE_WAIT_SECONDS
from ledger.app.log_index import PartitionIndex
from ledger.app.sequencer import Sequencer
from ledger.app.submission import (
    Answer,
    LedgerError,
    QueueFullError,
    Submission,
    UnavailableError,
)
from ledger.core.findings import FindingError
from ledger.core.ids import uuid7_text

BATCH_SECONDS: Final = 10.0
"""After this the outcome of a batch is unknown; the callers behind it wait longer."""
START_SECONDS: Final = 4.0
PROGRESS_SECONDS: Final = 10.0
LAG_SECONDS: Final = 0.05
STOP_SECONDS: Final = 2.0
TICK_SECONDS: Final = 0.25
IDLE_SECONDS: Final = 1.0
"""A writer that has appended nothing for so long looks whether somebody else has."""

_NOT_ALLOWED: Final = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)
"""The second is said to an account that may write to no topic at all: it gets no producer id."""

Outcome = Answer | Exception


class KafkaWriter:
    """The effects of one sequencer. All methods run on the event loop of `partition`."""

    def __init__(
        self,
        partition: Partition,
        index: PartitionIndex,
        machine: Sequencer,
        on_growth: Callable[[], None],
    ) -> None:
        self.machine = machine
        self.warning = ""
        self.batches = 0
        """Batches that were acknowledged where they were expected or elsewhere."""
        self._partition = partition
        self._index = index
        self._on_growth = on_growth
        self._loop = asyncio.get_running_loop()
        self._reading = asyncio.Lock()
        self._producer: Any = None
        self._checked = False
        self.echo_at: float | None = None
        """When the loop's clock saw the last acknowledged batch."""
        self._callers: dict[int, tuple[Callable[[Outcome], None], int]] = {}
        self._queued_bytes = 0
        self._room: list[asyncio.Future[None]] = []
        self._drained: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._token = 0
        self._turn: Moment | None = None
        self._tick_due = False
        self._active_at = 0.0

    def _moment(self) -> Moment:
        return Moment(datetime.now(UTC), self._loop.time(), random.random())  # noqa: S311 - jitter

    # From callers

    def submit(self, submission: Submission, deliver: Callable[[Outcome], None]) -> None:
        """Queue a submission; `deliver` is called once, on this loop."""
        if self._turn is None:
            # All callers that the last echo woke queue theirs in this turn of the loop: one group.
            self._turn = self._moment()
            self._loop.call_soon(self._flush)
            self._start_ticking()
        self._token += 1
        size = 0
        for action in submission.actions:
            size += len(action.data)
        self._callers[self._token] = (deliver, size)
        self._queued_bytes += size
        effects = self.machine.submit(self._token, submission, self._turn)
        if effects:
            self._apply(effects)

    def has_room(self, submissions: int = 1) -> bool:
        """Whether so many more may wait (limits.QUEUE_SUBMISSIONS_MAX, QUEUE_BYTES_MAX)."""
        queued = len(self._callers)
        return not queued or (
            queued + submissions <= QUEUE_SUBMISSIONS_MAX and self._queued_bytes < QUEUE_BYTES_MAX
        )

    async def room(self, submissions: int = 1) -> None:
        """Wait until the queue has room; raises `QueueFullError` (nothing was queued)."""
        deadline = self._loop.time() + QUEUE_WAIT_SECONDS
        while not self.has_room(submissions):
            waiter = self._loop.create_future()
            self._room.append(waiter)
            try:
                async with asyncio.timeout_at(deadline):
                    await waiter
            except TimeoutError as error:
                raise QueueFullError(
                    f"{len(self._callers)} submissions ({self._queued_bytes} bytes) wait for the "
                    f"writer, and none of them got an answer within {QUEUE_WAIT_SECONDS:.0f} s "
                    "that made room",
                    next_step="send the same action again, later; see whether the broker runs",
                ) from error

    @property
    def queue(self) -> int:
        """Submissions without an answer."""
        return len(self._callers)

    @property
    def is_current(self) -> bool:
        """Whether the index is as new as the log: this writer serves, and appended just now."""
        machine = self.machine
        if machine.phase is not Phase.SERVING:
            return machine.phase is not Phase.CLOSED
        return machine.backlog > 0 or self._loop.time() - self._active_at < IDLE_SECONDS

    async def refresh(self) -> None:
        """Read what others have appended, where no writer of this process serves."""
        if self.is_current:
            return
        index, machine = self._index, self.machine
        async with self._reading, CatchUp(self._partition, index.state) as reading:
            position = index.position if index.is_compared else index.overlap()
            chunk = await self._fetch_known(reading, position)
            if machine.phase is Phase.SERVING:
                if index.position != position or machine.backlog:
                    return
                if chunk.end == position:
                    self._active_at = self._loop.time()
                    return
                self._apply(machine.displaced())
            grown = bool(chunk.records)
            while machine.phase in {Phase.CLOSED, Phase.CONNECTING}:
                await take_in(reading, chunk, index)
                if chunk.next_offset >= chunk.end:
                    # This process's own session may have gone on since that end was told.
                    index.check_end(max(chunk.end, index.position))
                    break
                chunk = await reading.fetch(chunk.next_offset)
            if grown:
                self._on_growth()

    async def _fetch_known(self, reading: CatchUp, position: int) -> Fetched:
        """What lies from `position` on, where the log is known to reach to `index.position`.

        The end that a leader tells may lag behind that for a while after it has taken over: wait
        for it. Raises `FindingError` where the log has shrunk, `UnavailableError` where it hangs.
        """
        known = self._index.position
        deadline = self._loop.time() + PROGRESS_SECONDS
        while True:
            chunk = await reading.fetch(position)
            if chunk.end >= known:
                return chunk
            if self._loop.time() > deadline:
                raise await self._lagging(known, chunk.end)
            await asyncio.sleep(LAG_SECONDS)

    async def _lagging(self, known: int, end: int) -> UnavailableError:
        """The error for an end that stays behind what is known; `FindingError` where it is true."""
        # A broker refuses to read behind the end of its log, but not behind its watermark.
        await self._partition.fetch(known, max_bytes=POINT_BYTES)
        return UnavailableError(
            f"no progress: {known} records were read before, the broker shows {end} of them",
            next_step="see whether the brokers of this topic are in sync",
        )

    async def close(self, drain_seconds: float = 0.0) -> None:
        """End the session; what is queued is answered first, for so long, the rest is told."""
        if self._callers and drain_seconds:
            self._drained = self._loop.create_future()
            await asyncio.wait({self._drained}, timeout=drain_seconds)
        self._apply(self.machine.close())
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=3 * STOP_SECONDS)
        for task in self._tasks:
            task.cancel()

    # From the clock

    def _flush(self) -> None:
        self._turn = None
        if self._callers:
            # The tick that the turn began with may have come between them, when nobody waited.
            self._start_ticking()
        self._apply(self.machine.flush(self._moment()))

    def _tick(self) -> None:
        self._apply(self.machine.tick(self._moment()))

    def _start_ticking(self) -> None:
        if not self._tick_due:
            self._tick_due = True
            self._loop.call_later(TICK_SECONDS, self._tick_regularly)

    def _tick_regularly(self) -> None:
        self._tick_due = False
        self._tick()
        if self._callers:
            self._start_ticking()

    # Effects

    def _apply(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Deliver):
                deliver, size = self._callers.pop(effect.token)
                self._queued_bytes -= size
                deliver(effect.outcome)
            elif isinstance(effect, SendBatch):
                self._spawn(self._send(effect))
            elif isinstance(effect, ReadFrom):
                self._spawn(self._read(effect))
            elif isinstance(effect, NewProducer):
                self._spawn(self._connect(effect.session))
            elif isinstance(effect, CloseProducer):
                producer, self._producer = self._producer, None
                if producer is not None:
                    self._spawn(_end_producer(producer))
            elif isinstance(effect, WakeAt):
                self._loop.call_at(effect.seconds, self._tick)
        if self._drained is not None and not self._callers and not self._drained.done():
            self._drained.set_result(None)
        if self._room and self.has_room():
            waiters, self._room = self._room, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, session: int) -> None:
        producer: Any = None
        partition = self._partition
        try:
            async with self._reading:
                # A refresh that was under way is over now: only the session reads from here on.
                if not self._checked:
                    self.warning = await preflight(
                        partition.bootstrap, partition.topic, security=partition.security
                    )
                    self._checked = True
            producer = AIOKafkaProducer(
                # Of several brokers one may hang, and it may be the one that is asked first.
                bootstrap_servers=await partition.leader_address(),
                client_id="pal-writer",
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                compression_type=None,
                max_batch_size=MESSAGE_BYTES_MAX,
                max_request_size=MESSAGE_BYTES_MAX,
                request_timeout_ms=int(BATCH_SECONDS * 1000),
                **partition.security.client_options(),
            )
            await asyncio.wait_for(producer.start(), START_SECONDS)
        except _NOT_ALLOWED:
            self._spawn(_end_producer(producer))
            self._apply(self.machine.refused_to_open(session, self._may_not_write()))
        except (UnreachableError, KafkaError, OSError, TimeoutError) as error:
            if producer is not None:
                self._spawn(_end_producer(producer))
            self._apply(self.machine.failed(session, f"no producer: {error!r}", self._moment()))
        except LedgerError as error:
            self._apply(self.machine.refused_to_open(session, error))
        else:
            if session != self.machine.session:
                self._spawn(_end_producer(producer))
                return
            self._producer = producer
            self._apply(self.machine.producer_ready(session))

    def _may_not_write(self) -> LedgerError:
        return not_allowed(self._partition.topic, "Write", self._partition.security)

    async def _read(self, effect: ReadFrom) -> None:
        try:
            async with CatchUp(self._partition, self._index.state) as reading:
                await self._read_on(effect.session, effect.offset, reading)
        except LedgerError as error:
            self._apply(self.machine.failed(effect.session, str(error), self._moment()))
        except FindingError as error:
            self._apply(self.machine.refused_to_open(effect.session, error))

    async def _read_on(self, session: int, position: int, reading: CatchUp) -> None:
        machine = self.machine
        deadline = self._loop.time() + PROGRESS_SECONDS
        while session == machine.session:
            chunk = await reading.fetch(position)
            if chunk.next_offset > position:
                deadline = self._loop.time() + PROGRESS_SECONDS
            position = chunk.next_offset
            async for ahead in reading.slices(chunk):
                self._apply(machine.records(session, ahead, ahead.next_offset, self._moment()))
            moment = self._moment()
            self._apply(machine.records(session, (), position, moment))
            # The end may lag behind what was read or echoed while a leader moves: wait for it.
            known = self._index.position
            if position >= chunk.end >= known:
                milliseconds = int(moment.now.timestamp() * 1000)
                session_id = uuid7_text(milliseconds, token_bytes(10))
                self._apply(machine.end_reached(session, chunk.end, session_id, moment))
                self._active_at = self._loop.time()
                self._on_growth()
                return
            if self._loop.time() > deadline:
                if chunk.end < known:
                    raise await self._lagging(known, chunk.end)
                reason = f"no progress at offset {position} of {chunk.end}: the broker hangs"
                self._apply(machine.failed(session, reason, moment))
                return
            await asyncio.sleep(0 if chunk.records else LAG_SECONDS)

    async def _send(self, effect: SendBatch) -> None:
        try:
            base_offset = await asyncio.wait_for(self._produce(effect.entries), BATCH_SECONDS)
        except _NOT_ALLOWED:
            self._apply(self.machine.refused_to_open(effect.session, self._may_not_write()))
        except (KafkaError, OSError, TimeoutError) as error:
            reason = f"a batch was not acknowledged: {error!r}"
            self._apply(self.machine.batch_unknown(effect.session, reason, self._moment()))
        else:
            self._active_at = self.echo_at = self._loop.time()
            self.batches += 1
            self._apply(self.machine.echoed(effect.session, base_offset, self._moment()))
            self._on_growth()

    async def _produce(self, entries: Sequence[bytes]) -> int:
        producer = self._producer
        if producer is None:
            raise KafkaError("the producer was closed")
        batch = producer.create_batch()
        for data in entries:
            if batch.append(timestamp=None, key=None, value=data) is None:
                raise KafkaError(f"a group of {len(entries)} entries does not fit one batch")
        batch.close()
        partition = self._partition
        sent = await producer.send_batch(batch, partition.topic, partition=partition.partition)
        # Cancelling does not unsend: the sequencer takes a time-out as unknown (trap 6).
        metadata = await sent
        return int(metadata.offset)


async def _end_producer(producer: Any) -> None:
    """Stop a producer; one that still tries to send is cut off: it may not go on for ever."""
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.wait({stopping}, timeout=STOP_SECONDS)
    if not stopping.done():
        # aiokafka leaves its sender running when stop() does not come to an end (trap 6).
        sender = producer._sender.sender_task  # noqa: SLF001 - it has no other handle
        sender.cancel()
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(producer.client.close(), STOP_SECONDS)
        # The first cancel makes it wait for its request; the second reaches that request.
        sender.cancel()
        await asyncio.wait({stopping, sender}, timeout=STOP_SECONDS)
        stopping.cancel()
    with contextlib.suppress(KafkaError, OSError, asyncio.CancelledError):
        await stopping
