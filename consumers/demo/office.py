"""The demo office: 40 dossiers of one spring, the same bytes every time, no chance anywhere.

Two of them are the stories of DOMAIN.md 3.4: `LAND_STORY` and `PERMIT_STORY`. Around them lie
ordinary dossiers, so that the stories have something to be compared with, and an innocent
look-alike: `land.toan` has every dossier that waits for the tax office, so his dossiers take
longest, and none of that time is his.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge
from typing import Final

from consumers.demo.people import (
    BUILD,
    CHAIR,
    CLERK,
    DESK,
    LAND_1,
    LAND_2,
    PLAN,
    Officer,
    agency_actor,
    system_actor,
)
from consumers.demo.registry import COPY, LAND, PERMIT, registry_actions
from consumers.demo.scribe import DOSSIERS, Scribe, dossier_id
from ledger.core.action import Action

LAND_STORY: Final = 7
PERMIT_STORY: Final = 19
BATCH_DAY: Final = 41
"""The last working day of April: what was to be signed this month is signed within minutes."""

PERMIT_DAY: Final = BATCH_DAY - 20
"""Ordinary permits were accepted so that the day of the batch is their last day."""

TAX: Final = agency_actor("tax-office")
PORTAL: Final = system_actor("payment-portal")


def _tax(s: Scribe, asked: int, answered: int, officer: Officer, paid: int) -> None:
    """The tax office is asked for its notice, sends it, and the applicant pays."""
    ask = {"agency": "tax-office", "mandatory": True}
    s.act(asked, "14:05", officer, "consultation_requested", ask, step="tax")
    reply = {"agency": "tax-office", "answer": "agree", "ref": f"notice-{s.dossier_id}"}
    s.act(answered, "15:20", TAX, "consultation_answered", reply, step="tax")
    amount = 1_250_000 + 50_000 * (s.number % 9)
    notice = {"kind": "tax", "amount": amount, "timing": 4, "payee": "tax-office"}
    owed = s.act(answered, "15:25", TAX, "financial_obligation_issued", notice, step="tax")
    payment = {"obligation_id": owed, "amount": amount, "txn_ref": f"txn-{s.dossier_id}"}
    s.act(paid, "09:40", PORTAL, "payment_confirmed", payment, step="tax")


def _sign_and_deliver(
    s: Scribe, drafted: int, officer: Officer, signed: int, clock: str, delivered: int
) -> None:
    """Draft, signature, number, result desk, applicant; each move with both halves."""
    draft = {"draft_ref": f"draft-{s.dossier_id}", "to_approver": CHAIR.id}
    s.act(drafted, "15:40", officer, "draft_submitted", draft, step="signing")
    s.hand_over(drafted, "15:45", officer, CHAIR, drafted, "16:30", step="signing")
    s.act(signed, clock, CHAIR, "signed", {"doc_ref": f"result-{s.dossier_id}"}, step="signing")
    s.hand_over(signed, "16:05", CHAIR, CLERK, signed, "16:15", step="numbering")
    number = f"{100 + s.number}/QD-UBND"
    s.act(signed, "16:20", CLERK, "result_numbered", {"number": number}, step="numbering")
    s.act(signed, "16:22", CLERK, "result_issued", {"number": number}, step="numbering")
    s.hand_over(signed, "16:25", CLERK, DESK, signed, "16:40", step="delivery")
    s.act(signed, "16:42", DESK, "returned_to_result_desk", step="delivery")
    proof = {"channel": "direct", "proof": f"receipt-{s.dossier_id}"}
    desk_clock = "16:50" if delivered == signed else "08:30"
    s.act(delivered, desk_clock, DESK, "result_delivered", proof, step="delivery")


def _copy(s: Scribe, day: int) -> None:
    """A certified copy: in and out on one day, three officers."""
    s.submitted(day, "08:15", channel="direct")
    s.accepted(day, "08:25", "08:20")
    s.hand_over(day, "08:30", DESK, CHAIR, day, "09:10", step="signing")
    s.act(day, "09:30", CHAIR, "signed", {"doc_ref": f"copy-{s.dossier_id}"}, step="signing")
    s.hand_over(day, "09:35", CHAIR, DESK, day, "09:50", step="delivery")
    s.act(day, "10:00", DESK, "result_delivered", {"channel": "direct"}, step="delivery")


def _copy_refused(s: Scribe, day: int) -> None:
    """Not a matter for this office: refused at once, with the right one named."""
    s.submitted(day, "08:15", channel="direct")
    s.act(day, "08:20", DESK, "intake_checked", {"result": "out_of_scope"}, step="intake")
    ground = {"ground": "another commune is competent", "right_agency": "commune-of-issue"}
    s.act(day, "08:24", DESK, "refused", ground, step="intake", reason_code="not_competent")


def _land_begins(s: Scribe, day: int, officer: Officer, taken_day: int) -> None:
    s.submitted(day, "08:05")
    found = {"doc_type": "certificate", "source": "agency_store", "result": "found_valid"}
    s.act(day, "08:12", system_actor("document-store"), "document_reuse_checked", found)
    s.accepted(day, "08:40", "08:30")
    s.hand_over(day, "09:00", DESK, officer, taken_day, "13:40")


def _land(s: Scribe, day: int) -> None:
    """A land change that nothing holds up: six working days, no tax to pay."""
    _land_begins(s, day, LAND_1, day)
    s.act(day + 3, "10:00", LAND_1, "appraisal_recorded", {"opinion": "meets"}, step="appraisal")
    _sign_and_deliver(s, day + 4, LAND_1, day + 5, "15:10", day + 6)


def _land_with_tax(s: Scribe, day: int) -> None:
    """The innocent look-alike: long, because the tax office and the applicant take their time."""
    _land_begins(s, day, LAND_2, day)
    s.act(day + 1, "09:20", LAND_2, "appraisal_recorded", {"opinion": "meets"}, step="appraisal")
    _tax(s, day + 1, day + 6, LAND_2, day + 11)
    _sign_and_deliver(s, day + 11, LAND_2, day + 12, "15:10", day + 13)


def _land_withdrawn(s: Scribe, day: int) -> None:
    """The applicant takes it back."""
    _land_begins(s, day, LAND_1, day)
    s.act(day + 2, "09:00", DESK, "withdrawal_requested", {"request_doc": "letter-1"})
    s.act(day + 2, "09:30", DESK, "withdrawn", {"request_doc": "letter-1"})


def _land_open(s: Scribe, day: int) -> None:
    """Still with the case officer when the demo ends."""
    _land_begins(s, day, LAND_2, day + 1)


def _land_story(s: Scribe, day: int) -> None:
    """Story 1: seven working days untouched, a needless second supplement, nine days of silence
    at the tax office, a late result, and no apology."""
    _land_begins(s, day, LAND_1, day)
    # Seven working days with the officer and no action of hers.
    first = [{"doc_type": "identity", "basis": "procedure 1.990001", "why": "copy unreadable"}]
    ask = {"round": 1, "items": first, "approved_by": LAND_1.id}
    s.act(day + 8, "10:15", LAND_1, "supplement_requested", ask, step="appraisal")
    got = {"round": 1, "items": ["identity"]}
    s.act(day + 9, "14:30", DESK, "supplement_received", got, step="appraisal")
    # The store answered `found_valid` for the certificate on the day of submission.
    second = [{"doc_type": "certificate", "basis": "", "why": "for the file"}]
    ask = {"round": 2, "items": second, "approved_by": LAND_1.id}
    s.act(day + 10, "16:10", LAND_1, "supplement_requested", ask, step="appraisal")
    got = {"round": 2, "items": ["certificate"]}
    s.act(day + 13, "09:15", DESK, "supplement_received", got, step="appraisal")
    s.act(day + 14, "09:40", LAND_1, "appraisal_recorded", {"opinion": "meets"}, step="appraisal")
    _tax(s, day + 14, day + 23, LAND_1, day + 25)
    _sign_and_deliver(s, day + 26, LAND_1, day + 27, "15:10", day + 28)


def _permit_begins(s: Scribe, day: int) -> None:
    s.submitted(day, "09:05")
    drawings = {"doc_id": "d2", "doc_type": "drawings", "copy_kind": 2}
    s.act(day, "09:06", system_actor("portal"), "document_attached", drawings, step="intake")
    s.accepted(day, "10:10", "10:00")
    s.hand_over(day, "10:20", DESK, BUILD, day, "14:00")


def _permit(s: Scribe, day: int) -> None:
    """An ordinary permit: one agency asked, answered in time, signed in a batch on its last day."""
    _permit_begins(s, day)
    s.consult(day + 1, "09:00", BUILD, "fire-police", day + 6)
    reply = {"agency": "fire-police", "answer": "agree"}
    s.act(day + 4, "10:30", agency_actor("fire-police"), "consultation_answered", reply)
    s.act(day + 6, "09:00", BUILD, "appraisal_recorded", {"opinion": "meets"}, step="appraisal")
    _sign_and_deliver(s, BATCH_DAY - 1, BUILD, BATCH_DAY, _batch_clock(s), BATCH_DAY)


def _batch_clock(s: Scribe) -> str:
    return f"15:{50 + s.number % 5:02d}"


def _permit_negative(s: Scribe, day: int) -> None:
    """Decided against the applicant, with the ground and the way to appeal."""
    _permit_begins(s, day)
    s.act(day + 5, "09:00", BUILD, "appraisal_recorded", {"opinion": "not"}, step="appraisal")
    s.hand_over(day + 5, "09:20", BUILD, CHAIR, day + 5, "10:00", step="signing")
    ground = {"ground": "outside the building line", "appeal_info": "within 90 days"}
    s.act(day + 6, "09:00", CHAIR, "negative_decision_issued", ground, step="signing")
    s.hand_over(day + 6, "09:10", CHAIR, DESK, day + 6, "09:30", step="delivery")
    s.act(day + 6, "09:32", DESK, "returned_to_result_desk", step="delivery")
    s.act(day + 7, "08:30", DESK, "result_delivered", {"channel": "postal"}, step="delivery")


def _permit_stopped(s: Scribe, day: int) -> None:
    """The applicant never answered; the procedure was stopped by decision."""
    _permit_begins(s, day)
    missing = [{"doc_type": "certificate", "basis": "procedure 1.990002", "why": "missing"}]
    ask = {"round": 1, "items": missing, "approved_by": CHAIR.id}
    s.act(day + 1, "09:00", BUILD, "supplement_requested", ask, step="appraisal")
    s.act(day + 21, "07:35", system_actor("office-clock"), "supplement_lapsed", {"round": 1})
    stop = {"ground": "supplement not handed in", "decision_ref": f"stop-{s.dossier_id}"}
    s.act(day + 21, "10:00", CHAIR, "processing_stopped", stop, step="signing")


def _permit_story(s: Scribe, day: int) -> None:
    """Story 2: three agencies at once, one silent; an opinion asked of the province although the
    office may decide; three times back and forth between two units; signed with the last batch."""
    _permit_begins(s, day)
    s.consult(day + 1, "09:00", BUILD, "fire-police", day + 6)
    heritage = s.consult(day + 1, "09:05", BUILD, "heritage-department", day + 6)
    s.consult(day + 1, "09:10", BUILD, "traffic-department", day + 6)
    reply = {"agency": "fire-police", "answer": "agree"}
    s.act(day + 4, "10:30", agency_actor("fire-police"), "consultation_answered", reply)
    reply = {"agency": "traffic-department", "answer": "agree_with", "ref": "conditions-1"}
    s.act(day + 6, "15:00", agency_actor("traffic-department"), "consultation_answered", reply)
    s.lapsed(day + 7, "07:30", "heritage-department", heritage)
    opinion = {
        "to_level": "province",
        "question_hash": "0" * 64,
        "decision_power_ref": "authority:committee version 1",
    }
    s.act(day + 8, "09:00", BUILD, "escalated_for_opinion", opinion, step="appraisal")
    for turn in range(3):
        out = day + 9 + 4 * turn
        s.hand_over(out, "09:00", BUILD, PLAN, out + 1, "08:10")
        s.hand_over(out + 2, "16:00", PLAN, BUILD, out + 3, "08:20")
    s.act(day + 21, "09:00", BUILD, "appraisal_recorded", {"opinion": "meets"}, step="appraisal")
    _sign_and_deliver(s, BATCH_DAY - 1, BUILD, BATCH_DAY, _batch_clock(s), BATCH_DAY + 2)


def _permit_rejected_once(s: Scribe, day: int) -> None:
    """A hand-over that was rightly refused: custody stays where it was, with the reason."""
    _permit_begins(s, day)
    offer = {"to_unit": PLAN.unit, "to_officer": PLAN.id, "channel": "e", "items": 1}
    offer_id = s.act(day + 1, "09:00", BUILD, "custody_offered", offer, step="appraisal")
    reason = {"offer_id": offer_id, "reason": "not_my_authority", "basis": "authority:committee"}
    s.act(day + 1, "10:00", PLAN, "custody_rejected", reason, step="appraisal")
    s.act(day + 9, "09:00", BUILD, "appraisal_recorded", {"opinion": "meets"}, step="appraisal")
    _sign_and_deliver(s, BATCH_DAY - 1, BUILD, BATCH_DAY, _batch_clock(s), BATCH_DAY)


_Path = Callable[[Scribe, int], None]

_LAND_PATHS: Final[dict[int, _Path]] = {
    LAND_STORY: _land_story,
    3: _land_with_tax,
    6: _land_with_tax,
    9: _land_with_tax,
    12: _land_with_tax,
    11: _land_withdrawn,
    13: _land_open,
}
_PERMIT_PATHS: Final[dict[int, _Path]] = {
    PERMIT_STORY: _permit_story,
    16: _permit_rejected_once,
    18: _permit_negative,
    20: _permit_stopped,
}
_LAND_LAST: Final = 13
_PERMIT_LAST: Final = 21
_REFUSED: Final = (26, 37)


def _dossier(number: int, copy: int) -> list[Action]:
    """All actions of one dossier, in its own order."""
    if number <= _LAND_LAST:
        s = Scribe(number, copy, LAND)
        _LAND_PATHS.get(number, _land)(s, number if number != LAND_STORY else 0)
    elif number <= _PERMIT_LAST:
        s = Scribe(number, copy, PERMIT)
        _PERMIT_PATHS.get(number, _permit)(s, PERMIT_DAY if number != PERMIT_STORY else 15)
    else:
        s = Scribe(number, copy, COPY)
        (_copy_refused if number in _REFUSED else _copy)(s, 2 * (number - _PERMIT_LAST))
    return s.actions


def dossier_actions(copy: int = 0) -> Iterator[Action]:
    """The actions of one copy's 40 dossiers by time; another copy has other ids, no other people.

    Copy n holds dossiers 40n+1 to 40n+40: a million entries are some 1 700 copies, streamed.
    """
    dossiers = [_dossier(number, copy) for number in range(1, DOSSIERS + 1)]
    return merge(*dossiers, key=lambda action: (action.occurred_at.at, action.stream))


def demo_actions(copy: int = 0) -> list[Action]:
    """What the office records, in order: the registry (copy 0 only), then the dossiers by time."""
    registry = registry_actions() if copy == 0 else []
    return [*registry, *dossier_actions(copy)]


def demo_subjects() -> list[str]:
    """The data subjects of copy 0, whose keys `consumers.demo.people.subject_key` gives."""
    registered = (action.stream for action in registry_actions() if "name" in action.data)
    officers = [stream for stream in registered if stream.startswith("officer:")]
    applicants = [f"applicant:applicant-{dossier_id(n)}" for n in range(1, DOSSIERS + 1)]
    return [*officers, *applicants]
