"""The writer's session as a state machine without I/O (KAFKA.md section 1, steps 2 to 5).

In come opening, records, echoes, failures, submissions and the clock; out go effects that an
adapter carries out. Safety rests on two rules alone: a record counts only if it extends the head
(`LogState`), and a batch is acknowledged only when it landed where it was expected. Everything
else is unknown until a later `ledger.writer_opened` of this process counts; only then are the
submissions that were in flight looked up by action id, or decided again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from ledger.app.admission import refusal, together
from ledger.app.effects import (
    CloseProducer,
    Deliver,
    Effect,
    Moment,
    NewProducer,
    Phase,
    ReadFrom,
    SendBatch,
    WakeAt,
)
from ledger.app.group import Group, next_recorded_at, seal_group
from ledger.app.limits import (
    APPEND_TIMEOUT_SECONDS,
    CLOCK_AHEAD_SECONDS_MAX,
    GROUP_ENTRIES_MAX,
)
from ledger.app.log_index import PartitionIndex
from ledger.app.ports import Record
from ledger.app.read_ahead import Ahead, ReadRun
from ledger.app.submission import (
    LedgerError,
    OutcomeUnknownError,
    Recorded,
    SignedAction,
    Submission,
    UnavailableError,
)
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.findings import FindingError
from ledger.core.times import add_seconds, format_instant
from ledger.entry.entry import NewerFormatError
from ledger.entry.signatures import SigningKey

WRITER_OPENED: Final = "ledger.writer_opened.v1"
OPENINGS_MAX: Final = 12
"""Openings in a row without one that counts: another writer is faster, this is not the owner."""
BACKOFF_SECONDS: Final = 0.05
BACKOFF_SECONDS_MAX: Final = 2.0


class _Waiting:
    """A submission in the queue. `sent` holds the leaves that it had in batches of unknown fate."""

    __slots__ = ("deadline", "sent", "submission", "token")

    def __init__(self, token: int, submission: Submission, deadline: float) -> None:
        self.token = token
        self.submission = submission
        self.deadline = deadline
        self.sent: set[str] = set()


class _InFlight(NamedTuple):
    group: Group
    waiting: tuple[_Waiting, ...]


class Sequencer:
    """One writer of one log. Every method gives the effects to carry out, in order.

    Inputs of a session that is over (a late echo, a read cut off) carry its number and are ignored.
    """

    def __init__(
        self,
        index: PartitionIndex,
        key: SigningKey,
        *,
        software: str,
        timeout_seconds: float = APPEND_TIMEOUT_SECONDS,
    ) -> None:
        self.index = index
        self.phase = Phase.CLOSED
        self.session = 0
        self.openings = 0
        self._key = key
        self._software = software
        self._timeout = timeout_seconds
        self._queue: deque[_Waiting] = deque()
        self._in_flight: _InFlight | None = None
        self._opened = ""
        self._opened_at = 0
        self._reason = "start"
        self._session_id = ""
        self._previous_id = ""
        self._wake_at = 0.0
        self._last_error = "the log was not reached yet"
        self._failed: Exception | None = None

    @property
    def backlog(self) -> int:
        """Submissions without an answer."""
        return len(self._queue) + (len(self._in_flight.waiting) if self._in_flight else 0)

    @property
    def session_id(self) -> str:
        """The id of the session that serves now, as its opening entry has it; "" for none."""
        return self._session_id if self.phase is Phase.SERVING else ""

    # From callers

    def submit(self, token: int, submission: Submission, moment: Moment) -> list[Effect]:
        """Queue a submission; `flush` sends it together with whatever else is queued by then."""
        if self._failed is not None:
            return [Deliver(token, self._failed)]
        self._queue.append(_Waiting(token, submission, moment.seconds + self._timeout))
        return []

    def flush(self, moment: Moment) -> list[Effect]:
        """Send what is queued, where nothing is in flight; opens the writer where it is closed."""
        if not self._queue or self._failed is not None:
            return []
        if self.phase is Phase.CLOSED:
            self.openings = 0
            return self._open()
        if self.phase is not Phase.SERVING or self._in_flight is not None:
            return []
        return self._send_group(moment)

    # From the log

    def producer_ready(self, session: int) -> list[Effect]:
        """The new producer is there: read what the log holds."""
        if session != self.session or self.phase is not Phase.CONNECTING:
            return []
        self.phase = Phase.READING
        return [ReadFrom(self.session, self.index.overlap())]

    def records(
        self,
        session: int,
        records: Ahead | ReadRun | Sequence[Record],
        next_offset: int,
        moment: Moment,
    ) -> list[Effect]:
        """Records read, in order; `next_offset` also passes control records, which are none."""
        if session != self.session:
            return []
        try:
            self.index.take_in(records, next_offset)
        except (FindingError, LedgerError) as error:
            return self._fail(error)
        except NewerFormatError as error:
            return self._fail(UnavailableError(str(error), next_step="install newer software"))
        return self._expire(moment)

    def end_reached(self, session: int, end: int, session_id: str, moment: Moment) -> list[Effect]:
        """All records up to offset `end` are in. `session_id` is a fresh UUIDv7."""
        if session != self.session:
            return []
        if self.phase is Phase.CONFIRMING:
            return self._confirm(moment)
        if self.phase is not Phase.READING:
            return []
        try:
            self.index.check_end(end)
        except FindingError as error:
            return self._fail(error)
        refusal = self._check_head(moment)
        if refusal is not None:
            return self._give_up(refusal)
        return self._send_opened(session_id, moment)

    def echoed(self, session: int, base_offset: int, moment: Moment) -> list[Effect]:
        """The broker's answer: the batch lies at `base_offset` (-1: it does not know)."""
        if session != self.session or self._in_flight is None:
            return []
        if base_offset != self.index.position:
            reason = f"a batch landed at {base_offset}, expected {self.index.position}"
            return self.batch_unknown(session, reason, moment)
        if self.phase is Phase.OPENING:
            # Echoed is not enough for the first entry of a session: it must be read, and count.
            self.phase = Phase.CONFIRMING
            self._opened_at = base_offset
            return [ReadFrom(self.session, self.index.position)]
        group, waiting = self._in_flight
        self._in_flight = None
        self.index.add_landed(group, base_offset)
        effects = _answers(group, waiting)
        return [*effects, *self._expire(moment), *self.flush(moment)]

    def batch_unknown(self, session: int, reason: str, moment: Moment) -> list[Effect]:
        """Whether the batch landed is not known: the session is over, open another."""
        if session != self.session or self._in_flight is None:
            return []
        self._requeue()
        return self._reopen(reason, moment)

    def failed(self, session: int, reason: str, moment: Moment) -> list[Effect]:
        """The producer could not be made or the log not be read; tried again with back-off."""
        if session != self.session:
            return []
        self._requeue()
        return self._reopen(reason, moment)

    def refused_to_open(self, session: int, error: Exception) -> list[Effect]:
        """Something that trying again does not mend, such as wrong settings of the topic."""
        return self._give_up(error) if session == self.session else []

    def displaced(self) -> list[Effect]:
        """Somebody else appended while this session was idle: it is over, without any doubt."""
        if self.phase is not Phase.SERVING or self._in_flight is not None:
            return []
        return self._close("another writer appended")

    # From the clock

    def tick(self, moment: Moment) -> list[Effect]:
        """Time has passed: callers that waited too long get their answer, back-off ends."""
        effects = self._expire(moment)
        if self.phase is Phase.WAITING and moment.seconds >= self._wake_at:
            effects += self._open() if self._queue else self._close(self._last_error)
        return effects

    def close(self) -> list[Effect]:
        """End the session; whoever still waits is told what is known."""
        self._requeue()
        error = UnavailableError("the log was closed", next_step="open it again")
        return [*self._deliver_all(error), *self._close("closed")]

    # Steps of a session

    def _open(self) -> list[Effect]:
        self.session += 1
        self.openings += 1
        self.phase = Phase.CONNECTING
        return [NewProducer(self.session)]

    def _check_head(self, moment: Moment) -> LedgerError | None:
        if self.index.head.size == 0:
            return UnavailableError(
                f"the partition of {self.index.origin} holds no genesis",
                next_step="pal log create",
            )
        latest = add_seconds(format_instant(moment.now), CLOCK_AHEAD_SECONDS_MAX)
        if self.index.state.recorded_at > latest:
            return UnavailableError(
                f"the newest entry was recorded at {self.index.state.recorded_at}, this clock "
                f"shows {format_instant(moment.now)}",
                next_step="set this machine's clock, then try again",
            )
        if self.index.state.keys.role_of(self._key.id) != "ledger":
            # Its opening entry would stay in the log, void, for ever.
            return UnavailableError(
                f"key {self._key.id!r} is no key of role ledger that counts in this log: the "
                "entries of this writer would not count",
                next_step="start this program again where the key was replaced (pal keys list)",
            )
        return None

    def _send_opened(self, session_id: str, moment: Moment) -> list[Effect]:
        if self.index.place_of(self._session_id) is not None:
            # Everything that landed is read by now: one that is not there never opened.
            self._previous_id = self._session_id
        self._session_id = session_id
        data = {
            "session": session_id,
            "software": self._software,
            "previous_session": self._previous_id,
            "reason": self._reason,
        }
        stream = self.index.state.own_stream
        action = Action(
            id=session_id,
            type=WRITER_OPENED,
            stream=stream,
            occurred_at=OccurredAt(format_instant(moment.now), "instant"),
            actor=Actor(kind="system", id=self._key.id),
            data={name: value for name, value in data.items() if value},
        )
        body = encode_action(action)
        signed = SignedAction(session_id, stream, action.type, body, self._key.sign([body])[0])
        group = self._seal([Submission((signed,))], moment)
        self._opened = group.head.leaf
        self._in_flight = _InFlight(group, ())
        self.phase = Phase.OPENING
        return [SendBatch(self.session, tuple(entry.data for entry in group.entries))]

    def _confirm(self, moment: Moment) -> list[Effect]:
        self._in_flight = None
        if self.index.position <= self._opened_at:
            return self._reopen("the opening entry cannot be read back yet", moment)
        place = self.index.place_of(self._session_id)
        if place is None or place.leaf != self._opened:
            findings = self.index.findings
            if findings and findings[-1].index == self.index.head.size - 1:
                return self._give_up(
                    UnavailableError(
                        f"this writer's entries do not count: {findings[-1].message}",
                        next_step="open the log with a ledger key that it has enrolled",
                    )
                )
            return self._reopen("the opening entry does not count", moment)
        # Nothing of an earlier session can count any more: its index is taken.
        self.phase = Phase.SERVING
        self.openings = 0
        return [*self._expire(moment), *self.flush(moment)]

    def _seal(self, submissions: Sequence[Submission], moment: Moment) -> Group:
        recorded_at = next_recorded_at(moment.now, self.index.state.recorded_at)
        return seal_group(self.index.origin, self.index, submissions, recorded_at)

    def _send_group(self, moment: Moment) -> list[Effect]:
        effects: list[Effect] = []
        while self._queue:
            submission = self._queue[0].submission
            refused = refusal(submission, self.index.state, self.index.head.size)
            if refused is not None:
                effects.append(Deliver(self._queue.popleft().token, refused))
                continue
            taken = self._take()
            submissions = [waiting.submission for waiting in taken]
            try:
                self.index.look_up(submissions)
                group = self._seal(submissions, moment)
            except LedgerError as error:
                # The index cannot be read or kept: nothing was sent, nothing more may be decided.
                return [*effects, *self._fail(error)]
            answered = tuple(taken[: len(group.answers)])
            for _ in answered:
                self._queue.popleft()
            if group.entries:
                self._in_flight = _InFlight(group, answered)
                batch = SendBatch(self.session, tuple(entry.data for entry in group.entries))
                return [*effects, batch]
            # Answers that rest on the log alone need no echo.
            effects += _answers(group, answered)
        return effects

    def _take(self) -> list[_Waiting]:
        """The front of the queue as far as it may share a batch; nothing is removed here."""
        front = islice(self._queue, GROUP_ENTRIES_MAX)
        count = together((waiting.submission for waiting in front), self.index.state)
        return list(islice(self._queue, count))

    # The end of a session

    def _requeue(self) -> None:
        """What was in flight goes back to the front, marked: it may have been recorded."""
        if self._in_flight is None:
            return
        group, waiting = self._in_flight
        self._in_flight = None
        at = 0
        for item, answer in zip(waiting, group.answers, strict=False):
            new = answer.new if isinstance(answer, Recorded) else 0
            item.sent.update(entry.place.leaf for entry in group.entries[at : at + new])
            at += new
        self._queue.extendleft(reversed(waiting))

    def _reopen(self, reason: str, moment: Moment) -> list[Effect]:
        self._reason = self._last_error = reason
        self.session += 1
        effects: list[Effect] = [CloseProducer(), *self._expire(moment)]
        if not self._queue:
            return [*effects, *self._close(reason)[1:]]
        if self.openings >= OPENINGS_MAX:
            message = f"{OPENINGS_MAX} attempts to open the writer failed, the last: {reason}"
            error = UnavailableError(message, next_step="see whether another writer is running")
            return [*effects, *self._give_up(error)[1:]]
        self.phase = Phase.WAITING
        pause = min(BACKOFF_SECONDS * 2 ** max(self.openings - 1, 0), BACKOFF_SECONDS_MAX)
        self._wake_at = moment.seconds + pause * (0.5 + moment.jitter)
        return [*effects, WakeAt(self._wake_at)]

    def _close(self, reason: str) -> list[Effect]:
        self._reason = reason
        self.session += 1
        self.phase = Phase.CLOSED
        return [CloseProducer()]

    def _give_up(self, error: Exception) -> list[Effect]:
        self._requeue()
        closed = self._close(str(error))
        return [*closed, *self._deliver_all(error)]

    def _fail(self, error: Exception) -> list[Effect]:
        """For good: this log cannot be relied on, or not read by this software."""
        self._failed = error
        return self._give_up(error)

    def _deliver_all(self, error: Exception) -> list[Effect]:
        effects: list[Effect] = [
            Deliver(waiting.token, _unknown(str(error)) if waiting.sent else error)
            for waiting in self._queue
        ]
        self._queue.clear()
        return effects

    def _expire(self, moment: Moment) -> list[Effect]:
        """Answer callers whose time is up. One whose batch is in flight is not in the queue."""
        effects: list[Effect] = []
        while self._queue and self._queue[0].deadline <= moment.seconds:
            waiting = self._queue.popleft()
            if waiting.sent:
                effects.append(Deliver(waiting.token, _unknown(self._last_error)))
                continue
            message = f"not recorded within {self._timeout:.0f} s: {self._last_error}"
            error = UnavailableError(message, next_step="see whether the broker runs; send again")
            effects.append(Deliver(waiting.token, error))
        return effects


def _unknown(reason: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"whether it was recorded is not known: {reason}",
        next_step="send the same action again: its id gives the first answer if it was recorded",
    )


def _answers(group: Group, waiting: Sequence[_Waiting]) -> list[Effect]:
    effects: list[Effect] = []
    for item, answer in zip(waiting, group.answers, strict=True):
        if item.sent and isinstance(answer, Recorded):
            # Found by its id after an unknown outcome: what this submission itself had sent is new.
            landed = sum(place.leaf in item.sent for place in answer.places)
            effects.append(Deliver(item.token, Recorded(answer.places, max(answer.new, landed))))
        else:
            effects.append(Deliver(item.token, answer))
    return effects
