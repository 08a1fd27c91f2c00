"""A log as it was: its records up to one that is named, and none behind it."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.app.ports import LogReader, Record
from ledger.core.merkle import leaf_hash


class PrefixReader:
    """The log up to and including the record with leaf `last`: what was known then."""

    def __init__(self, reader: LogReader, last: str) -> None:
        self.origin = reader.origin
        self._reader = reader
        self._last = last
        self._end: int | None = None

    def read(self, position: int, limit: int) -> Sequence[Record]:
        """Records from `position` on, none behind the last."""
        if self._end is not None and position > self._end:
            return ()
        records = self._reader.read(position, limit)
        for at, record in enumerate(records):
            if record.data is not None and leaf_hash(record.data).hex() == self._last:
                self._end = record.position
                return records[: at + 1]
        return records

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:  # noqa: ARG002 - the port's signature
        """A prefix never grows: whether something of it lies at `position` or after it."""
        return bool(self.read(position, 1))

    def end(self) -> int:
        """Where the prefix ends, once it was read to its end; before that where the log does."""
        return self._reader.end() if self._end is None else self._end + 1

    def close(self) -> None:
        """Nothing of its own to give back."""
