"""The timeline: one row for each entry, with the action's bytes, so that any past can be refolded.

Sealed fields stay sealed: the bytes are those of the entry.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.core.action import Action
from ledger.entry.entry import Entry


class TimelineEntry(NamedTuple):
    """A row, in the order of the store's columns; `idx` is the index in `log`, `leaf` hex."""

    log: int
    idx: int
    stream: str
    version: int
    recorded_at: str
    occurred_at: str
    type: str
    actor_kind: str
    actor: str
    leaf: str
    action: bytes


def timeline_entry(log: int, entry: Entry, action: Action) -> TimelineEntry:
    """The row of an entry of log number `log`; `action` is its action, decoded."""
    seal = entry.seal
    return TimelineEntry(
        log,
        seal.index,
        seal.stream,
        seal.version,
        seal.recorded_at,
        action.occurred_at.at,
        seal.type,
        action.actor.kind,
        action.actor.id,
        entry.leaf,
        entry.action_bytes,
    )
