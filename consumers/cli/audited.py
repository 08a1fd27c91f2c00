"""What a reading leaves behind: E77 in its inspection, E20 in each dossier that was shown in clear.

Nothing is shown before it is recorded: what a command writes is held back until its entries are in
the log, and stays unseen where they cannot be recorded. Without `--inspection` and `--reveal` a
command reads the files of its home and leaves nothing.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal

from consumers.bootstrap import OpenLedger, utc_now
from consumers.cli.errors import UsageError
from consumers.cli.options import NO_REVEAL, Reading, Reveal
from ledger.app.submission import LedgerError
from ledger.core.action import Action, Actor, OccurredAt, decode_action, stream_id
from ledger.core.ids import log_number, uuid7_text
from ledger.core.times import format_instant

if TYPE_CHECKING:
    from projections.store.sqlite import ReadStore

_QUERY_CHARACTERS_MAX: Final = 4_000
"""The field's own limit."""


class Looked:
    """What a command gave: how many rows, and from which streams something sealed in clear."""

    def __init__(self) -> None:
        self.rows = 0
        self.opened: set[str] = set()


def free(words: str) -> str:
    """Words that somebody typed, by their hash: they may be a person's name (P1)."""
    return f" words:{sha256(words.encode()).hexdigest()[:16]}" if words else ""


@contextmanager
def audited(
    ledger: OpenLedger, store: ReadStore, reading: Reading, asked: str, reveal: Reveal = NO_REVEAL
) -> Iterator[Looked]:
    """Hold back what is written inside, record who looked at what, then show it.

    `asked` is the question without anything personal. Raises `UsageError` where it is not said who
    asks or why, and whatever recording raises.
    """
    looked = Looked()
    if not reading.inspection and not reveal.reveal:
        yield looked
        return
    _check(store, reading, reveal)
    held = io.StringIO()
    try:
        with redirect_stdout(held):
            yield looked
    except LedgerError:
        record_entries(ledger, _entries(reading, reveal, asked, looked))
        raise
    record_entries(ledger, _entries(reading, reveal, asked, looked))
    sys.stdout.write(held.getvalue())


def _check(store: ReadStore, reading: Reading, reveal: Reveal) -> None:
    """Who asks and why must be said."""
    if reveal.reveal and not reveal.purpose:
        msg = "sealed fields are shown for a purpose, which is recorded"
        raise UsageError(msg, next_step="say --purpose, e.g. --purpose citizen_enquiry")
    if reading.inspection:
        check_inspection(store, reading.inspection, reading.by)
    elif not reading.by:
        raise _nobody()


def _nobody() -> UsageError:
    msg = "who acts is recorded with --inspection and --reveal"
    return UsageError(msg, next_step="say --by ACCOUNT")


def check_inspection(store: ReadStore, inspection: str, by: str) -> None:
    """Raise `UsageError` unless an inspection is open and somebody named, of its team."""
    if not by:
        raise _nobody()
    opened = store.rows(
        "SELECT action FROM timeline WHERE stream = ? AND type = 'inspection.opened.v1' "
        "ORDER BY version DESC LIMIT 1",
        (stream_id("inspection", inspection),),
    )
    if not opened:
        msg = f"no inspection {inspection!r} is opened in this ledger"
        raise UsageError(msg, next_step="record its inspection.opened.v1 first (pal import)")
    team = decode_action(opened[0][0]).data.get("team", [])
    if team and by not in team:
        msg = f"{by} is not of the team of inspection {inspection}"
        raise UsageError(msg, next_step="ask somebody who is, or who may open another")


def _entries(reading: Reading, reveal: Reveal, asked: str, looked: Looked) -> list[Action]:
    found = []
    kind: Literal["auditor", "officer"] = "auditor" if reading.inspection else "officer"
    if reading.inspection:
        query = asked[:_QUERY_CHARACTERS_MAX]
        data: dict[str, Any] = {"query": query, "rows": looked.rows, "purpose": "inspection"}
        stream = stream_id("inspection", reading.inspection)
        found.append(new_entry("inspection.audit_access.v1", stream, kind, reading.by, data))
    for stream in sorted(looked.opened):
        purpose = {"purpose": reveal.purpose, "fields_class": "personal"}
        ref = reveal.purpose_ref or reading.inspection
        if ref:
            purpose["purpose_ref"] = ref
        found.append(new_entry("dossier.viewed.v1", stream, kind, reading.by, purpose))
    return found


def new_entry(
    type_name: str,
    stream: str,
    kind: Literal["auditor", "officer"],
    by: str,
    data: dict[str, Any],
) -> Action:
    """What somebody at this command line did, now."""
    now = utc_now()
    return Action(
        id=uuid7_text(int(now.timestamp() * 1000), os.urandom(10)),
        type=type_name,
        stream=stream,
        occurred_at=OccurredAt(format_instant(now), "instant"),
        actor=Actor(kind=kind, id=by),
        data=data,
    )


def record_entries(ledger: OpenLedger, entries: list[Action]) -> None:
    """Record each entry in the log of its stream, in Kafka where no writer owns that log."""
    from consumers.workers.own_entries import record_as  # noqa: PLC0415 - only when it is asked for

    by_log: dict[int, list[Action]] = {}
    for entry in entries:
        by_log.setdefault(log_number(entry.stream, len(ledger.trust)), []).append(entry)
    for number, actions in sorted(by_log.items()):
        asyncio.run(record_as(ledger, number, actions, "source"))
