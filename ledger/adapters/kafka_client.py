"""One partition of one topic through aiokafka's client: reading by offset, with deadlines.

Reading goes by fetch requests of our own instead of the consumer: nothing is prefetched, so a seek
costs nothing; no reset policy can move the position; a hanging broker ends in a deadline
(KAFKA.md section 2, traps 2 and 8). `read_uncommitted`, on purpose: all readers see the same.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, Final, NamedTuple, TypeVar

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    LeaderNotAvailableError,
    NotLeaderForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record import memory_records
from aiokafka.record.memory_records import MemoryRecords

from ledger.adapters.kafka_security import (
    PLAINTEXT,
    KafkaSecurity,
    not_allowed,
    why_refused,
)
from ledger.app.ports import Record
from ledger.app.submission import UnavailableError
from ledger.core.findings import Finding, FindingError, Verdict

CONNECT_SECONDS: Final = 10.0
FETCH_SECONDS: Final = 10.0
REQUEST_SECONDS: Final = 3.0
"""A broker that takes longer for one answer is taken for hung, and another is asked: a paused one
still accepts connections. Well below `FETCH_SECONDS`: reading outlives a leader that hangs."""
RETRY_SECONDS: Final = 0.1
CHUNK_BYTES: Final = 2**20
"""Bytes of one sequential fetch; the broker returns at least one whole batch. Those of a bulk
import are larger: they come one by one, and nothing of the next is sent only to be thrown away."""
POINT_BYTES: Final = 16 * 2**10
"""Bytes of a fetch that looks for one entry."""
_READ_UNCOMMITTED: Final = 0
_LATEST: Final = -1
_COMPILED: Final = "_crecords"

T = TypeVar("T")


class Chunk(NamedTuple):
    """Records of one fetch, the offset to read on from, and the end of the log as known there."""

    records: list[Record]
    next_offset: int
    end: int


class _RateLimit(logging.Filter):
    """Lets a few of aiokafka's retry warnings through: a moving leader makes thousands (trap 7)."""

    def __init__(self, per_second: int = 5) -> None:
        super().__init__()
        self.per_second = per_second
        self.dropped = 0
        self._second = 0
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        second = int(record.created)
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        if self._count <= self.per_second:
            return True
        self.dropped += 1
        return False


RETRY_WARNINGS: Final = _RateLimit()
"""Counts in `dropped` the log lines of aiokafka that were kept back in this process."""


def prepare_client_library() -> None:
    """Limit aiokafka's noisy loggers and make sure that its compiled record parser is loaded."""
    # Without the extension everything is 7 to 18 times slower (trap 10).
    if _COMPILED not in memory_records.MemoryRecords.__module__:
        msg = "aiokafka's compiled extension is not loaded"
        raise UnavailableError(msg, next_step="install a wheel of aiokafka for this platform")
    for name in ("aiokafka", "aiokafka.producer.sender", "aiokafka.conn", "aiokafka.client"):
        logger = logging.getLogger(name)
        if RETRY_WARNINGS not in logger.filters:
            logger.addFilter(RETRY_WARNINGS)


class UnreachableError(UnavailableError):
    """No broker answers now; trying again may help."""


def unreachable(bootstrap: str, why: object) -> UnreachableError:
    """The error for a broker that does not answer."""
    return UnreachableError(
        f"no Kafka broker answers at {bootstrap}: {why}",
        next_step="see whether the broker runs (scripts/kafka status) and check the address",
    )


def raise_if_cancelled() -> None:
    """Raise `CancelledError` where the running task was cancelled and a library has swallowed it.

    aiokafka's client does while it closes: a loop that opens and closes clients would run for ever
    if the one cancellation that ends it falls there.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def connect(bootstrap: str, security: KafkaSecurity, client_id: str) -> AIOKafkaClient:
    """A client that has reached the cluster; raises `UnavailableError` with the reason."""
    prepare_client_library()
    client = AIOKafkaClient(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        request_timeout_ms=int(REQUEST_SECONDS * 1000),
        **security.client_options(),
    )
    try:
        await asyncio.wait_for(client.bootstrap(), CONNECT_SECONDS)
    except (KafkaError, OSError, TimeoutError) as error:
        await client.close()
        why = await why_refused(bootstrap, security)
        raise why or unreachable(bootstrap, error or "time-out") from error
    return client


async def look_up(client: AIOKafkaClient, node: int, topic: str) -> TopicDescription:
    """What the broker `node` knows of a topic; makes none.

    aiokafka's own look-ups let a broker with auto-creation make the topic, with settings that lose
    entries. Raises what `AIOKafkaClient.send` raises.
    """
    request = MetadataRequest([topic], allow_auto_topic_creation=False)
    response = await asyncio.wait_for(client.send(node, request), CONNECT_SECONDS)
    ((code, _, _, partitions),) = response.topics
    return TopicDescription(
        exists=code not in (UnknownTopicOrPartitionError.errno, InvalidTopicError.errno),
        leaders=tuple(item[2] for item in partitions),
        replicas=min((len(item[3]) for item in partitions), default=0),
    )


class TopicDescription(NamedTuple):
    """Whether a topic exists as far as one broker knows, its leaders by partition, its replicas."""

    exists: bool
    leaders: tuple[int, ...]
    replicas: int


class Partition:
    """One partition of a topic, read by offset. Bound to the event loop that it is opened on."""

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        partition: int,
        client: AIOKafkaClient,
        security: KafkaSecurity = PLAINTEXT,
    ) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self.partition = partition
        self.security = security
        self._client = client

    @classmethod
    async def open(
        cls, bootstrap: str, topic: str, partition: int = 0, security: KafkaSecurity = PLAINTEXT
    ) -> Partition:
        """Connect and look the topic up; raises `UnavailableError` (nothing is created)."""
        client = await connect(bootstrap, security, "pal")
        try:
            found = None
            if (await look_up(client, client.get_random_node(), topic)).exists:
                await asyncio.wait_for(asyncio.shield(client.set_topics([topic])), CONNECT_SECONDS)
                found = client.cluster.partitions_for_topic(topic)
        except (KafkaError, OSError, TimeoutError) as error:
            await client.close()
            raise unreachable(bootstrap, error or "time-out") from error
        if topic in client.cluster.unauthorized_topics:
            await client.close()
            raise not_allowed(topic, "Describe", security)
        if not found or partition not in found:
            await client.close()
            msg = f"the broker at {bootstrap} has no topic {topic!r} with a partition {partition}"
            raise UnavailableError(msg, next_step="pal log create, or check the topic's name")
        return cls(bootstrap, topic, partition, client, security)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def renew(self) -> None:
        """Ask anew who leads the partition; the answer comes in the background."""
        # The future is aiokafka's own and shared; not waiting for it harms nobody.
        self._client.force_metadata_update()

    async def leader_address(self) -> str:
        """`host:port` of the broker that leads the partition now; where nobody says so in time, the
        bootstrap addresses.
        """
        asked = self._client.force_metadata_update()
        # Time for two brokers: the first that is asked may be the one that hangs.
        done, _ = await asyncio.wait({asked}, timeout=2 * REQUEST_SECONDS)
        node = self._client.cluster.leader_for_partition(TopicPartition(self.topic, self.partition))
        broker = self._client.cluster.broker_metadata(node) if done and node is not None else None
        if broker is None:
            return self.bootstrap
        host = f"[{broker.host}]" if ":" in broker.host else broker.host
        return f"{host}:{broker.port}"

    async def fetch(self, offset: int, *, max_bytes: int, wait_ms: int = 0) -> Chunk:
        """What lies from `offset` on; waits up to `wait_ms` for something where the log ends.

        Raises `UnavailableError` after a deadline without an answer, and `FindingError` where the
        log does not reach to `offset` or begins behind it.
        """
        request = FetchRequest(
            wait_ms,
            1,
            max_bytes,
            _READ_UNCOMMITTED,
            [(self.topic, [(self.partition, offset, max_bytes)])],
        )
        try:
            return await self._ask(
                request,
                lambda response: self._parse(response, offset),
                f"reading {self.topic} from {offset}",
            )
        except OffsetOutOfRangeError as error:
            raise FindingError(self._out_of_range(offset)) from error
        except TopicAuthorizationFailedError as error:
            raise not_allowed(self.topic, "Read", self.security) from error

    async def end(self) -> int:
        """The offset that the next record will have; raises `UnavailableError` after a deadline."""

        def parse(response: Any) -> int:
            ((_, ((_, error_code, _, offset, *_),)),) = response.topics
            if error_code != 0:
                raise for_code(error_code)
            return int(offset)

        request = OffsetRequest(-1, 0, [(self.topic, [(self.partition, _LATEST)])])
        try:
            return await self._ask(request, parse, f"asking where {self.topic} ends")
        except TopicAuthorizationFailedError as error:
            raise not_allowed(self.topic, "Describe", self.security) from error

    async def _ask(self, request: Any, parse: Callable[[Any], T], doing: str) -> T:
        """The leader's answer, however often it moves; `UnavailableError` after a deadline."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FETCH_SECONDS
        last: object = "no leader"
        while loop.time() < deadline:
            where = TopicPartition(self.topic, self.partition)
            node = self._client.cluster.leader_for_partition(where)
            try:
                if node is None or node == -1:
                    raise LeaderNotAvailableError
                left = max(deadline - loop.time(), 0.1)
                return parse(await asyncio.wait_for(self._client.send(node, request), left))
            except (OffsetOutOfRangeError, TopicAuthorizationFailedError):
                raise
            except (KafkaError, OSError, TimeoutError) as error:
                last = repr(error)
                self.renew()
                await asyncio.sleep(RETRY_SECONDS)
        raise unreachable(self.bootstrap, f"{doing}: {last}")

    def _parse(self, response: Any, offset: int) -> Chunk:
        ((_, ((_, error_code, end, *rest),)),) = response.topics
        error_type = for_code(error_code)
        if error_code != 0:
            if error_type in (UnknownTopicOrPartitionError, NotLeaderForPartitionError):
                self.renew()
            raise error_type
        records: list[Record] = []
        batches = MemoryRecords(rest[-1] or b"")
        next_offset = offset
        while batches.has_next():
            batch = batches.next_batch()
            if not batch.validate_crc():
                raise KafkaError(f"wrong CRC behind offset {next_offset}")
            if not batch.is_control_batch:
                records += [Record(r.offset, r.value) for r in batch if r.offset >= next_offset]
            next_offset = max(next_offset, batch.next_offset)
        return Chunk(records, next_offset, end)

    def _out_of_range(self, offset: int) -> Finding:
        return Finding(
            code="log.overwritten",
            verdict=Verdict.FAILED,
            message=f"topic {self.topic} holds nothing at offset {offset}, which was read before "
            "or must be there: records were removed, or the topic was made again",
            offset=offset,
            next_step="keep the topic as it is and compare it with a copy: pal verify",
        )


def partition_of(origin: str) -> int:
    """The partition of a log: the number at the end of its origin."""
    return int(origin.rpartition("/")[2])


class LoopThread:
    """An event loop on a thread of its own, for the synchronous side; ended by `close`."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        # Re-entrant: the garbage collector may close a log in the middle of a call.
        self._gate = threading.RLock()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            with self._gate:
                self._ended = True
            # Calls that came in before the end are carried out: somebody may wait for them.
            self.loop.run_until_complete(asyncio.sleep(0))
            # What aiokafka left behind is ended, not forgotten.
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self.loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
            self.loop.close()

    def run(self, work: Coroutine[Any, Any, T], timeout_seconds: float | None = None) -> T:
        """Run a coroutine there and wait for it; `UnavailableError` when the time ran out."""
        with self._gate:
            if self._ended:
                work.close()
                raise UnavailableError("the log was closed", next_step="open it again")
            future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(timeout_seconds)
        except TimeoutError as error:
            future.cancel()
            msg = f"no answer within {timeout_seconds} s"
            raise UnavailableError(msg, next_step="see whether the broker runs") from error
        except CancelledError as error:
            raise UnavailableError("the log was closed", next_step="open it again") from error

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function there, soon; `UnavailableError` where the loop has ended."""
        with self._gate:
            if self._ended:
                raise UnavailableError("the log was closed", next_step="open it again")
            self.loop.call_soon_threadsafe(function, *arguments)

    def close(self, wait_seconds: float = 2.0) -> None:
        """Stop the loop; safe to call again."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(wait_seconds)
