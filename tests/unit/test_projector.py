"""The projector: follows growing logs, parks poison live, and ends where it would stand still."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.workers import projector
from consumers.workers.projector import LogLag, Projector, StalledError
from ledger.app.ports import Record
from ledger.app.submission import UnavailableError
from ledger.core.findings import FindingError
from ledger.core.ids import log_number
from ledger.core.times import parse_instant
from projections.queries.digest import digests
from projections.runtime.runner import project
from projections.store.sqlite import ReadStore
from tests.unit.projections_logs import Log, act, handed_over, imported


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(projector, "POLL_SECONDS", 0.01)


class Hung(Log):
    """A log that stops answering the one who folds it."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()

    def read(self, position: int, limit: int) -> Sequence[Record]:
        self.answers.wait(10)
        return super().read(position, limit)


class Away(Log):
    """A log whose broker is away, for everybody."""

    def read(self, position: int, limit: int) -> Sequence[Record]:
        raise UnavailableError("nobody answers")

    def end(self) -> int:
        raise UnavailableError("nobody answers")


def follower(
    logs: Sequence[Log], path: Path, *, watching: Sequence[Log] | None = None, stall: float = 5.0
) -> Projector:
    newest = max(parse_instant(log.recorded_at()) for log in watching or logs)
    return Projector(
        logs,
        watching or logs,
        path,
        genesis_leaves={log.origin: log.genesis_leaf for log in logs},
        strict_rows=False,
        now=lambda: newest + timedelta(seconds=90),
        stall_seconds=stall,
    )


def run_to_the_end(made: Projector) -> list[LogLag]:
    """All that it said until nothing waited."""
    told: list[LogLag] = []

    def note(lags: Sequence[LogLag]) -> None:
        told.extend(lags)
        if lags and not any(lag.lag_entries for lag in lags):
            made.stop()

    made.run(note)
    return told


def test_it_follows_growing_logs_and_goes_on_where_it_was(tmp_path: Path):
    first, second = Log("office", 0, 2), Log("office", 1, 2)
    here, there = (
        next(f"D{n}" for n in range(99) if log_number(f"dossier:D{n}", 2) == log) for log in (0, 1)
    )
    first.append(*handed_over(here))
    path = tmp_path / "read.sqlite"
    told = run_to_the_end(follower([first, second], path))
    assert {lag.origin: lag.end for lag in told[-2:]} == {"office/0": 7, "office/1": 1}
    first.append(imported(here, "hoa", 200))
    second.append(imported(there, "lan", 0))
    grown = follower([first, second], path)
    told = run_to_the_end(grown)
    assert [lag.position for lag in told[-2:]] == [8, 2]
    live, alone = ReadStore.open(path), ReadStore.open(tmp_path / "alone.sqlite")
    leaves = {log.origin: log.genesis_leaf for log in (first, second)}
    project([second, first], alone, genesis_leaves=leaves, strict_rows=False)
    assert digests(live) == digests(alone)
    assert [cursor.head for cursor in live.cursors()] == [first.head, second.head]
    live.close()
    alone.close()


def test_what_waits_is_counted_in_entries_and_in_seconds(tmp_path: Path):
    log = Log()
    log.append(*handed_over("A"))
    path = tmp_path / "read.sqlite"
    run_to_the_end(follower([log], path))
    log.append(imported("A", "hoa", 200))
    hung = Hung()
    hung.records = log.records
    # The folding thread stands before the log; whoever watches sees what waits.
    made = follower([hung], path, watching=[log])
    made._progress[log.origin] = projector._Progress(7, log.recorded_at())
    told: list[LogLag] = []

    def note(lags: Sequence[LogLag]) -> None:
        told.extend(lags)
        hung.answers.set()
        made.stop()

    made.run(note)
    assert told == [LogLag(log.origin, 7, 8, 1, 90.0)]


def test_an_entry_that_cannot_be_read_parks_its_stream_and_the_others_go_on(tmp_path: Path):
    log = Log()
    log.append(imported("A", "b", 0))
    log.append(act("teleported", "A", "b", 1))
    log.append(imported("A", "c", 2), imported("B", "c", 2))
    path = tmp_path / "read.sqlite"
    assert run_to_the_end(follower([log], path))[-1].position == 5
    store = ReadStore.open(path)
    assert store.parked_streams() == ["dossier:A"]
    assert store.rows("SELECT idx FROM timeline ORDER BY idx") == [(0,), (1,), (4,)]
    store.close()


def test_a_position_that_stands_still_while_the_log_grows_is_said(tmp_path: Path):
    log, hung = Log(), Hung()
    log.append(imported("A", "b", 0))
    hung.records = log.records
    with pytest.raises(StalledError) as caught:
        follower([hung], tmp_path / "read.sqlite", watching=[log], stall=0.2).run(lambda _: None)
    assert "reaches to 2, and the projections stand at 0" in str(caught.value)
    hung.answers.set()


def test_a_log_that_nobody_can_see_is_said(tmp_path: Path):
    with pytest.raises(UnavailableError) as caught:
        follower([Away()], tmp_path / "read.sqlite", stall=0.2).run(lambda _: None)
    assert "nobody knows how far the projections lag: nobody answers" in str(caught.value)


def test_a_log_that_answers_again_in_time_is_followed_on(tmp_path: Path):
    class Returning(Log):
        asked = 0

        def read(self, position: int, limit: int) -> Sequence[Record]:
            self.asked += 1
            if self.asked < 5:
                raise UnavailableError("the broker restarts")
            return super().read(position, limit)

    log = Returning()
    log.append(imported("A", "b", 0))
    assert run_to_the_end(follower([log], tmp_path / "read.sqlite"))[-1].position == 2


def test_a_broken_log_ends_it(tmp_path: Path):
    log = Log()
    for minute in range(4):
        log.append(imported("A", "b", minute))
    log.records[2] = log.records[2].replace(b'"work"', b'"w0rk"')
    with pytest.raises(FindingError) as caught:
        follower([log], tmp_path / "read.sqlite").run(lambda _: None)
    assert caught.value.finding.code == "log.overwritten"
