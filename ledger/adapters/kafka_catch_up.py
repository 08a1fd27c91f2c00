"""Reading a partition on to its end, with what can be done before the fold done beside it.

While one chunk is folded the broker sends the next; while a slice waits for the threads that verify
its signatures, the one behind it is decoded (KAFKA.md section 6: cryptography gives Python's lock
back). What counts is decided by the fold alone: a signature that was not verified here, because its
key was not enrolled yet or it is wrong, is verified there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

from ledger.adapters.kafka_client import CHUNK_BYTES, Chunk, Partition
from ledger.app.ports import Record
from ledger.app.read_ahead import Ahead, read_ahead
from ledger.entry.entry import Signature
from ledger.entry.log_state import LogState

_THREADS: Final = os.cpu_count() or 1
_INLINE_MAX: Final = 4
"""So few signatures are verified by the fold itself: handing them over costs as much."""

Unverified = Sequence[tuple[Signature, bytes]]


class CatchUp:
    """Reads one partition for one log state. Used within `async with`, on one event loop."""

    def __init__(self, partition: Partition, state: LogState) -> None:
        self._partition = partition
        self._state = state
        self._pool: ThreadPoolExecutor | None = None
        self._following: tuple[int, asyncio.Task[Chunk]] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._give_up_following()
        if self._pool is not None:
            self._pool.shutdown(wait=False)

    async def fetch(self, position: int) -> Chunk:
        """The chunk at `position`; the one behind it is asked for already."""
        if self._following is not None and self._following[0] == position:
            (_, following), self._following = self._following, None
            chunk = await following
        else:
            self._give_up_following()
            chunk = await self._ask(position)
        if chunk.next_offset < chunk.end:
            task = asyncio.create_task(self._ask(chunk.next_offset))
            self._following = chunk.next_offset, task
        return chunk

    def _give_up_following(self) -> None:
        if self._following is not None:
            (_, task), self._following = self._following, None
            task.add_done_callback(_forget)
            task.cancel()

    async def _ask(self, position: int) -> Chunk:
        return await self._partition.fetch(position, max_bytes=CHUNK_BYTES)

    async def slices(self, records: Sequence[Record]) -> AsyncIterator[Ahead]:
        """The records of a chunk, read ahead; their signatures verified as far as may be."""
        before: tuple[Ahead, Sequence[asyncio.Future[list[bool]]]] | None = None
        for ahead in read_ahead(records, self._state):
            verifying = self._verify(ahead.unverified)
            if before is not None:
                yield await self._verified(*before)
            before = ahead, verifying
        if before is not None:
            yield await self._verified(*before)

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

    async def _verified(self, ahead: Ahead, parts: Sequence[asyncio.Future[list[bool]]]) -> Ahead:
        for place, part in enumerate(parts):
            for (signature, root), genuine in zip(
                ahead.unverified[place::_THREADS], await part, strict=True
            ):
                if genuine:
                    self._state.keys.remember(signature, root)
        return ahead


def _forget(task: asyncio.Task[Chunk]) -> None:
    """Whatever came of it: nobody asks any more."""
    if not task.cancelled():
        task.exception()
