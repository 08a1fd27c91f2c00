"""`decide`: whether an action on a dossier is possible, and what the ledger derives from it.

Impossible is (DESIGN.md section 4): accepting or rejecting an offer that is not open; a first
action other than submission, acceptance or import; a supplement or payment answered that was never
asked for. A broken duty is never refused: the breach is the evidence.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ledger.core.action import Action
from ledger.domain.clock import derive
from ledger.domain.dossier_state import EMPTY_DOSSIER, DossierState
from ledger.domain.due_dates import DerivedEvent
from ledger.domain.evolution import evolve
from ledger.domain.rules import Rules

__all__ = [
    "EMPTY_DOSSIER",
    "DerivedEvent",
    "DossierState",
    "Impossible",
    "Possible",
    "Rules",
    "decide",
    "evolve",
]

_BEGINNINGS: Final = frozenset(
    {"dossier.submitted.v1", "dossier.accepted.v1", "dossier.action_imported.v1"}
)
_OFFER_ANSWERS: Final = frozenset({"dossier.custody_accepted.v1", "dossier.custody_rejected.v1"})
_SUPPLEMENT_ANSWERS: Final = frozenset(
    {"dossier.supplement_received.v1", "dossier.supplement_lapsed.v1"}
)
_PAYMENT_ANSWERS: Final = frozenset(
    {"dossier.payment_confirmed.v1", "dossier.payment_failed.v1", "dossier.refunded.v1"}
)


class Possible(msgspec.Struct, frozen=True):
    """The action may be recorded, followed by what is derived from it."""

    derived: tuple[DerivedEvent, ...] = ()


class Impossible(msgspec.Struct, frozen=True):
    """The action cannot have happened to this dossier; `field` and `value` are what says so."""

    code: str
    message: str
    field: str
    value: str | int


Decision = Possible | Impossible


def decide(state: DossierState, action: Action, rules: Rules) -> Decision:
    """Whether `action` is possible for a dossier in `state`, and what follows from it.

    An imported action is judged the same way, and derives nothing.
    """
    impossible = _impossible(state, action)
    if impossible is not None:
        return impossible
    if "imported" in action.data or action.type == "dossier.action_imported.v1":
        return Possible()
    return Possible(derive(state, action, rules))


def _impossible(state: DossierState, action: Action) -> Impossible | None:
    data = action.data
    if state.version == 0 and action.type not in _BEGINNINGS and "imported" not in data:
        return Impossible(
            "dossier.not_begun",
            f"{action.type} cannot be the first action of {action.stream}: "
            "a dossier begins with submission, acceptance or import",
            "type",
            action.type,
        )
    if action.type in _OFFER_ANSWERS:
        offer_id = data.get("offer_id", "")
        if all(offer.offer_id != offer_id for offer in state.open_offers):
            return Impossible(
                "custody.offer_not_open",
                f"offer {offer_id} is not open",
                "data.offer_id",
                offer_id,
            )
    if action.type in _SUPPLEMENT_ANSWERS:
        answered = data.get("round")
        if not state.supplements or (answered is not None and answered not in state.supplements):
            return Impossible(
                "supplement.not_requested",
                "no supplement was asked for"
                if answered is None
                else f"a supplement of round {answered} was never asked for",
                "type" if answered is None else "data.round",
                action.type if answered is None else answered,
            )
    if action.type in _PAYMENT_ANSWERS:
        obligation_id = data.get("obligation_id", "")
        if obligation_id not in state.obligations:
            return Impossible(
                "payment.not_requested",
                f"obligation {obligation_id} was never issued",
                "data.obligation_id",
                obligation_id,
            )
    return None
