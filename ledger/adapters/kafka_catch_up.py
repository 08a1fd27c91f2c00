"""Reading a partition on to its end, with what can be done before the fold done beside it.

While one chunk is folded the broker sends the next; while a slice waits for the threads that verify
its signatures, the one behind it is decoded. Where much is to be read, processes decode and hash
the chunks to come, one for each core. What counts is decided by the fold alone: a signature
that was not verified here, because its key was not enrolled yet or it is wrong, is verified there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final, NamedTuple, Self

from ledger.adapters.kafka_client import CHUNK_BYTES, Partition
from ledger.adapters.read_process import ReadProcess
from ledger.app.log_index import PartitionIndex
from ledger.app.ports import Record
from ledger.app.read_ahead import Ahead, ReadRun, read_ahead
from ledger.app.read_facts import Facts, take_facts
from ledger.app.submission import UnavailableError
from ledger.entry.entry import NewerFormatError, Signature
from ledger.entry.log_state import LogState

FAR_RECORDS: Final = 50_000
"""So far from the end, processes that take half a second to start pay."""
CHUNKS_AHEAD: Final = 2
"""For each process: one that it works on, and one that lies ready."""
_THREADS: Final = os.cpu_count() or 1
_PROCESSES: Final = min(_THREADS, 4)
"""One for each core: the fold leaves most of its own. It keeps up with no more than four."""
_INLINE_MAX: Final = 4
"""So few signatures are verified by the fold itself: handing them over costs as much."""

Unverified = Sequence[tuple[Signature, bytes]]


class Fetched(NamedTuple):
    """A chunk (see `Chunk`), and the facts of its records where a process finds them."""

    records: list[Record]
    next_offset: int
    end: int
    facts: Future[Facts] | None


class CatchUp:
    """Reads one partition for one log state. Used within `async with`, on one event loop."""

    def __init__(self, partition: Partition, state: LogState) -> None:
        self._partition = partition
        self._state = state
        self._pool: ThreadPoolExecutor | None = None
        self._processes: list[ReadProcess] = []
        self._may_start = True
        self._asked = 0
        self._coming: list[asyncio.Task[Fetched | None]] = []
        self._expected = -1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._forget_coming()
        if self._pool is not None:
            self._pool.shutdown(wait=False)
        if self._processes:
            await asyncio.to_thread(self._end_processes)

    def _end_processes(self) -> None:
        for process in self._processes:
            process.close()

    async def fetch(self, position: int) -> Fetched:
        """The chunk at `position`; those behind it are asked for already."""
        if position != self._expected:
            self._forget_coming()
        fetched = await self._coming.pop(0) if self._coming else None
        if fetched is None:
            # Nothing was asked for, or it began where the log ended then.
            self._forget_coming()
            fetched = await self._ask(position)
        if fetched.end - fetched.next_offset > FAR_RECORDS and self._may_start:
            self._may_start = False
            # Where no process can be started, all is done here.
            with suppress(OSError):
                for _ in range(_PROCESSES):
                    self._processes.append(ReadProcess())
        self._expected = fetched.next_offset
        while len(self._coming) <= CHUNKS_AHEAD * len(self._processes):
            before = self._coming[-1] if self._coming else _done(fetched)
            self._coming.append(asyncio.create_task(self._ask_behind(before)))
        return fetched

    async def _ask_behind(self, before: asyncio.Future[Fetched | None]) -> Fetched | None:
        # Shielded: giving up this one does not give up that one.
        fetched = await asyncio.shield(before)
        if fetched is None or fetched.next_offset >= fetched.end:
            return None
        return await self._ask(fetched.next_offset)

    async def _ask(self, position: int) -> Fetched:
        chunk = await self._partition.fetch(position, max_bytes=CHUNK_BYTES)
        facts = None
        if self._processes and chunk.records:
            process = self._processes[self._asked % len(self._processes)]
            self._asked += 1
            facts = process.ask([record.data for record in chunk.records])
        return Fetched(*chunk, facts)

    def _forget_coming(self) -> None:
        for task in self._coming:
            task.add_done_callback(_forget)
            task.cancel()
        self._coming = []

    async def slices(self, fetched: Fetched) -> AsyncIterator[Ahead | ReadRun]:
        """The records of a chunk, read ahead; their signatures verified as far as may be."""
        before: tuple[Ahead | ReadRun, Sequence[asyncio.Future[list[bool]]]] | None = None
        for ahead in await self._read(fetched):
            verifying = self._verify(ahead.unverified)
            if before is not None:
                yield await self._verified(*before)
            before = ahead, verifying
        if before is not None:
            yield await self._verified(*before)

    async def _read(self, fetched: Fetched) -> Iterator[Ahead | ReadRun]:
        if fetched.facts is not None:
            try:
                facts = await asyncio.wrap_future(fetched.facts)
            except (OSError, EOFError):
                # The process was ended by somebody: what it does can be done here.
                pass
            else:
                return take_facts(fetched.records, facts, self._state)
        return read_ahead(fetched.records, self._state)

    def _verify(self, unverified: Unverified) -> Sequence[asyncio.Future[list[bool]]]:
        if len(unverified) <= _INLINE_MAX:
            return ()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, "pal-signatures")
        loop, pool = asyncio.get_running_loop(), self._pool
        keys = self._state.keys

        def check(part: Unverified) -> list[bool]:
            return [keys.is_genuine(signature, root) for signature, root in part]

        return [
            loop.run_in_executor(pool, check, unverified[place::_THREADS])
            for place in range(_THREADS)
        ]

    async def _verified(
        self, ahead: Ahead | ReadRun, parts: Sequence[asyncio.Future[list[bool]]]
    ) -> Ahead | ReadRun:
        for place, part in enumerate(parts):
            for (signature, root), genuine in zip(
                ahead.unverified[place::_THREADS], await part, strict=True
            ):
                if genuine:
                    self._state.keys.remember(signature, root)
        return ahead


async def take_in(reading: CatchUp, chunk: Fetched, index: PartitionIndex) -> None:
    """Take a chunk into an index; raises what that does, `UnavailableError` for a newer format."""
    try:
        async for ahead in reading.slices(chunk):
            index.take_in(ahead, ahead.next_offset)
        index.take_in((), chunk.next_offset)
    except NewerFormatError as error:
        raise UnavailableError(str(error), next_step="install newer software") from error


async def take_in_all(partition: Partition, index: PartitionIndex) -> None:
    """Take in what the log holds by now, for who only reads it; raises what `take_in` does, and
    `FindingError` where the log ends before what the index knows."""
    async with CatchUp(partition, index.state) as reading:
        position = index.overlap()
        while True:
            chunk = await reading.fetch(position)
            await take_in(reading, chunk, index)
            position = chunk.next_offset
            if position >= chunk.end:
                index.check_end(chunk.end)
                return


def _forget(task: asyncio.Task[Fetched | None]) -> None:
    """Whatever came of it: nobody asks any more."""
    if not task.cancelled():
        task.exception()


def _done(fetched: Fetched) -> asyncio.Future[Fetched | None]:
    future: asyncio.Future[Fetched | None] = asyncio.get_running_loop().create_future()
    future.set_result(fetched)
    return future
