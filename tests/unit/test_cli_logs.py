"""The command line over several logs: one answer, and findings that name their log."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from consumers.cli.main import run

LOGS = 3
CASES = 12
EVENTS = 2 * CASES


def xes() -> str:
    event = (
        '<event><string key="concept:name" value="{name}"/>'
        '<string key="org:resource" value="o{n}"/>'
        '<date key="time:timestamp" value="2026-03-0{day}T08:00:00+07:00"/></event>'
    )
    traces = "".join(
        f'<trace><string key="concept:name" value="P-{n}"/>'
        + event.format(name="Register", n=n % 4, day=2)
        + event.format(name="Decide", n=(n + 1) % 4, day=3)
        + "</trace>"
        for n in range(CASES)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><log xmlns="http://www.xes-standard.org/">'
        f'<string key="concept:name" value="desk"/>{traces}</log>'
    )


def pal(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(arguments)
    return code, capsys.readouterr().out


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    (tmp_path / "log.xes").write_text(xes(), encoding="utf-8")
    made = str(tmp_path / "several")
    assert pal(capsys, "log", "create", "--name", "audit", "--logs", "3", "--home", made)[0] == 0
    code, shown = pal(capsys, "import", str(tmp_path / "log.xes"), "--home", made)
    assert code == 0
    assert f"cases {CASES}  events {EVENTS}" in shown
    assert f"new entries {EVENTS}  known before 0" in shown
    return made


def digests(capsys: pytest.CaptureFixture[str], home: str) -> dict[str, str]:
    code, shown = pal(capsys, "rebuild", "--home", home, "--format", "json")
    assert code == 0
    return json.loads(shown)["digests"]


def test_several_logs_give_the_figures_of_one(
    home: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = str(tmp_path / "one")
    assert pal(capsys, "import", str(tmp_path / "log.xes"), "--home", one)[0] == 0
    assert digests(capsys, home) == digests(capsys, one)
    for command in (("officers",), ("dossiers",), ("handovers",), ("dossier", "show", "P-7")):
        answers = [
            pal(capsys, *command, "--home", where, "--format", "csv") for where in (home, one)
        ]
        rows = [
            [line for line in shown.splitlines() if "index" not in line and "leaf" not in line]
            for _, shown in answers
        ]
        assert [code for code, _ in answers] == [0, 0]
        if command[0] != "dossier":
            assert rows[0] == rows[1]
    again = pal(capsys, "import", str(tmp_path / "log.xes"), "--home", home, "--format", "json")[1]
    assert (json.loads(again)["recorded"], json.loads(again)["known"]) == (0, EVENTS)


def test_every_log_is_verified_and_one_verdict_said(
    home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = pal(capsys, "verify", "--home", home)
    assert code == 0
    assert shown.startswith(f"✓ PASSED  {EVENTS + LOGS} entries in {LOGS} logs of audit\n")
    assert all(f"\n  log {number} " in shown for number in range(LOGS))
    code, shown = pal(capsys, "verify", "--home", home, "--format", "json")
    value = json.loads(shown)
    assert (value["verdict"], value["origin"]) == ("passed", "audit/0-2")
    assert [result["origin"] for result in value["results"]] == ["audit/0", "audit/1", "audit/2"]
    size, leaf = value["results"][2]["head"]
    assert pal(capsys, "verify", "--home", home, "--expect", f"2/{size}:{leaf}")[0] == 0
    code, shown = pal(capsys, "verify", "--home", home, "--expect", f"1/1:{leaf}")
    assert code == 1
    assert "log.overwritten  (log 1, index 0)" in shown
    for wrong in (f"{size}:{leaf}", f"3/{size}:{leaf}"):
        assert pal(capsys, "verify", "--home", home, "--expect", wrong)[0] == 3


def test_an_altered_entry_is_named_with_its_log(
    home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(Path(home) / "log-2.sqlite") as connection:
        ((data,),) = connection.execute("SELECT data FROM entry WHERE idx = 1").fetchall()
        data = data.replace(b"T01:", b"T02:")
        connection.execute("UPDATE entry SET data = ? WHERE idx = 1", (data,))
    code, shown = pal(capsys, "verify", "--home", home)
    assert code == 1
    assert "✗ FAILED  store.leaf_mismatch  (log 2, dossier P-" in shown
    assert "--at-index 2/0 --home" in shown
    assert "first bad index  2/1" in shown
    for read in Path(home).glob("read.sqlite*"):
        read.unlink()
    assert run(["status", "--home", home]) == 1
    assert "\n  log       audit/2\n" in capsys.readouterr().err
    code, shown = pal(capsys, "verify", "--home", home, "--format", "json")
    verdicts = [result["verdict"] for result in json.loads(shown)["results"]]
    assert verdicts == ["passed", "passed", "failed"]


def test_a_home_that_reckons_with_fewer_logs_does_not_pass(
    home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trust = Path(home) / "trust.toml"
    kept = trust.read_text().rpartition("\n[[log]]\n")[0]
    trust.write_text(kept)
    assert pal(capsys, "status", "--home", home)[0] == 2
    trust.write_text(kept.replace("logs = 3", "logs = 2"))
    code, shown = pal(capsys, "verify", "--home", home)
    assert code == 1
    assert "trust.logs_mismatch  (log 0, index 0)" in shown


def test_status_and_keys_name_each_log(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = pal(capsys, "status", "--home", home)
    assert code == 0
    assert "audit/0-2" in shown
    assert [line[:5] for line in shown.splitlines() if line.startswith("log ")][-3:] == [
        "log 0",
        "log 1",
        "log 2",
    ]
    code, shown = pal(capsys, "keys", "list", "--home", home, "--format", "json")
    assert sorted({row["log"] for row in json.loads(shown)["rows"]}) == [0, 1, 2]
