"""What the simulated brokers know and answer: topics, leaders, producers. No I/O, no faults.

Requests and answers are aiokafka's own wire structs. Only the versions listed here are offered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from aiokafka.protocol.admin import (
    ApiVersionRequest_v0,
    ApiVersionRequest_v1,
    ApiVersionRequest_v2,
    CreateTopicsRequest_v3,
    DescribeConfigsRequest_v2,
)
from aiokafka.protocol.fetch import FetchRequest_v11
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.offset import OffsetRequest_v3
from aiokafka.protocol.produce import ProduceRequest_v7, ProduceRequest_v8
from aiokafka.protocol.transaction import InitProducerIdRequest_v0

from ledger.adapters.simulator_partition import NO_ERROR, Appended, SimulatedPartition

PRODUCE: Final = 0
FETCH: Final = 1
LIST_OFFSETS: Final = 2
METADATA: Final = 3
API_VERSIONS: Final = 18
CREATE_TOPICS: Final = 19
INIT_PRODUCER_ID: Final = 22
DESCRIBE_CONFIGS: Final = 32

REQUESTS: Final[Mapping[tuple[int, int], Any]] = {
    (request.API_KEY, request.API_VERSION): request
    for request in (
        ApiVersionRequest_v0,
        ApiVersionRequest_v1,
        ApiVersionRequest_v2,
        CreateTopicsRequest_v3,
        DescribeConfigsRequest_v2,
        FetchRequest_v11,
        InitProducerIdRequest_v0,
        MetadataRequest_v5,
        OffsetRequest_v3,
        ProduceRequest_v7,
        ProduceRequest_v8,
    )
}
"""The requests that are understood, by (API key, version)."""

UNKNOWN_TOPIC_OR_PARTITION: Final = 3
NOT_LEADER: Final = 6
TOPIC_EXISTS: Final = 36
INVALID_REPLICATION_FACTOR: Final = 38

HOST: Final = "127.0.0.1"
_EARLIEST: Final = -2
_TOPIC: Final = 2
_DEFAULTS: Final[Mapping[str, str]] = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "flush.messages": str(2**63 - 1),
    "max.message.bytes": str(2**20 + 12),
    "message.timestamp.type": "CreateTime",
    "min.insync.replicas": "1",
    "retention.bytes": "-1",
    "retention.ms": "604800000",
    "unclean.leader.election.enable": "false",
}
"""Kafka's defaults of the settings that a ledger looks at."""


class Produced(NamedTuple):
    """What became of one batch of a produce request."""

    topic: str
    partition: int
    appended: Appended


class Topic:
    """Settings, partitions and the broker that leads each."""

    def __init__(self, settings: Mapping[str, str], partitions: int, replicas: int) -> None:
        self.settings = {**_DEFAULTS, **settings}
        self.replicas = replicas
        append_time = self.settings["message.timestamp.type"] == "LogAppendTime"
        bytes_max = int(self.settings["max.message.bytes"])
        self.partitions = [
            SimulatedPartition(bytes_max=bytes_max, append_time=append_time)
            for _ in range(partitions)
        ]
        self.leaders: list[int] = []


class SimulatedCluster:
    """All brokers together: nodes 1 to `brokers`, each topic, who leads which partition."""

    def __init__(self, brokers: int) -> None:
        self.ports = dict.fromkeys(range(1, brokers + 1), 0)
        self.topics: dict[str, Topic] = {}
        self._producers = 0

    def create_topic(
        self, name: str, partitions: int, replicas: int, settings: Mapping[str, str]
    ) -> int:
        """Make a topic; gives a Kafka error code."""
        if name in self.topics:
            return TOPIC_EXISTS
        if not 1 <= replicas <= len(self.ports):
            return INVALID_REPLICATION_FACTOR
        topic = Topic(settings, partitions, replicas)
        nodes = list(self.ports)
        topic.leaders = [nodes[number % len(nodes)] for number in range(partitions)]
        self.topics[name] = topic
        return NO_ERROR

    def replicas_of(self, topic: Topic, leader: int) -> list[int]:
        """The nodes that hold a partition, its leader first."""
        nodes = list(self.ports)
        at = nodes.index(leader)
        return (nodes[at:] + nodes[:at])[: topic.replicas]

    def move_leader(self, name: str, partition: int, lag_batches: int = 0) -> None:
        """The next replica leads; what was not replicated is gone."""
        topic = self.topics[name]
        leader = topic.leaders[partition]
        topic.partitions[partition].cut(lag_batches)
        nodes = list(self.ports)
        topic.leaders[partition] = nodes[(nodes.index(leader) + 1) % len(nodes)]

    def led_by(self, node: int, name: str, number: int) -> tuple[int, SimulatedPartition | None]:
        """(error code, the partition where `node` leads it)."""
        topic = self.topics.get(name)
        if topic is None or not 0 <= number < len(topic.partitions):
            return UNKNOWN_TOPIC_OR_PARTITION, None
        if topic.leaders[number] != node:
            return NOT_LEADER, None
        return NO_ERROR, topic.partitions[number]

    # Answers

    def produce(self, node: int, request: Any, now_ms: int) -> list[Produced]:
        """Append what a request brings; what became of each partition's batch."""
        done: list[Produced] = []
        for name, partitions in request.topics:
            for number, data in partitions:
                error, partition = self.led_by(node, name, number)
                appended = Appended(error) if partition is None else partition.append(data, now_ms)
                done.append(Produced(name, number, appended))
        return done

    def answer_fetch(self, node: int, request: Any) -> tuple[Any, bool]:
        """The answer to a fetch request, and whether it has anything to say."""
        says = False
        topics: list[tuple[str, list[tuple[Any, ...]]]] = []
        for name, wanted in request.topics:
            rows: list[tuple[Any, ...]] = []
            for number, _, offset, _, bytes_max in wanted:
                error, partition = self.led_by(node, name, number)
                data, watermark = b"", -1
                if partition is not None:
                    error, data = partition.read(offset, bytes_max)
                    watermark = partition.watermark if error == NO_ERROR else -1
                says = says or bool(data) or error != NO_ERROR
                rows.append((number, error, watermark, watermark, 0, [], -1, data))
            topics.append((name, rows))
        return request.RESPONSE_TYPE(0, NO_ERROR, 0, topics), says

    def answer(self, node: int, request: Any) -> Any:
        """The answer to any other request."""
        key = request.API_KEY
        if key == API_VERSIONS:
            return self._api_versions(request)
        if key == METADATA:
            return self._metadata(request)
        if key == LIST_OFFSETS:
            return self._list_offsets(node, request)
        if key == CREATE_TOPICS:
            return self._create_topics(request)
        if key == DESCRIBE_CONFIGS:
            return self._describe_configs(request)
        self._producers += 1
        return request.RESPONSE_TYPE(0, NO_ERROR, self._producers, 0)

    def _api_versions(self, request: Any) -> Any:
        offered: dict[int, list[int]] = {}
        for key, version in REQUESTS:
            offered.setdefault(key, []).append(version)
        rows = [(key, min(versions), max(versions)) for key, versions in sorted(offered.items())]
        rest = () if request.API_VERSION == 0 else (0,)
        return request.RESPONSE_TYPE(NO_ERROR, rows, *rest)

    def _metadata(self, request: Any) -> Any:
        brokers = [(node, HOST, port, None) for node, port in self.ports.items()]
        names = list(self.topics) if request.topics is None else request.topics
        topics = [self._describe(name) for name in names]
        return request.RESPONSE_TYPE(0, brokers, "simulator", next(iter(self.ports)), topics)

    def _describe(self, name: str) -> tuple[Any, ...]:
        topic = self.topics.get(name)
        if topic is None:
            return (UNKNOWN_TOPIC_OR_PARTITION, name, False, [])
        rows: list[tuple[Any, ...]] = []
        for number, leader in enumerate(topic.leaders):
            replicas = self.replicas_of(topic, leader)
            rows.append((NO_ERROR, number, leader, replicas, replicas, []))
        return (NO_ERROR, name, False, rows)

    def _list_offsets(self, node: int, request: Any) -> Any:
        topics = []
        for name, wanted in request.topics:
            rows = []
            for number, timestamp in wanted:
                error, partition = self.led_by(node, name, number)
                end = -1 if partition is None else partition.watermark
                rows.append((number, error, -1, 0 if timestamp == _EARLIEST else end))
            topics.append((name, rows))
        return request.RESPONSE_TYPE(0, topics)

    def _create_topics(self, request: Any) -> Any:
        rows: list[tuple[Any, ...]] = []
        for name, partitions, replicas, _, settings in request.create_topic_requests:
            error = self.create_topic(name, partitions, replicas, dict(settings))
            rows.append((name, error, None))
        return request.RESPONSE_TYPE(0, rows)

    def _describe_configs(self, request: Any) -> Any:
        rows: list[tuple[Any, ...]] = []
        for kind, name, _ in request.resources:
            topic = self.topics.get(name) if kind == _TOPIC else None
            error = UNKNOWN_TOPIC_OR_PARTITION if topic is None else NO_ERROR
            settings = {} if topic is None else topic.settings
            entries: list[tuple[Any, ...]] = [
                (key, value, False, 1, False, []) for key, value in sorted(settings.items())
            ]
            rows.append((error, None, kind, name, entries))
        return request.RESPONSE_TYPE(0, rows)


def answer_produce(request: Any, done: Sequence[Produced]) -> Any:
    """The answer to a produce request."""
    rest: tuple[Any, ...] = ([], None) if request.API_VERSION == 8 else ()
    topics: dict[str, list[tuple[Any, ...]]] = {}
    for name, number, appended in done:
        row = (number, appended.error, appended.base, -1, 0, *rest)
        topics.setdefault(name, []).append(row)
    return request.RESPONSE_TYPE(list(topics.items()), 0)


def refuse_fetch(request: Any, error: int) -> Any:
    """A fetch request answered with an error for each partition."""
    topics: list[tuple[Any, ...]] = [
        (name, [(number, error, -1, -1, 0, [], -1, b"") for number, *_ in wanted])
        for name, wanted in request.topics
    ]
    return request.RESPONSE_TYPE(0, NO_ERROR, 0, topics)
