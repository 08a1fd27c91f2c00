"""Intake: what must hold before an action may reach the writer. Pure: keys and time are arguments.

The ledger refuses only what is malformed, unauthenticated, conflicting or impossible. It never
refuses an action because it breaks a duty: the breach is the evidence (DESIGN.md section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ledger.app.limits import OCCURRED_AHEAD_SECONDS_MAX
from ledger.app.submission import RefusedError
from ledger.core.action import Action, ActionError, decode_action, plain_id
from ledger.core.merkle import ProofError
from ledger.core.times import format_instant, parse_instant
from ledger.domain.calendars import calendar_id
from ledger.domain.events import EventError, decode_event, is_registered
from ledger.domain.fields import FIRST_YEAR, LAST_YEAR
from ledger.entry.entry import Signature
from ledger.entry.signatures import KeyRing, SignatureError


def check_action_bytes(data: bytes, ledger_name: str, now: datetime) -> Action:
    """The action in `data`, if this ledger may record it now; raises `RefusedError`."""
    action = check_action_form(data, ledger_name)
    check_not_ahead(action.occurred_at.at, now)
    return action


def check_action_form(data: bytes, ledger_name: str) -> Action:
    """The action in `data`, if this ledger may record it at some time; raises `RefusedError`."""
    try:
        action = decode_action(data)
    except ActionError as error:
        raise _malformed(error, error.field, error.value) from error
    if not is_registered(action.type):
        raise RefusedError(
            "action.unknown_type",
            f"{action.type} is no event type of this ledger",
            field="type",
            value=action.type,
            next_step="see docs/reference/events.md for the types, or install newer software",
        )
    if action.stream.startswith("ledger:"):
        raise RefusedError(
            "action.reserved_stream",
            "the log's own stream is written by the ledger alone",
            field="stream",
            value=action.stream,
        )
    try:
        decode_event(action.type, action.data)
    except EventError as error:
        raise _malformed(error, error.field, error.value) from error
    _check_calendar(action)
    if action.ledger not in ("", ledger_name):
        raise RefusedError(
            "action.other_ledger",
            f"signed for ledger {action.ledger!r}, this is {ledger_name!r}",
            field="ledger",
            value=action.ledger,
            next_step="send it to the ledger that it names",
        )
    at = action.occurred_at.at
    if not FIRST_YEAR <= parse_instant(at).year <= LAST_YEAR:
        msg = f"occurred_at.at: {at} lies outside the years {FIRST_YEAR} to {LAST_YEAR}"
        raise _malformed(ValueError(msg), "occurred_at.at", at)
    return action


def check_not_ahead(at: str, now: datetime) -> None:
    """Raise `RefusedError` for what is said to have happened after now."""
    latest = format_instant(now + timedelta(seconds=OCCURRED_AHEAD_SECONDS_MAX))
    if at > latest:
        raise RefusedError(
            "action.from_the_future",
            f"occurred_at {at} lies more than "
            f"{OCCURRED_AHEAD_SECONDS_MAX:.0f} s after now ({format_instant(now)})",
            field="occurred_at.at",
            value=at,
            next_step="set the clock of the source",
        )


def _check_calendar(action: Action) -> None:
    """A calendar's version names its stream: else no dossier that names it would find it."""
    if action.type != "calendar.published.v1":
        return
    version, own = action.data["version"], plain_id(action.stream)
    if calendar_id(version) != own:
        msg = f"data.version: a version of calendar {own} begins with {own}-"
        raise _malformed(ValueError(msg), "data.version", version)


def _malformed(error: ValueError, field: str, value: object) -> RefusedError:
    return RefusedError(
        "action.malformed",
        str(error),
        field=field,
        value=value,
        next_step="mend the named field and send it again",
    )


def check_signatures(data: bytes, sigs: Sequence[Signature], keys: KeyRing) -> None:
    """Raise `RefusedError` unless each signature that came with the action verifies."""
    try:
        keys.check(data, sigs)
    except (SignatureError, ProofError) as error:
        raise RefusedError(
            "signature.invalid",
            str(error),
            field="sigs",
            next_step="sign the exact bytes with a key that this log has enrolled (pal keys list)",
        ) from error
