"""JSON lines of actions: stream by stream, all of a stream or nothing of it.

An action that came signed keeps its signatures, which must verify with the keys that the log has
enrolled; one that came unsigned is signed with the source's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from consumers.workers.import_run import ImportRun, LogImport, Source
from consumers.workers.prepare_actions import (
    ActionsFile,
    Check,
    PreparedLine,
    PreparedStream,
    possible,
    refusal_of,
)
from consumers.workers.prepare_process import prepared_streams
from ledger.adapters import jsonl_log
from ledger.app.enrolled import enrolled_keys
from ledger.app.intake import check_not_ahead, check_signatures
from ledger.app.submission import LedgerError, RefusedError, SignedAction
from ledger.core.action import reread_action
from ledger.domain.importing import CaseError
from ledger.entry.signatures import KeyRing
from projections.runtime.collection import rare_collection

SOURCE = "actions"


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
        self._past = ""
        """A moment that was in the past: what comes before it was, too."""

    def feed(self, path: Path) -> None:
        """Go over the file; raises `FileRefusedError` where it has changed."""
        file = ActionsFile(str(path), dict(self.rows), self.run.ledger)
        with rare_collection(), prepared_streams(file) as streams:
            for stream in streams:
                part = self.run.part_of(stream.stream, stream.events)
                if part is not None:
                    try:
                        self._take(part, stream)
                    except LedgerError:
                        if not self.run.give_up(part):
                            raise
                self.run.advance(stream.events)
        self.run.flush()

    def _take(self, part: LogImport, stream: PreparedStream) -> None:
        problems = [*stream.problems]
        for line in stream.lines:
            try:
                self._check_line(part, line)
            except RefusedError as error:
                problems.append(refusal_of(error, line.line))
        part.cases += 1
        part.events += stream.events
        if problems:
            part.refused += 1
            for problem in sorted(problems, key=lambda found: found.line):
                part.problem(
                    problem.line, stream.stream, problem.field, problem.reason, problem.value
                )
            return
        try:
            new = _new_actions(part, stream)
        except CaseError as error:
            part.refuse(error.line, stream.stream, error.field, error.reason, error.value)
            return
        part.known += len(stream.lines) - len(new)
        part.queue(new)

    def _check_line(self, part: LogImport, line: PreparedLine) -> None:
        if line.occurred_at > self._past:
            check_not_ahead(line.occurred_at, part.now())
            self._past = line.occurred_at
        if line.sigs is not None:
            check_signatures(line.data, line.sigs, self._ring(part))

    def _ring(self, part: LogImport) -> KeyRing:
        """The keys that a log has enrolled: what is signed for it verifies with these."""
        origin = part.log.origin
        if origin not in self.rings:
            self.rings[origin] = enrolled_keys(part.log)
        return self.rings[origin]


def _new_actions(part: LogImport, stream: PreparedStream) -> list[SignedAction]:
    """What is not recorded yet, each possible after the one before."""
    name = stream.stream
    begun = part.log.stream_head(name).version > 0
    check = possible(name, lambda: part.recorded_state(name)) if begun else None
    seen: dict[str, bytes] = {}
    new: list[SignedAction] = []
    for line in stream.lines:
        digest = sha256(line.data).digest()
        before = seen.get(line.id) or part.known_digest(line.id, begun=begun)
        if before == digest:
            continue
        if before is not None:
            reason = f"action {line.id} is recorded, or stands in this file, with other bytes"
            raise CaseError(line.line, "id", reason)
        sigs = line.sigs or ()
        if not part.fits(name, line.type, line.data, sigs):
            raise CaseError(line.line, "action", "too large for one entry")
        seen[line.id] = digest
        version = _decided(check, stream, line, len(new))
        new.append(SignedAction(line.id, name, line.type, line.data, sigs, version))
    return new


def _decided(
    check: Check | None, stream: PreparedStream, line: PreparedLine, before: int
) -> int | None:
    """The version that an action is decided for; the writer refuses if another came between."""
    if check is not None:
        return check(line.line, reread_action(line.data))
    if stream.impossible is not None and stream.impossible.line == line.line:
        raise stream.impossible.error()
    return before + 1 if stream.stream.startswith("dossier:") else None
