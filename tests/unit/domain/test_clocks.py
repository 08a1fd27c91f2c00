"""Whose time passed: the clocks of a dossier add up to its lifetime exactly (T2)."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from msgspec.structs import replace

from ledger.core.action import Action
from ledger.core.times import parse_instant
from ledger.domain.clocks import Clocks, clocks
from ledger.domain.dossier import EMPTY_DOSSIER, evolve
from tests.properties.domain.event_data import histories
from tests.unit.domain.actions import act, action_id, recorded

DAY = 86_400_000_000
END = "9999-12-31T23:59:59.999999Z"


def at(day: int) -> str:
    return f"2026-03-{day:02d}T02:00:00.000000Z"


def microseconds(start: str, end: str) -> int:
    return (parse_instant(end) - parse_instant(start)) // timedelta(microseconds=1)


def days(found: Clocks) -> tuple[int, ...]:
    times = (found.gross, found.office, found.applicant, found.external, found.closed)
    assert all(time % DAY == 0 for time in times)
    return tuple(time // DAY for time in times)


STORY = [
    act(1, "accepted", at(2), {"duration_days": 10}),
    act(2, "supplement_requested", at(4)),
    act(3, "financial_obligation_issued", at(5)),
    act(4, "supplement_received", at(7)),
    act(5, "payment_confirmed", at(8), {"obligation_id": action_id(3)}),
    act(6, "consultation_requested", at(9), {"agency": "tax", "mandatory": True}),
    act(7, "consultation_requested", at(9), {"agency": "fire"}),
    act(8, "consultation_answered", at(12), {"agency": "tax"}),
    act(9, "deadline_paused", at(13), {"cause": "court"}),
    act(10, "deadline_resumed", at(14), {"cause": "court"}),
    act(11, "returned_to_result_desk", at(16)),
    act(12, "result_delivered", at(20)),
]


def test_each_stretch_belongs_to_one() -> None:
    """Two waits of the applicant overlap and count once; a consultation that nothing demands is the
    office's own time; what lies ready at the desk is not."""
    state = recorded(STORY)
    assert days(clocks(state, at(20))) == (18, 6, 8, 4, 0)
    assert days(clocks(state, at(30))) == (18, 6, 8, 4, 10)
    assert clocks(state, at(20)).applicant_net == 10 * DAY


def test_an_open_wait_runs_until_the_moment_asked_for() -> None:
    state = recorded(STORY[:2])
    assert days(clocks(state, at(9))) == (7, 2, 5, 0, 0)


def test_between_delivery_and_reopening_nobody_s_time_runs() -> None:
    state = recorded([*STORY, act(13, "reopened", at(25))])
    assert days(clocks(state, at(28))) == (21, 9, 8, 4, 5)


def test_a_late_record_counts_no_stretch_twice() -> None:
    late = act(13, "supplement_requested", at(3))
    state = recorded([*STORY[:5], late, act(14, "supplement_received", at(9))])
    assert days(clocks(state, at(10))) == (8, 3, 5, 0, 0)


def test_a_foreign_log_s_end_stops_the_clocks() -> None:
    case = [["enddate", "date", "2026-03-10T09:00:00+07:00"]]
    first = {"activity": "a", "source_log": "b", "case": case}
    state = recorded([act(1, "action_imported", at(2), first)])
    assert days(clocks(state, at(30))) == (8, 8, 0, 0, 0)


@settings(deadline=None)
@given(histories)
def test_the_clocks_are_the_sum_of_the_stretches(history: list[Action]) -> None:
    state, now = EMPTY_DOSSIER, ""
    sums = {"": 0, "applicant": 0, "external": 0, "closed": 0}
    for version, action in enumerate(history, 1):
        before = state
        state = evolve(before, action, version)
        if version == 1:
            now = action.occurred_at.at
        if state.waits != before.waits:
            then = max(now, action.occurred_at.at)
            sums[before.waits] += microseconds(now, then)
            now = then
    if not history:
        return
    state = replace(state, ended_imported=False)
    sums[state.waits] += microseconds(now, END)
    found = clocks(state, END)
    assert (found.applicant, found.external, found.closed) == (
        sums["applicant"],
        sums["external"],
        sums["closed"],
    )
    assert found.office == sums[""]
