"""Makes the province's year: arrivals by season and weekday, one dossier after another, in bounded
memory (G3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from heapq import heappop, heappush
from typing import Final, NamedTuple

from consumers.generate.case import Case, Made
from consumers.generate.draws import Draws
from consumers.generate.office_time import (
    FIRST_DAY,
    LAST_ARRIVAL,
    at_local,
    local_day,
    working_days,
)
from consumers.generate.path import follow
from consumers.generate.plants import DRAWN_INNOCENT, DRAWN_LONG, LONG, PLANTS
from consumers.generate.procedures import CODES, Kind, Procedure, valid_on
from consumers.generate.province import Province
from consumers.generate.registry import registry_lines
from consumers.generate.walk import Batch, DeskQueues, Walk

ENTRIES_MIN: Final = 1_000
ENTRIES_MAX: Final = 10_000_000
_ENTRIES_EACH: Final = 30
"""Actions of a dossier on average: how many arrivals a number of entries takes."""

_PLANTED: Final = 0.14
_INNOCENT: Final = 0.12
_SIBLINGS: Final = 5
_WAITS_MIN: Final = 240
"""Working minutes in which another dossier can come in behind, and begin before."""

_KINDS: Final[dict[Kind, float]] = {
    "instant": 30,
    "simple": 25,
    "normal": 20,
    "consultative": 8,
    "field": 8,
    "financial": 9,
}
_WEEK: Final = (1.3, 1.1, 1.0, 1.0, 0.8, 0.4)
"""Mondays are full; of Saturdays only those count that are worked."""

_BEFORE_TET: Final = (date(2026, 1, 26), date(2026, 2, 13))
_AFTER_TET: Final = (date(2026, 2, 23), date(2026, 2, 27))


class Arrival(NamedTuple):
    """A dossier that will be handed in: when, which, by whom, with what planted."""

    at: int
    number: int
    plant: str = ""
    innocent: str = ""
    code: str = ""
    place: int = -1
    applicant: str = ""
    batch: Batch | None = None
    earlier: str = ""
    officer: str = ""


class Generated(NamedTuple):
    """A part of the stream: canonical actions and, of a dossier, its truth."""

    lines: list[bytes]
    made: Made | None


def generate(entries: int, seed: str) -> Iterator[Generated]:
    """The registry, then dossier after dossier by submission, until there are `entries` actions.

    Each part is a whole stream or several, so that the file imports in bounded memory.
    """
    province = Province(entries, seed)
    lines = registry_lines(province, seed)
    yield Generated(lines, None)
    done = len(lines)
    office = Year(province, seed)
    for arrival in _merged(_arrivals(max(1, entries - done), seed), office):
        if done >= entries:
            return
        made = office.make(arrival)
        done += len(made.actions)
        yield Generated(made.actions, made)


def _arrivals(entries: int, seed: str) -> Iterator[Arrival]:
    """The planned arrivals by time; more follow on the last day for whoever still needs some."""
    days = working_days(FIRST_DAY, LAST_ARRIVAL)
    weights = [_weight(day) for day in days]
    total, wanted = sum(weights), entries / _ENTRIES_EACH
    number, passed = 0, 0.0
    for place, day in enumerate(days):
        passed += weights[place]
        is_last = place == len(days) - 1
        today = round(wanted * passed / total) - number
        moments = sorted(_moment(Draws(f"{seed}/at/{number + n}"), day) for n in range(today))
        for at in moments:
            number += 1
            yield Arrival(at, number)
        while is_last:
            number += 1
            yield Arrival(_moment(Draws(f"{seed}/at/{number}"), day), number)


def _weight(day: date) -> float:
    weight = _WEEK[day.weekday()]
    if _BEFORE_TET[0] <= day <= _BEFORE_TET[1]:
        return weight * 1.4
    return weight * 0.5 if _AFTER_TET[0] <= day <= _AFTER_TET[1] else weight


def _moment(draws: Draws, day: date) -> int:
    hour = draws.weighted(range(7, 22), (3, 9, 10, 8, 4, 1, 4, 9, 8, 4, 1, 1, 1, 2, 1))
    return at_local(day, hour * 60 + draws.whole(0, 59))


def _merged(planned: Iterator[Arrival], office: Year) -> Iterator[Arrival]:
    """Planned arrivals and those that earlier dossiers brought, by time."""
    for arrival in planned:
        while office.waiting and office.waiting[0][0] <= arrival.at:
            yield heappop(office.waiting)[2]
        yield arrival


class Year:
    """Makes dossiers one after another; remembers queues, codes of the day, and what follows."""

    def __init__(self, province: Province, seed: str) -> None:
        self.province = province
        self.seed = seed
        self.queues = DeskQueues()
        self.waiting: list[tuple[int, int, Arrival]] = []
        self._followers = 0
        self._codes: dict[str, int] = {}
        self._codes_of = FIRST_DAY
        self._by_kind: dict[Kind, list[str]] = {}
        for code in CODES:
            kind = valid_on(code, FIRST_DAY).kind
            self._by_kind.setdefault(kind, []).append(code)

    def make(self, arrival: Arrival) -> Made:
        """One dossier, whole."""
        draws = Draws(f"{self.seed}/{arrival.number}/{arrival.earlier}/{arrival.place}")
        procedure, arrival = self._planned(arrival, draws)
        place = arrival.place if arrival.place >= 0 else draws.whole(0, 10**6)
        competent = self.province.competent(procedure.field, procedure.level, place)
        dossier = self._code(competent.head.unit, local_day(arrival.at))
        case = Case(self.seed, dossier, procedure, draws)
        case.outages = self.province.outages
        # Whoever jumps a queue needs one that waits: this one waits, the next jumps.
        is_overtaken = arrival.plant == "queue_jump" and not arrival.officer
        plant = "" if is_overtaken else arrival.plant
        walk = Walk(case, competent, self.province, self.queues, plant, arrival.innocent)
        walk.pinned, walk.overtakes = arrival.officer, arrival.earlier
        walk.applicant_ref = arrival.applicant or f"applicant-{dossier}"
        walk.channel = draws.weighted(("online", "direct", "postal"), (70, 22, 8))
        walk.batch = arrival.batch
        if procedure.kind == "instant" or arrival.plant == "not_digitised":
            walk.channel = "direct"
        if arrival.applicant:
            case.plant("clock_wash", "", other=arrival.earlier)
        at = arrival.at
        if walk.channel != "online":
            at = walk.office.moment(walk.office.worked(at))
        made = follow(walk, at)
        self._follow_up(walk, arrival, place)
        if is_overtaken and walk.waits >= _WAITS_MIN:
            self._wait(
                arrival._replace(
                    at=walk.office.after(walk.taken_at, 10),
                    code=procedure.code,
                    place=place,
                    earlier=case.dossier,
                    officer=walk.officer.id,
                )
            )
        return made

    def _planned(self, arrival: Arrival, draws: Draws) -> tuple[Procedure, Arrival]:
        code = arrival.code
        if not code:
            kind = draws.weighted(tuple(_KINDS), tuple(_KINDS.values()))
            code = draws.one_of(self._by_kind[kind])
        procedure = valid_on(code, local_day(arrival.at))
        if arrival.plant or arrival.innocent or arrival.earlier or procedure.kind == "instant":
            return procedure, arrival
        if draws.chance(_PLANTED):
            fit = [name for name, plant in PLANTS.items() if procedure.kind in plant.kinds]
            chosen = draws.one_of(fit)
            if chosen != "late_first_supplement" or procedure.may_ask_late:
                return procedure, arrival._replace(plant=chosen)
        if draws.chance(_INNOCENT):
            names = DRAWN_LONG if procedure.kind in LONG else DRAWN_INNOCENT
            return procedure, arrival._replace(innocent=draws.one_of(names))
        return procedure, arrival

    def _code(self, unit: str, day: date) -> str:
        """The dossier's code: unit, day of submission, number of that day."""
        if day != self._codes_of:
            self._codes, self._codes_of = {}, day
        number = self._codes[unit] = self._codes.get(unit, 0) + 1
        return f"H99.{unit}-{day:%y%m%d}-{number:04d}"

    def _follow_up(self, walk: Walk, arrival: Arrival, place: int) -> None:
        """A dossier that was withdrawn comes again; a batch has further members."""
        case = walk.case
        again = arrival._replace(
            code=case.procedure.code, place=place, earlier=case.dossier, innocent=""
        )
        if walk.resubmit_at:
            self._wait(again._replace(at=walk.resubmit_at, plant="", applicant=walk.applicant_ref))
        if walk.made_batch is not None:
            for _ in range(_SIBLINGS):
                self._wait(again._replace(batch=walk.made_batch))

    def _wait(self, arrival: Arrival) -> None:
        self._followers += 1
        numbered = arrival._replace(number=-self._followers)
        heappush(self.waiting, (arrival.at, self._followers, numbered))
