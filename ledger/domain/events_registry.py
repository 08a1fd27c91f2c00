"""The data of registry events (E60 to E67) and of the log's own stream."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ledger.domain.fields import Amount, Code, Count, Date, EventData, Hash, Instant, Sealed, Text

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class OfficerRegistered(EventData, frozen=True, kw_only=True):
    """E60: an officer; the name is sealed, the stream's id is the account."""

    unit: Code
    post: str = ""
    name: Sealed | Unset = UNSET
    valid_from_on: Date | Unset = UNSET


class OfficerMoved(EventData, frozen=True, kw_only=True):
    """E60: another unit or post from a day on."""

    unit: Code
    post: str = ""
    valid_from_on: Date | Unset = UNSET


class AbsenceRegistered(EventData, frozen=True, kw_only=True):
    """E60: absent, both days included."""

    from_on: Date
    to_on: Date
    kind: Literal["leave", "sick", "mission", "training", "other"] = "leave"


class DelegationGranted(EventData, frozen=True, kw_only=True):
    """E60: this officer may act for another."""

    delegation_id: Code
    on_behalf_of: Code
    capacity: Literal["KT", "TL", "TUQ", "delegate"]
    from_on: Date
    to_on: Date | Unset = UNSET
    scope: str = ""


class DelegationRevoked(EventData, frozen=True, kw_only=True):
    """E60: a delegation ends."""

    delegation_id: Code
    from_on: Date


class UnitCreated(EventData, frozen=True, kw_only=True):
    """E61: a unit."""

    name: Text
    level: Literal["", "ministry", "province", "commune", "department"] = ""
    parent: str = ""
    valid_from_on: Date | Unset = UNSET


class UnitRenamed(EventData, frozen=True, kw_only=True):
    """E61: the unit's new name."""

    name: Text
    valid_from_on: Date | Unset = UNSET


class UnitMerged(EventData, frozen=True, kw_only=True):
    """E61: the unit goes into another."""

    into: Code
    valid_from_on: Date | Unset = UNSET


class UnitSucceeded(EventData, frozen=True, kw_only=True):
    """E61: the unit's tasks go on in another."""

    successor: Code
    valid_from_on: Date | Unset = UNSET


class Fee(EventData, frozen=True):
    """What a procedure costs: one amount of a kind, in đồng."""

    kind: Literal["fee", "charge"]
    amount: Amount


class ProcedureVersionPublished(EventData, frozen=True, kw_only=True):
    """E62: a version of a procedure; `duration_days` are working days."""

    version: Count
    name: Text
    agency: str = ""
    duration_days: Count = 0
    components: tuple[Code, ...] = ()
    fees: tuple[Fee, ...] = ()
    valid_from_on: Date | Unset = UNSET


class ProcedureVersionRetired(EventData, frozen=True, kw_only=True):
    """E62: a version that new dossiers no longer use."""

    version: Count
    from_on: Date | Unset = UNSET


class ProcessStep(EventData, frozen=True):
    """One step of an internal process with its budget in working hours (D3, D15)."""

    step: Code
    unit: str = ""
    role: str = ""
    budget_hours: Count = 0


class InternalProcessVersionPublished(EventData, frozen=True, kw_only=True):
    """E63: the steps of a procedure inside the office."""

    version: Count
    steps: tuple[ProcessStep, ...]
    valid_from_on: Date | Unset = UNSET


class AuthorityRule(EventData, frozen=True):
    """Who may decide what: a post of a unit for a procedure."""

    procedure: Code
    unit: Code
    post: Code
    may: Literal["approve", "sign", "refuse", "extend"]


class AuthorityMatrixPublished(EventData, frozen=True, kw_only=True):
    """E64: the matrix as valid from a day on."""

    version: Count
    rules: tuple[AuthorityRule, ...]
    valid_from_on: Date | Unset = UNSET


class CalendarPublished(EventData, frozen=True, kw_only=True):
    """E65: a calendar by version; the days themselves or the hash of shipped data.

    The version begins with the id of the stream and a hyphen. `unconfirmed` days may still move.
    """

    version: Code
    data_hash: str = ""
    holidays: tuple[Date, ...] = ()
    makeup_days: tuple[Date, ...] = ()
    unconfirmed: tuple[Date, ...] = ()
    valid_from_on: Date | Unset = UNSET


class SystemOutageDeclared(EventData, frozen=True, kw_only=True):
    """E66: systems did not work; no `to_at` = they still do not. The time is nobody's (X, F9)."""

    systems: tuple[Code, ...]
    from_at: Instant
    to_at: Instant | Unset = UNSET
    reason: str = ""


class Key(EventData, frozen=True):
    """A public key as an entry enrols it."""

    id: Code
    alg: Literal["Ed25519"]
    public: Code
    role: Literal["ledger", "source"]


class KeyEnrolled(EventData, frozen=True, kw_only=True):
    """E67: from here on the key may sign."""

    key: Key


class KeyRevoked(EventData, frozen=True, kw_only=True):
    """E67: from here on the key signs nothing."""

    key_id: Code
    reason: str = ""


class Genesis(EventData, frozen=True, kw_only=True):
    """Index 0 of a log: what it is and which keys may write in it."""

    name: Code
    log: Count
    logs: Count
    format: Count
    config_hash: Hash
    keys: tuple[Key, ...]


class WriterOpened(EventData, frozen=True, kw_only=True):
    """A writer's session began; nothing that an earlier one has in flight can count any more."""

    session: Code
    software: Code
    previous_session: str = ""
    reason: str = ""


class LossAccepted(EventData, frozen=True, kw_only=True):
    """Somebody answered for records that were lost, so that the log may go on."""

    first_offset: Count
    last_offset: Count
    reason: Text
    approver: Code


class ForeignEvent(EventData, frozen=True, kw_only=True):
    """A stored event of somebody's own `eventsourcing` application; no fold here applies it.

    It travels in a stream of kind system. `state` is base64.
    """

    originator_id: Code
    originator_version: Annotated[int, msgspec.Meta(ge=-(2**53) + 1, le=2**53 - 1)]
    topic: Code
    state: str
