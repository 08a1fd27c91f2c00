"""kill -9 of the sealer at every write of a round, with a witness that remembers everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from consumers.bootstrap import Settings
from consumers.creation import create_ledger
from consumers.witness_home import open_witness
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.core.note import parse_note
from tests.integration.conftest import REPOSITORY
from tests.integration.sealing import add_witness, opened

CHECK = [sys.executable, "-m", "tests.integration.kill_in_child"]
needs_trace = pytest.mark.skipif(
    os.environ.get("PAL_REQUIRE_TOOLS") != "1"
    and subprocess.run(CHECK, cwd=REPOSITORY, capture_output=True, check=False).returncode != 0,
    reason="a parent may not trace its child here (ptrace)",
)


def run_driver(name: str, *arguments: object) -> dict[str, Any]:
    """Run a driver of kills in a process of its own, which has no threads; gives what it tells."""
    finished = subprocess.run(
        [sys.executable, "-m", f"tests.integration.{name}", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-4_000:]
    told: dict[str, Any] = json.loads(finished.stdout)
    return told


@needs_trace
def test_opening_that_was_killed_is_ended_by_the_next(tmp_path: Path) -> None:
    """Every sixth write, which takes seconds; all of them: python -m with no step."""
    create_ledger(Settings(tmp_path / "home"), "office").close()
    kills = run_driver("opening_killed", tmp_path / "home", 6)
    assert sum(kills.values()) > 30


@needs_trace
def test_killed_at_any_write_it_never_signs_two_histories(tmp_path: Path) -> None:
    """Each round is killed one call later than the one before, until a round is not killed.

    After each kill the next sealer must publish a tree that verifies, with its quorum; and whatever
    was signed or cosigned, by anybody's memory, must be a prefix of the one history.
    """
    settings = opened(tmp_path / "home")
    served = add_witness(settings, tmp_path / "witness")
    try:
        told = run_driver("seal_killed", settings.home)
    finally:
        served.end()
    calls = told["kills"]
    for call in ("write", "pwrite64", "fsync", "rename", "unlink"):
        assert calls[call] > 1, calls
    with (
        open_witness(tmp_path / "witness") as witness,
        CheckpointStore.open(settings.sealer_path) as store,
    ):
        for origin in told["signed"]:
            signed = {parse_note(kept.note).text for kept in store.checkpoints(origin)}
            cosigned = [kept.note.text for kept in witness.store.history(origin)]
            assert len(cosigned) > 1
            assert set(cosigned) <= signed
