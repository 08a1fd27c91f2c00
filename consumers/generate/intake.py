"""From submission to the hand-over to the officer who works on it."""

from __future__ import annotations

from typing import Any, Final

from consumers.generate.case import STORE
from consumers.generate.office_time import DAY, at_local, instant, local_day, local_minute
from consumers.generate.office_time import working_day_after as day_after
from consumers.generate.procedures import AGENCY
from consumers.generate.province import CENTRE
from consumers.generate.walk import Walk
from ledger.core.action import Actor
from ledger.domain.calendars import VN

RULESET: Final = "VN-2025"
_CUTOFF: Final = 15 * 60
_MIDNIGHT: Final = 24 * 60
_REFUSED: Final = 0.04
_INTAKE_SUPPLEMENT: Final = 0.08


def submit(walk: Walk, at: int) -> int:
    """The applicant hands it in; the store says whether it holds the reusable paper (E01, E02)."""
    case, procedure = walk.case, walk.procedure
    kind = 2 if walk.channel == "online" else 1
    components = [
        {"doc_type": name, "doc_id": f"d{number}", "copy_kind": kind}
        for number, name in enumerate(procedure.components, 1)
    ]
    applicant = Actor(kind="applicant", id=walk.applicant_ref)
    data = {
        "channel": walk.channel,
        "applicant_ref": walk.applicant_ref,
        "components": components,
    }
    made = case.act(at, applicant, "submitted", data, step="intake")
    case.status(at, 1)
    results = ("found_valid", "not_found", "found_expired", "source_down")
    found = walk.draws.weighted(results, (50, 40, 5, 5))
    look(walk, at + 1, procedure.reused, _found(walk, found))
    arrived = at if walk.channel == "direct" else at + 1
    checked = walk.later(arrived, 40, 240)
    desk = walk.competent.desk
    checked = walk.queues.take(walk.office, desk, checked)
    if walk.plant == "slow_intake":
        checked = walk.office.after(checked, walk.draws.whole(3, 5) * DAY)
        walk.plant_now(desk, made)
        walk.breach_now(made)
    if walk.channel != "online":
        digitise(walk, checked, made)
    return checked


def _found(walk: Walk, found: str) -> str:
    return "found_valid" if walk.plant == "once_only_breach" else found


def look(walk: Walk, at: int, doc_type: str, result: str) -> str:
    """Whether the state already holds a paper (E02)."""
    data = {"doc_type": doc_type, "source": "agency_store", "result": result}
    return walk.case.act(at, STORE, "document_reuse_checked", data)


def digitise(walk: Walk, at: int, submitted: str) -> None:
    """The desk scans and signs each paper (E04)."""
    desk = walk.competent.desk
    if walk.plant == "not_digitised":
        walk.plant_now(desk, submitted)
        return
    for number, name in enumerate(walk.procedure.components, 1):
        data = {
            "doc_id": f"d{number}",
            "doc_type": name,
            "scan_sha256": walk.hash_of(f"scan {number}"),
            "signer": desk.id,
            "quality": "good",
        }
        walk.case.act(at, desk, "document_digitised", data, step="intake")


def check(walk: Walk, at: int) -> int:
    """Complete, incomplete or out of scope (E05 to E09); gives when it was accepted, -1 if not."""
    desk, case, draws = walk.competent.desk, walk.case, walk.draws
    is_refused = walk.plant == "refusal_without_ground"
    if is_refused or (not walk.plant and not walk.innocent and draws.chance(_REFUSED)):
        return _refuse(walk, at)
    if not walk.plant and walk.procedure.kind != "instant" and draws.chance(_INTAKE_SUPPLEMENT):
        at = _intake_supplement(walk, at)
    case.act(at, desk, "intake_checked", {"result": "complete"}, step="intake")
    return walk.office.after(at, draws.whole(3, 15))


def _refuse(walk: Walk, at: int) -> int:
    desk, case = walk.competent.desk, walk.case
    case.act(at, desk, "intake_checked", {"result": "out_of_scope"}, step="intake")
    case.status(at, 3)
    case.clock.ended = at
    case.outcome = "refused"
    is_planted = walk.plant == "refusal_without_ground"
    ground = {"ground": "not a matter of this office", "right_agency": "xa-noi-cap"}
    made = case.act(
        walk.office.after(at, 4),
        desk,
        "refused",
        ground,
        step="intake",
        reason_code="out_of_competence",
        legal_basis=() if is_planted else ("Decree 118/2025/NĐ-CP",),
    )
    if is_planted:
        walk.plant_now(desk, made)
        walk.breach_now(made)
    return -1


def _intake_supplement(walk: Walk, at: int) -> int:
    """One written guidance; the applicant brings it; checked again within a day (D5, D6)."""
    desk, case = walk.competent.desk, walk.case
    wanted = next(
        (name for name in walk.procedure.components[1:] if name != walk.procedure.reused),
        walk.procedure.components[0],
    )
    missing = {"result": "incomplete", "missing": [wanted]}
    look(walk, at, wanted, "not_found")
    case.act(at, desk, "intake_checked", missing, step="intake")
    asked = walk.office.after(at, 5)
    data: dict[str, Any] = {
        "stage": "intake",
        "round": 1,
        "items": [{"doc_type": wanted, "basis": "listed_component_missing", "why": "not there"}],
        "reply_by_on": walk.day_after(asked, 15),
        "approved_by": walk.competent.head.id,
    }
    case.act(asked, desk, "supplement_requested", data, step="intake")
    case.status(asked, 5)
    case.clock.begins("applicant", asked)
    got = walk.office.after(asked, walk.draws.whole(DAY // 2, 6 * DAY))
    answer = {"round": 1, "items": [wanted]}
    case.act(got, desk, "supplement_received", answer, step="intake")
    case.status(got, 1)
    case.clock.ends("applicant", got)
    return walk.office.after(got, walk.draws.whole(10, 120))


def accept(walk: Walk, at: int) -> int:
    """Accepted with an appointment slip that names the day (E06)."""
    desk, case, procedure = walk.competent.desk, walk.case, walk.procedure
    first = day_after(local_day(at), 0)
    late_in_day = procedure.days == 0 and local_minute(at) >= _CUTOFF
    walk.due = at_local(day_after(first, procedure.days + late_in_day), _MIDNIGHT)
    unit = f"{walk.competent.place:03}"
    data = {
        "dossier_code": f"000.{unit[0]}0.{unit[1:]}.H99-{local_day(at):%y%m%d}-{_sequence(walk)}",
        "duration_days": procedure.days,
        "due_at": instant(walk.due),
        "unit": desk.unit,
        "ruleset": RULESET,
        "calendar": VN.version,
        "slip_ref": f"slip-{case.dossier}",
        "receiving_point": desk.unit,
        "competent_agency": AGENCY,
    }
    if walk.plant == "no_slip":
        del data["slip_ref"]
    walk.accepted_id = walk.due_id = case.act(
        at, desk, "accepted", data, step="intake", legal_basis=("Decree 118/2025/NĐ-CP",)
    )
    walk.accepted_at = at
    case.status(at, 2)
    if walk.plant == "no_slip":
        walk.plant_now(desk, walk.accepted_id)
        walk.breach_now(walk.accepted_id)
    return at


def _sequence(walk: Walk) -> str:
    return walk.case.dossier.rpartition("-")[2][-4:]


def transfer(walk: Walk, at: int) -> int:
    """From the desk to the unit, whose head names the officer (L7, L8); gives when it is theirs."""
    desk, head, case = walk.competent.desk, walk.competent.head, walk.case
    offered = walk.office.after(at, walk.draws.whole(3, 12))
    if walk.plant == "late_transfer":
        offered = walk.office.after(offered, walk.draws.whole(2, 3) * DAY)
    if walk.innocent == "correct_rejection":
        offered = _wrong_unit(walk, offered)
    offer = case.offer(offered, desk, head.unit, "", "assignment")
    if walk.plant == "late_transfer":
        walk.plant_now(desk, offer)
        walk.breach_now(walk.accepted_id, offer)
    taken = walk.later(offered, 15, 50)
    arrived = case.take(taken, head, offer, "assignment")
    case.status(taken, 4)
    assigned = walk.later(taken, 40, 150)
    if walk.plant == "late_assignment":
        assigned = walk.office.after(taken, walk.draws.whole(3, 4) * DAY)
    _choose_officer(walk, assigned)
    named = walk.other if walk.plant == "nominal_responsible" else walk.officer
    made = case.act(assigned, head, "assigned", {"officer": named.id}, step="assignment")
    if walk.plant == "nominal_responsible":
        walk.plant_now(named, made)
    given = walk.office.after(assigned, 2)
    begun = walk.hand_over(given, head, walk.officer, "appraisal", 20, 60)
    if walk.plant == "late_assignment":
        walk.plant_now(head, arrived, made)
        walk.breach_now(arrived, made)
        case.breach("L10", arrived, walk.taken_id)
    return begun


def _wrong_unit(walk: Walk, at: int) -> int:
    """Offered to a unit that is not competent, which says so (a right rejection)."""
    units = walk.province.departments
    wrong = next(item.head for item in units if item.head.unit != walk.competent.head.unit)
    offer = walk.case.offer(at, walk.competent.desk, wrong.unit, "", "assignment")
    back = walk.office.after(at, walk.draws.whole(10, 60))
    made = walk.case.reject(back, wrong, offer, "assignment", f"authority:{CENTRE}")
    walk.case.look_alike("correct_rejection", wrong.id, made)
    return walk.office.after(back, 5)


def _choose_officer(walk: Walk, at: int) -> None:
    """By turns; whoever is on leave, or about to go, gets nothing: the colleague stands in."""
    first, second = walk.competent.officers
    if walk.pinned:
        walk.officer, walk.other = (second, first) if second.id == walk.pinned else (first, second)
        return
    has_hard_cases = walk.competent.place % 10 == 3
    if has_hard_cases:
        is_hard = walk.procedure.kind in {"consultative", "field"}
        chosen = first if is_hard else second
        if is_hard:
            walk.case.look_alike("hard_case_mix", first.id)
    else:
        chosen = first if walk.draws.chance(0.5) else second
    if walk.province.is_away(chosen, local_day(at)):
        other = second if chosen is first else first
        walk.case.look_alike("leave", chosen.id)
        chosen = other
    walk.officer = chosen
    walk.other = second if chosen is first else first
