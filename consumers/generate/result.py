"""From the draft to the archive: signature, number, result desk, delivery, the citizen's voice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from msgspec.structs import replace

from consumers.generate.office_time import (
    DAY,
    at_local,
    instant,
    local_day,
    local_minute,
    working_day_after,
)
from consumers.generate.province import Officer
from consumers.generate.walk import Batch, Walk
from ledger.core.action import Actor

_SESSION: Final = 15 * 60
_SESSION_DAYS_MIN: Final = 12
_SIGNING: Final = timedelta(days=6)
"""No signature takes longer from the draft on."""

_COMPLAINT: Final = 0.02
_RATED: Final = 0.2
_QUESTIONS: Final = ("guidance", "time", "manner", "cost", "result")


def sign(walk: Walk, at: int) -> int:
    """Drafted, handed to whoever may sign, decided (E26, E28, E30); gives when it was signed."""
    case, officer = walk.case, walk.officer
    if walk.batch is not None:
        at = max(at, walk.batch.drafted)
    signer = signatory(walk, at)
    draft = {"draft_ref": f"draft-{case.dossier}", "to_approver": signer.id}
    case.act(at, officer, "draft_submitted", draft, step="signing")
    taken = walk.hand_over(walk.office.after(at, 2), officer, signer, "signing", 20, 90)
    if walk.plant in {"idle_stall", "missing_apology", "late_apology"}:
        shown = case.behaviours[-1].actions[0]
        case.breach("L10", shown, walk.taken_id)
    signed = walk.later(taken, 60, 200)
    if walk.innocent == "signing_session" and walk.procedure.budget_days >= _SESSION_DAYS_MIN:
        signed = _session(walk, taken)
    if walk.plant == "batch_close":
        signed = _batch(walk, at, taken, signed)
    return _decide(walk, signed, signer)


def signatory(walk: Walk, at: int) -> Officer:
    """Whoever may sign; the head by delegation while the signatory is away (L18)."""
    signer, head = walk.competent.signer, walk.competent.head
    if walk.plant == "signed_without_power":
        return walk.other
    if head is not signer and walk.province.is_away(signer, local_day(at), _SIGNING):
        walk.case.look_alike("delegation", head.id)
        return head
    return signer


def acting(walk: Walk, signer: Officer) -> Actor:
    """The signatory as the action names them: of their own post, or by delegation."""
    own = walk.competent.signer
    if signer is own or signer is not walk.competent.head:
        return signer.actor
    return replace(signer.actor, capacity="TUQ", on_behalf_of=own.id)


def _session(walk: Walk, taken: int) -> int:
    """The next session: at 15:00 on every second working day."""
    day = local_day(taken)
    if local_minute(taken) >= _SESSION or day.toordinal() % 2:
        day = working_day_after(day, 1)
    session = at_local(day, _SESSION)
    walk.case.look_alike("signing_session", walk.competent.signer.id)
    return max(session, taken + 1)


def _batch(walk: Walk, drafted: int, taken: int, signed: int) -> int:
    """The first dossier of a batch sets the minute; the others wait for it, and sign with it."""
    if walk.batch is None:
        signed = max(signed, walk.office.after(taken, 30))
        walk.made_batch = Batch(drafted, signed)
        return signed
    return max(walk.batch.signed, taken)


def _decide(walk: Walk, at: int, signer: Officer) -> int:
    case = walk.case
    doc, who = f"result-{case.dossier}", acting(walk, signer)
    if case.outcome == "negative":
        data = {"ground": "not_eligible", "appeal_info": "within 90 days"}
        made = case.act(
            at,
            who,
            "negative_decision_issued",
            data,
            step="signing",
            legal_basis=("sector law",),
        )
    else:
        case.outcome = "granted"
        data = {"doc_ref": doc, "signature_ref": walk.hash_of("signature")[:32]}
        made = case.act(at, who, "signed", data, step="signing")
    if walk.plant == "batch_close":
        walk.plant_now(signer, made)
    if walk.plant == "signed_without_power":
        walk.plant_now(signer, made)
        walk.breach_now(made)
    return _number(walk, walk.office.after(at, walk.draws.whole(2, 8)), signer)


def _number(walk: Walk, at: int, signer: Officer) -> int:
    """The clerk gives number and seal, and the electronic result (E29, E33)."""
    case = walk.case
    clerk = walk.officer if walk.plant == "numbered_by_officer" else walk.competent.clerk
    if walk.plant == "one_sided":
        offer = case.offer(at, signer, clerk.unit, clerk.id, "numbering")
        walk.plant_now(clerk, offer)
        walk.breach_now(offer)
        taken = walk.later(at, 15, 40)
    else:
        taken = walk.hand_over(at, signer, clerk, "numbering", 15, 40)
    numbered = walk.office.after(taken, walk.draws.whole(2, 60))
    number = f"{int(walk.hash_of('number')[:6], 16) % 10_000}/QD-UBND"
    first = case.act(numbered, clerk, "result_numbered", {"number": number}, step="numbering")
    issued = {"number": number, "seal_ref": f"seal-{clerk.unit}"}
    second = case.act(numbered, clerk, "result_issued", issued, step="numbering")
    if walk.plant == "numbered_by_officer":
        walk.plant_now(clerk, first, second)
        walk.breach_now(first, second)
    electronic(walk, numbered, clerk)
    given = walk.office.after(numbered, walk.draws.whole(2, 8))
    desk = walk.competent.desk
    taken = walk.hand_over(given, clerk, desk, "delivery", 15, 40)
    if walk.plant != "backdating":
        case.act(taken, desk, "returned_to_result_desk", step="delivery")
        case.status(taken, 9)
        case.clock.begins("applicant", taken)
    return taken


def _forget(walk: Walk, at: int, late: int) -> tuple[str, ...]:
    """Left at the desk until it is late and somebody urges; then said to have been ready before.

    The answer to the urge has its true time: by it, and not by what is claimed after it, the ledger
    knows until when the desk had the dossier.
    """
    case, desk = walk.case, walk.competent.desk
    urged = walk.office.after(walk.due, DAY // 2)
    urge = case.act(urged, walk.competent.head, "urge_issued", {"to_unit": desk.unit})
    answer = case.act(late, desk, "urge_answered", {"urge_id": urge})
    made = case.act(late, desk, "returned_to_result_desk", step="delivery", claimed=at + 5)
    return urge, answer, made


def electronic(walk: Walk, at: int, clerk: Officer) -> None:
    """The signed electronic result, kept for reuse (L15)."""
    data = {
        "sha256": walk.hash_of("e-result"),
        "signature_ref": walk.hash_of("e-signature")[:32],
        "reuse_store_ref": f"store-{walk.case.dossier}",
    }
    walk.case.act(at, clerk, "electronic_result_issued", data, step="numbering")


def deliver(walk: Walk, at: int) -> int:
    """To the applicant, against a proof (E32, L20); gives when."""
    case, desk = walk.case, walk.competent.desk
    wanted = walk.office.after(at, walk.draws.minutes(240, 1.2, 5 * DAY))
    last = walk.office.before(walk.due, 30)
    delivered = max(walk.office.after(at, 5), min(wanted, last))
    claimed = None
    shown: tuple[str, ...] = ()
    if walk.plant == "backdating":
        delivered = walk.office.after(walk.due, walk.draws.whole(1, 4) * DAY)
        claimed = max(at + 10, walk.office.before(walk.due, 60))
        shown = _forget(walk, at, delivered)
    channel = "online" if walk.channel == "online" else "direct"
    data: dict[str, Any] = {
        "channel": channel,
        "receiver_ref": walk.applicant_ref,
        "proof": f"receipt-{case.dossier}",
        "e_result": walk.channel == "online",
    }
    if walk.plant == "no_proof":
        del data["proof"]
    made = case.act(delivered, desk, "result_delivered", data, step="delivery", claimed=claimed)
    delay = 0
    if walk.plant == "late_sync":
        delay = 24 * 60
    case.clock.ended = delivered
    case.status(delivered, 10, delay)
    if walk.plant in {"no_proof", "late_sync", "backdating"}:
        walk.plant_now(desk, *shown, made)
        if walk.plant == "backdating":
            case.breach("L12", walk.due_id)
            case.breach("L21", made)
        else:
            walk.breach_now(made)
    if walk.plant == "not_digitised":
        case.breach("L15", case.behaviours[-1].actions[0])
    return delivered


def afterwards(walk: Walk, at: int) -> None:
    """Ratings, complaints and their answers, the archive (E50 to E52)."""
    case, draws = walk.case, walk.draws
    applicant = Actor(kind="applicant", id=walk.applicant_ref)
    delivered = case.outcome in {"granted", "negative"}
    if delivered and draws.chance(_RATED):
        at += draws.whole(30, 3 * 24 * 60)
        ratings = [{"question": name, "score": draws.whole(3, 5)} for name in _QUESTIONS]
        apology = "no" if walk.is_late else "not_late"
        data: dict[str, Any] = {"ratings": ratings, "apology": apology}
        case.act(at, applicant, "satisfaction_rated", data)
    if walk.plant == "late_answer" or (delivered and draws.chance(_COMPLAINT)):
        at = _complaint(walk, at + draws.whole(60, 5 * 24 * 60), applicant)
    clerk = walk.competent.clerk
    archived = walk.office.after(at, draws.whole(15, 60) * DAY)
    data = {"archive": "tinh-may", "receipt": f"archive-{case.dossier}"}
    if walk.plant == "no_archive_receipt":
        del data["receipt"]
    made = case.act(archived, clerk, "archived_transferred", data)
    if walk.plant == "no_archive_receipt":
        walk.plant_now(clerk, made)
        walk.breach_now(made)


def _complaint(walk: Walk, at: int, applicant: Actor) -> int:
    case, head = walk.case, walk.competent.head
    data = {"kind": "complaint", "text_hash": walk.hash_of("complaint")}
    filed = case.act(at, applicant, "complaint_filed", data)
    is_late = walk.plant == "late_answer"
    days = walk.draws.whole(18, 30) if is_late else walk.draws.whole(2, 10)
    answered = walk.office.after(at, days * DAY)
    reply = {"filing_id": filed, "result": "not"}
    made = case.act(answered, head, "answered", reply)
    if is_late:
        walk.plant_now(head, filed, made)
        walk.breach_now(filed, made)
    return answered


def withdraw(walk: Walk, at: int) -> int:
    """Withdrawn on a recorded request, and handed in anew some days later."""
    case, desk = walk.case, walk.competent.desk
    asked = {"request_doc": f"letter-{case.dossier}"}
    applicant = Actor(kind="applicant", id=walk.applicant_ref)
    case.act(at, applicant, "withdrawal_requested", asked)
    ended = walk.office.after(at, 30)
    made = case.act(ended, desk, "withdrawn", asked)
    _end(walk, ended, 7, "withdrawn")
    walk.resubmit_at = walk.office.after(ended, walk.draws.whole(1, 6) * DAY)
    walk.plant_now(walk.officer, made)
    return ended


def stop(walk: Walk, at: int) -> int:
    """Stopped by decision (E43, form 05)."""
    case, signer = walk.case, walk.competent.signer
    data = {"ground": "not_eligible", "decision_ref": f"stop-{case.dossier}"}
    if walk.plant == "stop_without_decision":
        del data["decision_ref"]
    made = case.act(at, signer, "processing_stopped", data, step="appraisal")
    _end(walk, at, 8, "stopped")
    if walk.lapsed is not None:
        walk.resume(walk.lapsed.since, at, "supplement", walk.lapsed.asked)
    if walk.plant == "stop_without_decision":
        walk.plant_now(signer, made)
        walk.breach_now(made)
    return at


def _end(walk: Walk, at: int, status: int, outcome: str) -> None:
    walk.case.clock.ended = at
    walk.case.outcome = outcome
    walk.case.status(at, status)


def extend(walk: Walk, at: int) -> None:
    """Moved once, in time, with apology (E36, E37); the basis is what may be missing."""
    case, signer = walk.case, walk.competent.signer
    new_due = at_local(working_day_after(local_day(walk.due - 1), 5), 24 * 60)
    apology = {"new_due_at": instant(new_due), "signed_by": signer.id}
    sent = case.act(at, signer, "apology_issued", apology, reason_code="verification_needed")
    data: dict[str, Any] = {
        "old_due_at": instant(walk.due),
        "new_due_at": instant(new_due),
        "approver": signer.id,
        "basis": "Decree 367/2025/NĐ-CP",
    }
    if walk.plant == "extension_without_basis":
        del data["basis"]
    made = case.act(at, signer, "deadline_extended", data)
    walk.due, walk.due_id = new_due, made
    if walk.plant == "extension_without_basis":
        walk.plant_now(signer, made)
        walk.breach_now(made)
    else:
        case.look_alike("extension_in_order", signer.id, sent, made)
