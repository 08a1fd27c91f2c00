"""The drill: every case is seen by whom the threat model names, and a silent one is a defect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from io import StringIO
from pathlib import Path

import pytest

from consumers.bootstrap import Settings
from consumers.cli.drill import exit_code, show_outcomes
from consumers.cli.main import run
from consumers.demo.run import run_demo
from consumers.drill import log_attacks, scene
from consumers.drill.broker_attacks import BROKER_CASES
from consumers.drill.case import Attacker, Case, DrillError, Outcome, Status
from consumers.drill.clone_cases import CLONE_CASES, CloneStage
from consumers.drill.program import NAMES, play_all
from consumers.drill.run import play
from consumers.drill.scene import clone
from consumers.drill.words import WORDS
from ledger.adapters import kafka_writer
from tests.sealed_ledger import several_logs_home

DOCS = Path(__file__).parents[2] / "docs"
CASES = (*CLONE_CASES, *BROKER_CASES)
SKIPPED = {"truncate-topic", "recreate-topic"}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """The whole drill on a demo office, topics on the simulator."""
    with pytest.MonkeyPatch.context() as patch:
        # For so long a writer waits whether what it read before comes back; here it does not.
        patch.setattr(kafka_writer, "PROGRESS_SECONDS", 0.5)
        return {outcome.case: outcome for outcome in play_all(tmp_path_factory.mktemp("drill"))}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("office") / "home"
    run_demo(home, StringIO())
    return home


@pytest.fixture(scope="module")
def stage(office: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloneStage]:
    folder = tmp_path_factory.mktemp("stage")
    with clone(Settings(office), folder / "clone") as cloned:
        yield CloneStage(cloned, folder)


def test_the_whole_table(outcomes: dict[str, Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    show_outcomes(list(outcomes.values()), "en")
    table = capsys.readouterr().out
    with capsys.disabled():
        print(f"\n{table}")
    assert tuple(outcomes) == NAMES
    assert "0 defects" in table
    assert all(name in table for name in NAMES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_who_must_tell_does(outcomes: dict[str, Outcome], case: Case) -> None:
    outcome = outcomes[case.name]
    if case.name in SKIPPED:
        assert (outcome.status, outcome.detections) == (Status.SKIPPED, ())
        assert outcome.reason
        return
    assert outcome.status is Status.DETECTED, outcome.reason
    assert exit_code([outcome]) == 0
    told = {detection.detector: detection.codes for detection in outcome.detections}
    assert outcome.expected
    assert all(code in told[name] for name, code in outcome.expected.items())


def test_an_attack_that_nobody_sees_is_a_defect(
    stage: CloneStage, capsys: pytest.CaptureFixture[str]
) -> None:
    title = ("nothing is done", "không làm gì")
    expected = {"verifier": "entry.malformed"}
    outcome = play(stage, Case("quiet", title, Attacker.DISK, lambda _scene: None, expected))
    assert (outcome.status, outcome.reason) == (Status.UNDETECTED, "verifier entry.malformed")
    assert exit_code([outcome]) == 1
    show_outcomes([outcome], "en")
    assert "✗ NOTHING DETECTS IT" in capsys.readouterr().out


def test_seen_by_others_than_the_threat_model_names_is_a_defect(stage: CloneStage) -> None:
    title = ("the end cut off", "cắt phần cuối")
    expected = {"verifier": "log.truncated", "memory": "log.truncated"}
    # The log alone does not show that its end is gone.
    case = Case("cut", title, Attacker.OPERATOR, log_attacks.cut_tail, expected)
    outcome = play(stage, case)
    assert (outcome.status, outcome.reason) == (Status.MISSED, "verifier log.truncated")


def files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path), sha256(path.read_bytes()).hexdigest()


def test_the_original_is_only_read(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = dict(files(office))
    words = ["drill", "--home", str(office), "--case", "cut-tail", "--case", "edit-projection"]
    assert run([*words, "--case", "backdate-signed", "--format", "jsonl"]) == 0
    assert dict(files(office)) == before
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["case"]: row["status"] for row in rows} == {
        "backdate-signed": "skipped",
        "cut-tail": "detected",
        "edit-projection": "detected",
    }


def test_of_several_logs_the_longest_is_attacked_and_of_a_long_one_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "ENTRIES_MAX", 3 * 90)
    several_logs_home(tmp_path / "home", 3)
    names = {"drop-stream": Status.DETECTED, "stale-projection": Status.DETECTED}
    with clone(Settings(tmp_path / "home"), tmp_path / "clone") as cloned:
        assert cloned.known.head.size == len(cloned.entries()) == 90
        older = cloned.older.log_path_of(cloned.number)
        assert len(scene.read_entries(older)) == 60
        several = CloneStage(cloned, tmp_path)
        cases = [case for case in CLONE_CASES if case.name in names]
        assert {case.name: play(several, case).status for case in cases} == names


def test_a_log_that_is_not_sound_is_not_drilled(office: Path, tmp_path: Path) -> None:
    altered = clone(Settings(office / "altered"), tmp_path / "clone")
    with pytest.raises(DrillError, match="does not verify"), altered:
        pytest.fail("it was drilled")


def test_a_case_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "--case", "cut-tails"]) == 3
    assert "cut-tail" in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_a_reason_to_skip(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["drill", "--case", "zombie-writer", "--log", "kafka://127.0.0.1:1/any"]
    assert run([*words, "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["status"], row["stage"], row["finding"]) == ("skipped", "kafka", "")
    assert "127.0.0.1:1" in row["reason"]


def test_the_docs_explain_every_case_and_no_other() -> None:
    drill = (DOCS / "drill.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### `([a-z-]+)`", drill, re.MULTILINE)) == sorted(NAMES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_threat_model_names_who_must_tell(case: Case) -> None:
    model = (DOCS / "threat-model.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| \[`{case.name}`\].*$", model, re.MULTILINE)
    for name, code in case.expected.items():
        assert f"{WORDS[name][0]} [`{code}`](findings/{code}.md)" in row
    assert case.expected
