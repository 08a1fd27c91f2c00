"""Preparing cases in a process of its own, while this one records them: an import uses two cores.

The process is told the file and how to read it, and writes lists of cases, each as its length in
four bytes and MessagePack, an empty one last. It ends with its output, so also when its owner does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final, TypeVar

import msgspec

from consumers.workers.prepare import CasesFile, PreparedCase
from consumers.workers.prepare_actions import ActionsFile, PreparedStream
from ledger.adapters.frames import read_frame, write_frame
from ledger.app.submission import UnavailableError
from projections.runtime.collection import rare_collection

MANY_EVENTS: Final = 20_000
"""Fewer are prepared here: starting a process takes longer."""

_SENT_EVENTS: Final = 500
"""Events of the cases that are handed over together."""

_encoder = msgspec.msgpack.Encoder()
_file_decoder: Final = msgspec.msgpack.Decoder(CasesFile | ActionsFile)
_cases_decoder: Final = msgspec.msgpack.Decoder(list[PreparedCase])
_streams_decoder: Final = msgspec.msgpack.Decoder(list[PreparedStream])

Prepared = TypeVar("Prepared", PreparedCase, PreparedStream)


@contextmanager
def prepared_cases(file: CasesFile) -> Iterator[Iterator[PreparedCase]]:
    """The cases of a file, made ready; its reading ends with the block.

    Going through them raises what reading the file raises.
    """
    if file.events < MANY_EVENTS:
        yield file.prepare()
        return
    with _reading_process() as process:
        yield _receive(process, file, _cases_decoder)


@contextmanager
def prepared_streams(file: ActionsFile) -> Iterator[Iterator[PreparedStream]]:
    """The streams of a file of actions, in the same way."""
    if file.events < MANY_EVENTS:
        yield file.prepare()
        return
    with _reading_process() as process:
        yield _receive(process, file, _streams_decoder)


@contextmanager
def _reading_process() -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(  # noqa: S603 - this very interpreter and module
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _receive(
    process: subprocess.Popen[bytes],
    file: CasesFile | ActionsFile,
    decoder: msgspec.msgpack.Decoder[list[Prepared]],
) -> Iterator[Prepared]:
    assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
    with suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(_encoder.encode(file))
    while found := decoder.decode(_read_message(process)):
        yield from found


def _read_message(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
    try:
        return read_frame(process.stdout)
    except EOFError as error:
        raise UnavailableError(
            f"the process that reads the file ended with exit code {process.wait()}; "
            "why stands above",
            next_step="see to memory and to the file, then import again: what is recorded stays",
        ) from error


def main(request: BinaryIO, answers: BinaryIO) -> None:
    """Prepare the cases or streams of the file that is named, and hand them over."""
    # The terminal interrupts both processes; this one ends with the other.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    file = _file_decoder.decode(request.read())
    waiting: list[PreparedCase | PreparedStream] = []
    events = 0
    with rare_collection():
        for case in file.prepare():
            waiting.append(case)
            events += case.events
            if events >= _SENT_EVENTS:
                _send(answers, waiting)
                waiting, events = [], 0
    if waiting:
        _send(answers, waiting)
    _send(answers, [])


def _send(pipe: BinaryIO, cases: Sequence[PreparedCase | PreparedStream]) -> None:
    write_frame(pipe, _encoder.encode(cases))


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main(sys.stdin.buffer, sys.stdout.buffer)
