"""Processes that read parts of a log for the one verifier, each on a core of its own.

They are told where a part lies, or its bytes, and answer with segments and rests (see
`ledger.entry.segment`). A process that was ended by somebody, or finds no file, tells nothing: its
part is then judged record by record like every rest.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from ledger.adapters.pipe_process import PipeProcess, answer_requests
from ledger.adapters.sqlite_table import LogFileError, claimed_of, connect, iterate_rows
from ledger.adapters.tile_folder import TileFolder
from ledger.app.limits import READ_RECORDS_MAX
from ledger.app.ports import Record
from ledger.core.tiles import WIDTH_MAX
from ledger.entry.segment import Claimed, Part, Rest, SegmentReader
from ledger.entry.signatures import EnrolledKey
from ledger.entry.tile_check import BundleFacts, bundle_facts
from ledger.entry.verify import Verifier

PART_ENTRIES: Final = 64 * WIDTH_MAX
"""Entries of one request: less than a second's work, and whole bundles of a tile tree."""

FEW_ENTRIES_MAX: Final = 20_000
"""Fewer are verified here: starting processes takes longer."""

REQUESTS_AHEAD: Final = 2
"""For each process: one that it works on, and one that lies ready."""

PROCESSES_MAX: Final = 16
"""The one that compares the ends of what they read keeps up with no more."""


class Rows(msgspec.Struct, frozen=True, tag=True):
    """Rows of a SQLite log with an index from `position` up to `end`, not included."""

    path: str
    position: int
    end: int

    @property
    def count(self) -> int:
        """How many these are."""
        return self.end - self.position


class Values(msgspec.Struct, frozen=True, tag=True):
    """Records with what lies at positions from `position` on, one behind the other."""

    position: int
    values: Sequence[bytes | None]

    @property
    def count(self) -> int:
        """How many these are."""
        return len(self.values)


class Bundles(msgspec.Struct, frozen=True, tag=True):
    """Entries from `position` up to `end` of a tile tree of `size` in a folder; whole bundles.

    `has_entries` says whether they are those of a ledger, or leaves of any kind.
    """

    path: str
    size: int
    position: int
    end: int
    has_entries: bool

    @property
    def count(self) -> int:
        """How many these are."""
        return self.end - self.position


class Request(msgspec.Struct, frozen=True):
    """What to read, of which log, with which keys, and where segments have to end."""

    what: Rows | Values | Bundles
    origin: str
    keys: list[EnrolledKey]
    cuts: list[int]


class Read(msgspec.Struct, frozen=True):
    """The parts in their order, and of a tile tree the facts of each bundle."""

    parts: list[Part]
    facts: list[BundleFacts]


class Task(NamedTuple):
    """A request, and how to get at its records between two positions, where they are judged one by
    one."""

    request: Request
    records: Callable[[int, int], Iterable[Claimed]]


def processes() -> int:
    """How many processes pay: one for each core."""
    return min(os.cpu_count() or 1, PROCESSES_MAX)


class VerifyProcesses:
    """Some such processes; where none can be started, all is done here."""

    def __init__(self, count: int) -> None:
        self._processes: list[PipeProcess[Request, Read]] = []
        with suppress(OSError):
            for _ in range(count):
                self._processes.append(PipeProcess(__name__, Read))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.close()

    def read(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Read]]:
        """Each task with its answer, in order; tasks are taken a few ahead."""
        coming: deque[tuple[Task, Future[Read] | None]] = deque()
        rest = iter(tasks)
        ahead = REQUESTS_AHEAD * len(self._processes)
        asked = 0
        while True:
            for task in islice(rest, max(ahead, 1) - len(coming)):
                future = None
                if self._processes:
                    future = self._processes[asked % len(self._processes)].ask(task.request)
                    asked += 1
                coming.append((task, future))
            if not coming:
                return
            task, future = coming.popleft()
            yield task, self._answer(task.request, future)

    def _answer(self, request: Request, future: Future[Read] | None) -> Read:
        if future is not None:
            # A process that somebody ended: what it does can be done here.
            with suppress(OSError, EOFError, msgspec.MsgspecError):
                return future.result()
        return answer(request)


def verify_tasks(
    verifier: Verifier,
    tasks: Iterable[Task],
    count: int,
    *,
    on_progress: Callable[[int], None] | None = None,
    on_facts: Callable[[BundleFacts], None] | None = None,
) -> None:
    """Add what the tasks name to the verifier, read by `count` processes.

    `on_progress` gets the number of records so far."""
    done = 0
    with VerifyProcesses(count) as pool:
        for task, read in pool.read(tasks):
            for facts in read.facts:
                if on_facts is not None:
                    on_facts(facts)
            for part in read.parts:
                if isinstance(part, Rest) or not verifier.add_segment(part):
                    for record, stored in task.records(part.position, part.end):
                        verifier.add(record, stored)
            done += task.request.what.count
            if on_progress is not None:
                on_progress(done)


def answer(request: Request) -> Read:
    """Read what a request names."""
    reader = SegmentReader(request.origin, request.keys, request.cuts)
    what = request.what
    if isinstance(what, Values):
        reader.add(
            (Record(position, value), None)
            for position, value in enumerate(what.values, what.position)
        )
    elif isinstance(what, Bundles):
        return Read(*_read_bundles(what, reader))
    else:
        try:
            _read_rows(what, reader)
        except (sqlite3.Error, LogFileError):
            # Whoever reads them again finds what is wrong with the file.
            return Read([Rest(what.position, what.end)], [])
    return Read(reader.finish(), [])


def _read_rows(what: Rows, reader: SegmentReader) -> None:
    with closing(connect(Path(what.path))) as connection:
        rows = map(claimed_of, iterate_rows(connection, what.position, what.end))
        while some := list(islice(rows, READ_RECORDS_MAX)):
            reader.add(some)


def _read_bundles(what: Bundles, reader: SegmentReader) -> tuple[list[Part], list[BundleFacts]]:
    folder = TileFolder(Path(what.path))
    found = []
    for number in range(what.position // WIDTH_MAX, -(-what.end // WIDTH_MAX)):
        facts, entries = bundle_facts(folder.read, number, what.size)
        found.append(facts)
        if what.has_entries:
            first = number * WIDTH_MAX
            reader.add((Record(first + n, entry), None) for n, entry in enumerate(entries))
    return reader.finish(), found


def main() -> None:
    """Answer requests until the input ends."""
    answer_requests(msgspec.msgpack.Decoder(Request), answer)


if __name__ == "__main__":
    main()
