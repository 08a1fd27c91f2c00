"""Duties of decision and delivery: L16 to L18, L20 (DOMAIN.md 1.7)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.domain.duty import Check, DutyCase, Step, broken, kept, kept_if, unknown


def fees_as_published(case: DutyCase) -> Iterator[Check]:
    """L16: what is asked for is what the procedure's version publishes; tax is another's to set."""
    for step in case.of("financial_obligation_issued"):
        data = step.action.data
        kind = data.get("kind", "")
        if kind == "tax":
            continue
        state = step.after
        published = (
            case.registry.procedure_version(state.procedure, state.procedure_version)
            if state.procedure_version
            else case.registry.procedure(state.procedure, step.on)
        )
        if published is None or not published.fees or "amount" not in data:
            yield unknown("no_fee_table", step.id)
            continue
        amounts = {fee.amount for fee in published.fees if not kind or fee.kind == kind}
        good = data["amount"] in amounts
        yield kept_if(good, "fee_as_published", "fee_differs", step.id, published.entry)


def ended_with_basis(case: DutyCase) -> Iterator[Check]:
    """L17 (D11): a stop has ground and decision, a withdrawal the applicant's own request."""
    for step in case.of("processing_stopped"):
        data = step.action.data
        basis = data.get("ground") and data.get("decision_ref")
        yield kept_if(basis, "stopped_by_decision", "stopped_without_basis", step.id)
    requests = case.of("withdrawal_requested")
    asked = [step for step in requests if step.action.data.get("by_applicant", True)]
    for step in case.of("withdrawn"):
        before = [request.id for request in asked if request.version < step.version]
        request = before or step.action.data.get("request_doc")
        yield kept_if(
            request, "withdrawn_on_request", "withdrawn_without_request", *before[-1:], step.id
        )


_POWERS = {
    "approved": ("approve", "sign"),
    "signed": ("sign",),
    "negative_decision_issued": ("refuse", "sign"),
}


def signed_with_authority(case: DutyCase) -> Iterator[Check]:
    """L18: who signs had the power on that day, of their own post or by a delegation."""
    for step in case.of(*_POWERS):
        yield _authority(case, step)


def _authority(case: DutyCase, step: Step) -> Check:
    actor, on = step.action.actor, step.on
    entries = [step.id]
    signatory = actor.id
    if actor.capacity not in {"", "own"}:
        delegated = [
            item
            for item in case.registry.delegations(actor.id, on)
            if item.capacity == actor.capacity and actor.on_behalf_of in {"", item.on_behalf_of}
        ]
        if not delegated:
            known = case.registry.knows_officer(actor.id)
            return (broken if known else unknown)("no_delegation", step.id)
        signatory = delegated[0].on_behalf_of
        entries.append(delegated[0].entry)
    if not case.registry.knows_officer(signatory):
        return unknown("officer_unknown", *entries)
    post = case.registry.post(signatory, on)
    if post is None:
        return broken("not_in_office", *entries)
    entries.append(post.entry)
    procedure = step.after.procedure
    powers = [
        case.registry.may(procedure, post.unit, post.post, power, on)
        for power in _POWERS[step.name]
    ]
    if None in powers:
        return unknown("no_authority_matrix", *entries)
    return kept("with_authority", *entries) if any(powers) else broken("no_power", *entries)


def delivery_proved(case: DutyCase) -> Iterator[Check]:
    """L20 (D12): a proof of delivery: a signature, a postal code, a receipt of the e-store."""
    for step in case.of("result_delivered"):
        yield kept_if(step.action.data.get("proof"), "delivery_proved", "no_proof", step.id)
