"""L1 to L24 of DOMAIN.md 1.7: each kept, broken, not applicable, and where it cannot be known."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

import ledger.domain.duties as module
from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.core.action import Action
from ledger.domain.duties import DUTIES
from ledger.domain.duty import DutyCase
from ledger.domain.duty_words import DUTY_WORDS, REASON_WORDS, RESULT_WORDS
from ledger.domain.registry import Registry, build_registry
from ledger.domain.step_budget import step_budget
from tests.unit.domain.actions import act, action_id
from tests.unit.domain.duty_cases import (
    BEGUN,
    CASES,
    EMPTY,
    GIVEN,
    GIVEN_OUT,
    HELD,
    ISSUED,
    REGISTRY,
    SENT,
    TAKEN,
    WHOLE,
    ask,
    by,
    got,
    moment,
    results,
    said,
    whole,
)
from tests.unit.domain.test_registry import say


@pytest.mark.parametrize(("duty", "actions", "expected"), CASES)
def test_each_duty(duty: str, actions: list[Action], expected: tuple[str, ...]) -> None:
    assert said(duty, actions) == expected


def test_every_duty_has_its_words_and_every_answer_its_entries() -> None:
    assert list(DUTIES) == [f"L{number}" for number in range(1, 25)]
    assert set(DUTY_WORDS) == set(DUTIES)
    ids = {action.id for _, action in whole(WHOLE)} | {action_id(n) for n in range(901, 908)}
    for found in results(WHOLE).values():
        assert bool(found.entries) == (found.reasons != ("nothing_to_check",)), found
        assert set(found.entries) <= ids
        assert found.result in RESULT_WORDS
        assert set(found.reasons) <= set(REASON_WORDS)
    for table in (DUTY_WORDS, RESULT_WORDS, REASON_WORDS):
        assert all(english and vietnamese for english, vietnamese in table.values())


def test_every_reason_in_the_code_has_words_and_no_others_have() -> None:
    """Codes stand in the predicates as texts: none may be forgotten, none may linger."""
    folder = Path(module.__file__).parent
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in [*folder.glob("duties*.py"), folder / "duty.py"]
    )
    assert {reason for reason in REASON_WORDS if f'"{reason}"' not in code} == set()
    used = {reason for _, _, expected in CASES for reason in expected[1:]}
    assert used <= set(REASON_WORDS)


def test_a_unit_that_takes_a_dossier_assigns_it_in_time() -> None:
    """L8: eight office hours after the acceptance at 08:00, so by 17:00."""
    offer = by("custody_offered", 3, 2, "lan", 11, to_unit="land")
    taken = by("custody_accepted", 4, 3, "head", 8, offer_id=action_id(3))
    named = by("assigned", 5, 3, "head", 16, officer="minh")
    late = by("assigned", 5, 4, "head", 10, officer="minh")
    assert said("L8", [*BEGUN, offer, taken, named]) == ("kept", "in_time")
    assert said("L8", [*BEGUN, offer, taken, late]) == ("broken", "assigned_late")
    assert said("L8", [*BEGUN, offer, taken]) == ("broken", "assigned_late")
    ended = by("processing_stopped", 6, 5, "hoa")
    assert said("L8", [*BEGUN, offer, taken, ended]) == ("broken", "never_assigned")
    assert said("L8", [*BEGUN, offer, taken], at=moment(3, 10)) == ("not_applicable", "not_due")


def test_what_is_left_of_a_step_s_budget_as_at_a_moment() -> None:
    """Sixteen hours from 08:00 on the 3rd; on the 4th at 09:00 eight and one are used."""

    def left(actions: list[Action], at: str, known: Registry = REGISTRY) -> list[int] | None:
        budget = step_budget(DutyCase(whole(actions), known, DEFAULT_RULES, at))
        if budget is None:
            return None
        assert (budget.step, budget.entry) == ("appraisal", action_id(906))
        return [s // 3600 for s in (budget.used_seconds, budget.left_seconds)]

    start = [*BEGUN, replace(GIVEN, step="appraisal"), HELD]
    back = by("custody_offered", 8, 5, "minh", 7, to_unit="committee", to_officer="hoa")
    assert left(start, moment(4)) == [9, 7]
    assert left(start, moment(6)) == [25, -9]
    assert left([*start, ask(20, 4)], moment(20)) == [9, 7], "the applicant's time is not counted"
    assert left([*start, back], moment(5)) == [17, -1], "offered is not yet given"
    took = by("custody_accepted", 9, 5, "hoa", 8, offer_id=action_id(8))
    assert left([*start, back, took], moment(6)) is None, "its step has no budget"
    assert left(start, moment(4), EMPTY) is None
    assert left(BEGUN, moment(4)) is None
    assert left([*start, by("processing_stopped", 10, 4, "hoa")], moment(5)) is None


def test_a_step_keeps_its_budget_without_the_waits() -> None:
    """L10: sixteen working hours from 08:00 on the 3rd end on the 5th at 08:00."""
    given, held = replace(GIVEN, step="appraisal"), HELD
    back = by("custody_offered", 8, 5, "minh", 7, to_unit="committee", to_officer="hoa")
    took = by("custody_accepted", 9, 5, "hoa", 8, offer_id=action_id(8))
    late = by("custody_accepted", 9, 5, "hoa", 9, offer_id=action_id(8))
    start = [*BEGUN, given, held]
    assert said("L10", [*start, back, took]) == ("kept", "step_in_budget")
    assert said("L10", [*start, back, late]) == ("broken", "step_over_budget")
    waited = [ask(20, 3), got(21, 4)]
    assert said("L10", [*start, *waited, back, late]) == ("kept", "step_in_budget")
    assert said("L10", [*start, ask(20, 4), back, late]) == ("kept", "step_in_budget")
    assert said("L10", start, at=moment(4)) == ("not_applicable", "not_due")
    assert said("L10", start) == ("broken", "step_over_budget")
    assert said("L10", [*start, back, late], EMPTY) == ("not_applicable", "nothing_to_check")
    due = {"due_step_at": moment(5, 8)}
    own = by("custody_offered", 3, 2, "lan", 11, to_officer="minh", **due)
    assert said("L10", [*BEGUN, own, held, back, took], EMPTY) == ("kept", "in_time")
    assert said("L10", [*BEGUN, own, held, back, late], EMPTY) == ("broken", "step_late")


def test_a_required_consultation_is_closed_before_the_decision() -> None:
    """L11 (D9)."""
    tax = {"agency": "tax", "mandatory": True, "reply_by_on": "2026-03-05"}
    asked = by("consultation_requested", 10, 3, "minh", **tax)
    answer = by("consultation_answered", 11, 5, "tax", agency="tax")
    lapsed = by("consultation_lapsed", 11, 6, "ledger", agency="tax")
    signed = by("signed", 12, 9, "hoa")
    start = [*BEGUN, GIVEN, HELD]
    assert said("L11", [*start, asked, answer, signed]) == ("kept", "consultation_closed")
    assert said("L11", [*start, asked, lapsed, signed]) == ("kept", "consultation_closed")
    assert said("L11", [*start, asked, signed]) == ("kept", "consultation_closed")  # by silence
    early = by("signed", 12, 5, "hoa")
    assert said("L11", [*start, asked, early]) == ("broken", "decided_without_answer")
    still = ("broken", "stood_still_after_silence")
    assert said("L11", [*start, asked]) == still
    assert said("L11", [*start, asked], at=moment(5)) == ("not_applicable", "not_due")
    worked = by("appraisal_recorded", 12, 6, "minh")
    assert said("L11", [*start, asked, worked]) == ("kept", "consultation_closed")
    blocking = replace(asked, data={**tax, "silence_effect": "blocks"})
    assert said("L11", [*start, blocking]) == ("not_applicable", "silence_blocks")
    other = by("consultation_answered", 11, 5, "fire", agency="fire")
    assert said("L11", [*start, asked, other], at=moment(5)) == ("not_applicable", "not_due")
    stopped = by("processing_stopped", 12, 4, "hoa")
    assert said("L11", [*start, asked, stopped]) == ("not_applicable", "nothing_to_check")
    open_end = by("consultation_requested", 10, 3, "minh", agency="tax", mandatory=True)
    assert said("L11", [*start, open_end, answer]) == ("broken", "no_reply_by")


def test_an_apology_comes_before_the_day_passes() -> None:
    """L12 (D10): accepted on Monday the 2nd, due on Monday the 16th, so by Friday the 13th."""
    late = by("result_delivered", 45, 18, "lan")
    said_so = by("apology_issued", 30, 13, "hoa", 23)
    too_late = by("apology_issued", 30, 16, "hoa", 8)
    assert said("L12", [*BEGUN, said_so, late]) == ("kept", "apologised")
    assert said("L12", [*BEGUN, too_late, late]) == ("broken", "no_apology_in_time")
    assert said("L12", [*BEGUN, late]) == ("broken", "no_apology_in_time")
    assert said("L12", WHOLE) == ("not_applicable", "nothing_to_check")
    assert said("L12", BEGUN, at=moment(16)) == ("not_applicable", "nothing_to_check")
    assert said("L12", BEGUN, at=moment(17)) == ("broken", "no_apology_in_time")
    ready = by("returned_to_result_desk", 44, 16, "minh")
    assert said("L12", [*BEGUN, ready, late]) == ("not_applicable", "nothing_to_check")


def test_an_extension_needs_its_apology_and_happens_once() -> None:
    """L12: the day that was moved was missed, too; it may be moved once."""
    due = {"new_due_at": "2026-03-24T17:00:00.000000Z"}
    moved = by("deadline_extended", 31, 12, "hoa", **due)
    sorry = by("apology_issued", 30, 12, "hoa")
    assert said("L12", [*BEGUN, sorry, moved]) == ("broken", "no_apology_in_time")
    intime = [*BEGUN, sorry, moved, by("result_delivered", 45, 20, "lan")]
    assert said("L12", intime) == ("kept", "apologised")
    again = by("apology_issued", 32, 23, "hoa")
    delivered = by("result_delivered", 45, 27, "lan")
    assert said("L12", [*BEGUN, sorry, moved, again, delivered]) == ("broken", "apologised_again")


def test_a_pause_is_no_delay() -> None:
    actions = [*BEGUN, ask(20, 13), got(21, 23), by("result_delivered", 45, 24, "lan")]
    assert said("L12", actions) == ("not_applicable", "nothing_to_check")


def test_paper_components_are_digitised() -> None:
    """L15: by document, else by its type; an electronic one needs no scan."""
    papers = [
        {"doc_type": "deed", "doc_id": "d1", "copy_kind": 0},
        {"doc_type": "identity", "copy_kind": 1},
        {"doc_type": "application", "copy_kind": 2},
    ]
    sent = replace(SENT, data={"components": papers})
    signed = by("electronic_result_issued", 50, 10, "clerk", sha256="0" * 64, signature_ref="s")
    one = by("document_digitised", 51, 2, "lan", doc_id="d1")
    two = by("document_digitised", 52, 2, "lan", doc_id="d2", doc_type="identity")
    whole_case = [sent, TAKEN, GIVEN, HELD, *ISSUED, GIVEN_OUT, signed]
    assert said("L15", [*whole_case, one, two]) == ("kept", "digitised", "result_digitised")
    assert said("L15", [*whole_case, one]) == ("broken", "not_digitised")


def sync(number: int, day: int, hour: int, minute: int, status: int) -> Action:
    at = moment(day, hour).replace(":00:00.", f":{minute:02d}:00.")
    return act(number, "synchronised_to_portal", at, {"portal_status": status}, kind="system")


def test_a_status_is_sent_within_the_minutes() -> None:
    """L21: thirty minutes; one that changed again meanwhile need not be sent."""
    start = [*BEGUN, sync(10, 2, 10, 20, 2), GIVEN, HELD]
    assert said("L21", [*start, sync(11, 3, 8, 30, 4)]) == ("kept", "in_time")
    assert said("L21", [*start, sync(11, 3, 8, 31, 4)]) == ("broken", "synchronised_late")
    assert said("L21", start) == ("broken", "synchronised_late")
    assert said("L21", start, at=moment(3, 8)) == ("kept", "in_time")
    assert said("L21", BEGUN) == ("indeterminate", "never_synchronised")
    assert said("L21", [SENT]) == ("not_applicable", "nothing_to_check")


def test_a_complaint_is_answered_in_time() -> None:
    """L22: by the day it names, else fifteen working days."""
    filed = act(20, "complaint_filed", moment(11), {}, kind="applicant", who="a-1")
    named = replace(filed, data={"answer_by_at": moment(13, 17)})
    reply = by("answered", 21, 13, "control", 16, filing_id=action_id(20))
    assert said("L22", [*WHOLE, named, reply]) == ("kept", "in_time")
    assert said("L22", [*WHOLE, named]) == ("broken", "answered_late")
    assert said("L22", [*WHOLE, filed], at=moment(31)) == ("not_applicable", "not_due")
    assert said("L22", [*WHOLE, filed]) == ("broken", "answered_late")


def test_who_held_a_late_dossier_can_be_named() -> None:
    """L23: from two-sided custody; inferred custody names nobody."""
    late = by("result_delivered", 45, 18, "lan")
    assert said("L23", [*BEGUN, GIVEN, HELD, late]) == ("kept", "holder_known")
    assert said("L23", [*BEGUN, late]) == ("indeterminate", "holder_not_known")
    assert said("L23", WHOLE) == ("not_applicable", "nothing_to_check")


def test_an_ended_dossier_goes_to_the_archive() -> None:
    """L24: within a year, against a receipt."""
    kept = by("archived_transferred", 60, 20, "clerk", receipt="r-1")
    bare = by("archived_transferred", 60, 20, "clerk")
    assert said("L24", [*WHOLE, kept]) == ("kept", "archived")
    assert said("L24", [*WHOLE, bare]) == ("broken", "no_receipt")
    assert said("L24", WHOLE) == ("not_applicable", "not_due")
    later = "2027-04-01T00:00:00.000000Z"
    assert said("L24", WHOLE, at=later) == ("broken", "not_archived")


def test_an_outage_is_nobody_s_fault() -> None:
    """E66: what fell into it cannot be held against anybody."""
    sent = act(1, "submitted", moment(4, 9, 5), kind="applicant", who="a-1")
    late = act(2, "accepted", moment(7, 9, 5), {"slip_ref": "s"})
    found = results([sent, late])["L2"]
    assert (found.result, found.reasons) == ("indeterminate", ("outage",))
    assert action_id(907) in found.entries
    assert said("L2", [sent, late], EMPTY) == ("broken", "decided_late")
    # The 39 hours that there were begin when it is over: later than that is late all the same.
    just = act(2, "accepted", moment(9, 22, 5), {"slip_ref": "s"})
    assert said("L2", [sent, just]) == ("indeterminate", "outage")
    later = act(2, "accepted", moment(9, 23, 5), {"slip_ref": "s"})
    assert said("L2", [sent, later]) == ("broken", "decided_late")


def test_what_is_not_known_is_neither_kept_nor_broken() -> None:
    assert said("L18", [*BEGUN, by("signed", 5, 4, "hoa")], EMPTY) == (
        "indeterminate",
        "officer_unknown",
    )
    assert said("L3", [*BEGUN, ask(10, 4)], EMPTY) == ("indeterminate", "procedure_unknown")
    far = act(1, "submitted", "2040-03-02T02:00:00.000000Z", kind="applicant", who="a-1")
    assert said("L2", [far], at="2041-01-01T00:00:00.000000Z") == ("indeterminate", "no_rule")
    old = act(1, "submitted", "2016-03-02T02:00:00.000000Z", kind="applicant", who="a-1")
    assert said("L2", [old]) == ("indeterminate", "no_rule")
    other = by("accepted", 2, 2, "lan", duration_days=3, ruleset="XX-1", slip_ref="s")
    assert said("L4", [other, ask(10, 4)]) == ("indeterminate", "no_rule")
    offer = by("custody_offered", 3, 2, "lan", 11, to_unit="land")
    taken = by("custody_accepted", 4, 3, "head", 8, offer_id=action_id(3))
    assert said("L8", [other, offer, taken]) == ("indeterminate", "no_rule")
    named = act(20, "complaint_filed", moment(11), {"answer_by_at": moment(13)}, who="a-1")
    assert said("L22", [other, named]) == ("broken", "answered_late")
    assert said("L22", [other, replace(named, data={})]) == ("indeterminate", "no_rule")
    free = build_registry(
        [say(1, "procedure.version_published", "1.004227", "2026-01-01", version=2, name="P")]
    )
    fee = by("financial_obligation_issued", 5, 4, "minh", kind="fee", amount=5)
    assert said("L16", [*BEGUN, fee], free) == ("indeterminate", "no_fee_table")


def test_a_foreign_log_breaks_no_duty() -> None:
    """It leaves things out; what it does show still counts as kept."""
    source = {"imported": {"activity": "x", "source_log": "y"}}
    first = act(1, "accepted", moment(2), {"slip_ref": "s", **source})
    bare = act(1, "accepted", moment(2), source)
    assert said("L1", [first]) == ("kept", "slip_issued")
    assert said("L1", [bare]) == ("indeterminate", "foreign_log")
    assert not [r for r in results([bare]).values() if r.result == "broken"]


@pytest.mark.parametrize(("ended", "reasons"), [(15, "nothing_to_check"), (25, "no_rule")])
def test_a_foreign_log_s_own_end_ends_the_clock(ended: int, reasons: str) -> None:
    """Its dates lie in a year without a calendar: then only what was not late can be known."""
    case = [["deadline", "date", "2011-03-20T00:00:00+07:00"]]
    case.append(["enddate", "date", f"2011-03-{ended}T00:00:00+07:00"])
    data = {"activity": "a", "source_log": "b", "case": case}
    first = act(1, "action_imported", "2011-03-02T02:00:00.000000Z", data)
    assert said("L12", [first])[1:] == (reasons,)


def test_the_same_entries_give_the_same_answers() -> None:
    assert results(WHOLE) == results(WHOLE)
