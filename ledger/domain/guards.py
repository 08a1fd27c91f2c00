"""Guards of the state machine (DOMAIN.md 1.10): a breach is recorded and found, never refused.

Only native entries are judged: what a foreign log leaves out says nothing about the office. That
custody changes by offer and acceptance alone needs no guard: an acceptance without an open offer is
impossible, and custody that is only inferred is marked so.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from ledger.core.action import Action
from ledger.core.findings import Finding, Verdict
from ledger.domain.deadlines import local_date
from ledger.domain.dossier_state import ENDS, PORTAL_STATUS, Breach, DossierState

_EVERY: Final = frozenset(PORTAL_STATUS)
_GOING_ON: Final = frozenset(
    {"accepted", "processing", "appraisal_supplement", "awaiting_payment", "done"}
)
_BEFORE: Final = frozenset({"unknown", "submitted", "intake_supplement"})
_IN_WORK: Final = _GOING_ON - {"done"}

_DELIVERABLE: Final = frozenset({"done"})
"""An instant procedure is delivered from others, too, on the day of its acceptance."""

FROM: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "dossier.submitted.v1": frozenset({"unknown"}),
        "dossier.intake_checked.v1": _BEFORE,
        "dossier.accepted.v1": _BEFORE,
        # A check that found it out of scope has ended it already; the refusal says so in writing.
        "dossier.refused.v1": _BEFORE | {"refused"},
        "dossier.supplement_requested.v1": _BEFORE | _IN_WORK,
        "dossier.assigned.v1": _EVERY - ENDS,
        "dossier.reassigned.v1": _EVERY - ENDS,
        "dossier.appraisal_recorded.v1": _IN_WORK,
        "dossier.draft_submitted.v1": _IN_WORK,
        "dossier.approved.v1": _IN_WORK,
        "dossier.signed.v1": _IN_WORK,
        "dossier.result_numbered.v1": _IN_WORK,
        "dossier.result_issued.v1": _IN_WORK,
        "dossier.negative_decision_issued.v1": _IN_WORK,
        "dossier.returned_to_result_desk.v1": _IN_WORK,
        "dossier.financial_obligation_issued.v1": _EVERY - ENDS,
        # Before acceptance the applicant's word has ended it already; the office records it.
        "dossier.withdrawn.v1": _BEFORE - {"unknown"} | _IN_WORK | {"withdrawn"},
        "dossier.processing_stopped.v1": _IN_WORK,
        "dossier.reopened.v1": frozenset({"withdrawn", "stopped", "delivered"}),
        "dossier.merged.v1": _EVERY - ENDS,
    }
)
"""Business states from which an event may follow; what is not here may follow from any."""


_JUDGED: Final = frozenset({"dossier.result_delivered.v1", "dossier.result_issued.v1"})
"""What is judged by more than the state that it comes from."""


def guard(state: DossierState, action: Action, version: int) -> tuple[Breach, ...]:
    """The guards that `action`, the entry of `version`, breaks on a dossier in `state`."""
    name = action.type
    allowed = FROM.get(name, _EVERY)
    if name not in _JUDGED and state.status in allowed:
        return ()
    if "imported" in action.data:
        return ()
    found = []
    if state.status not in allowed:
        found.append(Breach("dossier.out_of_order", version, f"{name} while {state.status}"))
    if name == "dossier.result_delivered.v1":
        instant = _same_day(state, action)
        if state.status != "done" and not instant:
            found.append(Breach("dossier.out_of_order", version, f"{name} while {state.status}"))
        if not state.issued_at and not (instant and state.decided_by):
            found.append(
                Breach(
                    "dossier.delivered_without_issue", version, "no issue of a result is recorded"
                )
            )
    elif name == "dossier.result_issued.v1" and state.drafted_by:
        others = set(state.decided_by) - {state.drafted_by}
        if state.decided_by and not others:
            by = f"{state.drafted_by} drafted and approved"
            found.append(Breach("dossier.approved_by_drafter", version, by))
    return tuple(found)


def _same_day(state: DossierState, action: Action) -> bool:
    """An instant procedure goes from acceptance to delivery within one local day."""
    if not state.accepted_at or state.status not in {"accepted", "processing"}:
        return False
    return local_date(state.accepted_at) == local_date(action.occurred_at.at)


def with_breaches(known: tuple[Breach, ...], new: tuple[Breach, ...]) -> tuple[Breach, ...]:
    """Each guard once: its first breach stays, further ones are counted."""
    by_code = {breach.code: breach for breach in known}
    for breach in new:
        first = by_code.get(breach.code)
        by_code[breach.code] = replace(first, times=first.times + 1) if first else breach
    return tuple(by_code.values())


_WORDS: Final[Mapping[str, tuple[Verdict, str, str, str]]] = MappingProxyType(
    {
        "dossier.out_of_order": (
            Verdict.FAILED,
            "an action was recorded in a state from which it does not follow",
            "",
            "ask who recorded it whether an action before it is missing",
        ),
        "dossier.delivered_without_issue": (
            Verdict.FAILED,
            "a result was delivered that nobody issued",
            "an issue with number and seal before the delivery",
            "look for the issue in the register of the records clerk",
        ),
        "dossier.approved_by_drafter": (
            Verdict.INDETERMINATE,
            "whoever drafted the result is the only one who approved it",
            "a second person, where the procedure asks for one",
            "look up in the internal process whether another has to approve",
        ),
    }
)


def _order(breach: Breach) -> str:
    """The states from which the first action of a breach may follow, in words."""
    allowed = FROM.get(breach.actual.partition(" ")[0], _DELIVERABLE)
    return f"one of the states {', '.join(sorted(allowed))}"


def guard_findings(state: DossierState) -> tuple[Finding, ...]:
    """The breaches of a dossier as findings, by first version."""
    return tuple(
        Finding(
            code=breach.code,
            verdict=verdict,
            message=message + (f" ({breach.times} times)" if breach.times > 1 else ""),
            stream=f"dossier:{state.dossier_id}",
            version=breach.version,
            expected=expected or _order(breach),
            actual=breach.actual,
            next_step=next_step,
        )
        for breach in sorted(state.breaches, key=lambda breach: breach.version)
        for verdict, message, expected, next_step in [_WORDS[breach.code]]
    )
