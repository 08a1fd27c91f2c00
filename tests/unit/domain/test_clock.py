"""Due dates that the ledger derives (E34, E35; D2, D4, D7, D8, D16)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.domain.calendars import VN
from ledger.domain.deadlines import LOCAL, CalendarYearError, due_after_restart, due_on
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, Possible, decide
from tests.unit.domain.actions import act, action_id, recorded


def due(state: DossierState) -> str:
    """The last day, local: due dates are the midnight after it."""
    assert state.due_at.endswith("T17:00:00.000000Z")
    return state.due_at[:10]


def accepted(days: int = 3, **data: Any) -> DossierState:
    return recorded([act(1, "accepted", "2026-03-02", {"duration_days": days, **data})])


def test_an_acceptance_sets_the_due_date_with_function_calendar_and_inputs() -> None:
    decision = decide(
        EMPTY_DOSSIER, act(1, "accepted", "2026-03-02", {"duration_days": 3}), DEFAULT_RULES
    )
    assert isinstance(decision, Possible)
    [item] = decision.derived
    assert item.type == "dossier.deadline_set.v1"
    assert len(item.data.pop("inputs_hash")) == 64
    assert item.data == {
        "due_at": "2026-03-05T17:00:00.000000Z",
        "function_version": "due/1",
        "calendar": "VN-2026.1",
        "counted_from_on": "2026-03-02",
        "working_days": 3,
    }


def test_a_due_date_of_the_slip_stands() -> None:
    state = accepted(3, due_at="2026-03-20T10:00:00.000000Z")
    assert (state.due_at, state.version) == ("2026-03-20T10:00:00.000000Z", 1)


@pytest.mark.parametrize(
    ("days", "effect", "last_day"),
    [
        (3, "none", "2026-03-05"),
        (3, "transfer_only", "2026-03-05"),
        (3, "same_day_only", "2026-03-05"),
        (3, "shift_receipt", "2026-03-06"),
        (0, "none", "2026-03-02"),
        (0, "transfer_only", "2026-03-02"),
        (0, "same_day_only", "2026-03-03"),
        (0, "shift_receipt", "2026-03-03"),
    ],
)
def test_the_effects_of_a_receipt_after_the_cutoff(days: int, effect: str, last_day: str) -> None:
    """D4: 15:00:00 itself counts as after."""
    at = "2026-03-02T08:00:00.000000Z"
    state = accepted(days, received_at=at, cutoff="15:00", cutoff_effect=effect)
    assert due(state) == last_day
    before = "2026-03-02T07:59:59.999999Z"
    state = accepted(days, received_at=before, cutoff="15:00", cutoff_effect=effect)
    assert due(state) == ("2026-03-05" if days else "2026-03-02")


def test_a_pause_moves_the_due_date_by_the_working_days_in_it() -> None:
    state = recorded(
        [
            act(2, "supplement_requested", "2026-03-03"),
            act(3, "supplement_received", "2026-03-09"),
        ],
        accepted(),
    )
    assert due(state) == "2026-03-11"
    assert (state.pauses, state.paused_since, state.paused_on) == ((), "", "")


def test_a_supplement_does_not_make_a_late_dossier_punctual() -> None:
    state = recorded(
        [
            act(2, "supplement_requested", "2026-03-10"),
            act(3, "supplement_received", "2026-03-12"),
        ],
        accepted(),
    )
    assert due(state) == "2026-03-09"


def test_pauses_add_up_and_overlap_once() -> None:
    paid = {"obligation_id": action_id(3)}
    state = recorded(
        [
            act(2, "supplement_requested", "2026-03-03"),
            act(3, "financial_obligation_issued", "2026-03-04"),
            act(4, "supplement_received", "2026-03-05"),
        ],
        accepted(),
    )
    assert (state.pauses, due(state)) == (("finance",), "2026-03-05")
    state = recorded([act(5, "payment_confirmed", "2026-03-06", paid)], state)
    assert (state.pauses, due(state)) == ((), "2026-03-10")
    state = recorded(
        [
            act(6, "supplement_requested", "2026-03-09"),
            act(7, "supplement_received", "2026-03-10"),
        ],
        state,
    )
    assert due(state) == "2026-03-11"


def test_a_restart_counts_the_whole_time_again() -> None:
    state = recorded(
        [
            act(2, "supplement_requested", "2026-03-03", {"clock": "restart"}),
            act(3, "supplement_received", "2026-03-07"),
        ],
        accepted(),
    )
    assert due(state) == "2026-03-12"  # complete on a Saturday is complete on Monday the 9th
    assert not state.restarts
    state = recorded(
        [
            act(4, "financial_obligation_issued", "2026-03-10"),
            act(5, "payment_confirmed", "2026-03-11", {"obligation_id": action_id(4)}),
        ],
        state,
    )
    assert due(state) == "2026-03-13"


def test_a_restart_before_acceptance_does_not_outlive_it() -> None:
    state = recorded(
        [
            act(1, "submitted", "2026-03-02"),
            act(2, "supplement_requested", "2026-03-02", {"stage": "intake", "clock": "restart"}),
            act(3, "supplement_received", "2026-03-03"),
            act(4, "accepted", "2026-03-03", {"duration_days": 3}),
            act(5, "financial_obligation_issued", "2026-03-04"),
            act(6, "payment_confirmed", "2026-03-05", {"obligation_id": action_id(5)}),
        ]
    )
    assert due(state) == "2026-03-09"


def test_a_due_date_given_by_hand_moves_from_where_it_stands() -> None:
    for name, data in (
        ("accepted", {"due_at": "2026-03-20T17:00:00.000000Z"}),
        ("deadline_extended", {"new_due_at": "2026-03-20T17:00:00.000000Z"}),
    ):
        state = recorded(
            [
                act(2, name, "2026-03-02", data),
                act(3, "supplement_requested", "2026-03-04"),
                act(4, "supplement_received", "2026-03-05"),
                act(5, "supplement_requested", "2026-03-09"),
                act(6, "supplement_received", "2026-03-10"),
            ],
            accepted(),
        )
        assert due(state) == "2026-03-24", name


def test_a_restart_of_a_given_date_gives_what_the_slip_gave() -> None:
    state = recorded(
        [
            act(1, "accepted", "2026-03-02", {"due_at": "2026-03-06T17:00:00.000000Z"}),
            act(2, "supplement_requested", "2026-03-03", {"clock": "restart"}),
            act(3, "supplement_received", "2026-03-09"),
        ]
    )
    assert due(state) == "2026-03-13"


def test_a_pause_by_an_officer_s_decision_counts_too() -> None:
    state = recorded(
        [
            act(2, "deadline_paused", "2026-03-03", {"cause": "court"}),
            act(3, "deadline_resumed", "2026-03-05", {"cause": "court"}),
        ],
        accepted(),
    )
    assert due(state) == "2026-03-09"


def test_the_end_of_a_dossier_ends_its_pauses() -> None:
    state = recorded(
        [
            act(2, "financial_obligation_issued", "2026-03-03"),
            act(3, "result_delivered", "2026-03-09"),
            act(4, "payment_confirmed", "2026-03-30", {"obligation_id": action_id(2)}),
        ],
        accepted(),
    )
    assert (due(state), state.pauses, state.status) == ("2026-03-11", (), "delivered")


def test_an_end_without_an_answer_counts_the_wait_and_restarts_nothing() -> None:
    state = recorded(
        [
            act(2, "supplement_requested", "2026-03-03", {"clock": "restart"}),
            act(3, "processing_stopped", "2026-03-09"),
        ],
        accepted(),
    )
    assert (due(state), state.pauses) == ("2026-03-11", ())


def test_a_due_date_of_a_foreign_log_is_never_moved() -> None:
    case = [["deadline", "date", "2026-03-05T00:00:00+07:00"]]
    data = {"activity": "a", "source_log": "b", "case": case}
    state = recorded(
        [
            act(1, "action_imported", "2026-03-02", data),
            act(2, "supplement_requested", "2026-03-03"),
        ]
    )
    assert state.pauses == ()
    state = recorded([act(3, "supplement_received", "2026-03-09")], state)
    assert (state.due_at, state.due_imported) == ("2026-03-04T17:00:00.000000Z", True)


def test_beyond_the_calendar_nothing_is_set_and_nothing_guessed() -> None:
    for day in ("2010-03-02", "2027-12-28", "2100-01-01"):
        state = recorded([act(1, "accepted", day, {"duration_days": 30})])
        assert (state.due_at, state.version) == ("", 1), day
    assert accepted(3, calendar="XX-1").due_at == ""


def test_a_due_date_says_which_unconfirmed_days_it_depends_on() -> None:
    for received, day in (
        ("2026-11-20", "2026-11-24"),
        ("2026-11-24", "2026-11-24"),  # whether the day of receipt is worked matters too
        ("2026-01-01", "2026-01-02"),
    ):
        state = recorded([act(1, "accepted", received, {"duration_days": 3})])
        assert day in state.due_unconfirmed_on, received
        assert state.due_unconfirmed
    state = recorded(
        [
            act(1, "accepted", "2026-11-24", {"duration_days": 3}),
            act(2, "supplement_requested", "2026-11-26"),
            act(3, "supplement_received", "2026-11-30"),
        ]
    )
    assert state.due_unconfirmed_on == ("2026-11-24",)
    assert not accepted().due_unconfirmed


def test_the_last_hours_of_time_break_nothing() -> None:
    end = "9999-12-31T23:00:00.000000Z"
    state = recorded(
        [
            act(1, "accepted", end, {"duration_days": 3}),
            act(2, "deadline_paused", end, {"cause": "court"}),
            act(3, "deadline_resumed", end, {"cause": "court"}),
        ]
    )
    assert state.due_at == ""
    with pytest.raises(CalendarYearError):
        due_after_restart(3, date.max, VN)
    with pytest.raises(CalendarYearError):
        due_on(datetime.max.replace(tzinfo=LOCAL), 1, VN)
