"""A real broker for the tests: PAL_KAFKA_BOOTSTRAP, or one that scripts/kafka starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / ".kafka" / "tests"


def start_broker() -> tuple[str, str, bool]:
    """(bootstrap, why there is none, whether to stop it afterwards)."""
    given = os.environ.get("PAL_KAFKA_BOOTSTRAP")
    if given:
        return given, "", False
    script = [sys.executable, str(REPOSITORY / "scripts" / "kafka")]
    running = subprocess.run(
        [*script, "status", "--folder", str(FOLDER)], capture_output=True, text=True, check=False
    )
    if running.returncode == 0:
        return running.stdout.strip(), "", False
    started = subprocess.run(
        [*script, "start", "--folder", str(FOLDER)], capture_output=True, text=True, check=False
    )
    if started.returncode == 0:
        return started.stdout.strip(), "", True
    return "", started.stderr.strip(), False


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """The address of a real broker; skipped, never passed, where there is none."""
    bootstrap, why, ours = start_broker()
    if not bootstrap:
        if os.environ.get("PAL_REQUIRE_KAFKA") == "1":
            pytest.fail(f"PAL_REQUIRE_KAFKA=1 and there is no broker: {why}")
        pytest.skip(why)
    yield bootstrap
    if ours:
        script = [sys.executable, str(REPOSITORY / "scripts" / "kafka")]
        subprocess.run([*script, "stop", "--folder", str(FOLDER)], check=False)
