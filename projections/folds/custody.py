"""Custody of one dossier: who held it, when it lay between two, when nobody can be named (T1).

Two-sided: held from acceptance (E12) to the next offer (E11); from offer to answer in transit to
the receiving unit, nobody's personally; rejected (E13) goes back to the giver. Before any offer
custody is inferred from who acts, and marked so: a holding interval runs from the first to the last
entry of a run of one officer, and the time between runs is unattributed. A foreign log that knows
offers but no answers falls back to that: the next officer who acts is taken for the holder.
After the end of a dossier whose custody is two-sided nobody holds it: what comes then (a rating,
the archive) is no officer's time; opened again it is nobody's until somebody accepts it. What is
nobody's work (derived by the ledger, or a mere look) ends nothing and begins nothing. All intervals
together are the dossier's lifetime, from its first to its last entry that is work.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from ledger.core.action import Action
from projections.folds.officer import acting_officer

Kind = Literal["held", "in_transit", "unattributed", "closed"]

_OFFERED: Final = "dossier.custody_offered.v1"
_ACCEPTED: Final = "dossier.custody_accepted.v1"
_REJECTED: Final = "dossier.custody_rejected.v1"
_STEPS: Final = frozenset({_OFFERED, _ACCEPTED, _REJECTED})


class Interval(msgspec.Struct, frozen=True, gc=False):
    """A stretch of a dossier's life. `number` counts from 1; instants as UTC text.

    `officer` is "" where nobody holds it personally. `from_version` and `to_version` are the first
    and the last entry that show it; those of an unattributed gap are the entries on both sides.
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


class Custody(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The fold's state: the newest interval, and who gave where it lies in transit.

    `unanswered` says that the offer came from a foreign log, which may never show an answer.
    """

    current: Interval | None = None
    two_sided: bool = False
    giver: str = ""
    giver_unit: str = ""
    unanswered: bool = False


EMPTY_CUSTODY = Custody()


def fold_custody(
    custody: Custody,
    action: Action,
    version: int,
    *,
    was_ended: bool = False,
    is_ended: bool = False,
) -> tuple[Custody, tuple[Interval, ...]]:
    """The custody after an entry that is somebody's work, and the intervals new or changed.

    `was_ended` and `is_ended` say that the dossier had ended before it, and has after it.
    """
    current = custody.current
    at = action.occurred_at.at
    if current is not None and at < current.to_at:
        at = current.to_at  # a late record does not make the lifetime run backwards
    is_certain = custody.two_sided and not custody.unanswered
    if was_ended and is_certain:
        return _after_the_end(custody, at, version, is_ended=is_ended)
    if is_certain and action.type not in _STEPS:
        return _extended(custody, at, version)
    return _moved(custody, action, at, version)


def _moved(
    custody: Custody, action: Action, at: str, version: int
) -> tuple[Custody, tuple[Interval, ...]]:
    """What a step of a hand-over, or work, does to custody."""
    current = custody.current
    if action.type == _OFFERED:
        return _offered(custody, action, at, version)
    if action.type == _ACCEPTED:
        unit = action.actor.unit or (current.unit if current else "")
        return _next(custody, acting_officer(action), unit, at, version)
    if action.type == _REJECTED and current is not None and current.kind == "in_transit":
        return _next(custody, custody.giver, custody.giver_unit, at, version)
    return _worked(custody, action, at, version)


def _after_the_end(
    custody: Custody, at: str, version: int, *, is_ended: bool
) -> tuple[Custody, tuple[Interval, ...]]:
    """Closed until now; and from now on nobody's, where the dossier was opened again."""
    closed, changed = _closed(custody, at, version)
    if is_ended:
        return closed, changed
    opened, begun = _next(closed, "", "", at, version)
    return opened, (*changed, *begun)


def _closed(custody: Custody, at: str, version: int) -> tuple[Custody, tuple[Interval, ...]]:
    """The time since the end of the dossier, up to `at`."""
    current = custody.current
    if current is None or at <= current.to_at:
        return custody, ()
    if current.kind == "closed":
        return _extended(custody, at, version)
    since, last = current.to_at, current.to_version
    begun = Interval(current.number + 1, "closed", "", "", False, since, at, last, version)
    return Custody(begun, two_sided=True), (begun,)


def _worked(
    custody: Custody, action: Action, at: str, version: int
) -> tuple[Custody, tuple[Interval, ...]]:
    """An entry that is no step of a hand-over."""
    officer, unit = acting_officer(action), action.actor.unit
    if custody.unanswered and officer:
        begun, changed = _next(custody, officer, unit, at, version, inferred=True)
        return replace(begun, two_sided=False), changed
    if custody.two_sided:
        return _extended(custody, at, version)
    return _inferred(custody, officer, unit, at, version)


def _offered(
    custody: Custody, action: Action, at: str, version: int
) -> tuple[Custody, tuple[Interval, ...]]:
    giver, unit = acting_officer(action), action.actor.unit
    changed: tuple[Interval, ...] = ()
    if not custody.two_sided:
        # Offering shows that it was the giver's until now.
        custody, changed = _inferred(custody, giver, unit, at, version)
    to_unit = str(action.data.get("to_unit", ""))
    after, more = _next(custody, "", to_unit, at, version, kind="in_transit")
    after = Custody(after.current, True, giver, unit, "imported" in action.data)
    return after, (*changed, *more)


def _next(
    custody: Custody,
    officer: str,
    unit: str,
    at: str,
    version: int,
    *,
    kind: Kind | None = None,
    inferred: bool = False,
) -> tuple[Custody, tuple[Interval, ...]]:
    """End the current interval at `at` and begin another there; two-sided from here on."""
    kind = kind or ("held" if officer else "unattributed")
    current = custody.current
    changed: tuple[Interval, ...] = ()
    number = 1
    if current is not None:
        changed, number = (replace(current, to_at=at),), current.number + 1
    begun = Interval(number, kind, officer, unit, inferred, at, at, version, version)
    return Custody(begun, two_sided=True), (*changed, begun)


def _extended(custody: Custody, at: str, version: int) -> tuple[Custody, tuple[Interval, ...]]:
    if custody.current is None:
        return custody, ()
    longer = replace(custody.current, to_at=at, to_version=version)
    return replace(custody, current=longer), (longer,)


def _inferred(
    custody: Custody, officer: str, unit: str, at: str, version: int
) -> tuple[Custody, tuple[Interval, ...]]:
    """One step of one-sided custody, from who acts."""
    current = custody.current
    kind: Kind = "held" if officer else "unattributed"
    if current is None:
        begun = Interval(1, kind, officer, unit, True, at, at, version, version)
        return Custody(begun), (begun,)
    if current.kind == kind and current.officer == officer:
        longer = replace(current, to_at=at, to_version=version)
        return Custody(longer), (longer,)
    number = current.number + 1
    if current.kind == "unattributed":
        # The gap is already open: it ends here.
        ended = replace(current, to_at=at, to_version=version)
        begun = Interval(number, kind, officer, unit, True, at, at, version, version)
        return Custody(begun), (ended, begun)
    changed: tuple[Interval, ...] = ()
    if at > current.to_at or not officer:
        last = current.to_version
        gap = Interval(number, "unattributed", "", "", True, current.to_at, at, last, version)
        changed, number = (gap,), number + 1
        if not officer:
            return Custody(gap), changed
    begun = Interval(number, "held", officer, unit, True, at, at, version, version)
    return Custody(begun), (*changed, begun)
