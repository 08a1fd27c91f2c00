"""What is true of a generated dossier: one JSON line for each, beside the actions (G6)."""

from __future__ import annotations

from itertools import pairwise

import msgspec

from consumers.generate.office_time import instant


class TrueInterval(msgspec.Struct, frozen=True):
    """Who held the dossier, from which minute to which; `officer` "" where it was nobody."""

    kind: str
    officer: str
    unit: str
    from_at: str
    to_at: str


class TrueClocks(msgspec.Struct, frozen=True):
    """Minutes as at the dossier's last action: open (`gross` = office + applicant + external), and
    closed after its end."""

    gross: int
    office: int
    applicant: int
    external: int
    closed: int


class Label(msgspec.Struct, frozen=True, omit_defaults=True):
    """A planted behaviour or an innocent look-alike: its name, who, and what shows it."""

    name: str
    officer: str = ""
    actions: tuple[str, ...] = ()
    other_dossier: str = ""


class DutyBreach(msgspec.Struct, frozen=True):
    """A duty that was broken on purpose, and the actions behind it; none for what is missing."""

    duty: str
    actions: tuple[str, ...] = ()


class DossierTruth(msgspec.Struct, frozen=True):
    """Everything that is known of one dossier."""

    dossier: str
    procedure: str
    version: int
    kind: str
    outcome: str
    actions: int
    custody: tuple[TrueInterval, ...]
    clocks: TrueClocks
    behaviours: tuple[Label, ...]
    innocent: tuple[Label, ...]
    breaches: tuple[DutyBreach, ...]


class TruthHead(msgspec.Struct, frozen=True):
    """The first line of a truth file: what it was made from."""

    seed: str
    entries: int


class CustodyTruth:
    """Keeps custody while a dossier is made, by what the office knows: who took it, who gave it.

    Until the first offer the office itself has no hand-over to name: then it is whoever acts, from
    the first to the last of a run, and nobody between runs (DOMAIN.md section 4).
    """

    def __init__(self) -> None:
        self._done: list[tuple[str, str, str, int, int]] = []
        self._kind, self._officer, self._unit = "unattributed", "", ""
        self._since = self._last = -1
        self._two_sided = False
        self._giver = ("", "")

    def acted(self, at: int, officer: str, unit: str) -> None:
        """Somebody worked on the dossier; `officer` is "" for everybody who is none."""
        if self._since < 0:
            self._begin("held" if officer else "unattributed", officer, unit, at)
        elif not self._two_sided and officer != self._officer:
            # Nobody has it in hand between the last act of one and the first of another.
            if self._officer and (at > self._last or not officer):
                self._switch("unattributed", "", "", self._last)
            if officer:
                self._switch("held", officer, unit, at)
        self._last = max(self._last, at)

    def closed(self, ended: int, at: int, officer: str, unit: str) -> None:
        """Something came after the end: the dossier is in nobody's hand any more."""
        if not self._two_sided:
            self.acted(at, officer, unit)
            return
        if self._kind != "closed":
            self._switch("closed", "", "", ended)
        self._last = max(self._last, at)

    def offered(self, at: int, officer: str, unit: str, to_unit: str) -> None:
        """The holder gives it out of hand."""
        self.acted(at, officer, unit)
        self._two_sided, self._giver = True, (officer, unit)
        self._switch("in_transit", "", to_unit, at)

    def taken(self, at: int, officer: str, unit: str) -> None:
        """The receiver has it."""
        self._switch("held", officer, unit, at)

    def rejected(self, at: int) -> None:
        """The receiver sends it back to the giver."""
        self._switch("held", *self._giver, at)

    def intervals(self) -> tuple[TrueInterval, ...]:
        """All intervals up to the last act."""
        last = (self._kind, self._officer, self._unit, self._since, self._last)
        return tuple(
            TrueInterval(kind, officer, unit, instant(begun), instant(ended))
            for kind, officer, unit, begun, ended in (*self._done, last)
        )

    def _begin(self, kind: str, officer: str, unit: str, at: int) -> None:
        self._kind, self._officer = kind, officer
        self._unit = unit if kind != "unattributed" else ""
        self._since = self._last = at

    def _switch(self, kind: str, officer: str, unit: str, at: int) -> None:
        self._done.append((self._kind, self._officer, self._unit, self._since, at))
        self._begin(kind, officer, unit, at)


class ClockTruth:
    """Keeps whose time passes while a dossier is made."""

    def __init__(self) -> None:
        self._waits: dict[str, list[list[int]]] = {"applicant": [], "external": []}
        self.begun = self.ended = -1

    def begins(self, whose: str, at: int) -> None:
        """Somebody is waited for."""
        self._waits[whose].append([at, -1])

    def ends(self, whose: str, at: int) -> None:
        """The oldest open wait for them is over."""
        next(item for item in self._waits[whose] if item[1] < 0)[1] = at

    def clocks(self, last: int) -> TrueClocks:
        """The clocks as at the minute `last`; where both are waited for it is the applicant's."""
        ended = self.ended if self.ended >= 0 else last
        passed = {"applicant": 0, "external": 0, "": 0}
        marks = sorted({self.begun, ended, *self._marks(ended)})
        for begun, over in pairwise(marks):
            passed[self._waited_for(begun)] += over - begun
        return TrueClocks(
            ended - self.begun, passed[""], passed["applicant"], passed["external"], last - ended
        )

    def _marks(self, ended: int) -> list[int]:
        found = [mark for waits in self._waits.values() for wait in waits for mark in wait]
        return [mark for mark in found if self.begun < mark < ended]

    def _waited_for(self, at: int) -> str:
        for whose in ("applicant", "external"):
            if any(begun <= at and (over < 0 or at < over) for begun, over in self._waits[whose]):
                return whose
        return ""
