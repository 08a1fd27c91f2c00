"""Cases prepared by another process: the same as here, and an import that outlives its end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

import pytest

from consumers.bootstrap import OpenLedger, Settings, utc_now
from consumers.creation import create_ledger
from consumers.demo.office import demo_actions
from consumers.workers import prepare_process
from consumers.workers.importer import ImportOptions, ImportSummary, import_file
from consumers.workers.prepare import CasesFile
from consumers.workers.prepare_process import prepared_cases
from ledger.adapters import csv_log
from ledger.app.submission import UnavailableError
from ledger.core.action import encode_action
from ledger.domain.importing import ActivityMapping, Columns, ImportMapping
from ledger.entry.entry import decode_entry

CASES = 900


def write_log(path: Path) -> Path:
    """Cases of three events; every tenth has a bad time, every eleventh is out of order."""
    rows = ["case,activity,resource,time,amount,note"]
    for number in range(CASES):
        for step, activity in enumerate(("Register", "Approve", "Archive")):
            day = 3 - step if number % 11 == 0 else step + 1
            time = "soon" if number % 10 == 0 and step == 1 else f"2026-03-{day:02}T08:00:00+07:00"
            rows.append(f"c{number},{activity},o{number % 7},{time},{number},một")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_log(tmp_path / "small.csv")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Every file is read by a process; those that were started."""
    found: list[subprocess.Popen[bytes]] = []

    class Started(subprocess.Popen):
        def __init__(self, *arguments, **options) -> None:
            super().__init__(*arguments, **options)
            found.append(self)

    monkeypatch.setattr(prepare_process, "MANY_EVENTS", 0)
    monkeypatch.setattr(prepare_process.subprocess, "Popen", Started)
    yield found
    assert all(process.poll() is not None for process in found)


def run(ledger: OpenLedger, file: Path) -> ImportSummary:
    key = ledger.keys.load_signing_key("source")
    return import_file(file, ledger.logs, key, ledger.keys, ImportOptions(), now=utc_now)


def recorded(ledger: OpenLedger) -> list[bytes]:
    entries = (ledger.logs[0].stream_entries(f"dossier:c{number}") for number in range(CASES))
    return [decode_entry(data).action_bytes for stream in entries for data in stream]


def test_another_process_says_of_each_case_what_this_one_says(
    file: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    table = csv_log.summarise(file, Columns())
    # An answer to a supplement that nobody has asked for is impossible.
    mapping = ImportMapping(
        activities={"Archive": ActivityMapping("dossier.supplement_received.v1")}
    )
    source = CasesFile(str(file), "small", "p/", "UTC", mapping, table.events, table)
    here = list(source.prepare())
    with prepared_cases(source) as cases:
        assert list(cases) == here
    assert len(started) == 1
    assert len(here) == CASES
    assert {case.fault is None for case in here} == {True, False}
    assert {case.impossible is None for case in here} == {True, False}
    assert {case.disordered for case in here} >= {0, 2}


def test_an_import_records_the_same_whoever_reads_the_file(
    file: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]], monkeypatch
) -> None:
    with create_ledger(Settings(tmp_path / "one")) as ledger:
        there = run(ledger, file)
        there_recorded = recorded(ledger)
        again = run(ledger, file)
    assert len(started) == 2
    assert (again.recorded, again.known) == (0, there.recorded)
    monkeypatch.setattr(prepare_process, "MANY_EVENTS", 10_000)
    with create_ledger(Settings(tmp_path / "two")) as ledger:
        assert run(ledger, file) == there
        assert recorded(ledger) == there_recorded
    assert len(started) == 2
    assert there.refused_cases == CASES // 10


def test_a_process_that_is_killed_ends_the_import_and_the_next_one_goes_on(
    file: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    taken = 0

    def kill_soon(done: int, _total: int) -> None:
        nonlocal taken
        taken = done
        started[-1].kill()

    with create_ledger(Settings(tmp_path / "home")) as ledger:
        key = ledger.keys.load_signing_key("source")
        with pytest.raises(UnavailableError, match="ended with exit code -9"):
            import_file(
                file,
                ledger.logs,
                key,
                ledger.keys,
                ImportOptions(),
                now=utc_now,
                progress=kill_soon,
            )
        assert taken < 3 * CASES
        whole = run(ledger, file)
        assert whole.recorded + whole.known == 3 * (CASES - CASES // 10)
        assert len(recorded(ledger)) == 3 * (CASES - CASES // 10)


def write_actions(path: Path) -> Path:
    """The demo office, some of its streams with lines that nobody may record."""
    actions = sorted(demo_actions(0), key=attrgetter("stream"))
    lines = [encode_action(action) for action in actions]
    by_stream: dict[str, int] = {}
    for place, action in enumerate(actions):
        by_stream.setdefault(action.stream, place)
    places = [place for name, place in by_stream.items() if name.startswith("dossier:")]
    twin, unknown, late, first = places[:4]
    lines.append(lines[twin])  # a second time: known
    lines.append(lines[twin + 1].replace(b'"precision":"second"', b'"precision":"minute"'))
    lines[unknown] = lines[unknown].replace(b'"type":"dossier.', b'"type":"dossier.un')
    lines[late] = lines[late].replace(b'"at":"20', b'"at":"30', 1)
    del lines[first]  # what comes behind cannot begin a dossier
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_actions_are_recorded_the_same_whoever_reads_the_file(
    tmp_path: Path, started: list[subprocess.Popen[bytes]], monkeypatch
) -> None:
    file = write_actions(tmp_path / "office.jsonl")
    found = []
    for number, many in enumerate((0, 10_000)):
        monkeypatch.setattr(prepare_process, "MANY_EVENTS", many)
        with create_ledger(Settings(tmp_path / f"home{number}")) as ledger:
            summary = run(ledger, file)
            entries = [r.data for r in ledger.logs[0].read(0, 10_000) if r.data is not None]
            actions = [decode_entry(data).action_bytes for data in entries][1:]
            again = run(ledger, file)
            assert (again.recorded, again.known) == (0, summary.recorded + summary.known)
            found.append((summary, actions))
    assert len(started) == 2
    assert found[0] == found[1]
    summary = found[0][0]
    assert {problem.field for problem in summary.problems} >= {"type", "occurred_at.at", "id"}
    assert summary.refused_cases >= 4
