"""The duties L1 to L24 as predicates over a dossier's entries and the registry (DOMAIN.md 1.7).

Pure: the same entries, registry, rules and moment give the same answers. A broken duty is what the
entries show, not anybody's fault: who could have kept it stands in the entries behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from ledger.core.action import Action
from ledger.domain import duties_clock as clock
from ledger.domain import duties_intake as intake
from ledger.domain import duties_result as result
from ledger.domain import duties_work as work
from ledger.domain.duty import Check, DutyCase, DutyResult, added_up
from ledger.domain.registry import Registry
from ledger.domain.rules import Rules

DUTIES: Final[Mapping[str, Callable[[DutyCase], Iterator[Check]]]] = MappingProxyType(
    {
        "L1": intake.slip_issued,
        "L2": intake.decided_in_time,
        "L3": intake.supplement_complete,
        "L4": intake.supplements_capped,
        "L5": intake.through_one_stop,
        "L6": intake.refusal_grounded,
        "L7": intake.transferred_in_time,
        "L8": intake.assigned_in_time,
        "L9": work.handed_over_by_both,
        "L10": work.steps_within_budget,
        "L11": work.consulted_in_order,
        "L12": clock.apologised,
        "L13": clock.extended_with_basis,
        "L14": intake.asked_once,
        "L15": work.digitised,
        "L16": result.fees_as_published,
        "L17": result.ended_with_basis,
        "L18": result.signed_with_authority,
        "L19": work.issued_by_clerk,
        "L20": result.delivery_proved,
        "L21": clock.synchronised,
        "L22": clock.answered_in_time,
        "L23": clock.late_list_reproducible,
        "L24": clock.archived,
    }
)


def check_duties(
    entries: Iterable[tuple[int, Action]], registry: Registry, rules: Rules, at: str
) -> tuple[DutyResult, ...]:
    """The answer to each duty for one dossier as at the instant `at`.

    `entries` are the dossier's actions with their versions, in order; `registry` is what was known.
    """
    case = DutyCase(entries, registry, rules, at)
    imported = case.state.is_imported
    return tuple(added_up(duty, check(case), imported=imported) for duty, check in DUTIES.items())
