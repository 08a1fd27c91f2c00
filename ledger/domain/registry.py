"""The registry as entries tell it (E60 to E66): every question is answered "as valid then".

A fact holds from its day of validity (the day it occurred, where it names none) until the next of
its kind; of two with the same day the one recorded later holds. Only what was recorded by some
moment is known then: whoever asks chooses the entries, the registry chooses by day. Each answer
names the action that says so. What nobody registered is unknown, never wrong: None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from ledger.core.action import Action, plain_id
from ledger.domain.calendars import PublishedCalendar, calendar_id, published_calendar
from ledger.domain.deadlines import local_date

FOREVER: Final = "9999-12-31"
SUCCESSIONS_MAX: Final = 50
"""A chain of mergers longer than this is a circle."""


class Fact(NamedTuple):
    """What one entry says: valid from a day on, by the action `entry`; `data` as recorded."""

    from_on: str
    kind: str
    entry: str
    data: Mapping[str, Any]


class Post(msgspec.Struct, frozen=True):
    """Where an officer works from `from_on`."""

    unit: str
    post: str
    from_on: str
    entry: str


class Delegation(msgspec.Struct, frozen=True):
    """An officer may act for `on_behalf_of` in a capacity, both days included."""

    officer: str
    delegation_id: str
    on_behalf_of: str
    capacity: str
    from_on: str
    to_on: str
    entry: str


class UnitThen(msgspec.Struct, frozen=True):
    """A unit on a day; `successor` is the unit that has its tasks then, "" where it has them."""

    name: str
    level: str
    parent: str
    successor: str
    entry: str


class FeeThen(NamedTuple):
    """One published amount of a kind, in đồng (L16)."""

    kind: str
    amount: int


class ProcedureThen(msgspec.Struct, frozen=True):
    """The version of a procedure in force on a day; `duration_days` are working days."""

    version: int
    duration_days: int
    components: tuple[str, ...]
    fees: tuple[FeeThen, ...]
    entry: str


class StepThen(msgspec.Struct, frozen=True):
    """One step of an internal process, its budget in working hours (D15)."""

    step: str
    unit: str
    role: str
    budget_hours: int
    entry: str


class Outage(msgspec.Struct, frozen=True):
    """Systems that did not work from an instant until another, "~" where they still do not."""

    systems: tuple[str, ...]
    from_at: str
    to_at: str
    entry: str


class Registry:
    """The facts of all registry streams; made by `build_registry`, changed by nothing."""

    def __init__(self, facts: Mapping[str, tuple[Fact, ...]]) -> None:
        self._facts = facts
        self._streams: dict[str, list[str]] = {}
        for stream in facts:
            self._streams.setdefault(stream.partition(":")[0], []).append(stream)

    def _of(self, kind: str, plain: str, *names: str) -> list[Fact]:
        found = self._facts.get(f"{kind}:{plain}", ())
        return [fact for fact in found if fact.kind in names]

    def _every(self, kind: str, name: str) -> list[Fact]:
        """The facts of one name in every stream of a kind."""
        return [
            fact
            for stream in self._streams.get(kind, ())
            for fact in self._facts[stream]
            if fact.kind == name
        ]

    def _on(self, kind: str, plain: str, on: str, *names: str) -> Fact | None:
        """The fact of these names that holds on a day: the last one that begins by then."""
        begun = [fact for fact in self._of(kind, plain, *names) if fact.from_on <= on]
        return begun[-1] if begun else None

    # Officers (E60)

    def knows_officer(self, officer: str) -> bool:
        """Whether anybody ever registered the officer."""
        return bool(self._of("officer", officer, "registered"))

    def post(self, officer: str, on: str) -> Post | None:
        """The unit and post of an officer on a day."""
        fact = self._on("officer", officer, on, "registered", "moved")
        if fact is None:
            return None
        data = fact.data
        return Post(data["unit"], data.get("post", ""), fact.from_on, fact.entry)

    def absence(self, officer: str, on: str) -> str:
        """The action that says that the officer is absent on a day, or ""."""
        found = self._of("officer", officer, "absence_registered")
        return next((f.entry for f in found if f.data["from_on"] <= on <= f.data["to_on"]), "")

    def delegations(self, officer: str, on: str) -> tuple[Delegation, ...]:
        """For whom an officer may act on a day."""
        revoked = {
            fact.data["delegation_id"]: fact.data["from_on"]
            for fact in self._of("officer", officer, "delegation_revoked")
        }
        found = []
        for fact in self._of("officer", officer, "delegation_granted"):
            data = fact.data
            name, last = data["delegation_id"], data.get("to_on", FOREVER)
            if data["from_on"] <= on <= last and on < revoked.get(name, FOREVER):
                behalf, capacity = data["on_behalf_of"], data["capacity"]
                found.append(
                    Delegation(officer, name, behalf, capacity, data["from_on"], last, fact.entry)
                )
        return tuple(found)

    # Units (E61)

    def unit(self, unit: str, on: str) -> UnitThen | None:
        """A unit on a day: its name then, and who has its tasks."""
        created = self._on("unit", unit, on, "created")
        if created is None:
            return None
        named = self._on("unit", unit, on, "created", "renamed") or created
        gone = self._on("unit", unit, on, "merged", "succeeded")
        return UnitThen(
            named.data["name"],
            created.data.get("level", ""),
            created.data.get("parent", ""),
            self.responsible(unit, on) if gone else "",
            (gone or named).entry,
        )

    def responsible(self, unit: str, on: str) -> str:
        """The unit that has the tasks of `unit` on a day, through every merger until then."""
        for _ in range(SUCCESSIONS_MAX):
            gone = self._on("unit", unit, on, "merged", "succeeded")
            if gone is None:
                break
            unit = gone.data.get("into") or gone.data["successor"]
        return unit

    # Procedures (E62, E63) and authority (E64)

    def procedure(self, code: str, on: str) -> ProcedureThen | None:
        """The version in force on a day: the newest that was published and is not retired."""
        retired = {
            fact.data["version"]: fact.data.get("from_on", fact.from_on)
            for fact in self._of("procedure", code, "version_retired")
        }
        in_force = [
            fact
            for fact in self._of("procedure", code, "version_published")
            if fact.from_on <= on < retired.get(fact.data["version"], FOREVER)
        ]
        return _procedure(in_force[-1]) if in_force else None

    def procedure_version(self, code: str, version: int) -> ProcedureThen | None:
        """A version that a dossier names, in force or not."""
        for fact in reversed(self._of("procedure", code, "version_published")):
            if fact.data["version"] == version:
                return _procedure(fact)
        return None

    def steps(self, code: str, on: str) -> tuple[StepThen, ...]:
        """The internal process of a procedure on a day; empty where none is published."""
        fact = self._on("procedure", code, on, "internal_process_version_published")
        if fact is None:
            return ()
        return tuple(
            StepThen(
                step["step"],
                step.get("unit", ""),
                step.get("role", ""),
                step.get("budget_hours", 0),
                fact.entry,
            )
            for step in fact.data["steps"]
        )

    def step(self, code: str, name: str, on: str) -> StepThen | None:
        """One step of the internal process."""
        return next((step for step in self.steps(code, on) if step.step == name), None)

    def may(self, procedure: str, unit: str, post: str, power: str, on: str) -> bool | None:
        """Whether a post of a unit has a power over a procedure on a day; None without a matrix.

        Of several matrices each authority's own holds; a rule of any of them is enough.
        """
        authorities = [s.partition(":")[2] for s in self._streams.get("authority", ())]
        found = [self._on("authority", name, on, "matrix_published") for name in authorities]
        rules = [rule for matrix in found if matrix for rule in matrix.data["rules"]]
        wanted = {"procedure": procedure, "unit": unit, "post": post, "may": power}
        return wanted in rules if any(found) else None

    # Calendars (E65) and systems (E66)

    @cached_property
    def calendars(self) -> tuple[PublishedCalendar, ...]:
        """What was published of every calendar, each one's versions by the day they begin.

        A version that does not name the stream that it is published in is no calendar's.
        """
        return tuple(
            published_calendar(fact.data, fact.from_on, fact.entry)
            for stream in self._streams.get("calendar", ())
            for fact in self._facts[stream]
            if fact.kind == "published"
            and calendar_id(fact.data["version"]) == stream.partition(":")[2]
        )

    def outages(self, from_at: str, to_at: str) -> tuple[Outage, ...]:
        """The outages of any system that overlap the time between two instants."""
        found = []
        for fact in self._every("system", "outage_declared"):
            data = fact.data
            until = data.get("to_at", "~")
            if data["from_at"] < to_at and from_at < until:
                found.append(Outage(tuple(data["systems"]), data["from_at"], until, fact.entry))
        return tuple(sorted(found, key=lambda outage: (outage.from_at, outage.entry)))


def _procedure(fact: Fact) -> ProcedureThen:
    data = fact.data
    return ProcedureThen(
        data["version"],
        data.get("duration_days", 0),
        tuple(data.get("components", ())),
        tuple(FeeThen(fee["kind"], fee["amount"]) for fee in data.get("fees", ())),
        fact.entry,
    )


def build_registry(actions: Iterable[Action]) -> Registry:
    """The registry that these actions give; those of one stream come in the order of versions."""
    facts: dict[str, list[Fact]] = {}
    for action in actions:
        kind, _, rest = action.type.partition(".")
        if kind in {"dossier", "ledger", "inspection"}:
            continue
        day = action.data.get("valid_from_on") or local_date(action.occurred_at.at).isoformat()
        name = rest.rpartition(".")[0]
        stream = f"{kind}:{plain_id(action.stream)}"
        facts.setdefault(stream, []).append(Fact(day, name, action.id, action.data))
    # A stable sort: of two facts with the same day the one recorded later stays behind.
    return Registry(
        MappingProxyType(
            {s: tuple(sorted(found, key=lambda f: f.from_on)) for s, found in facts.items()}
        )
    )


def budget_excess_hours(steps: Iterable[StepThen], duration_days: int, hours_a_day: int = 8) -> int:
    """Working hours by which the budgets of the steps exceed the statutory time (D15); 0 or more.

    Provincial systems store durations in hours, eight to the day (D3).
    """
    return max(0, sum(step.budget_hours for step in steps) - duration_days * hours_a_day)
