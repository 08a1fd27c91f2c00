"""What the broker says of a ledger's topic: its id, settings, low-water marks and replicas."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from io import BytesIO
from typing import Any, ClassVar, Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import DescribeConfigsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from ledger.adapters.kafka_admin import deviating_settings, wanted_settings
from ledger.adapters.kafka_client import CONNECT_SECONDS, RETRY_SECONDS, connect, unreachable
from ledger.adapters.kafka_security import PLAINTEXT, KafkaSecurity
from ledger.app.submission import UnavailableError
from ledger.app.watch import LogFacts

_TOPIC_RESOURCE: Final = 2
_EARLIEST: Final = -2
_NO_TOPIC_ID: Final = bytes(16)


class _Uuid:
    """Sixteen bytes; aiokafka's own wire types have none."""

    @staticmethod
    def encode(value: bytes) -> bytes:
        return value

    @staticmethod
    def decode(data: BytesIO) -> bytes:
        return data.read(16)


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 12
    SCHEMA: ClassVar[Any] = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("in_sync", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]  # aiokafka ships no types
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA: ClassVar[Any] = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataStruct]):  # type: ignore[misc]  # aiokafka ships no types
    """Metadata in version 12, the first of those since Kafka 3.1 that names topic ids; aiokafka's
    own stops at version 5."""

    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_MetadataStruct]) -> _MetadataStruct:
        return request_struct_class([(_NO_TOPIC_ID, self._topic, {})], False, False, {})


class _Partition(NamedTuple):
    leader: int
    replicas: int
    in_sync: int


class TopicWatch:
    """Looks at one topic, again and again. Connects at the first look; bound to its event loop."""

    def __init__(self, bootstrap: str, topic: str, security: KafkaSecurity = PLAINTEXT) -> None:
        self.topic = topic
        self._bootstrap = bootstrap
        self._security = security
        self._client: AIOKafkaClient | None = None

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def look(self, origins: Mapping[int, str]) -> dict[int, LogFacts]:
        """The facts of each log by number, strays and gaps left to whoever reads its records.

        Raises `UnavailableError` where the broker does not answer or has no such topic.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CONNECT_SECONDS
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._look(origins)
            except UnknownTopicOrPartitionError as error:
                raise UnavailableError(
                    f"the broker at {self._bootstrap} has no topic {self.topic!r} any more",
                    next_step="find out who deleted it; keep every copy and read store",
                ) from error
            except (KafkaError, OSError, TimeoutError) as error:
                # One broker may be down, or a leader move: the next try asks another one.
                if loop.time() + RETRY_SECONDS >= deadline:
                    why = f"looking at {self.topic}: {error!r}"
                    raise unreachable(self._bootstrap, why) from error
                await asyncio.sleep(RETRY_SECONDS)

    async def _look(self, origins: Mapping[int, str]) -> dict[int, LogFacts]:
        topic_id, partitions = await self._describe()
        found = await self._settings()
        replicas = min(item.replicas for item in partitions.values())
        deviating = deviating_settings(found, replicas)
        facts = {}
        for number, origin in origins.items():
            partition = partitions[number]
            facts[number] = LogFacts(
                origin=origin,
                topic=self.topic,
                topic_id=topic_id,
                low_water=await self._low_water(number, partition.leader),
                replicas=partition.replicas,
                in_sync=partition.in_sync,
                deviating=deviating,
                wanted=wanted_settings(replicas),
            )
        return facts

    async def _send(self, request: Any, node: int | None = None) -> Any:
        client = self._client
        if client is None:
            client = self._client = await connect(self._bootstrap, self._security, "pal-sentinel")
        return await client.send(client.get_random_node() if node is None else node, request)

    async def _describe(self) -> tuple[str, dict[int, _Partition]]:
        response = await self._send(_MetadataRequest(self.topic))
        ((code, _, topic_id, _, partitions, *_),) = response.topics
        if code != 0:
            raise for_code(code)
        return urlsafe_b64encode(topic_id).rstrip(b"=").decode(), {
            number: _Partition(leader, len(replicas), len(in_sync))
            for _, number, leader, _, replicas, in_sync, *_ in partitions
        }

    async def _settings(self) -> dict[str, str]:
        request = DescribeConfigsRequest([(_TOPIC_RESOURCE, self.topic, None)])
        response = await self._send(request)
        ((code, _, _, _, entries),) = response.resources
        if code != 0:
            raise for_code(code)
        return {entry[0]: entry[1] for entry in entries}

    async def _low_water(self, number: int, leader: int) -> int:
        if leader == -1:
            raise LeaderNotAvailableError
        request = OffsetRequest(-1, 0, [(self.topic, [(number, _EARLIEST)])])
        response = await self._send(request, leader)
        ((_, ((_, code, _, offset, *_),)),) = response.topics
        if code != 0:
            raise for_code(code)
        return int(offset)
