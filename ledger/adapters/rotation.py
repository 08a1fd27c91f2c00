"""A rotation that goes on: which key follows which, and where the logs know of it by now.

It is on the disk before anything is recorded, so that whoever runs the command again goes on with
the same new key. The logs of a home may be those of several ledgers, which share its keys; each is
called by the name of its trust file.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ledger.adapters.keys import KeyStoreError, create_private_file
from ledger.adapters.trust import sync_folder


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ids of both keys; whether the old one is revoked then, and why; the ledgers that have
    enrolled the new one in each of their logs, and those that have revoked the old one."""

    old: str
    new: str
    revoke: bool
    reason: str
    enrolled: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()


class RotationFile:
    """The file of the rotation of the key `name` in a folder of keys; whole or not there."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.rotation"

    def read(self) -> Rotation | None:
        """The rotation that was begun; None where none is. Raises `KeyStoreError`."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Rotation)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            msg = f"{self.path}: {error}"
            raise KeyStoreError(msg, next_step="restore the folder from its backup") from error

    def write(self, rotation: Rotation) -> None:
        """Replace what is there, synced."""
        temporary = self.path.with_name(f".{self.path.name}-{secrets.token_hex(8)}")
        create_private_file(temporary, msgspec.json.encode(rotation) + b"\n")
        temporary.replace(self.path)
        sync_folder(self.path.parent)

    def finish(self) -> None:
        """Everything is done: there is no rotation any more."""
        self.path.unlink(missing_ok=True)
        sync_folder(self.path.parent)


@contextmanager
def locked_keys(folder: Path) -> Iterator[None]:
    """Let one process at a time replace or revoke keys of a folder.

    Raises `KeyStoreError` where another one is at it: run after it, this one would begin anew.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        msg = f"there are no keys in {folder}"
        raise KeyStoreError(msg, next_step="restore the folder from its backup") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        msg = f"another process replaces or revokes a key of {folder}"
        raise KeyStoreError(msg, next_step="wait until it has ended, then pal keys list") from error
    finally:
        os.close(descriptor)
