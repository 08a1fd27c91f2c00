"""The writer service on a real broker: sharing, hand-over, take-over, the same id, a full queue."""

from __future__ import annotations

import asyncio
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from consumers.workers.writer import NotOwnedError, Writer
from ledger.adapters import kafka_writer
from ledger.adapters.kafka_group import SESSION_SECONDS, writers_of
from ledger.adapters.kafka_log import KafkaLog
from ledger.app.submission import QueueFullError, Recorded, UnavailableError
from tests.integration.kafka_logs import TestLog, check_acknowledged, new_log, one
from tests.integration.writers import TestLedger, new_ledger, stream_of

pytestmark = pytest.mark.kafka

LOGS = 4
EVERY_LOG = set(range(LOGS))
WAIT_SECONDS = 30.0


@pytest.fixture
def ledger(kafka_bootstrap: str) -> TestLedger:
    return new_ledger(kafka_bootstrap, LOGS)


@pytest.fixture
def log(kafka_bootstrap: str) -> TestLog:
    return new_log(kafka_bootstrap)


class WriterProcess:
    """A process of `writers.py` with its output read by a thread."""

    def __init__(self, ledger: TestLedger) -> None:
        script = Path(__file__).with_name("writers.py")
        genesis = [item.hex() for item in ledger.genesis]
        self.process = subprocess.Popen(
            [sys.executable, str(script), ledger.bootstrap, ledger.topic, *genesis],
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
        self.acks: dict[int, list[tuple[str, int, str]]] = {n: [] for n in range(LOGS)}
        self.ack_times: dict[int, list[float]] = {n: [] for n in range(LOGS)}
        self._owned: queue.Queue[set[int]] = queue.Queue()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word, *rest = line.split()
            if word == "ack":
                self.acks[int(rest[0])].append((rest[1], int(rest[2]), rest[3]))
                self.ack_times[int(rest[0])].append(time.monotonic())
            elif word == "owned":
                self._owned.put(set(map(int, rest)))

    def wait_until_owned(self, count: int) -> set[int]:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            owned = self._owned.get(timeout=WAIT_SECONDS)
            if len(owned) == count:
                return owned
        raise AssertionError(f"never owned {count} logs")

    def wait_for_acks(self, number: int, count: int) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while len(self.acks[number]) < count:
            assert time.monotonic() < deadline, f"log {number}: {len(self.acks[number])} acks"
            time.sleep(0.01)

    def end(self, how: signal.Signals) -> float:
        """Send the signal; when it was sent."""
        sent_at = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(WAIT_SECONDS)
        self._thread.join(WAIT_SECONDS)
        return sent_at


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_writer_that_ends_is_followed_and_the_same_id_has_the_same_answer(
    ledger: TestLedger, how: signal.Signals
) -> None:
    first = WriterProcess(ledger)
    assert first.wait_until_owned(LOGS) == EVERY_LOG
    for number in EVERY_LOG:
        first.wait_for_acks(number, 50)
    second = WriterProcess(ledger)
    mine, yours = first.wait_until_owned(LOGS // 2), second.wait_until_owned(LOGS // 2)
    assert mine | yours == EVERY_LOG
    for number in yours:
        # It sends the same actions from the first one on: each has its answer already.
        second.wait_for_acks(number, len(first.acks[number]) + 20)
    ended_at = first.end(how)
    assert second.wait_until_owned(LOGS) == EVERY_LOG
    for number in mine:
        second.wait_for_acks(number, len(first.acks[number]) + 20)
    pause = max(min(t for t in second.ack_times[n] if t > ended_at) - ended_at for n in mine)
    print(f"{how.name}: the longest pause of a log was {pause:.2f} s")
    if how == signal.SIGTERM:
        assert pause < SESSION_SECONDS - 1, "a clean stop waited for the session time-out"
    assert second.end(signal.SIGTERM)
    assert second.process.returncode == 0
    for number in EVERY_LOG:
        log = ledger.log(number)
        check_acknowledged(log, first.acks[number] + second.acks[number])
        answers = {item[0]: item[1:] for item in first.acks[number]}
        for action_id, *place in second.acks[number]:
            assert answers.get(action_id, tuple(place)) == tuple(place)


def test_a_writer_that_slept_through_its_replacement_does_no_harm(ledger: TestLedger) -> None:
    first = WriterProcess(ledger)
    first.wait_until_owned(LOGS)
    second = WriterProcess(ledger)
    mine = first.wait_until_owned(LOGS // 2)
    for number in mine:
        first.wait_for_acks(number, 50)
    first.process.send_signal(signal.SIGSTOP)
    assert second.wait_until_owned(LOGS) == EVERY_LOG
    for number in mine:
        second.wait_for_acks(number, len(first.acks[number]) + 20)
    first.process.send_signal(signal.SIGCONT)
    # It still believes in its logs, writes, and loses; then the group divides them anew.
    second.wait_until_owned(LOGS // 2)
    for process in (first, second):
        process.end(signal.SIGTERM)
        assert process.process.returncode == 0
    for number in EVERY_LOG:
        check_acknowledged(ledger.log(number), first.acks[number] + second.acks[number])


async def test_a_rebalance_interrupts_no_log_that_stays(ledger: TestLedger) -> None:
    changes: asyncio.Queue[frozenset[int]] = asyncio.Queue()
    first = await ledger.start(on_change=changes.put_nowait)
    assert first.owned == EVERY_LOG == changes.get_nowait()
    for number in EVERY_LOG:
        await first.append(number, one(stream_of(number, LOGS), number))
    sessions = {number: health.session for number, health in first.health().items()}
    assert all(sessions.values())
    second = await ledger.start()
    kept = await first.changed(frozenset(EVERY_LOG))
    assert (len(kept), kept | second.owned) == (LOGS // 2, EVERY_LOG)
    # It is told once the logs that went are closed, which may be after the new owner has begun.
    assert await asyncio.wait_for(changes.get(), WAIT_SECONDS) == kept
    gone = next(iter(second.owned))
    with pytest.raises(NotOwnedError):
        await first.append(gone, one(stream_of(gone, LOGS), gone))
    owners = await writers_of(ledger.bootstrap, ledger.topic)
    assert set(owners) == EVERY_LOG
    assert all(owners[n].startswith(f"{h.owner} at ") for n, h in first.health().items())
    # The same id at the new owner: the answer of the old one.
    repeated = await second.append(gone, one(stream_of(gone, LOGS), gone))
    assert isinstance(repeated, Recorded)
    assert (repeated.new, repeated.places[0].version) == (0, 1)
    await second.stop()
    while await asyncio.wait_for(changes.get(), WAIT_SECONDS) != EVERY_LOG:
        pass  # one was opened before the other
    after = {number: health.session for number, health in first.health().items()}
    assert {n: after[n] for n in kept} == {n: sessions[n] for n in kept}
    await first.stop()
    assert await writers_of(ledger.bootstrap, ledger.topic) == {}
    for number in kept:
        records = [record.data for record in ledger.log(number).records()]
        assert sum(b"writer_opened" in (data or b"") for data in records) == 1


async def test_a_log_that_cannot_be_opened_holds_up_no_other(ledger: TestLedger) -> None:
    broken = ledger._replace(genesis=(*ledger.genesis[:-1], ledger.genesis[0]))
    writer = await Writer.start(ledger.bootstrap, ledger.topic, broken.serve_log)
    last = LOGS - 1
    assert writer.owned == EVERY_LOG - {last}
    assert "trust.genesis_mismatch" in str(writer.problems[last])
    with pytest.raises(NotOwnedError, match="cannot be opened"):
        writer.log(last)
    assert isinstance(await writer.append(0, one(stream_of(0, LOGS), 1)), Recorded)
    await writer.stop()


async def test_a_log_that_could_not_be_opened_is_opened_later(ledger: TestLedger) -> None:
    refusals = [UnavailableError("the disk is full")]

    async def open_log(number: int) -> KafkaLog:
        if number == 0 and refusals:
            raise refusals.pop()
        return await ledger.serve_log(number)

    writer = await Writer.start(ledger.bootstrap, ledger.topic, open_log)
    assert writer.owned == EVERY_LOG - {0}
    assert "the disk is full" in str(writer.problems[0])
    assert await writer.changed(writer.owned) == EVERY_LOG
    assert writer.problems == {}
    await writer.stop()


async def test_a_full_queue_refuses_at_once_and_records_nothing_of_it(
    log: TestLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_writer, "QUEUE_SUBMISSIONS_MAX", 50)
    monkeypatch.setattr(kafka_writer, "QUEUE_WAIT_SECONDS", 0.0)
    served = await log.serve_here()
    # The writer is not open yet: what comes now has to wait.
    work = [one(f"dossier:{number}", number) for number in range(200)]
    outcomes = await asyncio.gather(*map(served.append, work), return_exceptions=True)
    recorded = [isinstance(outcome, Recorded) for outcome in outcomes]
    assert sum(recorded) == 50
    assert all(isinstance(o, Recorded | QueueFullError) for o in outcomes)
    health = served.health()
    assert (health.phase, health.queue, health.size) == ("serving", 0, 52)
    assert 0 <= health.last_echo_age_seconds < WAIT_SECONDS
    await served.aclose()
    _, places, _, _ = log.fold()
    for submission, is_recorded in zip(work, recorded, strict=True):
        assert (submission.actions[0].id in places) == is_recorded


async def test_a_full_queue_lets_callers_wait_for_room(
    log: TestLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_writer, "QUEUE_SUBMISSIONS_MAX", 50)
    monkeypatch.setattr(kafka_writer, "QUEUE_BYTES_MAX", 5_000)
    served = await log.serve_here()
    work = [one(f"dossier:{number}", number) for number in range(300)]
    answers = await asyncio.gather(*map(served.append, work))
    assert all(isinstance(answer, Recorded) for answer in answers)
    threads = await asyncio.gather(
        *(asyncio.to_thread(served.submit, [one(f"dossier:{n}", 1000 + n)]) for n in range(60))
    )
    assert all(isinstance(answer, Recorded) for (answer,) in threads)
    await served.aclose()


async def test_what_is_queued_is_answered_before_a_log_is_closed(log: TestLog) -> None:
    served = await log.serve_here()
    pending = [asyncio.create_task(served.append(one("dossier:a", n))) for n in range(100)]
    await asyncio.sleep(0)
    await served.aclose(WAIT_SECONDS)
    assert all(isinstance(answer, Recorded) for answer in await asyncio.gather(*pending))
