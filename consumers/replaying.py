"""Every dossier of every log folded anew, by as many processes as there are cores.

A log is one process's work from beginning to end: a dossier lies in one log, so what two logs say
never has to be put together but by dossier id. Each process reads its logs itself.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from heapq import merge
from itertools import islice
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final

import msgspec

from consumers.bootstrap import Settings, open_reader
from ledger.adapters.frames import read_frame, write_frame
from ledger.adapters.pipe_process import PipeProcess, answer_requests
from ledger.adapters.trust import Trust
from ledger.app.submission import UnavailableError
from ledger.core.chain import Head
from ledger.core.findings import Finding, FindingError, Verdict
from projections.queries.digest import RowHasher
from projections.runtime.comparing import first_different_dossier
from projections.runtime.folding import DossierRow
from projections.runtime.replaying import other_row
from projections.runtime.states import Extent, StateReplay
from projections.store.sqlite import ReadStore

PROCESSES_MAX: Final = 16
"""A broker sends to no more at the speed at which they fold."""

FEW_ENTRIES_MAX: Final = 5_000
"""Fewer are folded here: starting a process takes longer."""

ROWS_TOGETHER: Final = 500
"""Rows of dossiers written together: half a megabyte."""

ANSWER_ENTRIES: Final = 50_000
"""Entries between two answers: less than a second's work, so that progress is seen."""


class LogTask(msgspec.Struct, frozen=True):
    """One log to replay; `share` processes share the memory. At the end the rows of its dossiers
    lie in the new file at `path`, by id."""

    home: str
    log: str
    number: int
    trust: Trust
    extent: Extent
    path: str
    share: int


class Progress(msgspec.Struct, frozen=True):
    """How many entries were followed and folded so far; the first finding or failure, if any."""

    followed: int
    folded: int
    is_done: bool
    finding: Finding | None = None
    unavailable: tuple[str, str] | None = None


class States(msgspec.Struct, frozen=True):
    """What the dossiers come to: how many entries were folded, dossiers by state, the digest of
    them all as a recorded one says it, and how many rows of the read store were compared.

    `heads` says how much of each log was folded.
    """

    entries: int
    dossiers: int
    statuses: dict[str, int]
    digest: str
    compared: int
    findings: tuple[Finding, ...]
    heads: dict[str, Head]


def extents_of(trust: Sequence[Trust], live: ReadStore | None, until: str = "") -> list[Extent]:
    """How much of each log to replay: up to where the read store stands, or else to the head that
    `pal verify` passed last. Raises `FindingError` where that is not known, or lies before it.
    """
    cursors = {} if live is None else {cursor.origin: cursor.head for cursor in live.cursors()}
    extents = []
    for pinned in trust:
        if pinned.seen is None:
            raise _not_verified(pinned, "a head up to which the log was verified in full", "none")
        shown = cursors.get(pinned.origin, pinned.seen)
        if shown.size > pinned.seen.size:
            raise _not_verified(
                pinned, f"{shown.size} entries, as the read store", f"{pinned.seen.size} entries"
            )
        extents.append(Extent(pinned.seen, shown, until))
    return extents


def _not_verified(pinned: Trust, expected: str, actual: str) -> FindingError:
    return FindingError(
        Finding(
            code="log.not_checked_in_full",
            verdict=Verdict.INDETERMINATE,
            message="a replay takes no signature on trust: what it folds has to be verified once",
            origin=pinned.origin,
            expected=expected,
            actual=actual,
            next_step="pal verify, then the same command again",
        )
    )


def fold_states(
    settings: Settings,
    trust: Sequence[Trust],
    extents: Sequence[Extent],
    live: ReadStore | None,
    *,
    on_progress: Callable[[int], None] = lambda _: None,
    processes: int | None = None,
) -> States:
    """Fold every dossier again, in so many processes (default: one a core), and compare with what
    a read store shows at the same heads.

    Raises `FindingError` where a log does not lead to its head, `UnavailableError` where it cannot
    be read.
    """
    with tempfile.TemporaryDirectory(prefix="pal-states-") as folder, ExitStack() as opened:
        size = sum(extent.verified.size for extent in extents)
        if processes is None:
            processes = 0 if size <= FEW_ENTRIES_MAX else os.cpu_count() or 1
        count = min(processes, len(extents), PROCESSES_MAX)
        tasks = [
            LogTask(
                home=str(settings.home),
                log=settings.log,
                number=number,
                trust=pinned,
                extent=extent,
                path=str(Path(folder) / f"{number}.rows"),
                share=max(count, 1),
            )
            for number, (pinned, extent) in enumerate(zip(trust, extents, strict=True))
        ]
        entries = _run(tasks, count, _Total(on_progress))
        files = [opened.enter_context(Path(task.path).open("rb")) for task in tasks]
        summary = _Summary()
        rows = summary.through(merge(*map(_read_rows, files), key=itemgetter(0)))
        compared, difference = 0, None
        if live is not None:
            compared, difference = first_different_dossier(live, rows)
        # What lies behind the first difference counts too.
        deque(rows, maxlen=0)
        return States(
            entries=entries,
            dossiers=sum(summary.statuses.values()),
            statuses=dict(sorted(summary.statuses.items())),
            digest=summary.hasher.hex(),
            compared=compared,
            findings=() if difference is None else (other_row(difference, {}),),
            heads={
                pinned.origin: extent.shown for pinned, extent in zip(trust, extents, strict=True)
            },
        )


def _write_rows(path: Path, rows: Iterator[DossierRow]) -> None:
    """Rows of dossiers in MessagePack, some together, none last."""
    with path.open("wb") as file:
        while some := list(islice(rows, ROWS_TOGETHER)):
            write_frame(file, msgspec.msgpack.encode(some))
        write_frame(file, b"")


def _read_rows(file: BinaryIO) -> Iterator[DossierRow]:
    decoder = msgspec.msgpack.Decoder(list[DossierRow])
    while data := read_frame(file):
        yield from decoder.decode(data)


class _Summary:
    """Counts and hashes the rows of dossiers that pass through it."""

    def __init__(self) -> None:
        self.statuses = Counter[str]()
        self.hasher = RowHasher()

    def through(self, rows: Iterator[DossierRow]) -> Iterator[DossierRow]:
        """The same rows."""
        for row in rows:
            self.statuses[row[1]] += 1
            self.hasher.add_dossier(row)
            yield row


class _Total:
    """Adds up how far every log has come."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._lock = Lock()
        self._of: dict[int, int] = {}

    def note(self, number: int, progress: Progress) -> None:
        """One log has come so far; raises what befell it."""
        with self._lock:
            self._of[number] = progress.followed
            self._tell(sum(self._of.values()))
        if progress.finding is not None:
            raise FindingError(progress.finding)
        if progress.unavailable is not None:
            message, next_step = progress.unavailable
            raise UnavailableError(message, next_step=next_step)


def _run(tasks: Sequence[LogTask], count: int, total: _Total) -> int:
    """Every task, in `count` processes or here; how many entries were folded."""
    # The longest first: the last one to end decides.
    waiting = deque(sorted(tasks, key=lambda task: -task.extent.verified.size))

    def work(ask: Callable[[LogTask], Progress]) -> int:
        folded = 0
        while waiting:
            try:
                task = waiting.popleft()
            except IndexError:
                break  # another thread took it
            folded += _finish(task, ask, total).folded
        return folded

    if not count:
        return work(_Here().answer)
    processes = [PipeProcess[LogTask, Progress](__name__, Progress) for _ in range(count)]
    with ThreadPoolExecutor(count, "pal-states") as pool:
        try:
            working = [pool.submit(work, _asking(process)) for process in processes]
            done, _ = wait(working, return_when=FIRST_EXCEPTION)
            return sum(future.result() for future in done)
        finally:
            # Before the pool waits for its threads: where one log does not hold no other matters.
            for process in processes:
                process.close()


def _asking(process: PipeProcess[LogTask, Progress]) -> Callable[[LogTask], Progress]:
    return lambda task: process.ask(task).result()


def _finish(task: LogTask, ask: Callable[[LogTask], Progress], total: _Total) -> Progress:
    while True:
        try:
            progress = ask(task)
        except (OSError, EOFError) as error:
            raise UnavailableError(
                f"the process that replayed {task.trust.origin} ended early; why stands above",
                next_step="see to memory and disk space, then again",
            ) from error
        total.note(task.number, progress)
        if progress.is_done:
            return progress


class _Here:
    """Works on one log at a time, a stretch for each request."""

    def __init__(self) -> None:
        self._open: tuple[LogTask, StateReplay, ExitStack] | None = None

    def answer(self, task: LogTask) -> Progress:
        """Go on with the log of a task, or begin with it."""
        try:
            if self._open is None or self._open[0] != task:
                self._begin(task)
            return self._go_on()
        except FindingError as error:
            self.close()
            return Progress(0, 0, False, finding=error.finding)
        except UnavailableError as error:
            self.close()
            return Progress(0, 0, False, unavailable=(str(error), error.next_step))

    def _begin(self, task: LogTask) -> None:
        self.close()
        with ExitStack() as opened:
            settings = Settings(Path(task.home), task.log)
            reader = open_reader(settings, task.number, task.trust, alone=True)
            opened.enter_context(closing(reader))
            replay = opened.enter_context(
                closing(StateReplay(reader, task.extent, share=task.share))
            )
            self._open = task, replay, opened.pop_all()

    def _go_on(self) -> Progress:
        assert self._open is not None  # noqa: S101 - begun just before
        task, replay, _ = self._open
        enough = replay.followed + ANSWER_ENTRIES
        while not replay.is_done and replay.followed < enough:
            replay.step()
        if replay.is_done:
            _write_rows(Path(task.path), replay.rows())
            self.close()
        return Progress(replay.followed, replay.folded, replay.is_done)

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            _, _, opened = self._open
            self._open = None
            opened.close()


def main() -> None:
    """Answer requests until the input ends."""
    answer_requests(msgspec.msgpack.Decoder(LogTask), _Here().answer)


if __name__ == "__main__":
    main()
