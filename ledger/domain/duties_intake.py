"""Duties from submission to assignment: L1 to L8, and once-only L14 (DOMAIN.md 1.7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ledger.core.times import format_instant, parse_instant
from ledger.domain.deadlines import LOCAL, CalendarYearError, counted_from
from ledger.domain.duty import Check, DutyCase, Step, broken, kept, kept_if, unknown
from ledger.domain.office_hours import due_after_hours

_DAY = timedelta(days=1)
_TRANSFERRED = ("custody_offered", "assigned", "work_started", "appraisal_recorded")
_DECIDED = ("accepted", "refused", "supplement_requested", "withdrawn", "withdrawal_requested")


def slip_issued(case: DutyCase) -> Iterator[Check]:
    """L1: a slip for every accepted dossier."""
    for step in case.of("accepted"):
        slip = step.action.data.get("slip_ref")
        yield kept_if(slip, "slip_issued", "slip_missing", step.id)


def decided_in_time(case: DutyCase) -> Iterator[Check]:
    """L2 (D5): accepted or refused within the days to check, or guided within those to guide.

    The guidance is a supplement asked for at intake. After its answer the days to check again count
    from there.
    """
    if case.ruleset is None:
        for step in case.of("submitted"):
            yield unknown("no_rule", step.id)
        return
    days, guide = case.ruleset.check_days.value, case.ruleset.guide_days.value
    for step in case.of("submitted"):
        decision = _decision(case, step)
        guided = decision is not None and decision.name == "supplement_requested"
        by = case.end_of_day_after(step.at, guide if guided else days)
        yield case.in_time(step, by, decision, "decided_late")
    again = case.ruleset.recheck_days.value
    for step in case.of("supplement_received"):
        if not step.before.accepted_at and not step.after.open_supplements:
            by = case.end_of_day_after(step.at, again)
            yield case.in_time(step, by, _decision(case, step), "decided_late")


def _decision(case: DutyCase, begun: Step) -> Step | None:
    for step in case.steps:
        if step.version <= begun.version:
            continue
        if step.name in _DECIDED:
            return step
        if step.name == "intake_checked" and step.action.data.get("result") == "out_of_scope":
            return step
    return None


def supplement_complete(case: DutyCase) -> Iterator[Check]:
    """L3 (D6): every missing item at once, each in the published list, each with its basis."""
    named: dict[str, tuple[str, set[str]]] = {}
    missing: set[str] = set()
    for step in case.steps:
        data = step.action.data
        if step.name == "intake_checked":
            missing = set(data.get("missing", ()))
        elif step.name in {"document_attached", "document_replaced"}:
            asked = set().union(*(types for _, types in named.values()))
            if data.get("doc_type", "") not in asked:
                # What the applicant changed may need more: earlier requests could not see it.
                named.clear()
        elif step.name == "supplement_requested":
            yield from _supplement(case, step, named, missing)
            missing = set()


def _supplement(
    case: DutyCase, step: Step, named: dict[str, tuple[str, set[str]]], missing: set[str]
) -> Iterator[Check]:
    items: list[dict[str, Any]] = step.action.data.get("items", [])
    stage = step.action.data.get("stage", "appraisal")
    types = {item["doc_type"] for item in items}
    if not items:
        yield broken("no_items", step.id)
        return
    yield kept_if(
        all(item.get("basis") for item in items), "items_with_basis", "item_without_basis", step.id
    )
    if missing - types:
        yield broken("missing_not_named", step.id)
    if stage in named:
        earlier, before = named[stage]
        yield kept_if(not types - before, "nothing_new", "new_item_later", earlier, step.id)
    named[stage] = (step.id, types | (named[stage][1] if stage in named else set()))
    yield _in_list(case, step, items)


def _in_list(case: DutyCase, step: Step, items: list[dict[str, Any]]) -> Check:
    """Whether each item is a published component, or rests on a law of its own."""
    state = step.after
    published = (
        case.registry.procedure_version(state.procedure, state.procedure_version)
        if state.procedure_version
        else case.registry.procedure(state.procedure, step.on)
    )
    if published is None:
        return unknown("procedure_unknown", step.id)
    outside = [
        item
        for item in items
        if item["doc_type"] not in published.components
        and not item.get("basis", "").startswith("sector_law")
    ]
    return kept_if(not outside, "items_in_list", "item_outside_list", step.id, published.entry)


def supplements_capped(case: DutyCase) -> Iterator[Check]:
    """L4 (D6): no more supplements in a stage than the rule set allows."""
    asked: dict[str, list[str]] = {}
    for step in case.of("supplement_requested"):
        asked.setdefault(step.action.data.get("stage", "appraisal"), []).append(step.id)
    for entries in asked.values():
        if case.ruleset is None:
            yield unknown("no_rule", *entries)
            continue
        cap = case.ruleset.supplements_per_stage.value
        if cap:
            yield kept_if(len(entries) <= cap, "asked_once", "asked_again", *entries)


def through_one_stop(case: DutyCase) -> Iterator[Check]:
    """L5: a supplement goes through the One-Stop unit, never directly."""
    for step in case.of("supplement_requested"):
        via = step.action.data.get("via_one_stop", True)
        yield kept_if(via, "through_one_stop", "asked_directly", step.id)


def refusal_grounded(case: DutyCase) -> Iterator[Check]:
    """L6: a refusal has a legal ground; its signature is the entry's own."""
    for step in case.of("refused"):
        grounded = step.action.data.get("ground") and step.action.legal_basis
        yield kept_if(grounded, "grounded", "no_legal_ground", step.id)


def transferred_in_time(case: DutyCase) -> Iterator[Check]:
    """L7 (D4): offered to the specialised unit the same day; after the cut-off the next morning.

    Whoever is assigned or works has it already. A dossier that ends where it was accepted needs no
    transfer.
    """
    for step in case.of("accepted"):
        offer = case.first_after(step, *_TRANSFERRED)
        if offer is None and case.state.is_ended:
            continue
        yield case.in_time(step, _transfer_by(case, step), offer, "transferred_late")


def _transfer_by(case: DutyCase, step: Step) -> str:
    if case.ruleset is None or case.calendar is None or case.office is None:
        return ""
    received = parse_instant(step.action.data.get("received_at") or step.at)
    cutoff = step.action.data.get("cutoff") or case.ruleset.cutoff.value
    try:
        day = counted_from(received, case.calendar, cutoff)
    except CalendarYearError:
        return ""
    if day == received.astimezone(LOCAL).date():
        return format_instant(datetime(day.year, day.month, day.day, tzinfo=LOCAL) + _DAY)
    return format_instant(datetime.combine(day, case.office.intervals[0][1], LOCAL))


def assigned_in_time(case: DutyCase) -> Iterator[Check]:
    """L8: within the office hours after a unit took the dossier, its head names an officer."""
    for step in case.of("custody_accepted"):
        if step.after.phase != "await_assign" or step.before.phase == "await_assign":
            continue
        by = ""
        if case.ruleset and case.calendar and case.office:
            hours = timedelta(hours=case.ruleset.assign_hours.value)
            try:
                by = due_after_hours(step.at, hours, case.calendar, case.office)
            except CalendarYearError:
                by = ""
        named = case.first_after(step, "assigned", "reassigned")
        if named is None and case.state.is_ended:
            yield broken("never_assigned", step.id)
        else:
            yield case.in_time(step, by, named, "assigned_late")


def asked_once(case: DutyCase) -> Iterator[Check]:
    """L14: no request for a document that the state already holds.

    Asked although a look had found it valid: broken. A source that was down excuses. Nobody looked:
    it cannot be said whether the state holds it.
    """
    looked: dict[str, Step] = {}
    for step in case.steps:
        data = step.action.data
        if step.name == "document_reuse_checked":
            looked[data.get("doc_type", "")] = step
        elif step.name == "supplement_requested":
            for item in data.get("items", ()):
                look = looked.get(item["doc_type"])
                if look is None:
                    yield unknown("nobody_looked", step.id)
                elif look.action.data.get("result") == "found_valid":
                    yield broken("asked_despite_hit", look.id, step.id)
                else:
                    yield kept("looked_before", look.id, step.id)
