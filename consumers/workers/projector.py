"""The projector: keeps the read store at the end of every log, and says so when it does not.

Each log is read by offset, without a consumer group: how far the store has come stands in the
store, in the transaction that wrote the rows, so a projector that is killed goes on where it was,
with nothing lost and nothing twice. An entry that cannot be read parks its stream and the others go
on; a log that is broken stops everything, loudly.

A watchdog looks at the logs by connections of its own (KAFKA.md section 2, trap 8): where something
lies behind the position and the position does not move, or where nobody can tell, the projector
ends with an error instead of standing still unnoticed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from ledger.app.ports import LogReader
from ledger.app.submission import UnavailableError
from ledger.core.times import parse_instant
from projections.runtime.runner import LogProjector
from projections.store.sqlite import ReadStore

STALL_SECONDS: Final = 30.0
"""A position that stands still for so long while something lies behind it has stalled: longer than
a broker's restart or a moved leader takes, shorter than anybody waits for a figure."""

POLL_SECONDS: Final = 0.2
"""Between two looks at logs that had nothing new: what a figure lags behind at most, when idle."""

WATCH_SECONDS: Final = 0.5
"""Between two looks of the watchdog."""


class StalledError(UnavailableError):
    """The log has something to fold, and the projector does not fold it."""

    code = "projection.stalled"


class LogLag(msgspec.Struct, frozen=True):
    """How far the read store lies behind one log.

    `position` is what is read next, `end` the position behind the log's last record. `lag_entries`
    counts records, strays among them; `lag_seconds` is the age of the newest entry that was folded,
    0 where nothing waits.
    """

    origin: str
    position: int
    end: int
    lag_entries: int
    lag_seconds: float


class _Progress(msgspec.Struct, frozen=True):
    """What the folding thread says of one log: read next, and when the newest entry was sealed."""

    position: int = 0
    recorded_at: str = ""


class _Watched(msgspec.Struct):
    """What the watchdog remembers of one log: since when a position stands still, in seconds of the
    monotonic clock, and when the log last answered."""

    answered: float
    position: int = -1
    since: float = 0.0


class Projector:
    """Follows the logs of a ledger into one read store, until `stop` or an error.

    `readers` and `watching` are the same logs by connections apart. `run` blocks; it raises
    `FindingError` where a log is broken, `StalledError` or `UnavailableError` by the watchdog.
    """

    def __init__(
        self,
        readers: Sequence[LogReader],
        watching: Sequence[LogReader],
        path: Path,
        *,
        genesis_leaves: Mapping[str, str],
        strict_rows: bool,
        now: Callable[[], datetime],
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._readers = readers
        self._watching = watching
        self._path = path
        self._genesis_leaves = genesis_leaves
        self._strict_rows = strict_rows
        self._now = now
        self._stall_seconds = stall_seconds
        self._progress = {reader.origin: _Progress() for reader in readers}
        self._problem: UnavailableError | None = None
        self._failure: BaseException | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()

    def stop(self) -> None:
        """End `run` after the batch that is being folded; from any thread or signal handler."""
        self._stopping.set()

    def run(self, on_lag: Callable[[Sequence[LogLag]], None]) -> None:
        """Fold and watch; `on_lag` is told the lag of every log after each look."""
        # A daemon: where it hangs, the process must end all the same.
        folding = threading.Thread(target=self._fold_safely, name="pal-projector", daemon=True)
        folding.start()
        begun = time.monotonic()
        watched = {reader.origin: _Watched(begun) for reader in self._watching}
        while not self._ended.wait(WATCH_SECONDS) and not self._stopping.is_set():
            lags = [self._look(reader, watched[reader.origin]) for reader in self._watching]
            on_lag([lag for lag in lags if lag is not None])
        self._stopping.set()
        if not self._ended.wait(self._stall_seconds):
            raise StalledError("the batch that was being folded did not end")
        if self._failure is not None:
            raise self._failure

    def _look(self, reader: LogReader, watched: _Watched) -> LogLag | None:
        """The lag of one log, None where it does not answer; raises what the watchdog says."""
        progress = self._progress[reader.origin]
        position = progress.position
        try:
            end = reader.end()
            # What lies behind the last record may be no record: marks of foreign transactions.
            waits = end > position and bool(reader.read(position, 1))
        except UnavailableError as error:
            silent = time.monotonic() - watched.answered
            if silent < self._stall_seconds:
                return None
            raise UnavailableError(
                f"{reader.origin} gave no answer for {silent:.0f} s, so nobody knows how far the "
                f"projections lag: {error}",
                next_step=error.next_step,
            ) from error
        now = time.monotonic()
        watched.answered = now
        if not waits or position != watched.position:
            watched.position, watched.since = position, now
        elif now - watched.since > self._stall_seconds:
            raise self._stalled(reader.origin, position, end, now - watched.since)
        return self._lag(reader.origin, progress, end if waits else position)

    def _lag(self, origin: str, progress: _Progress, end: int) -> LogLag:
        behind = end - progress.position
        seconds = 0.0
        if behind and progress.recorded_at:
            seconds = (self._now() - parse_instant(progress.recorded_at)).total_seconds()
        return LogLag(origin, progress.position, end, behind, max(seconds, 0.0))

    def _stalled(self, origin: str, position: int, end: int, seconds: float) -> StalledError:
        why = f": {self._problem}" if self._problem is not None else ""
        return StalledError(
            f"{origin} reaches to {end}, and the projections stand at {position} "
            f"for {seconds:.0f} s{why}",
            next_step="pal status; then start it again: it goes on where it was",
        )

    def _fold_safely(self) -> None:
        try:
            self._fold()
        except BaseException as error:  # noqa: BLE001 - told by `run`, in the caller's thread
            self._failure = error
        finally:
            self._ended.set()

    def _fold(self) -> None:
        with closing(ReadStore.open(self._path)) as store:
            projectors: list[LogProjector] = []
            is_indexed = False
            while not self._stopping.is_set():
                try:
                    if len(projectors) < len(self._readers):
                        projectors.append(self._begin(self._readers[len(projectors)], store))
                        moved = True
                    else:
                        moved = sum(map(self._step, projectors)) > 0
                    self._problem = None
                except UnavailableError as error:
                    # A broker that restarts comes back; how long is the watchdog's to judge.
                    self._problem, moved = error, False
                if not moved:
                    if not is_indexed and self._problem is None:
                        store.make_indexes()
                        is_indexed = True
                    self._stopping.wait(POLL_SECONDS)

    def _begin(self, reader: LogReader, store: ReadStore) -> LogProjector:
        projector = LogProjector(
            reader,
            store,
            genesis_leaf=self._genesis_leaves.get(reader.origin),
            strict_rows=self._strict_rows,
            share=len(self._readers),
        )
        self._note(projector)
        return projector

    def _step(self, projector: LogProjector) -> bool:
        moved = projector.step()
        self._note(projector)
        return moved

    def _note(self, projector: LogProjector) -> None:
        origin = projector.reader.origin
        self._progress[origin] = _Progress(projector.position, projector.recorded_at)
