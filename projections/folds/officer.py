"""Officers as actors: who acted, in which dossiers, with which types of event. Counts only."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ledger.core.action import Action


def acting_officer(action: Action) -> str:
    """The officer (the source's account, byte for byte) who acted; "" for everybody else."""
    return action.actor.id if action.actor.kind == "officer" else ""


class Tally(msgspec.Struct, frozen=True):
    """How many entries each (officer, dossier) and each (officer, type) gained."""

    by_dossier: dict[tuple[str, str], int]
    by_type: dict[tuple[str, str], int]


def tally(entries: Iterable[tuple[str, Action]]) -> Tally:
    """Count (dossier id, action) pairs. Tallies of parts add up to the tally of the whole."""
    by_dossier: dict[tuple[str, str], int] = {}
    by_type: dict[tuple[str, str], int] = {}
    for dossier, action in entries:
        officer = acting_officer(action)
        if officer:
            by_dossier[officer, dossier] = by_dossier.get((officer, dossier), 0) + 1
            by_type[officer, action.type] = by_type.get((officer, action.type), 0) + 1
    return Tally(by_dossier, by_type)
