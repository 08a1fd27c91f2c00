"""The plan of a creation: the genesis of each log, on the disk before the first log is made.

A creation that was interrupted between two logs goes on from its plan, so that the logs made before
fit those made after: one name, one set of keys, one leaf each. What is pinned in the end is what
the plan says.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from ledger.adapters.trust import sync_folder


class CreationPlan:
    """An open plan, locked: at most one process creates the logs of a home at a time."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file

    def read(self) -> list[bytes]:
        """The geneses by log number; empty where there is no plan yet.

        A plan that is not whole was never acted upon: the first log is made after it is synced.
        """
        self._file.seek(0)
        try:
            texts = msgspec.json.decode(self._file.read(), type=list[str])
        except msgspec.DecodeError:
            return []
        return [text.encode() for text in texts]

    def write(self, geneses: Sequence[bytes]) -> None:
        """Set the plan, synced."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(msgspec.json.encode([genesis.decode() for genesis in geneses]))
        self._file.flush()
        os.fsync(self._file.fileno())
        sync_folder(self.path.parent)

    def finish(self) -> None:
        """Everything is made and pinned: the plan has done its work."""
        self._file.truncate(0)


@contextmanager
def open_plan(path: Path) -> Iterator[CreationPlan]:
    """The plan at `path`, waiting for another process that works on it; an empty one leaves no
    file behind."""
    with ExitStack() as stack:
        while True:
            file = stack.enter_context(path.open("a+b"))
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(path, file):
                break
            # Whoever held the lock has removed the file meanwhile.
            stack.close()
        try:
            yield CreationPlan(path, file)
        finally:
            if os.fstat(file.fileno()).st_size == 0:
                path.unlink(missing_ok=True)


def _is_at(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
