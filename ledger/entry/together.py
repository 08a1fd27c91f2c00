"""Entries that were signed together, read by what the first of them says of all the others.

All but the place, the path, the stream and the action of such an entry follows from the entry
before it. So the bytes are compared with what must stand there, in place of being decoded, written
again and compared. What is not as expected is not judged here: `decode_entry` and
`submission_roots` say of these entries the same, or what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from ledger.core.action import STREAM_PATTERN, TYPE_PATTERN, matches, read_action
from ledger.core.chain import Head, StreamHead
from ledger.core.merkle import leaf_hash, leaf_hashes
from ledger.entry.entry import (
    ENTRY_BYTES_MAX,
    Entry,
    EntryError,
    NewerFormatError,
    Seal,
    decode_entry,
)
from ledger.entry.log_state import GENESIS_TYPE, LogState
from ledger.entry.signatures import SignatureError, joined_path, submission_tree

_COUNT_MAX: Final = 2**53 - 1
_STREAM = re.compile(STREAM_PATTERN)
_TYPE = re.compile(TYPE_PATTERN)
_TAIL = re.compile(
    rb'([^"\\]+)","stream_prev":"([0-9a-f]{64})","type":"([^"\\]+)","v":1,'
    rb'"version":([1-9][0-9]{0,15})\}'  # no more: Python refuses to read a very long number
)


class Member(msgspec.Struct, frozen=True, gc=False):
    """One of the entries: what its seal says of its stream, its action with id, its hex leaf."""

    stream: str
    stream_prev: str
    version: int
    type: str
    action_id: str
    action_bytes: bytes
    leaf: str


class Together(NamedTuple):
    """A whole submission whose entries follow one another: the first's seal, root, and all.

    `is_unusual` where the fold has to look at one of them, because it changes the log itself or
    must not be.
    """

    seal: Seal
    root: bytes
    members: list[Member]
    is_unusual: bool


def read_together(values: Sequence[bytes | None], place: int) -> Together | None:
    """The submission that begins at `place` of some records' values, if it lies there whole.

    None where it does not, or an entry is none, has several signatures or an action that is none.
    """
    first = _read_first(values[place])
    if first is None:
        return None
    size = first.seal.sigs[0].size
    together = values[place : place + size]
    starts = None if len(together) < size else _compare_starts(first, together)
    if starts is None:
        return None
    cuts = [value.find(b"\n") for value in starts.values]
    actions = [value[cut + 1 :] for value, cut in zip(starts.values, cuts, strict=True)]
    root, paths = submission_tree(leaf_hashes(actions))
    if paths[0] != joined_path(first.seal.sigs[0]):
        return None
    members = [member_of(first)]
    unusual = is_unusual(first.seal.stream, first.seal.type)
    end = f'],"sig":"{first.seal.sigs[0].sig}","size":{size}}}],"stream":"'
    # More than one action, so every path has a hash.
    for at in range(1, size):
        value, start = starts.values[at], starts.lengths[at]
        text = f'"{paths[at]}"{end}'.encode()
        if not value.startswith(text, start):
            return None
        tail = _TAIL.fullmatch(value, start + len(text), cuts[at])
        member = None if tail is None else _member(tail, actions[at], starts.leaves[at])
        if member is None:
            return None
        members.append(member)
        unusual = unusual or is_unusual(member.stream, member.type)
    return Together(first.seal, root, members, unusual)


def is_unusual(stream: str, type_name: str) -> bool:
    """Whether an entry changes the log itself or must not be."""
    return stream.startswith("ledger:") or type_name == GENESIS_TYPE


def member_of(entry: Entry) -> Member:
    """An entry whose action has an id, as one of a submission."""
    seal = entry.seal
    return Member(
        seal.stream,
        seal.stream_prev,
        seal.version,
        seal.type,
        entry.action_id,
        entry.action_bytes,
        entry.leaf,
    )


def extend_by(state: LogState, together: Together) -> bool:
    """Take a submission into the state if all of it counts and none of it is void.

    Else nothing changes: `LogState.judge` then says what is wrong with which of its entries.
    """
    seal, members = together.seal, together.members
    if (
        together.is_unusual
        or seal.origin != state.origin
        or seal.index != state.head.size
        or seal.prev != state.head.leaf
        or seal.recorded_at < state.recorded_at
    ):
        return False
    heads: dict[str, StreamHead] = {}
    for member in members:
        stream = member.stream
        before = heads.get(stream)
        if before is None:
            before = state.stream_head(stream)
            if before.version == 0 and not state.holds(stream):
                return False
        if member.version != before.version + 1 or member.stream_prev != before.leaf:
            return False
        heads[stream] = StreamHead(member.version, member.leaf)
    try:
        # The root says where every path leads, so no action is looked at.
        state.keys.check(b"", seal.sigs, together.root)
    except SignatureError:
        return False
    state.head = Head(seal.index + len(members), members[-1].leaf)
    state.recorded_at = seal.recorded_at
    for stream, head in heads.items():
        state.set_stream_head(stream, head)
    return True


def whole_until(values: Sequence[bytes | None]) -> int:
    """How many values come before a submission that may go on behind the last of them."""
    last = None if not values else values[-1]
    if last is None:
        return len(values)
    try:
        signature = decode_entry(last).seal.sigs[0]
    except (EntryError, NewerFormatError):
        return len(values)
    begin = len(values) - 1 - signature.at
    return begin if begin > 0 and signature.at < signature.size - 1 else len(values)


class _Starts(NamedTuple):
    """Of each entry its bytes, how many of them were compared, and its leaf."""

    values: list[bytes]
    lengths: list[int]
    leaves: list[str]


def _read_first(value: bytes | None) -> Entry | None:
    if value is None:
        return None
    try:
        entry = decode_entry(value)
    except (EntryError, NewerFormatError):
        return None
    sigs = entry.seal.sigs
    if len(sigs) != 1 or sigs[0].at != 0 or entry.typed is None:
        return None
    return entry


def _compare_starts(first: Entry, together: Sequence[bytes | None]) -> _Starts | None:
    """All up to the path. Before the tree is made, so that no bytes cost more than their length."""
    seal, leaf = first.seal, first.leaf
    if seal.index + len(together) > _COUNT_MAX:
        return None
    origin = f',"origin":{_text(seal.origin)},"prev":"'
    time = f'","recorded_at":"{seal.recorded_at}","sigs":[{{"at":'
    key = f',"key":{_text(seal.sigs[0].key)},"path":['
    starts = _Starts([first.data], [0], [leaf])
    for at in range(1, len(together)):
        value = together[at]
        start = f'{{"index":{seal.index + at}{origin}{leaf}{time}{at}{key}'.encode()
        if value is None or len(value) > ENTRY_BYTES_MAX or not value.startswith(start):
            return None
        leaf = leaf_hash(value).hex()
        starts.values.append(value)
        starts.lengths.append(len(start))
        starts.leaves.append(leaf)
    return starts


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()


def _member(tail: re.Match[bytes], action_bytes: bytes, leaf: str) -> Member | None:
    typed = read_action(action_bytes)
    if typed is None:
        return None
    stream, prev, type_name, version = tail.groups()
    count = int(version)
    if (
        typed.stream.encode() != stream
        or typed.type.encode() != type_name
        or not matches(_STREAM, typed.stream)
        or not matches(_TYPE, typed.type)
        or count > _COUNT_MAX
    ):
        return None
    return Member(typed.stream, prev.decode(), count, typed.type, typed.id, action_bytes, leaf)
