"""Entries that hold by themselves, told in one piece: what is left to compare are their ends.

Whoever reads a part of a log without what stands before it can decode, hash, follow links and paths
and verify signatures all the same. What it cannot know it tells: which head and which heads of
streams the part goes on from, which keys it needs. `Verifier.add_segment` compares these. Whatever
is not right by itself is in no segment: it is told as a rest that has to be judged record by
record. So a segment never hides a fault, and where there is one the same code as ever names it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from ledger.core.merkle import ProofError, subtrees_of
from ledger.entry.entry import Entry, EntryError, NewerFormatError, Seal, Signature, decode_entry
from ledger.entry.recorded_twice import RecordedTwice
from ledger.entry.signatures import EnrolledKey, KeyRing, SignatureError
from ledger.entry.together import Member, is_unusual, member_of, read_together
from ledger.entry.verification import RecordLike, Stored

TOGETHER_MAX: Final = 1_024
"""Records that are kept back until more come, so that a submission is read whole: longer than any
that a writer takes."""


class SegmentStream(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The entries of one stream in a segment: what the first names, where the last leaves it."""

    stream: str
    version: int
    prev: str
    last_version: int
    last_leaf: str


class Segment(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """`count` entries from `index` on, at positions from `position` on without a gap.

    `prev` and `recorded_at` are what the first names and what the last is or names. `submissions`
    counts signatures that were verified with the keys named; `ends` tells the first, where it is
    counted, and the last, so that one that goes over an end is not counted twice. `stored` says how
    many entries were compared with what is stored beside them.
    """

    position: int
    index: int
    count: int
    prev: str
    leaf: str
    recorded_at: tuple[str, str]
    streams: list[SegmentStream]
    subtrees: list[tuple[int, bytes]]
    keys: list[str]
    submissions: int
    ends: tuple[str, str]
    actions: list[bytes]
    stored: int

    @property
    def end(self) -> int:
        """The position behind the last of its entries."""
        return self.position + self.count


class Rest(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Positions from `position` up to `end`, not included, to be judged record by record."""

    position: int
    end: int


Part = Segment | Rest

_BEGINNING: Final = b'"sigs":[{"at":0,'
SEAL_START_BYTES: Final = 512
"""The first signature of a seal begins within these, unless the log has a very long name."""


def begins_submission(data: bytes | None) -> bool:
    """Whether a part had better begin at this record: a submission that is read whole costs less.

    A guess from its first `SEAL_START_BYTES`; a wrong one costs time and nothing else.
    """
    return data is not None and data.find(_BEGINNING, 0, SEAL_START_BYTES) >= 0


Claimed = tuple[RecordLike, Stored | None]


class SegmentReader:
    """Reads records of one log in order; gives segments and rests in the same order.

    `keys` are those known to be enrolled before; a segment needs no others. At each size of `cuts`
    a segment ends, because a head or a root is compared there.
    """

    def __init__(
        self, origin: str, keys: Iterable[EnrolledKey], cuts: Collection[int] = ()
    ) -> None:
        self._origin = origin
        self._cuts = frozenset(cuts)
        self._keys = KeyRing()
        for key in keys:
            self._keys.enrol(key)
        self._waiting: list[Claimed] = []
        self._parts: list[Part] = []
        self._apart = 0
        """So many records go on a submission that is not whole here, and are read one by one."""
        self._making: _Making | None = None

    def add(self, records: Iterable[Claimed]) -> None:
        """Take the next records."""
        self._waiting += records
        self._take(TOGETHER_MAX)

    def finish(self) -> list[Part]:
        """All parts; nothing more may be added."""
        self._take(0)
        self._end()
        return self._parts

    def _take(self, kept_back: int) -> None:
        values = [record.data for record, _ in self._waiting]
        place = 0
        while len(values) - place > kept_back:
            place += self._read(values, place)
        del self._waiting[:place]

    def _read(self, values: Sequence[bytes | None], place: int) -> int:
        """Take what begins at `place`; how many records that were."""
        verified = self._keys.verifications
        together = None if self._apart else read_together(values, place)
        if together is not None and not together.is_unusual:
            seal, members = together.seal, together.members
            records = self._waiting[place : place + len(members)]
            if self._is_whole(seal, members, records):
                signature = seal.sigs[0]
                if self._is_genuine(b"", (signature,), together.root):
                    self._add(seal, members, records, self._keys.verifications - verified)
                    return len(members)
        record, _ = self._waiting[place]
        entry = _decode(values[place])
        if entry is None:
            self._apart = max(self._apart - 1, 0)
            self._rest(record.position)
            return 1
        self._apart = max(entry.seal.sigs[0].size - entry.seal.sigs[0].at - 1, 0)
        seal, members = entry.seal, [member_of(entry)]
        records = self._waiting[place : place + 1]
        if (
            not is_unusual(seal.stream, seal.type)
            and self._is_whole(seal, members, records)
            and self._is_genuine(entry.action_bytes, seal.sigs, None)
        ):
            self._add(seal, members, records, self._keys.verifications - verified)
        else:
            self._rest(record.position)
        return 1

    def _is_whole(self, seal: Seal, members: Sequence[Member], records: Sequence[Claimed]) -> bool:
        """Whether nothing about these needs a closer look, and no cut lies among them."""
        position, index, count = records[0][0].position, seal.index, len(members)
        return (
            seal.origin == self._origin
            and all(record.position == position + n for n, (record, _) in enumerate(records))
            and self._cuts.isdisjoint(range(index + 1, index + count))
            and not any(
                stored is not None and _differs(member, stored)
                for member, (_, stored) in zip(members, records, strict=True)
            )
        )

    def _is_genuine(self, action: bytes, sigs: Sequence[Signature], root: bytes | None) -> bool:
        try:
            self._keys.check(action, sigs, root)
        except (SignatureError, ProofError):
            return False
        return True

    def _add(
        self,
        seal: Seal,
        members: Sequence[Member],
        records: Sequence[Claimed],
        verified: int,
    ) -> None:
        """Entries of one submission that hold by themselves: to the segment before or a new one."""
        position, index, prev = records[0][0].position, seal.index, seal.prev
        done = 0
        while done < len(members):
            making = self._making
            if making is None or not making.is_continued_by(position, index, prev, seal):
                self._end()
                making = self._making = _Making(position, index, prev, seal.recorded_at)
            making.sign(seal, verified)
            added = making.take(members[done:], seal.recorded_at)
            making.stored += sum(stored is not None for _, stored in records[done : done + added])
            done, verified = done + added, 0
            position, index, prev = position + added, index + added, making.leaf
            if done < len(members) or index in self._cuts:
                self._end()

    def _rest(self, position: int) -> None:
        self._end()
        last = self._parts[-1] if self._parts else None
        if isinstance(last, Rest) and last.end == position:
            self._parts[-1] = Rest(last.position, position + 1)
        else:
            self._parts.append(Rest(position, position + 1))

    def _end(self) -> None:
        if self._making is not None:
            self._parts.append(self._making.segment())
            self._making = None


def _decode(data: bytes | None) -> Entry | None:
    """The entry in a record, if it is one whose action has an id."""
    try:
        entry = None if data is None else decode_entry(data)
    except (EntryError, NewerFormatError):
        return None
    return entry if entry is not None and entry.typed is not None else None


def _differs(member: Member, stored: Stored) -> bool:
    return (
        stored.leaf != member.leaf
        or stored.action_id != member.action_id
        or stored.stream != member.stream
        or stored.version != member.version
    )


class _Making:
    """A segment that is not at its end yet."""

    def __init__(self, position: int, index: int, prev: str, recorded_at: str) -> None:
        self._position, self._index, self._prev = position, index, prev
        self._first_at = self._last_at = recorded_at
        self.leaf = prev
        self.stored = 0
        self._leaves: list[bytes] = []
        self._firsts: dict[str, tuple[int, str]] = {}
        self._lasts: dict[str, tuple[int, str]] = {}
        self._keys: set[str] = set()
        self._ends = ["", ""]
        self._actions = RecordedTwice()
        self._submissions = 0

    def is_continued_by(self, position: int, index: int, prev: str, seal: Seal) -> bool:
        """Whether what lies there goes on behind this: in place, in link, in time."""
        count = len(self._leaves)
        return (
            position == self._position + count
            and index == self._index + count
            and prev == self.leaf
            and seal.recorded_at >= self._last_at
        )

    def sign(self, seal: Seal, verified: int) -> None:
        """What follows is under these signatures, of which so many were verified just now."""
        self._keys.update(signature.key for signature in seal.sigs)
        self._submissions += verified
        self._ends[1] = f"{seal.sigs[-1].key} {seal.sigs[-1].sig}"
        if not self._leaves and verified:
            self._ends[0] = self._ends[1]

    def take(self, members: Sequence[Member], recorded_at: str) -> int:
        """Add members up to one that does not continue its stream here; how many were added."""
        lasts, leaves, actions = self._lasts, self._leaves, self._actions
        index = self._index + len(leaves)
        self._last_at = recorded_at
        for place, member in enumerate(members):
            stream, version, leaf = member.stream, member.version, member.leaf
            before = lasts.get(stream)
            if before is None:
                self._firsts[stream] = (version, member.stream_prev)
            elif before != (version - 1, member.stream_prev):
                return place
            lasts[stream] = (version, leaf)
            actions.add(member.action_id, index)
            leaves.append(bytes.fromhex(leaf))
            self.leaf = leaf
            index += 1
        return len(members)

    def segment(self) -> Segment:
        """All that was added."""
        return Segment(
            position=self._position,
            index=self._index,
            count=len(self._leaves),
            prev=self._prev,
            leaf=self.leaf,
            recorded_at=(self._first_at, self._last_at),
            streams=[
                SegmentStream(stream, *first, *self._lasts[stream])
                for stream, first in self._firsts.items()
            ],
            subtrees=subtrees_of(self._index, self._leaves),
            keys=sorted(self._keys),
            submissions=self._submissions,
            ends=(self._ends[0], self._ends[1]),
            actions=self._actions.shards(),
            stored=self.stored,
        )
