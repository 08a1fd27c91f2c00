"""Folding in a process of its own, while this one verifies: a rebuild uses two cores.

The batches go through a pipe, each as its length in four bytes and MessagePack, an empty one last.
The store that they are folded into is thrown away unless everything arrived.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, BinaryIO, Final, Self

import msgspec

from ledger.adapters.frames import read_frame, write_frame
from ledger.app.submission import UnavailableError
from ledger.core.findings import Finding, FindingError
from projections.queries.digest import PROJECTIONS, digests
from projections.runtime.batch import Batch
from projections.runtime.collection import rare_collection
from projections.runtime.folding import Folder
from projections.store.sqlite import ReadStore

ENTRIES_COMMITTED: Final = 20_000
"""Entries of one transaction: a dossier that moves several times among them is written once."""

FEW_ENTRIES_MAX: Final = 5_000
"""Fewer are folded here: starting a process takes longer."""

_DONE: Final = b"done"
_FOUND: Final = b"found"
_OWN_SHARE: Final = ("timeline",)
"""Half of the work of all digests."""

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
            self._process.wait()
            for pipe in _pipes(self._process):
                with suppress(BrokenPipeError):
                    pipe.close()

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
        self._write(self._process, b"")
        _, output = _pipes(self._process)
        answer = output.read(len(_DONE))
        if answer != _DONE:
            raise self._ended(self._process, answer)

    def digests(self, store: ReadStore) -> dict[str, str]:
        """The digests of `store`, opened after `finish`: the other process computes its share."""
        if self._process is None:
            return digests(store)
        found = digests(store, _OWN_SHARE)
        _, output = _pipes(self._process)
        answer = output.read()
        if self._process.wait():
            raise self._ended(self._process)
        found |= msgspec.json.decode(answer, type=dict[str, str])
        return {name: found[name] for name in PROJECTIONS}

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return subprocess.Popen(  # noqa: S603 - this very interpreter and module
            [sys.executable, "-m", __name__, str(self._path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def _write(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        pipe, _ = _pipes(process)
        try:
            write_frame(pipe, data)
        except BrokenPipeError as error:
            raise self._ended(process) from error

    def _ended(self, process: subprocess.Popen[bytes], answer: bytes = b"") -> Exception:
        """Why the process ended early: what it found, or what befell it."""
        answer += _pipes(process)[1].read()
        if answer.startswith(_FOUND):
            finding = msgspec.json.decode(answer.removeprefix(_FOUND), type=Finding)
            return FindingError(finding)
        return UnavailableError(
            f"the folding process ended with exit code {process.wait()}; why stands above",
            next_step="see to memory and disk space, then pal rebuild again",
        )


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
    assert process.stdout is not None  # noqa: S101 - the same
    return process.stdin, process.stdout


def fold_all(path: Path, batches: Iterable[Batch]) -> None:
    """Fold batches into the new store at `path` and put it on the disk, with its indexes."""
    store = ReadStore.open(path)
    store.unguarded()
    folder, waiting = Folder(store, live=False), 0
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


def main(path: Path, batches: BinaryIO, answers: BinaryIO) -> int:
    """Fold what comes, then compute a share of the digests; gives the exit code."""
    # The terminal interrupts both processes; this one ends with the other.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with rare_collection():
            fold_all(path, _batches(batches))
    except FindingError as error:
        answers.write(_FOUND + msgspec.json.encode(error.finding))
        return 1
    except EOFError:
        return 1
    answers.write(_DONE)
    answers.flush()
    with closing(ReadStore.open(path)) as folded:
        others = digests(folded, [name for name in PROJECTIONS if name not in _OWN_SHARE])
    answers.write(msgspec.json.encode(others))
    return 0


def _batches(pipe: BinaryIO) -> Iterator[Batch]:
    """What comes until an empty one; raises `EOFError` where the other process ended before."""
    while data := read_frame(pipe):
        yield _decoder.decode(data)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer))
