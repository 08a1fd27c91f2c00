"""What the application asks of a log, whatever technology carries it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ledger.app.submission import Answer, Place, Submission
from ledger.core.chain import Head, StreamHead


class Record(msgspec.Struct, frozen=True, gc=False):
    """Whatever lies at a position: a Kafka offset, or the index in a log where every row counts."""

    position: int
    data: bytes | None


class WriterHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the writer of one log does, as its own process knows it.

    `session` is the id in its opening entry, "" where none serves; `queue` counts submissions
    without an answer (at most limits.QUEUE_SUBMISSIONS_MAX); `last_echo_age_seconds` is -1.0 before
    the first acknowledged batch. `owner` is the member of the writers' group that owns the log, ""
    where the process belongs to none.
    """

    origin: str
    phase: str
    session: str
    size: int
    queue: int
    last_echo_age_seconds: float
    strays: int
    owner: str = ""


class LogReader(Protocol):
    """Reading a log's records in order. Blocking calls; safe to call from any thread."""

    origin: str

    def read(self, position: int, limit: int) -> Sequence[Record]:
        """Up to `limit` records from `position` on, as they lie; empty at the end of the log."""

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:
        """Wait until a record lies at `position` or after it; False when the time ran out."""

    def end(self) -> int:
        """The position behind the last record, as the log itself says now."""

    def close(self) -> None:
        """Give everything back; may be called again and never blocks for long."""


class EntryLog(LogReader, Protocol):
    """A log that can also be written: the one writer of its origin, opened on the first append.

    `submit` and `append` raise `UnavailableError` (nothing recorded) or `OutcomeUnknownError`.
    """

    def submit(self, submissions: Sequence[Submission]) -> Sequence[Answer]:
        """Record each submission all or none, and wait until its answer is final."""

    async def append(self, submission: Submission) -> Answer:
        """The same for one submission on the caller's event loop, without a thread hand-off."""

    def head(self) -> Head:
        """Size and leaf as this process knows them; opens the index, not the writer."""

    def stream_head(self, stream: str) -> StreamHead:
        """Version and leaf of a stream."""

    def place_of(self, action_id: str) -> Place | None:
        """Where an action is recorded, if it is."""

    def stream_entries(
        self,
        stream: str,
        *,
        after: int = 0,
        until: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[bytes]:
        """Entries (not void) of a stream with `after` < version <= `until`, by version."""

    def notifications(
        self, start: int, stop: int | None, limit: int
    ) -> Sequence[tuple[int, bytes]]:
        """(notification id, entry) for ids `start` to `stop`, both included.

        Ids number the entries (not void) of all streams but the log's own, from 1.
        """

    def notification_id(self, index: int) -> int:
        """The notification id of the entry at `index`, which is of no `ledger:` stream."""

    def wait_for_growth(self, size: int, timeout_seconds: float) -> bool:
        """Wait until `head().size` exceeds `size`; False when the time ran out."""

    def notification_count(self) -> int:
        """The highest notification id; 0 where there is none."""
