"""`pal project` against a real broker: killed while it folds, and a broker that hangs."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from consumers.bootstrap import Settings, utc_now
from consumers.creation import create_ledger
from consumers.workers.importer import ImportOptions, import_file
from projections.store.sqlite import ReadStore
from tests.integration.commands import command, pal
from tests.integration.conftest import REPOSITORY, run_script, running_broker

DOSSIERS, STEPS = 1_000, 6
ENTRIES = DOSSIERS * STEPS + 2

pytestmark = pytest.mark.kafka


def start_following(where: Sequence[str], *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("project", "--follow", "--format", "jsonl", *options, *where),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def recorded(home: Path, bootstrap: str, folder: Path) -> tuple[Settings, list[str]]:
    """A ledger in Kafka with `ENTRIES` entries: genesis, `writer_opened`, many dossiers."""
    settings = Settings(home, f"kafka://{bootstrap}/projector-{secrets.token_hex(4)}")
    lines = ["case_id,activity,time:timestamp,org:resource"]
    for step in range(STEPS):
        lines += [
            f"D{dossier},step {step},2026-03-0{step + 1}T08:00:00Z,officer{(dossier + step) % 9}"
            for dossier in range(DOSSIERS)
        ]
    file = folder / "events.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with create_ledger(settings, logs=1) as opened:
        key = opened.keys.load_signing_key("source")
        summary = import_file(file, opened.logs, key, opened.keys, ImportOptions(), now=utc_now)
        assert (summary.recorded, summary.problems) == (DOSSIERS * STEPS, ())
    return settings, ["--home", str(home), "--log", settings.log]


def size_of(settings: Settings) -> int:
    if not settings.read_path.exists():
        return 0
    with closing(ReadStore.open(settings.read_path)) as store:
        return store.head().size


def test_killed_while_folding_it_goes_on_and_folds_each_entry_once(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    settings, where = recorded(tmp_path / "home", kafka_bootstrap, tmp_path)
    seen = []
    for _ in range(2):
        before = size_of(settings)
        following = start_following(where)
        deadline = time.monotonic() + 30
        while size_of(settings) == before < ENTRIES and time.monotonic() < deadline:
            time.sleep(0.005)
        following.send_signal(signal.SIGKILL)
        following.communicate()
        seen.append(size_of(settings))
    assert seen == sorted(seen)
    assert 0 < seen[0] < ENTRIES, seen
    finished = pal("project", "--format", "json", *where)
    assert finished.returncode == 0, finished.stderr
    (row,) = json.loads(finished.stdout)["rows"]
    assert (row["lag_entries"], size_of(settings)) == (0, ENTRIES)
    # Replayed from zero, every count is the same: nothing was lost and nothing folded twice.
    rebuilt = pal("rebuild", "--format", "json", *where)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert json.loads(rebuilt.stdout)["compared"]


def test_a_broker_that_hangs_is_said_by_the_watchdog(tmp_path: Path) -> None:
    given = os.environ.get("PAL_KAFKA_BOOTSTRAP")
    if given:
        pytest.skip("the broker of PAL_KAFKA_BOOTSTRAP is not ours to stop")
    folder = tmp_path / "kafka"
    with running_broker(folder) as bootstrap:
        settings = Settings(tmp_path / "home", f"kafka://{bootstrap}/hangs")
        with create_ledger(settings, logs=2):
            pass
        broker = int(run_script("pid", folder=folder).stdout)
        where = ["--home", str(settings.home), "--log", settings.log]
        following = start_following(where, "--stall", "4")
        assert following.stdout is not None
        told = {json.loads(following.stdout.readline())["origin"] for _ in range(2)}
        assert {origin.rpartition("/")[2] for origin in told} == {"0", "1"}
        os.kill(broker, signal.SIGSTOP)
        try:
            _, said = following.communicate(timeout=60)
        finally:
            os.kill(broker, signal.SIGCONT)
            following.kill()
        assert following.returncode == 5, said
        assert "gave no answer for" in said
        # The broker is back: the same command goes on.
        again = pal("project", "--format", "json", *where)
        assert again.returncode == 0, again.stderr
        assert [row["lag_entries"] for row in json.loads(again.stdout)["rows"]] == [0, 0]
