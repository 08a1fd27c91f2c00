"""The archive of an evidence bundle: a zip file with one form only (docs/formats/evidence.md).

Whoever reads it writes it again and compares, as with canonical JSON: that refuses everything by
which one zip file can mean two things to two readers (names twice, names that climb, sizes that
lie, bytes between the files), without a case for each. Files are stored, because what a deflater
writes depends on its version, and because what is not blown up is no bomb.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Final
from zlib import crc32

ARCHIVE_BYTES_MAX: Final = 2**30
"""Thirty thousand entries of the greatest length would not fit, of usual length ten times over."""

FILES_MAX: Final = 65_535
"""What the end record of a zip file can count without zip64."""

NAME_BYTES_MAX: Final = 200
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_LOCAL: Final = struct.Struct("<4sHHHHHLLLHH")
_CENTRAL: Final = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_END: Final = struct.Struct("<4sHHHHLLH")
_MADE_BY, _NEEDED, _DATE = 20, 10, 33


class ArchiveError(ValueError):
    """Bytes that are no archive in its one form, or files that have no place in one."""


def encode_archive(files: Mapping[str, bytes]) -> bytes:
    """The archive of files by name; raises `ArchiveError` for what it cannot hold."""
    if len(files) > FILES_MAX:
        msg = f"{len(files)} files: at most {FILES_MAX}"
        raise ArchiveError(msg)
    parts: list[bytes] = []
    central: list[bytes] = []
    at = 0
    for name, data in sorted(files.items()):
        if _NAME.fullmatch(name) is None or len(name) > NAME_BYTES_MAX:
            msg = f"{name[:80]!r} is no name of a file in a bundle"
            raise ArchiveError(msg)
        sizes = (crc32(data), len(data), len(data), len(name), 0)
        raw = name.encode("ascii")
        local = _LOCAL.pack(b"PK\3\4", _NEEDED, 0, 0, 0, _DATE, *sizes)
        parts += (local, raw, data)
        made = (b"PK\1\2", _MADE_BY, _NEEDED, 0, 0, 0, _DATE, *sizes, 0, 0, 0, 0, at)
        central += (_CENTRAL.pack(*made), raw)
        at += len(local) + len(raw) + len(data)
        _check_length(at)
    directory = b"".join(central)
    _check_length(at + len(directory) + _END.size)
    end = _END.pack(b"PK\5\6", 0, 0, len(files), len(files), len(directory), at, 0)
    return b"".join((*parts, directory, end))


def _check_length(length: int) -> None:
    if length > ARCHIVE_BYTES_MAX:
        msg = f"more than {ARCHIVE_BYTES_MAX} bytes"
        raise ArchiveError(msg)


def decode_archive(data: bytes) -> dict[str, bytes]:
    """The files by name; raises `ArchiveError` unless `data` is exactly what `encode_archive` makes
    of them."""
    _check_length(len(data))
    files: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\3\4":
        begin = at + _LOCAL.size
        if begin > len(data):
            msg = f"the archive is cut off in the header at byte {at}"
            raise ArchiveError(msg)
        *_, size, _, name_length, _ = _LOCAL.unpack_from(data, at)
        at = begin + name_length + size
        if at > len(data):
            msg = f"a file that begins at byte {begin} ends {at - len(data)} bytes behind the end"
            raise ArchiveError(msg)
        name = data[begin : begin + name_length].decode("ascii", "replace")
        if name in files:
            msg = f"{name[:80]!r} stands there twice"
            raise ArchiveError(msg)
        files[name] = data[begin + name_length : at]
    again = encode_archive(files)
    if again != data:
        where = _first_difference(again, data)
        msg = f"not the one form of an archive of these {len(files)} files, from byte {where} on"
        raise ArchiveError(msg)
    return files


def _first_difference(left: bytes, right: bytes) -> int:
    """Where two texts that differ begin to: halving, because both may be long."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[:middle] == right[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
