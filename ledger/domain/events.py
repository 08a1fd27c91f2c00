"""The closed registry of event types: name, data struct, catalogue id, personal fields.

A type that is not here is refused on intake and parked by projections; no name read from a record
is ever imported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

import msgspec

from ledger.core.faults import field_fault
from ledger.core.times import parse_instant
from ledger.domain import events_clock as c
from ledger.domain import events_digest as g
from ledger.domain import events_dossier as d
from ledger.domain import events_exceptions as x
from ledger.domain import events_inspection as i
from ledger.domain import events_office as o
from ledger.domain import events_registry as r
from ledger.domain import events_sealing as s
from ledger.domain import events_watch as w
from ledger.domain.fields import FIRST_YEAR, LAST_YEAR, EventData

CATALOGUE: Final[tuple[tuple[str, str, type[EventData]], ...]] = (
    ("E01", "dossier.submitted.v1", d.Submitted),
    ("E02", "dossier.document_reuse_checked.v1", d.DocumentReuseChecked),
    ("E03", "dossier.document_attached.v1", d.DocumentAttached),
    ("E03", "dossier.document_replaced.v1", d.DocumentReplaced),
    ("E04", "dossier.document_digitised.v1", o.DocumentDigitised),
    ("E05", "dossier.intake_checked.v1", d.IntakeChecked),
    ("E06", "dossier.accepted.v1", d.Accepted),
    ("E07", "dossier.refused.v1", d.Refused),
    ("E08", "dossier.supplement_requested.v1", d.SupplementRequested),
    ("E09", "dossier.supplement_received.v1", d.SupplementReceived),
    ("E10", "dossier.supplement_lapsed.v1", d.SupplementLapsed),
    ("E11", "dossier.custody_offered.v1", d.CustodyOffered),
    ("E12", "dossier.custody_accepted.v1", d.CustodyAccepted),
    ("E13", "dossier.custody_rejected.v1", d.CustodyRejected),
    ("E14", "dossier.assigned.v1", d.Assigned),
    ("E14", "dossier.reassigned.v1", d.Reassigned),
    ("E15", "dossier.work_started.v1", o.WorkStarted),
    ("E15", "dossier.work_suspended.v1", o.WorkSuspended),
    ("E15", "dossier.work_resumed.v1", o.WorkResumed),
    ("E16", "dossier.appraisal_recorded.v1", d.AppraisalRecorded),
    ("E17", "dossier.verification_ordered.v1", o.VerificationOrdered),
    ("E17", "dossier.field_inspection_done.v1", o.FieldInspectionDone),
    ("E18", "dossier.meeting_held.v1", o.MeetingHeld),
    ("E19", "dossier.note_added.v1", o.NoteAdded),
    ("E20", "dossier.viewed.v1", o.Viewed),
    ("E20", "dossier.exported.v1", o.Exported),
    ("E21", "dossier.consultation_requested.v1", d.ConsultationRequested),
    ("E22", "dossier.consultation_answered.v1", d.ConsultationAnswered),
    ("E23", "dossier.consultation_lapsed.v1", d.ConsultationLapsed),
    ("E24", "dossier.escalated_for_opinion.v1", d.EscalatedForOpinion),
    ("E25", "dossier.escalation_answered.v1", o.EscalationAnswered),
    ("E26", "dossier.draft_submitted.v1", d.DraftSubmitted),
    ("E27", "dossier.draft_returned.v1", d.DraftReturned),
    ("E28", "dossier.approved.v1", d.Approved),
    ("E28", "dossier.signed.v1", d.Signed),
    ("E29", "dossier.result_numbered.v1", d.ResultNumbered),
    ("E29", "dossier.result_issued.v1", d.ResultIssued),
    ("E30", "dossier.negative_decision_issued.v1", d.NegativeDecisionIssued),
    ("E31", "dossier.returned_to_result_desk.v1", d.ReturnedToResultDesk),
    ("E32", "dossier.result_delivered.v1", d.ResultDelivered),
    ("E33", "dossier.electronic_result_issued.v1", o.ElectronicResultIssued),
    ("E34", "dossier.deadline_set.v1", c.DeadlineSet),
    ("E35", "dossier.deadline_paused.v1", c.DeadlinePaused),
    ("E35", "dossier.deadline_resumed.v1", c.DeadlineResumed),
    ("E36", "dossier.deadline_extended.v1", c.DeadlineExtended),
    ("E37", "dossier.apology_issued.v1", c.ApologyIssued),
    ("E38", "dossier.urge_issued.v1", o.UrgeIssued),
    ("E38", "dossier.urge_answered.v1", o.UrgeAnswered),
    ("E39", "dossier.overdue_detected.v1", o.OverdueDetected),
    ("E40", "dossier.financial_obligation_issued.v1", c.FinancialObligationIssued),
    ("E41", "dossier.payment_confirmed.v1", c.PaymentConfirmed),
    ("E41", "dossier.payment_failed.v1", c.PaymentFailed),
    ("E41", "dossier.refunded.v1", c.Refunded),
    ("E42", "dossier.withdrawal_requested.v1", d.WithdrawalRequested),
    ("E42", "dossier.withdrawn.v1", d.Withdrawn),
    ("E43", "dossier.processing_stopped.v1", d.ProcessingStopped),
    ("E44", "dossier.reopened.v1", x.Reopened),
    ("E45", "dossier.merged.v1", x.Merged),
    ("E45", "dossier.split.v1", x.Split),
    ("E45", "dossier.linked_to.v1", x.LinkedTo),
    ("E46", "dossier.rerouted.v1", x.Rerouted),
    ("E47", "dossier.event_corrected.v1", d.EventCorrected),
    ("E48", "dossier.attempt_rejected.v1", x.AttemptRejected),
    ("E49", "dossier.synchronised_to_portal.v1", x.SynchronisedToPortal),
    ("E49", "dossier.sync_failed.v1", x.SyncFailed),
    ("E50", "dossier.archived_transferred.v1", x.ArchivedTransferred),
    ("E51", "dossier.feedback_filed.v1", x.FeedbackFiled),
    ("E51", "dossier.complaint_filed.v1", x.ComplaintFiled),
    ("E51", "dossier.answered.v1", x.Answered),
    ("E52", "dossier.satisfaction_rated.v1", x.SatisfactionRated),
    ("E53", "dossier.action_imported.v1", d.ActionImported),
    ("E60", "officer.registered.v1", r.OfficerRegistered),
    ("E60", "officer.moved.v1", r.OfficerMoved),
    ("E60", "officer.absence_registered.v1", r.AbsenceRegistered),
    ("E60", "officer.delegation_granted.v1", r.DelegationGranted),
    ("E60", "officer.delegation_revoked.v1", r.DelegationRevoked),
    ("E61", "unit.created.v1", r.UnitCreated),
    ("E61", "unit.renamed.v1", r.UnitRenamed),
    ("E61", "unit.merged.v1", r.UnitMerged),
    ("E61", "unit.succeeded.v1", r.UnitSucceeded),
    ("E62", "procedure.version_published.v1", r.ProcedureVersionPublished),
    ("E62", "procedure.version_retired.v1", r.ProcedureVersionRetired),
    (
        "E63",
        "procedure.internal_process_version_published.v1",
        r.InternalProcessVersionPublished,
    ),
    ("E64", "authority.matrix_published.v1", r.AuthorityMatrixPublished),
    ("E65", "calendar.published.v1", r.CalendarPublished),
    ("E66", "system.outage_declared.v1", r.SystemOutageDeclared),
    ("E67", "ledger.key_enrolled.v1", r.KeyEnrolled),
    ("E67", "ledger.key_revoked.v1", r.KeyRevoked),
    ("E70", "inspection.opened.v1", i.InspectionOpened),
    ("E71", "inspection.evidence_requested.v1", i.EvidenceRequested),
    ("E71", "inspection.evidence_exported.v1", i.EvidenceExported),
    ("E71", "inspection.redaction_approved.v1", i.RedactionApproved),
    ("E72", "inspection.legal_hold_placed.v1", i.LegalHoldPlaced),
    ("E72", "inspection.legal_hold_released.v1", i.LegalHoldReleased),
    ("E73", "inspection.finding_raised.v1", i.FindingRaised),
    ("E74", "inspection.explanation_requested.v1", i.ExplanationRequested),
    ("E74", "inspection.explanation_submitted.v1", i.ExplanationSubmitted),
    ("E75", "inspection.finding_decided.v1", i.FindingDecided),
    ("E76", "inspection.identity_revealed.v1", i.IdentityRevealed),
    ("E77", "inspection.audit_access.v1", i.AuditAccess),
    ("log", "ledger.genesis.v1", r.Genesis),
    ("log", "ledger.writer_opened.v1", r.WriterOpened),
    ("log", "ledger.loss_accepted.v1", r.LossAccepted),
    ("log", "ledger.stored_event.v1", r.ForeignEvent),
    ("log", "ledger.topic_seen.v1", w.TopicSeen),
    ("log", "ledger.topic_recreated.v1", w.TopicRecreated),
    ("log", "ledger.low_water_moved.v1", w.LowWaterMoved),
    ("log", "ledger.topic_setting_changed.v1", w.TopicSettingChanged),
    ("log", "ledger.replicas_changed.v1", w.ReplicasChanged),
    ("log", "ledger.offset_gap_found.v1", w.OffsetGapFound),
    ("log", "ledger.strays_found.v1", w.StraysFound),
    ("log", "ledger.writer_displaced.v1", w.WriterDisplaced),
    ("log", "ledger.log_broken.v1", w.LogBroken),
    ("log", "ledger.projection_digest.v1", g.ProjectionDigest),
    ("log", "ledger.sealing_opened.v1", s.SealingOpened),
    ("log", "ledger.witness_outage.v1", s.WitnessOutage),
    ("log", "ledger.witness_restored.v1", s.WitnessRestored),
    ("log", "ledger.sealing_restored.v1", s.SealingRestored),
)

EVENT_TYPES: Final[Mapping[str, type[EventData]]] = MappingProxyType(
    {name: struct for _, name, struct in CATALOGUE}
)

PERSONAL_FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "dossier.submitted.v1": ("applicant_name", "contact"),
        "dossier.feedback_filed.v1": ("filer",),
        "dossier.complaint_filed.v1": ("filer",),
        "inspection.explanation_submitted.v1": ("explanation",),
        "dossier.event_corrected.v1": ("after",),
        "officer.registered.v1": ("name",),
    }
)
"""Fields of `data` that hold personal data and are therefore sealed, by type.

`after` of a correction is sealed where the field that it corrects is one of these.
"""

PERSONAL_NAMES: Final = frozenset(name for names in PERSONAL_FIELDS.values() for name in names)
"""Names of fields that hold personal data in some type: what stands there is never repeated."""


class EventError(ValueError):
    """The data of an event is not what its type says.

    `field` is the path in the action (`data.amount`, or `type`), `value` what stands there (None
    where nothing does), `reason` why it is refused.
    """

    def __init__(self, type_name: str, field: str, value: object, reason: str) -> None:
        super().__init__(f"{type_name}: {field}: {reason}")
        self.type_name = type_name
        self.field = field
        self.value = value
        self.reason = reason


def is_registered(type_name: str) -> bool:
    """Whether the type belongs to this ledger."""
    return type_name in EVENT_TYPES


def decode_event(type_name: str, data: Mapping[str, Any]) -> EventData:
    """The typed data of an event; raises `EventError` for unknown types, fields and values."""
    found = _READING.get(type_name)
    if found is None:
        raise EventError(type_name, "type", type_name, "is no event type of this ledger")
    struct, checked = found
    try:
        event = msgspec.convert(data, struct)
    except msgspec.ValidationError as error:
        raise _event_error(type_name, data, str(error)) from error
    for name, check in checked:
        value = data.get(name)
        if isinstance(value, str):
            _check(type_name, f"data.{name}", value, check)
        elif value is not None:
            for place, text in enumerate(value):
                _check(type_name, f"data.{name}[{place}]", text, check)
    if isinstance(event, d.EventCorrected) and isinstance(event.after, str):
        corrected = event.field.rpartition(".")[2]
        if corrected in PERSONAL_NAMES:
            reason = f"{corrected} is personal: seal what it is corrected to"
            raise EventError(type_name, "data.after", event.after, reason)
    return event


def _event_error(type_name: str, data: Mapping[str, Any], message: str) -> EventError:
    """What msgspec says, with the path from the action's root and the value that stands there."""
    path, value, reason = field_fault(message, data)
    return EventError(type_name, f"data.{path}" if path else "data", value, reason)


def _check(type_name: str, field: str, text: str, year_of: Callable[[str], int]) -> None:
    try:
        year = year_of(text)
    except ValueError as error:
        raise EventError(type_name, field, text, str(error)) from error
    if not FIRST_YEAR <= year <= LAST_YEAR:
        reason = f"{text} lies outside the years {FIRST_YEAR} to {LAST_YEAR}"
        raise EventError(type_name, field, text, reason)


def _year_of_date(text: str) -> int:
    """The year of `YYYY-MM-DD`; raises ValueError where it is no day of the calendar."""
    if _DATE.fullmatch(text) is None:
        msg = f"{text!r} is not a date: expected YYYY-MM-DD"
        raise ValueError(msg)
    try:
        return date.fromisoformat(text).year
    except ValueError as error:
        msg = f"{text!r} is no day of the calendar"
        raise ValueError(msg) from error


def _year_of_instant(text: str) -> int:
    return parse_instant(text).year


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_LISTS: Final = frozenset({"unconfirmed", "holidays", "makeup_days"})


def _checked_fields(struct: type[EventData]) -> tuple[tuple[str, Callable[[str], int]], ...]:
    """Fields that hold dates and instants, by the naming rule `_on` and `_at`."""
    names = [field.encode_name for field in msgspec.structs.fields(struct)]
    dates = [name for name in names if name.endswith("_on") or name in _DATE_LISTS]
    instants = [name for name in names if name.endswith("_at")]
    return (
        *((name, _year_of_date) for name in dates),
        *((name, _year_of_instant) for name in instants),
    )


_READING: Final = MappingProxyType(
    {name: (struct, _checked_fields(struct)) for name, struct in EVENT_TYPES.items()}
)
"""How the data of each type is read: its struct, and the fields whose text is checked beside."""

MAY_BE_EMPTY: Final = frozenset(
    name
    for name, struct in EVENT_TYPES.items()
    if not any(field.required for field in msgspec.structs.fields(struct))
)
"""The types whose data may say nothing: of these nothing needs to be looked at."""
