"""The generated province: units, officers, absences, outages (G1). Every name is invented (G8).

At full size it has 60 communes with six officers each, 12 departments with three, and the
provincial centre with four: 400 officers. A smaller run has fewer of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple

from consumers.generate.draws import Draws
from consumers.generate.office_time import OFFICES, Office, at_local, working_day_after
from ledger.core.action import Actor

COMMUNES: Final = 60
DEPARTMENTS: Final = 12
ENTRIES_PER_COMMUNE: Final = 500
"""A commune for so many entries, up to 60: an office is never without work."""

CENTRE: Final = "tt-pvhcc"
_LOOKAHEAD: Final = timedelta(days=21)
_MARGIN: Final = timedelta(days=14)

_FAMILY: Final = ("Kha", "Mạc", "Sầm", "Tôn", "Cao", "Lều", "Ngạc", "Vi", "Thạch", "Đàm")
_MIDDLE: Final = ("Bạch", "Trúc", "Hương", "Thiên", "Vọng", "Minh", "Lam", "Yên", "Sơn", "Thủy")
_GIVEN: Final = ("Dương", "Viên", "Trầm", "Hải", "Nguyệt", "Khê", "Lý", "Cầm", "Phong", "Mây")


class Officer(NamedTuple):
    """An officer: account, unit, post; `name` is recorded sealed."""

    id: str
    unit: str
    post: str
    name: str

    @property
    def actor(self) -> Actor:
        """The officer as an action names them."""
        return Actor(kind="officer", id=self.id, unit=self.unit, post=self.post)


class Unit(NamedTuple):
    """A unit as the registry has it."""

    id: str
    name: str
    level: str
    parent: str


class Competent(NamedTuple):
    """Everybody whom one dossier passes: desk, head who assigns, officers, signatory, clerk."""

    place: int
    office: Office
    calendar: str
    desk: Officer
    head: Officer
    officers: tuple[Officer, ...]
    signer: Officer
    clerk: Officer


class Outage(NamedTuple):
    """A declared outage of the portal's interface, in minutes since 1970 (E66)."""

    begins: int
    ends: int


class Absence(NamedTuple):
    """A registered leave: officer, first and last day (E60)."""

    officer: str
    first: date
    last: date


def _name(place: int) -> str:
    family, rest = divmod(place * 7 + 3, 100)
    middle, given = _MIDDLE[rest // 10], _GIVEN[(rest + place) % 10]
    return f"{_FAMILY[(family + rest) % 10]} {middle} {given} (mô phỏng)"


class Delegation(NamedTuple):
    """Who may sign for whom, from the day to the day (E60)."""

    officer: str
    on_behalf_of: str
    first: date
    last: date


class Province:
    """Who works where; the same for the same number of entries and seed."""

    def __init__(self, entries: int, seed: str) -> None:
        communes = max(2, min(COMMUNES, entries // ENTRIES_PER_COMMUNE))
        departments = max(2, min(DEPARTMENTS, communes // 5))
        self.units: list[Unit] = [Unit("tinh-may", "Tỉnh Mây (mô phỏng)", "province", "")]
        self.officers: list[Officer] = []
        self.communes = tuple(self._commune(n) for n in range(communes))
        self._unit(CENTRE, "Trung tâm Phục vụ hành chính công tỉnh", "department", "tinh-may")
        desks = [self._officer(f"tt.quay{n}", CENTRE, "intake-officer") for n in (1, 2)]
        clerks = [self._officer(f"tt.vanthu{n}", CENTRE, "clerk") for n in (1, 2)]
        self.departments = tuple(
            self._department(n, desks[n % 2], clerks[n % 2]) for n in range(departments)
        )
        draws = Draws(f"{seed}/province")
        self.outages = tuple(self._outages(draws))
        self.absences = tuple(self._absences(draws))
        self.delegations = tuple(self._delegations())
        self._leaves = {absence.officer: absence for absence in self.absences}

    def competent(self, field: str, level: str, place: int) -> Competent:
        """Who is competent: a commune by its place, or the department of the field."""
        if level == "commune":
            return self.communes[place % len(self.communes)]
        return self.departments[sum(map(ord, field)) % len(self.departments)]

    def is_away(self, officer: Officer, day: date, lookahead: timedelta = _LOOKAHEAD) -> bool:
        """Whether an officer is on leave on a day, or will be before a dossier could be done."""
        found = self._leaves.get(officer.id)
        return found is not None and day <= found.last and found.first <= day + lookahead

    def _unit(self, unit: str, name: str, level: str, parent: str) -> None:
        self.units.append(Unit(unit, f"{name} (mô phỏng)", level, parent))

    def _officer(self, account: str, unit: str, post: str) -> Officer:
        made = Officer(account, unit, post, _name(len(self.officers)))
        self.officers.append(made)
        return made

    def _commune(self, number: int) -> Competent:
        unit, short = f"xa-{number + 1:02}", f"xa{number + 1:02}"
        self._unit(unit, f"Ủy ban nhân dân xã Mây {number + 1}", "commune", "tinh-may")
        self._unit(f"{unit}.mc", f"Bộ phận Một cửa xã Mây {number + 1}", "department", unit)
        return Competent(
            number,
            OFFICES[number % len(OFFICES)],
            f"office-{number % len(OFFICES) + 1}",
            self._officer(f"{short}.motcua", f"{unit}.mc", "intake-officer"),
            self._officer(f"{short}.chutich", unit, "chair"),
            (
                self._officer(f"{short}.thuly1", unit, "case-officer"),
                self._officer(f"{short}.thuly2", unit, "case-officer"),
            ),
            self._officer(f"{short}.pct", unit, "vice-chair"),
            self._officer(f"{short}.vanthu", unit, "clerk"),
        )

    def _department(self, number: int, desk: Officer, clerk: Officer) -> Competent:
        unit, short = f"so-{number + 1:02}", f"so{number + 1:02}"
        self._unit(unit, f"Sở Mây {number + 1}", "department", "tinh-may")
        head = self._officer(f"{short}.truong", unit, "head")
        officers = tuple(self._officer(f"{short}.thuly{n}", unit, "case-officer") for n in (1, 2))
        place = number % len(OFFICES)
        calendar = f"office-{place + 1}"
        return Competent(
            COMMUNES + number, OFFICES[place], calendar, desk, head, officers, head, clerk
        )

    def _outages(self, draws: Draws) -> Iterator[Outage]:
        """Four declared outages of the portal, an afternoon and a night each."""
        for month, year in ((8, 2025), (10, 2025), (12, 2025), (3, 2026)):
            begins = at_local(date(year, month, draws.whole(5, 20)), 13 * 60)
            yield Outage(begins, begins + draws.whole(12, 20) * 60)

    def _absences(self, draws: Draws) -> Iterator[Absence]:
        """Each case officer is away for some days once; the others stand in."""
        for competent in (*self.communes, *self.departments):
            for officer in competent.officers:
                first = working_day_after(date(2025, 8, 1), draws.whole(0, 150))
                yield Absence(officer.id, first, working_day_after(first, draws.whole(2, 9)))
        for competent in self.communes:
            first = working_day_after(date(2025, 9, 1), draws.whole(0, 120))
            yield Absence(competent.signer.id, first, working_day_after(first, draws.whole(3, 6)))

    def _delegations(self) -> Iterator[Delegation]:
        """While a commune's signatory is away its head signs for them."""
        away = {absence.officer: absence for absence in self.absences}
        for competent in self.communes:
            signer, head = competent.signer.id, competent.head.id
            absence = away[signer]
            yield Delegation(head, signer, absence.first - _MARGIN, absence.last + _MARGIN)
