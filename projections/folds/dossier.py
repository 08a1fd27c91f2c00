"""Everything that is folded of one dossier, in one step per entry."""

from __future__ import annotations

from typing import Final

import msgspec

from ledger.core.action import Action
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, evolve
from ledger.domain.dossier_state import ENDS
from ledger.domain.evolution import is_passive
from projections.folds.custody import EMPTY_CUSTODY, Custody, Interval, fold_custody
from projections.folds.handovers import (
    EMPTY_SUCCESSION,
    Handover,
    Return,
    Succession,
    fold_succession,
)


class DossierFold(msgspec.Struct, frozen=True, gc=False):
    """State, custody and succession of one dossier."""

    state: DossierState = EMPTY_DOSSIER
    custody: Custody = EMPTY_CUSTODY
    succession: Succession = EMPTY_SUCCESSION


class Effects(msgspec.Struct, frozen=True, gc=False):
    """What one entry adds to or changes in the rows of its dossier."""

    intervals: tuple[Interval, ...]
    handover: Handover | None
    returned: Return | None


EMPTY_FOLD = DossierFold()
_NO_EFFECTS: Final = Effects((), None, None)


def fold_dossier(fold: DossierFold, action: Action, version: int) -> tuple[DossierFold, Effects]:
    """The fold after the entry of 1-based `version`, and its effects."""
    before = fold.state
    state = evolve(before, action, version)
    if is_passive(action):
        return DossierFold(state, fold.custody, fold.succession), _NO_EFFECTS
    custody, intervals = fold_custody(
        fold.custody,
        action,
        version,
        was_ended=before.status in ENDS,
        is_ended=state.status in ENDS,
    )
    succession, handover, returned = fold_succession(fold.succession, action, version)
    return DossierFold(state, custody, succession), Effects(intervals, handover, returned)


def is_late(state: DossierState, at: str) -> bool:
    """Delivered or, without delivery, ended after the due date; if open, overdue at `at`.

    Compared as instants. Without a due date nothing can be late.
    """
    if not state.due_at:
        return False
    return (state.delivered_at or state.ended_at or at) > state.due_at
