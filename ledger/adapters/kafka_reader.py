"""Reading a log in Kafka without ever opening its writer: for projections and verification."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol, Self, TypeVar

from ledger.adapters.kafka_client import CHUNK_BYTES, Chunk, LoopThread, Partition, partition_of
from ledger.adapters.kafka_security import PLAINTEXT, KafkaSecurity
from ledger.app.ports import Record

_WAIT_MS_MAX: Final = 500
"""A broker answers a connection's requests in turn: a long wait would hold up reads beside it."""

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
        self, origin: str, partition: Partition, run: Run, end: Callable[[], None]
    ) -> None:
        self.origin = origin
        self._partition = partition
        self._run = run
        self._end = end
        self._lock = threading.Lock()
        self._ahead: Chunk | None = None
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
                thread.run(opened.close(), 5.0)
            finally:
                thread.close()

        return cls(origin, opened, thread.run, end)

    def read(self, position: int, limit: int) -> Sequence[Record]:
        """Up to `limit` records from offset `position` on; empty at the end of the log."""
        with self._lock:
            ahead = self._ahead
            records = [] if ahead is None else ahead.records
            if not records or records[0].position > position or records[-1].position < position:
                chunk = self._fetch(position)
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

    def _fetch(self, position: int) -> Chunk:
        while True:
            chunk = self._run(self._partition.fetch(position, max_bytes=CHUNK_BYTES))
            if chunk.records or chunk.next_offset >= chunk.end or chunk.next_offset == position:
                return chunk
            # Only control records lay there: they occupy offsets and are no records.
            position = chunk.next_offset

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
            self._end()
