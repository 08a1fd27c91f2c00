"""The appraisal: supplements, consultations, inspections, money, and what may go wrong there."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from consumers.generate.case import BANK, CLOCK
from consumers.generate.intake import look
from consumers.generate.office_time import DAY, at_local, local_day, working_day_after
from consumers.generate.procedures import LATE_SHARE
from consumers.generate.province import Officer
from consumers.generate.walk import Lapse, Walk
from ledger.core.action import Actor

TAX: Final = Actor(kind="external_agency", id="tax-office")
_AGENCIES: Final = ("fire-police", "heritage-department", "traffic-department", "health-department")
_OVERLOADED: Final = 0.2
_SUPPLEMENT: Final = 0.2
_LAPSED: Final = 0.08
_REPLY_DAYS: Final = 15
_SILENT: Final = 0.15
_ASKING: Final = frozenset(
    {
        "late_first_supplement",
        "repeated_item",
        "once_only_breach",
        "out_of_list_item",
        "direct_contact",
    }
)


def appraise(walk: Walk, at: int) -> int:
    """All of the officer's own step; gives when the draft is ready."""
    budget = walk.procedure.budget("appraisal")
    at = _before_work(walk, at)
    at = _start(walk, at, budget)
    case, officer = walk.case, walk.officer
    if walk.plant in {"idle_stall", "missing_apology", "late_apology"}:
        at = _stall(walk, at, budget)
    elif walk.plant == "late_first_supplement":
        at = walk.office.after(walk.accepted_at, int(LATE_SHARE * walk.procedure.days * DAY))
    if walk.procedure.kind != "simple" and not walk.is_late and walk.plant != "idle_stall":
        if walk.plant in _ASKING or (not walk.plant and walk.draws.chance(_SUPPLEMENT)):
            at = ask_applicant(walk, walk.later(at, 0.02 * budget, 0.05 * budget))
            if walk.lapsed:
                return at
        at = _by_kind(walk, at, budget)
    opinion = "not" if case.outcome == "negative" else "meets"
    at = walk.later(at, 0.04 * budget, 0.12 * budget)
    case.act(at, officer, "appraisal_recorded", {"opinion": opinion}, step="appraisal")
    if walk.procedure.fee and walk.procedure.kind != "instant" and not walk.is_late:
        at = _pay_fee(walk, walk.office.after(at, 5))
    return walk.later(at, 0.03 * budget, 0.1 * budget)


def _before_work(walk: Walk, at: int) -> int:
    """Hand-overs in which nothing is done: passing through, and back and forth."""
    if walk.plant == "pass_through":
        idle = walk.office.after(at, walk.draws.whole(60, 240))
        walk.officer, walk.other = walk.other, walk.officer
        offer = walk.case.offer(idle, walk.other, walk.officer.unit, walk.officer.id, "appraisal")
        walk.plant_now(walk.other, walk.taken_id, offer)
        taken = walk.office.after(idle, 20)
        walk.taken_id = walk.case.take(taken, walk.officer, offer, "appraisal")
        return taken
    if walk.plant == "ping_pong":
        shown = [walk.taken_id]
        for giver, receiver in ((walk.officer, walk.other), (walk.other, walk.officer)) * 2:
            given = walk.office.after(at, walk.draws.whole(30, 120))
            at = walk.hand_over(given, giver, receiver, "appraisal", 10, 30)
            shown.append(walk.taken_id)
        walk.plant_now(walk.officer, *shown)
    return at


def _start(walk: Walk, at: int, budget: int) -> int:
    """First come, first served: each officer lets every dossier of a procedure wait as long, so
    they begin in the order in which they came (G4). One jumps the queue."""
    share = _waiting_share(walk)
    walk.taken_at, walk.waits = at, int(share * budget)
    begun = walk.office.after(at, 2 if walk.plant == "queue_jump" else walk.waits)
    made = walk.case.act(begun, walk.officer, "work_started", step="appraisal")
    if walk.plant == "queue_jump":
        walk.plant_now(walk.officer, made, other=walk.overtakes)
    elif share == _OVERLOADED:
        walk.case.look_alike("overload", walk.officer.id)
    if walk.plant == "access_without_need":
        _look_in(walk, begun)
    return begun


def _waiting_share(walk: Walk) -> float:
    """How much of the step's budget a dossier waits for this officer."""
    chance = sha256(f"{walk.officer.id} {walk.procedure.code}".encode()).digest()
    officer = sha256(walk.officer.id.encode()).digest()
    return _OVERLOADED if officer[0] < 16 else 0.02 + 0.14 * chance[0] / 255


def _look_in(walk: Walk, at: int) -> None:
    """An officer of another place, with no part in it, looks at personal data (E20)."""
    places = walk.province.communes
    other = places[(walk.competent.place + 1) % len(places)].officers[1]
    data = {"purpose": "own_task", "fields_class": "personal"}
    made = walk.case.act(at + 1, other, "viewed", data)
    walk.plant_now(other, made)


def _stall(walk: Walk, at: int, budget: int) -> int:
    """The officer does nothing: beyond the step's budget, or beyond the due date itself."""
    shown = walk.taken_id
    if walk.plant == "idle_stall":
        walk.plant_now(walk.officer, shown)
        # A day more: neither other office hours nor an outage of the portal excuse it.
        return walk.office.after(at, budget + DAY)
    walk.is_late = True
    late = walk.office.after(walk.due, walk.draws.whole(60, 4 * DAY))
    walk.plant_now(walk.officer, shown)
    walk.case.breach("L12", walk.accepted_id)
    if walk.plant == "late_apology":
        data = {"signed_by": walk.competent.signer.id}
        walk.case.act(late, walk.competent.signer, "apology_issued", data, reason_code="workload")
        late = walk.office.after(late, 10)
    return late


def ask_applicant(walk: Walk, at: int) -> int:
    """A supplement in the appraisal (E08, E09): the clock waits until it is answered."""
    reused = walk.procedure.reused
    wanted = next(name for name in walk.procedure.components if name != reused)
    if walk.plant == "once_only_breach":
        wanted = reused
    elif walk.plant == "out_of_list_item":
        wanted = "residence_confirmation"
    if wanted != reused:
        look(walk, at, wanted, "not_found")
    asked, answered = _round(walk, at, 1, wanted)
    shown = [asked]
    if walk.plant == "repeated_item":
        again, answered = _round(walk, walk.later(answered, 30, 90), 2, wanted)
        shown.append(again)
    if walk.plant in _ASKING:
        walk.plant_now(walk.officer, *shown)
        if walk.plant != "late_first_supplement":
            walk.breach_now(*shown)
    return answered


def _round(walk: Walk, at: int, number: int, wanted: str) -> tuple[str, int]:
    case, officer = walk.case, walk.officer
    data: dict[str, Any] = {
        "stage": "appraisal",
        "round": number,
        "items": [{"doc_type": wanted, "basis": "clarification_in_appraisal", "why": "unclear"}],
        "reply_by_on": walk.day_after(at, _REPLY_DAYS),
        "approved_by": walk.competent.head.id,
    }
    if walk.plant == "direct_contact":
        data["via_one_stop"] = False
    asked = case.act(at, officer, "supplement_requested", data, step="appraisal")
    walk.pause(at, "supplement", asked)
    case.status(at, 5)
    case.clock.begins("applicant", at)
    if not walk.plant and walk.draws.chance(_LAPSED):
        return asked, _lapse(walk, at, number, asked)
    got = walk.office.after(at, walk.draws.whole(DAY // 4, 8 * DAY))
    answer = {"round": number, "items": [wanted]}
    received = case.act(got, walk.competent.desk, "supplement_received", answer, step="appraisal")
    case.clock.ends("applicant", got)
    case.status(got, 4)
    walk.resume(at, got, "supplement", received)
    return asked, got


def _lapse(walk: Walk, at: int, number: int, asked: str) -> int:
    """The applicant never answered (E10); the clock stands still until the decision to stop."""
    lapsed = at_local(working_day_after(local_day(at), _REPLY_DAYS + 1), 7 * 60 + 30)
    walk.case.act(lapsed, CLOCK, "supplement_lapsed", {"round": number})
    walk.case.clock.ends("applicant", lapsed)
    walk.lapsed = Lapse(at, asked)
    return lapsed


def _by_kind(walk: Walk, at: int, budget: int) -> int:
    """Consultations, an inspection on site, the tax office, an opinion from above."""
    kind = walk.procedure.kind
    if walk.innocent == "conflicting_law":
        at = _opinion(walk, walk.office.after(at, 5), budget)
    if kind == "consultative":
        names = [walk.draws.one_of(_AGENCIES[:2])]
        if walk.draws.chance(0.5):
            names.append(walk.draws.one_of(_AGENCIES[2:]))
        return consult(walk, walk.later(at, 0.02 * budget, 0.05 * budget), names)
    if kind == "field":
        return _inspect(walk, walk.later(at, 0.02 * budget, 0.05 * budget), budget)
    if kind == "financial":
        asked = walk.later(at, 0.02 * budget, 0.05 * budget)
        return _tax(walk, consult(walk, asked, [TAX.id]))
    return at


def consult(walk: Walk, at: int, agencies: list[str]) -> int:
    """Agencies are asked at once; silence counts as agreement after the day to reply (D9)."""
    case = walk.case
    days = walk.draws.whole(3, max(3, walk.procedure.budget_days // 4))
    reply_by = working_day_after(local_day(at), days)
    is_silent = not walk.plant and walk.draws.chance(_SILENT)
    ends: list[tuple[int, str, bool]] = []
    for place, agency in enumerate(agencies):
        data: dict[str, Any] = {
            "agency": agency,
            "mandatory": True,
            "question_hash": walk.hash_of(f"question {agency}"),
            "reply_by_on": reply_by.isoformat(),
            "silence_effect": "deemed_agreed",
        }
        if walk.plant == "consulted_without_day" and place == 0:
            del data["reply_by_on"]
        made = case.act(at, walk.officer, "consultation_requested", data, step="appraisal")
        if walk.plant == "consulted_without_day" and place == 0:
            walk.plant_now(walk.officer, made)
            walk.breach_now(made)
        case.clock.begins("external", at)
        if is_silent and agency != TAX.id:
            lapsed = at_local(working_day_after(reply_by, 1), 7 * 60 + 30)
            ends.append((lapsed, agency, False))
            case.look_alike("silent_agency", "", made)
        else:
            answered = walk.office.after(at, walk.draws.whole(DAY // 2, days * DAY - DAY))
            ends.append((answered, agency, True))
    for moment, agency, is_answered in sorted(ends):
        if is_answered:
            who = Actor(kind="external_agency", id=agency)
            case.act(moment, who, "consultation_answered", {"agency": agency, "answer": "agree"})
        else:
            data = {"agency": agency, "silence_effect": "deemed_agreed"}
            case.act(moment, CLOCK, "consultation_lapsed", data)
        case.clock.ends("external", moment)
    return walk.later(max(ends)[0], 20, 60)


def _inspect(walk: Walk, at: int, budget: int) -> int:
    """Ordered, and done on the spot (E17): the office's own time."""
    case, officer = walk.case, walk.officer
    order = case.act(at, officer, "verification_ordered", {"place_ref": "site-1"}, step="appraisal")
    done = walk.later(at, 0.1 * budget, 0.3 * budget)
    data = {"order_id": order, "minutes_ref": f"minutes-{case.dossier}"}
    case.act(done, officer, "field_inspection_done", data, step="appraisal")
    return done


def _opinion(walk: Walk, at: int, budget: int) -> int:
    """Asked with options, answered: the question was worth asking (I6, F11)."""
    case, head = walk.case, walk.competent.head
    data = {
        "to_level": "head",
        "question_hash": walk.hash_of("opinion"),
        "options_proposed": True,
    }
    asked = case.act(at, walk.officer, "escalated_for_opinion", data, step="appraisal")
    answered = walk.later(at, 0.05 * budget, 0.1 * budget)
    answer = {"escalation_id": asked, "decided": True, "novel_or_conflicting": True}
    made = case.act(answered, head, "escalation_answered", answer, step="appraisal")
    case.look_alike("conflicting_law", walk.officer.id, asked, made)
    return answered


def _tax(walk: Walk, at: int) -> int:
    """The tax office's notice, and the applicant's payment (status 6)."""
    amount = 50_000 * walk.draws.whole(5, 400)
    return _obligation(walk, at, TAX, {"kind": "tax", "amount": amount, "payee": TAX.id}, 6 * DAY)


def _pay_fee(walk: Walk, at: int) -> int:
    """The procedure's published fee (L16)."""
    amount = walk.procedure.fee + (50_000 if walk.plant == "wrong_fee" else 0)
    data = {"kind": "fee", "amount": amount, "payee": walk.competent.desk.unit}
    return _obligation(walk, at, walk.officer, data, DAY)


def _obligation(walk: Walk, at: int, who: Officer | Actor, data: dict[str, Any], most: int) -> int:
    case = walk.case
    owed = case.act(at, who, "financial_obligation_issued", {**data, "timing": 4})
    if walk.plant == "wrong_fee" and data["kind"] == "fee":
        walk.plant_now(walk.officer, owed)
        walk.breach_now(owed)
    walk.pause(at, "finance", owed)
    case.status(at, 6)
    case.clock.begins("applicant", at)
    # Paid online, at any hour.
    paid = at + (5 if walk.batch else walk.draws.minutes(most * 0.4, 0.9, 2 * most))
    payment = {"obligation_id": owed, "amount": data["amount"], "txn_ref": f"txn-{owed[-12:]}"}
    received = case.act(paid, BANK, "payment_confirmed", payment)
    case.clock.ends("applicant", paid)
    case.status(paid, 4)
    walk.resume(at, paid, "finance", received)
    return walk.later(paid, 20, 60)
