"""kill -9 of a process as it enters its n-th system call that writes, renames or sends.

strace kills it there, before the call does anything: what the calls before have done stays, which
is each state that a crash can leave behind (of the process; not of the machine, whose disk may
forget what was not synced). One run without a kill finds the calls; each is then a point of its
own.

strace counts per thread: where two threads write, the one that gets to its n-th call first is the
one that is killed there. A process should write in one thread, or its points be taken for each file
by itself (`path`).
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.conftest import REPOSITORY

CALLS = (
    *("write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "fsync", "fdatasync"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"),
    *("mkdir", "mkdirat", "sendto", "sendmsg"),
)
_LINE = re.compile(r"^(\d+) +(\w+)\(")


class Point(NamedTuple):
    """The n-th time, from 1, that a thread enters a system call of this name, on this file only
    where a path is named."""

    call: str
    at: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.call} {self.at} {Path(self.path).name}".rstrip()


def can_inject() -> bool:
    """Whether strace is here and may trace a process of ours."""
    if shutil.which("strace") is None:
        return False
    words = _strace(Path("/dev/null"), Point("write", 1), "")
    finished = subprocess.run([*words, "echo"], capture_output=True, check=False)
    return finished.returncode == -signal.SIGKILL


def _strace(trace: Path, point: Point | None, path: str) -> list[str]:
    # -D: the process under test is our child, not strace's, so that its exit code is ours to see.
    # Not --seccomp-bpf, which is faster: where a sandbox is around, it injects nothing.
    words = ["strace", "-D", "-f", "-q", "-e", f"trace={','.join(CALLS)}"]
    if point is not None:
        words += ["-e", f"inject={point.call}:signal=SIGKILL:when={point.at}"]
    if path:
        words += ["-P", path]
    return [*words, "-e", "signal=none", "-s", "0", "-o", str(trace)]


needs_strace = pytest.mark.skipif(
    not can_inject(), reason="needs strace (apt) and leave to trace a process (ptrace)"
)


def start(
    command: Sequence[str],
    trace: Path,
    point: Point | None,
    environment: Mapping[str, str] | None = None,
    path: str = "",
) -> subprocess.Popen[str]:
    """Start `command` from the repository's folder, to be killed at `point`; its output is piped.

    Its calls are written to `trace`, those on `path` only where one is named and no point is.
    `returncode` is -9 where the point was reached.
    """
    return subprocess.Popen(
        [*_strace(trace, point, point.path if point else path), *command],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def points_of(trace: Path, path: str = "") -> list[Point]:
    """Every point that the run with this trace passed, which was started with this path."""
    counted = Counter(
        match.groups() for line in trace.read_text().splitlines() if (match := _LINE.match(line))
    )
    most: dict[str, int] = {}
    for (_, call), count in counted.items():
        most[call] = max(most.get(call, 0), count)
    return [Point(call, at, path) for call in sorted(most) for at in range(1, most[call] + 1)]
