"""Catching up with logs: verify, fold, write rows and cursor in one transaction, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ledger.app.ports import LogReader
from ledger.core.chain import StreamHead
from ledger.core.findings import FindingError
from projections.runtime.folding import Folder, OvertakenError
from projections.runtime.verifying import LogVerifier
from projections.store.sqlite import ReadStore


def project(
    readers: Sequence[LogReader],
    store: ReadStore,
    *,
    genesis_leaves: Mapping[str, str],
    strict_rows: bool,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Fold what the logs have beyond the store's cursors; gives how many entries were folded.

    `genesis_leaves` pins the genesis of each origin; one that is left out is not compared.
    `strict_rows` says that every record must count (an embedded log); otherwise a record that does
    not count is a stray, reported and never folded. `on_progress` is told the size of all logs
    together as far as they are folded. Raises `FindingError`, with everything before the bad record
    committed. Where another process folds into the same store, each batch is still written once:
    whoever comes second goes on from there.

    The logs are read one after another, and in which order changes nothing: streams never span
    logs, and what crosses streams is only ever added up.
    """
    sizes = {cursor.origin: cursor.head.size for cursor in store.cursors()}
    begun = sum(sizes.values())
    try:
        for reader in readers:
            projector = LogProjector(
                reader,
                store,
                genesis_leaf=genesis_leaves.get(reader.origin),
                strict_rows=strict_rows,
                share=len(readers),
            )
            while projector.step():
                sizes[reader.origin] = projector.size
                if on_progress is not None:
                    on_progress(sum(sizes.values()))
            sizes[reader.origin] = projector.size
    except FindingError:
        # What lies before the break is looked at next.
        store.make_indexes()
        raise
    store.make_indexes()
    return sum(sizes.values()) - begun


class _StoredHeads:
    """Stream heads as the store has them: written with each batch, so nothing more is to keep."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    def stream_head(self, stream: str) -> StreamHead:
        """Where the stream stands."""
        return self._store.stream_head(stream)

    def keep(self, heads: Mapping[str, StreamHead]) -> None:
        """They are in the store already, or will be before anyone asks."""


class LogProjector:
    """One log on its way into the store, batch by batch. `size` is that of the log as folded.

    `share` is the number of logs that share the memory set aside for folds and stream heads. Makes
    no indexes: whoever has caught up calls `ReadStore.make_indexes`.
    """

    def __init__(
        self,
        reader: LogReader,
        store: ReadStore,
        *,
        genesis_leaf: str | None,
        strict_rows: bool,
        share: int = 1,
    ) -> None:
        self.reader = reader
        self._store = store
        self._genesis_leaf = genesis_leaf
        self._strict_rows = strict_rows
        self._share = share
        self._begin()

    def _begin(self) -> None:
        """Stand where the store stands in this log."""
        self._folder = Folder(self._store, live=True, share=self._share)
        self._verifier = LogVerifier(
            self.reader,
            self._store,
            _StoredHeads(self._store),
            genesis_leaf=self._genesis_leaf,
            strict_rows=self._strict_rows,
            share=self._share,
        )
        self._note_written()

    def _note_written(self) -> None:
        self._written = self._verifier.cursor
        self.position = self._verifier.position
        """The position of the log to read next."""
        self._is_behind = False

    @property
    def size(self) -> int:
        """How many entries of the log are folded and committed."""
        return 0 if self._written is None else self._written.head.size

    @property
    def recorded_at(self) -> str:
        """When the newest entry that was folded was recorded; "" before the first."""
        return "" if self._written is None else self._written.recorded_at

    def step(self) -> bool:
        """Fold and commit the next batch; False where there is nothing to read.

        After an error it may be called again: it then goes on from what the store has.
        """
        if self._is_behind:
            self._begin()
        batch = self._verifier.step()
        if batch is None:
            return False
        self._is_behind = True
        try:
            self._folder.write(batch)
        except OvertakenError:
            return True
        self._note_written()
        if self._verifier.error is not None:
            raise self._verifier.error
        return True
