"""A home of its own for each test, copied from one that was made once, and what `verify` says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from consumers.cli.main import run


def copied(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, which nothing in the environment leads away from; English is spoken."""
    for name in ("PAL_HOME", "PAL_LOG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    return Path(shutil.copytree(home, tmp_path / "home"))


def verified(home: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, Any]:
    """The exit code of `pal verify`, and its answer."""
    capsys.readouterr()
    code = run(["verify", *options, "--home", str(home), "--format", "json"])
    return code, json.loads(capsys.readouterr().out)
