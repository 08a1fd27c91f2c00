"""Officers as actors: who acted, in which dossiers, with which types of event. Counts only."""

from __future__ import annotations

from ledger.core.action import Action


def acting_officer(action: Action) -> str:
    """The officer (the source's account, byte for byte) who acted; "" for everybody else."""
    return action.actor.id if action.actor.kind == "officer" else ""


class Tally:
    """How many entries each (officer, dossier) and each (officer, type) gained.

    Tallies of parts add up to the tally of the whole, in whatever order.
    """

    def __init__(self) -> None:
        self.by_dossier: dict[tuple[str, str], int] = {}
        self.by_type: dict[tuple[str, str], int] = {}

    def add(self, dossier: str, action: Action) -> None:
        """Count an entry of a dossier."""
        officer = acting_officer(action)
        if officer:
            key, typed = (officer, dossier), (officer, action.type)
            self.by_dossier[key] = self.by_dossier.get(key, 0) + 1
            self.by_type[typed] = self.by_type.get(typed, 0) + 1
