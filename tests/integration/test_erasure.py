"""Erasing a subject's key: the person's data are gone everywhere, and every hash still holds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from consumers.cli.main import run

NAME = "Nguyễn Thị Thử Nghiệm"
XES = f"""<?xml version="1.0" encoding="UTF-8"?>
<log xmlns="http://www.xes-standard.org/"><string key="concept:name" value="desk"/>
<trace><string key="concept:name" value="P-1"/><event>
<string key="concept:name" value="Register"/><string key="org:resource" value="o1"/>
<date key="time:timestamp" value="2026-03-02T08:00:00+07:00"/>
<string key="who" value="{NAME}"/></event></trace></log>"""
MAPPING = """
personal = ["who"]
[activities.Register]
type = "dossier.submitted.v1"
fields = {applicant_name = "who"}
"""
READINGS = (
    ("dossier", "show", "P-1"),
    ("dossier", "events", "P-1"),
    ("events",),
    ("dossiers",),
    ("replay", "P-1"),
    ("officer", "report", "o1"),
    ("find", "Nguyen"),
)


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "log.xes").write_text(XES, encoding="utf-8")
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    home = tmp_path / "home"
    arguments = ["import", str(tmp_path / "log.xes"), "--mapping", str(tmp_path / "m.toml")]
    assert run([*arguments, "--home", str(home)]) == 0
    capsys.readouterr()
    return home


def read_all(home: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    shown = ""
    for command in READINGS:
        for form in ("table", "json", "jsonl", "csv"):
            run([*command, "--home", str(home), "--format", form, *more])
            captured = capsys.readouterr()
            shown += captured.out + captured.err
    return shown


def test_a_name_is_never_in_clear_and_gone_after_erasing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert NAME not in read_all(home, capsys)
    reveal = ["dossier", "events", "P-1", "--home", str(home), "--reveal", "--format", "json"]
    reveal += ["--purpose", "own_task", "--by", "lan"]
    assert run(reveal) == 0
    assert NAME in capsys.readouterr().out
    for path in home.rglob("*"):
        if path.is_file():
            assert NAME.encode() not in path.read_bytes(), path

    arguments = ["keys", "erase", "dossier:P-1", "--reason", "order 1", "--yes"]
    assert run([*arguments, "--home", str(home)]) == 0
    capsys.readouterr()
    assert NAME not in read_all(home, capsys)
    assert "erased" in read_all(home, capsys)
    run(reveal)
    assert NAME not in capsys.readouterr().out
    assert run(["verify", "--home", str(home)]) == 0
    assert "PASSED" in capsys.readouterr().out


def test_the_key_itself_is_gone_from_the_home(home: Path) -> None:
    keys = home / "keys" / "subjects.keys"
    (before,) = [keys.read_bytes()]
    assert any(before)
    arguments = ["keys", "erase", "dossier:P-1", "--reason", "order 1", "--yes"]
    assert run([*arguments, "--home", str(home)]) == 0
    for path in home.rglob("*"):
        if path.is_file():
            assert before not in path.read_bytes(), path
    with sqlite3.connect(home / "keys" / "subjects.sqlite") as register:
        assert register.execute("SELECT erased FROM subject").fetchall() == [(1,)]
