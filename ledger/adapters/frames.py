"""Messages in a pipe or a file, one behind the other: the length in four bytes, then the bytes."""

from __future__ import annotations

from typing import IO, Final

_LENGTH_BYTES: Final = 4


def write_frame(file: IO[bytes], data: bytes) -> None:
    """Write one message."""
    file.write(len(data).to_bytes(_LENGTH_BYTES, "big"))
    file.write(data)
    file.flush()


def read_frame(file: IO[bytes]) -> bytes:
    """The next message; raises `EOFError` where it ends before the message is whole."""
    header = file.read(_LENGTH_BYTES)
    length = int.from_bytes(header, "big")
    data = file.read(length) if len(header) == _LENGTH_BYTES else b""
    if len(header) < _LENGTH_BYTES or len(data) < length:
        msg = "a message ends before it is whole: whoever wrote it has ended"
        raise EOFError(msg)
    return data
