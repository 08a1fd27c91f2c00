"""Custody and hand-overs of one dossier, against the rules written out (DOMAIN.md section 4)."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.core.action import Action, Actor, OccurredAt
from ledger.core.ids import uuid7_text
from ledger.core.times import add_seconds
from projections.folds.custody import Interval
from projections.folds.dossier import EMPTY_FOLD, DossierFold, fold_dossier
from projections.folds.handovers import Handover, Return
from tests.properties.domain.event_data import histories
from tests.unit.projections_logs import act

AT = "2026-03-02T01:00:00.000000Z"
OFFICERS = ("an", "An", "binh", "chi")
KINDS = ("imported", "offered", "accepted", "rejected", "nobody", "derived")

Step = tuple[str, str, int]
"""(kind, officer, seconds after the step before, which may be negative: a late record)."""


def steps(kinds: tuple[str, ...], *, earliest: int = -3) -> st.SearchStrategy[list[Step]]:
    step = st.tuples(st.sampled_from(kinds), st.sampled_from(OFFICERS), st.integers(earliest, 3))
    first = st.tuples(st.just("imported"), st.sampled_from(OFFICERS), st.just(0))
    return st.tuples(first, st.lists(step, max_size=25)).map(lambda parts: [parts[0], *parts[1]])


def actions_of(chosen: list[Step]) -> list[Action]:
    actions: list[Action] = []
    seconds, offer = 0, uuid7_text(0, bytes(10))
    for number, (kind, officer, later) in enumerate(chosen):
        # What the ledger derives happens when its cause happens.
        seconds += 0 if kind == "derived" else later
        actor = Actor("officer", officer, unit=f"unit of {officer}")
        data: dict[str, Any] = {"activity": "a", "source_log": "s"}
        name = "action_imported"
        if kind == "offered":
            name, data = "custody_offered", {"to_unit": "next"}
        elif kind in {"accepted", "rejected"}:
            name, data = f"custody_{kind}", {"offer_id": offer}
        elif kind == "nobody":
            actor = Actor("system", "s")
        elif kind == "derived":
            name, data, actor = "deadline_set", {"due_at": AT}, Actor("system", "ledger")
        action_id = uuid7_text(number, bytes(10))
        offer = action_id if kind == "offered" else offer
        at = OccurredAt(add_seconds(AT, seconds), "second")
        actions.append(Action(action_id, f"dossier.{name}.v1", "dossier:d", at, actor, data))
    return actions


def fold_all(
    actions: list[Action],
) -> tuple[list[Interval], list[Handover], list[Return]]:
    fold = EMPTY_FOLD
    intervals: dict[int, Interval] = {}
    handovers: list[Handover] = []
    returns: list[Return] = []
    for version, action in enumerate(actions, 1):
        fold, effects = fold_dossier(fold, action, version)
        intervals |= {item.number: item for item in effects.intervals}
        handovers += [effects.handover] if effects.handover else []
        returns += [effects.returned] if effects.returned else []
    return list(intervals.values()), handovers, returns


@given(steps(KINDS))
def test_intervals_together_are_the_lifetime(chosen: list[Step]) -> None:
    actions = actions_of(chosen)
    intervals, _, _ = fold_all(actions)
    assert [item.number for item in intervals] == list(range(1, len(intervals) + 1))
    assert intervals[0].from_at == actions[0].occurred_at.at
    assert intervals[-1].to_at == max(action.occurred_at.at for action in actions)
    assert all(before.to_at == after.from_at for before, after in pairwise(intervals))
    assert all(item.from_at <= item.to_at for item in intervals)
    assert all((item.kind == "held") == bool(item.officer) for item in intervals)


@given(steps(("imported",), earliest=0))
def test_one_sided_custody_is_the_runs_and_the_time_between_them(chosen: list[Step]) -> None:
    actions = actions_of(chosen)
    runs = [
        (officer, times[0], times[-1])
        for officer, times in (
            (officer, [action.occurred_at.at for action in run])
            for officer, run in groupby(actions, key=lambda action: action.actor.id)
        )
    ]
    expected = [("held", *runs[0])]
    for before, run in pairwise(runs):
        if before[2] < run[1]:
            expected.append(("unattributed", "", before[2], run[1]))
        expected.append(("held", *run))
    intervals, _, _ = fold_all(actions)
    found = [(item.kind, item.officer, item.from_at, item.to_at) for item in intervals]
    assert found == expected
    assert all(item.inferred for item in intervals)


@given(steps(("imported", "nobody", "derived")))
def test_handovers_and_returns_are_those_of_the_counting_rules(chosen: list[Step]) -> None:
    actions = actions_of(chosen)
    pairs: list[tuple[str, str]] = []
    returns: list[tuple[str, str]] = []
    seen = [kind_and_officer for kind_and_officer in chosen if kind_and_officer[0] != "derived"]
    for nobody, part in groupby(seen, key=lambda step: step[0] == "nobody"):
        if nobody:
            continue
        runs = [officer for officer, _ in groupby(officer for _, officer, _ in part)]
        pairs += pairwise(runs)
        returns += [(a, b) for a, b, c in zip(runs, runs[1:], runs[2:], strict=False) if a == c]
    _, found_pairs, found_returns = fold_all(actions)
    assert [(item.giver, item.receiver) for item in found_pairs] == pairs
    assert [(item.officer, item.other) for item in found_returns] == returns


def test_two_sided_custody_is_in_transit_between_offer_and_answer() -> None:
    intervals, _, _ = fold_all(
        actions_of(
            [
                ("imported", "an", 0),
                ("offered", "an", 10),
                ("accepted", "binh", 20),
                ("imported", "chi", 5),
                ("offered", "binh", 5),
                ("rejected", "chi", 7),
                ("imported", "an", 3),
            ]
        )
    )
    found = [(item.kind, item.officer, item.inferred) for item in intervals]
    assert found == [
        ("held", "an", True),
        ("in_transit", "", False),
        ("held", "binh", False),
        ("in_transit", "", False),
        ("held", "binh", False),
    ]
    assert intervals[1].unit == "next"
    assert intervals[2].from_at == add_seconds(AT, 30)
    assert intervals[4].to_at == add_seconds(AT, 50)


BYTES = msgspec.json.Encoder().encode
WAITS = (("supplement_requested", {}), ("supplement_received", {}))
"""From a state that nobody knows into a wait and back: the state has its default again."""


def stored_between(actions: list[Action]) -> tuple[bytes, bytes]:
    """The bytes of a dossier's fold: folded in one go, and read back from bytes at each step."""
    whole = parts = EMPTY_FOLD
    for version, action in enumerate(actions, 1):
        whole, _ = fold_dossier(whole, action, version)
        parts = msgspec.json.decode(BYTES(parts), type=DossierFold)
        parts, _ = fold_dossier(parts, action, version)
    return BYTES(whole), BYTES(parts)


@settings(deadline=None)
@given(histories)
@example([act(name, "d", "lan", minutes, **data) for minutes, (name, data) in enumerate(WAITS)])
def test_a_fold_that_was_stored_between_has_the_same_bytes(history: list[Action]) -> None:
    whole, parts = stored_between(history)
    assert whole == parts
