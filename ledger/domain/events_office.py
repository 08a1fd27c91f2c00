"""The data of dossier events inside the office: work, access, escalation, issue, urging.

E04, E15 to E20, E25, E33, E38, E39 of DOMAIN.md 1.9. Places and people are references: an address
or a name never stands in clear.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ledger.domain.fields import Code, Count, DossierData, Hash, Instant

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET

Purpose = Literal[
    "own_task",
    "supervision",
    "consultation",
    "citizen_enquiry",
    "inspection",
    "complaint",
    "support",
    "statistics",
]
"""Why somebody looked (DOMAIN.md 1.13); `purpose_ref` names the inspection, complaint or ticket."""

FieldsClass = Literal["", "status", "content", "personal"]


class DocumentDigitised(DossierData, frozen=True, kw_only=True):
    """E04: a paper component was scanned and signed (L15)."""

    doc_id: Code
    doc_type: str = ""
    scan_sha256: str = ""
    signer: str = ""
    quality: Literal["", "good", "readable", "poor"] = ""


class WorkStarted(DossierData, frozen=True, kw_only=True):
    """E15: the holder begins; separates the queue from the work."""


class WorkSuspended(DossierData, frozen=True, kw_only=True):
    """E15: the holder lays it aside; stops no clock."""

    reason: str = ""


class WorkResumed(DossierData, frozen=True, kw_only=True):
    """E15: the holder goes on."""


class VerificationOrdered(DossierData, frozen=True, kw_only=True):
    """E17: a verification on site; sector law may extend the time for it."""

    place_ref: str = ""
    participants: tuple[Code, ...] = ()


class FieldInspectionDone(DossierData, frozen=True, kw_only=True):
    """E17: the verification took place. `order_id` is the ordering action's id."""

    order_id: str = ""
    place_ref: str = ""
    participants: tuple[Code, ...] = ()
    minutes_ref: str = ""


class MeetingHeld(DossierData, frozen=True, kw_only=True):
    """E18: a council met on the dossier."""

    council: str = ""
    minutes_ref: str = ""
    votes_for: Count | Unset = UNSET
    votes_against: Count | Unset = UNSET
    votes_abstained: Count | Unset = UNSET


class NoteAdded(DossierData, frozen=True, kw_only=True):
    """E19: a note, by its hash; no substantive work."""

    text_hash: Hash
    visibility: Literal["", "internal", "applicant"] = ""


class Viewed(DossierData, frozen=True, kw_only=True):
    """E20: somebody looked (I21). It is no work on the dossier and shows nobody as its holder.

    `covert` hides it from the person concerned until the inspection is closed.
    """

    purpose: Purpose
    purpose_ref: str = ""
    fields_class: FieldsClass = ""
    covert: bool = False


class Exported(DossierData, frozen=True, kw_only=True):
    """E20: somebody took data out; like a view it is no work on the dossier."""

    purpose: Purpose
    purpose_ref: str = ""
    fields_class: FieldsClass = ""
    package_hash: str = ""
    covert: bool = False


class EscalationAnswered(DossierData, frozen=True, kw_only=True):
    """E25: the higher level answers E24; no `escalation_id` = the oldest that is open.

    `novel_or_conflicting` is the superior's mark that the question was worth asking (I6).
    """

    escalation_id: str = ""
    instruction_ref: str = ""
    decided: bool = False
    novel_or_conflicting: bool = False


class ElectronicResultIssued(DossierData, frozen=True, kw_only=True):
    """E33: the signed electronic result, kept for reuse (L15)."""

    sha256: Hash
    signature_ref: str = ""
    reuse_store_ref: str = ""


class UrgeIssued(DossierData, frozen=True, kw_only=True):
    """E38: the control unit urges a unit to go on."""

    to_unit: str = ""
    to_officer: str = ""
    reply_by_at: Instant | Unset = UNSET


class UrgeAnswered(DossierData, frozen=True, kw_only=True):
    """E38: the urged unit answers. `urge_id` is the urging action's id."""

    urge_id: Code
    answer_ref: str = ""


class OverdueDetected(DossierData, frozen=True, kw_only=True):
    """E39: a run found a step or the dossier past its due date. A derived hint, never the truth:
    whether it is late is computed from the entries."""

    part: Literal["dossier", "step"] = "dossier"
    due_at: Instant
    minutes: Count = 0
    run_id: str = ""
