"""Opening foreign files: plain or gzip, bounded, and the refusal of a file as a whole."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from ledger.app.submission import RefusedError
from ledger.domain.import_limits import (
    APART_CHARACTERS_MAX,
    ATTRIBUTE_CHARACTERS_MAX,
    ATTRIBUTE_OVERHEAD,
    EVENT_CHARACTERS_MAX,
    FILE_BYTES_MAX,
)
from ledger.domain.importing import Attribute, Fault

CHUNK_BYTES: Final = 256 * 1024
"""Bytes read at a time."""


class FileRefusedError(RefusedError):
    """The file as a whole cannot be imported; where it never changes, nothing was recorded."""

    def __init__(self, path: Path, line: int, reason: str, next_step: str = "") -> None:
        super().__init__(
            "import.file_refused",
            f"{path.name}, line {line}: {reason}" if line else f"{path.name}: {reason}",
            next_step=next_step or "mend the file and import it again",
        )
        self.line = line


@contextmanager
def open_source(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed where its name ends in .gz.

    What goes wrong while it is open, a cut or false gzip stream included, is a `FileRefusedError`.
    """
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path, "rb") as file:
                yield cast("BinaryIO", file)
        else:
            with path.open("rb") as plain:
                yield plain
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileRefusedError(path, 0, f"cannot be decompressed: {error}") from error
    except OSError as error:
        raise FileRefusedError(path, 0, f"cannot be read: {error.strerror or error}") from error


def read_lines(path: Path, line_bytes_max: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers from 1; raises `FileRefusedError`."""
    total = number = 0
    with open_source(path) as file:
        while line := file.readline(line_bytes_max + 1):
            number += 1
            total += len(line)
            if len(line) > line_bytes_max:
                raise FileRefusedError(path, number, f"longer than {line_bytes_max} bytes")
            if total > FILE_BYTES_MAX:
                raise FileRefusedError(path, number, f"more than {FILE_BYTES_MAX} bytes")
            yield number, line


def weight_of(attributes: Iterable[Attribute]) -> int:
    """What attributes count towards the limits of a case: characters, and some for each."""
    return sum(len(name) + len(text) + ATTRIBUTE_OVERHEAD for name, _, text in attributes)


def fault_of(attributes: Sequence[Attribute]) -> Fault | None:
    """What makes the attributes of one event, or of a case, too long for an entry."""
    total = sum([len(name) + len(text) for name, _, text in attributes])
    if total <= ATTRIBUTE_CHARACTERS_MAX:
        return None
    for name, _, text in attributes:
        longest = max(len(name), len(text))
        if longest > ATTRIBUTE_CHARACTERS_MAX:
            return Fault(name[:80], f"{longest} characters, at most {ATTRIBUTE_CHARACTERS_MAX}")
    if total > EVENT_CHARACTERS_MAX:
        return Fault("attributes", f"{total} characters together, at most {EVENT_CHARACTERS_MAX}")
    return None


class Together:
    """Counts the rows of each name, and what of them must wait in memory for its last row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = ""
        self._weights: dict[str, int] = {}
        self._apart: set[str] = set()
        self._waiting = 0
        self.rows: dict[str, int] = {}

    def add(self, name: str, weight: int, line: int) -> None:
        """Count a row; raises `FileRefusedError` where too much would have to wait."""
        if name in self.rows and name != self._last and name not in self._apart:
            self._apart.add(name)
            self._waiting += self._weights[name]
        self.rows[name] = self.rows.get(name, 0) + 1
        self._weights[name] = self._weights.get(name, 0) + weight
        if name in self._apart:
            self._waiting += weight
            if self._waiting > APART_CHARACTERS_MAX:
                reason = f"rows that belong together lie apart ({APART_CHARACTERS_MAX} characters)"
                raise FileRefusedError(self._path, line, reason, "sort the file by case or stream")
        self._last = name


def stem(path: Path) -> str:
    """The file's name without its endings."""
    return path.name.split(".")[0] or path.name
