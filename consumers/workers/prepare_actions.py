"""Streams of a file of actions made ready to be recorded: all that can be done without a log.

What depends on the log is left to the import: what of a stream is recorded already, the time, and
whose signatures are valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from consumers.workers.prepare import Refusal
from ledger.adapters import jsonl_log
from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.adapters.source_files import FileRefusedError
from ledger.app.intake import check_action_form
from ledger.app.submission import RefusedError
from ledger.core.action import Action
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, Impossible, decide, evolve
from ledger.domain.events import PERSONAL_NAMES
from ledger.domain.importing import CaseError
from ledger.domain.upcasting import upcast
from ledger.entry.entry import Signature


class ActionsFile(msgspec.Struct, frozen=True, tag=True):
    """A file of actions that was read whole: the actions of each stream, and the ledger's name."""

    path: str
    rows: dict[str, int]
    ledger: str

    @property
    def events(self) -> int:
        """How many actions it has."""
        return sum(self.rows.values())

    def prepare(self) -> Iterator[PreparedStream]:
        """Its streams, each when its last line has come.

        Raises `FileRefusedError` where the file has changed.
        """
        path = Path(self.path)
        streams: dict[str, _OpenStream] = {}
        for line in jsonl_log.read_actions(path):
            stream = streams.get(line.stream)
            if stream is None:
                stream = streams[line.stream] = _OpenStream(line.stream)
            stream.add(line, self.ledger)
            if stream.rows == self.rows.get(line.stream):
                del streams[line.stream]
                yield stream.prepared()
        if streams:
            raise FileRefusedError(path, 0, "the file changed while it was read")


class PreparedLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A line that holds an action for this ledger."""

    line: int
    id: str
    type: str
    occurred_at: str
    data: bytes
    sigs: tuple[Signature, ...] | None


class PreparedStream(msgspec.Struct, frozen=True, array_like=True):
    """The lines of one stream. `problems` are those of lines that are no action for this ledger.

    `impossible` says which of a stream that is not begun does not follow from those before it.
    """

    stream: str
    events: int
    lines: list[PreparedLine]
    problems: list[Refusal]
    impossible: Refusal | None


Check = Callable[[int, Action], int | None]
"""(line, action) to the version that it is decided for; raises `CaseError`."""


def possible(stream: str, state_before: Callable[[], DossierState]) -> Check:
    """A check of one action after another. Only dossiers are decided."""
    if not stream.startswith("dossier:"):
        return lambda _line, _action: None
    state = state_before()

    def check(line: int, action: Action) -> int:
        nonlocal state
        action = upcast(action)
        decision = decide(state, action, DEFAULT_RULES)
        if isinstance(decision, Impossible):
            raise CaseError(line, decision.field, decision.message, decision.value)
        state = evolve(state, action, state.version + 1)
        return state.version

    return check


def refusal_of(error: RefusedError, line: int) -> Refusal:
    """What is told of a line; a value that should be sealed is not repeated."""
    field = error.field or error.code
    value = error.value if PERSONAL_NAMES.isdisjoint(field.split(".")) else None
    return Refusal(line, field, str(error), value)


class _OpenStream:
    """A stream whose last line has not come yet."""

    def __init__(self, stream: str) -> None:
        self.rows = 0
        self._stream = stream
        self._lines: list[PreparedLine] = []
        self._problems: list[Refusal] = []
        self._impossible: Refusal | None = None
        self._check = possible(stream, lambda: EMPTY_DOSSIER)
        self._seen: set[str] = set()

    def add(self, line: jsonl_log.ActionLine, ledger: str) -> None:
        """The next line."""
        self.rows += 1
        try:
            action = check_action_form(line.data, ledger)
        except RefusedError as error:
            self._problems.append(refusal_of(error, line.line))
            return
        at = action.occurred_at.at
        self._lines.append(
            PreparedLine(line.line, action.id, action.type, at, line.data, line.sigs)
        )
        # The same id again is the same action, or refused by the import.
        if self._problems or self._impossible is not None or action.id in self._seen:
            return
        self._seen.add(action.id)
        try:
            self._check(line.line, action)
        except CaseError as error:
            self._impossible = Refusal(error.line, error.field, error.reason, error.value)

    def prepared(self) -> PreparedStream:
        """All of it."""
        return PreparedStream(
            self._stream, self.rows, self._lines, self._problems, self._impossible
        )
