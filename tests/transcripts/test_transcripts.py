"""What the demo's commands print, word for word: the documentation quotes these files.

After a wanted change: PAL_WRITE_TRANSCRIPTS=1 scripts/test tests/transcripts, then read the diff.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import pytest

from consumers.cli.main import run

FOLDER: Final = Path(__file__).parent
SECONDS: Final = re.compile(r"\b\d+\.\d+ (s|giây)\b")

STEPS: Final = (
    ("demo", ["demo"], 0),
    ("verify", ["verify"], 0),
    ("verify_altered", ["verify", "--home", "pal-home/altered"], 1),
    ("before_altered", ["dossier", "show", "H26.31.0007", "--at-index", "28"], 0),
    ("dossier_show", ["dossier", "show", "H26.31.0007"], 0),
    ("dossier_show_vi", ["dossier", "show", "H26.31.0007", "--lang", "vi"], 0),
    ("dossiers_late", ["dossiers", "--late"], 0),
    ("duties", ["duties", "--duty", "L12"], 0),
    ("registry_officer", ["registry", "officer", "chair.quang", "--on", "2026-03-10"], 0),
    ("registry_procedure", ["registry", "procedure", "1.990001", "--on", "2026-03-10"], 0),
    ("officers", ["officers"], 0),
    ("officer_report", ["officer", "report", "land.nguyet", "--from", "2026-03"], 0),
    ("handovers", ["handovers", "--limit", "10"], 0),
    ("replay", ["replay", "H26.31.0007", "--limit", "8"], 0),
    ("not_found", ["dossier", "show", "H26.31.9999"], 4),
    ("usage", ["events", "actr:desk.lam"], 3),
)


def test_transcripts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PAL_HOME", "PAL_LOG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    different = []
    for name, words, wanted in STEPS:
        code = run(words)
        shown = capsys.readouterr()
        assert code == wanted, (words, shown.err)
        body = f"$ pal {' '.join(words)}\n{shown.out}{shown.err}exit code {code}\n"
        text = SECONDS.sub("N s", body)
        path = FOLDER / f"{name}.txt"
        if os.environ.get("PAL_WRITE_TRANSCRIPTS"):
            path.write_text(text, encoding="utf-8")
        elif path.read_text(encoding="utf-8") != text:
            different.append(name)
    assert different == []
