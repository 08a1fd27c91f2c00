"""An import that several processes share: each records the cases of the logs that it owns.

Who owns which log is settled by the writers' group. A process goes over the file for the logs that
it owns now, and again for those it is given later; the import is idempotent, so a log that changes
hands on the way loses nothing. It leaves the group when its logs are done, and ends when the whole
file is recorded, whoever did it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from consumers.workers.import_run import (
    ImportRun,
    ImportSummary,
    LogImport,
    Progress,
    Source,
    summarise,
)
from consumers.workers.writer import Writer
from ledger.adapters.kafka_client import LoopThread
from ledger.adapters.kafka_group import SESSION_SECONDS
from ledger.adapters.keys import KeyStore
from ledger.app.ports import EntryLog
from ledger.app.submission import UnavailableError
from ledger.entry.signatures import SigningKey

STILL_SECONDS: Final = SESSION_SECONDS + 2.0
"""Logs of others that stood still for so long have lost their process, or it imports something
else: longer than the group takes to find out that a member crashed."""
QUIET_SECONDS: Final = 2.0
"""Without new entries for so long, a look shows what is missing."""
POLL_SECONDS: Final = 0.2

Join = Callable[[], Coroutine[Any, Any, Writer]]
OpenLogs = Callable[[], Sequence[EntryLog]]


class SharedImport:
    """One file on its way into the logs of a ledger, by this process as far as it owns them."""

    def __init__(
        self,
        path: Path,
        source: Source,
        count: int,
        *,
        key: SigningKey,
        keys: KeyStore,
        now: Callable[[], datetime],
        progress: Progress,
    ) -> None:
        self.path = path
        self.source = source
        self.finished: dict[int, LogImport] = {}
        """The logs that hold their whole part of the file, by number."""
        self._count = count
        self._key = key
        self._keys = keys
        self._now = now
        self._progress = progress
        self._recorded: Counter[int] = Counter()
        """Entries that this process recorded in logs that it then had to give up."""
        self._expected: Counter[int] = Counter()
        """Events that the file has for logs that others write."""

    @property
    def missing(self) -> list[int]:
        """The logs that are not known to hold their part of the file."""
        return [number for number in range(self._count) if number not in self.finished]

    def run(self, join: Join, open_logs: OpenLogs) -> ImportSummary:
        """Import; `join` joins the writers, `open_logs` gives every log for reading.

        Raises `UnavailableError` where other processes own logs and record nothing of this file.
        """
        thread = LoopThread("pal-writers")
        try:
            while self.missing:
                before = len(self.finished)
                self._write_owned(thread, join)
                if self.missing:
                    self._watch(open_logs())
                if self.missing and len(self.finished) == before:
                    raise self._not_ours()
        finally:
            thread.close()
        return summarise(self.source, [self.finished[number] for number in sorted(self.finished)])

    def _write_owned(self, thread: LoopThread, join: Join) -> None:
        writer = thread.run(join())
        try:
            while owned := {n: log for n, log in writer.logs.items() if n not in self.finished}:
                self._go_over(owned, writer)
            problems = [writer.problems[n] for n in self.missing if n in writer.problems]
        finally:
            thread.run(writer.stop())
        if problems:
            raise problems[0]

    def _watch(self, logs: Sequence[EntryLog]) -> None:
        """Wait for what others still record; until all is there, or nothing comes any more.

        Looking goes over the whole file: it is done when the logs have grown by as much as the file
        has for them, and otherwise only when they stand still.
        """
        counts: dict[int, int] = {}
        looked = reached = False
        since = time.monotonic()
        while self.missing and (still := time.monotonic() - since) < STILL_SECONDS:
            found = {number: logs[number].notification_count() for number in self.missing}
            if found != counts:
                counts, looked, since = found, False, time.monotonic()
            enough = not reached and all(n >= self._expected[log] for log, n in found.items())
            if enough or (still >= QUIET_SECONDS and not looked):
                looked = True
                reached = reached or enough
                self._go_over({number: logs[number] for number in self.missing})
            elif self.missing:
                time.sleep(POLL_SECONDS)

    def _go_over(self, logs: Mapping[int, EntryLog], writer: Writer | None = None) -> None:
        """One pass over the file for these logs: recording as far as `writer` still owns them, or
        only looking what is missing."""

        def is_lost(number: int) -> bool:
            return writer is not None and writer.logs.get(number) is not logs[number]

        run = ImportRun(
            self.path,
            logs,
            self._count,
            key=self._key,
            keys=self._keys,
            now=self._now,
            progress=self._progress,
            events=self.source.events,
            write=writer is not None,
            is_lost=is_lost,
        )
        begun = dict(run.parts)
        self.source.feed(run)
        self._expected |= run.skipped
        for number, part in begun.items():
            if number not in run.parts:
                self._recorded[number] += part.recorded
            elif not part.missing:
                # What an earlier pass recorded is found, and is this process's all the same.
                part.recorded += self._recorded[number]
                part.known -= self._recorded[number]
                self.finished[number] = part

    def _not_ours(self) -> UnavailableError:
        names = ", ".join(map(str, self.missing))
        done = f"{len(self.finished)} of {self._count} logs hold their part of {self.path.name}"
        return UnavailableError(
            f"{done}; other processes own log {names} and record nothing of it",
            next_step="import the file there too, or stop them and import again; nothing is lost",
        )
