"""E48: what was tried on a dossier and refused is recorded too, whoever it was that may be named.

Recorded is only what a known key signed (or this process asserts), on a dossier that has begun: who
cannot be known leaves no trace, and no stranger can fill a log. Of the refused action nothing but
its type, its hash, the code and the field goes in: a value may be personal. The same bytes are one
attempt, however often they are sent, and each dossier keeps at most `ATTEMPTS_RECORDED_MAX`.
"""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import sha256
from typing import Final

from ledger.app.submission import RefusedError
from ledger.core.action import Action, ActionError, Actor, OccurredAt, decode_action
from ledger.core.ids import uuid7_milliseconds, uuid7_text
from ledger.core.times import format_instant
from ledger.domain.events import EVENT_TYPES
from ledger.domain.evolution import LEDGER_ACTOR

ATTEMPT_TYPE: Final = "dossier.attempt_rejected.v1"

ATTEMPTS_RECORDED_MAX: Final = 100
"""Of one dossier: enough to see that somebody tries, too few for a loop to bury the dossier."""

_UNTRACED: Final = frozenset({"signature.invalid", "stream.version_conflict"})
"""Refusals that are no attempt of anybody: nobody is known, or sending again is right."""

_NAME: Final = re.compile(r"[a-z_]+")
_TYPE_CHARACTERS_MAX: Final = 200


def tried_on_dossier(data: bytes, error: RefusedError) -> Action | None:
    """The refused action, where it can be read and its refusal may be recorded in its dossier."""
    if error.code in _UNTRACED:
        return None
    try:
        action = decode_action(data)
    except ActionError:
        return None
    named = action.stream.startswith("dossier:") and len(action.type) <= _TYPE_CHARACTERS_MAX
    return action if named else None


def attempt_of(action: Action, data: bytes, error: RefusedError, now: datetime) -> Action:
    """The entry that says so: when it was refused, and why. Its id is of the refused bytes."""
    digest = sha256(b"pal/attempt/v1\n" + data).digest()
    field = _known_field(action.type, error.field)
    return Action(
        id=uuid7_text(uuid7_milliseconds(action.id), digest),
        type=ATTEMPT_TYPE,
        stream=action.stream,
        occurred_at=OccurredAt(format_instant(now), "instant"),
        actor=Actor(kind="system", id=LEDGER_ACTOR),
        data={
            "command": action.type,
            "code": error.code,
            **({"field": field} if field else {}),
            "action_hash": sha256(data).hexdigest(),
        },
        causes=(action.id,),
    )


def _known_field(type_name: str, path: str) -> str:
    """The field of the envelope or of the data that a path leads to; a name that no type has is
    left out, because the sender chose it and may have put anything in it."""
    names: list[str] = _NAME.findall(path)[:2]
    head, *inner = names or [""]
    if head not in Action.__struct_fields__:
        return ""
    struct = EVENT_TYPES.get(type_name)
    if head != "data" or struct is None or not inner or inner[0] not in struct.__struct_fields__:
        return head
    return f"data.{inner[0]}"
