"""Duties while the dossier is worked on: L9 to L11, L15, L19 (DOMAIN.md 1.7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ledger.domain.deadlines import CalendarYearError
from ledger.domain.duty import Check, DutyCase, Step, broken, kept, kept_if, unknown
from ledger.domain.office_hours import working_time_between

SUBSTANTIVE: Final = frozenset(
    {
        "intake_checked",
        "supplement_requested",
        "appraisal_recorded",
        "verification_ordered",
        "field_inspection_done",
        "meeting_held",
        "consultation_requested",
        "escalated_for_opinion",
        "draft_submitted",
        "approved",
        "signed",
        "result_numbered",
        "result_issued",
        "financial_obligation_issued",
    }
)
"""Work that moves a dossier on (DOMAIN.md 2.1, S); views, notes and hand-overs are not."""

HOLDING: Final = ("custody_accepted", "returned_to_result_desk", "result_delivered")
"""What ends the holder's step."""


def handed_over_by_both(case: DutyCase) -> Iterator[Check]:
    """L9: each change of custody has two sides.

    An offer that nobody answered before the dossier ended is half a hand-over; work by several
    officers without any hand-over is none.
    """
    answered = {
        step.action.data["offer_id"]: step
        for step in case.of("custody_accepted", "custody_rejected")
    }
    offers = case.of("custody_offered")
    for offer in offers:
        answer = answered.get(offer.id)
        if answer is not None:
            yield kept("both_sides", offer.id, answer.id)
        elif case.state.is_ended:
            yield broken("offer_unanswered", offer.id)
    if not offers:
        first: dict[str, str] = {}
        for step in case.steps:
            if step.name in SUBSTANTIVE and step.action.actor.kind == "officer":
                first.setdefault(step.action.actor.id, step.id)
        if len(first) > 1:
            yield broken("no_handover", *first.values())


def steps_within_budget(case: DutyCase) -> Iterator[Check]:
    """L10 (D15): each step within its budget of working hours, waits for others left out.

    Without a budget the step's own due time counts; without either there is nothing to keep.
    """
    for step in case.of("custody_accepted"):
        after = step.after
        until = case.first_after(step, *HOLDING)
        budget = case.registry.step(after.procedure, after.step, step.on) if after.step else None
        if budget is not None and budget.budget_hours:
            yield _within_hours(case, step, until, budget.budget_hours, budget.entry)
        elif after.due_step_at:
            yield case.in_time(step, after.due_step_at, until, "step_late")


def _within_hours(
    case: DutyCase, step: Step, until: Step | None, hours: int, published: str
) -> Check:
    entries = (step.id, *((until.id,) if until else ()), published)
    if case.calendar is None or case.office is None:
        return unknown("no_rule", *entries)
    end = until.at if until else min(case.state.ended_at or case.at, case.at)
    try:
        active, lost = (
            sum(
                (
                    working_time_between(start, stop, case.calendar, case.office)
                    for start, stop in stretches
                ),
                timedelta(),
            )
            for stretches in (
                office_time(case, step.at, end),
                [(start, stop) for start, stop, _ in case.down(step.at, end)],
            )
        )
    except CalendarYearError:
        return unknown("no_rule", *entries)
    if active > timedelta(hours=hours):
        down = case.down(step.at, end)
        if active - lost <= timedelta(hours=hours):
            return unknown("outage", *entries, *(entry for _, _, entry in down))
        return broken("step_over_budget", *entries)
    if until is None and not case.state.is_ended:
        return Check("not_applicable", "not_due", entries)
    return kept("step_in_budget", *entries)


def office_time(case: DutyCase, start: str, end: str) -> Iterator[tuple[str, str]]:
    """The stretches between two instants in which nobody but the office was waited for."""
    since, waiting = start, ""
    for step in case.steps:
        if step.after.waits == step.before.waits:
            continue
        switched = step.after.waits_since
        if switched <= start:
            waiting = step.after.waits
            continue
        if switched >= end:
            break
        if not waiting:
            yield since, switched
        since, waiting = switched, step.after.waits
    if not waiting:
        yield since, end


def consulted_in_order(case: DutyCase) -> Iterator[Check]:
    """L11 (D9): a required consultation names its day and is closed before the decision; after a
    silence that does not block, the lead goes on."""
    for step in case.of("consultation_requested"):
        data = step.action.data
        agency = data.get("agency", "")
        reply_by = data.get("reply_by_on", "")
        if data.get("mandatory") and not reply_by:
            yield broken("no_reply_by", step.id)
        closed = next(
            (
                other
                for other in case.of("consultation_answered", "consultation_lapsed")
                if other.version > step.version and other.action.data.get("agency", "") == agency
            ),
            None,
        )
        decided = case.first_after(step, "signed", "negative_decision_issued")
        if data.get("mandatory") and decided and (closed is None or closed.at > decided.at):
            yield broken("decided_without_answer", step.id, decided.id)
        elif closed is not None:
            yield kept("consultation_closed", step.id, closed.id)
        elif reply_by and not case.state.is_ended:
            yield _goes_on(case, step, reply_by)


def _goes_on(case: DutyCase, step: Step, reply_by: str) -> Check:
    """After the day to reply the lead has one working day, where silence does not block."""
    effect = step.action.data.get("silence_effect") or (
        case.ruleset.silence_effect.value if case.ruleset else ""
    )
    by = case.end_of_day_after(f"{reply_by}T02:00:00.000000Z", 1)
    if effect == "blocks":
        return Check("not_applicable", "silence_blocks", (step.id,))
    went_on = next(
        (
            other
            for other in case.steps
            if other.version > step.version and other.on > reply_by and other.name in SUBSTANTIVE
        ),
        None,
    )
    return case.in_time(step, by, went_on, "stood_still_after_silence")


def digitised(case: DutyCase) -> Iterator[Check]:
    """L15: every paper component and the result digitised, the electronic result signed.

    Due when the result is delivered.
    """
    delivered = case.of("result_delivered")
    if not delivered:
        return
    scanned = {step.action.data["doc_id"] for step in case.of("document_digitised")}
    kinds = {step.action.data.get("doc_type", "") for step in case.of("document_digitised")}
    for step in case.of("submitted", "document_attached", "document_replaced"):
        data = step.action.data
        for component in data.get("components", [data] if step.name != "submitted" else []):
            if component.get("copy_kind", 0) == 2:
                continue
            doc_id, doc_type = component.get("doc_id", ""), component.get("doc_type", "")
            found = doc_id in scanned if doc_id else doc_type in kinds
            yield kept_if(found, "digitised", "not_digitised", step.id)
    if case.state.outcome in {"granted", "granted_with_change", "negative"}:
        results = case.of("electronic_result_issued")
        signed = [step.id for step in results if step.action.data.get("signature_ref")]
        entries = signed or [delivered[-1].id]
        yield kept_if(signed, "result_digitised", "result_not_digitised", *entries)


def issued_by_clerk(case: DutyCase) -> Iterator[Check]:
    """L19: number and seal are given by somebody who did not decide on the dossier's content."""
    content = {
        step.action.actor.id: step.id
        for step in case.of("appraisal_recorded", "draft_submitted", "approved", "signed")
        if step.action.actor.kind == "officer"
    }
    for step in case.of("result_numbered", "result_issued"):
        own = content.get(step.action.actor.id)
        entries = (own, step.id) if own else (step.id,)
        yield kept_if(own is None, "issued_by_clerk", "issued_by_case_officer", *entries)
