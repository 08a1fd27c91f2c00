"""A file that is whole or not there, and never stands in another's place."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.adapters.trust import sync_folder


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Where to write, and sync, what is to be `path`; it is linked there at the end.

    Raises FileExistsError where something is there by then. What a crash leaves half made lies
    beside it under a hidden name.
    """
    unfinished = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        yield unfinished
        path.hardlink_to(unfinished)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)
