"""The figures that leadership watches (DOMAIN.md 1.11): each with what it counts, entry by entry.

Pure: of a dossier's actions in order, every thing that a figure counts is one `Counted`; sums of
parts are the sum of the whole. What a dossier does not show is not counted: no figure says 0 of 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from ledger.core.action import Action
from ledger.domain.deadlines import due_day, local_date
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, evolve
from projections.folds.dossier import is_late

SATISFIED_SCORE: Final = 4
"""Of 1 to 5; the survey's own "satisfied"."""

FIGURES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "on_time": ("ended dossiers that were not late", "ended dossiers with a due date"),
        "early": ("those that ended before their last day", "ended dossiers with a due date"),
        "overdue": ("those that ended late", "ended dossiers with a due date"),
        "overdue_open": ("those past their due date", "open dossiers with a due date"),
        "apologised": ("those with a written apology", "late dossiers, open or ended"),
        "online": ("those handed in online", "dossiers handed in, channel known"),
        "full_online": ("those whose result came online too", "delivered dossiers, channel known"),
        "digitised": ("those with every paper component scanned", "accepted dossiers"),
        "e_results": ("those with a signed electronic result", "dossiers with a result issued"),
        "reused": ("papers found and not asked for", "looks whether the state has a paper"),
        "paid_online": ("those with a transaction number", "confirmed payments"),
        "satisfied": ("ratings of 4 or 5", "ratings"),
        "answered": ("those that were answered", "feedback and complaints"),
        "synchronised": ("those the portal had the same day", "changes of status"),
    }
)
"""Each figure: numerator of denominator."""


class Counted(NamedTuple):
    """One thing that a figure counts: the action that shows it, when, and whether it is in the
    numerator."""

    figure: str
    action: str
    at: str
    counts: bool


class Figure(msgspec.Struct, frozen=True):
    """A figure over many dossiers. `counted` are the actions of the numerator, `others` those of
    the rest of the denominator."""

    name: str
    numerator: int
    denominator: int
    counted: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def share(self) -> float | None:
        """Numerator by denominator; None where there is nothing to count."""
        return self.numerator / self.denominator if self.denominator else None


def figures(parts: Iterable[Counted], from_at: str = "", to_at: str = "~") -> tuple[Figure, ...]:
    """Every figure over what happened from one instant to another, both included."""
    found: dict[str, tuple[list[str], list[str]]] = {name: ([], []) for name in FIGURES}
    for part in parts:
        if from_at <= part.at <= to_at:
            found[part.figure][not part.counts].append(part.action)
    return tuple(
        Figure(name, len(yes), len(yes) + len(no), tuple(yes), tuple(no))
        for name, (yes, no) in found.items()
    )


def count_dossier(actions: Sequence[Action], at: str) -> list[Counted]:
    """What one dossier adds to the figures as at the instant `at`; its actions by version."""
    states = [EMPTY_DOSSIER]
    for version, action in enumerate(actions, 1):
        states.append(evolve(states[-1], action, version))
    return [
        *_deadlines(actions, states[-1], at),
        *_intake(actions),
        *_whole_way(actions),
        *_results(actions),
        *_reuse(actions),
        *_money_and_voice(actions),
        *_synchronised(actions, states),
    ]


def _name(action: Action) -> str:
    return action.type.split(".")[1]


def _part(figure: str, action: Action, counts: object) -> Counted:
    return Counted(figure, action.id, action.occurred_at.at, bool(counts))


def _deadlines(actions: Sequence[Action], state: DossierState, at: str) -> Iterator[Counted]:
    if not state.due_at:
        return
    late = is_late(state, at)
    ended = state.delivered_at or state.ended_at
    # What ended it, or the newest entry of a dossier that is open.
    shown = next((a for a in actions if ended and a.occurred_at.at == ended), actions[-1])
    if ended:
        yield _part("on_time", shown, not late)
        yield _part("early", shown, not late and local_date(ended) < due_day(state.due_at))
        yield _part("overdue", shown, late)
    else:
        yield Counted("overdue_open", shown.id, at, late)
    if late:
        yield _part("apologised", shown, state.apologies)


def _intake(actions: Sequence[Action]) -> Iterator[Counted]:
    papers: set[str] = set()
    scanned: set[str] = set()
    accepted: Action | None = None
    for action in actions:
        name, data = _name(action), action.data
        if name == "submitted":
            if data.get("channel"):
                yield _part("online", action, data["channel"] == "online")
            papers |= _papers(data.get("components", ()))
        elif name in {"document_attached", "document_replaced"}:
            papers |= _papers([data])
        elif name == "document_digitised":
            scanned |= {data["doc_id"], data.get("doc_type", "")}
        elif name == "accepted":
            accepted = accepted or action
    if accepted is not None:
        yield _part("digitised", accepted, papers <= scanned)


def _whole_way(actions: Sequence[Action]) -> Iterator[Counted]:
    """Online from end to end: handed in online, and the last result delivered without a desk."""
    channel = ""
    delivered: Action | None = None
    for action in actions:
        if _name(action) == "submitted":
            channel = action.data.get("channel", "")
        elif _name(action) == "result_delivered":
            delivered = action
    if channel and delivered is not None:
        came = delivered.data.get("channel") == "online" or delivered.data.get("e_result")
        yield _part("full_online", delivered, channel == "online" and came)


def _papers(components: Iterable[Mapping[str, object]]) -> set[str]:
    """What has to be scanned: components that came on paper, by document or else by type."""
    return {
        str(item.get("doc_id") or item.get("doc_type", ""))
        for item in components
        if item.get("copy_kind", 0) != 2
    }


def _results(actions: Sequence[Action]) -> Iterator[Counted]:
    issued = next(
        (a for a in reversed(actions) if _name(a) in {"result_issued", "negative_decision_issued"}),
        None,
    )
    if issued is not None:
        signed = [
            action
            for action in actions
            if _name(action) == "electronic_result_issued" and action.data.get("signature_ref")
        ]
        yield _part("e_results", issued, signed)


def _reuse(actions: Sequence[Action]) -> Iterator[Counted]:
    """A look counts when it found the paper and nobody asked for it afterwards; a source that was
    down is no look."""
    for place, action in enumerate(actions):
        data = action.data
        if _name(action) != "document_reuse_checked" or data.get("result") == "source_down":
            continue
        asked = any(
            item["doc_type"] == data.get("doc_type")
            for later in actions[place:]
            if _name(later) == "supplement_requested"
            for item in later.data.get("items", ())
        )
        yield _part("reused", action, data.get("result") == "found_valid" and not asked)


def _money_and_voice(actions: Sequence[Action]) -> Iterator[Counted]:
    answered = {a.data["filing_id"] for a in actions if _name(a) == "answered"}
    for action in actions:
        name = _name(action)
        if name == "payment_confirmed":
            yield _part("paid_online", action, action.data.get("txn_ref"))
        elif name == "satisfaction_rated":
            for rating in action.data.get("ratings", ()):
                yield _part("satisfied", action, rating["score"] >= SATISFIED_SCORE)
        elif name in {"feedback_filed", "complaint_filed"}:
            yield _part("answered", action, action.id in answered)


def _synchronised(actions: Sequence[Action], states: Sequence[DossierState]) -> Iterator[Counted]:
    """Changes of status that the portal had by the end of their local day, or that had changed
    again by then; where nothing was ever sent nothing can be said."""
    sent = [
        (action.occurred_at.at, state.synchronised_status)
        for action, state in zip(actions, states[1:], strict=True)
        if _name(action) == "synchronised_to_portal"
    ]
    if not sent:
        return
    changes = [
        (action, after.portal_status)
        for action, before, after in zip(actions, states, states[1:], strict=False)
        if after.portal_status not in {0, before.portal_status}
    ]
    for place, (action, status) in enumerate(changes):
        at = action.occurred_at.at
        day = local_date(at)
        following = changes[place + 1][0].occurred_at.at if place + 1 < len(changes) else "~"
        if following != "~" and local_date(following) == day:
            continue
        had = any(at <= when and local_date(when) == day and code == status for when, code in sent)
        yield _part("synchronised", action, had)
