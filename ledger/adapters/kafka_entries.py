"""Reading the entries at known indices out of a partition, each compared with its indexed leaf."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from ledger.adapters.kafka_client import CHUNK_BYTES, POINT_BYTES, Partition
from ledger.app.log_index import PartitionIndex, entry_bytes
from ledger.app.ports import Record


class EntriesAt:
    """Entries by index; bound to the partition's event loop."""

    def __init__(self, partition: Partition, index: PartitionIndex) -> None:
        self._partition = partition
        self._index = index
        self._last_read: Sequence[Record] = ()

    async def read(self, indices: Sequence[int]) -> list[bytes]:
        """The bytes at the indices, in their order; raises `FindingError` where they changed."""
        offsets = [self._index.offset_of(index) for index in indices]
        wanted = sorted(set(offsets))
        found: dict[int, Record] = {}
        # A run that lies close together is read in large pieces, scattered entries one by one.
        dense = wanted[-1] - wanted[0] < 8 * len(wanted)
        max_bytes = CHUNK_BYTES if dense and len(wanted) > 1 else POINT_BYTES
        at = 0
        while at < len(wanted):
            records = await self._records_from(wanted[at], max_bytes)
            for record in records:
                if at == len(wanted):
                    break
                if wanted[at] < record.position:
                    _missing(wanted[at])
                if wanted[at] == record.position:
                    found[record.position] = record
                    at += 1
            if not records:
                _missing(wanted[at])
        return [
            entry_bytes(found[offset], self._index.leaf_of(index))
            for offset, index in zip(offsets, indices, strict=True)
        ]

    async def _records_from(self, offset: int, max_bytes: int) -> Sequence[Record]:
        """Records from `offset` on, perhaps of the fetch before.

        The broker gives whole batches, and whoever reads dossier by dossier in the order in which
        they were recorded asks for one batch many times. What has gone stale does no harm: every
        entry is compared with its leaf.
        """
        known = self._last_read
        if not known or not known[0].position <= offset <= known[-1].position:
            chunk = await self._partition.fetch(offset, max_bytes=max_bytes)
            self._last_read = known = chunk.records
        return known[bisect_left(known, offset, key=lambda record: record.position) :]


def _missing(offset: int) -> None:
    entry_bytes(Record(offset, None), "an entry that was read before")
