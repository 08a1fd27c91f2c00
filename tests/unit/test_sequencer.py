"""One writer's session step by step: deadlines, refusals, late answers, what opens and what not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ledger.app.effects import (
    CloseProducer,
    Deliver,
    Moment,
    NewProducer,
    Phase,
    ReadFrom,
    SendBatch,
    WakeAt,
)
from ledger.app.log_index import MemoryIndex
from ledger.app.ports import Record
from ledger.app.sequencer import OPENINGS_MAX, Sequencer
from ledger.app.submission import OutcomeUnknownError, Recorded, Refused, UnavailableError
from ledger.core.chain import Head
from ledger.core.findings import FindingError
from tests.simulation.small_log import GENESIS, KEY, NOW, ORIGIN, an_id, submission

SOON = Moment(NOW, 1.0)


class Session:
    """A sequencer over a partition in memory whose batches land when the test says so."""

    def __init__(self, **options) -> None:
        self.partition = [GENESIS]
        self.index = MemoryIndex(ORIGIN, **options)
        self.machine = Sequencer(self.index, KEY, software="test", timeout_seconds=30.0)
        self.sent: list[SendBatch] = []
        self.answers: dict[int, object] = {}
        self.wake_at = 0.0
        self.closed = 0

    def apply(self, effects: list, moment: Moment = SOON) -> None:
        for effect in effects:
            if isinstance(effect, NewProducer):
                self.apply(self.machine.producer_ready(effect.session), moment)
            elif isinstance(effect, ReadFrom):
                end = len(self.partition)
                records = [Record(o, self.partition[o]) for o in range(effect.offset, end)]
                self.apply(self.machine.records(effect.session, records, end, moment), moment)
                session_id = an_id(f"session {effect.session}")
                done = self.machine.end_reached(effect.session, end, session_id, moment)
                self.apply(done, moment)
            elif isinstance(effect, SendBatch):
                self.sent.append(effect)
            elif isinstance(effect, Deliver):
                self.answers[effect.token] = effect.outcome
            elif isinstance(effect, WakeAt):
                self.wake_at = effect.seconds
            elif isinstance(effect, CloseProducer):
                self.closed += 1

    def submit(self, token: int, *args, moment: Moment = SOON) -> None:
        self.apply(self.machine.submit(token, submission(*args), moment), moment)
        self.apply(self.machine.flush(moment), moment)

    def land(self, moment: Moment = SOON, *, at: int | None = None) -> None:
        batch = self.sent[-1]
        base = len(self.partition)
        self.partition.extend(batch.entries)
        base = base if at is None else at
        self.apply(self.machine.echoed(batch.session, base, moment), moment)

    def lose(self, moment: Moment = SOON) -> None:
        batch = self.sent[-1]
        self.apply(self.machine.batch_unknown(batch.session, "no answer", moment), moment)


def serving() -> Session:
    session = Session()
    session.submit(0, "zero")
    session.land()
    session.land()
    assert isinstance(session.answers[0], Recorded)
    return session


def test_nothing_is_served_before_the_opening_entry_is_echoed_and_read() -> None:
    session = Session()
    assert session.machine.phase is Phase.CLOSED
    session.submit(0, "zero")
    assert session.machine.phase is Phase.OPENING
    assert b"writer_opened" in session.sent[0].entries[0]
    session.land()
    assert session.machine.phase is Phase.SERVING
    assert session.answers == {}
    session.land()
    assert session.answers[0].places[0].index == 2


def test_a_refusal_that_rests_on_the_group_in_flight_waits_for_its_echo() -> None:
    session = serving()
    session.apply(session.machine.submit(1, submission("one", expected=2), SOON))
    session.apply(session.machine.submit(2, submission("two", expected=2), SOON))
    session.apply(session.machine.flush(SOON))
    assert set(session.answers) == {0}
    session.land()
    assert isinstance(session.answers[1], Recorded)
    assert isinstance(session.answers[2], Refused)


@pytest.mark.parametrize("offset", [-1, 99])
def test_an_echo_from_elsewhere_is_unknown_until_the_next_session_has_found_it(offset) -> None:
    session = serving()
    session.submit(1, "one")
    session.land(at=offset)
    assert 1 not in session.answers
    assert session.machine.phase is Phase.WAITING
    later = Moment(NOW, session.wake_at)
    session.apply(session.machine.tick(later), later)
    session.land(later)
    answer = session.answers[1]
    assert isinstance(answer, Recorded)
    assert (answer.places[0].index, answer.new) == (3, 1)


def test_answers_that_come_after_the_session_is_over_are_ignored() -> None:
    session = serving()
    session.submit(1, "one")
    late = session.sent[-1]
    session.lose()
    assert session.machine.echoed(late.session, 3, SOON) == []
    assert session.machine.records(late.session, [Record(3, b"x")], 4, SOON) == []
    assert session.machine.failed(late.session, "late", SOON) == []
    assert 1 not in session.answers


def test_time_up_is_unknown_for_what_was_sent_and_unavailable_for_what_was_not() -> None:
    session = serving()
    session.submit(1, "one")
    session.submit(2, "two")
    session.lose()
    session.apply(session.machine.tick(Moment(NOW, 1e6)))
    assert isinstance(session.answers[1], OutcomeUnknownError)
    assert isinstance(session.answers[2], UnavailableError)


def test_a_writer_that_never_counts_is_not_the_owner() -> None:
    session = Session()
    session.submit(0, "zero")
    moment = SOON
    for _ in range(OPENINGS_MAX):
        assert 0 not in session.answers
        session.lose(moment)
        moment = Moment(NOW, session.wake_at)
        session.apply(session.machine.tick(moment), moment)
    assert isinstance(session.answers[0], UnavailableError)
    assert "another writer" in session.answers[0].next_step
    assert session.machine.phase is Phase.CLOSED


def test_a_clock_that_is_behind_the_head_opens_nothing() -> None:
    session = Session()
    behind = Moment(datetime(2026, 3, 2, 7, tzinfo=UTC), 1.0)
    session.submit(0, "zero", moment=behind)
    assert isinstance(session.answers[0], UnavailableError)
    assert "clock" in session.answers[0].next_step
    assert session.sent == []


def test_a_head_seen_before_must_be_there() -> None:
    for expect in (Head(9, "1" * 64), Head(1, "1" * 64)):
        session = Session(expect=expect)
        session.submit(0, "zero")
        assert isinstance(session.answers[0], FindingError)
        assert session.answers[0].finding.code == "log.overwritten"
        session.submit(1, "one")
        assert isinstance(session.answers[1], FindingError)
        assert session.sent == []


def test_the_entry_at_the_cursor_is_compared_when_a_session_opens_again() -> None:
    session = serving()
    session.submit(1, "one")
    session.lose()
    session.partition[2] = session.partition[2].replace(b"zero", b"nero")
    later = Moment(NOW, session.wake_at)
    session.apply(session.machine.tick(later), later)
    # It had been sent, so whether it counts cannot be said on a log that was overwritten.
    assert isinstance(session.answers[1], OutcomeUnknownError)
    assert session.index.broken.finding.code == "log.overwritten"


def test_somebody_elses_entry_ends_an_idle_session_without_doubt() -> None:
    session = serving()
    session.apply(session.machine.displaced())
    assert session.machine.phase is Phase.CLOSED
    assert session.closed == 1
    session.submit(1, "one")
    session.land()
    session.land()
    assert isinstance(session.answers[1], Recorded)


def test_closing_answers_everybody() -> None:
    session = serving()
    session.submit(1, "one")
    session.submit(2, "two")
    session.apply(session.machine.close())
    assert isinstance(session.answers[1], OutcomeUnknownError)
    assert isinstance(session.answers[2], UnavailableError)
