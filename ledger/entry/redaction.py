"""Whether an entry approves that another stays hidden in evidence (docs/formats/evidence.md).

It takes two people: one asks for it, another approves it, and both stand in the log under the
checkpoint that the evidence stands on.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

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


class _Approval(msgspec.Struct, frozen=True):
    actor: _Actor
    data: _Data


def approved_reason(entry: Entry) -> str:
    """The reason for which an entry approves; "" where it approves nothing."""
    approval = _read(entry)
    return "" if approval is None else approval.data.reason


def approval_fault(entry: Entry, origin: str, redaction: Redaction) -> str:
    """Why an entry does not approve a redaction in the log of that origin; "" where it does."""
    approval = _read(entry)
    if approval is None:
        return f"is of type {entry.seal.type} and approves nothing"
    actor, data = approval.actor, approval.data
    named = {"index": redaction.index, "leaf": redaction.leaf, "origin": origin}
    if named not in data.entries:
        return f"does not name index {redaction.index} of {origin} with leaf {redaction.leaf}"
    if data.reason != redaction.reason:
        return f"approves for another reason: {data.reason}"
    if actor.kind not in _PEOPLE:
        return f"is an act of a {actor.kind}, not of an officer or auditor"
    if data.requested_by in (actor.id, actor.on_behalf_of):
        return f"is approved by or for {data.requested_by}, who asked for it"
    return ""


def _read(entry: Entry) -> _Approval | None:
    if entry.seal.type != APPROVAL_TYPE:
        return None
    try:
        return msgspec.convert(entry.action, _Approval)
    except msgspec.ValidationError:
        return None
