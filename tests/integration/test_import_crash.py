"""kill -9 in the middle of an import, then again: nothing lost, nothing twice, the chain passes."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.commands import command, pal
from tests.integration.conftest import REPOSITORY

DATA = Path(os.environ.get("PAL_TEST_DATA", REPOSITORY / "../shared/data")) / "logs"
LOG = DATA / "08_receipt.xes.gz"
EVENTS = 8_577

pytestmark = pytest.mark.skipif(not LOG.exists(), reason="the logs are not there: PAL_TEST_DATA")


def kill_while_importing(after_seconds: float, *where: str) -> None:
    process = subprocess.Popen(
        command("import", LOG, *where),
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(after_seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


def check_complete(*where: str) -> None:
    finished = pal("import", LOG, *where)
    assert finished.returncode == 0, finished.stderr
    again = pal("import", LOG, *where, "--format", "json")
    assert again.returncode == 0, again.stderr
    verified = pal("verify", *where)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    officers = pal("officers", *where, "--format", "jsonl")
    rows = [json.loads(line) for line in officers.stdout.splitlines()]
    assert sum(row["entries"] for row in rows) == EVENTS
    oracle = json.loads((DATA / "receipt.oracle.json").read_text())
    assert {row["officer"]: row["entries"] for row in rows} == oracle["resource_event_counts"]


def sizes_seen(home: Path, *where: str) -> int:
    status = pal("status", "--home", home, *where, "--format", "json")
    return int(json.loads(status.stdout)["size"]) if status.returncode == 0 else 0


def test_sqlite_survives_kill_9_during_an_import(tmp_path: Path) -> None:
    home = tmp_path / "home"
    where = ("--home", str(home))
    assert pal("log", "create", *where).returncode == 0
    sizes = []
    for after_seconds in (0.8, 1.0, 1.2, 1.4):
        kill_while_importing(after_seconds, *where)
        sizes.append(sizes_seen(home))
    assert sizes == sorted(sizes), "a recorded entry was lost"
    check_complete(*where)
    assert sizes_seen(home) == EVENTS + 1


@pytest.mark.kafka
def test_kafka_survives_kill_9_during_an_import(tmp_path: Path, kafka_bootstrap: str) -> None:
    home = tmp_path / "home"
    topic = f"crash-{secrets.token_hex(4)}"
    where = ("--home", str(home), "--log", f"kafka://{kafka_bootstrap}/{topic}")
    created = pal("log", "create", *where)
    assert created.returncode == 0, created.stderr
    for after_seconds in (1.2, 1.6, 2.2):
        kill_while_importing(after_seconds, *where)
    check_complete(*where)
