"""docs/reference/events.md and duties.md are what scripts/reference.py makes of the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ledger.domain.events import EVENT_TYPES

ROOT = Path(__file__).parents[2]


def test_the_references_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_type_has_its_entry() -> None:
    page = (ROOT / "docs" / "reference" / "events.md").read_text(encoding="utf-8")
    headings = [line.split("`")[1] for line in page.splitlines() if line.startswith("## ")]
    assert sorted(headings) == sorted(EVENT_TYPES)
