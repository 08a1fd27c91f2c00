"""`trust.toml`: the origin and genesis leaf that this home pins, and the highest head it has seen.

The file is small and meant to be read, printed and kept elsewhere as well: who can rewrite the log
and this file together can rewrite history, which is why the leaf is printed at creation.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from pathlib import Path

import msgspec

from ledger.core.chain import Head
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.entry.entry import EntryError, decode_entry


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is pinned. `seen_size` and `seen_leaf` are the highest head seen; 0 and "" for none."""

    origin: str
    genesis_leaf: str
    seen_size: int = 0
    seen_leaf: str = ""

    @property
    def seen(self) -> Head | None:
        """The highest head that this home has seen, if it noted one."""
        return Head(self.seen_size, self.seen_leaf) if self.seen_size else None


def _problem(path: Path, message: str, next_step: str) -> FindingError:
    finding = Finding(
        code="trust.unreadable",
        verdict=Verdict.INDETERMINATE,
        message=f"{path}: {message}",
        next_step=next_step,
    )
    return FindingError(finding)


def load_trust(path: Path) -> Trust:
    """What `path` pins; raises `FindingError` (`trust.unreadable`) where it pins nothing."""
    try:
        text = path.read_text(encoding="utf-8")
        trust = msgspec.convert(tomllib.loads(text), Trust)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _problem(path, str(error), "restore the file, or pin the log again") from error
    for name, value in (("genesis_leaf", trust.genesis_leaf), ("seen_leaf", trust.seen_leaf)):
        if (value or name == "genesis_leaf") and (
            len(value) != 64 or value.strip("0123456789abcdef")
        ):
            raise _problem(path, f"{name} {value!r} is no lower-case hex hash", "restore the file")
    return trust


def write_trust(path: Path, trust: Trust) -> None:
    """Replace `path` as one step, synced: a reader sees the old file or the new one."""
    lines = ["# The log that this home trusts. Keep a copy of the genesis leaf elsewhere.\n"]
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
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def pin(path: Path, genesis: bytes, genesis_leaf: str) -> Trust:
    """Pin the log that begins with `genesis`, once; raises `FindingError` where another is pinned.

    `genesis_leaf` is the leaf as the caller printed or was told it: it must be that of the bytes.
    """
    try:
        entry = decode_entry(genesis)
    except EntryError as error:
        raise _problem(path, f"no genesis: {error}", "create the log again") from error
    if entry.leaf != genesis_leaf:
        raise _problem(path, f"{genesis_leaf} is not the leaf of this genesis", "check the leaf")
    trust = Trust(entry.seal.origin, genesis_leaf)
    if path.exists():
        pinned = load_trust(path)
        if (pinned.origin, pinned.genesis_leaf) != (trust.origin, trust.genesis_leaf):
            raise _problem(path, f"already pins {pinned.origin}", "use another home")
        return pinned
    write_trust(path, trust)
    return trust


def note_seen(path: Path, head: Head) -> Trust:
    """Remember `head` (verified by the caller) if it is higher than what was seen before."""
    trust = load_trust(path)
    if head.size <= trust.seen_size:
        return trust
    trust = msgspec.structs.replace(trust, seen_size=head.size, seen_leaf=head.leaf)
    write_trust(path, trust)
    return trust
