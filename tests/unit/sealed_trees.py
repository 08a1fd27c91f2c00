"""Trees to seal in tests: made-up entries behind the sealer's own port, and a clock that ticks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from consumers.workers.tree_sealer import TreeSealer
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.adapters.keys import KeyStore
from ledger.adapters.tile_folder import TileFolder
from ledger.app.sealing import Counted, TreeState
from ledger.core.merkle import leaf_hash

ORIGIN = "office/0"


def entry(index: int) -> bytes:
    return b"entry %d" % index


class Clock:
    """Ten seconds later each time it is asked."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 2, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=10)
        return self.moment


class Entries:
    """A log of `size` made-up entries, which may grow."""

    def __init__(self, size: int = 0) -> None:
        self.size = size

    def follow(self, state: TreeState) -> Follower:
        return Follower(self, state.position)


class Follower:
    def __init__(self, log: Entries, position: int) -> None:
        self.position = position
        self._log = log

    def check_last(self) -> None:
        assert self._log.size >= self.position

    def entries(self, limit: int) -> Iterator[Counted]:
        end = min(self._log.size, self.position + limit)
        while self.position < end:
            data = entry(self.position)
            self.position += 1
            yield Counted(self.position - 1, data, leaf_hash(data))


def made_sealer(home: Path, log: Entries, *, create: bool = True) -> TreeSealer:
    """A sealer of one tree below `home`; its store is made with it."""
    home.mkdir(exist_ok=True)
    path = home / "sealer.sqlite"
    store = CheckpointStore.create(path, [TreeState(ORIGIN)]) if create else None
    return TreeSealer(
        store or CheckpointStore.open(path),
        TileFolder(home / "tiles"),
        ORIGIN,
        KeyStore(home / "keys").ensure_note_key("note-0", ORIGIN),
        log.follow,
        Clock(),
    )
