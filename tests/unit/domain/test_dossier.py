"""`decide` and `evolve`: what is impossible, the state machine of DOMAIN.md 1.10, custody."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.domain.dossier import EMPTY_DOSSIER, Impossible, decide
from projections.folds.dossier import EMPTY_FOLD, Effects, fold_dossier
from tests.unit.domain.actions import act, action_id, record, recorded, refused

SUBMITTED = act(1, "submitted", "2026-03-02", {"applicant_ref": "a-1"}, kind="applicant", who="a-1")
ACCEPTED = act(2, "accepted", "2026-03-02", {"duration_days": 5, "unit": "land"})
OFFERED = act(3, "custody_offered", "2026-03-03", {"to_unit": "land", "to_officer": "minh"})
TAKEN = act(4, "custody_accepted", "2026-03-04", {"offer_id": OFFERED.id}, who="minh", unit="land")


@pytest.mark.parametrize("name", ["custody_offered", "approved", "withdrawn", "deadline_set"])
def test_a_dossier_begins_with_submission_acceptance_or_import(name: str) -> None:
    found = refused(EMPTY_DOSSIER, act(1, name, "2026-03-02"))
    assert (found.code, found.field) == ("dossier.not_begun", "type")
    imported = {"imported": {"activity": "x", "source_log": "y"}}
    assert not isinstance(
        decide(EMPTY_DOSSIER, act(1, name, "2026-03-02", imported), DEFAULT_RULES), Impossible
    )


@pytest.mark.parametrize("name", ["custody_accepted", "custody_rejected"])
def test_only_an_open_offer_is_answered(name: str) -> None:
    state = recorded([SUBMITTED, ACCEPTED, OFFERED])
    other = refused(state, act(4, name, "2026-03-04", {"offer_id": action_id(99)}))
    assert (other.code, other.field) == ("custody.offer_not_open", "data.offer_id")
    answer = act(4, name, "2026-03-04", {"offer_id": OFFERED.id}, who="minh")
    again = act(5, name, "2026-03-05", {"offer_id": OFFERED.id}, who="minh")
    assert refused(record(state, answer), again).code == "custody.offer_not_open"


@pytest.mark.parametrize("name", ["supplement_received", "supplement_lapsed"])
def test_a_supplement_that_was_never_asked_for_is_not_answered(name: str) -> None:
    state = recorded([SUBMITTED, ACCEPTED])
    assert refused(state, act(3, name, "2026-03-03")).code == "supplement.not_requested"
    state = record(state, act(3, "supplement_requested", "2026-03-03", {"round": 1}))
    wrong = refused(state, act(4, name, "2026-03-04", {"round": 2}))
    assert (wrong.code, wrong.field) == ("supplement.not_requested", "data.round")
    record(state, act(4, name, "2026-03-04", {"round": 1}))


def test_an_answer_after_the_lapse_was_asked_for_and_is_recorded() -> None:
    state = recorded(
        [
            SUBMITTED,
            ACCEPTED,
            act(3, "supplement_requested", "2026-03-03"),
            act(4, "supplement_lapsed", "2026-03-05", kind="system", who="portal"),
        ]
    )
    assert state.portal_status == 5
    state = record(state, act(5, "supplement_received", "2026-03-06"))
    assert (state.status, state.pauses) == ("accepted", ())


def test_each_round_is_answered_by_itself() -> None:
    state = recorded(
        [
            SUBMITTED,
            ACCEPTED,
            act(3, "supplement_requested", "2026-03-03", {"round": 1}),
            act(4, "supplement_requested", "2026-03-04", {"round": 2}),
            act(5, "supplement_received", "2026-03-05", {"round": 2}),
        ]
    )
    assert (state.open_supplements, state.portal_status, state.pauses) == ((1,), 5, ("supplement",))
    state = record(state, act(6, "supplement_received", "2026-03-06", {"complete": False}))
    assert state.open_supplements == (1,)
    state = record(state, act(7, "supplement_received", "2026-03-06"))
    assert (state.open_supplements, state.portal_status, state.supplement_rounds) == ((), 2, 2)
    state = record(state, act(8, "supplement_received", "2026-03-07", {"round": 2}))
    assert (state.open_supplements, state.portal_status) == ((), 2)


@pytest.mark.parametrize("name", ["payment_confirmed", "payment_failed", "refunded"])
def test_a_payment_that_was_never_asked_for_is_not_answered(name: str) -> None:
    state = recorded([SUBMITTED, ACCEPTED])
    found = refused(state, act(3, name, "2026-03-03", {"obligation_id": action_id(9)}))
    assert (found.code, found.field) == ("payment.not_requested", "data.obligation_id")
    state = record(state, act(3, "financial_obligation_issued", "2026-03-03", {"amount": 15_000}))
    record(state, act(4, name, "2026-03-04", {"obligation_id": action_id(3)}))


def test_from_submission_to_delivery_by_the_portal_s_codes() -> None:
    codes = []
    state = EMPTY_DOSSIER
    for action in [
        SUBMITTED,
        act(10, "intake_checked", "2026-03-02", {"result": "incomplete", "missing": ["deed"]}),
        act(11, "supplement_requested", "2026-03-02", {"stage": "intake"}),
        act(12, "supplement_received", "2026-03-03"),
        act(13, "accepted", "2026-03-03", {"duration_days": 5}),
        OFFERED,
        TAKEN,
        act(14, "appraisal_recorded", "2026-03-05", {"opinion": "meets"}, who="minh"),
        act(15, "financial_obligation_issued", "2026-03-05", {"kind": "tax", "amount": 1}),
        act(16, "payment_confirmed", "2026-03-06", {"obligation_id": action_id(15), "amount": 1}),
        act(17, "signed", "2026-03-09", who="hoa"),
        act(18, "result_issued", "2026-03-09", who="clerk"),
        act(19, "returned_to_result_desk", "2026-03-09", who="minh"),
        act(20, "result_delivered", "2026-03-10"),
    ]:
        state = record(state, action)
        codes.append(state.portal_status)
    assert codes == [1, 1, 5, 1, 2, 2, 4, 4, 6, 4, 4, 4, 9, 10]
    assert (state.outcome, state.delivered_at) == ("granted", "2026-03-10T02:00:00.000000Z")
    assert (state.submitted_at[:10], state.accepted_at[:10]) == ("2026-03-02", "2026-03-03")


@pytest.mark.parametrize(
    ("name", "data", "code", "outcome"),
    [
        ("intake_checked", {"result": "out_of_scope"}, 3, "refused"),
        ("refused", {"ground": "out_of_competence"}, 3, "refused"),
        ("withdrawn", {}, 7, "withdrawn"),
        ("processing_stopped", {"ground": "not_eligible"}, 8, "stopped"),
        ("result_delivered", {}, 10, "granted"),
    ],
)
def test_an_ended_dossier_waits_for_nothing(
    name: str, data: dict[str, str], code: int, outcome: str
) -> None:
    """A payment or a paper that comes after the end changes neither status nor due date."""
    state = recorded(
        [
            SUBMITTED,
            ACCEPTED,
            act(3, "financial_obligation_issued", "2026-03-03"),
            act(4, "supplement_requested", "2026-03-03"),
            act(5, name, "2026-03-04", data),
        ]
    )
    assert (state.portal_status, state.outcome, state.pauses) == (code, outcome, ())
    due = state.due_at
    state = recorded(
        [
            act(6, "payment_confirmed", "2026-03-20", {"obligation_id": action_id(3)}),
            act(7, "supplement_received", "2026-03-20"),
            act(8, "supplement_requested", "2026-03-21"),
        ],
        state,
    )
    assert (state.portal_status, state.outcome, state.due_at) == (code, outcome, due)
    assert state.pauses == ()


def test_a_negative_decision_takes_the_same_path() -> None:
    state = recorded(
        [
            SUBMITTED,
            ACCEPTED,
            act(3, "negative_decision_issued", "2026-03-05", {"ground": "planning_conflict"}),
            act(4, "result_issued", "2026-03-05"),
            act(5, "result_delivered", "2026-03-06"),
        ]
    )
    assert (state.portal_status, state.outcome) == (10, "negative")


def test_custody_has_two_sides() -> None:
    """E11 alone moves nothing; E12 names the holder; E13 leaves it with the giver."""
    state = recorded([SUBMITTED, ACCEPTED])
    assert (state.holder, state.holder_inferred) == ("lan", True)
    state = record(state, OFFERED)
    assert (state.holder, state.holder_inferred) == ("lan", False)
    assert [offer.to_unit for offer in state.open_offers] == ["land"]
    state = record(state, TAKEN)
    assert (state.holder, state.holder_unit, state.holder_since) == (
        "minh",
        "land",
        "2026-03-04T02:00:00.000000Z",
    )
    assert (state.open_offers, state.status) == ((), "processing")
    back = act(5, "custody_offered", "2026-03-05", {"to_unit": "one-stop"}, who="minh")
    no = {"offer_id": back.id, "reason": "wrong_step"}
    state = recorded([back, act(6, "custody_rejected", "2026-03-05", no)], state)
    assert (state.holder, state.open_offers) == ("minh", ())


def test_another_s_action_does_not_take_a_dossier_that_somebody_accepted() -> None:
    state = recorded([SUBMITTED, ACCEPTED, OFFERED, TAKEN, act(5, "approved", "2026-03-05")])
    assert (state.holder, state.last_officer) == ("minh", "lan")


def test_in_a_foreign_log_the_acting_officer_is_taken_for_the_holder() -> None:
    case = [
        ["deadline", "date", "2011-10-11T13:45:40.276+02:00"],
        ["enddate", "date", "2011-10-12T13:45:40.276+02:00"],
    ]
    first = {"activity": "Confirmation of receipt", "source_log": "receipt", "case": case}
    state = recorded(
        [
            act(1, "action_imported", "2011-10-01", first, who="Resource10", unit=""),
            act(2, "action_imported", "2011-10-02", first, who="admin1", unit=""),
        ]
    )
    assert (state.holder, state.holder_inferred, state.holder_since[:10]) == (
        "admin1",
        True,
        "2011-10-02",
    )
    assert (state.due_at, state.due_imported) == ("2011-10-11T11:45:40.276000Z", True)
    assert (state.ended_at, state.ended_imported) == ("2011-10-12T11:45:40.276000Z", True)
    assert (state.is_imported, state.source, state.is_ended) == (True, "receipt", False)


def test_an_import_derives_nothing() -> None:
    data = {"duration_days": 5, "imported": {"activity": "030", "source_log": "permits"}}
    state = recorded([act(1, "accepted", "2026-03-02", data)])
    assert (state.due_at, state.version) == ("", 1)


def test_a_breach_is_recorded_and_not_refused() -> None:
    """Delivered without being issued, approved by the drafter: evidence, never a refusal."""
    state = recorded(
        [SUBMITTED, act(2, "approved", "2026-03-02"), act(3, "result_delivered", "2026-03-02")]
    )
    assert state.portal_status == 10


def test_what_the_ledger_derives_is_nobody_s_work() -> None:
    state = recorded([SUBMITTED, ACCEPTED])
    assert state.version == 3
    assert state.last_officer == "lan"


@pytest.mark.parametrize("name", ["viewed", "exported"])
def test_whoever_only_looks_is_neither_holder_nor_the_last_to_act(name: str) -> None:
    """E20 (I21): also where the holder is inferred from who acts."""
    before = recorded([SUBMITTED, ACCEPTED])
    look = act(3, name, "2026-03-05", {"purpose": "supervision"}, who="thu")
    after = record(before, look)
    assert after.version == before.version + 1
    assert replace(after, version=before.version) == before
    fold = EMPTY_FOLD
    for version, action in enumerate([SUBMITTED, ACCEPTED], 1):
        fold, _ = fold_dossier(fold, action, version)
    looked, effects = fold_dossier(fold, look, 3)
    assert (looked.custody, looked.succession) == (fold.custody, fold.succession)
    assert effects == Effects((), None, None)
