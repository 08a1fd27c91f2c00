"""What can be found out about records before their turn comes: all but how they continue the log.

Records are decoded once; a submission is checked as one tree; the signatures that are left, one for
each submission, are listed so that threads may verify them before the fold comes to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ledger.app.index_tables import Run
from ledger.app.ports import Record
from ledger.entry.entry import Entry, NewerFormatError, Signature
from ledger.entry.log_state import LogState, Stray
from ledger.entry.signatures import submission_roots

SLICE_RECORDS: Final = 64
"""Records read ahead together, and then up to the end of their submission: few enough to stay in
the processor's cache until the fold has them, enough to keep threads busy that verify a signature
for each."""

SLICE_RECORDS_MAX: Final = 1_024
"""A slice ends here wherever its submission does: the longest one is no longer than that."""


class ReadRecord(NamedTuple):
    """A record with what it is by itself; an error is raised when its turn comes.

    `root` is that of its submission, where `submission_roots` found it.
    """

    record: Record
    read: Entry | Stray | NewerFormatError
    root: bytes | None


class Ahead(NamedTuple):
    """Records in order, and the signatures on them, with their roots, that nobody has verified."""

    records: Sequence[ReadRecord]
    unverified: Sequence[tuple[Signature, bytes]]

    @property
    def next_offset(self) -> int:
        """The offset after the last of the records."""
        return self.records[-1].record.position + 1


class ReadRun(NamedTuple):
    """Records of which another process says that they are a run; `unverified` as in `Ahead`."""

    records: Sequence[Record]
    run: Run
    unverified: Sequence[tuple[Signature, bytes]]

    @property
    def next_offset(self) -> int:
        """The offset after the last of the records."""
        return self.records[-1].position + 1


def read_ahead(records: Sequence[Record], state: LogState) -> Iterator[Ahead]:
    """Read records slice by slice, each before the fold of the one before it or after it.

    The keys of `state` are those enrolled by then, which need not be all that will count.
    """
    part: list[tuple[Record, Entry | Stray | NewerFormatError]] = []
    for record in records:
        try:
            read = state.decode(record.data)
        except NewerFormatError as error:
            part.append((record, error))
            break
        part.append((record, read))
        if len(part) >= SLICE_RECORDS and (_ends(read) or len(part) >= SLICE_RECORDS_MAX):
            yield _ahead(part, state)
            part = []
    if part:
        yield _ahead(part, state)


def _ends(read: Entry | Stray) -> bool:
    """Whether a submission may end here."""
    if isinstance(read, Stray):
        return True
    signature = read.seal.sigs[0]
    return signature.at == signature.size - 1


def _ahead(
    part: Sequence[tuple[Record, Entry | Stray | NewerFormatError]], state: LogState
) -> Ahead:
    entries = [read for _, read in part if isinstance(read, Entry)]
    roots = submission_roots(entries)
    unverified = state.keys.unverified(entries, roots)
    root = iter(roots)
    return Ahead(
        [ReadRecord(*item, next(root) if isinstance(item[1], Entry) else None) for item in part],
        unverified,
    )
