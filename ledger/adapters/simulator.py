"""A Kafka cluster inside the test process, which fails on demand: for tests of anything on a log.

    with Simulator(brokers=3) as simulator:
        log = KafkaLog.open(simulator.bootstrap, ...)
        simulator.inject(ANSWER_LOST)  # the next produce request: done, but nobody hears of it

Real aiokafka clients connect to it over loopback and speak Kafka's own wire format. It knows
ApiVersions, Metadata, CreateTopics, DescribeConfigs, InitProducerId, Produce with idempotence,
Fetch and ListOffsets; no consumer groups, no transactions, no security. Nothing reaches a disk.

Faults come in pairs, because a client cannot tell them apart: what was asked was not done, or it
was done and the answer lost.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from io import BytesIO
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Self

from aiokafka.protocol.api import RequestHeader_v1, ResponseHeader_v0

from ledger.adapters.kafka_client import LoopThread
from ledger.adapters.simulator_cluster import (
    FETCH,
    HOST,
    NOT_LEADER,
    PRODUCE,
    REQUESTS,
    Produced,
    SimulatedCluster,
    answer_produce,
    refuse_fetch,
)
from ledger.adapters.simulator_partition import (
    NO_ERROR,
    Appended,
    SimulatedPartition,
)

_log = logging.getLogger("ledger.simulator")

REQUEST_TIMED_OUT: Final = 7
NOT_ENOUGH_REPLICAS: Final = 19
DUPLICATE_SEQUENCE: Final = 46
_ACKS_ALL: Final = -1
_STOP_SECONDS: Final = 5.0


class Fault(NamedTuple):
    """What happens to one request, and to its answer.

    `request`: done, dropped (never done), or held until `release`. `answer`: an error code;
    the connection closes; or silence until the client gives up. With `moves_leader` the
    partition gets another leader, before the request where it is not done, else after it.
    """

    request: Literal["done", "dropped", "held"]
    answer: Literal["error", "closed", "silent"]
    error: int = NO_ERROR
    moves_leader: bool = False


REFUSED: Final = Fault("dropped", "error", NOT_ENOUGH_REPLICAS)
REQUEST_LOST: Final = Fault("dropped", "closed")
ANSWER_LOST: Final = Fault("done", "closed")
REQUEST_IGNORED: Final = Fault("dropped", "silent")
ANSWER_WITHHELD: Final = Fault("done", "silent")
LANDS_LATE: Final = Fault("held", "silent")
"""The client gives up; the request lands when `release` is called, if that broker still leads."""
DUPLICATE: Final = Fault("done", "error", DUPLICATE_SEQUENCE)
"""A produce request that is done, and answered as one that came twice: offset -1."""
LEADER_MOVED_BEFORE: Final = Fault("dropped", "error", NOT_LEADER, moves_leader=True)
LEADER_MOVED_AFTER: Final = Fault("done", "closed", moves_leader=True)

FAULTS: Final = (
    REFUSED,
    REQUEST_LOST,
    ANSWER_LOST,
    REQUEST_IGNORED,
    ANSWER_WITHHELD,
    LANDS_LATE,
    DUPLICATE,
    LEADER_MOVED_BEFORE,
    LEADER_MOVED_AFTER,
)
"""Every fault that a produce request can meet."""


class _Held(NamedTuple):
    node: int
    request: Any


Choose = Callable[[int, str], Fault | None]
"""(API key, client id) → the fault that this request meets."""


class Simulator:
    """A cluster of simulated brokers on loopback.

    As a context manager it serves from a thread of its own; with `start` and `stop` it serves on
    the running event loop. Every method may be called from any thread.
    """

    def __init__(self, brokers: int = 1) -> None:
        self.cluster = SimulatedCluster(brokers)
        self.choose: Choose = lambda _key, _client: None
        """Asked at each request for which nothing was injected."""
        self.requests: deque[tuple[int, str]] = deque(maxlen=10_000)
        """(API key, client id) of the newest requests."""
        self._planned: dict[int, deque[Fault | None]] = {}
        self._held: list[_Held] = []
        self._servers: list[asyncio.Server] = []
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._lock = threading.RLock()
        self._waiters: set[asyncio.Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: LoopThread | None = None

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers."""
        return ",".join(f"{HOST}:{port}" for port in self.cluster.ports.values())

    # Starting and stopping

    def __enter__(self) -> Self:
        self._thread = LoopThread("pal-simulator")
        self._thread.run(self.start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._thread.run(self.stop(), _STOP_SECONDS)
            self._thread.close()

    async def start(self) -> None:
        """Serve on the running event loop."""
        self._loop = asyncio.get_running_loop()
        for node in self.cluster.ports:

            async def serve(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, node: int = node
            ) -> None:
                await self._serve(node, reader, writer)

            server = await asyncio.start_server(serve, HOST, 0)
            self.cluster.ports[node] = server.sockets[0].getsockname()[1]
            self._servers.append(server)

    async def stop(self) -> None:
        """Close every connection; what is held is forgotten."""
        for server in self._servers:
            server.close()
        tasks = {task for task in self._connections.values() if task is not None}
        for writer in list(self._connections):
            writer.close()
        self._servers.clear()
        self._wake()
        if tasks:
            await asyncio.wait(tasks)

    # What a test does to it

    def inject(self, fault: Fault, *, api_key: int = PRODUCE, after: int = 0) -> None:
        """The next request of this kind meets the fault, once `after` others have passed.

        Several calls plan several requests, in order.
        """
        self._planned.setdefault(api_key, deque()).extend([*[None] * after, fault])

    def forget_faults(self) -> None:
        """What was planned happens no more."""
        self._planned.clear()

    def release(self) -> int:
        """Let the held requests land, in the order they came; gives how many were held."""
        held, self._held = self._held, []
        with self._lock:
            for node, request in held:
                if request.API_KEY == PRODUCE:
                    self.cluster.produce(node, request, _now_ms())
        self._notify()
        return len(held)

    def move_leader(self, topic: str, partition: int = 0, *, lag_batches: int = 0) -> None:
        """The next broker leads the partition; what was not replicated is gone.

        With `lag_batches` its high watermark lags behind by so many, as Kafka's may: what was
        acknowledged is there, and not readable until `resume_replication`.
        """
        with self._lock:
            self.cluster.move_leader(topic, partition, lag_batches)
        self._notify()

    def hold_replication(self, topic: str, partition: int = 0) -> None:
        """From here on nothing appended is acknowledged or readable, until `resume_replication`."""
        self.partition(topic, partition).is_replicated = False

    def resume_replication(self, topic: str, partition: int = 0) -> None:
        """Everything appended is replicated now."""
        with self._lock:
            self.partition(topic, partition).replicate()
        self._notify()

    def partition(self, topic: str, partition: int = 0) -> SimulatedPartition:
        """The log of a partition as its leader has it."""
        return self.cluster.topics[topic].partitions[partition]

    def alter(self, topic: str, settings: Mapping[str, str]) -> None:
        """Change what DescribeConfigs says of a topic."""
        self.cluster.topics[topic].settings.update(settings)

    # Serving

    def _notify(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _wait(self, deadline: float) -> bool:
        """Wait until something may have changed; False when the time is up."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiters.add(waiter)
        await asyncio.wait({waiter}, timeout=max(deadline - loop.time(), 0.0))
        self._waiters.discard(waiter)
        return bool(self._servers) and loop.time() < deadline

    async def _serve(
        self, node: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        self._connections[writer] = task
        try:
            while await self._serve_one(node, reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            del self._connections[writer]
            writer.close()

    async def _serve_one(
        self, node: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Take one request; False when the connection is over."""
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        frame = BytesIO(await reader.readexactly(size))
        key, version, correlation, client = (
            field.decode(frame) for field in RequestHeader_v1.SCHEMA.fields
        )
        if (key, version) not in REQUESTS:
            _log.error("the simulator knows no request %d in version %d", key, version)
            return False
        request = REQUESTS[key, version].decode(frame)
        fault = self._fault(key, client)
        answer = await self._meet(node, request, fault)
        if answer is None:
            if fault is not None and fault.answer == "silent":
                # As a broker that hangs: this connection says nothing more.
                await reader.read()
            return False
        data = ResponseHeader_v0(correlation).encode() + answer.encode()
        writer.write(struct.pack(">i", len(data)) + data)
        await writer.drain()
        return True

    def _fault(self, key: int, client: str) -> Fault | None:
        self.requests.append((key, client))
        planned = self._planned.get(key)
        return planned.popleft() if planned else self.choose(key, client)

    async def _meet(self, node: int, request: Any, fault: Fault | None) -> Any:
        """Do what is asked, as the fault has it; None where no answer is given."""
        if fault is None:
            return await self._answer(node, request)
        if fault.request == "held":
            self._held.append(_Held(node, request))
        if fault.request == "done" and (not fault.moves_leader or request.API_KEY != PRODUCE):
            await self._answer(node, request)
        elif fault.request == "done":
            self.cluster.produce(node, request, _now_ms())
        if fault.moves_leader:
            self._move_leaders(request)
        if fault.answer == "error":
            return self._refuse(request, fault.error)
        return None

    def _move_leaders(self, request: Any) -> None:
        if request.API_KEY in (PRODUCE, FETCH):
            for name, partitions in request.topics:
                for number, *_ in partitions:
                    self.move_leader(name, number)

    def _refuse(self, request: Any, error: int) -> Any:
        """An answer with an error code; None, a closed connection, where there is none to give."""
        if request.API_KEY == PRODUCE:
            refused = Appended(error)
            rows = [Produced(name, n, refused) for name, items in request.topics for n, _ in items]
            return answer_produce(request, rows)
        if request.API_KEY == FETCH:
            return refuse_fetch(request, error)
        return None

    async def _answer(self, node: int, request: Any) -> Any:
        if request.API_KEY == FETCH:
            return await self._fetch(node, request)
        with self._lock:
            if request.API_KEY != PRODUCE:
                return self.cluster.answer(node, request)
            done = self.cluster.produce(node, request, _now_ms())
        self._wake()
        if request.required_acks == _ACKS_ALL:
            done = await self._replicated(done, request.timeout / 1000)
        return answer_produce(request, done)

    async def _replicated(self, done: list[Produced], seconds: float) -> list[Produced]:
        """Wait until what was appended is replicated; errors where it is not, or not in time."""
        deadline = asyncio.get_running_loop().time() + seconds
        for at, (name, number, appended) in enumerate(done):
            if appended.error != NO_ERROR:
                continue
            partition = self.partition(name, number)
            epoch, in_time = partition.leader_epoch, True
            while partition.watermark <= appended.base and in_time:
                in_time = await self._wait(deadline)
                if partition.leader_epoch != epoch:
                    break
            if partition.watermark <= appended.base:
                error = NOT_LEADER if partition.leader_epoch != epoch else REQUEST_TIMED_OUT
                done[at] = Produced(name, number, Appended(error))
        return done

    async def _fetch(self, node: int, request: Any) -> Any:
        """Answer when there is something to say, or when the client has waited long enough."""
        deadline = asyncio.get_running_loop().time() + request.max_wait_time / 1000
        while True:
            with self._lock:
                answer, says = self.cluster.answer_fetch(node, request)
            if says or request.max_wait_time == 0 or not await self._wait(deadline):
                return answer


def _now_ms() -> int:
    return int(time.time() * 1000)
