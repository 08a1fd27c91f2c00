"""JSON lines of actions: stream by stream, all of a stream or nothing of it.

An action that came signed keeps its signatures, which must verify with the keys that the log has
enrolled; one that came unsigned is signed with the source's key.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from consumers.workers.import_run import ImportRun, ImportSummary
from ledger.adapters import jsonl_log
from ledger.adapters.source_files import FileRefusedError
from ledger.app.intake import check_action_bytes, check_signatures
from ledger.app.submission import RefusedError, SignedAction
from ledger.core.action import Action
from ledger.domain.calendars import DEFAULT_RULES
from ledger.domain.dossier import EMPTY_DOSSIER, Impossible, decide, evolve
from ledger.domain.importing import CaseError
from ledger.entry.entry import decode_entry
from ledger.entry.signatures import KeyRing

SOURCE = "actions"


class _OpenStream:
    """A stream whose last line has not come yet."""

    def __init__(self) -> None:
        self.rows = 0
        self.bad = False
        self.found: list[tuple[jsonl_log.ActionLine, Action]] = []


def import_actions(run: ImportRun) -> ImportSummary:
    """Import the file; raises `FileRefusedError` where a line is no JSON object."""
    rows = jsonl_log.count_streams(run.path)
    run.total = sum(rows.values())
    run.cases = len(rows)
    ring = KeyRing()
    for item in run.log.stream_entries(f"ledger:{run.log.origin}"):
        entry = decode_entry(item)
        ring.apply(entry.seal.type, entry.action["data"])
    streams: dict[str, _OpenStream] = {}
    for line in jsonl_log.read_actions(run.path):
        stream = streams.setdefault(line.stream, _OpenStream())
        _read_line(run, line, stream, ring)
        if stream.rows == rows.get(line.stream):
            del streams[line.stream]
            _finish(run, line.stream, stream)
            run.advance(stream.rows)
    run.flush()
    if streams:
        raise FileRefusedError(run.path, 0, "the file changed while it was read")
    return run.summary(SOURCE, ())


def _read_line(
    run: ImportRun, line: jsonl_log.ActionLine, stream: _OpenStream, ring: KeyRing
) -> None:
    stream.rows += 1
    try:
        action = check_action_bytes(line.data, run.ledger, run.now())
        if line.sigs is not None:
            check_signatures(line.data, line.sigs, ring)
    except RefusedError as error:
        stream.bad = True
        stream.found = []
        run.problem(line.line, line.stream, error.field or error.code, str(error))
        return
    if not stream.bad:
        stream.found.append((line, action))


def _finish(run: ImportRun, name: str, stream: _OpenStream) -> None:
    if stream.bad:
        run.refused += 1
        return
    try:
        new, known = _new_actions(run, name, stream.found)
    except CaseError as error:
        run.refused += 1
        run.problem(error.line, name, error.field, error.reason)
        return
    run.known += known
    run.queue(new)


def _new_actions(
    run: ImportRun, stream: str, found: list[tuple[jsonl_log.ActionLine, Action]]
) -> tuple[list[SignedAction], int]:
    """What is not recorded yet, each possible after the one before; and how many are known."""
    check = _possible(run, stream)
    seen: dict[str, bytes] = {}
    new: list[SignedAction] = []
    for line, action in found:
        digest = sha256(line.data).digest()
        before = seen.get(action.id) or run.known_digest(action.id)
        if before == digest:
            continue
        if before is not None:
            reason = f"action {action.id} is recorded, or stands in this file, with other bytes"
            raise CaseError(line.line, "id", reason)
        if not run.fits(action, line.data, line.sigs or ()):
            raise CaseError(line.line, "action", "too large for one entry")
        seen[action.id] = digest
        version = check(line.line, action)
        new.append(
            SignedAction(action.id, stream, action.type, line.data, line.sigs or (), version)
        )
    return new, len(found) - len(new)


def _possible(run: ImportRun, stream: str) -> Callable[[int, Action], int | None]:
    """A check of one action after another: gives the version that it was decided for.

    Only dossiers are decided; the writer then refuses if another writer came between.
    """
    if not stream.startswith("dossier:"):
        return lambda _line, _action: None
    state = run.recorded_state(stream) if run.log.stream_head(stream).version else EMPTY_DOSSIER

    def check(line: int, action: Action) -> int:
        nonlocal state
        decision = decide(state, action, DEFAULT_RULES)
        if isinstance(decision, Impossible):
            raise CaseError(line, decision.field, decision.message)
        state = evolve(state, action, state.version + 1)
        return state.version

    return check
