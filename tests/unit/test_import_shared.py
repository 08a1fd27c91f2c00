"""An import shared by processes, over real embedded logs and a group whose assignments are given.

The group on a real broker is in tests/integration/test_import_kafka.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from consumers.bootstrap import OpenLedger, Settings, open_ledger, utc_now
from consumers.creation import create_ledger
from consumers.workers import import_run, import_shared
from consumers.workers.import_run import ImportRun, ImportSummary
from consumers.workers.import_shared import SharedImport
from consumers.workers.importer import ImportOptions, import_file, read_source
from ledger.app.ports import EntryLog
from ledger.app.submission import Submission, UnavailableError
from ledger.core.ids import log_number
from ledger.entry.entry import decode_entry

LOGS = 4
CASES = 40
HEADER = "case_id,activity,resource,timestamp\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "desk.csv"
    rows = [
        f"P-{n},{activity},o{n % 3},2026-03-0{day}T08:00:00+07:00\n"
        for n in range(CASES)
        for activity, day in (("Register", 2), ("Decide", 3))
    ]
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    settings = Settings(tmp_path / "home")
    create_ledger(settings, "audit", logs=LOGS).close()
    return settings


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_shared, "STILL_SECONDS", 0.6)
    monkeypatch.setattr(import_shared, "QUIET_SECONDS", 0.2)
    monkeypatch.setattr(import_shared, "POLL_SECONDS", 0.02)


class Share:
    """What the group gives this process: each joining takes the next of the assignments."""

    def __init__(self, opened: OpenLedger, *assignments: set[int]) -> None:
        self.opened = opened
        self.assignments = list(assignments)
        self.logs: Mapping[int, EntryLog] = {}
        self.problems: Mapping[int, Exception] = {}
        self.joined = 0

    async def join(self) -> Share:
        self.joined += 1
        owned = self.assignments.pop(0) if len(self.assignments) > 1 else self.assignments[0]
        self.logs = {number: self.opened.logs[number] for number in owned}
        return self

    async def stop(self) -> None:
        self.logs = {}


class LogThatIsTaken:
    """A log that another process owns from the next submission on."""

    def __init__(self, log: EntryLog, on_taken: Callable[[], None]) -> None:
        self._log = log
        self._on_taken = on_taken

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    def submit(self, submissions: list[Submission]) -> None:
        self._on_taken()
        raise UnavailableError("the log was closed")


def shared(file: Path, opened: OpenLedger) -> SharedImport:
    return SharedImport(
        file,
        read_source(file, ImportOptions()),
        LOGS,
        key=opened.keys.load_signing_key("source"),
        keys=opened.keys,
        now=utc_now,
        progress=lambda _done, _total: None,
    )


def run(file: Path, opened: OpenLedger, share: Share) -> ImportSummary:
    return shared(file, opened).run(share.join, lambda: opened.logs)


def events_of(*logs: int) -> int:
    return 2 * sum(log_number(f"dossier:P-{n}", LOGS) in logs for n in range(CASES))


def test_who_owns_every_log_records_all_and_joins_once(file: Path, home: Settings) -> None:
    with open_ledger(home) as opened:
        share = Share(opened, set(range(LOGS)))
        summary = run(file, opened, share)
        assert (summary.cases, summary.events) == (CASES, 2 * CASES)
        assert (summary.recorded, summary.known, share.joined) == (2 * CASES, 0, 1)


def test_what_another_process_records_is_waited_for(file: Path, home: Settings) -> None:
    with open_ledger(home) as opened, open_ledger(home) as elsewhere:

        def record_the_others() -> None:
            time.sleep(0.3)
            key = elsewhere.keys.load_signing_key("source")
            import_file(file, elsewhere.logs, key, elsewhere.keys, ImportOptions(), now=utc_now)

        other = threading.Thread(target=record_the_others)
        other.start()
        share = Share(opened, {0, 1})
        summary = run(file, opened, share)
        other.join()
        assert (summary.cases, summary.recorded) == (CASES, events_of(0, 1))
        assert (summary.known, share.joined) == (events_of(2, 3), 1)


def test_logs_of_a_process_that_died_are_taken_over(file: Path, home: Settings) -> None:
    with open_ledger(home) as opened:
        share = Share(opened, {0, 1}, {0, 1, 2, 3})
        summary = run(file, opened, share)
        assert (summary.recorded, summary.known, share.joined) == (2 * CASES, 0, 2)


def test_a_log_that_is_lost_on_the_way_and_given_back_loses_nothing(
    file: Path, home: Settings
) -> None:
    with open_ledger(home) as opened:
        share = Share(opened, {0, 1, 2, 3})
        join = share.join

        async def join_and_lose_one() -> Share:
            await join()
            if share.joined == 1:
                share.logs = {
                    **share.logs,
                    2: LogThatIsTaken(
                        opened.logs[2],
                        lambda: setattr(
                            share, "logs", {n: log for n, log in share.logs.items() if n != 2}
                        ),
                    ),
                }
            return share

        share.join = join_and_lose_one
        summary = run(file, opened, share)
        assert (summary.cases, summary.recorded, summary.known) == (CASES, 2 * CASES, 0)
        assert share.joined == 2


def test_a_log_that_fails_while_it_is_ours_is_an_error(file: Path, home: Settings) -> None:
    with open_ledger(home) as opened:
        share = Share(opened, {0, 1, 2, 3})
        join = share.join

        async def join_with_a_bad_one() -> Share:
            await join()
            share.logs = {**share.logs, 2: LogThatIsTaken(opened.logs[2], lambda: None)}
            return share

        share.join = join_with_a_bad_one
        with pytest.raises(UnavailableError, match="was closed"):
            run(file, opened, share)
        assert share.logs == {}


def test_others_that_own_logs_and_record_nothing_are_named(file: Path, home: Settings) -> None:
    with open_ledger(home) as opened:
        share = Share(opened, {0, 3})
        with pytest.raises(UnavailableError, match="own log 1, 2 and record nothing"):
            run(file, opened, share)
        assert share.joined == 2
        assert opened.logs[0].notification_count() == events_of(0)


def test_why_an_owned_log_does_not_open_is_said(file: Path, home: Settings) -> None:
    with open_ledger(home) as opened:
        share = Share(opened, {0, 1, 2})
        share.problems = {3: UnavailableError("log 3 is overwritten")}
        with pytest.raises(UnavailableError, match="overwritten"):
            run(file, opened, share)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_what_waits_for_all_logs_together_is_bounded(
    file: Path, home: Settings, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_run, "QUEUED_ACTIONS_MAX", 12)
    waiting: list[int] = []
    with open_ledger(home) as opened:
        path = file
        if ending == ".jsonl":
            key = opened.keys.load_signing_key("source")
            import_file(file, opened.logs, key, opened.keys, ImportOptions(), now=utc_now)
            records = (r for log in opened.logs for r in log.read(1, 1_000))
            path = file.with_suffix(ending)
            path.write_bytes(b"".join(decode_entry(r.data).action_bytes + b"\n" for r in records))
            other = Settings(file.parent / "other")
            create_ledger(other, "audit", logs=LOGS).close()
            home = other
    with open_ledger(home) as opened:
        source = read_source(path, ImportOptions())
        run = ImportRun(
            path,
            dict(enumerate(opened.logs)),
            LOGS,
            key=opened.keys.load_signing_key("source"),
            keys=opened.keys,
            now=utc_now,
            progress=lambda _done, _total: waiting.append(
                sum(part.queued[0] for part in run.parts.values())
            ),
            events=source.events,
        )
        source.feed(run)
        assert sum(part.recorded for part in run.parts.values()) == 2 * CASES
    assert 10 <= max(waiting) <= 13
