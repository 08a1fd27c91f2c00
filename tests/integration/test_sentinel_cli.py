"""`pal sentinel` and the owners in `pal status`, as a user runs them, on a real broker."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from consumers.bootstrap import OpenLedger, Settings
from consumers.creation import create_ledger
from ledger.adapters.kafka_client import LoopThread
from ledger.entry.entry import decode_entry

REPOSITORY = Path(__file__).parents[2]
LOGS = 2

pytestmark = pytest.mark.kafka


@pytest.fixture
def ledger(tmp_path: Path, kafka_bootstrap: str) -> Iterator[OpenLedger]:
    topic = f"watched-{secrets.token_hex(4)}"
    settings = Settings(tmp_path / "home", f"kafka://{kafka_bootstrap}/{topic}")
    with create_ledger(settings, logs=LOGS) as opened:
        yield opened


def command(ledger: OpenLedger, *arguments: str) -> list[str]:
    code = "from consumers.cli.main import main; main()"
    where = ["--home", str(ledger.settings.home), "--log", ledger.settings.log]
    return [sys.executable, "-c", code, *arguments, *where]


def pal(ledger: OpenLedger, *arguments: str) -> tuple[int, dict]:
    process = subprocess.run(
        command(ledger, *arguments, "--format", "json"),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return process.returncode, json.loads(process.stdout)


def write_straight(ledger: OpenLedger, partition: int) -> None:
    async def send() -> None:
        bootstrap, topic = ledger.settings.kafka
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            await producer.send_and_wait(topic, b"straight", partition=partition)

    asyncio.run(send())


def test_it_records_where_nobody_writes_and_disturbs_no_writer(ledger: OpenLedger) -> None:
    thread = LoopThread("writer")
    writer = thread.run(ledger.join_writers(lambda _owned: None))
    write_straight(ledger, 1)
    code, seen = pal(ledger, "sentinel", "--once")
    assert (code, seen["findings"], seen["log_size"]) == (0, [], 0)
    assert set(seen["owners"]) == {"0", "1"}
    _, status = pal(ledger, "status")
    assert [item["log"] for item in status["writers"]] == [0, 1]
    assert {item["owner"] for item in status["writers"]} == set(seen["owners"].values())
    assert status["size"] == LOGS
    thread.run(writer.stop())
    thread.close()

    code, seen = pal(ledger, "sentinel", "--once")
    assert (code, seen["verdict"], seen["owners"]) == (1, "failed", {})
    (finding,) = seen["findings"]
    assert (finding["code"], finding["origin"]) == ("log.foreign_record", ledger.trust[1].origin)
    code, seen = pal(ledger, "sentinel", "--once")
    assert (code, seen["findings"]) == (0, [])
    # Each log: genesis, the topic as seen, and the openings for it; log 1 also what was found.
    code, events = pal(ledger, "events")
    types = [row["type"] for row in events["rows"]]
    assert types.count("ledger.topic_seen.v1") == LOGS
    assert types.count("ledger.strays_found.v1") == 1


def test_a_writer_watches_the_logs_that_it_serves_and_tells_its_health(
    ledger: OpenLedger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ledger.writer")
    thread = LoopThread("writer")
    writer = thread.run(ledger.join_writers(lambda _owned: None, watch_seconds=0.1))
    write_straight(ledger, 1)
    log, stream = writer.logs[1], f"ledger:{ledger.trust[1].origin}"
    for _ in range(100):
        types = [decode_entry(entry).seal.type for entry in log.stream_entries(stream)]
        if "ledger.strays_found.v1" in types:
            break
        log.wait_for_growth(log.head().size, 0.2)
    else:
        raise AssertionError(types)
    thread.run(writer.stop())
    thread.close()
    told = [json.loads(r.message) for r in caplog.records if r.message.startswith("{")]
    health = [line for line in told if line.get("origin") == log.origin and "queue" in line]
    assert {line["queue"] for line in health} == {0}
    assert all(line["owner"].startswith("pal-writer-") for line in health)
    # Whoever looks next finds nothing new.
    code, seen = pal(ledger, "sentinel", "--once")
    assert (code, seen["findings"]) == (0, [])


def test_it_goes_on_looking_until_it_is_interrupted(ledger: OpenLedger) -> None:
    process = subprocess.Popen(
        command(ledger, "sentinel", "--every", "0.2"),
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "watching" in process.stderr.readline()
    write_straight(ledger, 0)
    alarm = json.loads(process.stderr.readline())
    assert (alarm["code"], alarm["not_recorded"]) == ("log.foreign_record", "")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.stderr.close()


def test_an_embedded_ledger_has_no_broker_to_watch(tmp_path: Path) -> None:
    with create_ledger(Settings(tmp_path / "home")) as ledger:
        process = subprocess.run(
            command(ledger, "sentinel"), cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
    assert process.returncode == 3
    assert "pal verify" in process.stderr
