"""One partition of the simulated broker: batches, high watermark, producers. No I/O, no clock."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import Final, NamedTuple

from aiokafka.record.default_records import DefaultRecordBase
from aiokafka.record.util import calc_crc32c

NO_ERROR: Final = 0
OFFSET_OUT_OF_RANGE: Final = 1
CORRUPT_MESSAGE: Final = 2
MESSAGE_TOO_LARGE: Final = 10
OUT_OF_ORDER_SEQUENCE: Final = 45
INVALID_PRODUCER_EPOCH: Final = 47

_HEADER: Final = DefaultRecordBase.HEADER_STRUCT
_ATTRIBUTES_AT: Final = DefaultRecordBase.ATTRIBUTES_OFFSET
_MAGIC: Final = 2
_NO_PRODUCER: Final = -1
_REMEMBERED_BATCHES: Final = 5
"""Batches of a producer that a broker knows again, as Kafka's does."""


class _Header(NamedTuple):
    """The header of a record batch, in the order of its bytes."""

    base: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_delta: int
    first_time_ms: int
    newest_time_ms: int
    producer: int
    epoch: int
    sequence: int
    records: int


class Batch(NamedTuple):
    """A record batch as it lies in the log."""

    header: _Header
    data: bytes

    @property
    def base(self) -> int:
        """The offset of its first record."""
        return self.header.base

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.header.base + self.header.records


class Appended(NamedTuple):
    """The broker's answer: a Kafka error code, and the base offset (-1 where it is not known)."""

    error: int
    base: int = -1


class SimulatedPartition:
    """The leader's log of one partition.

    While `is_replicated` is False the high watermark stays where it is: no reader sees what is
    appended, and `cut` (a leader that moves) may take it away. `committed` is what no leader loses;
    a new leader's watermark may lag behind it for a while.
    """

    def __init__(self, *, bytes_max: int, append_time: bool) -> None:
        self.bytes_max = bytes_max
        self.append_time = append_time
        self.batches: list[Batch] = []
        self.watermark = 0
        self.committed = 0
        self.leader_epoch = 0
        self.is_replicated = True
        self._producers: dict[int, deque[_Header]] = {}

    @property
    def end(self) -> int:
        """The offset of the next record."""
        return self.batches[-1].end if self.batches else 0

    def append(self, data: bytes, now_ms: int) -> Appended:
        """Append one record batch whole, or not at all; a batch sent again is known again."""
        if len(data) > self.bytes_max:
            return Appended(MESSAGE_TOO_LARGE)
        batch = self._parse(data, now_ms)
        if batch is None:
            return Appended(CORRUPT_MESSAGE)
        known = self._known(batch.header)
        if known is not None:
            return known
        self.batches.append(batch)
        self._remember(batch.header)
        if self.is_replicated:
            self.replicate()
        return Appended(NO_ERROR, batch.base)

    def _parse(self, data: bytes, now_ms: int) -> Batch | None:
        """The batch with base offset, leader epoch and time of arrival written into its header."""
        if len(data) < _HEADER.size:
            return None
        header = _Header(*_HEADER.unpack_from(data))
        whole = header.length + DefaultRecordBase.AFTER_LEN_OFFSET == len(data)
        counted = header.records == header.last_delta + 1 > 0
        if header.magic != _MAGIC or not whole or not counted:
            return None
        if calc_crc32c(data[_ATTRIBUTES_AT:]) != header.crc:
            return None
        header = header._replace(base=self.end, leader_epoch=self.leader_epoch)
        if self.append_time:
            attributes = header.attributes | DefaultRecordBase.TIMESTAMP_TYPE_MASK
            header = header._replace(attributes=attributes, newest_time_ms=now_ms)
        records = data[_HEADER.size :]
        crc = calc_crc32c(_HEADER.pack(*header)[_ATTRIBUTES_AT:] + records)
        header = header._replace(crc=crc)
        return Batch(header, _HEADER.pack(*header) + records)

    def _known(self, header: _Header) -> Appended | None:
        """What Kafka answers to a producer's batch out of turn; None where its turn it is."""
        own = self._producers.get(header.producer)
        if not own:
            return None
        newest = own[-1]
        if header.epoch < newest.epoch:
            return Appended(INVALID_PRODUCER_EPOCH)
        for known in own:
            if known[-3:] == header[-3:]:  # epoch, sequence and number of records
                return Appended(NO_ERROR, known.base)
        bumped = header.epoch > newest.epoch
        next_sequence = 0 if bumped else newest.sequence + newest.records
        return None if header.sequence == next_sequence else Appended(OUT_OF_ORDER_SEQUENCE)

    def _remember(self, header: _Header) -> None:
        if header.producer != _NO_PRODUCER:
            own = self._producers.setdefault(header.producer, deque(maxlen=_REMEMBERED_BATCHES))
            own.append(header)

    def read(self, offset: int, bytes_max: int) -> tuple[int, bytes]:
        """(error code, whole batches from the one that holds `offset` on, up to the watermark)."""
        if not 0 <= offset <= self.end:
            return OFFSET_OUT_OF_RANGE, b""
        at = max(bisect_right(self.batches, offset, key=lambda batch: batch.base) - 1, 0)
        found: list[bytes] = []
        size = 0
        for batch in self.batches[at:]:
            if batch.end > self.watermark:
                break
            if batch.end <= offset:
                continue
            if found and size + len(batch.data) > bytes_max:
                break
            found.append(batch.data)
            size += len(batch.data)
        return NO_ERROR, b"".join(found)

    def replicate(self) -> None:
        """Everything appended is replicated now, and from here on."""
        self.is_replicated = True
        self.watermark = self.committed = self.end

    def cut(self, lag_batches: int = 0) -> None:
        """Another leader, which has only what was committed; its watermark may lag behind that."""
        self.batches = [batch for batch in self.batches if batch.end <= self.committed]
        if lag_batches:
            self.is_replicated = False
            self.watermark = (
                self.batches[-lag_batches].base if lag_batches <= len(self.batches) else 0
            )
        self.leader_epoch += 1
        # A broker knows of producers what its log says: what was cut is unknown again.
        self._producers.clear()
        for batch in self.batches:
            self._remember(batch.header)
