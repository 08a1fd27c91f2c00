"""Import a foreign log into a ledger: resumable, idempotent, case by case.

The file is read whole before the first write: a bad file is refused whole. A bad event refuses its
case only. What is recorded already is found by its id and not sent again.
"""

from __future__ import annotations

import hmac
import tomllib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from consumers.workers.import_actions import actions_source
from consumers.workers.import_run import (
    ImportProblem,
    ImportRun,
    ImportSummary,
    LogImport,
    Progress,
    Source,
    summarise,
)
from consumers.workers.prepare import CasesFile, PreparedCase, check_possible, encode
from consumers.workers.prepare_process import prepared_cases
from ledger.adapters import csv_log, xes
from ledger.adapters.keys import KeyStore, SubjectErasedError, SubjectKeys
from ledger.adapters.profiles import profile_text, shipped_profiles
from ledger.adapters.source_files import FileRefusedError, stem
from ledger.app.limits import OCCURRED_AHEAD_SECONDS_MAX
from ledger.app.ports import EntryLog
from ledger.app.submission import LedgerError, SignedAction
from ledger.core.action import Action, plain_id
from ledger.core.times import format_instant
from ledger.domain.dossier import EMPTY_DOSSIER
from ledger.domain.importing import (
    NO_MAPPING,
    CaseActions,
    CaseError,
    ImportMapping,
    ImportRules,
    SourceCase,
    case_actions,
    convert_mapping,
)
from ledger.entry.entry import decode_entry
from ledger.entry.sealed import NONCE_BYTES, SealedError, SubjectKey, seal_text
from ledger.entry.signatures import SigningKey
from projections.runtime.collection import rare_collection

__all__ = ["ImportOptions", "ImportProblem", "ImportSummary", "import_file", "read_source"]

_NONCE_PREFIX: Final = b"pal/import-nonce/v1"


class ImportOptions(msgspec.Struct, frozen=True):
    """What the user may say about a file; "" leaves it to the file."""

    source: str = ""
    prefix: str = ""
    timezone: str = ""
    mapping: Path | None = None


def import_file(
    path: Path,
    logs: Sequence[EntryLog],
    key: SigningKey,
    keys: KeyStore,
    options: ImportOptions,
    *,
    now: Callable[[], datetime],
    progress: Progress = lambda _done, _total: None,
) -> ImportSummary:
    """Import a file into a ledger, all of whose logs this process writes; see `read_source`.

    Raises `FileRefusedError` (nothing recorded) where the file as a whole is bad.
    """
    source = read_source(path, options)
    run = ImportRun(
        path,
        dict(enumerate(logs)),
        len(logs),
        key=key,
        keys=keys,
        now=now,
        progress=progress,
        events=source.events,
    )
    source.feed(run)
    return summarise(source, run.parts.values())


def read_source(path: Path, options: ImportOptions) -> Source:
    """Read a file whole, by the ending of its name: .xes, .csv, .jsonl, each also with .gz.

    Raises `FileRefusedError` where the file as a whole is bad.
    """
    mapping = _load_mapping(options.mapping)
    kind = next((s for s in map(str.lower, reversed(path.suffixes)) if s != ".gz"), "")
    if kind == ".jsonl":
        return actions_source(path)
    table: csv_log.LogSummary | None = None
    repeated: frozenset[str] = frozenset()
    if kind == ".xes":
        overview = xes.summarise(path)
        events, repeated = overview.events, overview.repeated
        rules = _rules(path, options, mapping, overview.name, xes.CLEAR_NAMES)
    elif kind == ".csv":
        table = csv_log.summarise(path, mapping.columns)
        events = table.events
        rules = _rules(path, options, mapping, "", table.clear_names())
    else:
        raise FileRefusedError(
            path, 0, "its name ends in none of .xes, .csv, .jsonl (or these with .gz)"
        )
    file = CasesFile(
        path=str(path),
        source=rules.source,
        prefix=rules.prefix,
        timezone=options.timezone,
        mapping=mapping,
        events=events,
        table=table,
        repeated=repeated,
    )
    return _cases_source(file)


def _load_mapping(path: Path | None) -> ImportMapping:
    if path is None:
        return NO_MAPPING
    try:
        text = profile_text(path)
        if text is not None:
            return convert_mapping(tomllib.loads(text))
    except (OSError, ValueError) as error:
        raise FileRefusedError(path, 0, str(error)) from error
    known = ", ".join(shipped_profiles())
    raise FileRefusedError(path, 0, "neither a file nor a shipped mapping", f"shipped: {known}")


def _rules(
    path: Path,
    options: ImportOptions,
    mapping: ImportMapping,
    name: str,
    clear_names: frozenset[str],
) -> ImportRules:
    clear = sorted(clear_names.intersection(mapping.personal))
    if clear:
        raise FileRefusedError(
            options.mapping or path,
            0,
            f"personal: {', '.join(clear)} stands in the envelope in clear, so it cannot be sealed",
            "put account names, codes and not persons' names there, in the source's export",
        )
    zone = None
    if options.timezone:
        try:
            zone = ZoneInfo(options.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise FileRefusedError(
                path,
                0,
                f"unknown time zone {options.timezone!r}",
                "for example Asia/Ho_Chi_Minh",
            ) from error
    return ImportRules(options.source or name or stem(path), options.prefix, zone, mapping)


def _cases_source(file: CasesFile) -> Source:
    rules = file.rules()

    def feed(run: ImportRun) -> None:
        sealer = _Sealer(run.keys) if rules.mapping.personal else None
        with rare_collection(), prepared_cases(file) as cases:
            for case in cases:
                _take_case(run, case, rules, sealer)
                run.advance(case.events)
        run.flush()

    return Source(rules.source, rules.mapping.personal, file.events, feed)


def _take_case(
    run: ImportRun, prepared: PreparedCase, rules: ImportRules, sealer: _Sealer | None
) -> None:
    """Import a case if its log is one of this pass's."""
    part = run.part_of(prepared.stream, prepared.events)
    if part is None:
        return
    try:
        _add_case(part, prepared, rules, sealer)
    except CaseError as error:
        line = error.line or prepared.line
        part.refuse(line, prepared.name, error.field, error.reason, error.value)
    except LedgerError:
        if not run.give_up(part):
            raise
        return
    part.cases += 1
    part.events += prepared.events


class _Sealer:
    """Seals personal attributes with the subject key of their dossier."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._subjects: SubjectKeys | None = None
        self._last: tuple[str, SubjectKey] | None = None

    def __call__(self, stream: str, path: str, text: str) -> dict[str, object]:
        """The sealed text.

        The nonce is derived from key, place and text, so that importing again gives the same bytes.
        That is safe: one nonce comes again only with the very same text in the same place of the
        same dossier, which shows no more than that it is the same (a synthetic nonce, as in
        RFC 8452). Other texts share a nonce by a collision of 96 bits only, among the few texts of
        one dossier: every dossier has a key of its own.
        """
        key = self._key(stream)
        material = b"\n".join((_NONCE_PREFIX, stream.encode(), path.encode(), text.encode()))
        nonce = hmac.digest(key.raw, material, "sha256")[:NONCE_BYTES]
        try:
            return seal_text(key, stream, path, text, nonce)
        except SealedError as error:
            raise CaseError(0, path, str(error)) from error

    def _key(self, stream: str) -> SubjectKey:
        if self._last is None or self._last[0] != stream:
            self._subjects = self._subjects or self._keys.subjects()
            try:
                self._last = (stream, self._subjects.create(stream))
            except SubjectErasedError as error:
                raise CaseError(0, "personal", str(error)) from error
        return self._last[1]


def _add_case(
    part: LogImport, prepared: PreparedCase, rules: ImportRules, sealer: _Sealer | None
) -> None:
    """Check a whole case, then queue what is not recorded yet."""
    if prepared.refusal is not None:
        raise prepared.refusal.error()
    stream = prepared.stream
    first_id = _check_owner(part, stream, rules.source, prepared.line)
    if first_id or sealer is not None:
        _add_again(part, prepared.source_case(), rules, sealer, first_id)
        return
    if prepared.fault is not None:
        raise prepared.fault.error()
    _check_times(part, [(action.line, action.occurred_at) for action in prepared.actions])
    for action in prepared.actions:
        _check_fits(part, action.line, stream, action.type, action.data)
    if prepared.impossible is not None:
        raise prepared.impossible.error()
    part.disordered += prepared.disordered
    part.queue([SignedAction(a.id, stream, a.type, a.data, ()) for a in prepared.actions])


def _add_again(
    part: LogImport, case: SourceCase, rules: ImportRules, sealer: _Sealer | None, first_id: str
) -> None:
    """A case that has to be sealed, or whose dossier is begun: some of it may be recorded."""
    built = case_actions(case, rules, sealer, first_id)
    lines, actions = built.lines, built.actions
    _check_times(part, [(n, a.occurred_at.at) for n, a in zip(lines, actions, strict=True)])
    new = _unrecorded(part, built, begun=bool(first_id))
    check_possible(
        lambda: part.recorded_state(built.stream) if first_id else EMPTY_DOSSIER,
        [(line, action) for line, action, _ in new],
    )
    part.disordered += built.disordered
    part.known += len(built.actions) - len(new)
    part.queue([SignedAction(a.id, a.stream, a.type, body, ()) for _, a, body in new])


def _check_owner(part: LogImport, stream: str, source: str, line: int) -> str:
    """The id of the dossier's first action, "" without one; another source's dossier is refused."""
    first = part.log.stream_entries(stream, limit=1)
    if not first:
        return ""
    action = decode_entry(first[0]).action
    data = action["data"]
    owner = data.get("source_log") or data.get("imported", {}).get("source_log", "this ledger")
    if owner != source:
        reason = f"dossier {plain_id(stream)} belongs to {owner}: use --prefix to keep apart"
        raise CaseError(line, "case", reason)
    return str(action["id"])


def _check_times(part: LogImport, times: Sequence[tuple[int, str]]) -> None:
    latest = format_instant(part.now() + timedelta(seconds=OCCURRED_AHEAD_SECONDS_MAX))
    for line, at in times:
        if at > latest:
            raise CaseError(line, "time", f"{at} lies in the future")


def _check_fits(part: LogImport, line: int, stream: str, type_name: str, body: bytes) -> None:
    if not part.fits(stream, type_name, body):
        raise CaseError(line, "attributes", "too large for one entry of 65,535 bytes")


def _unrecorded(
    part: LogImport, built: CaseActions, *, begun: bool
) -> list[tuple[int, Action, bytes]]:
    """(line, action, bytes) of what must be recorded; ids of a dossier not begun are not sought.

    (An id that is recorded in another dossier all the same is refused by the writer.)
    """
    new = []
    for line, action in zip(built.lines, built.actions, strict=True):
        body = encode(line, action)
        digest = part.known_digest(action.id) if begun else None
        if digest is None:
            _check_fits(part, line, action.stream, action.type, body)
            new.append((line, action, body))
        elif digest != sha256(body).digest():
            reason = f"action {action.id} is recorded with other bytes: the case or mapping changed"
            raise CaseError(line, "id", reason)
    return new
