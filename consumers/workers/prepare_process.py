"""Preparing cases in a process of its own, while this one records them: an import uses two cores.

The process is told the file and how to read it, and writes lists of cases, each as its length in
four bytes and MessagePack, an empty one last. It ends with its output, so also when its owner does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final

import msgspec

from consumers.workers.prepare import CasesFile, PreparedCase, prepare
from ledger.app.submission import UnavailableError
from projections.runtime.collection import rare_collection

MANY_EVENTS: Final = 20_000
"""Fewer are prepared here: starting a process takes longer."""

_SENT_EVENTS: Final = 500
"""Events of the cases that are handed over together."""
_LENGTH_BYTES: Final = 4

_encoder = msgspec.msgpack.Encoder()
_file_decoder = msgspec.msgpack.Decoder(CasesFile)
_cases_decoder = msgspec.msgpack.Decoder(list[PreparedCase])


@contextmanager
def prepared_cases(file: CasesFile) -> Iterator[Iterator[PreparedCase]]:
    """The cases of a file, made ready; its reading ends with the block.

    Going through them raises what reading the file raises.
    """
    if file.events < MANY_EVENTS:
        yield prepare(file)
        return
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(  # noqa: S603 - this very interpreter and module
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as process:
        try:
            yield _receive(process, file)
        finally:
            process.kill()


def _receive(process: subprocess.Popen[bytes], file: CasesFile) -> Iterator[PreparedCase]:
    assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
    with suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(_encoder.encode(file))
    while cases := _cases_decoder.decode(_read_message(process)):
        yield from cases


def _read_message(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
    header = process.stdout.read(_LENGTH_BYTES)
    length = int.from_bytes(header, "big")
    data = process.stdout.read(length)
    if len(header) < _LENGTH_BYTES or len(data) < length:
        raise UnavailableError(
            f"the process that reads the file ended with exit code {process.wait()}; "
            "why stands above",
            next_step="see to memory and to the file, then import again: what is recorded stays",
        )
    return data


def main(request: BinaryIO, answers: BinaryIO) -> None:
    """Prepare the cases of the file that is named, and hand them over."""
    # The terminal interrupts both processes; this one ends with the other.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    file = _file_decoder.decode(request.read())
    waiting: list[PreparedCase] = []
    events = 0
    with rare_collection():
        for case in prepare(file):
            waiting.append(case)
            events += case.events
            if events >= _SENT_EVENTS:
                _send(answers, waiting)
                waiting, events = [], 0
    if waiting:
        _send(answers, waiting)
    _send(answers, [])


def _send(pipe: BinaryIO, cases: list[PreparedCase]) -> None:
    data = _encoder.encode(cases)
    pipe.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
    pipe.flush()


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main(sys.stdin.buffer, sys.stdout.buffer)
