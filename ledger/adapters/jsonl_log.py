"""JSON lines of actions: each line an action, or `{"action": …, "sigs": […]}` where it is signed.

The lines need not be canonical; what is signed and recorded is the canonical form of the action.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from ledger.adapters.source_files import FileRefusedError, open_source
from ledger.core.canonical import CanonicalError, encode_canonical
from ledger.entry.entry import ENTRY_BYTES_MAX, Signature

LINE_BYTES_MAX: Final = 8 * ENTRY_BYTES_MAX
"""No action that fits an entry needs a longer line, however it is written."""


class ActionLine(msgspec.Struct, frozen=True):
    """One action of the file: canonical bytes, the stream it names, its signatures if any."""

    line: int
    stream: str
    data: bytes
    sigs: tuple[Signature, ...]


def read_actions(path: Path) -> Iterator[ActionLine]:
    """The actions in order; raises `FileRefusedError` at the first line that is no object."""
    with open_source(path) as file:
        number = 0
        while line := file.readline(LINE_BYTES_MAX + 1):
            number += 1
            if len(line) > LINE_BYTES_MAX:
                raise FileRefusedError(path, number, f"longer than {LINE_BYTES_MAX} bytes")
            if line.strip():
                yield _decode(path, number, line)


def _decode(path: Path, number: int, line: bytes) -> ActionLine:
    try:
        value: Any = msgspec.json.decode(line)
        sigs: tuple[Signature, ...] = ()
        if isinstance(value, dict) and "action" in value:
            sigs = msgspec.convert(value.get("sigs", ()), tuple[Signature, ...])
            value = value["action"]
        if not isinstance(value, dict):
            raise FileRefusedError(path, number, "a line must be a JSON object")
        return ActionLine(number, str(value.get("stream", "")), encode_canonical(value), sigs)
    except (msgspec.MsgspecError, UnicodeDecodeError, CanonicalError) as error:
        raise FileRefusedError(path, number, str(error)) from error
