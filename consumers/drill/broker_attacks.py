"""Attacks on a log in Kafka, by whoever may write to its topic or runs its brokers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from time import sleep
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from consumers.bootstrap import kafka_security
from consumers.drill.broker import BrokerScene
from consumers.drill.case import Attacker, Case, SkippedError
from consumers.drill.log_attacks import as_another_action, own_key
from consumers.drill.rewriting import sealed_behind, with_action
from ledger.adapters.kafka_admin import create_log, wanted_settings

_EDITED_BATCH: Final = 3
"""In the middle: batches before it and behind it."""

_FORGED_FROM: Final = 3
"""An entry of a dossier, behind genesis and opening."""

_DELETED_SECONDS: Final = 1.0
"""A broker answers before a topic is gone from it."""


def foreign_record(scene: BrokerScene) -> None:
    """Junk, and a copy of an old entry, written straight to the topic."""
    with closing(scene.reader()) as reader:
        old = reader.read(1, 1)[0].data
    scene.produce(b"junk", old)


def edit_record(scene: BrokerScene) -> None:
    """One bit of an entry in the broker's segment, with a checksum that fits."""
    simulator = scene.simulator
    if simulator is None:
        raise SkippedError("a broker's segments are its own; the simulator's are at hand")
    partition = simulator.partition(scene.topic)
    batch = partition.batches[_EDITED_BATCH]
    records = list(MemoryRecords(batch.data).next_batch())
    # As if by nobody: a batch of a producer that the broker knows would be taken for sent twice.
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 2 * len(batch.data))
    for place, record in enumerate(records):
        value = bytearray(record.value)
        if place == 0:
            value[value.index(b'"data":{') + 10] ^= 1
        builder.append(place, record.timestamp, record.key, bytes(value), record.headers)
    kept = partition.batches[_EDITED_BATCH + 1 :]
    del partition.batches[_EDITED_BATCH:]
    partition.append(bytes(builder.build()), batch.header.newest_time_ms)
    partition.batches += kept
    partition.replicate()


def cut_partition(scene: BrokerScene) -> None:
    """The newest batch gone, as after an election of a broker that never had it."""
    simulator = scene.simulator
    if simulator is None:
        raise SkippedError("no administrator's command cuts the end of a partition")
    partition = simulator.partition(scene.topic)
    del partition.batches[-1]
    partition.replicate()


def foreign_entry(scene: BrokerScene) -> None:
    """An entry that extends the chain, with an action that a stranger signed."""
    stranger = own_key("stranger", "source")
    with closing(scene.reader()) as reader:
        entries = [record.data or b"" for record in reader.read(0, scene.head.size)]
    forged = with_action(entries[_FORGED_FROM], as_another_action, stranger)
    scene.produce(sealed_behind(entries, forged))


def replay_entry(scene: BrokerScene) -> None:
    """An old action sealed once more behind the end, with its own signature: no key is needed."""
    with closing(scene.reader()) as reader:
        entries = [record.data or b"" for record in reader.read(0, scene.head.size)]
    scene.produce(sealed_behind(entries, entries[_FORGED_FROM]))


def delete_records(scene: BrokerScene) -> None:
    """The beginning deleted with `kafka-delete-records.sh`."""
    if scene.simulator is not None:
        raise SkippedError("the simulator knows no DeleteRecords; --log kafka://… has a broker")
    request = {TopicPartition(scene.topic, 0): RecordsToDelete(before_offset=4)}
    scene.administer(lambda admin: admin.delete_records(request))


def recreate_topic(scene: BrokerScene) -> None:
    """The topic deleted and made again under its name, with the first half of its records."""
    if scene.simulator is not None:
        raise SkippedError("the simulator deletes no topic; --log kafka://… has a broker")
    with closing(scene.reader()) as reader:
        records = [record.data for record in reader.read(0, scene.head.size // 2)]
    scene.administer(lambda admin: admin.delete_topics([scene.topic]))
    sleep(_DELETED_SECONDS)
    create_log(scene.bootstrap, scene.topic, records[0] or b"", security=kafka_security())
    scene.produce(*records[1:])


def change_retention(scene: BrokerScene) -> None:
    """Retention of a day, with `kafka-configs.sh`."""
    changed = {"retention.ms": "86400000"}
    if scene.simulator is not None:
        scene.simulator.alter(scene.topic, changed)
        return
    settings = wanted_settings(1) | changed
    resource = ConfigResource(ConfigResourceType.TOPIC, scene.topic, settings)
    scene.administer(lambda admin: admin.alter_configs([resource]))


def zombie_writer(scene: BrokerScene) -> None:
    """A writer that believes it still owns the log, after another took it over."""
    with closing(scene.open()) as zombie, closing(scene.open(with_index=False)) as heir:
        for log in (zombie, heir, zombie):
            log.submit([scene.submission(["dossier:0"])])


def edit_index(scene: BrokerScene) -> None:
    """The version at which a stream stands, in the writer's local index: the next action would be
    sealed behind an entry that is not there."""
    with closing(sqlite3.connect(scene.index_path)) as connection, connection:
        connection.execute("UPDATE stream SET version = version + 7 WHERE name = 'dossier:0'")


BROKER_CASES: Final = (
    Case(
        "foreign-record",
        ("a record written straight to the topic", "bản ghi được ghi thẳng vào topic"),
        Attacker.TOPIC_WRITER,
        foreign_record,
        {"verifier": "log.stray", "projector": "log.stray", "sentinel": "log.foreign_record"},
    ),
    Case(
        "foreign-entry",
        ("a forged entry that extends the chain", "mục giả nối đúng vào chuỗi"),
        Attacker.TOPIC_WRITER,
        foreign_entry,
        {"verifier": "signature.invalid", "projector": "signature.invalid"},
    ),
    Case(
        "replay-entry",
        ("an old action put behind the end once more", "ghi lại một hành động cũ vào cuối"),
        Attacker.TOPIC_WRITER,
        replay_entry,
        {"verifier": "action.recorded_twice"},
    ),
    Case(
        "edit-record",
        ("one bit of an entry in the broker's segment", "một bit của một mục trong máy chủ"),
        Attacker.BROKER_ADMINISTRATOR,
        edit_record,
        {"verifier": "log.overwritten"},
    ),
    Case(
        "truncate-topic",
        ("the topic's beginning deleted", "phần đầu của topic bị xoá"),
        Attacker.BROKER_ADMINISTRATOR,
        delete_records,
        {"sentinel": "kafka.low_water_moved", "verifier": "log.overwritten"},
    ),
    Case(
        "cut-partition",
        ("the topic's newest batch lost", "lô mới nhất của topic bị mất"),
        Attacker.BROKER_ADMINISTRATOR,
        cut_partition,
        {
            "verifier": "log.truncated",
            "projector": "log.overwritten",
            "writer": "log.overwritten",
        },
    ),
    Case(
        "recreate-topic",
        ("the topic deleted and made again", "topic bị xoá rồi tạo lại"),
        Attacker.BROKER_ADMINISTRATOR,
        recreate_topic,
        {
            "sentinel": "log.overwritten",
            "verifier": "log.truncated",
            "projector": "log.overwritten",
            "writer": "log.overwritten",
        },
    ),
    Case(
        "change-retention",
        ("retention switched on", "bật thời hạn lưu giữ"),
        Attacker.BROKER_ADMINISTRATOR,
        change_retention,
        {"writer": "kafka.topic_settings", "sentinel": "kafka.setting_changed"},
    ),
    Case(
        "zombie-writer",
        ("a writer that goes on after a takeover", "tiến trình ghi cũ vẫn ghi sau khi bị thay"),
        Attacker.STALE_WRITER,
        zombie_writer,
        {"verifier": "log.stray", "projector": "log.stray", "sentinel": "log.writer_displaced"},
    ),
    Case(
        "edit-index",
        ("the writer's local index edited", "chỉ mục cục bộ của tiến trình ghi bị sửa"),
        Attacker.DISK,
        edit_index,
        {"writer": "index.damaged"},
    ),
)
"""Every case of a topic."""
