"""Custody of one dossier: who held it, when it lay between two, when nobody can be named (T1).

Two-sided: held from acceptance (E12) to the next offer (E11); from offer to answer in transit to
the receiving unit; rejected (E13) goes back to the giver. Before any offer custody is inferred
from who acts, and marked so: a holding interval runs from the first to the last entry of a run
of one officer, and the time between runs is unattributed. All intervals together are the
dossier's lifetime.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ledger.core.action import Action

Kind = Literal["held", "in_transit", "unattributed"]


class Interval(msgspec.Struct, frozen=True):
    """A stretch of a dossier's life. `number` counts from 1; instants as UTC text.

    `officer` is "" where nobody holds it personally; `to_version` is the last entry inside.
    """

    number: int
    kind: Kind
    officer: str
    unit: str
    inferred: bool
    from_at: str
    to_at: str
    from_version: int
    to_version: int


class Custody(msgspec.Struct, frozen=True):
    """The fold's state: the newest interval, and who gave where it lies in transit."""

    current: Interval | None = None
    two_sided: bool = False
    giver: str = ""
    giver_unit: str = ""


EMPTY_CUSTODY = Custody()


def fold_custody(
    custody: Custody, action: Action, version: int, *, derived: bool
) -> tuple[Custody, tuple[Interval, ...]]:
    """The custody after an entry, and the intervals that are new or changed.

    `derived` says that the ledger itself made the entry: it ends nothing and begins nothing.
    """
    current = custody.current
    at = action.occurred_at.at
    if current is not None and at < current.to_at:
        at = current.to_at  # a late record does not make the lifetime run backwards
    if action.type == "dossier.custody_offered.v1":
        return _offered(custody, action, at, version)
    if action.type == "dossier.custody_accepted.v1":
        unit = action.actor.unit or (current.unit if current else "")
        return _next(custody, "held", action.actor.id, unit, at, version, two_sided=True)
    if action.type == "dossier.custody_rejected.v1" and custody.giver:
        return _next(
            custody, "held", custody.giver, custody.giver_unit, at, version, two_sided=True
        )
    if custody.two_sided or derived:
        return _extended(custody, at, version)
    officer = action.actor.id if action.actor.kind == "officer" else ""
    return _inferred(custody, officer, action.actor.unit, at, version)


def _offered(
    custody: Custody, action: Action, at: str, version: int
) -> tuple[Custody, tuple[Interval, ...]]:
    giver, unit = action.actor.id, action.actor.unit
    changed: tuple[Interval, ...] = ()
    if not custody.two_sided:
        # Offering shows that it was the giver's until now.
        custody, changed = _inferred(custody, giver, unit, at, version)
    to_unit = str(action.data.get("to_unit", ""))
    after, more = _next(custody, "in_transit", "", to_unit, at, version, two_sided=True)
    after = msgspec.structs.replace(after, giver=giver, giver_unit=unit)
    return after, (*changed, *more)


def _next(
    custody: Custody, kind: Kind, officer: str, unit: str, at: str, version: int, *, two_sided: bool
) -> tuple[Custody, tuple[Interval, ...]]:
    """End the current interval at `at` and begin another there."""
    current = custody.current
    changed: tuple[Interval, ...] = ()
    number = 1
    if current is not None:
        ended = msgspec.structs.replace(current, to_at=at)
        changed, number = (ended,), current.number + 1
    begun = Interval(number, kind, officer, unit, not two_sided, at, at, version, version)
    return Custody(begun, custody.two_sided or two_sided), (*changed, begun)


def _extended(custody: Custody, at: str, version: int) -> tuple[Custody, tuple[Interval, ...]]:
    current = custody.current
    if current is None:
        return custody, ()
    if not custody.two_sided and current.kind == "held":
        # Inferred: the holder's run ends with the holder's own last entry.
        return custody, ()
    longer = msgspec.structs.replace(current, to_at=at, to_version=version)
    return msgspec.structs.replace(custody, current=longer), (longer,)


def _inferred(
    custody: Custody, officer: str, unit: str, at: str, version: int
) -> tuple[Custody, tuple[Interval, ...]]:
    current = custody.current
    kind: Kind = "held" if officer else "unattributed"
    if current is None:
        begun = Interval(1, kind, officer, unit, True, at, at, version, version)
        return Custody(begun), (begun,)
    if current.kind == kind and current.officer == officer:
        longer = msgspec.structs.replace(current, to_at=at, to_version=version)
        return Custody(longer), (longer,)
    if current.kind == "unattributed":
        # The gap is already open: it ends here.
        return _next(custody, kind, officer, unit, at, version, two_sided=False)
    changed: tuple[Interval, ...] = ()
    number = current.number + 1
    if at > current.to_at or not officer:
        gap = Interval(number, "unattributed", "", "", True, current.to_at, at, version, version)
        changed, number = (gap,), number + 1
        if not officer:
            return Custody(gap), changed
    begun = Interval(number, "held", officer, unit, True, at, at, version, version)
    return Custody(begun), (*changed, begun)
