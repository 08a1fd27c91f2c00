"""Everything that is folded of one dossier, in one step per entry."""

from __future__ import annotations

import msgspec

from ledger.core.action import Action
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, evolve
from ledger.domain.evolution import is_passive
from projections.folds.custody import EMPTY_CUSTODY, Custody, Interval, fold_custody
from projections.folds.handovers import (
    EMPTY_SUCCESSION,
    Handover,
    Return,
    Succession,
    fold_succession,
)


class DossierFold(msgspec.Struct, frozen=True):
    """State, custody and succession of one dossier."""

    state: DossierState = EMPTY_DOSSIER
    custody: Custody = EMPTY_CUSTODY
    succession: Succession = EMPTY_SUCCESSION


class Effects(msgspec.Struct, frozen=True):
    """What one entry adds to or changes in the rows of its dossier."""

    intervals: tuple[Interval, ...]
    handover: Handover | None
    returned: Return | None


EMPTY_FOLD = DossierFold()


def fold_dossier(fold: DossierFold, action: Action, version: int) -> tuple[DossierFold, Effects]:
    """The fold after the entry of 1-based `version`, and its effects."""
    passive = is_passive(action)
    state = evolve(fold.state, action, version)
    custody, intervals = fold_custody(
        fold.custody,
        action,
        version,
        passive=passive,
        was_ended=fold.state.is_ended,
        is_ended=state.is_ended,
    )
    succession, handover, returned = fold.succession, None, None
    if not passive:
        succession, handover, returned = fold_succession(succession, action, version)
    return DossierFold(state, custody, succession), Effects(intervals, handover, returned)


def is_late(state: DossierState, at: str) -> bool:
    """Delivered or, without delivery, ended after the due date; if open, overdue at `at`.

    Compared as instants. Without a due date nothing can be late.
    """
    if not state.due_at:
        return False
    return (state.delivered_at or state.ended_at or at) > state.due_at
