"""Opening foreign files: plain or gzip, bounded, and the refusal of a file as a whole."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import BinaryIO, Final, cast

from ledger.app.submission import RefusedError

FILE_BYTES_MAX: Final = 8 * 2**30
"""Uncompressed bytes of one file: a compressed bomb ends here."""

CHUNK_BYTES: Final = 256 * 1024
"""Bytes read at a time."""


class FileRefusedError(RefusedError):
    """The file as a whole cannot be imported; nothing of it was recorded."""

    def __init__(self, path: Path, line: int, reason: str, next_step: str = "") -> None:
        super().__init__(
            "import.file_refused",
            f"{path.name}, line {line}: {reason}" if line else f"{path.name}: {reason}",
            next_step=next_step or "mend the file and import it again",
        )
        self.line = line


def open_source(path: Path) -> BinaryIO:
    """The bytes of a file, decompressed where its name ends in .gz; raises `FileRefusedError`."""
    try:
        if path.suffix == ".gz":
            return cast("BinaryIO", gzip.open(path, "rb"))
        return path.open("rb")
    except OSError as error:
        raise FileRefusedError(path, 0, str(error.strerror or error)) from error


def stem(path: Path) -> str:
    """The file's name without its endings."""
    return path.name.split(".")[0] or path.name
