"""Verify a log through its reader: any technology, strays and gaps as they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ledger.adapters import verify_process
from ledger.adapters.verify_process import Request, Task, Values, verify_tasks
from ledger.app.limits import READ_RECORDS_MAX
from ledger.app.ports import LogReader, Record
from ledger.entry.segment import TOGETHER_MAX, Claimed, begins_submission
from ledger.entry.verify import Verification, Verifier


def verify_log(
    reader: LogReader,
    verifier: Verifier,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Verification:
    """Add every record of the log to `verifier` and finish it; much is read by other processes.

    `on_progress` gets the number of records so far.
    """
    position = done = 0
    # One by one while there are few; the genesis among them names the keys.
    while done <= verify_process.FEW_ENTRIES_MAX and (
        records := reader.read(position, READ_RECORDS_MAX)
    ):
        for record in records:
            verifier.add(record)
        position = records[-1].position + 1
        done += len(records)
        if on_progress is not None:
            on_progress(done)
    count = verify_process.processes() if reader.read(position, 1) else 0

    def advance(more: int) -> None:
        if on_progress is not None:
            on_progress(done + more)

    verify_tasks(verifier, _tasks(reader, verifier, position), count, on_progress=advance)
    return verifier.finish()


def _tasks(reader: LogReader, verifier: Verifier, position: int) -> Iterator[Task]:
    """What lies from `position` on, in runs without a gap."""
    waiting: list[Record] = []
    while records := reader.read(position, READ_RECORDS_MAX):
        position = records[-1].position + 1
        for record in records:
            is_gap = bool(waiting) and record.position != waiting[-1].position + 1
            over = len(waiting) - verify_process.PART_ENTRIES
            is_full = over >= TOGETHER_MAX or (over >= 0 and begins_submission(record.data))
            if is_gap or is_full:
                yield _task(verifier, waiting)
                waiting = []
            waiting.append(record)
    if waiting:
        yield _task(verifier, waiting)


def _task(verifier: Verifier, records: Sequence[Record]) -> Task:
    first = records[0].position

    def claimed(position: int, end: int) -> Iterable[Claimed]:
        return ((record, None) for record in records[position - first : end - first])

    values = Values(first, [record.data for record in records])
    state = verifier.state
    request = Request(values, state.origin, list(state.keys), sorted(verifier.cuts))
    return Task(request, claimed)
