"""Writes the actions of one demo dossier: ids, times and both halves of each hand-over."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from consumers.demo.people import (
    APPLICANT_NAMES,
    DESK,
    Officer,
    demo_bytes,
    moment,
    sealed,
    system_actor,
    working_day,
)
from consumers.demo.registry import DURATION_DAYS
from ledger.core.action import Action, Actor, OccurredAt, ProcedureRef, stream_id
from ledger.core.ids import uuid7_text
from ledger.core.times import format_instant
from ledger.domain.calendars import VN

DOSSIERS: Final = 40
"""Dossiers of one copy of the office; copy n holds the numbers 40n+1 to 40n+40."""

_SECONDS: Final = 47
"""No two dossiers of the office act in the same second of a minute more often than they must."""


def dossier_id(number: int, copy: int = 0) -> str:
    """The code of dossier `number` (1 to 40) of a copy of the office."""
    return f"H26.31.{copy * DOSSIERS + number:04d}"


class Scribe:
    """The actions of one dossier in the order in which they happen."""

    def __init__(self, number: int, copy: int, procedure: ProcedureRef) -> None:
        self.number = number
        self.dossier_id = dossier_id(number, copy)
        self.stream = stream_id("dossier", self.dossier_id)
        self.procedure = procedure
        self.actions: list[Action] = []

    def act(
        self,
        day: int,
        clock: str,
        who: Officer | Actor,
        name: str,
        data: dict[str, Any] | None = None,
        *,
        step: str = "",
        reason_code: str = "",
        legal_basis: tuple[str, ...] = (),
        causes: tuple[str, ...] = (),
    ) -> str:
        """Add `dossier.<name>.v1` on a working day at local `HH:MM`; gives the action's id."""
        at = moment(day, clock, self.number * _SECONDS % 60)
        entropy = demo_bytes(f"{self.dossier_id} {len(self.actions)}")
        action = Action(
            id=uuid7_text(int(at.timestamp() * 1000), entropy),
            type=f"dossier.{name}.v1",
            stream=self.stream,
            occurred_at=OccurredAt(format_instant(at), "second"),
            actor=who.actor if isinstance(who, Officer) else who,
            data=data or {},
            step=step,
            reason_code=reason_code,
            legal_basis=legal_basis,
            causes=causes,
            procedure=msgspec.UNSET if self.actions else self.procedure,
        )
        self.actions.append(action)
        return action.id

    def submitted(self, day: int, clock: str, *, channel: str = "online") -> None:
        """The applicant hands in; name and contact are sealed with the applicant's own key."""
        reference = f"applicant-{self.dossier_id}"
        subject = f"applicant:{reference}"
        name = APPLICANT_NAMES[self.number % len(APPLICANT_NAMES)]
        contact = f"ho.so.{self.number}@demo.example"
        self.act(
            day,
            clock,
            Actor(kind="applicant", id=reference),
            "submitted",
            {
                "channel": channel,
                "applicant_ref": reference,
                "applicant_name": sealed(subject, self.stream, "applicant_name", name),
                "contact": sealed(subject, self.stream, "contact", contact),
                "components": [{"doc_type": "application", "doc_id": "d1", "copy_kind": 2}],
            },
            step="intake",
        )

    def accepted(self, day: int, clock: str, check_clock: str) -> None:
        """Checked as complete and accepted with a slip; the ledger derives the due date."""
        self.act(day, check_clock, DESK, "intake_checked", {"result": "complete"}, step="intake")
        self.act(
            day,
            clock,
            DESK,
            "accepted",
            {
                "dossier_code": self.dossier_id,
                "duration_days": DURATION_DAYS[self.procedure.code],
                "unit": DESK.unit,
                "calendar": VN.version,
                "slip_ref": f"slip-{self.dossier_id}",
                "receiving_point": "one-stop",
                "competent_agency": "committee",
            },
            step="intake",
            legal_basis=("decree 118/2025",),
        )

    def hand_over(
        self,
        day: int,
        clock: str,
        giver: Officer,
        receiver: Officer,
        taken_day: int,
        taken_clock: str,
        *,
        step: str = "appraisal",
    ) -> None:
        """Offered by one officer, accepted by the other: custody always has two sides."""
        offer = {"to_unit": receiver.unit, "to_officer": receiver.id, "channel": "e", "items": 1}
        offer_id = self.act(day, clock, giver, "custody_offered", offer, step=step)
        taken = {"offer_id": offer_id}
        self.act(taken_day, taken_clock, receiver, "custody_accepted", taken, step=step)

    def consult(self, day: int, clock: str, who: Officer, agency: str, reply_day: int) -> str:
        """Ask an agency; silence counts as agreement after `reply_day`."""
        return self.act(
            day,
            clock,
            who,
            "consultation_requested",
            {
                "agency": agency,
                "mandatory": True,
                "question_hash": demo_bytes(f"question {self.dossier_id} {agency}").hex(),
                "reply_by_on": working_day(reply_day).isoformat(),
                "silence_effect": "deemed_agreed",
            },
            step="appraisal",
        )

    def lapsed(self, day: int, clock: str, agency: str, request: str) -> None:
        """Nobody answered: the effect of silence took place."""
        data = {"agency": agency, "silence_effect": "deemed_agreed"}
        who = system_actor("office-clock")
        self.act(day, clock, who, "consultation_lapsed", data, causes=(request,))
