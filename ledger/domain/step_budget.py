"""What is left of the budget of the step that a dossier stands in (D15, DOMAIN.md 1.10)."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from ledger.domain.deadlines import CalendarYearError
from ledger.domain.duties_work import HOLDING, office_time
from ledger.domain.duty import DutyCase
from ledger.domain.office_hours import working_time_between


class StepBudget(msgspec.Struct, frozen=True):
    """Working time of the holder's step: allotted, and used so far without waits for others.

    `entry` is the action that published the budget. It is no right to wait (D15).
    """

    step: str
    allotted_seconds: int
    used_seconds: int
    entry: str

    @property
    def left_seconds(self) -> int:
        """What is left; negative where the step took longer."""
        return self.allotted_seconds - self.used_seconds


def step_budget(case: DutyCase) -> StepBudget | None:
    """The budget of the step that is held as at the case's moment.

    None where nobody holds the dossier in a step that has one, and where the calendar or the office
    hours are not known.
    """
    taken = case.of("custody_accepted")
    if not taken or case.state.is_ended or case.calendar is None or case.office is None:
        return None
    step = taken[-1]
    if case.first_after(step, *HOLDING) is not None:
        return None
    budget = case.registry.step(step.after.procedure, step.after.step, step.on)
    if budget is None or not budget.budget_hours:
        return None
    try:
        used = sum(
            (
                working_time_between(start, stop, case.calendar, case.office)
                for start, stop in office_time(case, step.at, case.at)
            ),
            timedelta(),
        )
    except CalendarYearError:
        return None
    allotted = budget.budget_hours * 3600
    return StepBudget(budget.step, allotted, used // timedelta(seconds=1), budget.entry)
