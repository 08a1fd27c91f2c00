"""Duties of time: L12, L13, L21 to L24 (DOMAIN.md 1.7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ledger.core.times import format_instant
from ledger.domain.deadlines import LOCAL, CalendarYearError, due_day, latest_day_before
from ledger.domain.duty import Check, DutyCase, Step, broken, kept, kept_if, seconds_after, unknown


def apologised(case: DutyCase) -> Iterator[Check]:
    """L12 (D10): whoever cannot keep the day says so in writing before it, and moves it once."""
    missed = list(_missed(case))
    apologies = case.of("apology_issued")
    earlier = ""
    for step, due in missed:
        by = _apology_by(case, due)
        sent = [a for a in apologies if earlier < _sent(a) <= due]
        if not by:
            yield unknown("no_rule", step.id)
        elif any(_sent(apology) <= by for apology in sent):
            yield kept("apologised", step.id, *(apology.id for apology in sent))
        else:
            yield broken("no_apology_in_time", step.id, *(apology.id for apology in sent))
        earlier = due
    if case.ruleset is not None and len(apologies) > case.ruleset.reappointments.value:
        yield broken("apologised_again", *(apology.id for apology in apologies))


def _sent(step: Step) -> str:
    return str(step.action.data.get("sent_at") or step.at)


def _missed(case: DutyCase) -> Iterator[tuple[Step, str]]:
    """The due dates that were not kept: passed while the clock ran, or moved by an extension.

    Each with the entry that set it. What a foreign log says of its end ends the clock too.
    """
    end = case.state.ended_at if case.state.ended_imported else case.at
    setter: Step | None = None
    told: set[str] = set()
    for place, step in enumerate(case.steps):
        old, due = step.before.due_at, step.after.due_at
        if setter and step.name == "deadline_extended" and old < due and step.at <= old:
            told.add(old)
            yield setter, old
        if due != old:
            setter = step
        stands = step.after.is_ended or step.after.pauses or step.after.status == "done"
        if setter is None or stands or due in told:
            continue
        following = case.steps[place + 1].at if place + 1 < len(case.steps) else end
        if step.at <= due < following:
            told.add(due)
            yield setter, due


def _apology_by(case: DutyCase, due: str) -> str:
    """The end of the last day on which an apology for a due date is in time."""
    if case.ruleset is None or case.calendar is None:
        return ""
    days = case.ruleset.apology_days_before.value
    try:
        day = latest_day_before(due_day(due), days, case.calendar)
    except CalendarYearError:
        return ""
    midnight = datetime(day.year, day.month, day.day, tzinfo=LOCAL) + timedelta(days=1)
    return format_instant(midnight)


def extended_with_basis(case: DutyCase) -> Iterator[Check]:
    """L13: an extension names its legal basis."""
    for step in case.of("deadline_extended"):
        basis = step.action.data.get("basis") or step.action.legal_basis
        yield kept_if(basis, "extended_with_basis", "extended_without_basis", step.id)


def synchronised(case: DutyCase) -> Iterator[Check]:
    """L21: each new status stands in the national portal within the minutes of the rule set.

    A status that changed again in the meantime need not be sent, nor the first one, which the
    portal gives itself. Where nothing was ever sent it cannot be said whether anybody sends.
    """
    changes = [
        step
        for step in case.steps
        if step.after.portal_status not in {0, 1, step.before.portal_status}
    ]
    sent = case.of("synchronised_to_portal")
    if not changes:
        return
    if not sent or case.ruleset is None:
        yield unknown("never_synchronised" if case.ruleset else "no_rule", changes[-1].id)
        return
    seconds = 60 * case.ruleset.sync_minutes.value
    for place, step in enumerate(changes):
        by = seconds_after(step.at, seconds)
        if place + 1 < len(changes) and changes[place + 1].at <= by:
            continue
        done = next(
            (
                other
                for other in sent
                if other.version > step.version
                and other.after.synchronised_status == step.after.portal_status
            ),
            None,
        )
        yield case.in_time(step, by, done, "synchronised_late")


def answered_in_time(case: DutyCase) -> Iterator[Check]:
    """L22: feedback and complaints answered by the day they name, else by the rule set's days."""
    for step in case.of("feedback_filed", "complaint_filed"):
        by = step.action.data.get("answer_by_at", "")
        if not by and case.ruleset is not None:
            by = case.end_of_day_after(step.at, case.ruleset.answer_days.value)
        answer = next(
            (o for o in case.of("answered") if o.action.data["filing_id"] == step.id), None
        )
        yield case.in_time(step, by, answer, "answered_late")


def late_list_reproducible(case: DutyCase) -> Iterator[Check]:
    """L23: who held a late dossier when its day passed can be named from the entries."""
    for step, due in _missed(case):
        held = None
        for other in case.steps:
            if other.at > due:
                break
            held = other
        if held is None or held.after.holder_inferred or not held.after.holder:
            yield unknown("holder_not_known", step.id)
        else:
            yield kept("holder_known", step.id, held.id)


def archived(case: DutyCase) -> Iterator[Check]:
    """L24: handed to the archive against a receipt, within the days of the rule set."""
    for step in case.of("archived_transferred"):
        yield kept_if(step.action.data.get("receipt"), "archived", "no_receipt", step.id)
    if case.of("archived_transferred") or not case.state.is_ended:
        return
    last = [step for step in case.steps if step.after.is_ended and not step.before.is_ended][-1]
    if case.ruleset is None:
        yield unknown("no_rule", last.id)
        return
    by = seconds_after(last.at, 86_400 * case.ruleset.archive_days.value)
    yield case.in_time(last, by, None, "not_archived")
