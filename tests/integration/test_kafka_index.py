"""The local index beside a log on a real broker: restarts, kill -9, another log, a damaged file."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from ledger.adapters import kafka_catch_up
from ledger.adapters.kafka import create_log
from ledger.adapters.read_process import ReadProcess
from ledger.app.group import next_recorded_at, seal_group
from ledger.app.log_index import MemoryIndex
from ledger.app.ports import Record
from ledger.app.submission import LedgerError, Recorded, SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.findings import FindingError
from ledger.core.ids import uuid7_text
from tests.integration.kafka_logs import (
    AT,
    KEY,
    OTHER_KEY,
    TestLog,
    check_acknowledged,
    new_log,
    one,
    signed,
)

pytestmark = pytest.mark.kafka


@pytest.fixture
def log(kafka_bootstrap: str) -> TestLog:
    return new_log(kafka_bootstrap)


def places(answers) -> list:
    assert all(isinstance(answer, Recorded) for answer in answers)
    return [answer.places for answer in answers]


def test_a_restart_reads_the_rest_and_gives_the_same_answers(log: TestLog, tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    work = [one(f"dossier:{n % 7}", n) for n in range(500)]
    first = log.open(index_path=path)
    answers = first.submit(work)
    first.close()
    # Behind the index's back: what it does not know it must read.
    other = log.open()
    more = other.submit([one("dossier:1", 1_000 + n) for n in range(20)])
    other.close()
    again = log.open(index_path=path)
    assert again._index.position >= 500
    assert places(again.submit(work)) == places(answers)
    assert again.stream_head("dossier:1").version == more[-1].places[0].version
    assert len(again.stream_entries("dossier:1")) == more[-1].places[0].version
    assert again.notification_count() == 520
    assert [n for n, _ in again.notifications(518, None, 9)] == [518, 519, 520]
    again.close()
    check_acknowledged(log, [])


async def test_serving_on_the_callers_loop_keeps_the_index_too(
    log: TestLog, tmp_path: Path
) -> None:
    path = tmp_path / "index.sqlite"
    for number in range(3):
        here = await log.serve_here(index_path=path)
        answer = await here.append(one("dossier:a", number))
        assert answer.places[0].version == number + 1
        await here.aclose()
    with pytest.raises(LedgerError, match="closed"):
        here.place_of("anything")


def test_a_killed_writer_leaves_an_index_that_only_lags(log: TestLog, tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    script = Path(__file__).with_name("kafka_logs.py")
    arguments = [log.bootstrap, log.topic, log.genesis.hex(), "k", "99999", str(path)]
    repository = str(Path(__file__).resolve().parents[2])
    acknowledged: list[tuple[str, int, str]] = []
    for run in range(3):
        process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": repository},
        )
        assert process.stdout is not None
        wanted = len(acknowledged) + 150
        for line in process.stdout:
            action_id, index, leaf = line.split()
            if (action_id, int(index), leaf) not in acknowledged:
                acknowledged.append((action_id, int(index), leaf))
            if len(acknowledged) == wanted:
                process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert len(acknowledged) >= 150 * (run + 1)
    writer = log.open(index_path=path)
    assert writer._index.head.size <= len(log.records())
    answers = writer.submit([one("dossier:k", n) for n in range(len(acknowledged))])
    for (_, index, leaf), answer in zip(acknowledged, answers, strict=True):
        assert (answer.places[0].index, answer.places[0].leaf) == (index, leaf)
    writer.close()
    check_acknowledged(log, acknowledged)


def test_the_index_of_a_topic_that_was_made_again_is_evidence(log: TestLog, tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    first = log.open(index_path=path)
    first.submit([one("dossier:a", n) for n in range(5)])
    first.close()
    twin = log._replace(topic=f"{log.topic}-again")
    create_log(log.bootstrap, twin.topic, log.genesis)
    short = twin.open(index_path=path)
    with pytest.raises(FindingError) as caught:
        short.submit([one("dossier:a", 9)])
    assert caught.value.finding.code == "log.overwritten"
    short.close()
    other = new_log(log.bootstrap)
    with pytest.raises(LedgerError, match="is the index of"):
        other.open(index_path=path)
    same = log.open(index_path=path)
    assert same.stream_head("dossier:a").version == 5
    same.close()


def test_a_damaged_index_is_said_and_made_anew(log: TestLog, tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    first = log.open(index_path=path)
    first.submit([one("dossier:a", n) for n in range(5)])
    first.close()
    path.write_bytes(b"damaged" * 1000)
    again = log.open(index_path=path)
    answer = again.submit([one("dossier:a", 5)])[0]
    assert answer.places[0].version == 6
    assert "made anew" in again.warning
    again.close()


def test_two_processes_of_one_home_keep_an_index_each(log: TestLog, tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    first = log.open(index_path=path)
    first.submit([one("dossier:a", 1)])
    second = log.open(index_path=path)
    assert second.submit([one("dossier:a", 2)])[0].places[0].version == 2
    assert first.submit([one("dossier:a", 3)])[0].places[0].version == 3
    assert second.submit([one("dossier:a", 1)])[0].places[0].version == 1
    second.close()
    first.close()
    assert sorted(p.name for p in tmp_path.glob("*.sqlite")) == ["index-2.sqlite", "index.sqlite"]
    check_acknowledged(log, [])


@pytest.mark.parametrize(
    "read_by", ["this process", "others", "others that are killed", "others that cannot start"]
)
def test_what_is_done_ahead_of_the_fold_decides_nothing_by_itself(
    log: TestLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_by: str
) -> None:
    """Wrong signatures, strays, and keys that come and go, among many records that are right."""
    started: list[ReadProcess] = []

    class Started(ReadProcess):
        def __init__(self) -> None:
            if read_by == "others that cannot start":
                raise OSError("no more processes")
            super().__init__()
            started.append(self)
            if read_by == "others that are killed":
                self._process.kill()

    monkeypatch.setattr(kafka_catch_up, "ReadProcess", Started)
    if read_by != "this process":
        monkeypatch.setattr(kafka_catch_up, "FAR_RECORDS", 0)
    monkeypatch.setattr(kafka_catch_up, "CHUNK_BYTES", 30_000)
    state = MemoryIndex(log.origin)
    state.add(Record(0, log.genesis))
    values: list[bytes | None] = []

    def put(*actions: SignedAction) -> None:
        recorded_at = next_recorded_at(datetime.now(UTC), state.state.recorded_at)
        for sealed in seal_group(log.origin, state, [Submission(actions)], recorded_at).entries:
            values.append(sealed.data)
            state.add(Record(len(values), sealed.data))

    own = f"ledger:{log.origin}"
    enrolled = {"key": msgspec.to_builtins(OTHER_KEY.enrolled())}
    for number in range(400):
        key = OTHER_KEY if number % 3 == 0 else KEY
        good = signed(f"dossier:{number % 9}", number, key=key)
        if number == 100:
            put(own_action(own, "ledger.key_enrolled.v1", enrolled))
        if number == 300:
            put(own_action(own, "ledger.key_revoked.v1", {"key_id": OTHER_KEY.id}))
        if number % 7 == 0:
            put(msgspec.structs.replace(good, sigs=signed("dossier:x", number).sigs))
        put(good)
        if number % 50 == 0:
            values.append(b"junk" if number % 100 else None)
            state.add(Record(len(values), values[-1]))
            put(*together("dossier:together", number, 30))
    voids = sum(finding.code == "signature.invalid" for finding in state.findings)
    produce(log, values)
    opened = log.open(index_path=tmp_path / "index.sqlite")
    assert opened.head() == state.head
    assert bool(started) is (read_by in {"others", "others that are killed"})
    assert all(process._process.poll() is not None for process in started)
    index = opened._index
    assert sum(f.code == "signature.invalid" for f in index.findings) == voids > 100
    for number in range(400):
        action_id = signed(f"dossier:{number % 9}", number).id
        assert index.place_of(action_id) == state.place_of(action_id)
    for number in range(9):
        name = f"dossier:{number}"
        assert index.stream_head(name) == state.stream_head(name)
    assert list(index.strays) == list(state.strays)
    assert len(opened.stream_entries("dossier:together")) == 8 * 30
    again = opened.submit([one("dossier:0", 10_000)])[0]
    assert again.places[0].index == state.head.size + 1
    opened.close()


def together(stream: str, first: int, count: int) -> list[SignedAction]:
    alone = [signed(stream, 1_000 * first + n) for n in range(count)]
    sigs = KEY.sign([action.data for action in alone])
    return [
        msgspec.structs.replace(action, sigs=own) for action, own in zip(alone, sigs, strict=True)
    ]


def own_action(stream: str, type_name: str, data: dict) -> SignedAction:
    action = Action(
        id=uuid7_text(0, sha256(type_name.encode()).digest()),
        type=type_name,
        stream=stream,
        occurred_at=OccurredAt(AT, "second"),
        actor=Actor(kind="system", id="ledger"),
        data=data,
    )
    body = encode_action(action)
    return SignedAction(action.id, stream, type_name, body, KEY.sign([body])[0])


def produce(log: TestLog, values: list[bytes | None]) -> None:
    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=log.bootstrap, acks="all") as producer:
            sent = [
                await producer.send(log.topic, value, key=b"k", partition=0) for value in values
            ]
            await asyncio.gather(*sent)

    asyncio.run(send())
