"""Both ways to read a partition give its records: beside other threads, and alone with one chunk
asked for ahead."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import closing

import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.adapters import kafka_reader
from ledger.adapters.kafka import KafkaReader
from ledger.app.submission import UnavailableError
from ledger.core.findings import FindingError
from tests.integration.kafka_logs import new_log

pytestmark = pytest.mark.kafka

Open = Callable[[str, str, str], KafkaReader]
WAYS = (KafkaReader.open, KafkaReader.open_alone)


async def write(bootstrap: str, topic: str, batches: list[int], *, transaction: bool) -> None:
    """Batches of so many records; in a transaction control records lie between them."""
    name = secrets.token_hex(4) if transaction else None
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        transactional_id=name,
        max_batch_size=2**20,
    ) as producer:
        for records in batches:
            if transaction:
                await producer.begin_transaction()
            batch = producer.create_batch()
            for number in range(records):
                value = b"%d" % number * 100
                added = batch.append(timestamp=None, key=None, value=value if number else None)
                assert added is not None
            batch.close()
            await (await producer.send_batch(batch, topic, partition=0))
            if transaction:
                await producer.commit_transaction()


@pytest.fixture(scope="module", params=[False, True])
def log(request: pytest.FixtureRequest, kafka_bootstrap: str) -> tuple[str, str, str]:
    """A genesis and batches of many sizes, with and without control records between them."""
    made = new_log(kafka_bootstrap)
    asyncio.run(
        write(kafka_bootstrap, made.topic, [1, 3, 40, 1, 200, 7], transaction=request.param)
    )
    return made.bootstrap, made.topic, made.origin


def all_of(where: tuple[str, str, str], way: Open) -> list[tuple[int, bytes | None]]:
    with closing(way(*where)) as reader:
        found: list[tuple[int, bytes | None]] = []
        while records := reader.read(found[-1][0] + 1 if found else 0, 17):
            found += [(record.position, record.data) for record in records]
        return found


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_reader, "CHUNK_BYTES", 500)


@pytest.mark.usefixtures("small_chunks")
def test_in_order_both_give_every_record(log: tuple[str, str, str]) -> None:
    beside, alone = (all_of(log, way) for way in WAYS)
    assert beside == alone
    assert len(alone) == 1 + 252
    with closing(KafkaReader.open_alone(*log)) as reader:
        assert reader.end() >= 253
        assert reader.read(reader.end(), 10) == []
        assert not reader.wait_beyond(reader.end(), 0.05)


@pytest.mark.usefixtures("small_chunks")
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.integers(0, 252), st.integers(1, 60), st.integers(1, 4)), max_size=8))
def test_in_any_order_alone_gives_what_lies_there(
    log: tuple[str, str, str], reads: list[tuple[int, int, int]]
) -> None:
    everything = all_of(log, KafkaReader.open)
    with closing(KafkaReader.open_alone(*log)) as reader:
        for position, limit, times in reads:
            at = everything[position][0]
            # Several in order make it fetch ahead; the next place is then another one.
            for _ in range(times):
                records = [(r.position, r.data) for r in reader.read(at, limit)]
                expected = [item for item in everything if item[0] >= at][: len(records)]
                assert records == expected
                assert records or at > everything[-1][0]
                at = records[-1][0] + 1 if records else at


def test_alone_it_can_be_closed_at_any_moment_and_twice(log: tuple[str, str, str]) -> None:
    for reads in range(4):
        reader = KafkaReader.open_alone(*log)
        position = 0
        for _ in range(reads):
            position = reader.read(position, 5)[-1].position + 1
        reader.close()
        assert reader._run.__self__.is_closed()
        reader.close()


@pytest.mark.parametrize("way", WAYS)
def test_who_cannot_be_reached_is_told(way: Open) -> None:
    with pytest.raises(UnavailableError):
        way("127.0.0.1:1", "nowhere", "nowhere/0")


@pytest.mark.parametrize("way", WAYS)
def test_an_offset_behind_the_end_is_a_finding(way: Open, log: tuple[str, str, str]) -> None:
    with closing(way(*log)) as reader, pytest.raises(FindingError):
        reader.read(10**6, 1)
