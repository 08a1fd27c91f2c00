"""JSON lines of actions: each line an action, or `{"action": …, "sigs": […]}` where it is signed.

The lines need not be canonical; what is signed and recorded is the canonical form of the action.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ledger.adapters.source_files import FileRefusedError, Together, read_lines
from ledger.core.canonical import CanonicalError, decode_canonical, encode_canonical
from ledger.domain.import_limits import LINE_BYTES_MAX
from ledger.entry.entry import Signature


class ActionLine(msgspec.Struct, frozen=True):
    """One action of the file: canonical bytes, the stream it names, its signatures.

    `sigs` is None for an action that came unsigned; signatures that are there but empty are not
    the same: somebody took them off.
    """

    line: int
    stream: str
    data: bytes
    sigs: tuple[Signature, ...] | None


def count_streams(path: Path) -> dict[str, int]:
    """Actions per stream, after reading the whole file; raises `FileRefusedError`."""
    together = Together(path)
    for action in read_actions(path):
        together.add(action.stream, len(action.data), action.line)
    return together.rows


def read_actions(path: Path) -> Iterator[ActionLine]:
    """The actions in order; raises `FileRefusedError` at the first line that is no object."""
    for number, line in read_lines(path, LINE_BYTES_MAX):
        if line.strip():
            yield _decode(path, number, line)


def _decode(path: Path, number: int, line: bytes) -> ActionLine:
    try:
        data = line.rstrip(b"\r\n")
        value: Any = _canonical_object(data)
        if value is None:
            value = msgspec.json.decode(line)
        elif "action" not in value:
            return ActionLine(number, str(value.get("stream", "")), data, None)
        sigs: tuple[Signature, ...] | None = None
        if isinstance(value, dict) and "action" in value:
            if not value.keys() <= {"action", "sigs"}:
                raise FileRefusedError(path, number, "beside `action` only `sigs` may stand")
            if "sigs" in value:
                sigs = msgspec.convert(value["sigs"], tuple[Signature, ...])
            value = value["action"]
        if not isinstance(value, dict):
            raise FileRefusedError(path, number, "a line must be a JSON object")
        return ActionLine(number, str(value.get("stream", "")), encode_canonical(value), sigs)
    except (msgspec.MsgspecError, UnicodeDecodeError, CanonicalError) as error:
        raise FileRefusedError(path, number, f"no action in JSON: {error}") from error


def _canonical_object(data: bytes) -> dict[str, Any] | None:
    """The object whose canonical bytes these are; None for all other bytes."""
    try:
        value = decode_canonical(data)
    except CanonicalError:
        return None
    return value if isinstance(value, dict) else None
