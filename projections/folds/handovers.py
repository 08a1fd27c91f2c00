"""Hand-overs and A-B-A returns of one dossier (I3, I22; counting rules of DOMAIN.md section 4).

A hand-over is two consecutive entries with different officers, compared byte for byte. A-B-A:
runs of one officer collapsed, then every o[i] = o[i+2], overlapping. An entry without an officer
(an applicant, a foreign system) breaks the succession and is in no pair. What is nobody's
work (derived by the ledger, or a mere look at the dossier) is passed over: it says nothing about
who had the dossier.
"""

from __future__ import annotations

import msgspec

from ledger.core.action import Action
from projections.folds.officer import acting_officer


class Handover(msgspec.Struct, frozen=True, gc=False):
    """From one officer to another, shown by the entry of `version`."""

    version: int
    giver: str
    receiver: str


class Return(msgspec.Struct, frozen=True, gc=False):
    """A gave to B and has it again (A-B-A), shown by the entry of `version`."""

    version: int
    officer: str
    other: str


class Succession(msgspec.Struct, frozen=True, gc=False):
    """The fold's state: the last officer, and the one before that run."""

    last: str = ""
    before: str = ""


EMPTY_SUCCESSION = Succession()


def fold_succession(
    state: Succession, action: Action, version: int
) -> tuple[Succession, Handover | None, Return | None]:
    """The succession after an entry that is somebody's work."""
    officer = acting_officer(action)
    if not officer:
        return EMPTY_SUCCESSION, None, None
    if officer == state.last:
        return state, None, None
    after = Succession(officer, state.last)
    if not state.last:
        return after, None, None
    returned = Return(version, officer, state.last) if officer == state.before else None
    return after, Handover(version, state.last, officer), returned
