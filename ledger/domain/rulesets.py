"""Rule sets: what the law sets for a time, as data with its legal basis (DOMAIN.md 1.1, 1.6).

A dossier is pinned to a rule set by its acceptance (E06); a later one never moves its due date. The
sources are secondary: each parameter says how sure it is, and a lawyer confirms it.
"""

from __future__ import annotations

import tomllib
from datetime import date
from typing import Generic, Literal, TypeVar

import msgspec

from ledger.domain.deadlines import CutoffEffect
from ledger.domain.fields import Count, LocalTime, Text
from ledger.domain.office_hours import office_hours

T = TypeVar("T")

ClockMode = Literal["pause", "restart"]
SilenceEffect = Literal["deemed_agreed", "proceed_with_note", "blocks"]
DueEnd = Literal["midnight", "office_close"]


class RulesetError(ValueError):
    """The text is no rule set; the message names the parameter."""


class Rule(msgspec.Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    """One parameter: its value, where it comes from, and how sure that is."""

    value: T
    legal_basis: tuple[Text, ...]
    certainty: Literal["high", "medium", "low"]


class Ruleset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parameters of D2 to D15 and of the duties, from `valid_from_on` until the next set."""

    name: Text
    title: Text
    valid_from_on: str
    due_end: Rule[DueEnd]
    """D2: when the last day ends."""
    office_hours: Rule[tuple[tuple[LocalTime, LocalTime], ...]]
    """D3: the office's intervals, local."""
    cutoff: Rule[LocalTime]
    cutoff_effect: Rule[CutoffEffect]
    """D4: a receipt at or after `cutoff`, and what it changes."""
    check_days: Rule[Count]
    guide_days: Rule[Count]
    recheck_days: Rule[Count]
    """D5: working days for the slip, for the written guidance, after the resubmission."""
    supplements_per_stage: Rule[Count]
    """D6, L4: how often a stage may ask; 0 = no cap."""
    supplement_clock: Rule[ClockMode]
    """D7: how the due date moves after a supplement that names no mode of its own."""
    payment_clock: Rule[Literal["pause", "runs"]]
    """D8: the clock between notice and payment."""
    silence_effect: Rule[SilenceEffect]
    """D9: an agency that does not answer, where the question names no effect of its own."""
    apology_days_before: Rule[Count]
    reappointments: Rule[Count]
    """D10, L12: how many working days before expiry, and how often."""
    assign_hours: Rule[Count]
    """L8: office hours from arrival in the unit to assignment."""
    sync_minutes: Rule[Count]
    """L21: minutes until a changed status stands in the national portal."""
    answer_days: Rule[Count]
    """L22: working days to answer feedback or a complaint that names no day of its own."""
    archive_days: Rule[Count]
    """L24: calendar days after the end to hand the file to the archive."""


def decode_ruleset(text: str) -> Ruleset:
    """The rule set in a TOML text; raises `RulesetError`."""
    try:
        found = msgspec.convert(tomllib.loads(text), Ruleset)
        date.fromisoformat(found.valid_from_on)
        office_hours(found.office_hours.value)
    except ValueError as error:  # TOML, types, dates and hours: each says what is wrong
        raise RulesetError(str(error)) from error
    return found
