"""What the duty predicates share: a dossier's entries folded once, and how answers add up.

A duty is kept, broken, not applicable or indeterminate. Nothing is broken because something cannot
be known: a foreign log leaves things out, a calendar ends, nobody registered who may sign.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from ledger.core.action import Action
from ledger.core.times import add_seconds, parse_instant
from ledger.domain.deadlines import Calendar, CalendarYearError, due_on, local_date
from ledger.domain.dossier_state import EMPTY_DOSSIER, DossierState
from ledger.domain.evolution import evolve
from ledger.domain.office_hours import OfficeHours, office_hours
from ledger.domain.registry import Registry
from ledger.domain.rules import Rules
from ledger.domain.rulesets import Ruleset

Result = Literal["kept", "broken", "not_applicable", "indeterminate"]

END_OF_TIME: Final = "9999-12-31T23:59:59.999999Z"
_ORDER: Final[tuple[Result, ...]] = ("broken", "indeterminate", "kept", "not_applicable")


class Check(msgspec.Struct, frozen=True):
    """One answer: the result, why (a code of `duty_words`), and the action ids behind it."""

    result: Result
    reason: str
    entries: tuple[str, ...]


class DutyResult(msgspec.Struct, frozen=True):
    """A duty of a dossier: its worst answer, every reason for that, and the entries behind it."""

    duty: str
    result: Result
    reasons: tuple[str, ...]
    entries: tuple[str, ...]


class Step(NamedTuple):
    """One entry, and the dossier before and after it.

    `name` is its type without kind and version: `custody_offered`.
    """

    version: int
    name: str
    action: Action
    before: DossierState
    after: DossierState

    @property
    def at(self) -> str:
        """When it happened."""
        return self.action.occurred_at.at

    @property
    def on(self) -> str:
        """The local day when it happened."""
        return local_date(self.at).isoformat()

    @property
    def id(self) -> str:
        """The action's id."""
        return self.action.id


class DutyCase:
    """A dossier as at the instant `at`, with the rules and the registry that apply to it."""

    def __init__(
        self,
        entries: Iterable[tuple[int, Action]],
        registry: Registry,
        rules: Rules,
        at: str,
    ) -> None:
        steps = []
        by_name: dict[str, list[Step]] = {}
        state = EMPTY_DOSSIER
        for version, action in entries:
            after = evolve(state, action, version)
            step = Step(version, action.type.split(".")[1], action, state, after)
            steps.append(step)
            by_name.setdefault(step.name, []).append(step)
            state = after
        self.steps: Sequence[Step] = steps
        self._by_name = by_name
        self.state = state
        self.registry = registry
        self.at = at
        begun = state.accepted_at or state.begun_at
        day = local_date(begun).isoformat() if begun else ""
        self.ruleset: Ruleset | None = (
            rules.rulesets.get(state.ruleset) if state.ruleset else rules.ruleset_on(day)
        )
        known = rules.knowing(registry.calendars)
        self.calendar: Calendar | None = known.calendar(state.calendar, day)
        self.office: OfficeHours | None = (
            office_hours(self.ruleset.office_hours.value) if self.ruleset else None
        )

    def of(self, *names: str) -> list[Step]:
        """The steps of these names, by version."""
        found = [step for name in names for step in self._by_name.get(name, ())]
        return sorted(found, key=_version) if len(names) > 1 else found

    def first_after(self, step: Step, *names: str) -> Step | None:
        """The first step of these names behind `step`."""
        return next((s for s in self.of(*names) if s.version > step.version), None)

    def end_of_day_after(self, start: str, working_days: int, cutoff: str = "") -> str:
        """The end of the n-th working day after a receipt; "" where the calendar cannot say."""
        if self.calendar is None:
            return ""
        try:
            return due_on(parse_instant(start), working_days, self.calendar, cutoff).at
        except CalendarYearError:
            return ""

    def in_time(self, begun: Step, by: str, done: Step | None, reason: str) -> Check:
        """Whether what `begun` asks for was done by an instant ("" = it cannot be known when).

        Time in which systems did not work is nobody's fault (E66): the time to do it stands still
        meanwhile, and what was done in what is then left cannot be said to be late.
        """
        entries = (begun.id, done.id) if done else (begun.id,)
        if done is not None and (not by or done.at <= by):
            return Check("kept", "in_time", entries) if by else unknown("no_rule", *entries)
        if not by:
            return unknown("no_rule", *entries)
        if done is None and self.at <= by:
            return Check("not_applicable", "not_due", entries)
        end = done.at if done else self.at
        down = self.down(begun.at, end)
        if down and end <= _postponed(begun.at, by, down):
            return unknown("outage", *entries, *(entry for _, _, entry in down))
        return Check("broken", reason, entries)

    def down(self, start: str, end: str) -> list[tuple[str, str, str]]:
        """The stretches between two instants in which a system did not work: from, to, entry.

        They do not overlap: what two outages cover counts once.
        """
        found = []
        since = start
        for outage in self.registry.outages(start, end):
            since, until = max(since, outage.from_at), min(outage.to_at, end)
            if since < until:
                found.append((since, until, outage.entry))
                since = until
        return found


def _version(step: Step) -> int:
    return step.version


def _postponed(start: str, by: str, down: Iterable[tuple[str, str, str]]) -> str:
    """The instant `by` if the time from `start` to it stands still while systems are down."""
    left, since = seconds_between(start, by), start
    for begins, ends, _ in down:
        running = seconds_between(since, begins)
        if running >= left:
            break
        left, since = left - running, ends
    return seconds_after(since, left)


def seconds_between(start: str, end: str) -> float:
    """Seconds from one instant to another."""
    return (parse_instant(end) - parse_instant(start)).total_seconds()


def seconds_after(instant: str, seconds: float) -> str:
    """The instant so many seconds later; where time ends, its end."""
    try:
        return add_seconds(instant, seconds)
    except OverflowError:
        return END_OF_TIME


def kept(reason: str, *entries: str) -> Check:
    """The duty was done."""
    return Check("kept", reason, entries)


def broken(reason: str, *entries: str) -> Check:
    """The duty was not done."""
    return Check("broken", reason, entries)


def unknown(reason: str, *entries: str) -> Check:
    """It cannot be known."""
    return Check("indeterminate", reason, entries)


def kept_if(condition: object, good: str, bad: str, *entries: str) -> Check:
    """Kept where the condition holds, else broken."""
    return Check("kept", good, entries) if condition else Check("broken", bad, entries)


def added_up(duty: str, checks: Iterable[Check], *, imported: bool) -> DutyResult:
    """The worst of the answers to a duty. In a foreign log nothing is broken: it leaves things out.

    Without any answer the duty does not apply.
    """
    found = [
        msgspec.structs.replace(check, result="indeterminate", reason="foreign_log")
        if imported and check.result == "broken"
        else check
        for check in checks
    ]
    for result in _ORDER:
        same = [check for check in found if check.result == result]
        if same:
            reasons = tuple(dict.fromkeys(check.reason for check in same))
            entries = tuple(dict.fromkeys(entry for check in same for entry in check.entries))
            return DutyResult(duty, result, reasons, entries)
    return DutyResult(duty, "not_applicable", ("nothing_to_check",), ())
