"""The attributes of a foreign case that have a meaning here (DOMAIN.md section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from ledger.core.times import format_instant

DUE_NAMES: Final = frozenset({"deadline", "case_deadline", "case:deadline"})
ENDED_NAMES: Final = frozenset({"enddate", "case_enddate", "case:enddate"})


def instant_of(text: str) -> str:
    """The instant in a source's text; "" where it is no date and time with an offset."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return ""
    return "" if moment.tzinfo is None else format_instant(moment)


def due_and_ended(case: Iterable[Sequence[str]]) -> tuple[str, str]:
    """`due_at` and `ended_at` that the attributes [name, type, text] of a case give, or ""."""
    due = ended = ""
    for name, _, text in case:
        if name in DUE_NAMES:
            due = due or instant_of(text)
        elif name in ENDED_NAMES:
            ended = ended or instant_of(text)
    return due, ended
