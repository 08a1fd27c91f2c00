"""The data of dossier events (DOMAIN.md 1.9), first slice: from submission to delivery.

A field is required where the event means nothing without it; what a foreign log may not know is
optional: "" or left out = not stated. A duty that an event breaks is found by the checks, never
refused here.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ledger.domain.fields import (
    Attribute,
    Code,
    Count,
    Date,
    DossierData,
    EventData,
    Hash,
    Hours,
    Instant,
    LocalTime,
    Sealed,
    Text,
)

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class Component(EventData, frozen=True):
    """One component of a dossier: document type, copy kind 0 original, 1 copy, 2 electronic."""

    doc_type: Code
    doc_id: str = ""
    copy_kind: Literal[0, 1, 2] = 0
    count: Count = 1
    sha256: str = ""


class SupplementItem(EventData, frozen=True):
    """One thing asked for, with the basis that each item needs (L3)."""

    doc_type: Code
    basis: str = ""
    why: str = ""


class Submitted(DossierData, frozen=True, kw_only=True):
    """E01: the applicant or the portal hands the dossier in (portal status 1; starts L2)."""

    channel: Literal["", "direct", "online", "postal"] = ""
    applicant_ref: str = ""
    proxy_ref: str = ""
    applicant_name: Sealed | Unset = UNSET
    contact: Sealed | Unset = UNSET
    components: tuple[Component, ...] = ()


class DocumentReuseChecked(DossierData, frozen=True, kw_only=True):
    """E02: whether the state already holds the document (L14)."""

    doc_type: str = ""
    source: Literal["", "citizen_store", "national_db", "agency_store"] = ""
    result: Literal["", "found_valid", "found_expired", "not_found", "source_down"] = ""
    query_ref: str = ""


class DocumentAttached(DossierData, frozen=True, kw_only=True):
    """E03: a document joins the dossier."""

    doc_id: str = ""
    doc_type: str = ""
    copy_kind: Literal[0, 1, 2] = 0
    sha256: str = ""


class DocumentReplaced(DossierData, frozen=True, kw_only=True):
    """E03: a document takes the place of another."""

    doc_id: str = ""
    doc_type: str = ""
    replaces: str = ""
    copy_kind: Literal[0, 1, 2] = 0
    sha256: str = ""


class IntakeChecked(DossierData, frozen=True, kw_only=True):
    """E05: the intake officer's check (L2)."""

    result: Literal["", "complete", "incomplete", "out_of_scope"] = ""
    missing: tuple[Code, ...] = ()


class Accepted(DossierData, frozen=True, kw_only=True):
    """E06: accepted with an appointment slip (portal status 2; L1, D1 to D4).

    `duration_days` are working days, 0 for a same-day procedure, left out where a due date is given
    or none is known; `duration_hours` are working hours and go before days (D3). `received_at` is
    when the dossier was complete, the action's own time where it is left out. `cutoff` is local
    `HH:MM`, `cutoff_effect` what a later receipt changes (D4); what is left out is the rule set's.
    """

    dossier_code: str = ""
    duration_days: Count | Unset = UNSET
    duration_hours: Hours | Unset = UNSET
    received_at: Instant | Unset = UNSET
    due_at: Instant | Unset = UNSET
    unit: str = ""
    ruleset: str = ""
    calendar: str = ""
    cutoff: LocalTime = ""
    cutoff_effect: Literal["none", "transfer_only", "same_day_only", "shift_receipt"] = (
        "shift_receipt"
    )
    slip_ref: str = ""
    receiving_point: str = ""
    competent_agency: str = ""


class Refused(DossierData, frozen=True, kw_only=True):
    """E07: refused at intake (portal status 3; L6)."""

    ground: str = ""
    right_agency: str = ""


class SupplementRequested(DossierData, frozen=True, kw_only=True):
    """E08: papers asked for (portal status 5; L3 to L5). `clock` is how the due date moves (D7)."""

    stage: Literal["intake", "appraisal"] = "appraisal"
    round: Count = 1
    items: tuple[SupplementItem, ...] = ()
    reply_by_on: Date | Unset = UNSET
    approved_by: str = ""
    via_one_stop: bool = True
    clock: Literal["pause", "restart"] = "pause"


class SupplementReceived(DossierData, frozen=True, kw_only=True):
    """E09: the applicant answered (D7). No `round` = the oldest that is open."""

    round: Count | Unset = UNSET
    items: tuple[Code, ...] = ()
    complete: bool = True


class SupplementLapsed(DossierData, frozen=True, kw_only=True):
    """E10: the applicant did not answer in time. No `round` = the oldest that is open.

    `effect` is what the rule makes of it: how the dossier ends by it, "" where a later entry
    decides; until then its state stays, and the time is the office's.
    """

    round: Count | Unset = UNSET
    effect: Literal["", "refused", "withdrawn", "stopped"] = ""


class CustodyOffered(DossierData, frozen=True, kw_only=True):
    """E11: the giver's half of a hand-over (L7 to L9)."""

    to_unit: str = ""
    to_officer: str = ""
    channel: Literal["", "paper", "e"] = ""
    items: Count = 0
    due_step_at: Instant | Unset = UNSET


class CustodyAccepted(DossierData, frozen=True, kw_only=True):
    """E12: the receiver's half; starts the holder's time (L9). `offer_id` is E11's action id."""

    offer_id: Code


class CustodyRejected(DossierData, frozen=True, kw_only=True):
    """E13: the receiver sends it back with a reason."""

    offer_id: Code
    reason: Literal[
        "",
        "not_my_authority",
        "incomplete",
        "wrong_step",
        "conflict_of_interest",
        "overload",
        "other",
    ] = ""
    basis: str = ""


class Assigned(DossierData, frozen=True, kw_only=True):
    """E14: the unit head names who works on it (L8)."""

    officer: str = ""
    role: Literal["lead", "co"] = "lead"
    reason: str = ""


class Reassigned(DossierData, frozen=True, kw_only=True):
    """E14: the unit head names another; no hand-over by the officer."""

    officer: str = ""
    previous: str = ""
    role: Literal["lead", "co"] = "lead"
    reason: str = ""


class AppraisalRecorded(DossierData, frozen=True, kw_only=True):
    """E16: the case officer's opinion."""

    opinion: Literal["", "meets", "not", "unclear"] = ""
    findings_ref: str = ""
    proposal: str = ""


class ConsultationRequested(DossierData, frozen=True, kw_only=True):
    """E21: another agency is asked (L11, D9); the lead keeps custody."""

    agency: str = ""
    mandatory: bool = False
    question_hash: str = ""
    reply_by_on: Date | Unset = UNSET
    silence_effect: Literal["", "deemed_agreed", "proceed_with_note", "blocks"] = ""


class ConsultationAnswered(DossierData, frozen=True, kw_only=True):
    """E22: the agency answers."""

    agency: str = ""
    answer: Literal["", "agree", "agree_with", "disagree", "no_competence"] = ""
    ref: str = ""


class ConsultationLapsed(DossierData, frozen=True, kw_only=True):
    """E23: no answer in time; the effect of silence took place."""

    agency: str = ""
    silence_effect: Literal["", "deemed_agreed", "proceed_with_note", "blocks"] = ""


class EscalatedForOpinion(DossierData, frozen=True, kw_only=True):
    """E24: a higher level is asked for its opinion."""

    to_level: str = ""
    question_hash: str = ""
    decision_power_ref: str = ""
    options_proposed: bool = False


class DraftSubmitted(DossierData, frozen=True, kw_only=True):
    """E26: a draft goes to the approver."""

    draft_ref: str = ""
    draft_version: Count = 1
    to_approver: str = ""


class DraftReturned(DossierData, frozen=True, kw_only=True):
    """E27: the approver returns it; the reason is the envelope's `reason_code`."""

    draft_ref: str = ""
    comments_ref: str = ""


class Approved(DossierData, frozen=True, kw_only=True):
    """E28: approved (L18); the capacity stands in the envelope's actor."""

    doc_ref: str = ""


class Signed(DossierData, frozen=True, kw_only=True):
    """E28: signed (L18)."""

    doc_ref: str = ""
    signature_ref: str = ""


class ResultNumbered(DossierData, frozen=True, kw_only=True):
    """E29: the records clerk gives the number (L19)."""

    number: str = ""
    dated_on: Date | Unset = UNSET


class ResultIssued(DossierData, frozen=True, kw_only=True):
    """E29: the records clerk issues it (L19)."""

    number: str = ""
    seal_ref: str = ""


class NegativeDecisionIssued(DossierData, frozen=True, kw_only=True):
    """E30: a decision against the applicant, with its ground."""

    ground: str = ""
    appeal_info: str = ""


class ReturnedToResultDesk(DossierData, frozen=True, kw_only=True):
    """E31: the result lies at the desk (portal status 9)."""


class ResultDelivered(DossierData, frozen=True, kw_only=True):
    """E32: the applicant has it (portal status 10; L20)."""

    channel: Literal["", "direct", "online", "postal"] = ""
    receiver_ref: str = ""
    proof: str = ""
    e_result: bool = False


class WithdrawalRequested(DossierData, frozen=True, kw_only=True):
    """E42: the applicant asks to withdraw (D11)."""

    request_doc: str = ""
    by_applicant: bool = True


class Withdrawn(DossierData, frozen=True, kw_only=True):
    """E42: withdrawn (portal status 7)."""

    request_doc: str = ""


class ProcessingStopped(DossierData, frozen=True, kw_only=True):
    """E43: stopped by decision (portal status 8; L17, form 05)."""

    ground: str = ""
    decision_ref: str = ""
    fee_handling: str = ""


class EventCorrected(DossierData, frozen=True, kw_only=True):
    """E47: a correction as a new event; what it corrects stays. `field` is a path in its data.

    `before_hash` is the SHA-256 of the canonical JSON of what stood there, `after` the canonical
    JSON of what stands there now; for a personal field `after` is sealed.
    """

    correction_of: Code
    field: Code
    before_hash: Hash
    after: Text | Sealed
    approver: str = ""


class ActionImported(EventData, frozen=True, kw_only=True):
    """E53: an event of a foreign log that no mapping names, whole: counted, timed, handed over."""

    activity: Text
    source_log: Code
    lifecycle: str = ""
    attributes: tuple[Attribute, ...] = ()
    case: tuple[Attribute, ...] = ()
