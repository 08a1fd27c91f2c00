"""The local index beside a log on a real broker: restarts, kill -9, another log, a damaged file."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.adapters.kafka import create_log
from ledger.app.submission import LedgerError, Recorded
from ledger.core.findings import FindingError
from tests.integration.kafka_logs import TestLog, check_acknowledged, new_log, one

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
