"""`trust.toml`: origin and genesis leaf of each log that this home pins, and the highest head seen.

The file is small and meant to be read, printed and kept elsewhere as well: who can rewrite a log
and this file together can rewrite history, which is why the leaves are printed at creation. It says
how many `logs` the ledger has and holds one table `[[log]]` for each, by number; a file that holds
the keys of one table alone, as the first version wrote it, pins a ledger of one log.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ledger.core.chain import Head
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.entry.entry import EntryError, decode_entry

_HEX: Final = frozenset("0123456789abcdef")


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is pinned of one log. `seen_size` and `seen_leaf` are the highest head seen; 0 and ""
    for none."""

    origin: str
    genesis_leaf: str
    seen_size: int = 0
    seen_leaf: str = ""

    @property
    def seen(self) -> Head | None:
        """The highest head that this home has seen, if it noted one."""
        return Head(self.seen_size, self.seen_leaf) if self.seen_size else None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    logs: int
    log: tuple[Trust, ...]


def _problem(path: Path, message: str, next_step: str) -> FindingError:
    finding = Finding(
        code="trust.unreadable",
        verdict=Verdict.INDETERMINATE,
        message=f"{path}: {message}",
        next_step=next_step,
    )
    return FindingError(finding)


def load_trust(path: Path) -> tuple[Trust, ...]:
    """What `path` pins: every log of one ledger, by log number.

    Raises `FindingError` (`trust.unreadable`) where it pins nothing, or not all of a ledger:
    whoever reckons with too few logs would look for a stream in the wrong one.
    """
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
        file = (
            msgspec.convert(value, _File)
            if "log" in value
            else _File(1, (msgspec.convert(value, Trust),))
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _problem(path, str(error), "restore the file, or pin the log again") from error
    _check(path, file)
    return file.log


def _check(path: Path, file: _File) -> None:
    restore = "restore the file: it names every log of the ledger, in order"
    if not file.log or len(file.log) != file.logs:
        raise _problem(path, f"it pins {len(file.log)} of {file.logs} logs", restore)
    name = file.log[0].origin.rpartition("/")[0]
    for number, trust in enumerate(file.log):
        if trust.origin != f"{name}/{number}":
            message = f"{trust.origin} stands where log {number} of {name} belongs"
            raise _problem(path, message, restore)
        for key, text in (("genesis_leaf", trust.genesis_leaf), ("seen_leaf", trust.seen_leaf)):
            if (text or key == "genesis_leaf") and (len(text) != 64 or not set(text) <= _HEX):
                message = f"{key} {text!r} is no lower-case hex hash"
                raise _problem(path, message, "restore the file")


def write_trust(path: Path, logs: Sequence[Trust]) -> None:
    """Replace `path` as one step, synced: a reader sees the old file or the new one."""
    lines = [
        "# The logs that this home trusts. Keep a copy of each genesis leaf elsewhere.\n",
        f"logs = {len(logs)}\n",
    ]
    for trust in logs:
        lines.append("\n[[log]]\n")
        for name, value in msgspec.to_builtins(trust).items():
            text = str(value) if isinstance(value, int) else f'"{value}"'
            lines.append(f"{name} = {text}\n")
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Put names made or replaced in a folder on the disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def pin(path: Path, geneses: Sequence[bytes]) -> tuple[Trust, ...]:
    """Pin the logs of a ledger, given the genesis of each by log number, once.

    Raises `FindingError` where they are not those of one ledger, or another ledger is pinned.
    """
    logs = []
    for number, genesis in enumerate(geneses):
        try:
            entry = decode_entry(genesis)
        except EntryError as error:
            raise _problem(path, f"no genesis: {error}", "create the log again") from error
        place = [entry.action["data"].get(key) for key in ("log", "logs")]
        if place != [number, len(geneses)]:
            message = f"the genesis of log {place[0]} of {place[1]} is not that of log {number}"
            raise _problem(path, f"{message} of {len(geneses)}", "create the log again")
        logs.append(Trust(entry.seal.origin, entry.leaf))
    if path.exists():
        pinned = load_trust(path)
        if [(t.origin, t.genesis_leaf) for t in pinned] != [
            (t.origin, t.genesis_leaf) for t in logs
        ]:
            message = f"already pins {pinned[0].origin}"
            raise _problem(path, message, "use another home")
        return pinned
    write_trust(path, logs)
    return load_trust(path)


def note_seen(path: Path, heads: Mapping[str, Head]) -> tuple[Trust, ...]:
    """Remember heads (verified by the caller), by origin, where they are higher than before."""
    before = load_trust(path)
    after = tuple(
        msgspec.structs.replace(trust, seen_size=head.size, seen_leaf=head.leaf)
        if (head := heads.get(trust.origin)) is not None and head.size > trust.seen_size
        else trust
        for trust in before
    )
    if after != before:
        write_trust(path, after)
    return after
