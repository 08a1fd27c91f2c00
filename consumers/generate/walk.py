"""One dossier's way through the office: what its stages share."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

from consumers.generate.case import CLOCK, Case
from consumers.generate.draws import Draws
from consumers.generate.office_time import (
    Office,
    at_local,
    instant,
    local_day,
    working_day_after,
    working_days_in,
)
from consumers.generate.plants import PLANTS
from consumers.generate.province import Competent, Officer, Province
from ledger.domain.calendars import VN

_MIDNIGHT: Final = 24 * 60
_BRISK: Final = frozenset(
    {"idle_stall", "late_first_supplement", "clock_wash", "backdating", "queue_jump"}
)
_FUNCTION: Final = "generate/1"


class Batch(NamedTuple):
    """A draft and a signature that several dossiers wait for."""

    drafted: int
    signed: int


class Lapse(NamedTuple):
    """A supplement that never came: since when the clock stands still, and who asked for it."""

    since: int
    asked: str


class DeskQueues:
    """First come, first served: a desk takes what was handed in in its order (G4)."""

    def __init__(self) -> None:
        self._free: dict[str, int] = {}

    def take(self, office: Office, desk: Officer, at: int) -> int:
        """When the desk begins, no sooner than `at` and behind whoever came before."""
        worked = max(office.worked(at), self._free.get(desk.id, 0))
        self._free[desk.id] = worked + 1
        return office.moment(worked)


class Walk:
    """What the stages of one dossier know: the case, who is competent, what is planted."""

    def __init__(
        self,
        case: Case,
        competent: Competent,
        province: Province,
        queues: DeskQueues,
        plant: str = "",
        innocent: str = "",
    ) -> None:
        self.case = case
        self.competent = competent
        self.province = province
        self.queues = queues
        self.plant = plant
        self.innocent = innocent
        self.draws: Draws = case.draws
        self.procedure = case.procedure
        self.office = competent.office
        self.applicant_ref = ""
        self.channel = "online"
        self.due = 0
        self.accepted_id = ""
        self.due_id = ""
        self.officer = competent.officers[0]
        self.other = competent.officers[1]
        self.taken_id = ""
        self.lapsed: Lapse | None = None
        self.accepted_at = self.taken_at = self.waits = 0
        self.overtakes = ""
        self.pinned = ""
        self.batch: Batch | None = None
        self.made_batch: Batch | None = None
        self.resubmit_at = 0
        self.is_late = False

    @property
    def is_brisk(self) -> bool:
        """Nothing else may take time where the plant or its truth needs all of it."""
        return self.batch is not None or self.plant in _BRISK

    def later(self, at: int, median: float, most: float) -> int:
        """A moment of working time after `at`: log-normal, at most `most` minutes on."""
        if self.is_brisk:
            return self.office.after(at, self.draws.whole(3, 12))
        return self.office.after(at, self.draws.minutes(median, 0.8, max(1, int(most))))

    def hash_of(self, what: str) -> str:
        """An invented hash of something of this dossier."""
        return sha256(f"{self.case.dossier} {what}".encode()).hexdigest()

    def day_after(self, at: int, days: int) -> str:
        """The date of a working day after a minute."""
        return working_day_after(local_day(at), days).isoformat()

    def pause(self, at: int, cause: str, cause_id: str) -> None:
        """The clock stands still (E35)."""
        data = {"cause": cause, "cause_event": cause_id}
        self.case.act(at, CLOCK, "deadline_paused", data)

    def resume(self, paused: int, at: int, cause: str, cause_id: str) -> None:
        """The clock goes on, and the due date has moved by the working days between (D7, D8)."""
        data = {"cause": cause, "cause_event": cause_id}
        self.case.act(at, CLOCK, "deadline_resumed", data)
        days = working_days_in(local_day(paused), local_day(at))
        due_on = working_day_after(local_day(self.due - 1), days)
        self.set_due(at_local(due_on, _MIDNIGHT), at)

    def set_due(self, due: int, at: int) -> None:
        """A new due date, where it is another (E34)."""
        if due == self.due:
            return
        self.due = due
        data = {
            "due_at": instant(due),
            "function_version": _FUNCTION,
            "inputs_hash": self.hash_of(f"due {due}"),
            "calendar": VN.version,
        }
        self.due_id = self.case.act(at, CLOCK, "deadline_set", data)

    def hand_over(
        self, at: int, giver: Officer, receiver: Officer, step: str, median: int, most: int
    ) -> int:
        """Offered and taken; gives the moment of acceptance."""
        offer = self.case.offer(at, giver, receiver.unit, receiver.id, step)
        taken = self.later(at, median, most)
        self.taken_id = self.case.take(taken, receiver, offer, step)
        return taken

    def plant_now(self, officer: Officer | None, *actions: str, other: str = "") -> None:
        """Note this dossier's planted behaviour; the duties follow from the catalogue."""
        self.case.plant(self.plant, officer.id if officer else "", *actions, other=other)

    def breach_now(self, *actions: str) -> None:
        """Note the planted behaviour's first duty as broken."""
        self.case.breach(PLANTS[self.plant].breaks[0], *actions)
