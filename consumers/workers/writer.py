"""The writer service: serves the logs of a ledger that this process owns, through a Kafka group.

Through a rebalance it goes on serving and closes only what the new assignment leaves out. Several
processes with this class on one topic share its logs; each hands over when it stops.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, Self

import msgspec

from ledger.adapters.kafka_admin import preflight
from ledger.adapters.kafka_client import raise_if_cancelled
from ledger.adapters.kafka_group import MEMBER, SESSION_SECONDS, WriterGroup
from ledger.adapters.kafka_log import KafkaLog
from ledger.adapters.kafka_security import PLAINTEXT, KafkaSecurity
from ledger.app.ports import WriterHealth
from ledger.app.submission import Answer, LedgerError, Submission, UnavailableError
from ledger.core.findings import FindingError

RETRY_SECONDS: Final = 2.0
"""A log that could not be opened is tried again after this; the others are served meanwhile."""
BROKEN_RETRY_SECONDS: Final = 60.0
"""The same for a log that is overwritten: it must be read from the start to learn that again."""
DRAIN_SECONDS: Final = 1.0
"""Submissions that were queued when a log is handed over are answered first, for so long."""

_log = logging.getLogger("ledger.writer")

OpenLog = Callable[[int], Awaitable[KafkaLog]]
OnChange = Callable[[frozenset[int]], None]
Companion = Callable[["Writer"], Coroutine[Any, Any, None]]


class NotOwnedError(UnavailableError):
    """This process does not own the log: nothing was recorded by it."""

    code = "log.not_owned"


def _ignore(_owned: frozenset[int]) -> None:
    """Nobody wants to know."""


class Writer:
    """The logs of one topic that this process owns, each opened once and closed in order.

    Bound to the event loop it is started on. `logs` may be read from any thread; from other
    threads use the logs' own synchronous methods.
    """

    def __init__(self, topic: str, open_log: OpenLog, on_change: OnChange) -> None:
        self.topic = topic
        self.logs: Mapping[int, KafkaLog] = {}
        """Log number → log, as served now; replaced as a whole, never changed in place."""
        self.problems: Mapping[int, Exception] = {}
        """Why an owned log is not served, by number."""
        self._retry_at: dict[int, float] = {}
        self._open_log = open_log
        self._on_change = on_change
        self._group: WriterGroup | None = None
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._beside: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        bootstrap: str,
        topic: str,
        open_log: OpenLog,
        on_change: OnChange = _ignore,
        session_seconds: float = SESSION_SECONDS,
        security: KafkaSecurity = PLAINTEXT,
        companion: Companion | None = None,
    ) -> Self:
        """Join the writers of `topic` and open what is assigned; raises `UnavailableError`.

        Brokers and topic are looked at first: what no writer could serve is refused at the start.
        `open_log` opens a log by number on this loop (`KafkaLog.serve_here`); `on_change` is called
        on it with the numbers served, whenever they have changed. `companion` runs beside, over the
        logs that are served, until the writer stops.
        """
        await preflight(bootstrap, topic, security=security)
        writer = cls(topic, open_log, on_change)
        writer._group = await WriterGroup.join(
            bootstrap, topic, lambda _owned: writer._wake.set(), session_seconds, security
        )
        writer._following = asyncio.create_task(writer._follow())
        try:
            await writer._until(writer._is_settled)
        except BaseException:
            await writer.stop()
            raise
        if companion is not None:
            writer._beside = asyncio.create_task(companion(writer))
        return writer

    @property
    def owned(self) -> frozenset[int]:
        """The numbers of the logs that are served now."""
        return frozenset(self.logs)

    def log(self, number: int) -> KafkaLog:
        """The log with this number; raises `NotOwnedError` where another process owns it."""
        log = self.logs.get(number)
        if log is not None:
            return log
        problem = self.problems.get(number)
        why = f"it cannot be opened: {problem}" if problem else "another process owns it"
        raise NotOwnedError(
            f"log {number} of {self.topic} is not served here: {why}",
            next_step="pal status names the owner of each log; send it there",
        )

    async def append(self, number: int, submission: Submission) -> Answer:
        """Record a submission in log `number`; raises `NotOwnedError` and what the log raises."""
        return await self.log(number).append(submission)

    async def changed(self, owned: frozenset[int]) -> frozenset[int]:
        """Wait until the logs served are others than `owned`; gives them."""
        await self._until(lambda: self.owned != owned)
        return self.owned

    def health(self) -> Mapping[int, WriterHealth]:
        """How the writer of each served log does, by number."""
        return {
            number: msgspec.structs.replace(log.health(), owner=MEMBER)
            for number, log in self.logs.items()
        }

    def tell_health(self) -> None:
        """Write the health of each log as one JSON line, and why others are not served."""
        for health in self.health().values():
            _log.info("%s", msgspec.json.encode(health).decode())
        for number, problem in self.problems.items():
            _log.warning("log %d of %s is not served: %s", number, self.topic, problem)

    async def stop(self) -> None:
        """Answer what is queued, close the logs, then leave: the others take over at once."""
        tasks = {task for task in (self._beside, self._following) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._close(self.owned)
        if self._group is not None:
            await self._group.leave()

    # Following the assignment

    def _is_settled(self) -> bool:
        """Whether every owned log is served or known not to open."""
        group = self._group
        return group is not None and group.owned == self.owned | frozenset(self.problems)

    async def _until(self, is_true: Callable[[], bool]) -> None:
        following = self._following
        while not is_true():
            self._progress.clear()
            waiting = asyncio.ensure_future(self._progress.wait())
            tasks = {waiting} if following is None else {waiting, following}
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
            if following is not None and following.done():
                following.result()
                return

    async def _follow(self) -> None:
        self._wake.set()
        while True:
            raise_if_cancelled()
            await self._wait()
            self._wake.clear()
            group = self._group
            wanted = frozenset() if group is None else group.owned
            before = self.owned
            self.problems = {n: e for n, e in self.problems.items() if n in wanted}
            self._retry_at = {n: at for n, at in self._retry_at.items() if n in wanted}
            now = asyncio.get_running_loop().time()
            due = [n for n in sorted(wanted - before) if self._retry_at.get(n, now) <= now]
            await asyncio.gather(self._close(before - wanted), *map(self._open, due))
            if self.owned != before:
                _log.info("logs of %s served here: %s", self.topic, sorted(self.owned))
                self._on_change(self.owned)
            self._progress.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout_at(min(self._retry_at.values(), default=None)):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _open(self, number: int) -> None:
        try:
            log = await self._open_log(number)
        except (LedgerError, FindingError) as error:
            if str(error) != str(self.problems.get(number)):
                _log.error("log %d of %s is not served: %s", number, self.topic, error)
            is_broken = isinstance(error, FindingError)
            pause = BROKEN_RETRY_SECONDS if is_broken else RETRY_SECONDS
            self._retry_at[number] = asyncio.get_running_loop().time() + pause
            self.problems = {**self.problems, number: error}
            return
        self._retry_at.pop(number, None)
        self.problems = {n: e for n, e in self.problems.items() if n != number}
        self.logs = {**self.logs, number: log}

    async def _close(self, numbers: frozenset[int]) -> None:
        leaving = [log for number, log in self.logs.items() if number in numbers]
        # First out of `logs`: whoever comes now is told that another process owns them.
        self.logs = {n: log for n, log in self.logs.items() if n not in numbers}
        await asyncio.gather(*(log.aclose(DRAIN_SECONDS) for log in leaving))
