"""DOMAIN.md 1.10: the dimensions move by their own events; a broken guard is a finding."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ledger.core.findings import Verdict
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState
from ledger.domain.guards import FROM, guard, guard_findings
from tests.unit.domain.actions import act, action_id, record, recorded

BEGUN = [
    act(1, "submitted", "2026-03-02", kind="applicant", who="a-1"),
    act(2, "accepted", "2026-03-02", {"duration_days": 10}),
    act(3, "custody_offered", "2026-03-03", {"to_unit": "land", "to_officer": "minh"}),
    act(4, "custody_accepted", "2026-03-03", {"offer_id": action_id(3)}, who="minh", unit="land"),
]
RESULT = [
    act(30, "draft_submitted", "2026-03-09", {"to_approver": "hoa"}, who="minh"),
    act(31, "approved", "2026-03-09", who="hoa"),
    act(32, "signed", "2026-03-09", who="hoa"),
    act(33, "result_numbered", "2026-03-09", who="clerk"),
    act(34, "result_issued", "2026-03-09", who="clerk"),
    act(35, "returned_to_result_desk", "2026-03-10", who="minh"),
    act(36, "result_delivered", "2026-03-11"),
]


def codes(state: DossierState) -> list[str]:
    return [breach.code for breach in state.breaches]


def test_the_whole_way_breaks_no_guard_and_passes_every_phase() -> None:
    state = recorded(BEGUN)
    seen = [state.activities]
    for action in [
        act(5, "work_started", "2026-03-04", who="minh"),
        act(6, "consultation_requested", "2026-03-04", {"agency": "tax"}, who="minh"),
        act(7, "escalated_for_opinion", "2026-03-04", who="minh"),
        act(8, "verification_ordered", "2026-03-04", who="minh"),
        act(9, "field_inspection_done", "2026-03-05", {"order_id": action_id(8)}, who="minh"),
        act(10, "escalation_answered", "2026-03-05", {"decided": True}, who="hoa"),
        act(11, "consultation_answered", "2026-03-06", {"agency": "tax"}, who="tax"),
        act(12, "appraisal_recorded", "2026-03-06", {"opinion": "meets"}, who="minh"),
        *RESULT,
    ]:
        state = record(state, action)
        seen.append(state.activities)
    assert seen[:9] == [
        ("queue",),
        ("working",),
        ("working", "consulting"),
        ("working", "consulting", "escalated"),
        ("working", "verifying", "consulting", "escalated"),
        ("working", "consulting", "escalated"),
        ("working", "consulting"),
        ("working",),
        ("drafting",),
    ]
    assert seen[9:] == [
        ("await_approval",),
        ("await_signature",),
        ("await_number",),
        (),
        (),
        (),
        (),
    ]
    assert (codes(state), state.status, state.delivery) == ([], "delivered", "delivered")


def test_a_unit_that_accepts_waits_for_an_assignment() -> None:
    unit = [
        *BEGUN[:2],
        act(3, "custody_offered", "2026-03-03", {"to_unit": "land"}),
        act(4, "custody_accepted", "2026-03-03", {"offer_id": action_id(3)}, who="head"),
    ]
    state = recorded(unit)
    assert state.activities == ("await_assign",)
    state = record(state, act(5, "assigned", "2026-03-03", {"officer": "minh"}, who="head"))
    assert (state.activities, state.assigned) == (("queue",), "minh")
    co = {"officer": "thu", "role": "co"}
    state = record(state, act(6, "assigned", "2026-03-03", co, who="head"))
    state = record(
        state, act(7, "reassigned", "2026-03-04", {**co, "officer": "an", "previous": "thu"})
    )
    assert (state.assigned, state.co_officers) == ("minh", ("an",))


def test_while_two_things_are_waited_for_the_status_is_what_is_left() -> None:
    """5 until the papers are there, 6 until it is paid, whichever is answered first."""
    both = [
        *BEGUN,
        act(5, "supplement_requested", "2026-03-04", who="minh"),
        act(6, "financial_obligation_issued", "2026-03-05", {"amount": 10}, who="minh"),
    ]
    paid = act(7, "payment_confirmed", "2026-03-06", {"obligation_id": action_id(6)})
    received = act(8, "supplement_received", "2026-03-09")
    seen = []
    for order in ((paid, received), (received, paid)):
        state = recorded(both)
        seen.append([state.portal_status])
        for action in order:
            state = record(state, action)
            seen[-1].append(state.portal_status)
    assert seen == [[6, 5, 4], [6, 6, 4]]
    intake = recorded(
        [
            BEGUN[0],
            act(5, "financial_obligation_issued", "2026-03-02", {"amount": 10}),
            act(6, "supplement_requested", "2026-03-02", {"stage": "intake"}),
            act(7, "payment_confirmed", "2026-03-03", {"obligation_id": action_id(5)}),
        ]
    )
    assert intake.status == "intake_supplement"


def test_what_is_paid_at_the_result_leads_back_to_the_desk() -> None:
    state = recorded([*BEGUN, *RESULT[:-1]])
    owed = act(40, "financial_obligation_issued", "2026-03-10", {"amount": 10, "timing": 4})
    state = record(state, owed)
    assert state.portal_status == 6
    state = record(state, act(41, "payment_confirmed", "2026-03-10", {"obligation_id": owed.id}))
    assert (state.portal_status, codes(state)) == (9, [])


def test_the_step_and_its_due_time_come_with_custody() -> None:
    offer = act(3, "custody_offered", "2026-03-03", {"due_step_at": "2026-03-09T10:00:00.000000Z"})
    state = recorded([*BEGUN[:2], replace(offer, step="appraisal"), BEGUN[3]])
    assert (state.step, state.due_step_at) == ("appraisal", "2026-03-09T10:00:00.000000Z")


def test_payment_delivery_and_synchronisation_are_dimensions_of_their_own() -> None:
    state = recorded(BEGUN)
    assert (state.payment, state.delivery, state.synchronisation) == ("none", "none", "never")
    asked = act(5, "financial_obligation_issued", "2026-03-04", {"amount": 10}, who="minh")
    obligation = {"obligation_id": action_id(5)}
    told = {"portal_status": 6}
    seen = []
    for action in [
        asked,
        act(6, "payment_failed", "2026-03-04", obligation),
        act(7, "synchronised_to_portal", "2026-03-04", told, kind="system", who="gate"),
        act(8, "payment_confirmed", "2026-03-05", obligation),
        act(9, "sync_failed", "2026-03-05", kind="system", who="gate"),
        act(10, "synchronised_to_portal", "2026-03-05", kind="system", who="gate"),
        *RESULT,
        act(40, "archived_transferred", "2026-03-20", who="clerk"),
    ]:
        state = record(state, action)
        seen.append((state.payment, state.delivery, state.synchronisation))
    assert seen == [
        ("awaiting", "none", "never"),
        ("failed", "none", "never"),
        ("failed", "none", "synchronised"),
        ("paid", "none", "behind"),
        ("paid", "none", "failed"),
        ("paid", "none", "synchronised"),
        *[("paid", "none", "synchronised")] * 4,
        ("paid", "issued", "synchronised"),
        ("paid", "at_desk", "behind"),
        ("paid", "delivered", "behind"),
        ("paid", "archived", "behind"),
    ]


def test_supplements_are_counted_by_stage() -> None:
    state = recorded(
        [
            BEGUN[0],
            act(5, "supplement_requested", "2026-03-02", {"stage": "intake"}),
            act(6, "supplement_received", "2026-03-03"),
            *BEGUN[1:],
            act(7, "supplement_requested", "2026-03-05", {"round": 1}, who="minh"),
            act(8, "supplement_received", "2026-03-06"),
            act(9, "supplement_requested", "2026-03-07", {"round": 2}, who="minh"),
        ]
    )
    assert (state.intake_rounds, state.appraisal_rounds, state.supplement_rounds) == (1, 2, 3)


@pytest.mark.parametrize(
    ("effect", "status"), [("", "intake_supplement"), ("refused", "refused"), ("withdrawn",) * 2]
)
def test_a_lapse_ends_the_dossier_where_its_rule_says_so(effect: str, status: str) -> None:
    """E10: to Refused or Withdrawn per rule; the rule's effect stands in the event."""
    lapse = act(6, "supplement_lapsed", "2026-03-20", {"effect": effect}, kind="system", who="p")
    asked = act(5, "supplement_requested", "2026-03-02", {"stage": "intake"})
    state = recorded([BEGUN[0], asked, lapse])
    assert (state.status, state.open_supplements) == (status, ())


def test_before_acceptance_the_applicant_s_word_is_enough_to_withdraw() -> None:
    asked = act(5, "withdrawal_requested", "2026-03-03", kind="applicant", who="a-1")
    assert recorded([BEGUN[0], asked]).status == "withdrawn"
    later = recorded([*BEGUN, asked])
    assert later.status == "processing"
    assert record(later, act(6, "withdrawn", "2026-03-04")).portal_status == 7


def test_an_office_that_records_the_withdrawal_afterwards_breaks_nothing() -> None:
    asked = act(5, "withdrawal_requested", "2026-03-03", kind="applicant", who="a-1")
    state = recorded([BEGUN[0], asked, act(6, "withdrawn", "2026-03-04")])
    assert (state.status, codes(state)) == ("withdrawn", [])
    at_desk = recorded([*BEGUN, *RESULT[:-1], act(40, "withdrawn", "2026-03-11")])
    assert codes(at_desk) == ["dossier.out_of_order"], "the result lies ready"


def test_what_ended_by_refusal_or_merger_is_not_reopened() -> None:
    refused = recorded([BEGUN[0], act(5, "refused", "2026-03-03", {"ground": "x"})])
    merged = recorded([*BEGUN, act(5, "merged", "2026-03-04", {"into": "d-4"})])
    for state in (refused, merged):
        assert codes(record(state, act(6, "reopened", "2026-03-05"))) == ["dossier.out_of_order"]


def test_reopening_begins_a_new_round_and_voids_the_result() -> None:
    state = recorded([*BEGUN, *RESULT])
    state = record(state, act(50, "reopened", "2026-04-01", {"approver": "hoa"}, who="hoa"))
    assert (state.status, state.outcome, state.delivery, state.reopened) == (
        "processing",
        "",
        "none",
        1,
    )
    assert (state.ended_at, codes(state)) == ("", [])
    for number, action in enumerate(RESULT, 60):
        state = record(state, replace(action, id=action_id(number)))
    assert (state.status, codes(state)) == ("delivered", [])


def test_a_merged_dossier_ends_and_a_split_one_goes_on() -> None:
    state = recorded([*BEGUN, act(5, "split", "2026-03-04", {"into": ["d-2"]}, who="minh")])
    state = record(state, act(6, "linked_to", "2026-03-04", {"dossier": "d-3"}, who="minh"))
    assert (state.status, state.linked) == ("processing", ("d-2", "d-3"))
    state = record(state, act(7, "merged", "2026-03-04", {"into": "d-4"}, who="minh"))
    assert (state.status, state.is_ended, state.merged_into) == ("merged", True, "d-4")


def test_complaints_and_urges_are_open_until_answered() -> None:
    state = recorded(
        [
            *BEGUN,
            act(5, "complaint_filed", "2026-03-04", kind="applicant", who="a-1"),
            act(6, "feedback_filed", "2026-03-04", kind="applicant", who="a-1"),
            act(7, "urge_issued", "2026-03-05", {"to_unit": "land"}, who="control"),
        ]
    )
    assert (len(state.open_filings), len(state.open_urges)) == (2, 1)
    answer = act(8, "answered", "2026-03-06", {"filing_id": action_id(5), "result": "upheld"})
    state = record(state, answer)
    state = record(state, act(9, "urge_answered", "2026-03-06", {"urge_id": action_id(7)}))
    assert (state.open_filings, state.open_urges) == ((action_id(6),), ())


def test_delivered_without_issue_is_found_and_recorded() -> None:
    short = [action for action in RESULT if action.type != "dossier.result_issued.v1"]
    state = recorded([*BEGUN, *short])
    assert state.portal_status == 10
    [finding] = guard_findings(state)
    assert (finding.code, finding.verdict, finding.version) == (
        "dossier.delivered_without_issue",
        Verdict.FAILED,
        state.version,
    )
    assert all((finding.message, finding.expected, finding.actual, finding.next_step))


def test_a_negative_decision_is_issued_by_its_number_and_seal_like_any_other() -> None:
    decided = act(31, "negative_decision_issued", "2026-03-09", {"ground": "x"}, who="hoa")
    state = recorded([*BEGUN, decided])
    assert (state.activities, state.delivery, state.outcome) == (
        ("await_number",),
        "none",
        "negative",
    )
    whole = recorded([*BEGUN, decided, *RESULT[3:]])
    assert (whole.outcome, codes(whole)) == ("negative", [])
    short = recorded([*BEGUN, decided, *RESULT[5:]])
    assert codes(short) == ["dossier.delivered_without_issue"]


def test_an_instant_procedure_is_delivered_when_it_is_signed() -> None:
    """Accepted, signed, delivered on one day needs no number, no seal and no result desk."""
    signed = act(5, "signed", "2026-03-02", who="hoa")
    assert not recorded([*BEGUN[:2], signed, act(6, "result_delivered", "2026-03-02")]).breaches
    late = recorded([*BEGUN[:2], signed, act(6, "result_delivered", "2026-03-03")])
    assert codes(late) == ["dossier.out_of_order", "dossier.delivered_without_issue"]


def test_who_drafts_does_not_approve_alone() -> None:
    alone = [replace(a, actor=replace(a.actor, id="minh")) for a in RESULT[:3]]
    state = recorded([*BEGUN, *alone, *RESULT[3:]])
    [finding] = guard_findings(state)
    assert (finding.code, finding.verdict) == (
        "dossier.approved_by_drafter",
        Verdict.INDETERMINATE,
    )
    second = [alone[0], alone[1], RESULT[2]]
    assert not recorded([*BEGUN, *second, *RESULT[3:]]).breaches


@pytest.mark.parametrize("name", sorted(FROM))
def test_an_event_out_of_order_is_found_in_each_wrong_state(name: str) -> None:
    short = name.split(".")[1]
    for status in ("unknown", "submitted", "accepted", "processing", "done", "withdrawn"):
        state = DossierState(status=status, version=1, accepted_at="x", issued_at="x")
        action = act(9, short, "2026-03-20")
        found = {breach.code for breach in guard(state, action, 2)}
        assert ("dossier.out_of_order" in found) == (status not in FROM[name])
        imported: dict[str, Any] = {"imported": {"activity": "a", "source_log": "b"}}
        assert guard(state, act(9, short, "2026-03-20", imported), 2) == ()


def test_a_breach_that_comes_again_is_counted_and_keeps_its_first_place() -> None:
    state = recorded([*BEGUN, act(5, "withdrawn", "2026-03-04")])
    for number in (6, 7, 8):
        state = record(state, act(number, "signed", "2026-03-05", who="hoa"))
    [breach] = state.breaches
    assert (breach.code, breach.version, breach.times) == ("dossier.out_of_order", 7, 3)
    assert "3 times" in guard_findings(state)[0].message


def test_what_is_recorded_late_is_counted_and_nothing_else() -> None:
    state = recorded([*BEGUN, act(5, "note_added", "2026-03-01", {"text_hash": "0" * 64})])
    assert (state.late_recorded, codes(state)) == (1, [])
    assert EMPTY_DOSSIER.late_recorded == 0
