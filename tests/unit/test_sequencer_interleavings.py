"""Every interleaving of two writers over one partition, with lost echoes and late landings.

A world is two sequencers, a partition in memory and the batches under way. Its steps: a batch
lands, its echo arrives, the echo is lost, the writer gives up before the batch lands, back-off
ends, a caller's time runs out. All orders are explored, up to a number of faults.
"""

from __future__ import annotations

import copy
import os
from collections import deque
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.app.effects import Deliver, Moment, NewProducer, Phase, ReadFrom, SendBatch
from ledger.app.genesis import genesis_entry
from ledger.app.log_index import MemoryIndex
from ledger.app.ports import Record
from ledger.app.sequencer import Sequencer
from ledger.app.submission import Recorded, Refused, SignedAction, Submission, UnavailableError
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.ids import uuid7_text
from ledger.entry.entry import Entry
from ledger.entry.log_state import LogState
from ledger.entry.signatures import SigningKey

ORIGIN = "ledger.example/interleavings/0"
AT = "2026-03-02T08:00:00.000000Z"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
SOON, AFTER_BACKOFF, TOO_LATE = (Moment(NOW, s) for s in (0.0, 1e9, 1e15))
STEPS_MAX = 22
STATES_MAX = int(os.environ.get("PAL_EXPLORE_STATES", "2500"))
"""States visited per case, the nearest first; a larger number goes deeper."""


def an_id(text: str) -> str:
    return uuid7_text(0, sha256(text.encode()).digest())


GENESIS = genesis_entry(
    ORIGIN.rpartition("/")[0], 0, 1, [KEY.enrolled()], KEY, an_id("genesis"), AT, "0" * 64
)


def submission(name: str, expected: int | None = None) -> Submission:
    action = Action(
        id=an_id(name),
        type="dossier.note_added.v1",
        stream="dossier:a",
        occurred_at=OccurredAt(AT, "second"),
        actor=Actor(kind="officer", id="C-0092"),
        data={"note": name},
    )
    data = encode_action(action)
    signed = SignedAction(
        action.id, action.stream, action.type, data, KEY.sign([data])[0], expected
    )
    return Submission((signed,))


class Batch:
    """A batch under way: `waiting` while its writer still listens, `base` once it has landed."""

    def __init__(self, writer: int, effect: SendBatch) -> None:
        self.writer, self.session, self.entries = writer, effect.session, effect.entries
        self.waiting = True
        self.base = -1


class ViolationError(Exception):
    """What has been answered does not hold."""


class World:
    def __init__(self, machine: type[Sequencer], commands: list[Submission], faults: int) -> None:
        self.partition = [GENESIS]
        self.batches: list[Batch] = []
        self.faults = faults
        self.commands = commands
        self.outcomes: dict[int, object] = {}
        self.writers = [
            machine(MemoryIndex(ORIGIN), KEY, software=f"w{n}", timeout_seconds=1e12)
            for n in range(len(commands))
        ]
        for number, command in enumerate(commands):
            self.apply(number, self.writers[number].submit(number, command, SOON))
        for number in range(len(commands)):
            self.apply(number, self.writers[number].flush(SOON))

    def fork(self) -> World:
        # Keys and signed values are frozen: copies share them.
        memo: dict[int, object] = {id(KEY): KEY, id(self.commands): self.commands}
        for writer in self.writers:
            for pair in writer.index.state.keys._keys.values():
                memo[id(pair)] = pair
        return copy.deepcopy(self, memo)

    def signature(self) -> object:
        return (
            tuple(self.partition),
            tuple((b.writer, b.session, b.entries, b.waiting, b.base) for b in self.batches),
            tuple(
                (
                    w.phase,
                    w.session,
                    w.index.position,
                    w.backlog,
                    tuple(len(q.sent) for q in w._queue),
                )
                for w in self.writers
            ),
            tuple(sorted((token, repr(outcome)) for token, outcome in self.outcomes.items())),
            self.faults,
        )

    def apply(self, number: int, effects: list) -> None:
        writer = self.writers[number]
        if writer.index.broken is not None:
            self.check()
        for effect in effects:
            if isinstance(effect, Deliver):
                assert effect.token not in self.outcomes, "answered twice"
                self.outcomes[effect.token] = effect.outcome
                self.check()
            elif isinstance(effect, NewProducer):
                self.apply(number, writer.producer_ready(effect.session))
            elif isinstance(effect, SendBatch):
                self.batches.append(Batch(number, effect))
            elif isinstance(effect, ReadFrom):
                end = len(self.partition)
                records = [Record(o, self.partition[o]) for o in range(effect.offset, end)]
                self.apply(number, writer.records(effect.session, records, end, SOON))
                session_id = an_id(f"session {number} {effect.session}")
                self.apply(number, writer.end_reached(effect.session, end, session_id, SOON))

    def steps(self) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for place, batch in enumerate(self.batches):
            if batch.base < 0:
                found.append(("land", place))
            if batch.waiting and batch.base >= 0:
                found.append(("echo", place))
            if batch.waiting and self.faults:
                found.append(("lose", place))
        for number, writer in enumerate(self.writers):
            if writer.phase is Phase.WAITING:
                found.append(("backoff ends", number))
                if self.faults and number not in self.outcomes:
                    found.append(("caller's time is up", number))
        return found

    def take(self, step: tuple[str, int]) -> None:
        kind, place = step
        if kind in ("backoff ends", "caller's time is up"):
            self.faults -= kind != "backoff ends"
            moment = AFTER_BACKOFF if kind == "backoff ends" else TOO_LATE
            self.apply(place, self.writers[place].tick(moment))
            return
        batch = self.batches[place]
        writer = self.writers[batch.writer]
        if kind == "land":
            batch.base = len(self.partition)
            self.partition.extend(batch.entries)
            self.check()
            return
        batch.waiting = False
        if kind == "echo":
            self.apply(batch.writer, writer.echoed(batch.session, batch.base, SOON))
        else:
            self.faults -= 1
            self.apply(batch.writer, writer.batch_unknown(batch.session, "no answer", SOON))

    def check(self) -> None:
        """What has been answered holds in the partition as it is, by the chain rule alone."""
        state, places = LogState(ORIGIN), {}
        for data in self.partition:
            result = state.admit(data)
            if isinstance(result, Entry):
                judged = state.judge(result)
                if judged.void:
                    raise ViolationError(f"void: {judged.findings}")
                action_id = result.action["id"]
                if action_id in places:
                    raise ViolationError(f"{action_id} is recorded twice")
                places[action_id] = (result.seal.index, result.leaf)
        for writer in self.writers:
            if writer.index.broken is not None:
                raise ViolationError(f"a sound log was called overwritten: {writer.index.broken}")
        for token, outcome in self.outcomes.items():
            (action,) = self.commands[token].actions
            if isinstance(outcome, Recorded):
                place = outcome.places[0]
                if places.get(action.id) != (place.index, place.leaf):
                    raise ViolationError(f"acknowledged and not there: {place}")
            elif isinstance(outcome, Refused | UnavailableError):
                others = [c for t, c in enumerate(self.commands) if t != token]
                if action.id in places and self.commands[token] not in others:
                    raise ViolationError(f"said not to be recorded and it is: {outcome}")


def explore(machine: type[Sequencer], commands: list[Submission], faults: int) -> tuple[int, set]:
    """Visit every state once; the number of states and the kinds of outcomes where all is said."""
    worlds = deque([(World(machine, commands, faults), 0)])
    seen: set[object] = set()
    endings: set[tuple[str, ...]] = set()
    while worlds and len(seen) < STATES_MAX:
        world, depth = worlds.popleft()
        steps = world.steps()
        if len(world.outcomes) == len(commands):
            endings.add(tuple(type(world.outcomes[n]).__name__ for n in range(len(commands))))
        if not steps:
            assert len(world.outcomes) == len(commands), "somebody waits for ever"
        if depth == STEPS_MAX:
            continue
        for step in steps:
            after = world.fork()
            after.take(step)
            signature = hash(after.signature())
            if signature not in seen:
                seen.add(signature)
                worlds.append((after, depth + 1))
    return len(seen), endings


TWO = [submission("first"), submission("second")]
RECORDED = ("Recorded", "Recorded")


@pytest.mark.parametrize(
    ("commands", "faults"),
    [
        (TWO[:1], 3),
        (TWO, 0),
        (TWO, 1),
        ([submission("same"), submission("same")], 1),
        ([submission("first", 1), submission("second", 1)], 1),
    ],
)
def test_no_interleaving_loses_doubles_or_misplaces(commands, faults) -> None:
    states, endings = explore(Sequencer, commands, faults)
    assert states > 20
    if commands[0].actions[0].expected_version == 1:
        assert RECORDED not in endings
        assert ("Recorded", "Refused") in endings
    elif faults == 0:
        assert endings == {RECORDED}
    else:
        assert endings


class EchoNotCompared(Sequencer):
    def echoed(self, session, base_offset, moment):
        return super().echoed(session, self.index.position, moment)


class NoSessionEntry(Sequencer):
    """Reads the log and, on that alone, says what is not in it."""

    def end_reached(self, session, end, session_id, moment):
        self.phase = Phase.SERVING
        absent = [
            waiting
            for waiting in self._queue
            if waiting.sent and self.index.place_of(waiting.submission.actions[0].id) is None
        ]
        for waiting in absent:
            self._queue.remove(waiting)
        error = UnavailableError("not recorded")
        return [Deliver(waiting.token, error) for waiting in absent] + self.flush(moment)


class SaidTooEarly(Sequencer):
    def _reopen(self, reason, moment):
        error = UnavailableError("not recorded")
        early = [Deliver(waiting.token, error) for waiting in self._queue if waiting.sent]
        for waiting in [waiting for waiting in self._queue if waiting.sent]:
            self._queue.remove(waiting)
        return early + super()._reopen(reason, moment)


@pytest.mark.parametrize("broken", [EchoNotCompared, NoSessionEntry, SaidTooEarly])
def test_the_exploration_finds_what_a_weaker_protocol_breaks(broken) -> None:
    with pytest.raises(ViolationError):
        explore(broken, TWO, 2)
