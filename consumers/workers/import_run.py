"""One pass of an import over a file: what is queued, signed, recorded and refused, log by log.

A submission is all or none within one log: what a pass records is queued, signed and sent for each
log by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from ledger.adapters.keys import KeyStore
from ledger.app.limits import SUBMISSION_ACTIONS_MAX
from ledger.app.ports import EntryLog
from ledger.app.submission import (
    LedgerError,
    Recorded,
    Refused,
    SignedAction,
    Submission,
    UnavailableError,
)
from ledger.core.action import Action, plain_id
from ledger.core.canonical import encode_canonical
from ledger.core.ids import log_number
from ledger.core.times import format_instant
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, evolve
from ledger.domain.upcasting import upcast
from ledger.entry.entry import ENTRY_BYTES_MAX, FORMAT_VERSION, Seal, Signature, decode_entry
from ledger.entry.signatures import SigningKey

WINDOW_ACTIONS: Final = 4 * SUBMISSION_ACTIONS_MAX
"""Actions sent to the writer together: enough to keep it busy, few enough to bound memory."""

WINDOW_BYTES: Final = 16 * 2**20
"""The same for their bytes."""

QUEUED_ACTIONS_MAX: Final = 8 * WINDOW_ACTIONS
"""Actions queued for all logs of a ledger together: memory does not grow with their number."""

QUEUED_BYTES_MAX: Final = 4 * WINDOW_BYTES
"""The same for their bytes."""

_SEAL_AMPLE: Final = 8 * 1024
"""More than a seal with one signature takes beside its stream: most actions need no reckoning."""

_PATH_MAX: Final = SUBMISSION_ACTIONS_MAX.bit_length()
_COUNT_MAX: Final = 2**53 - 1

Progress = Callable[[int, int], None]
"""(events done, events in the file)."""


VALUE_CHARACTERS_MAX: Final = 200
"""Of a value that is refused: enough to find it in the line that is named beside it."""


class ImportProblem(msgspec.Struct, frozen=True):
    """Why a case was refused: where, which field, the reason, and the value as JSON ("" = none)."""

    file: str
    line: int
    case: str
    field: str
    reason: str
    value: str = ""


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


class Source(msgspec.Struct, frozen=True):
    """A file that was read whole and can be imported: its name as source, what is sealed, how many
    events it has; `feed` goes over it once."""

    name: str
    sealed: tuple[str, ...]
    events: int
    feed: Callable[[ImportRun], None]


class LogImport:
    """What one pass does in one log."""

    def __init__(
        self, file: str, log: EntryLog, key: SigningKey, now: Callable[[], datetime], *, write: bool
    ) -> None:
        self.file = file
        self.log = log
        self.key = key
        self.now = now
        self.cases = 0
        self.events = 0
        self.recorded = 0
        self.known = 0
        self.missing = 0
        """Actions that a pass which only looks found unrecorded."""
        self.disordered = 0
        self.refused = 0
        self.problems: list[ImportProblem] = []
        self._write = write
        self._window: list[SignedAction] = []
        self._pending: dict[str, bytes] = {}
        self._bytes = 0

    @property
    def queued(self) -> tuple[int, int]:
        """Actions that wait to be sent, and their bytes."""
        return len(self._window), self._bytes

    def refuse(self, line: int, case: str, field: str, reason: str, value: object = None) -> None:
        """Note that a case is refused, and why."""
        self.refused += 1
        self.problem(line, case, field, reason, value)

    def problem(self, line: int, case: str, field: str, reason: str, value: object = None) -> None:
        """Note one of several problems of a case."""
        shown = "" if value is None else msgspec.json.encode(value).decode()[:VALUE_CHARACTERS_MAX]
        self.problems.append(ImportProblem(self.file, line, case, field, reason, shown))

    def known_digest(self, action_id: str, *, begun: bool = True) -> bytes | None:
        """SHA-256 of the action that is recorded or queued under an id.

        Recorded ids of a stream that has not `begun` are not sought: an id that is recorded in
        another stream all the same is refused by the writer.
        """
        pending = self._pending.get(action_id)
        if pending is not None or not begun:
            return pending
        place = self.log.place_of(action_id)
        return None if place is None else place.digest

    def fits(
        self, stream: str, type_name: str, body: bytes, sigs: Sequence[Signature] = ()
    ) -> bool:
        """Whether an entry can hold the action, wherever in the log it comes to stand."""
        if not sigs and len(body) + 2 * len(stream) + _SEAL_AMPLE <= ENTRY_BYTES_MAX:
            return True
        seal = Seal(
            index=_COUNT_MAX,
            origin=self.log.origin,
            prev="0" * 64,
            recorded_at=format_instant(self.now()),
            sigs=(),
            stream=stream,
            stream_prev="0" * 64,
            type=type_name,
            v=FORMAT_VERSION,
            version=_COUNT_MAX,
        )
        own = 150 + len(self.key.id) + 47 * _PATH_MAX
        given = sum(150 + len(s.key) + 47 * len(s.path) for s in sigs)
        return len(encode_canonical(seal)) + (given or own) + 1 + len(body) <= ENTRY_BYTES_MAX

    def queue(self, actions: Sequence[SignedAction]) -> None:
        """Queue the actions of one stream; those without signature are signed when they go."""
        if not self._write:
            self.missing += len(actions)
            return
        self._window += actions
        for action in actions:
            self._pending[action.id] = sha256(action.data).digest()
            self._bytes += len(action.data)
        if len(self._window) >= WINDOW_ACTIONS or self._bytes >= WINDOW_BYTES:
            self.flush()

    def flush(self) -> None:
        """Record what is queued: a submission, and one signature, for each thousand actions."""
        window, self._window, self._bytes = self._window, [], 0
        parts = [
            window[start : start + SUBMISSION_ACTIONS_MAX]
            for start in range(0, len(window), SUBMISSION_ACTIONS_MAX)
        ]
        if parts:
            answers = self.log.submit([self._sign(part) for part in parts])
            for part, answer in zip(parts, answers, strict=True):
                self._settle(part, answer)
        self._pending = {}

    def _sign(self, actions: Sequence[SignedAction]) -> Submission:
        unsigned = [action for action in actions if not action.sigs]
        sigs = iter(self.key.sign([action.data for action in unsigned]) if unsigned else ())
        return Submission(
            tuple(
                action if action.sigs else msgspec.structs.replace(action, sigs=next(sigs))
                for action in actions
            )
        )

    def _settle(self, actions: list[SignedAction], answer: Recorded | Refused) -> None:
        """Count; where another writer came first, leave out the streams concerned and go on.

        Raises `UnavailableError` where the key of this process was revoked meanwhile: no case of
        the file is at fault.
        """
        while isinstance(answer, Refused):
            refused = next((each for each in actions if each.id == answer.action_id), None)
            if answer.code == "signature.invalid" and refused is not None and not refused.sigs:
                raise UnavailableError(
                    answer.message,
                    next_step="start the import again: it signs with the key that is there now",
                )
            bad = {action.stream for action in actions if self._is_taken(action)}
            bad |= {action.stream for action in actions if action.id == answer.action_id}
            if not bad:  # a refusal that names no action of ours: nothing of it was recorded
                bad = {action.stream for action in actions}
            for stream in sorted(bad):
                reason = f"{answer.code}: {answer.message}"
                self.refuse(0, plain_id(stream), "action", reason)
            actions = [action for action in actions if action.stream not in bad]
            if not actions:
                return
            (answer,) = self.log.submit([self._sign(actions)])
        self.recorded += answer.new
        self.known += len(answer.places) - answer.new

    def _is_taken(self, action: SignedAction) -> bool:
        place = self.log.place_of(action.id)
        return place is not None and place.digest != sha256(action.data).digest()

    def recorded_state(self, stream: str) -> DossierState:
        """The dossier as its recorded entries make it."""
        state = EMPTY_DOSSIER
        for data in self.log.stream_entries(stream):
            entry = decode_entry(data)
            action = upcast(msgspec.convert(entry.action, Action))
            state = evolve(state, action, entry.seal.version)
        return state


class ImportRun:
    """One pass over one file, for the logs that it is given out of a ledger with `count` logs.

    Cases of other logs are left alone. A pass that does not `write` only looks what is missing.
    """

    def __init__(
        self,
        path: Path,
        logs: Mapping[int, EntryLog],
        count: int,
        *,
        key: SigningKey,
        keys: KeyStore,
        now: Callable[[], datetime],
        progress: Progress,
        events: int,
        write: bool = True,
        is_lost: Callable[[int], bool] = lambda _number: False,
    ) -> None:
        self.path = path
        self.keys = keys
        self.now = now
        self.ledger = next(iter(logs.values())).origin.rpartition("/")[0]
        self.parts = {
            number: LogImport(path.name, log, key, now, write=write) for number, log in logs.items()
        }
        self.skipped: Counter[int] = Counter()
        """Events of the logs that this pass leaves alone, by log number."""
        self._count = count
        self._progress = progress
        self._is_lost = is_lost
        self._total = events
        self._done = 0

    def advance(self, events: int) -> None:
        """Report that so many events of the file are done with."""
        self._done += events
        self._progress(self._done, self._total)
        queued = [part.queued for part in self.parts.values()]
        actions, size = (sum(numbers) for numbers in zip((0, 0), *queued, strict=True))
        if actions >= QUEUED_ACTIONS_MAX or size >= QUEUED_BYTES_MAX:
            self.flush()

    def part_of(self, stream: str, events: int) -> LogImport | None:
        """What this pass does in the log of a stream; None where that log is not its own: then
        the events are counted as skipped.

        What has no valid stream is refused, by whoever has log 0.
        """
        try:
            number = log_number(stream, self._count)
        except ValueError:
            number = 0
        part = self.parts.get(number)
        if part is None:
            self.skipped[number] += events
        return part

    def give_up(self, part: LogImport) -> bool:
        """Leave a log to the process that owns it now; False where this one owns it still."""
        for number, own in self.parts.items():
            if own is part and self._is_lost(number):
                del self.parts[number]
                return True
        return False

    def flush(self) -> None:
        """Record whatever is still queued."""
        for part in list(self.parts.values()):
            try:
                part.flush()
            except LedgerError:
                if not self.give_up(part):
                    raise


def summarise(source: Source, parts: Iterable[LogImport]) -> ImportSummary:
    """The result of a pass, or of several that had different logs."""
    done = list(parts)

    problems = [problem for part in done for problem in part.problems]

    def total(name: str) -> int:
        return sum(getattr(part, name) for part in done)

    return ImportSummary(
        source.name,
        total("cases"),
        total("events"),
        total("recorded"),
        total("known"),
        total("disordered"),
        total("refused"),
        tuple(sorted(problems, key=lambda p: p.line) if len(done) > 1 else problems),
        source.sealed,
    )
