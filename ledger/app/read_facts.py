"""What records are by themselves, in a form that goes from one process to another.

Decoding, hashing and the trees of submissions are most of reading a log anew, and need nothing of
the log before: other processes can do that (`ledger.adapters.read_process`). They give runs:
entries that continue one another, of which only the ends are left to be compared with the log.
`extend_by` judges a run at once, and says of it what `LogState.judge` says of each of its entries;
whatever does not fit goes the way of single records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final
from zlib import crc32

import msgspec

from ledger.app.index_tables import ROW, Run, StreamPart
from ledger.app.ports import Record
from ledger.app.read_ahead import Ahead, ReadRun, read_ahead
from ledger.core.chain import StreamHead
from ledger.entry.entry import Signature
from ledger.entry.log_state import LogState
from ledger.entry.signatures import SignatureError
from ledger.entry.together import Member, Together, read_together

SINGLE: Final = 0
"""In place of a run: a record that the fold has to read itself, whatever it is."""


class Facts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The records of one fetch in their order: runs, or `SINGLE`."""

    parts: list[Run | int]


def facts_of(values: Sequence[bytes | None]) -> Facts:
    """The facts of the records with these values, of one fetch: submissions lie in them whole."""
    maker = _RunMaker()
    place = 0
    while place < len(values):
        together = read_together(values, place)
        if together is None or together.is_unusual:
            maker.add_single()
            place += 1
        else:
            maker.add(together)
            place += len(together.members)
    return Facts(maker.parts())


def take_facts(
    records: Sequence[Record], facts: Facts, state: LogState
) -> Iterator[Ahead | ReadRun]:
    """The same as `read_ahead`, from the facts of the records."""
    at = begin = 0
    for part in facts.parts:
        if isinstance(part, int):
            at += 1
            continue
        yield from read_ahead(records[begin:at], state)
        begin = at = at + len(part.ids)
        keys = state.keys
        unverified = [
            (signature, root)
            for signature, root in part.signatures
            if keys.role_of(signature.key) is not None and not keys.remembers(signature, root)
        ]
        yield ReadRun(records[at - len(part.ids) : at], part, unverified)
    yield from read_ahead(records[begin:at], state)


def extend_by(state: LogState, run: Run) -> bool:
    """Take a run into the state if all of it counts and none of it is void; else change nothing."""
    head = state.head
    if (
        run.origin != state.origin
        or run.index != head.size
        or run.prev != head.leaf
        or run.recorded_at[0] < state.recorded_at
    ):
        return False
    heads = state.stream_heads([part.stream for part in run.streams])
    for part, before in zip(run.streams, heads, strict=True):
        if before.version + 1 != part.version or before.leaf != part.prev:
            return False
        if before.version == 0 and not state.holds(part.stream):
            return False
    try:
        for signature, root in run.signatures:
            # The root says where every path leads, so no action is looked at.
            state.keys.check(b"", (signature,), root)
    except SignatureError:
        return False
    state.head = run.head
    state.recorded_at = run.recorded_at[1]
    state.set_stream_heads((part.stream, part.head) for part in run.streams)
    return True


class _RunMaker:
    """Puts together to runs what continues one another as far as the bytes say."""

    def __init__(self) -> None:
        self._parts: list[Run | int] = []
        self._begin("", 0, "", "")

    def _begin(self, origin: str, index: int, prev: str, recorded_at: str) -> None:
        self._origin, self._index, self._prev = origin, index, prev
        self._recorded_at = (recorded_at, recorded_at)
        self._leaf = prev
        self._rows: list[bytes] = []
        self._ids: list[str] = []
        self._firsts: dict[str, tuple[int, str, int]] = {}
        """Of each stream what its first entry here names, and its place."""
        self._heads: dict[str, tuple[int, str, int]] = {}
        """Of each stream where it stands behind its newest entry here, and that one's index."""
        self._signatures: list[tuple[Signature, bytes]] = []

    def parts(self) -> list[Run | int]:
        """All that was added."""
        self._end()
        return self._parts

    def add_single(self) -> None:
        """A record of which nothing is said."""
        self._end()
        self._parts.append(SINGLE)

    def add(self, together: Together) -> None:
        """A submission: to the run before it where it continues that, else it begins one."""
        seal, members = together.seal, together.members
        if (
            seal.index != self._index + len(self._ids)
            or seal.prev != self._leaf
            or seal.origin != self._origin
            or seal.recorded_at < self._recorded_at[1]
        ):
            self._end()
            self._begin(seal.origin, seal.index, seal.prev, seal.recorded_at)
        done = 0
        while True:
            signature = msgspec.structs.replace(seal.sigs[0], path=())
            self._signatures.append((signature, together.root))
            self._recorded_at = (self._recorded_at[0], seal.recorded_at)
            done = self._take(members, done)
            if done == len(members):
                return
            # A stream that does not go on as it should: the fold compares it, where a run begins.
            index, prev = self._index + len(self._ids), self._leaf
            self._end()
            self._begin(seal.origin, index, prev, seal.recorded_at)

    def _take(self, members: Sequence[Member], done: int) -> int:
        """Add members up to one whose stream goes on elsewhere; how many of them are done."""
        heads, ids, rows = self._heads, self._ids, self._rows
        index = self._index + len(ids)
        for place in range(done, len(members)):
            member = members[place]
            stream, version, leaf = member.stream, member.version, member.leaf
            before = heads.get(stream)
            if before is None:
                at = -1
                self._firsts[stream] = (version, member.stream_prev, len(ids))
            elif version == before[0] + 1 and member.stream_prev == before[1]:
                at = before[2]
            else:
                return place
            heads[stream] = (version, leaf, index)
            action_id, digest = member.action_id, sha256(member.action_bytes).digest()
            mark = crc32(action_id.encode())
            rows.append(ROW.pack(bytes.fromhex(leaf), digest, version, at, mark))
            ids.append(action_id)
            self._leaf = leaf
            index += 1
        return len(members)

    def _end(self) -> None:
        if self._ids:
            streams = [
                StreamPart(
                    stream,
                    *first,
                    self._heads[stream][2] - self._index,
                    StreamHead(*self._heads[stream][:2]),
                )
                for stream, first in self._firsts.items()
            ]
            run = Run(
                self._origin,
                self._index,
                self._prev,
                self._recorded_at,
                b"".join(self._rows),
                self._ids,
                streams,
                self._signatures,
            )
            self._parts.append(run)
        self._begin("", 0, "", "")
