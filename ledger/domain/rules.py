"""The rules that decisions depend on beside the dossier: calendars and rule sets, by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from ledger.core.times import format_instant
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
    """Calendars by version and rule sets by name, and the calendar of those that name none."""

    calendars: Mapping[str, Calendar]
    default_calendar: str
    rulesets: Mapping[str, Ruleset]

    def calendar(self, version: str) -> Calendar | None:
        """The calendar that a dossier is pinned to; None where it is not known here."""
        return self.calendars.get(version or self.default_calendar)

    def pinned(self, ruleset: str, calendar: str) -> Pinned | None:
        """What a dossier is pinned to; None where either is not known here: nothing is guessed."""
        found = self.calendar(calendar)
        if found is None or (ruleset and ruleset not in self.rulesets):
            return None
        return Pinned(found, self.rulesets.get(ruleset))

    def ruleset_on(self, day: str) -> Ruleset | None:
        """The rule set in force on a day (`YYYY-MM-DD`); None before the first."""
        begun = [item for item in self.rulesets.values() if item.valid_from_on <= day]
        return max(begun, key=lambda item: item.valid_from_on, default=None)
