"""Digests of projections as entries of log 0: made from a store, found again in the log.

Whoever has the log folds it up to the inputs and must come to the same digest, so nobody can say
later that the figures shown at that time were others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from ledger.app.ports import LogReader
from ledger.core.action import Action, ActionError, Actor, OccurredAt, reread_action, stream_id
from ledger.core.canonical import encode_canonical
from ledger.core.chain import Head
from ledger.core.ids import uuid7_text
from ledger.core.times import format_instant
from ledger.domain.events import EventError, decode_event
from ledger.domain.events_digest import ProjectionDigest
from projections.queries.digest import digests
from projections.runtime.batch import Verified
from projections.runtime.older_heads import TemporaryHeads
from projections.runtime.verifying import LogVerifier
from projections.store.sqlite import PROJECTION_VERSION, ReadStore

DIGEST_TYPE: Final = "ledger.projection_digest.v1"
_MARK: Final = DIGEST_TYPE.encode()


class RecordedDigest(msgspec.Struct, frozen=True):
    """A digest as the entry at `index` of log 0 says it."""

    index: int
    projection: str
    digest: str


class Recording(msgspec.Struct, frozen=True):
    """The digests that were recorded together: of which version, over the heads of which logs."""

    version: int
    heads: dict[str, Head]
    digests: tuple[RecordedDigest, ...]


def digest_actions(store: ReadStore, origin: str, at: datetime) -> list[Action]:
    """The actions that record in the log `origin` what the store says now, one a projection.

    None where the store holds nothing yet. `at` is the time of recording, aware.
    """
    connection = store.connection
    connection.execute("BEGIN")
    try:
        # One look: a projector that goes on meanwhile changes nothing of it.
        cursors = [cursor for cursor in store.cursors() if cursor.head.size]
        found = digests(store) if cursors else {}
    finally:
        connection.execute("ROLLBACK")
    inputs = [
        {"origin": cursor.origin, "size": cursor.head.size, "leaf": cursor.head.leaf}
        for cursor in cursors
    ]
    return [_action(origin, at, name, digest, inputs) for name, digest in found.items()]


def _action(
    origin: str, at: datetime, name: str, digest: str, inputs: Sequence[Mapping[str, object]]
) -> Action:
    data = {
        "projection": name,
        "projection_version": PROJECTION_VERSION,
        "inputs": inputs,
        "digest": digest,
    }
    text = format_instant(at)
    entropy = sha256(f"pal/projection-digest/v1\n{origin}\n{text}\n".encode())
    entropy.update(encode_canonical(data))
    return Action(
        id=uuid7_text(int(at.timestamp() * 1000), entropy.digest()),
        type=DIGEST_TYPE,
        stream=stream_id("ledger", origin),
        occurred_at=OccurredAt(text, "instant"),
        actor=Actor(kind="system", id="projector"),
        data=data,
    )


def newest_recording(
    reader: LogReader, *, genesis_leaf: str | None, strict_rows: bool
) -> Recording | None:
    """The newest digests in a log, None where it holds none. Every entry on the way is verified:
    what somebody without the ledger's key wrote says nothing. Raises `FindingError` like `rebuild`.
    """
    newest: Recording | None = None
    with TemporaryHeads() as older:
        verifier = LogVerifier(
            reader, None, older, genesis_leaf=genesis_leaf, strict_rows=strict_rows
        )
        while (batch := verifier.step()) is not None:
            for entry in batch.entries:
                if _MARK in entry.data and entry.stream == stream_id("ledger", reader.origin):
                    newest = _joined(newest, entry)
            if verifier.error is not None:
                raise verifier.error
    return newest


def _joined(newest: Recording | None, entry: Verified) -> Recording | None:
    """The newest recording once an entry is read: with one digest more, or the next one begun."""
    try:
        action = reread_action(entry.data[entry.data.index(b"\n") + 1 :])
        event = decode_event(action.type, action.data)
    except (ActionError, EventError):
        return newest  # a fold parks it: it records nothing
    if not isinstance(event, ProjectionDigest):
        return newest
    heads = {item.origin: Head(item.size, item.leaf) for item in event.inputs}
    digest = RecordedDigest(entry.index, event.projection, event.digest)
    if newest is None or (newest.version, newest.heads) != (event.projection_version, heads):
        return Recording(event.projection_version, heads, (digest,))
    return msgspec.structs.replace(newest, digests=(*newest.digests, digest))
