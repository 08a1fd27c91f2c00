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
    """Sealed entries in order, the answers that hold once they have landed, and the head then.

    `answers` belong to the first `len(answers)` submissions; the others did not fit.
    """

    entries: tuple[SealedEntry, ...]
    answers: tuple[Answer, ...]
    head: Head
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
        self.head = index.head
        self.entries: list[SealedEntry] = []
        self.bytes = 0
        self.streams: dict[str, StreamHead] = {}
        self.places: dict[str, Place] = {}

    def stream_head(self, stream: str) -> StreamHead:
        return self.streams.get(stream) or self.index.stream_head(stream)

    def place_of(self, action_id: str) -> Place | None:
        return self.places.get(action_id) or self.index.place_of(action_id)

    def add(self, submission: Submission) -> Answer | None:
        """Seal one submission whole; None when the group is full and it has to wait."""
        before = (self.head, len(self.entries), self.bytes)
        streams: dict[str, StreamHead | None] = {}
        places: list[Place] = []
        for action in submission.actions:
            result = self._add_action(action, streams)
            if isinstance(result, Place):
                places.append(result)
                continue
            self._undo(before, streams)
            return result
        answer = Recorded(tuple(places), new=len(self.entries) - before[1])
        over = len(self.entries) > GROUP_ENTRIES_MAX or self.bytes > GROUP_BYTES_MAX
        if over and before[1] > 0:
            self._undo(before, streams)
            return None
        return answer

    def _add_action(
        self, action: SignedAction, streams: dict[str, StreamHead | None]
    ) -> Place | Refused:
        digest = sha256(action.data).digest()
        known = self.place_of(action.id)
        if known is not None:
            if known.digest == digest:
                return known
            message = f"action id {action.id} is recorded at index {known.index} with other bytes"
            return Refused("action.id_reused", message, action.id, self.head.size)
        stream_head = self.stream_head(action.stream)
        if stream_head.version == 0 and not self.index.holds(action.stream):
            message = f"{action.stream} belongs into another log of this ledger than {self.origin}"
            return Refused("stream.other_log", message, action.id, self.head.size)
        version = stream_head.version + 1
        if action.expected_version not in (None, version):
            message = (
                f"{action.stream}: expected version {action.expected_version}, next is {version}"
            )
            return Refused("stream.version_conflict", message, action.id, self.head.size)
        seal = Seal(
            index=self.head.size,
            origin=self.origin,
            prev=self.head.leaf,
            recorded_at=self.recorded_at,
            sigs=action.sigs,
            stream=action.stream,
            stream_prev=stream_head.leaf,
            type=action.type,
            v=FORMAT_VERSION,
            version=version,
        )
        try:
            data = encode_entry(seal, action.data)
        except EntryError as error:
            return Refused("entry.too_large", str(error), action.id, self.head.size)
        place = Place(seal.index, version, leaf_hash(data).hex(), digest)
        streams.setdefault(action.stream, self.streams.get(action.stream))
        self.streams[action.stream] = StreamHead(version, place.leaf)
        self.places[action.id] = place
        self.head = Head(seal.index + 1, place.leaf)
        self.bytes += len(data)
        self.entries.append(SealedEntry(data, action.stream, action.type, action.id, place))
        return place

    def _undo(self, before: tuple[Head, int, int], streams: dict[str, StreamHead | None]) -> None:
        self.head, count, self.bytes = before
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
    return Group(tuple(builder.entries), tuple(answers), builder.head, recorded_at)
