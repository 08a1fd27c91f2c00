"""A Python process that answers requests, for what takes a core of its own.

Requests and answers go through pipes, each as its length in four bytes and MessagePack. The process
ends with its standard input, so also when its owner is killed.
"""

from __future__ import annotations

import fcntl
import gc
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Final, Generic, TypeVar

import msgspec

from ledger.adapters.frames import read_frame, write_frame

_SET_PIPE_SIZE: Final = 1031
_PIPE_BYTES: Final = 2**20
_STOP_SECONDS: Final = 2.0
_COLLECTION_THRESHOLD: Final = 200_000

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class PipeProcess(Generic[Asked, Answer]):
    """A process that runs `module`, whose main calls `answer_requests`.

    Requests are answered in their order; any number may be under way.
    """

    def __init__(self, module: str, answer: type[Answer]) -> None:
        self._decoder = msgspec.msgpack.Decoder(answer)
        # -P: a folder named ledger in the working directory is not what is meant.
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter and this module
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        # Two threads: while one waits for an answer the next request lies ready for the process.
        self._writing = ThreadPoolExecutor(1, "pal-pipe-process")
        self._reading = ThreadPoolExecutor(1, "pal-pipe-process")
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                fcntl.fcntl(_there(pipe), _SET_PIPE_SIZE, _PIPE_BYTES)

    def ask(self, request: Asked) -> Future[Answer]:
        """The answer to a request; raises `OSError` or `EOFError` where the process has ended."""
        self._writing.submit(_send, _there(self._process.stdin), request)
        return self._reading.submit(self._receive)

    def _receive(self) -> Answer:
        return self._decoder.decode(read_frame(_there(self._process.stdout)))

    def close(self) -> None:
        """End it; what is under way is not waited for. Safe to call again."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        self._writing.shutdown(cancel_futures=True)
        self._reading.shutdown(cancel_futures=True)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                _there(pipe).close()


def _there(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        msg = "the process has no pipes"
        raise OSError(msg)
    return pipe


def _send(pipe: IO[bytes], value: object) -> None:
    write_frame(pipe, msgspec.msgpack.encode(value))


def answer_requests(
    decoder: msgspec.msgpack.Decoder[Asked], answer: Callable[[Asked], object]
) -> None:
    """Answer requests on standard input until it ends."""
    # Decoding makes no reference cycles, but so many objects that Python would look for some all
    # the time: a fifth of the whole work.
    gc.set_threshold(_COLLECTION_THRESHOLD)
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            _send(sys.stdout.buffer, answer(decoder.decode(read_frame(sys.stdin.buffer))))
