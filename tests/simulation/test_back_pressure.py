"""A broker that says nothing: every caller has an answer in time, and it is the truth."""

from __future__ import annotations

import asyncio
import time

import pytest

from ledger.adapters import kafka_writer
from ledger.adapters import simulator as broker
from ledger.adapters.simulator import Simulator
from ledger.app.submission import (
    LedgerError,
    OutcomeUnknownError,
    QueueFullError,
    Recorded,
    UnavailableError,
)
from tests.integration.kafka_logs import new_log, one

QUEUE = 10
CALLERS = 30
SECONDS = 0.4


@pytest.mark.parametrize("silence", [broker.REQUEST_IGNORED, broker.ANSWER_WITHHELD], ids=str)
async def test_callers_of_a_silent_broker_are_answered_in_time_and_truly(
    monkeypatch: pytest.MonkeyPatch, silence: broker.Fault
) -> None:
    monkeypatch.setattr(kafka_writer, "BATCH_SECONDS", SECONDS)
    monkeypatch.setattr(kafka_writer, "QUEUE_WAIT_SECONDS", SECONDS / 2)
    monkeypatch.setattr(kafka_writer, "QUEUE_SUBMISSIONS_MAX", QUEUE)
    work = [one(f"dossier:{number}", number) for number in range(CALLERS)]
    with Simulator() as cluster:
        log = await asyncio.to_thread(new_log, cluster.bootstrap)
        served = await log.serve_here(timeout_seconds=SECONDS)
        assert isinstance(await served.append(one("dossier:a", 999)), Recorded)
        cluster.choose = lambda api_key, _client: silence if api_key == broker.PRODUCE else None
        began = time.monotonic()
        outcomes = await asyncio.gather(*map(served.append, work), return_exceptions=True)
        # A batch under way is waited for: longest are its time and that of the queue behind it.
        assert time.monotonic() - began < 20 * SECONDS
        assert all(isinstance(outcome, LedgerError) for outcome in outcomes)
        full = [isinstance(outcome, QueueFullError) for outcome in outcomes]
        assert sum(full) == CALLERS - QUEUE
        assert served.health().queue == 0
        cluster.choose = lambda _api_key, _client: None
        cluster.release()
        # Whoever was told that nothing was recorded was told the truth.
        _, places, _, _ = await asyncio.to_thread(log.fold)
        for submission, outcome in zip(work, outcomes, strict=True):
            if isinstance(outcome, UnavailableError):
                assert submission.actions[0].id not in places
            else:
                assert isinstance(outcome, OutcomeUnknownError)
        monkeypatch.undo()
        again = await log.serve_here()
        answers = await asyncio.gather(*map(again.append, work))
        assert all(isinstance(answer, Recorded) for answer in answers)
        await asyncio.gather(served.aclose(), again.aclose())
        _, places, _, _ = await asyncio.to_thread(log.fold)
        for submission, answer in zip(work, answers, strict=True):
            place = answer.places[0]
            assert places[submission.actions[0].id] == (place.index, place.leaf)


async def test_a_tick_that_came_when_nobody_waited_leaves_nobody_without_one() -> None:
    """Between two callers of one turn, of whom the first is answered within it."""
    with Simulator() as cluster:
        log = await asyncio.to_thread(new_log, cluster.bootstrap)
        served = await log.serve_here(timeout_seconds=SECONDS)
        assert isinstance(await served.append(one("dossier:a", 1)), Recorded)
        cluster.choose = lambda api_key, _client: (
            broker.REQUEST_IGNORED if api_key == broker.PRODUCE else None
        )
        writer, answers = served._writer, asyncio.Queue[object]()
        loop = asyncio.get_running_loop()

        def answered_at_once() -> None:
            writer.submit(one("dossier:b", 2), answers.put_nowait)
            writer._apply(writer.machine.close())

        # The tick of the first append is due, and comes between these two.
        assert writer._tick_due
        loop.call_soon(answered_at_once)
        loop.call_later(
            kafka_writer.TICK_SECONDS, writer.submit, one("dossier:b", 3), answers.put_nowait
        )
        time.sleep(1.5 * kafka_writer.TICK_SECONDS)  # noqa: ASYNC251 - so that both are due at once
        assert isinstance(await answers.get(), UnavailableError)
        told = await asyncio.wait_for(answers.get(), kafka_writer.BATCH_SECONDS / 2)
        assert isinstance(told, UnavailableError | OutcomeUnknownError)
        cluster.choose = lambda _api_key, _client: None
        cluster.release()
        await served.aclose()
