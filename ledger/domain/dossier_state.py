"""The state of a dossier: what folding its actions gives, at any moment (DOMAIN.md 1.10).

Its dimensions are orthogonal: business, custody, work, clocks, finance, consultation, delivery,
synchronisation and the citizen's voice each move by their own events.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

PORTAL_STATUS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "unknown": 0,
        "submitted": 1,
        "accepted": 2,
        "refused": 3,
        "processing": 4,
        "intake_supplement": 5,
        "appraisal_supplement": 5,
        "awaiting_payment": 6,
        "withdrawn": 7,
        "stopped": 8,
        "done": 9,
        "delivered": 10,
        "merged": 0,
    }
)
"""Business state to the national portal's code (DOMAIN.md 1.4); the portal has none for merged."""

ENDS: Final = frozenset({"refused", "withdrawn", "stopped", "delivered", "merged"})
"""Business states in which nothing more is owed to the applicant."""

WAITING: Final = frozenset({"intake_supplement", "appraisal_supplement", "awaiting_payment"})
"""Business states in which the applicant is waited for."""


class Offer(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A hand-over that was offered and not yet accepted or rejected (E11).

    `step` is the internal step that it is offered for, `due_step_at` when that is to be done.
    """

    offer_id: str
    from_officer: str
    to_unit: str
    to_officer: str
    offered_at: str
    step: str = ""
    due_step_at: str = ""


class Consultation(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A question to another agency that is not answered and has not lapsed (E21, D9)."""

    agency: str
    requested_at: str
    mandatory: bool = False
    reply_by_on: str = ""
    silence_effect: str = ""


class Breach(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A guard of the state machine that entries broke: the first by version, and how many.

    `code` is a finding's code; `actual` says what the first entry did.
    """

    code: str
    version: int
    actual: str
    times: int = 1


class DossierState(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One dossier. Instants are UTC text, "" where there is none; ids are as their source writes.
    Frozen, of frozen parts: no cycle can go through one, so none is looked for (`gc=False`).

    Business: `status`, and `portal_status`, the national code 1 to 10 (0 where unknown or none).
    Custody: `holder_inferred` says that nobody accepted the dossier: the acting officer is taken
    for the holder. Work: `phase` is the place in the line from assignment to number.
    Clocks: `clock_days` working days counted from `clock_from_on`, or `clock_seconds` of working
    time from `clock_from_at`; neither where the due date was given by hand; `due_imported` and
    `ended_imported` mark times that a foreign log gave; `waits` names who is waited for since
    `waits_since` (DOMAIN.md 2.1), the sums are closed waits.
    """

    dossier_id: str = ""
    version: int = 0
    status: str = "unknown"
    portal_status: int = 0
    outcome: str = ""
    procedure: str = ""
    procedure_version: int = 0
    ruleset: str = ""
    unit: str = ""
    applicant_ref: str = ""
    channel: str = ""
    source: str = ""
    is_imported: bool = False
    reopened: int = 0
    merged_into: str = ""
    linked: tuple[str, ...] = ()
    # custody
    holder: str = ""
    holder_unit: str = ""
    holder_since: str = ""
    holder_inferred: bool = True
    open_offers: tuple[Offer, ...] = ()
    step: str = ""
    due_step_at: str = ""
    # work
    phase: str = ""
    assigned: str = ""
    co_officers: tuple[str, ...] = ()
    open_verifications: tuple[str, ...] = ()
    drafted_by: str = ""
    decided_by: tuple[str, ...] = ()
    # the dossier's own moments, and its result
    begun_at: str = ""
    submitted_at: str = ""
    accepted_at: str = ""
    delivered_at: str = ""
    ended_at: str = ""
    ended_imported: bool = False
    issued_at: str = ""
    at_desk_at: str = ""
    electronic_result: bool = False
    archived_at: str = ""
    # clocks
    due_at: str = ""
    due_imported: bool = False
    due_unconfirmed_on: tuple[str, ...] = ()
    calendar: str = ""
    duration_days: int = 0
    duration_hours: int = 0
    clock_from_on: str = ""
    clock_days: int = 0
    clock_from_at: str = ""
    clock_seconds: int = 0
    paused_on: str = ""
    paused_since: str = ""
    pauses: tuple[str, ...] = ()
    restarts: bool = False
    waits: str = ""
    waits_since: str = ""
    applicant_microseconds: int = 0
    external_microseconds: int = 0
    closed_microseconds: int = 0
    # supplements, finance, consultation
    status_before_wait: str = ""
    supplements: tuple[int, ...] = ()
    open_supplements: tuple[int, ...] = ()
    supplement_rounds: int = 0
    intake_rounds: int = 0
    obligations: tuple[str, ...] = ()
    open_obligations: tuple[str, ...] = ()
    failed_obligations: tuple[str, ...] = ()
    refunds: int = 0
    open_consultations: tuple[Consultation, ...] = ()
    open_escalations: tuple[str, ...] = ()
    extensions: int = 0
    apologies: int = 0
    # synchronisation and the citizen's voice
    synchronised_status: int = -1
    sync_failed: bool = False
    open_filings: tuple[str, ...] = ()
    open_urges: tuple[str, ...] = ()
    # the record itself
    corrections: int = 0
    attempts_rejected: int = 0
    late_recorded: int = 0
    breaches: tuple[Breach, ...] = ()
    last_occurred_at: str = ""
    last_officer: str = ""
    last_unit: str = ""

    @property
    def due_unconfirmed(self) -> bool:
        """Whether the due date depends on days that its calendar marks unconfirmed."""
        return bool(self.due_unconfirmed_on)

    @property
    def is_ended(self) -> bool:
        """Whether an event of the dossier itself ended it (a foreign log's end date does not)."""
        return self.status in ENDS

    @property
    def appraisal_rounds(self) -> int:
        """Supplements asked for after acceptance (L4 counts by stage)."""
        return self.supplement_rounds - self.intake_rounds

    @property
    def activities(self) -> tuple[str, ...]:
        """The sub-states of processing; several hold at once."""
        if self.status != "processing":
            return ()
        parallel = (
            ("verifying", self.open_verifications),
            ("consulting", self.open_consultations),
            ("escalated", self.open_escalations),
        )
        return (
            *((self.phase,) if self.phase else ()),
            *(name for name, open_ in parallel if open_),
        )

    @property
    def payment(self) -> str:
        """none, awaiting, failed (the last try), paid."""
        if not self.obligations:
            return "none"
        if not self.open_obligations:
            return "paid"
        return "failed" if set(self.open_obligations) & set(self.failed_obligations) else "awaiting"

    @property
    def delivery(self) -> str:
        """none, issued, at_desk, delivered, archived: how far the result has come."""
        reached = (
            ("archived", self.archived_at),
            ("delivered", self.delivered_at),
            ("at_desk", self.at_desk_at),
            ("issued", self.issued_at),
        )
        return next((name for name, at in reached if at), "none")

    @property
    def synchronisation(self) -> str:
        """never, failed, behind (the status changed since), synchronised (L21)."""
        if self.sync_failed:
            return "failed"
        if self.synchronised_status < 0:
            return "never"
        return "synchronised" if self.synchronised_status == self.portal_status else "behind"


EMPTY_DOSSIER = DossierState()
