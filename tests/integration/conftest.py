"""A real broker for the tests: PAL_KAFKA_BOOTSTRAP, or one that scripts/kafka starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / ".kafka" / "tests"


def run_script(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "scripts" / "kafka"), *arguments]
    command += ["--folder", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def running_broker(folder: Path, *options: str) -> Iterator[str]:
    """The address of a broker in `folder`; skipped, never passed, where it cannot be started."""
    running = run_script("status", folder=folder)
    if running.returncode == 0:
        yield running.stdout.strip()
        return
    started = run_script("start", *options, folder=folder)
    if started.returncode != 0:
        why = started.stderr.strip()
        if os.environ.get("PAL_REQUIRE_KAFKA") == "1":
            pytest.fail(f"PAL_REQUIRE_KAFKA=1 and there is no broker: {why}")
        pytest.skip(why)
    try:
        yield started.stdout.strip()
    finally:
        run_script("stop", folder=folder)


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """The address of a real broker; skipped, never passed, where there is none."""
    given = os.environ.get("PAL_KAFKA_BOOTSTRAP")
    if given:
        yield given
        return
    with running_broker(FOLDER) as bootstrap:
        yield bootstrap
