"""One batch of a log's records, verified: what the folds are to apply, and up to where."""

from __future__ import annotations

import msgspec

from ledger.core.action import Action, ActionError, check_action, convert_action
from ledger.core.chain import StreamHead
from ledger.core.findings import Finding
from ledger.domain.events import EventError, decode_event
from ledger.entry.entry import Entry
from projections.store.sqlite import Cursor


class UnreadableError(ValueError):
    """A counted entry whose action this software cannot apply."""


class Applied(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry that counts, is not void and can be read; `leaf` is hex, `action` its bytes."""

    index: int
    stream: str
    version: int
    recorded_at: str
    leaf: str
    action: bytes


class Parked(msgspec.Struct, frozen=True, array_like=True):
    """The first entry of a stream that this software cannot read, with its bytes and why."""

    stream: str
    index: int
    type: str
    error: str
    data: bytes


class OwnEntry(msgspec.Struct, frozen=True, array_like=True):
    """An entry of the log's own stream that enrols or revokes keys."""

    index: int
    type: str
    action: bytes


class Batch(msgspec.Struct, array_like=True):
    """What a batch of records brings, and the log's cursor before it and after it.

    `heads` are the streams that moved. Everything here may be sent to another process.
    """

    before: Cursor | None
    after: Cursor
    entries: list[Applied]
    heads: dict[str, StreamHead]
    keys: list[OwnEntry]
    parked: list[Parked]
    findings: list[Finding]


def known_action(entry: Entry) -> Action:
    """The action of an entry; raises `UnreadableError` where type or data are unknown here."""
    try:
        action = entry.typed
        if action is None:
            action = convert_action(entry.action)
        else:
            check_action(action)
        decode_event(action.type, action.data)
    except (ActionError, EventError) as error:
        raise UnreadableError(str(error)) from error
    return action
