"""The simulator as its users meet it: real clients, our writer, and one fault after another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ledger.adapters import kafka_writer
from ledger.adapters import simulator as broker
from ledger.adapters.kafka import KafkaLog
from ledger.adapters.kafka_admin import TopicSettingsError
from ledger.adapters.simulator import Simulator
from ledger.adapters.simulator_partition import (
    INVALID_PRODUCER_EPOCH,
    OFFSET_OUT_OF_RANGE,
    OUT_OF_ORDER_SEQUENCE,
    Appended,
    SimulatedPartition,
)
from ledger.app.submission import Recorded
from tests.integration.kafka_logs import TestLog, check_acknowledged, new_log, one

GIVE_UP_SECONDS = 0.5


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    # A writer that waits ten seconds for a silent broker would make these tests slow.
    monkeypatch.setattr(kafka_writer, "BATCH_SECONDS", GIVE_UP_SECONDS)
    with Simulator(brokers=3) as running:
        yield running


def serving(log: TestLog) -> KafkaLog:
    """A log whose writer is open: what is injected next meets an append."""
    writer = log.open()
    assert isinstance(writer.submit([one("dossier:a", 0)])[0], Recorded)
    return writer


@pytest.mark.parametrize("fault", broker.FAULTS, ids=str)
def test_a_fault_costs_time_and_nothing_else(simulator: Simulator, fault: broker.Fault) -> None:
    log = new_log(simulator.bootstrap)
    writer = serving(log)
    simulator.inject(fault)
    (answer,) = writer.submit([one("dossier:a", 1)])
    assert isinstance(answer, Recorded)
    simulator.release()
    (last,) = writer.submit([one("dossier:a", 2)])
    assert isinstance(last, Recorded)
    writer.close()
    places = [(one("dossier:a", n).actions[0].id, a) for n, a in ((1, answer), (2, last))]
    seen = [(name, a.places[0].index, a.places[0].leaf) for name, a in places]
    check_acknowledged(log, seen)


def test_two_writers_of_one_log_lose_time_and_nothing_else(simulator: Simulator) -> None:
    log = new_log(simulator.bootstrap)
    writers = [log.open(), log.open()]

    def append(number: int) -> list[tuple[str, int, str]]:
        seen = []
        for count in range(20):
            submission = one(f"dossier:{number}", count)
            (answer,) = writers[number].submit([submission])
            place = answer.places[0]
            seen.append((submission.actions[0].id, place.index, place.leaf))
        return seen

    with ThreadPoolExecutor(2) as pool:
        seen = [item for found in pool.map(append, range(2)) for item in found]
    assert len(seen) == 40
    check_acknowledged(log, seen)
    for writer in writers:
        writer.close()


def test_what_was_not_replicated_is_neither_answered_nor_read_and_may_vanish(
    simulator: Simulator,
) -> None:
    log = new_log(simulator.bootstrap)
    writer = serving(log)
    size = log.fold()[0].head.size
    simulator.hold_replication(log.topic)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(writer.submit, [one("dossier:a", 1)])
        while simulator.partition(log.topic).end == size:
            sleep(0.01)
        assert log.fold()[0].head.size == size
        assert not waiting.done()
        simulator.move_leader(log.topic)
        assert simulator.partition(log.topic).end == size
        simulator.resume_replication(log.topic)
        (answer,) = waiting.result(10)
    place = answer.places[0]
    check_acknowledged(log, [(one("dossier:a", 1).actions[0].id, place.index, place.leaf)])
    writer.close()


def test_a_writer_refuses_settings_that_lose_entries(simulator: Simulator) -> None:
    log = new_log(simulator.bootstrap)
    simulator.alter(log.topic, {"cleanup.policy": "compact"})
    writer = log.open()
    with pytest.raises(TopicSettingsError, match=r"cleanup.policy is compact"):
        writer.submit([one("dossier:a", 0)])
    writer.close()


async def test_other_peoples_clients_read_what_they_wrote() -> None:
    simulator = Simulator(brokers=2)
    await simulator.start()
    admin = AIOKafkaAdminClient(bootstrap_servers=simulator.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("events", 2, 2)])
    await admin.close()
    producer = AIOKafkaProducer(
        bootstrap_servers=simulator.bootstrap, enable_idempotence=True, compression_type="zstd"
    )
    await producer.start()
    simulator.inject(broker.ANSWER_LOST, after=1)
    offsets = [
        (await producer.send_and_wait("events", b"%d" % number, partition=1)).offset
        for number in range(5)
    ]
    # The producer sent the second one twice; the broker knew it again.
    assert offsets == [0, 1, 2, 3, 4]
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=simulator.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    where = TopicPartition("events", 1)
    consumer.assign([where])
    assert (await consumer.end_offsets([where]))[where] == 5
    consumer.seek(where, 1)
    values = [(await asyncio.wait_for(consumer.getone(), 5)).value for _ in range(4)]
    assert values == [b"1", b"2", b"3", b"4"]
    await consumer.stop()
    await simulator.stop()


def batch(sequence: int, *, producer: int = 7, epoch: int = 0, records: int = 1) -> bytes:
    from aiokafka.record.default_records import DefaultRecordBatchBuilder

    builder = DefaultRecordBatchBuilder(2, 0, 0, producer, epoch, sequence, 2**20)
    for number in range(records):
        builder.append(number, timestamp=0, key=None, value=b"value", headers=[])
    return bytes(builder.build())


def test_a_partition_knows_a_producers_batches_as_kafka_does() -> None:
    partition = SimulatedPartition(bytes_max=2**20, append_time=True)
    assert partition.append(batch(0, records=3), 5) == Appended(0, 0)
    assert partition.append(batch(3), 5) == Appended(0, 3)
    assert partition.append(batch(0, records=3), 5) == Appended(0, 0)
    assert partition.append(batch(5), 5) == Appended(OUT_OF_ORDER_SEQUENCE)
    for sequence in range(4, 10):
        partition.append(batch(sequence), 5)
    assert partition.append(batch(3), 5) == Appended(OUT_OF_ORDER_SEQUENCE)
    assert partition.append(batch(9, epoch=1), 5) == Appended(OUT_OF_ORDER_SEQUENCE)
    assert partition.append(batch(0, epoch=1), 5) == Appended(0, 10)
    assert partition.append(batch(10), 5) == Appended(INVALID_PRODUCER_EPOCH)
    assert partition.append(batch(0).replace(b"value", b"VALUE"), 5).error == 2
    assert partition.append(batch(0, producer=8) + b"more", 5).error == 2
    assert partition.watermark == partition.end == 11


def test_a_cut_takes_what_was_not_replicated_and_what_was_known_of_its_producer() -> None:
    partition = SimulatedPartition(bytes_max=2**20, append_time=False)
    partition.append(batch(0), 5)
    partition.is_replicated = False
    assert partition.append(batch(1), 5) == Appended(0, 1)
    assert partition.read(1, 2**20) == (0, b"")
    partition.cut()
    assert (partition.end, partition.watermark) == (1, 1)
    assert partition.read(2, 2**20)[0] == OFFSET_OUT_OF_RANGE
    assert partition.append(batch(1), 5) == Appended(0, 1)
