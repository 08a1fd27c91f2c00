"""Some entries of a log in Kafka, verified without all the others.

The local index says where they lie. That is a claim, as a stored column is: every record is read
from the partition, and its bytes are judged as those of any part. Without an index file, or behind
the end of one, the log is read on first, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ledger.adapters.index_sqlite import open_index
from ledger.adapters.kafka_catch_up import take_in_all
from ledger.adapters.kafka_client import Partition, partition_of
from ledger.adapters.kafka_entries import EntriesAt
from ledger.adapters.kafka_security import PLAINTEXT, KafkaSecurity
from ledger.app.limits import READ_RECORDS_MAX
from ledger.app.log_index import PartitionIndex
from ledger.app.ports import Record
from ledger.entry.verification import Verification
from ledger.entry.verify_part import PartVerifier


class KafkaParts:
    """Parts of the log `origin`, whose pinned genesis has this leaf; its index lies at `index`.

    Whoever reads needs no key. Raises `UnavailableError` where the broker or the index cannot be
    reached, `FindingError` where the log is not the one that was indexed.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        origin: str,
        genesis_leaf: str,
        index: Path,
        security: KafkaSecurity = PLAINTEXT,
    ) -> None:
        self._where = (bootstrap, topic, partition_of(origin), security)
        self._origin = origin
        self._genesis_leaf = genesis_leaf
        self._path = index

    def verify_range(self, verifier: PartVerifier, span: range) -> Verification:
        """Verify the entries with an index of `span`."""
        return asyncio.run(self._verify_range(verifier, span))

    def verify_stream(self, verifier: PartVerifier, stream: str) -> Verification:
        """Verify the entries (not void) of one stream."""
        return asyncio.run(self._verify_stream(verifier, stream))

    async def _verify_range(self, verifier: PartVerifier, span: range) -> Verification:
        async with self._open() as (index, entries):
            own = index.stream_indices(verifier.state.own_stream, 0, None)
            async for record in _read(entries, [at for at in own if at < span.start]):
                verifier.add_own(record.data or b"")
            async for record in _read(entries, span[: max(index.head.size - span.start, 0)]):
                verifier.add(record)
            return verifier.finish()

    async def _verify_stream(self, verifier: PartVerifier, stream: str) -> Verification:
        async with self._open() as (index, entries):
            part = set(index.stream_indices(stream, 0, None))
            own = index.stream_indices(verifier.state.own_stream, 0, None)
            # In the order of the log, so that each entry meets the keys that were valid then.
            async for record in _read(entries, sorted(part.union(own))):
                if record.position in part:
                    verifier.add(record)
                else:
                    verifier.add_own(record.data or b"")
            return verifier.finish()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[tuple[PartitionIndex, EntriesAt]]:
        partition = await Partition.open(*self._where)
        try:
            index = await asyncio.to_thread(
                open_index, self._path, self._origin, genesis_leaf=self._genesis_leaf
            )
            try:
                await take_in_all(partition, index)
                yield index, EntriesAt(partition, index)
            finally:
                index.close()
        finally:
            await partition.close()


async def _read(entries: EntriesAt, indices: Sequence[int]) -> AsyncIterator[Record]:
    """The entries at these indices, each as the record of its index."""
    for first in range(0, len(indices), READ_RECORDS_MAX):
        some = indices[first : first + READ_RECORDS_MAX]
        for index, data in zip(some, await entries.read(some), strict=True):
            yield Record(index, data)
