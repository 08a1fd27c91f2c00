"""Group commit: seal a queue of submissions behind one head. Pure; both logs seal with this.

Everything is decided against the log as it is plus the group so far: versions, and action ids (the
same id with the same bytes is one entry with one answer; with other bytes it is refused).
Nothing is applied to the log here: the caller does that once the group has landed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol

import msgspec

from ledger.app.limits import GROUP_BYTES_MAX, GROUP_ENTRIES_MAX
from ledger.app.submission import Answer, Place, Recorded, Refused, SignedAction, Submission
from ledger.core.chain import Head, StreamHead
from ledger.core.merkle import leaf_hash
from ledger.core.times import format_instant, parse_instant
from ledger.entry.entry import FORMAT_VERSION, EntryError, Seal, encode_entry


class LogIndex(Protocol):
    """What sealing asks of a log: heads, and where an action id was recorded."""

    @property
    def head(self) -> Head:
        """Size and leaf of the log."""

    def stream_head(self, stream: str) -> StreamHead:
        """Version and leaf of a stream; version 0 where it has no entries."""

    def place_of(self, action_id: str) -> Place | None:
        """Where the action was recorded, if it was."""

    def holds(self, stream: str) -> bool:
        """Whether the stream belongs into this log, and not into another of the ledger's."""


class SealedEntry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a group with what the indexes need to know of it."""

    data: bytes
    stream: str
    type: str
    action_id: str
    place: Place


class Group(msgspec.Struct, frozen=True):
    """Sealed entries in order, the answers that hold once they have landed, and the heads then.

    `answers` belong to the first `len(answers)` submissions; the others did not fit. `streams` has
    each stream of the group.
    """

    entries: tuple[SealedEntry, ...]
    answers: tuple[Answer, ...]
    head: Head
    streams: dict[str, StreamHead]
    recorded_at: str


def next_recorded_at(now: datetime, last: str) -> str:
    """`now`, or a microsecond after `last`: each group has its own time, never an earlier one."""
    text = format_instant(now)
    if text > last:
        return text
    return format_instant(parse_instant(last) + timedelta(microseconds=1))


class _GroupBuilder:
    def __init__(self, origin: str, index: LogIndex, recorded_at: str) -> None:
        self.origin = origin
        self.index = index
        self.recorded_at = recorded_at
        # Not a Head: one is made for each entry.
        self.size, self.leaf = index.head
        self.entries: list[SealedEntry] = []
        self.bytes = 0
        self.streams: dict[str, StreamHead] = {}
        self.places: dict[str, Place] = {}

    def add(self, submission: Submission) -> Answer | None:
        """Seal one submission whole; None when the group is full and it has to wait."""
        before = (self.size, self.leaf, len(self.entries), self.bytes)
        streams: dict[str, StreamHead | None] = {}
        places: list[Place] = []
        for action in submission.actions:
            result = self._add_action(action, streams)
            if isinstance(result, Place):
                places.append(result)
                continue
            self._undo(before, streams)
            return result
        count = before[2]
        answer = Recorded(tuple(places), len(self.entries) - count)
        over = len(self.entries) > GROUP_ENTRIES_MAX or self.bytes > GROUP_BYTES_MAX
        if over and count > 0:
            self._undo(before, streams)
            return None
        return answer

    def _add_action(
        self, action: SignedAction, streams: dict[str, StreamHead | None]
    ) -> Place | Refused:
        digest = sha256(action.data).digest()
        known = self.places.get(action.id) or self.index.place_of(action.id)
        if known is not None:
            if known.digest == digest:
                return known
            message = f"action id {action.id} is recorded at index {known.index} with other bytes"
            return Refused("action.id_reused", message, action.id, self.size)
        stream = action.stream
        before = self.streams.get(stream)
        stream_head = before or self.index.stream_head(stream)
        if stream_head.version == 0 and not self.index.holds(stream):
            message = f"{stream} belongs into another log of this ledger than {self.origin}"
            return Refused("stream.other_log", message, action.id, self.size)
        version = stream_head.version + 1
        if action.expected_version not in (None, version):
            message = f"{stream}: expected version {action.expected_version}, next is {version}"
            return Refused("stream.version_conflict", message, action.id, self.size)
        seal = Seal(
            index=self.size,
            origin=self.origin,
            prev=self.leaf,
            recorded_at=self.recorded_at,
            sigs=action.sigs,
            stream=stream,
            stream_prev=stream_head.leaf,
            type=action.type,
            v=FORMAT_VERSION,
            version=version,
        )
        try:
            data = encode_entry(seal, action.data)
        except EntryError as error:
            return Refused("entry.too_large", str(error), action.id, self.size)
        leaf = leaf_hash(data).hex()
        place = Place(self.size, version, leaf, digest)
        streams.setdefault(stream, before)
        self.streams[stream] = StreamHead(version, leaf)
        self.places[action.id] = place
        self.size, self.leaf = self.size + 1, leaf
        self.bytes += len(data)
        self.entries.append(SealedEntry(data, stream, action.type, action.id, place))
        return place

    def _undo(
        self, before: tuple[int, str, int, int], streams: dict[str, StreamHead | None]
    ) -> None:
        self.size, self.leaf, count, self.bytes = before
        for entry in self.entries[count:]:
            del self.places[entry.action_id]
        del self.entries[count:]
        for stream, head in streams.items():
            if head is None:
                self.streams.pop(stream, None)
            else:
                self.streams[stream] = head


def seal_group(
    origin: str, index: LogIndex, submissions: Sequence[Submission], recorded_at: str
) -> Group:
    """Seal as many submissions, from the first on, as fit one batch; at least one is taken."""
    builder = _GroupBuilder(origin, index, recorded_at)
    answers: list[Answer] = []
    for submission in submissions:
        answer = builder.add(submission)
        if answer is None:
            break
        answers.append(answer)
    return Group(
        tuple(builder.entries),
        tuple(answers),
        Head(builder.size, builder.leaf),
        builder.streams,
        recorded_at,
    )
