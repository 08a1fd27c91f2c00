"""The state of a dossier: what folding its actions gives, at any moment (DOMAIN.md 1.10)."""

from __future__ import annotations

import msgspec


class Offer(msgspec.Struct, frozen=True):
    """A hand-over that was offered and not yet accepted or rejected (E11)."""

    offer_id: str
    from_officer: str
    to_unit: str
    to_officer: str
    offered_at: str


class DossierState(msgspec.Struct, frozen=True, omit_defaults=True):
    """One dossier. Instants are UTC text, "" where there is none; ids are as their source writes.

    `status` is the business state, `portal_status` the national code 1 to 10 (0 where unknown).
    `holder_inferred` says that nobody accepted the dossier: the acting officer is taken for the
    holder. The clock: `clock_days` working days counted from `clock_from_on`, none where the due
    date was given by hand. `due_imported` and `ended_imported` mark times that a foreign log gave.
    """

    dossier_id: str = ""
    version: int = 0
    status: str = "unknown"
    portal_status: int = 0
    outcome: str = ""
    procedure: str = ""
    procedure_version: int = 0
    unit: str = ""
    applicant_ref: str = ""
    channel: str = ""
    source: str = ""
    is_imported: bool = False
    holder: str = ""
    holder_unit: str = ""
    holder_since: str = ""
    holder_inferred: bool = True
    open_offers: tuple[Offer, ...] = ()
    begun_at: str = ""
    submitted_at: str = ""
    accepted_at: str = ""
    delivered_at: str = ""
    ended_at: str = ""
    ended_imported: bool = False
    due_at: str = ""
    due_imported: bool = False
    due_unconfirmed_on: tuple[str, ...] = ()
    calendar: str = ""
    duration_days: int = 0
    clock_from_on: str = ""
    clock_days: int = 0
    paused_on: str = ""
    paused_since: str = ""
    pauses: tuple[str, ...] = ()
    restarts: bool = False
    status_before_wait: str = ""
    supplements: tuple[int, ...] = ()
    open_supplements: tuple[int, ...] = ()
    supplement_rounds: int = 0
    obligations: tuple[str, ...] = ()
    open_obligations: tuple[str, ...] = ()
    open_consultations: tuple[str, ...] = ()
    extensions: int = 0
    apologies: int = 0
    corrections: int = 0
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


ENDS = frozenset({"refused", "withdrawn", "stopped", "delivered"})
"""Business states in which nothing more is owed to the applicant."""

EMPTY_DOSSIER = DossierState()
