"""The data of inspection events (E70 to E77): the watchers are logged too."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ledger.domain.events_office import Purpose
from ledger.domain.fields import Code, Count, Date, EventData, Hash, Instant, Sealed, Text

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class InspectionOpened(EventData, frozen=True, kw_only=True):
    """E70: an inspection by decision; its legal basis is the envelope's `legal_basis`.

    `covert` keeps its views from the persons concerned until it is closed.
    """

    decision_no: Code
    scope: Text
    units: tuple[Code, ...] = ()
    team: tuple[Code, ...] = ()
    period_from_on: Date | Unset = UNSET
    period_to_on: Date | Unset = UNSET
    covert: bool = False


class EvidenceRequested(EventData, frozen=True, kw_only=True):
    """E71: evidence as of a moment is asked for."""

    request_id: Code
    scope: Text
    as_of_at: Instant | Unset = UNSET


class LogHead(EventData, frozen=True):
    """A log as far as the evidence goes: number of entries and the leaf of the last."""

    origin: Code
    size: Count
    leaf: Hash


class EvidenceExported(EventData, frozen=True, kw_only=True):
    """E71: a sealed package went out, bound to the heads of the logs that it was made from."""

    package_hash: Hash
    heads: tuple[LogHead, ...]
    request_id: str = ""
    as_of_at: Instant | Unset = UNSET


class HiddenEntry(EventData, frozen=True):
    """An entry that stands as its leaf hash in evidence: its log, its place and that hash."""

    origin: Code
    index: Count
    leaf: Hash


class RedactionApproved(EventData, frozen=True, kw_only=True):
    """E71: these entries may stay hidden in evidence that goes out, for this reason.

    The actor approves what `requested_by` asked for. It takes two people: where both are one, the
    entry stands and approves nothing.
    """

    requested_by: Code
    entries: Annotated[tuple[HiddenEntry, ...], msgspec.Meta(min_length=1)]
    reason: Text


class LegalHoldPlaced(EventData, frozen=True, kw_only=True):
    """E72: nothing of these dossiers may be erased."""

    hold_id: Code
    dossiers: tuple[Code, ...]


class LegalHoldReleased(EventData, frozen=True, kw_only=True):
    """E72: the hold ends."""

    hold_id: Code


class FindingRaised(EventData, frozen=True, kw_only=True):
    """E73: an indicator and the entries behind it; an indicator is no proof (F10).

    `evidence` holds action ids, `comparison_set` the stratum that it was compared with.
    """

    finding_id: Code
    indicator: Code
    metric_version: Code
    evidence: tuple[Code, ...] = ()
    comparison_set: str = ""
    officer: str = ""
    unit: str = ""


class ExplanationRequested(EventData, frozen=True, kw_only=True):
    """E74: the officer is asked to explain; no finding is decided before (F10)."""

    finding_id: Code
    officer: Code
    reply_by_on: Date | Unset = UNSET


class ExplanationSubmitted(EventData, frozen=True, kw_only=True):
    """E74: the officer's own explanation, sealed, and its hash."""

    finding_id: Code
    explanation: Sealed | Unset = UNSET
    text_hash: str = ""


class FindingDecided(EventData, frozen=True, kw_only=True):
    """E75: a person decides on a finding."""

    finding_id: Code
    decision: Literal["upheld", "rejected", "systemic_cause", "referred"]
    reasons_ref: str = ""


class IdentityRevealed(EventData, frozen=True, kw_only=True):
    """E76: sealed data was opened. `ref` names the subject, never the data."""

    ref: Code
    purpose: Purpose
    approver: Code


class AuditAccess(EventData, frozen=True, kw_only=True):
    """E77: somebody asked the ledger; the query, and how many rows it gave."""

    query: Text
    rows: Count
    purpose: Purpose | Unset = UNSET
