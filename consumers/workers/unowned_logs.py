"""The logs that no writer of the group owns: a sentinel by itself may record in these alone.

In the others its writer would displace the owner's each time; there the owner records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from consumers.workers.writer import BROKEN_RETRY_SECONDS, NotOwnedError, OpenLog
from ledger.adapters.kafka_log import KafkaLog
from ledger.app.submission import LedgerError
from ledger.core.findings import FindingError


class UnownedLogs:
    """Logs opened while nobody owns them, by number; see `ServedLogs`. One event loop."""

    def __init__(
        self, count: int, open_log: OpenLog, owners: Callable[[], Awaitable[Mapping[int, str]]]
    ) -> None:
        self.logs: Mapping[int, KafkaLog] = {}
        self.problems: Mapping[int, Exception] = {}
        self.owners: Mapping[int, str] = {}
        """Which process owns which log."""
        self._retry_at = 0.0
        self._count = count
        self._open_log = open_log
        self._ask_owners = owners

    async def refresh(self) -> None:
        """Close what has an owner by now, open what has none; raises `UnavailableError`."""
        self.owners = await self._ask_owners()
        for number in [number for number in self.logs if number in self.owners]:
            await self._close(number)
        problems: dict[int, Exception] = {}
        now = asyncio.get_running_loop().time()
        for number in range(self._count):
            if number in self.owners or number in self.logs:
                continue
            known = self.problems.get(number)
            if isinstance(known, FindingError) and now < self._retry_at:
                problems[number] = known
                continue
            try:
                self.logs = {**self.logs, number: await self._open_log(number)}
            except (LedgerError, FindingError) as error:
                problems[number] = error
        if now >= self._retry_at:
            self._retry_at = now + BROKEN_RETRY_SECONDS
        self.problems = problems

    async def open_one(self, number: int) -> KafkaLog:
        """Open one log and leave the others; raises `NotOwnedError` where it has an owner, and
        whatever opening raises."""
        self.owners = await self._ask_owners()
        owner = self.owners.get(number)
        if owner is not None:
            msg = f"log {number} is written by {owner}, which a second writer would displace"
            raise NotOwnedError(msg, next_step="try again once that process has ended")
        self.logs = {**self.logs, number: await self._open_log(number)}
        return self.logs[number]

    async def close(self) -> None:
        """Close every log."""
        for number in list(self.logs):
            await self._close(number)

    async def _close(self, number: int) -> None:
        log = self.logs[number]
        self.logs = {n: other for n, other in self.logs.items() if n != number}
        await log.aclose()
