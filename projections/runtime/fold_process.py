"""Folding in a process of its own, while this one verifies: a rebuild uses two cores.

The batches go through a pipe, each as its length in four bytes and MessagePack. The store that they
are folded into is thrown away unless everything arrived.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Self

import msgspec

from ledger.app.submission import UnavailableError
from projections.runtime.batch import Batch
from projections.runtime.collection import rare_collection
from projections.runtime.folding import Folder
from projections.store.sqlite import ReadStore

ENTRIES_COMMITTED: Final = 20_000
"""Entries of one transaction: a dossier that moves several times among them is written once."""

FEW_ENTRIES_MAX: Final = 5_000
"""Fewer are folded here: starting a process takes longer."""

_LENGTH_BYTES: Final = 4
_DONE: Final = b"done"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)


class FoldProcess:
    """Folds batches into the new store at a path; once there are many, in a process of its own.

    Leave it by `finish`: without that nothing is worth keeping.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._few: list[Batch] = []
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.communicate()

    def send(self, batch: Batch) -> None:
        """Hand over a batch; waits while the process is busy. Raises `UnavailableError`."""
        if self._process is None:
            self._few.append(batch)
            if sum(len(few.entries) for few in self._few) < FEW_ENTRIES_MAX:
                return
            self._process = self._start()
            waiting, self._few = self._few, []
        else:
            waiting = [batch]
        for item in waiting:
            self._write(self._process, _encoder.encode(item))

    def finish(self) -> None:
        """Wait until everything is folded, indexed and on the disk. Raises `UnavailableError`."""
        if self._process is None:
            fold_all(self._path, self._few)
            return
        answer, _ = self._process.communicate()
        if answer != _DONE or self._process.returncode:
            raise self._ended(self._process)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return subprocess.Popen(  # noqa: S603 - this very interpreter and module
            [sys.executable, "-m", __name__, str(self._path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def _write(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        pipe = process.stdin
        assert pipe is not None  # noqa: S101 - opened as a pipe
        try:
            pipe.write(len(data).to_bytes(_LENGTH_BYTES, "big"))
            pipe.write(data)
        except BrokenPipeError as error:
            raise self._ended(process) from error

    def _ended(self, process: subprocess.Popen[bytes]) -> UnavailableError:
        return UnavailableError(
            f"the folding process ended with exit code {process.wait()}; why stands above",
            next_step="see to memory and disk space, then pal rebuild again",
        )


def fold_all(path: Path, batches: Iterable[Batch]) -> None:
    """Fold batches into the new store at `path` and put it on the disk, with its indexes."""
    store = ReadStore.open(path)
    store.unguarded()
    folder, waiting = Folder(store), 0
    for batch in batches:
        folder.add(batch)
        waiting += len(batch.entries)
        if waiting >= ENTRIES_COMMITTED:
            folder.commit()
            waiting = 0
    folder.commit()
    store.make_indexes()
    store.guarded()
    store.close()


def _batches(pipe: BinaryIO) -> Iterator[Batch]:
    while length := pipe.read(_LENGTH_BYTES):
        yield _decoder.decode(pipe.read(int.from_bytes(length, "big")))


if __name__ == "__main__":
    with rare_collection():
        fold_all(Path(sys.argv[1]), _batches(sys.stdin.buffer))
    sys.stdout.buffer.write(_DONE)
