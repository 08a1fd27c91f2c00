"""JSON lines of actions: stream by stream, all of a stream or nothing of it.

An action that came signed keeps its signatures, which must verify with the keys that the log has
enrolled; one that came unsigned is signed with the source's key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from consumers.workers.import_run import ImportRun, LogImport, Source
from ledger.adapters import jsonl_log
from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.adapters.source_files import FileRefusedError
from ledger.app.intake import check_action_bytes, check_signatures
from ledger.app.submission import LedgerError, RefusedError, SignedAction
from ledger.core.action import Action
from ledger.domain.dossier import EMPTY_DOSSIER, Impossible, decide, evolve
from ledger.domain.events import PERSONAL_NAMES
from ledger.domain.importing import CaseError
from ledger.domain.upcasting import upcast
from ledger.entry.entry import decode_entry
from ledger.entry.signatures import KeyRing

SOURCE = "actions"


class _OpenStream:
    """A stream of this pass whose last line has not come yet."""

    def __init__(self, part: LogImport) -> None:
        self.part = part
        self.rows = 0
        self.bad = False
        self.found: list[tuple[jsonl_log.ActionLine, Action]] = []


def actions_source(path: Path) -> Source:
    """The file as a source; raises `FileRefusedError` where a line is no JSON object."""
    rows = jsonl_log.count_streams(path)

    def feed(run: ImportRun) -> None:
        _Feeding(run, rows).feed(path)

    return Source(SOURCE, (), sum(rows.values()), feed)


class _Feeding:
    """One pass over the file."""

    def __init__(self, run: ImportRun, rows: Mapping[str, int]) -> None:
        self.run = run
        self.rows = rows
        self.rings: dict[str, KeyRing] = {}

    def feed(self, path: Path) -> None:
        """Go over the file; raises `FileRefusedError` where it has changed."""
        streams: dict[str, _OpenStream] = {}
        for line in jsonl_log.read_actions(path):
            part = self.run.part_of(line.stream, 1)
            if part is None:
                self.run.advance(1)
                continue
            stream = streams.setdefault(line.stream, _OpenStream(part))
            try:
                self._read_line(line, stream)
                if stream.rows == self.rows.get(line.stream):
                    del streams[line.stream]
                    _finish(part, line.stream, stream)
                    self.run.advance(stream.rows)
            except LedgerError:
                if not self.run.give_up(part):
                    raise
        self.run.flush()
        if any(stream.part in self.run.parts.values() for stream in streams.values()):
            raise FileRefusedError(path, 0, "the file changed while it was read")

    def _read_line(self, line: jsonl_log.ActionLine, stream: _OpenStream) -> None:
        stream.rows += 1
        part = stream.part
        try:
            action = check_action_bytes(line.data, self.run.ledger, part.now())
            if line.sigs is not None:
                check_signatures(line.data, line.sigs, self._ring(part))
        except RefusedError as error:
            stream.bad = True
            stream.found = []
            field = error.field or error.code
            part.problem(line.line, line.stream, field, str(error), _value(field, error.value))
            return
        if not stream.bad:
            stream.found.append((line, action))

    def _ring(self, part: LogImport) -> KeyRing:
        """The keys that a log has enrolled: what is signed for it verifies with these."""
        origin = part.log.origin
        if origin not in self.rings:
            ring = self.rings[origin] = KeyRing()
            for item in part.log.stream_entries(f"ledger:{origin}"):
                entry = decode_entry(item)
                ring.apply(entry.seal.type, entry.action["data"])
        return self.rings[origin]


def _finish(part: LogImport, name: str, stream: _OpenStream) -> None:
    part.cases += 1
    part.events += stream.rows
    if stream.bad:
        part.refused += 1
        return
    try:
        new, known = _new_actions(part, name, stream.found)
    except CaseError as error:
        part.refuse(error.line, name, error.field, error.reason, error.value)
        return
    part.known += known
    part.queue(new)


def _value(field: str, value: object) -> object:
    """What was refused, for whoever sent it; what should be sealed is not repeated."""
    return value if PERSONAL_NAMES.isdisjoint(field.split(".")) else None


def _new_actions(
    part: LogImport, stream: str, found: list[tuple[jsonl_log.ActionLine, Action]]
) -> tuple[list[SignedAction], int]:
    """What is not recorded yet, each possible after the one before; and how many are known."""
    begun = part.log.stream_head(stream).version > 0
    check = _possible(part, stream, begun=begun)
    seen: dict[str, bytes] = {}
    new: list[SignedAction] = []
    for line, action in found:
        digest = sha256(line.data).digest()
        before = seen.get(action.id) or part.known_digest(action.id, begun=begun)
        if before == digest:
            continue
        if before is not None:
            reason = f"action {action.id} is recorded, or stands in this file, with other bytes"
            raise CaseError(line.line, "id", reason)
        if not part.fits(stream, action.type, line.data, line.sigs or ()):
            raise CaseError(line.line, "action", "too large for one entry")
        seen[action.id] = digest
        version = check(line.line, action)
        new.append(
            SignedAction(action.id, stream, action.type, line.data, line.sigs or (), version)
        )
    return new, len(found) - len(new)


def _possible(part: LogImport, stream: str, *, begun: bool) -> Callable[[int, Action], int | None]:
    """A check of one action after another: gives the version that it was decided for.

    Only dossiers are decided; the writer then refuses if another writer came between.
    """
    if not stream.startswith("dossier:"):
        return lambda _line, _action: None
    state = part.recorded_state(stream) if begun else EMPTY_DOSSIER

    def check(line: int, action: Action) -> int:
        nonlocal state
        action = upcast(action)
        decision = decide(state, action, DEFAULT_RULES)
        if isinstance(decision, Impossible):
            raise CaseError(line, decision.field, decision.message, decision.value)
        state = evolve(state, action, state.version + 1)
        return state.version

    return check
