"""Import a foreign log into a ledger: resumable, idempotent, case by case.

The file is read whole before the first write: a bad file is refused whole. A bad event refuses its
case only. What is recorded already is found by its id and not sent again.
"""

from __future__ import annotations

import hmac
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ledger.adapters import csv_log, jsonl_log, xes
from ledger.adapters.keys import KeyStore, SubjectErasedError
from ledger.adapters.source_files import FileRefusedError, stem
from ledger.app.intake import check_action_bytes, check_signatures
from ledger.app.limits import OCCURRED_AHEAD_SECONDS_MAX, SUBMISSION_ACTIONS_MAX
from ledger.app.ports import EntryLog
from ledger.app.submission import Recorded, RefusedError, SignedAction, Submission
from ledger.core.action import Action, encode_action, plain_id
from ledger.core.times import format_instant
from ledger.domain.calendars import DEFAULT_RULES
from ledger.domain.dossier import EMPTY_DOSSIER, Impossible, decide, evolve
from ledger.domain.importing import (
    IMPORTED_TYPE,
    NO_MAPPING,
    CaseError,
    ImportMapping,
    ImportRules,
    SourceCase,
    case_actions,
    convert_mapping,
)
from ledger.entry.entry import decode_entry
from ledger.entry.sealed import seal_text
from ledger.entry.signatures import KeyRing, SigningKey

WINDOW_ACTIONS: Final = 4 * SUBMISSION_ACTIONS_MAX
"""Actions sent to the writer together: enough to keep it busy, few enough to bound memory."""

NONCE_BYTES: Final = 12


class ImportOptions(msgspec.Struct, frozen=True):
    """What the user may say about a file; "" leaves it to the file."""

    source: str = ""
    prefix: str = ""
    timezone: str = ""
    mapping: Path | None = None


class ImportProblem(msgspec.Struct, frozen=True):
    """Why a case was refused: where, which field, and the reason."""

    file: str
    line: int
    case: str
    field: str
    reason: str


class ImportSummary(msgspec.Struct, frozen=True):
    """What an import did: `recorded` entries are new, `known` were there before."""

    source: str
    cases: int
    events: int
    recorded: int
    known: int
    disordered: int
    refused_cases: int
    problems: tuple[ImportProblem, ...]
    sealed_attributes: tuple[str, ...]


Progress = Callable[[int, int], None]
"""(events done, events in the file)."""


class _Import:
    """One run over one file."""

    def __init__(
        self,
        path: Path,
        log: EntryLog,
        *,
        key: SigningKey,
        keys: KeyStore,
        now: Callable[[], datetime],
        progress: Progress,
    ) -> None:
        self.path = path
        self.log = log
        self.key = key
        self.keys = keys
        self.now = now
        self.progress = progress
        self.ledger = log.origin.rpartition("/")[0]
        self.total = 0
        self.done = 0
        self.cases = 0
        self.recorded = 0
        self.known = 0
        self.disordered = 0
        self.problems: list[ImportProblem] = []
        self._window: list[SignedAction] = []

    def problem(self, line: int, case: str, field: str, reason: str) -> None:
        """Note that a case is refused."""
        self.problems.append(ImportProblem(self.path.name, line, case, field, reason))

    def add_case(self, case: SourceCase, rules: ImportRules) -> None:
        """Check a whole case, then queue what is not recorded yet."""
        self.cases += 1
        try:
            built = case_actions(case, rules, self._seal)
            self._check_owner(built.stream, rules.source, case)
            self._check_possible(built.actions, case)
            bodies = [encode_action(action) for action in built.actions]
            new = self._unrecorded(built.actions, bodies, case)
        except CaseError as error:
            self.problem(error.line, case.name, error.field, error.reason)
        else:
            self.disordered += built.disordered
            self.known += len(built.actions) - len(new)
            self._queue(new)
        self.done += len(case.events)
        self.progress(self.done, self.total)

    def _check_owner(self, stream: str, source: str, case: SourceCase) -> None:
        """A dossier id that another source owns is refused."""
        first = self.log.stream_entries(stream, limit=1)
        if not first:
            return
        data = decode_entry(first[0]).action["data"]
        owner = data.get("source_log") or data.get("imported", {}).get("source_log", "this ledger")
        if owner != source:
            reason = f"dossier {plain_id(stream)} belongs to {owner}: use --prefix to keep apart"
            raise CaseError(case.line, "case", reason)

    def _check_possible(self, actions: Sequence[Action], case: SourceCase) -> None:
        latest = format_instant(self.now() + timedelta(seconds=OCCURRED_AHEAD_SECONDS_MAX))
        for action in actions:
            if action.occurred_at.at > latest:
                reason = f"{action.occurred_at.at} lies in the future"
                raise CaseError(case.line, "time", reason)
        if all(action.type == IMPORTED_TYPE for action in actions):
            return
        state = EMPTY_DOSSIER
        for version, action in enumerate(actions, 1):
            decision = decide(state, action, DEFAULT_RULES)
            if isinstance(decision, Impossible):
                raise CaseError(case.line, decision.field, decision.message)
            state = evolve(state, action, version)

    def _unrecorded(
        self, actions: Iterable[Action], bodies: Iterable[bytes], case: SourceCase
    ) -> list[tuple[Action, bytes]]:
        new = []
        for action, body in zip(actions, bodies, strict=True):
            place = self.log.place_of(action.id)
            if place is None:
                new.append((action, body))
            elif place.digest != sha256(body).digest():
                reason = f"action {action.id} is recorded at index {place.index} with other bytes"
                raise CaseError(case.line, "id", reason)
        return new

    def _queue(self, actions: list[tuple[Action, bytes]]) -> None:
        for start in range(0, len(actions), SUBMISSION_ACTIONS_MAX):
            part = actions[start : start + SUBMISSION_ACTIONS_MAX]
            self._window += [
                SignedAction(action.id, action.stream, action.type, body, ())
                for action, body in part
            ]
        if len(self._window) >= WINDOW_ACTIONS:
            self.flush()

    def flush(self) -> None:
        """Sign and record what is queued; a submission for each signature."""
        submissions = []
        for start in range(0, len(self._window), SUBMISSION_ACTIONS_MAX):
            part = self._window[start : start + SUBMISSION_ACTIONS_MAX]
            sigs = self.key.sign([action.data for action in part])
            signed = tuple(
                msgspec.structs.replace(action, sigs=sig)
                for action, sig in zip(part, sigs, strict=True)
            )
            submissions.append(Submission(signed))
        self._window = []
        if submissions:
            self.record(submissions)

    def record(self, submissions: list[Submission]) -> None:
        """Send submissions and count; a refusal notes the stream that it concerns."""
        for submission, answer in zip(submissions, self.log.submit(submissions), strict=True):
            if isinstance(answer, Recorded):
                self.recorded += answer.new
                self.known += len(answer.places) - answer.new
                continue
            stream = next(
                (a.stream for a in submission.actions if a.id == answer.action_id), "dossier:?"
            )
            self.problem(0, plain_id(stream), "action", f"{answer.code}: {answer.message}")

    def _seal(self, stream: str, path: str, text: str) -> dict[str, object]:
        """Seal with the dossier's subject key.

        The nonce is derived from key, place and text, so that importing again gives the same bytes.
        That is safe: one nonce comes again only for the very same text at the same place, which
        shows no more than that it is the same (deterministic AEAD, as in RFC 8452's rationale).
        """
        try:
            key = self.keys.subjects().create(stream)
        except SubjectErasedError as error:
            raise CaseError(0, path, str(error)) from error
        material = b"\n".join((b"pal/import-nonce/v1", path.encode(), text.encode()))
        nonce = hmac.digest(key.raw, material, "sha256")[:NONCE_BYTES]
        return seal_text(key, stream, path, text, nonce)

    def summary(self, source: str, sealed: tuple[str, ...]) -> ImportSummary:
        """The result of the run."""
        refused = len({problem.case for problem in self.problems})
        return ImportSummary(
            source,
            self.cases,
            self.total,
            self.recorded,
            self.known,
            self.disordered,
            refused,
            tuple(self.problems),
            sealed,
        )


def import_file(
    path: Path,
    log: EntryLog,
    key: SigningKey,
    keys: KeyStore,
    options: ImportOptions,
    *,
    now: Callable[[], datetime],
    progress: Progress = lambda _done, _total: None,
) -> ImportSummary:
    """Import a file by the ending of its name: .xes, .csv, .jsonl, each also with .gz.

    Raises `FileRefusedError` (nothing recorded) where the file as a whole is bad.
    """
    run = _Import(path, log, key=key, keys=keys, now=now, progress=progress)
    mapping = _load_mapping(options.mapping)
    kind = next((s for s in reversed(path.suffixes) if s != ".gz"), "").lower()
    if kind == ".jsonl":
        return _import_actions(run)
    if kind == ".xes":
        return _import_xes(run, options, mapping)
    if kind == ".csv":
        return _import_csv(run, options, mapping)
    raise FileRefusedError(
        path, 0, "its name ends in none of .xes, .csv, .jsonl (or these with .gz)"
    )


def _load_mapping(path: Path | None) -> ImportMapping:
    if path is None:
        return NO_MAPPING
    try:
        return convert_mapping(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise FileRefusedError(path, 0, str(error)) from error


def _rules(run: _Import, options: ImportOptions, mapping: ImportMapping, name: str) -> ImportRules:
    zone = None
    if options.timezone:
        try:
            zone = ZoneInfo(options.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise FileRefusedError(
                run.path,
                0,
                f"unknown time zone {options.timezone!r}",
                "for example Asia/Ho_Chi_Minh",
            ) from error
    source = options.source or name or stem(run.path)
    return ImportRules(source, options.prefix, zone, mapping)


def _import_xes(run: _Import, options: ImportOptions, mapping: ImportMapping) -> ImportSummary:
    overview = xes.summarise(run.path)
    rules = _rules(run, options, mapping, overview.name)
    run.total = overview.events
    return _run_cases(run, rules, xes.read_cases(run.path), overview.repeated)


def _import_csv(run: _Import, options: ImportOptions, mapping: ImportMapping) -> ImportSummary:
    cases = csv_log.read_cases(run.path, mapping.columns)
    run.total = sum(len(case.events) for case in cases)
    return _run_cases(run, _rules(run, options, mapping, ""), iter(cases), frozenset())


def _run_cases(
    run: _Import, rules: ImportRules, cases: Iterator[SourceCase], repeated: frozenset[str]
) -> ImportSummary:
    for case in cases:
        if case.name in repeated:
            run.cases += 1
            run.done += len(case.events)
            run.problem(case.line, case.name, "case", "two traces have this name")
            continue
        run.add_case(case, rules)
    run.flush()
    return run.summary(rules.source, rules.mapping.personal)


def _import_actions(run: _Import) -> ImportSummary:
    """JSON lines: check every line of the file, then record dossier by dossier what is good."""
    lines = list(jsonl_log.read_actions(run.path))
    run.total = len(lines)
    ring = KeyRing()
    for item in run.log.stream_entries(f"ledger:{run.log.origin}"):
        entry = decode_entry(item)
        ring.apply(entry.seal.type, entry.action["data"])
    by_stream: dict[str, list[tuple[jsonl_log.ActionLine, Action]]] = {}
    bad: set[str] = set()
    for line in lines:
        try:
            action = check_action_bytes(line.data, run.ledger, run.now())
            if line.sigs:
                check_signatures(line.data, line.sigs, ring)
        except RefusedError as error:
            bad.add(line.stream)
            run.problem(line.line, line.stream, error.field or error.code, str(error))
            continue
        by_stream.setdefault(action.stream, []).append((line, action))
    for stream, found in by_stream.items():
        if stream not in bad:
            _add_stream(run, stream, found)
        run.done += len(found)
        run.progress(run.done, run.total)
    run.flush()
    run.cases = len(by_stream.keys() | bad)
    return run.summary("actions", ())


def _add_stream(
    run: _Import, stream: str, found: list[tuple[jsonl_log.ActionLine, Action]]
) -> None:
    state = EMPTY_DOSSIER
    for data in run.log.stream_entries(stream):
        entry = decode_entry(data)
        state = evolve(state, msgspec.convert(entry.action, Action), entry.seal.version)
    new: list[tuple[jsonl_log.ActionLine, Action]] = []
    for line, action in found:
        place = run.log.place_of(action.id)
        if place is not None and place.digest == sha256(line.data).digest():
            run.known += 1
            continue
        if place is not None:
            reason = f"the id is recorded at index {place.index} with other bytes"
            run.problem(line.line, stream, "id", reason)
            return
        if stream.startswith("dossier:"):
            decision = decide(state, action, DEFAULT_RULES)
            if isinstance(decision, Impossible):
                run.problem(line.line, stream, decision.field, decision.message)
                return
            state = evolve(state, action, state.version + 1)
        new.append((line, action))
    signed = [
        SignedAction(a.id, a.stream, a.type, line.data, line.sigs or run.key.sign([line.data])[0])
        for line, a in new
    ]
    for start in range(0, len(signed), SUBMISSION_ACTIONS_MAX):
        run.record([Submission(tuple(signed[start : start + SUBMISSION_ACTIONS_MAX]))])
