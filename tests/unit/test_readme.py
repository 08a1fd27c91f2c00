"""The README's first screen is what the commands really print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from consumers.cli.main import run

README = Path(__file__).parents[2] / "README.md"
FIRST_LINES = 30


def normal(line: str) -> str:
    return re.sub(r"[0-9]+\.[0-9] s$", "N s", line.strip())


def test_the_first_screen_shows_real_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.setenv(name, "C.UTF-8")
    monkeypatch.delenv("PAL_HOME", raising=False)
    assert run(["demo"]) == 0
    assert run(["verify", "--home", "pal-home/altered"]) == 1
    printed = {normal(line) for line in capsys.readouterr().out.splitlines()}
    shown = [
        line.strip()
        for line in README.read_text(encoding="utf-8").splitlines()[:FIRST_LINES]
        if line.startswith("    ") and not line.strip().startswith(("$", "scripts/"))
    ]
    assert len(shown) > 5
    assert not [line for line in shown if normal(line) not in printed]
