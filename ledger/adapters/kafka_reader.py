"""Reading a log in Kafka without ever opening its writer: for projections and verification."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing, suppress
from typing import Any, Final, Protocol, Self, TypeVar

from ledger.adapters.kafka_client import CHUNK_BYTES, Chunk, LoopThread, Partition, partition_of
from ledger.adapters.kafka_security import PLAINTEXT, KafkaSecurity
from ledger.app.ports import Record

_WAIT_MS_MAX: Final = 500
"""A broker answers a connection's requests in turn: a long wait would hold up reads beside it."""

_CLOSE_SECONDS: Final = 5.0

T = TypeVar("T")


class Run(Protocol):
    """Carries a coroutine out on the event loop of the connections."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T:
        """What the coroutine gives."""


class KafkaReader:
    """A `LogReader`: positions are Kafka offsets, records come as they lie, strays included.

    Blocking; safe to call from any thread. What one fetch brought beyond the caller's limit is
    kept for the next read, so that reading in order costs one request per chunk.
    """

    def __init__(
        self,
        origin: str,
        partition: Partition,
        run: Run,
        end: Callable[[], None],
        *,
        ahead: bool = False,
    ) -> None:
        self.origin = origin
        self._fetches_ahead = ahead
        self._partition = partition
        self._run = run
        self._end = end
        self._lock = threading.Lock()
        self._ahead: Chunk | None = None
        self._coming: asyncio.Future[Chunk] | None = None
        self._next = -1
        """The offset behind the newest chunk: who goes on there reads in order."""
        self._closed = False

    @classmethod
    def open(
        cls, bootstrap: str, topic: str, origin: str, security: KafkaSecurity = PLAINTEXT
    ) -> Self:
        """Connect; raises `UnavailableError` where there is no broker or no such topic."""
        thread = LoopThread("pal-kafka-reader")
        try:
            opening = Partition.open(bootstrap, topic, partition_of(origin), security)
            opened = thread.run(opening)
        except BaseException:
            thread.close()
            raise

        def end() -> None:
            try:
                thread.run(opened.close(), _CLOSE_SECONDS)
            finally:
                thread.close()

        return cls(origin, opened, thread.run, end)

    @classmethod
    def open_alone(
        cls, bootstrap: str, topic: str, origin: str, security: KafkaSecurity = PLAINTEXT
    ) -> Self:
        """The same for one thread alone, which runs the event loop itself, only while it reads; so
        the next chunk is asked for ahead. Quicker for a process that only reads and works on it.
        """
        # No asyncio.Runner: for each call it would set a signal handler and write the last answer
        # out as text, which takes longer than working on it.
        loop = asyncio.new_event_loop()
        try:
            opening = Partition.open(bootstrap, topic, partition_of(origin), security)
            opened = loop.run_until_complete(opening)
        except BaseException:
            loop.close()
            raise

        def end() -> None:
            with closing(loop), suppress(TimeoutError):
                loop.run_until_complete(asyncio.wait_for(opened.close(), _CLOSE_SECONDS))

        return cls(origin, opened, loop.run_until_complete, end, ahead=True)

    def read(self, position: int, limit: int) -> Sequence[Record]:
        """Up to `limit` records from offset `position` on; empty at the end of the log."""
        with self._lock:
            ahead = self._ahead
            records = [] if ahead is None else ahead.records
            if not records or records[0].position > position or records[-1].position < position:
                chunk = self._run(self._fetch(position))
                records = chunk.records
            else:
                # Offsets rise by one but for control records: search from the exact place down.
                at = min(position - records[0].position, len(records) - 1)
                while at > 0 and records[at - 1].position >= position:
                    at -= 1
                records = records[at:]
            taken, rest = records[:limit], records[limit:]
            self._ahead = Chunk(rest, 0, 0) if rest else None
            return taken

    async def _fetch(self, position: int) -> Chunk:
        """The next chunk with records."""
        in_order, coming = position == self._next, self._coming
        self._coming = None
        if coming is not None and not in_order:
            await _end(coming)
            coming = None
        while True:
            chunk = await (coming or self._partition.fetch(position, max_bytes=CHUNK_BYTES))
            coming = None
            if chunk.records or chunk.next_offset >= chunk.end or chunk.next_offset == position:
                break
            # Only control records lay there: they occupy offsets and are no records.
            position = chunk.next_offset
        self._next = chunk.next_offset
        if self._fetches_ahead and in_order and self._next < chunk.end:
            more = self._partition.fetch(self._next, max_bytes=CHUNK_BYTES)
            self._coming = asyncio.ensure_future(more)
            # Once round the loop: the request goes out now, whoever runs the loop.
            await asyncio.sleep(0)
        return chunk

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:
        """Wait until something lies at `position` or after it; False when the time ran out."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            wait_ms = min(int(left * 1000), _WAIT_MS_MAX)
            chunk = self._run(self._partition.fetch(position, max_bytes=1, wait_ms=wait_ms))
            if chunk.end > position or left == 0.0:
                return chunk.end > position

    def end(self) -> int:
        """The offset that the next record will have."""
        return self._run(self._partition.end())

    def close(self) -> None:
        """Close the connections; safe to call again."""
        if not self._closed:
            self._closed = True
            if self._coming is not None:
                self._run(_end(self._coming))
            self._end()


async def _end(coming: asyncio.Future[Chunk]) -> None:
    """End a fetch that nobody waits for any more, whatever has become of it."""
    coming.cancel()
    await asyncio.wait([coming])
    if not coming.cancelled():
        coming.exception()
