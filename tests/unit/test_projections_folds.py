"""Folds: custody, hand-overs, A-B-A, officers (T1, I3, I22; DOMAIN.md section 4)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ledger.core.action import Action
from projections.folds.custody import Interval
from projections.folds.dossier import EMPTY_FOLD, DossierFold, fold_dossier
from projections.folds.handovers import Handover, Return
from projections.folds.names import plain_text
from projections.folds.officer import Tally
from tests.unit.projections_logs import act, action_id, at, handed_over, imported


def fold(actions: Sequence[Action]) -> tuple[DossierFold, list[Interval], list[object]]:
    state = EMPTY_FOLD
    intervals: dict[int, Interval] = {}
    marks: list[object] = []
    for version, action in enumerate(actions, 1):
        state, effects = fold_dossier(state, action, version)
        intervals |= {item.number: item for item in effects.intervals}
        marks += [mark for mark in (effects.handover, effects.returned) if mark is not None]
    return state, [intervals[number] for number in sorted(intervals)], marks


def spans(intervals: Sequence[Interval]) -> list[tuple[str, str, str, str]]:
    return [(item.kind, item.officer or item.unit, item.from_at, item.to_at) for item in intervals]


def test_two_sided_custody_is_in_transit_between_offer_and_answer():
    _, intervals, _ = fold(handed_over())
    assert spans(intervals) == [
        ("held", "lan", at(0), at(10)),
        ("in_transit", "land", at(10), at(30)),
        ("held", "lan", at(30), at(40)),
        ("in_transit", "land", at(40), at(70)),
        ("held", "minh", at(70), at(100)),
    ]
    assert [item.inferred for item in intervals] == [True, False, False, False, False]


def test_after_the_end_a_dossier_is_in_nobody_s_hands_until_somebody_takes_it_again():
    """A rating or the archive is no officer's time; opened again it waits for an acceptance."""
    offer = act("custody_offered", "A", "lan", 210, to_unit="land")
    actions = [
        *handed_over(),
        act("satisfaction_rated", "A", "a-1", 150, kind="applicant"),
        act("archived_transferred", "A", "clerk", 170),
        act("reopened", "A", "hoa", 200),
        act("note_added", "A", "hoa", 205, text_hash="0" * 64),
        offer,
        act("custody_accepted", "A", "minh", 220, offer_id=offer.id),
    ]
    _, intervals, _ = fold(actions)
    assert spans(intervals)[4:] == [
        ("held", "minh", at(70), at(100)),
        ("closed", "", at(100), at(200)),
        ("unattributed", "", at(200), at(210)),
        ("in_transit", "land", at(210), at(220)),
        ("held", "minh", at(220), at(220)),
    ]
    closed = intervals[5]
    assert (closed.inferred, closed.officer) == (False, "")


def test_one_sided_custody_is_inferred_and_the_time_between_runs_is_nobody_s():
    _, intervals, _ = fold(
        [imported("A", name, minute) for name, minute in [("b", 0), ("b", 5), ("c", 9), ("c", 9)]]
    )
    assert spans(intervals) == [
        ("held", "b", at(0), at(5)),
        ("unattributed", "", at(5), at(9)),
        ("held", "c", at(9), at(9)),
    ]
    assert all(item.inferred for item in intervals)
    gap = intervals[1]
    assert (gap.from_version, gap.to_version) == (2, 3)


def test_an_entry_without_officer_ends_a_run():
    _, intervals, marks = fold(
        [imported("A", name, minute) for name, minute in [("b", 0), ("", 5), ("b", 9), ("c", 9)]]
    )
    assert spans(intervals) == [
        ("held", "b", at(0), at(0)),
        ("unattributed", "", at(0), at(9)),
        ("held", "b", at(9), at(9)),
        ("held", "c", at(9), at(9)),
    ]
    assert marks == [Handover(4, "b", "c")]


def test_a_foreign_offer_without_answer_falls_back_to_who_acts():
    offer = act(
        "custody_offered",
        "A",
        "b",
        5,
        to_unit="land",
        imported={"activity": "forward", "source_log": "foreign"},
    )
    _, intervals, _ = fold([imported("A", "b", 0), offer, imported("A", "c", 9)])
    assert spans(intervals) == [
        ("held", "b", at(0), at(5)),
        ("in_transit", "land", at(5), at(9)),
        ("held", "c", at(9), at(9)),
    ]
    assert [item.inferred for item in intervals] == [True, False, True]


def test_what_the_ledger_derived_breaks_neither_succession_nor_custody():
    due = {"due_at": at(999), "function_version": "1", "inputs_hash": "0" * 64}
    derived = act("deadline_set", "A", "", 4, **due)
    plain = [imported("A", "b", 0), imported("A", "b", 5), imported("A", "c", 9)]
    _, intervals, marks = fold([plain[0], derived, *plain[1:]])
    _, expected, _ = fold(plain)
    assert spans(intervals) == spans(expected)
    assert marks == [Handover(4, "b", "c")]


@pytest.mark.parametrize(
    ("officers", "handovers", "returns"),
    [
        ("aab", [(3, "a", "b")], []),
        ("aba", [(2, "a", "b"), (3, "b", "a")], [(3, "a", "b")]),
        (
            "aabba",
            [(3, "a", "b"), (5, "b", "a")],
            [(5, "a", "b")],
        ),
        (
            "abab",
            [(2, "a", "b"), (3, "b", "a"), (4, "a", "b")],
            [(3, "a", "b"), (4, "b", "a")],
        ),
        ("abc", [(2, "a", "b"), (3, "b", "c")], []),
        ("a-a", [], []),
        ("ab-a", [(2, "a", "b")], []),
        ("aA", [(2, "a", "A")], []),
    ],
)
def test_hand_overs_and_returns(
    officers: str, handovers: list[tuple[int, str, str]], returns: list[tuple[int, str, str]]
) -> None:
    actions = [imported("A", name.strip("-"), minute) for minute, name in enumerate(officers)]
    _, _, marks = fold(actions)
    assert [mark for mark in marks if isinstance(mark, Handover)] == [
        Handover(*item) for item in handovers
    ]
    assert [mark for mark in marks if isinstance(mark, Return)] == [
        Return(*item) for item in returns
    ]


def test_a_late_record_does_not_make_the_lifetime_run_backwards():
    _, intervals, _ = fold([imported("A", "b", 10), imported("A", "c", 5), imported("A", "c", 20)])
    assert spans(intervals) == [("held", "b", at(10), at(10)), ("held", "c", at(10), at(20))]


def test_tally_counts_officers_only():
    counted = Tally()
    counted.add("A", imported("A", "b", 0))
    counted.add("A", imported("A", "", 1))
    counted.add("B", act("signed"))
    assert counted.by_dossier == {("b", "A"): 1}
    assert counted.by_type == {("b", "dossier.action_imported.v1"): 1}


def test_names_are_found_without_accents():
    assert plain_text("Nguyễn Đức HẢI") == "nguyen duc hai"


def test_offer_ids_name_the_offering_action():
    assert handed_over()[2].data["offer_id"] == action_id("A-offer-1")
