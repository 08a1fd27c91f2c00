"""Protocols that are a little weaker than the real one. Each loses something; the explorer sees it.

Only here: a variant is made by overriding or by telling the model that the broker behaves worse.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ledger.app.effects import Deliver, Phase
from ledger.app.group import Group, _GroupBuilder
from ledger.app.log_index import MemoryIndex
from ledger.app.sequencer import Sequencer, _answers
from ledger.app.submission import UnavailableError
from ledger.core.chain import Head
from ledger.entry.log_state import LogState, Stray
from tests.simulation.scenarios import (
    ONE_ID_AT_TWO_WRITERS,
    ONE_ID_TWICE,
    SAVE_OF_TWO,
    THREE_ACTIONS,
)
from tests.simulation.world import Command, Rules

NOT_RECORDED = UnavailableError("not recorded")


class EchoNotCompared(Sequencer):
    def echoed(self, session, base_offset, moment):
        return super().echoed(session, self.index.position, moment)


class MinusOneIsSuccess(Sequencer):
    def echoed(self, session, base_offset, moment):
        known = self.index.position if base_offset == -1 else base_offset
        return super().echoed(session, known, moment)


class AnsweredBeforeEcho(Sequencer):
    def _send_group(self, moment):
        effects = super()._send_group(moment)
        if self._in_flight is None:
            return effects
        group, waiting = self._in_flight
        self._in_flight = self._in_flight._replace(
            group=msgspec.structs.replace(group, answers=()), waiting=()
        )
        return effects + _answers(group, waiting)


def _say_absent(machine: Sequencer) -> list:
    """Tell those whose batch was sent and is not in the log, as read, that it was not recorded."""
    absent = [
        waiting
        for waiting in machine._queue
        if waiting.sent and machine.index.place_of(waiting.submission.actions[0].id) is None
    ]
    for waiting in absent:
        machine._queue.remove(waiting)
    return [Deliver(waiting.token, NOT_RECORDED) for waiting in absent]


class NoSessionEntry(Sequencer):
    """Reads the log, and serves on that alone."""

    def end_reached(self, session, end, session_id, moment):
        self.phase = Phase.SERVING
        return _say_absent(self) + self.flush(moment)


class SaidWhenGivenUp(Sequencer):
    def _reopen(self, reason, moment):
        said = [Deliver(w.token, NOT_RECORDED) for w in self._queue if w.sent]
        for waiting in [w for w in self._queue if w.sent]:
            self._queue.remove(waiting)
        return said + super()._reopen(reason, moment)


class SaidBeforeTheOpeningCounts(Sequencer):
    def end_reached(self, session, end, session_id, moment):
        said = _say_absent(self) if self.phase is Phase.READING else []
        return said + super().end_reached(session, end, session_id, moment)


class SentIsForgotten(Sequencer):
    """Does not remember, of what goes back to the queue, that it may have been recorded."""

    def _requeue(self):
        super()._requeue()
        for waiting in self._queue:
            waiting.sent.clear()


class SentAgainWithoutReading(Sequencer):
    """Takes from the broker where the log ends, and sends again what was in flight."""

    def _sends_again(self):
        return self.phase is Phase.READING and any(waiting.sent for waiting in self._queue)

    def records(self, session, records, next_offset, moment):
        if not self._sends_again():
            return super().records(session, records, next_offset, moment)
        self.index.position = next_offset
        return []

    def end_reached(self, session, end, session_id, moment):
        if not self._sends_again():
            return super().end_reached(session, end, session_id, moment)
        self.phase = Phase.SERVING
        return self.flush(moment)


class _Forgets(dict):
    """Answers of nothing that it holds."""

    def get(self, key, default=None):
        return default


class _OnlyTheLog(_GroupBuilder):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.places = _Forgets()


class _OnlyTheGroup(_GroupBuilder):
    def __init__(self, origin, index, recorded_at):
        super().__init__(origin, _WithoutPlaces(index), recorded_at)


class _WithoutPlaces:
    def __init__(self, index):
        self._index = index

    def __getattr__(self, name):
        return getattr(self._index, name)

    def place_of(self, action_id):
        return None


def _sealed_by(builder_type: type[_GroupBuilder]) -> type[Sequencer]:
    class Sealing(Sequencer):
        def _seal(self, submissions, moment):
            recorded_at = super()._seal([], moment).recorded_at
            builder = builder_type(self.index.origin, self.index, recorded_at)
            answers = tuple(builder.add(item) for item in submissions)
            head = Head(builder.size, builder.leaf)
            return Group(tuple(builder.entries), answers, head, builder.streams, recorded_at)

    return Sealing


class _AnyPrev(LogState):
    def place(self, entry):
        result = super().place(entry)
        if isinstance(result, Stray) and result.entry is not None:
            return result.entry if result.entry.seal.index == self.head.size else result
        return result


class PrevNotChecked(MemoryIndex):
    def __init__(self, origin, **options):
        super().__init__(origin, **options)
        self.state = _AnyPrev(origin)


class Variant(NamedTuple):
    """A weaker protocol, a case in which that shows, and what the explorer must find.

    `trace` names the counterexample: these steps, in this order, are part of the shortest one.
    """

    name: str
    rules: Rules
    commands: tuple[Command, ...]
    violation: str
    trace: tuple[str, ...]
    faults: int = 1
    openings: int = 3


VARIANTS = (
    Variant(
        "the echo is not compared",
        Rules(EchoNotCompared),
        THREE_ACTIONS,
        "acknowledged, and not there",
        ("writer 1's batch (opening): lands", "(A): lands", "(A): echo"),
    ),
    Variant(
        "an answer of -1 is taken as success",
        Rules(MinusOneIsSuccess),
        THREE_ACTIONS,
        "acknowledged, and not there",
        ("writer 1's batch (opening): lands", "(A): lands", "(A): answer is -1"),
    ),
    Variant(
        "answered before the echo",
        Rules(AnsweredBeforeEcho),
        THREE_ACTIONS,
        "acknowledged, and not there",
        ("opening): echo", "writer 0 reads"),
    ),
    Variant(
        "no session entry",
        Rules(NoSessionEntry),
        THREE_ACTIONS,
        "reported as not recorded, and it counts",
        ("answer lost", "back-off ends", "reads", "lands"),
    ),
    Variant(
        "'not recorded' said when the batch was given up",
        Rules(SaidWhenGivenUp),
        THREE_ACTIONS,
        "reported as not recorded, and it counts",
        ("answer lost",),
    ),
    Variant(
        "'not recorded' said before the opening entry counts",
        Rules(SaidBeforeTheOpeningCounts),
        THREE_ACTIONS,
        "reported as not recorded, and it counts",
        ("answer lost", "back-off ends", "reads", "(A): lands"),
    ),
    Variant(
        "what was sent is forgotten",
        Rules(SentIsForgotten),
        THREE_ACTIONS,
        "reported as not recorded, and it counts",
        ("writer 0 is closed", "(A): lands"),
    ),
    Variant(
        "a save is split over two batches",
        Rules(whole_batches=False),
        SAVE_OF_TWO,
        "half of a save counts",
        ("(A1): lands",),
    ),
    Variant(
        "a batch is sent again without reading",
        Rules(SentAgainWithoutReading),
        THREE_ACTIONS[:2],
        "acknowledged, and not there",
        ("(A): answer lost", "writer 0 back-off ends", "writer 0 reads", "(A): lands", "(A): echo"),
    ),
    Variant(
        "acks=1",
        Rules(acks_all=False),
        THREE_ACTIONS,
        "acknowledged, and not there",
        ("(A): lands", "(A): echo", "leader moves"),
        faults=0,
    ),
    Variant(
        "prev is not checked",
        Rules(index=PrevNotChecked, check_prev=False),
        SAVE_OF_TWO,
        "half of a save counts",
        ("writer 1's batch (opening): lands", "(A1, A2): lands"),
    ),
    Variant(
        "ids are not compared within a group",
        Rules(_sealed_by(_OnlyTheLog)),
        ONE_ID_TWICE,
        "an action counts twice",
        ("(A, A): lands",),
        faults=0,
    ),
    Variant(
        "ids are not compared with the log",
        Rules(_sealed_by(_OnlyTheGroup)),
        ONE_ID_AT_TWO_WRITERS[:2],
        "an action counts twice",
        ("writer 0's batch (A): lands", "writer 1's batch (A): lands"),
        faults=0,
    ),
)
