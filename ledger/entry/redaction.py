"""Whether an entry approves that another stays hidden in evidence (docs/formats/evidence.md).

It takes two people: one asks for it, another approves it, and both stand in the log under the
checkpoint that the evidence stands on.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ledger.core.canonical import encode_canonical
from ledger.entry.bundle import Redaction, Text
from ledger.entry.entry import Entry

APPROVAL_TYPE: Final = "inspection.redaction_approved.v1"
_PEOPLE: Final = frozenset(("officer", "auditor"))


class _Actor(msgspec.Struct, frozen=True):
    kind: str
    id: str
    on_behalf_of: str = ""


class _Data(msgspec.Struct, frozen=True):
    entries: list[Any]
    reason: str
    requested_by: Text


class Approval(msgspec.Struct, frozen=True):
    """What an entry of the type says: who approves, and which entries stay hidden, and why."""

    actor: _Actor
    data: _Data

    def fault(self, origin: str, redaction: Redaction) -> str:
        """Why this does not approve a redaction in the log of that origin; "" where it does."""
        actor, data = self.actor, self.data
        named = {"index": redaction.index, "leaf": redaction.leaf, "origin": origin}
        # Bytes, because to Python an index of `true` is that of entry 1.
        if encode_canonical(named) not in map(encode_canonical, data.entries):
            return f"does not name index {redaction.index} of {origin} with leaf {redaction.leaf}"
        if data.reason != redaction.reason:
            return f"approves for another reason: {data.reason}"
        if actor.kind not in _PEOPLE:
            return f"is an act of a {actor.kind}, not of an officer or auditor"
        if data.requested_by in (actor.id, actor.on_behalf_of):
            return f"is approved by or for {data.requested_by}, who asked for it"
        return ""


def read_approval(entry: Entry) -> Approval | None:
    """What an entry approves; None where it is of another type, or holds something else."""
    if entry.seal.type != APPROVAL_TYPE:
        return None
    try:
        return msgspec.convert(entry.action, Approval)
    except msgspec.ValidationError:
        return None
