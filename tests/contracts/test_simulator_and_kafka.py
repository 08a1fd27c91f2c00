"""The simulator answers a producer and a reader as Apache Kafka does, request by request."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from ledger.adapters.simulator import Simulator
from tests.integration.conftest import kafka_bootstrap

__all__ = ["kafka_bootstrap"]

PRODUCER = 900_000
EVERYTHING = 2**20


def batch(sequence: int, *, producer: int = PRODUCER, epoch: int = 0, records: int = 1) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, producer, epoch, sequence, EVERYTHING)
    for number in range(records):
        builder.append(number, timestamp=0, key=None, value=b"a value", headers=[])
    return bytes(builder.build())


class Conversation:
    """What is asked of one topic, and each answer as it came."""

    def __init__(self, client: AIOKafkaClient, topic: str) -> None:
        self.client, self.topic = client, topic
        self.answers: list[Any] = []

    async def _send(self, request: Any) -> Any:
        node = self.client.cluster.leader_for_partition(TopicPartition(self.topic, 0))
        response = await self.client.send(node, request)
        ((_, ((_, *answer),)),) = response.topics
        return answer

    async def produce(self, data: bytes) -> None:
        request = ProduceRequest(None, -1, 5_000, [(self.topic, [(0, data)])])
        error, base, *_ = await self._send(request)
        self.answers.append(("produce", error, base))

    async def fetch(self, offset: int) -> None:
        request = FetchRequest(0, 1, EVERYTHING, 0, [(self.topic, [(0, offset, EVERYTHING)])])
        error, end, *_, data = await self._send(request)
        # Everything but the leader's epoch and the CRC that time of arrival changes.
        self.answers.append(("fetch", error, end, len(data or b""), (data or b"")[:8]))

    async def offsets(self, timestamp: int) -> None:
        request = OffsetRequest(-1, 0, [(self.topic, [(0, timestamp)])])
        error, _, offset, *_ = await self._send(request)
        self.answers.append(("offset", error, offset))


async def talk(bootstrap: str) -> list[Any]:
    topic = f"talk-{secrets.token_hex(6)}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    settings = {"max.message.bytes": "2000", "message.timestamp.type": "LogAppendTime"}
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=settings)])
    await admin.close()
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    await client.set_topics([topic])
    said = Conversation(client, topic)
    await said.fetch(0)
    await said.fetch(1)
    await said.produce(batch(0, records=3))
    await said.produce(batch(3))
    await said.produce(batch(0, records=3))  # sent twice: known again
    await said.produce(batch(3))
    await said.produce(batch(6))  # one is missing
    for sequence in range(4, 12):
        await said.produce(batch(sequence))
    await said.produce(batch(3))  # sent twice, long ago
    await said.produce(batch(0, records=2))  # half of what was sent long ago
    await said.produce(batch(5, producer=PRODUCER + 1))  # a stranger in the middle of its numbers
    await said.produce(batch(0, epoch=1))
    await said.produce(batch(12))  # the epoch before
    await said.produce(batch(3, epoch=2))  # a new epoch begins at 0
    await said.produce(batch(0, producer=-1, epoch=-1).replace(b"a value", b"A value"))
    await said.produce(batch(0, producer=-1, epoch=-1, records=200))
    await said.produce(batch(-1, producer=-1, epoch=-1))
    for offset in (0, 1, 4, 13, 14, 15, 99):
        await said.fetch(offset)
    for timestamp in (-1, -2):
        await said.offsets(timestamp)
    await client.close()
    return said.answers


@pytest.mark.kafka
async def test_the_same_requests_get_the_same_answers(kafka_bootstrap: str) -> None:
    simulator = Simulator()
    await simulator.start()
    try:
        simulated = await talk(simulator.bootstrap)
    finally:
        await simulator.stop()
    assert simulated == await talk(kafka_bootstrap)
