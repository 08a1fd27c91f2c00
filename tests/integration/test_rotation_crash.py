"""kill -9 at the writes of a rotation: the home signs with a key that counts in every log."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.bootstrap import Settings
from consumers.creation import create_ledger
from tests.integration.test_sealer_crash import needs_trace, run_driver


@needs_trace
@pytest.mark.parametrize(("role", "step"), [("ledger", 4), ("source", 9)])
def test_a_rotation_that_was_killed_is_ended_by_the_next(
    tmp_path: Path, role: str, step: int
) -> None:
    """Every few writes, which takes seconds; all of them: python -m with no step."""
    create_ledger(Settings(tmp_path / "home"), "office", logs=2).close()
    told = run_driver("rotation_killed", tmp_path / "home", role, step)
    kills = sum(told["kills"].values())
    assert kills > 100 // step
    assert 0 < told["kept_old"] < kills
