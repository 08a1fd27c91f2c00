"""Running `pal` as a user does, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from tests.integration.conftest import REPOSITORY


def command(*arguments: object) -> list[str]:
    """The words that run `pal` with these arguments."""
    code = "from consumers.cli.main import main; main()"
    return [sys.executable, "-c", code, *map(str, arguments)]


def pal(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What `pal` answered."""
    return subprocess.run(
        command(*arguments), cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
