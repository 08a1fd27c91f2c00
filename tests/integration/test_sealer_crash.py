"""kill -9 of the sealer at every write of a round, with a witness that remembers everything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from consumers.witness_home import open_witness
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.core.note import parse_note
from tests.integration.conftest import REPOSITORY
from tests.integration.kill_in_child import can_trace
from tests.integration.sealing import add_witness, opened


@pytest.mark.skipif(not can_trace(), reason="a parent may not trace its child here (ptrace)")
def test_killed_at_any_write_it_never_signs_two_histories(tmp_path: Path) -> None:
    """Each round is killed one call later than the one before, until a round is not killed.

    After each kill the next sealer must publish a tree that verifies, with its quorum; and whatever
    was signed or cosigned, by anybody's memory, must be a prefix of the one history.
    """
    settings = opened(tmp_path / "home")
    served = add_witness(settings, tmp_path / "witness")
    try:
        finished = subprocess.run(
            [sys.executable, "-m", "tests.integration.seal_killed", settings.home],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        served.end()
    assert finished.returncode == 0, finished.stderr[-4_000:]
    told = json.loads(finished.stdout)
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
