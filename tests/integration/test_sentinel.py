"""The insider watch on a real broker: each thing that nobody may do is seen, and recorded once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from consumers.workers.sentinel import Sentinel
from ledger.adapters.kafka import KafkaLog, create_log
from ledger.adapters.kafka_admin import wanted_settings
from ledger.adapters.kafka_watch import TopicWatch
from ledger.app.submission import Recorded, UnavailableError
from ledger.core.findings import Finding, FindingError
from ledger.core.merkle import leaf_hash
from ledger.domain.events import decode_event
from ledger.entry.entry import decode_entry
from tests.integration.kafka_logs import KEY, one
from tests.integration.writers import TestLedger, new_ledger, stream_of

pytestmark = pytest.mark.kafka

LOGS = 2
STREAM = stream_of(0, LOGS)


class Served(NamedTuple):
    """The logs of a process, as the sentinel asks for them."""

    logs: Mapping[int, KafkaLog]
    problems: Mapping[int, Exception] = {}


@pytest.fixture
def ledger(kafka_bootstrap: str) -> TestLedger:
    return new_ledger(kafka_bootstrap, LOGS)


@pytest.fixture
async def served(ledger: TestLedger) -> AsyncIterator[Served]:
    """Log 0 of two, with its writer open and one action in it."""
    log = await ledger.serve_log(0)
    assert isinstance(await log.append(one(STREAM, 1)), Recorded)
    yield Served({0: log})
    await log.aclose()


@contextlib.asynccontextmanager
async def watching(ledger: TestLedger, served: Served) -> AsyncIterator[Sentinel]:
    """A sentinel that starts now."""
    topic = TopicWatch(ledger.bootstrap, ledger.topic)
    origins = {number: f"{ledger.topic}/{number}" for number in range(LOGS)}
    try:
        yield Sentinel(topic, served, origins, KEY, lambda: datetime.now(UTC))
    finally:
        await topic.close()


def codes(findings: list[Finding]) -> set[str]:
    return {finding.code for finding in findings}


async def look(ledger: TestLedger, served: Served) -> set[str]:
    """The codes of what a sentinel that starts now says in its first look."""
    async with watching(ledger, served) as sentinel:
        return codes(await sentinel.check())


async def look_until_seen(ledger: TestLedger, served: Served, code: str) -> set[str]:
    """A writer that appended just now looks again only after a second: so may its sentinel."""
    for _ in range(300):
        if code in (seen := await look(ledger, served)):
            return seen
        await asyncio.sleep(0.1)
    raise AssertionError(f"{code} was never seen")


def sightings(log: KafkaLog) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of what the log's own stream holds beside genesis and openings."""
    actions = [decode_entry(data).action for data in log.stream_entries(f"ledger:{log.origin}")]
    found = []
    for action in actions:
        decode_event(action["type"], action["data"])
        name = action["type"].split(".")[1]
        if name not in ("genesis", "writer_opened", "topic_seen"):
            found.append((name, action["data"]))
    return found


async def administer(
    ledger: TestLedger, work: Callable[[AIOKafkaAdminClient], Awaitable[object]]
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=ledger.bootstrap)
    await admin.start()
    try:
        await work(admin)
    finally:
        await admin.close()


async def alter(ledger: TestLedger, **changed: str) -> None:
    settings = wanted_settings(1) | {n.replace("_", "."): v for n, v in changed.items()}
    resource = ConfigResource(ConfigResourceType.TOPIC, ledger.topic, settings)
    await administer(ledger, lambda admin: admin.alter_configs([resource]))


async def test_a_quiet_topic_is_noted_once_whoever_looks(
    ledger: TestLedger, served: Served
) -> None:
    log = served.logs[0]
    assert await look(ledger, served) == set()
    size = log.head().size
    entry = decode_entry(log.stream_entries(f"ledger:{log.origin}")[-1])
    assert entry.seal.type == "ledger.topic_seen.v1"
    for _ in range(3):
        assert await look(ledger, served) == set()
    assert (log.head().size, sightings(log)) == (size, [])


async def test_a_changed_setting_is_recorded_when_it_changes_and_when_it_is_put_back(
    ledger: TestLedger, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "ledger.sentinel")
    await look(ledger, served)
    expected = []
    for value in ("604800000", "-1", "604800000"):
        await alter(ledger, retention_ms=value)
        for _ in range(2):
            is_wrong = value != "-1"
            assert await look(ledger, served) == ({"kafka.setting_changed"} if is_wrong else set())
        data = {"setting": "retention.ms", "value": value, "wanted": "-1"}
        expected.append(("topic_setting_changed", data))
        assert sightings(served.logs[0]) == expected
    lines = [json.loads(record.message) for record in caplog.records]
    assert {line["not_recorded"] for line in lines if line["origin"].endswith("/1")} == {
        "this process does not serve the log"
    }
    said = [line for line in lines if line["origin"] == served.logs[0].origin]
    assert [line["actual"] for line in said if line["code"] == "kafka.setting_changed"] == [
        "604800000",
        "604800000",
    ]
    assert {line["not_recorded"] for line in said} == {""}


async def test_what_keeps_itself_from_being_recorded_is_recorded_once_it_is_undone(
    ledger: TestLedger, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    await look(ledger, served)
    hasty = Served({0: await ledger.log(0).serve_here(timeout_seconds=0.5)})
    # A compacted topic takes no record without a key: no entry.
    await alter(ledger, cleanup_policy="compact")
    async with watching(ledger, hasty) as sentinel:
        assert codes(await sentinel.check()) == {"kafka.setting_changed"}
        assert json.loads(caplog.records[-1].message)["not_recorded"]
        assert sightings(served.logs[0]) == []
        await alter(ledger)
        assert codes(await sentinel.check()) == set()
        assert codes(await sentinel.check()) == set()
    values = [data["value"] for _, data in sightings(hasty.logs[0])]
    assert values == ["compact", "delete"]
    await hasty.logs[0].aclose()


async def test_deleted_records_are_recorded(ledger: TestLedger, served: Served) -> None:
    place = TopicPartition(ledger.topic, 0)
    for offset in (1, 2):
        request = {place: RecordsToDelete(before_offset=offset)}
        await administer(ledger, lambda admin, request=request: admin.delete_records(request))
        for _ in range(2):
            assert await look(ledger, served) == {"kafka.low_water_moved"}
    assert sightings(served.logs[0]) == [
        ("low_water_moved", {"low_water": 1, "previous": 0}),
        ("low_water_moved", {"low_water": 2, "previous": 1}),
    ]


async def test_records_written_straight_to_the_topic_are_kept_by_offset_and_hash(
    ledger: TestLedger, served: Served
) -> None:
    await look(ledger, served)
    log = served.logs[0]
    first = log.head().size
    values = [b"junk", None, ledger.genesis[0]]
    async with AIOKafkaProducer(bootstrap_servers=ledger.bootstrap) as producer:
        for value in values:
            await producer.send_and_wait(ledger.topic, value, key=b"k", partition=0)
    assert await look_until_seen(ledger, served, "log.foreign_record") == {"log.foreign_record"}
    for _ in range(2):
        assert await look(ledger, served) == set()
    ((name, data),) = sightings(log)
    assert name == "strays_found"
    for place, (record, value) in enumerate(zip(data["records"], values, strict=True)):
        assert record["offset"] == first + place
        assert record.get("leaf") == (None if value is None else leaf_hash(value).hex())
        assert record["late"] is False
        assert record["reason"]
    async with AIOKafkaProducer(bootstrap_servers=ledger.bootstrap) as producer:
        await producer.send_and_wait(ledger.topic, b"more junk", partition=0)
    assert await look_until_seen(ledger, served, "log.foreign_record") == {"log.foreign_record"}
    assert [len(data["records"]) for _, data in sightings(log)] == [3, 1]


def wait_for_end(log: KafkaLog, offset: int) -> None:
    deadline = time.monotonic() + 10
    while log.end() < offset:
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_offsets_that_hold_nothing_are_recorded(ledger: TestLedger, served: Served) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=ledger.bootstrap, transactional_id=ledger.topic)
    await producer.start()
    async with producer.transaction():
        sent = await producer.send_and_wait(ledger.topic, b"in a transaction", partition=0)
    await producer.stop()
    # A commit is answered before its mark lies in the partition: only then is there a gap to see.
    await asyncio.to_thread(wait_for_end, served.logs[0], sent.offset + 2)
    assert await look_until_seen(ledger, served, "log.foreign_record") == {
        "log.foreign_record",
        "log.offset_gap",
    }
    assert await look(ledger, served) == set()
    found = dict(sightings(served.logs[0]))
    assert found["strays_found"]["records"][0]["offset"] == sent.offset
    mark = {"first_offset": sent.offset + 1, "last_offset": sent.offset + 1}
    assert found["offset_gap_found"] == mark


async def test_a_writer_that_loses_its_log_and_what_it_sent_too_late(
    ledger: TestLedger, served: Served
) -> None:
    log = served.logs[0]
    other = await ledger.serve_log(0)
    assert isinstance(await other.append(one(STREAM, 2)), Recorded)
    session = log.health().session
    assert isinstance(await log.append(one(STREAM, 3)), Recorded)
    assert await look(ledger, served) == {"log.stray", "log.writer_displaced"}
    assert await look(ledger, served) == set()
    found = dict(sightings(log))
    assert [record["late"] for record in found["strays_found"]["records"]] == [True]
    assert found["writer_displaced"]["session"] == session
    assert session != log.health().session
    await other.aclose()


async def test_a_topic_made_again_from_a_copy_is_recorded_in_it(
    ledger: TestLedger, served: Served
) -> None:
    log = ledger.log(0)
    async with watching(ledger, served) as sentinel:
        await sentinel.check()
        before = [record.data for record in await asyncio.to_thread(log.records)]
        await administer(ledger, lambda admin: admin.delete_topics([ledger.topic]))
        with pytest.raises(UnavailableError, match="no topic"):
            await sentinel.check()
        await asyncio.to_thread(make_again, ledger)
        async with AIOKafkaProducer(bootstrap_servers=ledger.bootstrap) as producer:
            for value in before[1:]:
                await producer.send_and_wait(ledger.topic, value, partition=0)
        # Its writer's session is that of the topic before: it is said, and nothing is written.
        assert codes(await sentinel.check()) == {"kafka.topic_recreated"}
    assert [record.data for record in await asyncio.to_thread(log.records)] == before
    again = Served({0: await ledger.serve_log(0)})
    assert await look(ledger, again) == {"kafka.topic_recreated"}
    assert await look(ledger, again) == set()
    ((name, data),) = sightings(again.logs[0])
    assert name == "topic_recreated"
    assert data["topic_id"] != data["previous_topic_id"]
    await again.logs[0].aclose()


def make_again(ledger: TestLedger) -> None:
    for _ in range(100):
        try:
            return create_log(ledger.bootstrap, ledger.topic, *ledger.genesis)
        except UnavailableError:
            time.sleep(0.1)  # the broker is deleting still
    raise AssertionError("the topic cannot be made again")


async def test_an_emptied_topic_is_an_overwritten_log(ledger: TestLedger, served: Served) -> None:
    await look(ledger, served)
    await administer(ledger, lambda admin: admin.delete_topics([ledger.topic]))
    await asyncio.to_thread(make_again, ledger)
    assert await look_until_seen(ledger, served, "log.overwritten")


async def test_a_broken_log_is_recorded_by_its_sister(ledger: TestLedger, served: Served) -> None:
    request = {TopicPartition(ledger.topic, 1): RecordsToDelete(before_offset=1)}
    await administer(ledger, lambda admin: admin.delete_records(request))
    with pytest.raises(FindingError) as caught:
        await ledger.serve_log(1)
    broken = Served(served.logs, {1: caught.value})
    for _ in range(2):
        assert await look(ledger, broken) == {"kafka.low_water_moved", "log.overwritten"}
    ((name, data),) = sightings(served.logs[0])
    assert (name, data["origin"], data["code"]) == (
        "log_broken",
        f"{ledger.topic}/1",
        "log.overwritten",
    )


async def test_an_altered_entry_is_recorded_by_the_sister_of_its_log(
    ledger: TestLedger, served: Served
) -> None:
    victim = await ledger.serve_log(1)
    for number in range(1, 8):
        await victim.append(one(stream_of(1, LOGS), number))
    await victim.aclose()
    kept = [await asyncio.to_thread(records_of, ledger, number) for number in range(LOGS)]
    assert kept[1][4] is not None
    kept[1][4] = kept[1][4].replace(b"note 3", b"note 4")
    await served.logs[0].aclose()
    await administer(ledger, lambda admin: admin.delete_topics([ledger.topic]))
    await asyncio.to_thread(make_again, ledger)
    async with AIOKafkaProducer(bootstrap_servers=ledger.bootstrap) as producer:
        for number, records in enumerate(kept):
            for value in records[1:]:
                await producer.send_and_wait(ledger.topic, value, partition=number)
    with pytest.raises(FindingError) as caught:
        await ledger.serve_log(1)
    now = Served({0: await ledger.serve_log(0)}, {1: caught.value})
    assert await look(ledger, now) == {"log.overwritten"}
    ((name, data),) = sightings(now.logs[0])
    # The altered entry itself still follows the one before it: it is void, the next is a stray.
    assert (name, data["origin"], data["index"]) == ("log_broken", f"{ledger.topic}/1", 5)
    await now.logs[0].aclose()


def records_of(ledger: TestLedger, number: int) -> list[bytes | None]:
    return [record.data for record in ledger.log(number).records()]
