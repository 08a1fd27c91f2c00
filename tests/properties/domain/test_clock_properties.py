"""Due dates as the ledger derives them, through decide and evolve (D1 to D8, D13, D14).

What holds for the functions must hold for entries: whatever is accepted, paused, paid, re-routed.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.core.action import Action, Actor
from ledger.core.times import format_instant
from ledger.domain.calendars import VN, PublishedCalendar
from ledger.domain.deadlines import LOCAL, Calendar, due_after, due_day, working_days_between
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, Possible, Rules, decide, evolve
from ledger.domain.due_check import recomputed
from ledger.domain.office_hours import office_hours, working_time_between
from tests.unit.domain.actions import act, action_id

OFFICE = office_hours([("07:00", "11:30"), ("13:30", "17:00")])
RULESETS = ("VN-2018", "VN-2021", "VN-2025")
days = st.dates(date(2022, 2, 1), date(2026, 6, 30))
worked = days.filter(VN.is_working_day)
durations = st.one_of(
    st.integers(0, 30).map(lambda n: {"duration_days": n}),
    st.integers(1, 160).map(lambda n: {"duration_hours": n}),
)
waits = st.sampled_from(("supplement", "finance"))
WAITS: dict[str, tuple[str, str]] = {
    "supplement": ("supplement_requested", "supplement_received"),
    "finance": ("financial_obligation_issued", "payment_confirmed"),
}


def morning(day: date) -> str:
    return format_instant(datetime.combine(day, time(9), LOCAL))


def told(actions: list[Action], rules: Rules = DEFAULT_RULES) -> DossierState:
    """The dossier after the actions and all that the ledger derives from them."""
    state = EMPTY_DOSSIER
    for action in actions:
        decision = decide(state, action, rules)
        assert isinstance(decision, Possible), decision
        state = evolve(state, action, state.version + 1)
        for item in decision.derived:
            system = Actor("system", "ledger")
            derived = replace(action, type=item.type, data=item.data, actor=system)
            state = evolve(state, derived, state.version + 1)
    return state


def accepted(day: date, ruleset: str, data: dict[str, Any]) -> Action:
    return act(1, "accepted", morning(day), {**data, "ruleset": ruleset})


def waited(wait: str, stopped: date, resumed: date, number: int = 2) -> list[Action]:
    """Asked for on a day and answered on another; the clock stands still between (D7, D8)."""
    asked, answered = WAITS[wait]
    asks = {"clock": "pause"} if wait == "supplement" else {"amount": 1}
    answers = {} if wait == "supplement" else {"obligation_id": action_id(number)}
    return [
        act(number, asked, morning(stopped), asks),
        act(number + 1, answered, morning(resumed), answers),
    ]


def with_day_off(day: date) -> Rules:
    """The rules where an entry has published one more day off (E65)."""
    more = Calendar("VN-9", 2022, 2027, VN.holidays | {day}, VN.makeup_days - {day}, frozenset())
    return DEFAULT_RULES.knowing([PublishedCalendar("VN-9", "2000-01-01", "e", more, "")])


@settings(deadline=None)
@given(worked, st.sampled_from(RULESETS), durations, waits, st.data())
def test_a_pause_moves_the_due_date_by_the_working_time_in_it(
    begun: date, ruleset: str, length: dict[str, int], wait: str, data: st.DataObject
) -> None:
    start = accepted(begun, ruleset, length)
    before = told([start]).due_at
    stopped = begun + timedelta(days=data.draw(st.integers(0, 40), label="stopped"))
    resumed = stopped + timedelta(days=data.draw(st.integers(0, 60), label="days"))
    after = told([start, *waited(wait, stopped, resumed)]).due_at
    if "duration_hours" in length:
        paused = working_time_between(morning(stopped), morning(resumed), VN, OFFICE)
        assert working_time_between(before, after, VN, OFFICE) == paused
    else:
        k = working_days_between(stopped, resumed, VN)
        assert working_days_between(due_day(before), due_day(after), VN) == k
    assert after >= before


@settings(deadline=None)
@given(worked, st.sampled_from(RULESETS), durations, days)
def test_one_more_day_off_never_makes_a_derived_due_date_earlier(
    begun: date, ruleset: str, length: dict[str, int], off: date
) -> None:
    start = accepted(begun, ruleset, length)
    state = told([start], with_day_off(off))
    assert state.calendar == "VN-9"
    assert state.due_at >= told([start]).due_at


@settings(deadline=None)
@given(worked, st.integers(1, 20), waits, days, st.data())
def test_nor_with_a_pause_that_begins_while_it_is_not_late(
    begun: date, length: int, wait: str, off: date, data: st.DataObject
) -> None:
    """A pause of one that is late already moves it by the working days in it, so that it stays as
    late as it was: there a day off in the pause is a day less that it moves."""
    start = accepted(begun, "VN-2025", {"duration_days": length})
    stopped = due_after(begun, data.draw(st.integers(0, length), label="worked"), VN).on
    resumed = stopped + timedelta(days=data.draw(st.integers(0, 60), label="days"))
    story = [start, *waited(wait, stopped, resumed)]
    assert told(story, with_day_off(off)).due_at >= told(story).due_at


@settings(deadline=None)
@given(worked, st.integers(1, 20), st.lists(st.tuples(waits, st.integers(0, 9)), max_size=4))
def test_pauses_one_after_another_add_up_and_are_computed_again_alike(
    begun: date, length: int, pauses: list[tuple[str, int]]
) -> None:
    story = [accepted(begun, "VN-2025", {"duration_days": length})]
    day, total = begun, 0
    for place, (wait, k) in enumerate(pauses):
        resumed = due_after(day, k, VN).on
        story += waited(wait, day, resumed, 10 + 2 * place)
        day, total = resumed, total + k
    state = told(story)
    assert due_day(state.due_at) == due_after(begun, length + total, VN).on
    assert recomputed(story, DEFAULT_RULES).due_at == state.due_at


@settings(deadline=None)
@given(days, days, st.integers(0, 20), st.integers(0, 5))
def test_transport_and_re_routing_move_no_clock(
    posted: date, arrived: date, length: int, reroutes: int
) -> None:
    """D13: the arrival starts it, not the post; D14: another system is no new request."""
    sent = act(1, "submitted", morning(min(posted, arrived)), {"channel": "postal"}, who="a")
    late = accepted(max(posted, arrived), "VN-2025", {"duration_days": length})
    data = {**late.data, "received_at": morning(arrived)}
    taken = replace(late, id=action_id(2), data=data)
    moved = [
        act(10 + n, "rerouted", morning(max(posted, arrived)), {"from_system": "a"})
        for n in range(reroutes)
    ]
    plain = told([accepted(arrived, "VN-2025", {"duration_days": length})]).due_at
    assert told([sent, taken, *moved]).due_at == plain
