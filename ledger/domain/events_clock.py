"""The data of a dossier's clock and money events (E34 to E37, E40, E41 of DOMAIN.md 1.9)."""

from __future__ import annotations

from typing import Literal

import msgspec

from ledger.domain.fields import Amount, Code, Count, Date, DossierData, Hash, Instant, Seconds

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET

PauseCause = Literal["supplement", "finance", "external", "force_majeure", "court"]


class DeadlineSet(DossierData, frozen=True, kw_only=True):
    """E34: a due date, with the function and inputs that gave it (D16).

    Counted in working days from a day, or in seconds of working time from an instant (D3).
    """

    due_at: Instant
    function_version: Code
    inputs_hash: Hash
    calendar: str = ""
    counted_from_on: Date | Unset = UNSET
    working_days: Count = 0
    unconfirmed: tuple[Date, ...] = ()
    ruleset: str = ""
    counted_from_at: Instant | Unset = UNSET
    working_seconds: Seconds = 0


class DeadlinePaused(DossierData, frozen=True, kw_only=True):
    """E35: the clock stands still (D7 to D9). `cause_event` is an action id.

    `clock` is how the due date moves afterwards, where the rule set and not the cause says so.
    """

    cause: PauseCause
    cause_event: str = ""
    clock: Literal["", "pause", "restart"] = ""


class DeadlineResumed(DossierData, frozen=True, kw_only=True):
    """E35: the clock goes on."""

    cause: PauseCause
    cause_event: str = ""


class DeadlineExtended(DossierData, frozen=True, kw_only=True):
    """E36: a new due date by decision (L13)."""

    old_due_at: Instant | Unset = UNSET
    new_due_at: Instant | Unset = UNSET
    basis: str = ""
    approver: str = ""
    count: Count = 1


class ApologyIssued(DossierData, frozen=True, kw_only=True):
    """E37: the written apology before expiry (L12, D10)."""

    new_due_at: Instant | Unset = UNSET
    signed_by: str = ""
    sent_at: Instant | Unset = UNSET


class FinancialObligationIssued(DossierData, frozen=True, kw_only=True):
    """E40: something to pay (portal status 6; L16). Amount in đồng; timing 1, 2 or 4."""

    kind: Literal["", "fee", "charge", "tax"] = ""
    amount: Amount | Unset = UNSET
    timing: Literal[1, 2, 4] = 1
    payee: str = ""


class PaymentConfirmed(DossierData, frozen=True, kw_only=True):
    """E41: paid. `obligation_id` is E40's action id."""

    obligation_id: Code
    amount: Amount | Unset = UNSET
    txn_ref: str = ""


class PaymentFailed(DossierData, frozen=True, kw_only=True):
    """E41: a payment failed."""

    obligation_id: Code
    reason: str = ""
    amount: Amount | Unset = UNSET
    txn_ref: str = ""


class Refunded(DossierData, frozen=True, kw_only=True):
    """E41: money given back."""

    obligation_id: Code
    amount: Amount | Unset = UNSET
    txn_ref: str = ""
