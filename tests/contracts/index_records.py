"""Partitions for tests of indexes: entries that count, void ones, strays and gaps, by a recipe."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple

import msgspec

from ledger.app.group import seal_group
from ledger.app.log_index import MemoryIndex, PartitionIndex
from ledger.app.ports import Record
from ledger.app.submission import SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.findings import FindingError
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.core.times import format_instant
from ledger.entry.entry import decode_entry, encode_entry
from tests.simulation.small_log import AT, GENESIS, KEY, NOW, ORIGIN

GENESIS_LEAF = leaf_hash(GENESIS).hex()
STREAMS = ("dossier:a", "dossier:b/1", "officer:%C3%A9", f"ledger:{ORIGIN}")
FOREIGN_ID = "not a UUID, but an id all the same"


class Step(NamedTuple):
    """One thing that happens to a partition: `kind` with a `number` that varies it."""

    kind: str
    number: int


KINDS = (
    "entry",
    "group",
    "together",
    "void",
    "unsigned",
    "junk",
    "empty",
    "late",
    "again",
    "gap",
    "fork",
)


def an_action(stream: str, name: str, *, action_id: str | None = None) -> SignedAction:
    kind = stream.partition(":")[0]
    action = Action(
        id=action_id or uuid7_text(len(name), sha256(name.encode()).digest()),
        type=f"{kind}.note_added.v1",
        stream=stream,
        occurred_at=OccurredAt(AT, "second"),
        actor=Actor(kind="officer", id="C-0092"),
        data={"note": name},
    )
    if action_id is not None:
        # What no intake would take: a foreign writer with a key may have recorded it.
        data = encode_action(msgspec.structs.replace(action, id=uuid7_text(0, bytes(10))))
        data = data.replace(uuid7_text(0, bytes(10)).encode(), action_id.encode())
    else:
        data = encode_action(action)
    found = action.id if action_id is None else action_id
    return SignedAction(found, stream, action.type, data, KEY.sign([data])[0])


class Partition:
    """Records with their offsets, made step by step behind what already counts."""

    def __init__(self) -> None:
        self.records = [Record(0, GENESIS)]
        self.groups: list[int] = [1]
        """After so many records a writer's group or a foreign record ends: where one may stop."""
        self.index = MemoryIndex(ORIGIN, genesis_leaf=GENESIS_LEAF)
        self.index.add(self.records[0])
        self.offset = 1
        self._moment = 0

    def apply(self, number: int, step: Step) -> bool:
        """Carry one step out; False where the log is overwritten from then on."""
        try:
            getattr(self, f"_{step.kind}")(f"{number}", step.number)
        except FindingError:
            return False
        finally:
            self.groups.append(len(self.records))
        return True

    def _put(self, data: bytes | None) -> None:
        self.records.append(Record(self.offset, data))
        self.offset += 1
        self.index.add(self.records[-1])

    def _seal(self, actions: list[SignedAction]) -> list[bytes]:
        self._moment += 1
        recorded_at = format_instant(NOW + timedelta(seconds=self._moment))
        group = seal_group(ORIGIN, self.index, [Submission(tuple(actions))], recorded_at)
        return [entry.data for entry in group.entries]

    def _entry(self, name: str, number: int) -> None:
        stream = STREAMS[number % len(STREAMS)]
        for data in self._seal([an_action(stream, name)]):
            self._put(data)

    def _group(self, name: str, number: int) -> None:
        streams = (STREAMS[n % 3] for n in range(number, number + 2 + number % 5))
        actions = [an_action(stream, f"{name}-{n}") for n, stream in enumerate(streams)]
        for data in self._seal(actions):
            self._put(data)

    def _together(self, name: str, number: int) -> None:
        """Actions under one signature, of a few streams; sometimes the last ones are left out."""
        streams = [STREAMS[n % 2 + n % 3 // 2] for n in range(number, number + 2 + number % 6)]
        actions = [an_action(stream, f"{name}={n}") for n, stream in enumerate(streams)]
        sigs = KEY.sign([action.data for action in actions])
        signed = [msgspec.structs.replace(a, sigs=s) for a, s in zip(actions, sigs, strict=True)]
        sealed = self._seal(signed)
        for data in sealed[: len(sealed) - number % 7 // 6]:
            self._put(data)

    def _void(self, name: str, number: int) -> None:
        entry = decode_entry(self._seal([an_action(STREAMS[number % 4], name)])[0])
        seal = msgspec.structs.replace(entry.seal, version=entry.seal.version + 1 + number % 3)
        self._put(encode_entry(seal, entry.action_bytes))

    def _unsigned(self, name: str, number: int) -> None:
        other = an_action(STREAMS[number % 4], f"{name} other")
        action = msgspec.structs.replace(an_action(STREAMS[number % 4], name), sigs=other.sigs)
        self._put(self._seal([action])[0])

    def _junk(self, name: str, number: int) -> None:
        self._put(f"junk {name} {number}".encode())

    def _empty(self, name: str, number: int) -> None:
        self._put(None)

    def _late(self, name: str, number: int) -> None:
        self._put(self.records[number % len(self.records)].data)

    def _again(self, name: str, number: int) -> None:
        """A signed action that counts already is sealed and recorded once more."""
        entries = [r.data for r in self.records if r.data and r.data[:1] == b"{"]
        entry = decode_entry(entries[number % len(entries)])
        if entry.seal.index == 0:
            foreign = an_action(STREAMS[0], name, action_id=FOREIGN_ID)
            # Without an id here, sealing does not recognise it: as a foreign writer would.
            self._put(self._seal([msgspec.structs.replace(foreign, id="")])[0])
            return
        seal = entry.seal
        twin = SignedAction("", seal.stream, seal.type, entry.action_bytes, seal.sigs)
        self._put(self._seal([twin])[0])

    def _gap(self, name: str, number: int) -> None:
        self.offset += 1 + number % 3

    def _fork(self, name: str, number: int) -> None:
        """A batch behind the head that lost to another one: the first of it and its successor."""
        actions = [an_action(STREAMS[n], f"{name}-{n}") for n in range(2)]
        first, second = self._seal(actions)
        (winner,) = self._seal([an_action(STREAMS[number % 3], f"{name} wins")])
        if number % 2:
            self._put(second)
            self._put(winner)
            return
        self._put(winner)
        self._put(first)
        self._put(second)


def answers(index: PartitionIndex, streams: tuple[str, ...], action_ids: list[str]) -> dict:
    """Everything that an index can be asked."""
    size, count = index.head.size, index.notification_count()
    windows = [(0, None), (1, None), (0, 2), (1, 3), (3, 2), (0, 99)]
    numbers: list[object] = []
    for at in range(size + 1):
        try:
            numbers.append(index.notification_id(at))
        except KeyError:
            numbers.append(None)
    return {
        "head": index.head,
        "recorded_at": index.state.recorded_at,
        "position": index.position,
        "overlap": index.overlap(),
        "streams": {name: index.stream_head(name) for name in streams},
        "places": {action_id: index.place_of(action_id) for action_id in action_ids},
        "offsets": [index.offset_of(at) for at in range(size)],
        "leaves": [index.leaf_of(at) for at in range(size)],
        "indices": {
            (name, *window): list(index.stream_indices(name, *window))
            for name in streams
            for window in windows
        },
        "notifications": [
            list(index.notification_indices(start, stop, limit))
            for start, stop, limit in ((1, None, 99), (2, 4, 9), (3, None, 1), (count + 1, None, 9))
        ],
        "count": count,
        "numbers": numbers,
        "strays": list(index.strays),
        "own": list(index.own_entries),
        "keys": [key.id for key in index.state.keys],
        "expects": index.expect,
    }
