"""`pal project --record-digest` and `pal verify --projections`, as a user runs them on a broker."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from consumers.bootstrap import OpenLedger, Settings
from consumers.creation import create_ledger
from ledger.adapters.kafka_client import LoopThread
from projections.queries.digest import PROJECTIONS
from tests.integration import commands

LOGS = 2

pytestmark = pytest.mark.kafka


@pytest.fixture
def ledger(tmp_path: Path, kafka_bootstrap: str) -> Iterator[OpenLedger]:
    topic = f"digests-{secrets.token_hex(4)}"
    settings = Settings(tmp_path / "home", f"kafka://{kafka_bootstrap}/{topic}")
    with create_ledger(settings, logs=LOGS) as opened:
        yield opened


def pal(ledger: OpenLedger, *arguments: str) -> tuple[int, Any, str]:
    where = ("--home", ledger.settings.home, "--log", ledger.settings.log, "--format", "json")
    done = commands.pal(*arguments, *where)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


async def send_straight(bootstrap: str, topic: str, data: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(topic, data, partition=0)


def test_digests_are_recorded_where_nobody_writes_and_checked_by_replay(ledger: OpenLedger) -> None:
    bootstrap, topic = ledger.settings.kafka or ("", "")
    thread = LoopThread("writer")
    writer = thread.run(ledger.join_writers(lambda _owned: None))
    code, _, said = pal(ledger, "project", "--record-digest")
    assert (code, "log.not_owned" in said) == (5, True), said
    thread.run(writer.stop())

    code, _, said = pal(ledger, "project", "--record-digest")
    assert (code, "digests of 7 projections" in said) == (0, True), said
    # What somebody writes straight to the topic counts for nothing, a copy of a digest included.
    genuine = [record.data for record in ledger.readers[0].read(0, 100) if record.data]
    thread.run(send_straight(bootstrap, topic, genuine[-1].replace(b'"digest":"', b'"digest":"0')))
    thread.run(send_straight(bootstrap, topic, genuine[-1]))
    thread.close()

    code, seen, said = pal(ledger, "verify", "--projections")
    assert (code, seen["verdict"], seen["projections"]["findings"]) == (0, "passed", []), said
    assert seen["projections"]["digests"] == len(PROJECTIONS)
    assert {f"{ledger.name}/{n}" for n in range(LOGS)} == set(seen["projections"]["shown_at"])

    with closing(sqlite3.connect(ledger.settings.read_path)) as store, store:
        store.execute("UPDATE timeline SET actor = 'somebody' WHERE log = 1 AND idx = 0")
    code, seen, _ = pal(ledger, "verify", "--projections")
    (finding,) = seen["projections"]["findings"]
    assert (code, finding["code"], finding["index"]) == (1, "projection.row_mismatch", 0)
    assert finding["origin"] == ledger.trust[1].origin
