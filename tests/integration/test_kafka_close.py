"""Closing a log on a real broker while others save: everybody gets an answer, nobody hangs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.app.submission import OutcomeUnknownError, Recorded, Submission, UnavailableError
from tests.integration.kafka_logs import TestLog, check_acknowledged, new_log, one

pytestmark = pytest.mark.kafka

THREADS = 8
ANSWER_SECONDS = 30.0


@pytest.mark.parametrize("on_own_loop", [False, True], ids=["elsewhere", "on-its-own-loop"])
def test_every_caller_is_answered_when_the_log_is_closed(
    kafka_bootstrap: str, *, on_own_loop: bool
) -> None:
    # The garbage collector may close an application on any thread, the log's own included.
    log: TestLog = new_log(kafka_bootstrap)
    writer = log.open()
    recorded: list[tuple[str, int, str]] = []
    going = threading.Event()

    def save(worker: int) -> str:
        for number in range(1, 10_000):
            submission: Submission = one(f"dossier:{worker}", number)
            try:
                (answer,) = writer.submit([submission])
            except UnavailableError:
                return "unavailable"
            except OutcomeUnknownError:
                return "unknown"
            assert isinstance(answer, Recorded)
            (place,) = answer.places
            recorded.append((submission.actions[0].id, place.index, place.leaf))
            if len(recorded) > 5 * THREADS:
                going.set()
        return "never closed"

    with ThreadPoolExecutor(THREADS) as pool:
        ends = [pool.submit(save, worker) for worker in range(THREADS)]
        assert going.wait(ANSWER_SECONDS)
        if on_own_loop:
            writer._loop.call_soon_threadsafe(writer.close)
        else:
            writer.close()
        answers = {end.result(ANSWER_SECONDS) for end in ends}
    assert answers <= {"unavailable", "unknown"}
    writer.close()
    check_acknowledged(log, recorded)
    again = log.open()
    assert again.head().size > len(recorded)
    again.close()
