"""A witness in a process of its own, as its operator runs it, and a log to ask it with."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

from consumers.witness_home import open_witness
from ledger.core.note import VerifierKey
from ledger.entry.witness_rules import Cosigned
from tests.integration.commands import command, pal
from tests.integration.kill_at_write import Point, start
from tests.unit.test_witness_rules import FIRST, LATER, ORIGIN

_SERVING = re.compile(r"http://127\.0\.0\.1:\d+")


class Served(NamedTuple):
    """A running witness; `url` is "" where it ended before it served."""

    process: subprocess.Popen[str]
    url: str

    def end(self) -> int:
        """Interrupt it; gives its exit code."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate()
        return self.process.returncode


def create(home: Path, name: str = "witness.example/w1") -> None:
    """Make a witness that knows the log of the unit tests, by both its keys."""
    keys = (FIRST.key.text(), LATER.key.text())
    made = pal("witness", "create", name, "--home", home, "--log", keys[0], "--log", keys[1])
    assert made.returncode == 0, made.stderr


def serve(
    home: Path,
    trace: Path | None = None,
    point: Point | None = None,
    path: str = "",
    port: int = 0,
) -> Served:
    """Serve it, on a free port by default; with a trace under strace, killed at `point`."""
    words = command("witness", "serve", "--home", home, "--port", port, "--lang", "en")
    if trace is None:
        process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    else:
        process = start(words, trace, point, path=path)
    assert process.stderr is not None
    for line in process.stderr:
        if found := _SERVING.search(line):
            return Served(process, found.group())
    return Served(process, "")


def kept(home: Path) -> tuple[list[Cosigned], tuple[VerifierKey, ...]]:
    """What it has cosigned of the log, and its public keys."""
    with open_witness(home) as opened:
        return opened.store.history(ORIGIN), opened.policy.cosigners
