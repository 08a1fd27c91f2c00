"""The rules that decisions depend on beside the dossier: calendars and rule sets, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from ledger.core.times import format_instant
from ledger.domain.calendars import PublishedCalendar, calendar_id, data_hash
from ledger.domain.deadlines import LOCAL, Calendar, DueDate
from ledger.domain.office_hours import OfficeHours, office_hours
from ledger.domain.rulesets import Ruleset


class Pinned(NamedTuple):
    """The calendar and the rule set of one dossier; no rule set = working days and nothing more."""

    calendar: Calendar
    ruleset: Ruleset | None

    @property
    def office(self) -> OfficeHours | None:
        """The office's hours, where a rule set gives them (D3)."""
        return office_hours(self.ruleset.office_hours.value) if self.ruleset else None

    def end_of(self, due: DueDate) -> str:
        """The instant at which the due date ends: midnight, or the office's closing (D2)."""
        if self.ruleset is None or self.ruleset.due_end.value == "midnight":
            return due.at
        office = office_hours(self.ruleset.office_hours.value)
        return format_instant(datetime.combine(due.on, office.closing, LOCAL))


class Rules(msgspec.Struct, frozen=True):
    """Calendars by version and rule sets by name, and the calendar of those that name none.

    `published` is what entries say of calendars (E65); what they do not say is as shipped.
    """

    calendars: Mapping[str, Calendar]
    default_calendar: str
    rulesets: Mapping[str, Ruleset]
    published: tuple[PublishedCalendar, ...] = ()

    def knowing(self, published: Iterable[PublishedCalendar]) -> Rules:
        """The same rules with these calendars of entries, each one's by the day they begin."""
        return replace(self, published=tuple(published))

    def calendar(self, version: str, on: str) -> Calendar | None:
        """The calendar of a version; without one the default as valid on the day `on`.

        None where it is not known here. What an entry published later under the same version holds.
        """
        if not version:
            own = calendar_id(self.default_calendar)
            begun = [item for item in self.published if item.from_on <= on]
            versions = [item.version for item in begun if calendar_id(item.version) == own]
            version = versions[-1] if versions else self.default_calendar
        shipped = self.calendars.get(version)
        entry = next((item for item in reversed(self.published) if item.version == version), None)
        if entry is None:
            return shipped
        if entry.calendar is None and shipped and entry.data_hash in {"", data_hash(shipped)}:
            return shipped
        return entry.calendar

    def pinned(self, ruleset: str, calendar: str, on: str) -> Pinned | None:
        """What a dossier that began on a day is pinned to; None where either is not known here:
        nothing is guessed."""
        found = self.calendar(calendar, on)
        if found is None or (ruleset and ruleset not in self.rulesets):
            return None
        return Pinned(found, self.rulesets.get(ruleset))

    def ruleset_on(self, day: str) -> Ruleset | None:
        """The rule set in force on a day (`YYYY-MM-DD`); None before the first."""
        begun = [item for item in self.rulesets.values() if item.valid_from_on <= day]
        return max(begun, key=lambda item: item.valid_from_on, default=None)
