"""The Kafka log on a real broker: answers, fights, killed writers, overwritten logs, settings."""

from __future__ import annotations

import asyncio
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ledger.adapters.kafka import KafkaLog, KafkaReader, create_log
from ledger.adapters.kafka_admin import TopicExistsError, TopicSettingsError, wanted_settings
from ledger.app.limits import GROUP_ENTRIES_MAX
from ledger.app.submission import (
    LedgerError,
    OutcomeUnknownError,
    Recorded,
    Refused,
    Submission,
    UnavailableError,
)
from ledger.core.chain import Head
from ledger.core.findings import FindingError
from tests.integration.kafka_logs import (
    KEY,
    OTHER_KEY,
    TestLog,
    check_acknowledged,
    make_genesis,
    new_log,
    one,
)

pytestmark = pytest.mark.kafka


@pytest.fixture
def log(kafka_bootstrap: str) -> TestLog:
    return new_log(kafka_bootstrap)


def produce(bootstrap: str, topic: str, values: list[bytes | None]) -> None:
    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
            for value in values:
                key = b"" if value is None else None
                await producer.send_and_wait(topic, value, key=key, partition=0)

    asyncio.run(send())


def alter(bootstrap: str, topic: str, settings: dict[str, str]) -> None:
    async def send() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, settings)
        await admin.alter_configs([resource])
        await admin.close()

    asyncio.run(send())


def test_what_is_answered_is_what_lies_in_the_partition(log: TestLog) -> None:
    writer = log.open()
    answers = writer.submit([one("dossier:a", n) for n in range(1, 6)])
    acknowledged = []
    for number, answer in enumerate(answers, 1):
        assert isinstance(answer, Recorded)
        (place,) = answer.places
        acknowledged.append((one("dossier:a", number).actions[0].id, place.index, place.leaf))
    assert writer.submit([one("dossier:a", 3)]) == [Recorded(answers[2].places, new=0)]
    conflict, reused = writer.submit(
        [one("dossier:a", 9, expected=3), one("dossier:a", 2, note="other bytes")]
    )
    assert isinstance(conflict, Refused)
    assert conflict.code == "stream.version_conflict"
    assert isinstance(reused, Refused)
    assert reused.code == "action.id_reused"
    windows = [{}, {"after": 2}, {"after": 1, "until": 3}, {"limit": 1}, {"until": 0}]
    lengths = [len(writer.stream_entries("dossier:a", **window)) for window in windows]
    assert lengths == [5, 3, 2, 1, 0]
    assert [number for number, _ in writer.notifications(2, 4, 10)] == [2, 3, 4]
    assert writer.notification_id(acknowledged[4][1]) == writer.notification_count() == 5
    writer.close()
    writer.close()
    assert check_acknowledged(log, acknowledged) == []


def test_reading_never_opens_a_writer(log: TestLog) -> None:
    reading = log.open()
    assert reading.head().size == 1
    writer = log.open()
    writer.submit([one("dossier:a", 1)])
    assert reading.wait_for_growth(1, 5.0)
    assert reading.stream_head("dossier:a").version == 1
    reader = KafkaReader.open(log.bootstrap, log.topic, log.origin)
    assert [record.position for record in reader.read(0, 2)] == [0, 1]
    assert [record.position for record in reader.read(2, 9)] == [2]
    assert reader.read(3, 9) == []
    assert not reader.wait_beyond(3, 0.05)
    for item in (reading, writer, reader):
        item.close()
    assert sum(r.data is not None and b"writer_opened" in r.data for r in log.records()) == 1


async def test_the_async_door_on_its_own_loop_and_from_another(log: TestLog) -> None:
    here = await log.serve_here()
    answers = await asyncio.gather(*(here.append(one(f"dossier:{n}", n)) for n in range(200)))
    assert sorted(a.places[0].index for a in answers) == list(range(2, 202))
    assert here.stream_head("dossier:7").version == 1
    with pytest.raises(LedgerError, match="would block"):
        here.submit([one("dossier:a", 1)])
    assert len(await asyncio.to_thread(here.stream_entries, "dossier:7")) == 1
    await here.aclose()
    elsewhere = log.open()
    answer = await elsewhere.append(one("dossier:7", 999))
    assert answer.places[0].version == 2
    await asyncio.to_thread(elsewhere.close)


def test_a_large_submission_is_one_batch_and_a_queue_becomes_several(log: TestLog) -> None:
    writer = log.open()
    large = Submission(tuple(one("dossier:a", n).actions[0] for n in range(1000)))
    more = [one("dossier:b", n) for n in range(2 * GROUP_ENTRIES_MAX)]
    answers = writer.submit([large, *more])
    assert all(isinstance(answer, Recorded) for answer in answers)
    assert [p.version for p in answers[0].places] == list(range(1, 1001))
    writer.close()
    assert check_acknowledged(log, []) == []


def test_two_writers_at_once_lose_time_and_never_truth(log: TestLog) -> None:
    acknowledged: list[tuple[str, int, str]] = []
    unknown: list[str] = []
    stop_at = time.monotonic() + 4.0

    def work(name: str) -> None:
        writer = log.open()
        number = 0
        while time.monotonic() < stop_at:
            number += 1
            submission = one(f"dossier:{name}", number)
            try:
                (answer,) = writer.submit([submission])
            except (UnavailableError, OutcomeUnknownError):
                unknown.append(submission.actions[0].id)
                continue
            assert isinstance(answer, Recorded)
            place = answer.places[0]
            acknowledged.append((submission.actions[0].id, place.index, place.leaf))
        writer.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    strays = check_acknowledged(log, acknowledged)
    assert acknowledged
    assert not set(unknown) & {action_id for action_id, _, _ in acknowledged}
    again = log.open()
    assert again.head().size == log.fold()[0].head.size
    assert [stray.offset for stray in again.strays] == [offset for offset, _ in strays]
    again.close()


def test_a_killed_writer_leaves_every_acknowledged_action_once(log: TestLog) -> None:
    script = Path(__file__).with_name("kafka_logs.py")
    command = [
        sys.executable,
        str(script),
        log.bootstrap,
        log.topic,
        log.genesis.hex(),
        "k",
        "9999",
    ]
    repository = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": repository}
    )
    assert process.stdout is not None
    acknowledged = []
    for line in process.stdout:
        action_id, index, leaf = line.split()
        acknowledged.append((action_id, int(index), leaf))
        if len(acknowledged) == 200:
            process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(acknowledged) >= 200
    writer = log.open()
    # The newest may have been recorded without its acknowledgement: the same id tells.
    answers = writer.submit([one("dossier:k", n) for n in range(len(acknowledged) + 2)])
    for (action_id, index, leaf), answer in zip(acknowledged, answers, strict=False):
        assert (answer.places[0].index, answer.places[0].leaf) == (index, leaf)
        assert action_id == one("dossier:k", answer.places[0].version - 1).actions[0].id
    writer.close()
    check_acknowledged(log, acknowledged)


def test_records_that_do_not_count_are_kept_reported_and_applied_by_nobody(log: TestLog) -> None:
    writer = log.open()
    writer.submit([one("dossier:a", 1)])
    produce(log.bootstrap, log.topic, [b"junk", None, log.genesis])
    (answer,) = writer.submit([one("dossier:a", 2)])
    assert isinstance(answer, Recorded)
    assert answer.places[0].version == 2
    assert [stray.offset for stray in writer.strays][:3] == [3, 4, 5]
    assert len(writer.stream_entries("dossier:a")) == 2
    writer.close()


def copy_with(log: TestLog, records: list, bootstrap: str) -> TestLog:
    """The log's records in a topic of its own: as if they had been altered inside the broker."""
    topic = f"copy-{secrets.token_hex(6)}"
    create_log(bootstrap, topic, log.genesis)
    produce(bootstrap, topic, records[1:])
    return log._replace(topic=topic)


def test_an_altered_record_is_an_overwritten_log_and_not_a_shorter_one(log: TestLog) -> None:
    writer = log.open()
    for number in range(1, 8):
        writer.submit([one("dossier:a", number)])
    writer.close()
    records = [record.data for record in log.records()]
    altered = list(records)
    altered[4] = altered[4].replace(b"note 3", b"note 4")
    assert altered[4] != records[4]
    for broken in (altered, [*records[:4], b"gone", *records[5:]], records[:4] + records[5:]):
        copy = copy_with(log, broken, log.bootstrap)
        opened = copy.open()
        with pytest.raises(FindingError) as caught:
            opened.submit([one("dossier:a", 99)])
        assert caught.value.finding.code == "log.overwritten"
        with pytest.raises(FindingError):
            opened.head()
        opened.close()
        assert len(copy.records()) == len(broken)


def test_a_log_that_is_shorter_than_a_head_seen_before_is_overwritten(log: TestLog) -> None:
    writer = log.open()
    writer.submit([one("dossier:a", number) for number in range(1, 4)])
    head = writer.head()
    writer.close()
    shorter = copy_with(log, [record.data for record in log.records()][:-1], log.bootstrap)
    for seen, place in ((head, shorter), (Head(head.size, "1" * 64), log)):
        opened = place.open(expect=seen)
        with pytest.raises(FindingError) as caught:
            opened.submit([one("dossier:a", 99)])
        assert caught.value.finding.code == "log.overwritten"
        opened.close()
    same = log.open(expect=head)
    assert isinstance(same.submit([one("dossier:a", 4)])[0], Recorded)
    same.close()


def test_another_genesis_than_the_pinned_one_is_refused(log: TestLog) -> None:
    opened = KafkaLog.open(log.bootstrap, log.topic, log.origin, "2" * 64, KEY)
    with pytest.raises(FindingError) as caught:
        opened.submit([one("dossier:a", 1)])
    assert caught.value.finding.code == "trust.genesis_mismatch"
    opened.close()
    with pytest.raises(TopicExistsError):
        create_log(log.bootstrap, log.topic, make_genesis("another"))
    create_log(log.bootstrap, log.topic, log.genesis)
    assert len(log.records()) == 1


def test_keys_that_the_log_does_not_know_write_nothing(log: TestLog) -> None:
    stranger = log.open(OTHER_KEY)
    with pytest.raises(UnavailableError, match="would not count"):
        stranger.submit([one("dossier:a", 1, key=OTHER_KEY)])
    stranger.close()
    assert len(log.records()) == 1
    writer = log.open()
    (answer,) = writer.submit([one("dossier:a", 1, key=OTHER_KEY)])
    assert isinstance(answer, Refused)
    assert answer.code == "signature.invalid"
    writer.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup.policy", "compact"),
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000000"),
        ("message.timestamp.type", "CreateTime"),
        ("compression.type", "gzip"),
        ("unclean.leader.election.enable", "true"),
        ("max.message.bytes", "1048588"),
    ],
)
def test_wrong_topic_settings_are_refused_before_anything_is_written(
    log: TestLog, name: str, value: str
) -> None:
    alter(log.bootstrap, log.topic, {**wanted_settings(1), name: value})
    opened = log.open()
    with pytest.raises(TopicSettingsError, match=name) as caught:
        opened.submit([one("dossier:a", 1)])
    assert f"{name}={wanted_settings(1)[name]}" in caught.value.next_step
    opened.close()
    assert len(log.records()) == 1


def test_a_single_broker_without_fsync_is_said_aloud(log: TestLog) -> None:
    settings = {k: v for k, v in wanted_settings(1).items() if k != "flush.messages"}
    alter(log.bootstrap, log.topic, settings)
    opened = log.open()
    opened.submit([one("dossier:a", 1)])
    assert "power cut" in opened.warning
    opened.close()


def test_no_broker_and_no_topic_are_named_within_a_deadline(kafka_bootstrap: str) -> None:
    with pytest.raises(UnavailableError, match="no topic"):
        KafkaLog.open(kafka_bootstrap, "nowhere", "nowhere/0", None, KEY)
    with pytest.raises(UnavailableError, match="no Kafka broker") as caught:
        KafkaReader.open("127.0.0.1:1", "nowhere", "nowhere/0")
    assert caught.value.next_step


def test_a_topic_without_a_genesis_is_no_log(kafka_bootstrap: str) -> None:
    topic = f"empty-{secrets.token_hex(6)}"

    async def make() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=wanted_settings(1))])
        await admin.close()

    asyncio.run(make())
    opened = KafkaLog.open(kafka_bootstrap, topic, f"{topic}/0", None, KEY)
    assert opened.head().size == 0
    with pytest.raises(UnavailableError, match="no genesis"):
        opened.submit([one("dossier:a", 1)])
    opened.close()
