"""One dossier while it is made: its actions as canonical bytes, and beside them what is true."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from consumers.generate.draws import Draws
from consumers.generate.office_time import instant
from consumers.generate.procedures import AGENCY, Procedure
from consumers.generate.province import Officer, Outage
from consumers.generate.truth import (
    ClockTruth,
    CustodyTruth,
    DossierTruth,
    DutyBreach,
    Label,
)
from ledger.core.action import Action, Actor, OccurredAt, ProcedureRef, stream_id
from ledger.core.canonical import encode_canonical
from ledger.core.ids import uuid7_text

PORTAL: Final = Actor(kind="system", id="national-portal")
CLOCK: Final = Actor(kind="system", id="one-stop-software")
STORE: Final = Actor(kind="system", id="document-store")
BANK: Final = Actor(kind="system", id="payment-platform")


class Unsent(NamedTuple):
    """A status that the portal does not have yet; kept because the portal was down."""

    due: int
    status: int
    is_kept: bool


class Made(NamedTuple):
    """A finished dossier: canonical actions, one a line, and the truth."""

    actions: list[bytes]
    truth: DossierTruth


def action_id(seed: str, stream: str, number: int, at: int) -> str:
    """The id of an action that was written down at the minute `at`."""
    entropy = sha256(f"pal/generate/v1\n{seed}\n{stream}\n{number}".encode()).digest()
    return uuid7_text(at * 60_000, entropy)


class Case:
    """One dossier: what is added stands in the order in which it was recorded."""

    def __init__(self, seed: str, dossier: str, procedure: Procedure, draws: Draws) -> None:
        self.seed = seed
        self.dossier = dossier
        self.procedure = procedure
        self.draws = draws
        self.stream = stream_id("dossier", dossier)
        self.lines: list[bytes] = []
        self.custody = CustodyTruth()
        self.clock = ClockTruth()
        self.behaviours: list[Label] = []
        self.innocent: list[Label] = []
        self.breaches: list[DutyBreach] = []
        self.outcome = ""
        self.last = 0
        self.outages: tuple[Outage, ...] = ()
        self._unsent: list[Unsent] = []

    def act(
        self,
        at: int,
        who: Officer | Actor,
        name: str,
        data: dict[str, Any] | None = None,
        *,
        step: str = "",
        reason_code: str = "",
        legal_basis: tuple[str, ...] = (),
        claimed: int | None = None,
    ) -> str:
        """Add `dossier.<name>.v1` at a minute; gives its id. `claimed` is when it is said to have
        happened, where that is not the truth."""
        self._catch_up(at)
        number = len(self.lines)
        made = action_id(self.seed, self.stream, number, at)
        first: Any = msgspec.UNSET
        if not self.lines:
            first = ProcedureRef(self.procedure.code, AGENCY, self.procedure.version)
            self.clock.begun = at
        actor = who.actor if isinstance(who, Officer) else who
        action = Action(
            id=made,
            type=f"dossier.{name}.v1",
            stream=self.stream,
            occurred_at=OccurredAt(instant(at if claimed is None else claimed), "minute"),
            actor=actor,
            data=data or {},
            step=step,
            reason_code=reason_code,
            legal_basis=legal_basis,
            procedure=first,
        )
        self.lines.append(encode_canonical(action))
        if name not in {"viewed", "exported"}:
            officer = actor.id if actor.kind == "officer" else ""
            if 0 <= self.clock.ended < at:
                self.custody.closed(self.clock.ended, at, officer, actor.unit)
            elif name not in {"custody_offered", "custody_accepted", "custody_rejected"}:
                self.custody.acted(at, officer, actor.unit)
            self.last = max(self.last, at)
        return made

    def offer(self, at: int, giver: Officer, unit: str, officer: str, step: str) -> str:
        """The giver's half of a hand-over, to a unit and perhaps to an officer of it."""
        data = {"to_unit": unit, "channel": "e", "items": 1}
        if officer:
            data["to_officer"] = officer
        made = self.act(at, giver, "custody_offered", data, step=step)
        self.custody.offered(at, giver.id, giver.unit, unit)
        return made

    def take(self, at: int, receiver: Officer, offer_id: str, step: str) -> str:
        """The receiver's half."""
        made = self.act(at, receiver, "custody_accepted", {"offer_id": offer_id}, step=step)
        self.custody.taken(at, receiver.id, receiver.unit)
        return made

    def reject(self, at: int, receiver: Officer, offer_id: str, step: str, basis: str) -> str:
        """The receiver sends it back, with the reason."""
        data = {"offer_id": offer_id, "reason": "not_my_authority", "basis": basis}
        made = self.act(at, receiver, "custody_rejected", data, step=step)
        self.custody.rejected(at)
        return made

    def status(self, at: int, status: int, delay: int = 0) -> None:
        """The business state changed: the portal learns of it within minutes (L21), unless it
        changes again before. Where the portal is down it learns all at once when it is back."""
        self._catch_up(at)
        due = at + (delay or self.draws.whole(2, 20))
        down = next((item for item in self.outages if item.begins <= due < item.ends), None)
        if down is not None:
            self.look_alike("outage_bulk_sync", "")
            due = down.ends + self.draws.whole(1, 5)
        elif self._unsent and not self._unsent[-1].is_kept:
            self._unsent.pop()
        self._unsent.append(Unsent(due, status, down is not None))

    def _catch_up(self, at: int) -> None:
        """Send what the portal has to know by now."""
        while self._unsent and self._unsent[0].due <= at:
            unsent = self._unsent.pop(0)
            data = {"target": "national-portal", "portal_status": unsent.status}
            self.act(max(unsent.due, self.last), PORTAL, "synchronised_to_portal", data)

    def plant(self, name: str, officer: str, *actions: str, other: str = "") -> None:
        """Note a planted behaviour."""
        self.behaviours.append(Label(name, officer, actions, other))

    def look_alike(self, name: str, officer: str, *actions: str) -> None:
        """Note an innocent look-alike."""
        self.innocent.append(Label(name, officer, actions))

    def breach(self, duty: str, *actions: str) -> None:
        """Note a duty that was broken on purpose."""
        self.breaches.append(DutyBreach(duty, actions))

    def made(self) -> Made:
        """The dossier as it is when nothing more happens."""
        if self._unsent:
            self._catch_up(max(unsent.due for unsent in self._unsent))
        truth = DossierTruth(
            dossier=self.dossier,
            procedure=self.procedure.code,
            version=self.procedure.version,
            kind=self.procedure.kind,
            outcome=self.outcome,
            actions=len(self.lines),
            custody=self.custody.intervals(),
            clocks=self.clock.clocks(self.last),
            behaviours=tuple(self.behaviours),
            innocent=tuple(self.innocent),
            breaches=tuple(self.breaches),
        )
        return Made(self.lines, truth)
