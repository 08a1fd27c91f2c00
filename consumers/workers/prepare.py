"""Cases of a foreign log made ready to be recorded: all that can be done without a log.

Reading, mapping, checking and encoding are most of an import, and may go on in a process of their
own (`consumers.workers.prepare_process`) while the log is written. What depends on the log is left
to the import: what of a dossier is recorded already, whose it is, the time, and sealing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from ledger.adapters import csv_log, xes
from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.core.action import Action, ActionError, encode_action
from ledger.core.canonical import CanonicalError
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, Impossible, decide, evolve
from ledger.domain.importing import (
    IMPORTED_TYPE,
    CaseError,
    ImportMapping,
    ImportRules,
    SourceCase,
    case_actions,
    dossier_stream,
)

_case_encoder: Final = msgspec.msgpack.Encoder()
_case_decoder: Final = msgspec.msgpack.Decoder(SourceCase)


class CasesFile(msgspec.Struct, frozen=True, tag=True):
    """A file that was read whole, and how it is imported: enough to read its cases again.

    `table` is what was read of a CSV file; None for XES. `repeated` names cases that occur twice.
    """

    path: str
    source: str
    prefix: str
    timezone: str
    mapping: ImportMapping
    events: int
    table: csv_log.LogSummary | None = None
    repeated: frozenset[str] = frozenset()

    def rules(self) -> ImportRules:
        """The rules that its cases are imported by."""
        zone = ZoneInfo(self.timezone) if self.timezone else None
        return ImportRules(self.source, self.prefix, zone, self.mapping)

    def cases(self) -> Iterator[SourceCase]:
        """Its cases; raises `FileRefusedError` where it has changed."""
        if self.table is None:
            return xes.read_cases(Path(self.path))
        return csv_log.read_cases(Path(self.path), self.table)

    def prepare(self) -> Iterator[PreparedCase]:
        """Its cases, made ready one after another."""
        rules = self.rules()
        for case in self.cases():
            yield _prepared(case, rules, self.repeated)


class Refusal(msgspec.Struct, frozen=True, array_like=True):
    """Why a case is refused: line, field, the reason, and the value that stands there."""

    line: int
    field: str
    reason: str
    value: Any = None

    def error(self) -> CaseError:
        """The same to be raised."""
        return CaseError(self.line, self.field, self.reason, self.value)


class PreparedAction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An action that is canonical and of its type: its line, when it occurred, its bytes."""

    line: int
    id: str
    type: str
    occurred_at: str
    data: bytes


class PreparedCase(msgspec.Struct, frozen=True, array_like=True):
    """A case as far as it can be told without a log.

    `stream` is "" where it names none. `actions` are those of a dossier that is not begun, none
    where something has to be sealed. `refusal` holds whatever the log has, `fault` for a dossier
    that is not begun; `impossible` too, once its times are known to be past. `case` is what the
    file says.
    """

    line: int
    name: str
    events: int
    stream: str
    disordered: int
    actions: list[PreparedAction]
    refusal: Refusal | None
    fault: Refusal | None
    impossible: Refusal | None
    case: bytes

    def source_case(self) -> SourceCase:
        """The case as the file has it."""
        return _case_decoder.decode(self.case)


def _prepared(case: SourceCase, rules: ImportRules, repeated: frozenset[str]) -> PreparedCase:
    stream, disordered = "", 0
    actions: list[PreparedAction] = []
    refusal = fault = impossible = None
    try:
        stream = dossier_stream(case, rules)
    except CaseError as error:
        refusal = _refusal(error, case)
    if case.name in repeated:
        refusal = Refusal(case.line, "case", "two traces have this name")
    if refusal is None and not rules.mapping.personal:
        try:
            built = case_actions(case, rules)
            disordered = built.disordered
            actions = [
                PreparedAction(line, a.id, a.type, a.occurred_at.at, encode(line, a))
                for line, a in zip(built.lines, built.actions, strict=True)
            ]
        except CaseError as error:
            fault = _refusal(error, case)
        else:
            impossible = _impossible(list(zip(built.lines, built.actions, strict=True)), case)
    return PreparedCase(
        case.line,
        case.name,
        len(case.events),
        stream,
        disordered,
        actions,
        refusal,
        fault,
        impossible,
        _case_encoder.encode(case),
    )


def _refusal(error: CaseError, case: SourceCase) -> Refusal:
    return Refusal(error.line or case.line, error.field, error.reason, error.value)


def encode(line: int, action: Action) -> bytes:
    """The canonical bytes of an action of a case; raises `CaseError`."""
    try:
        return encode_action(action)
    except (ActionError, CanonicalError) as error:
        raise CaseError(line, "data", str(error)) from error


def _impossible(actions: Sequence[tuple[int, Action]], case: SourceCase) -> Refusal | None:
    try:
        check_possible(lambda: EMPTY_DOSSIER, actions)
    except CaseError as error:
        return _refusal(error, case)
    return None


def check_possible(
    state_before: Callable[[], DossierState], actions: Sequence[tuple[int, Action]]
) -> None:
    """Decide what a mapping made; an action that none named is possible at any time.

    Raises `CaseError` for the first that is impossible.
    """
    if all(action.type == IMPORTED_TYPE for _, action in actions):
        return
    state = state_before()
    for line, action in actions:
        decision = decide(state, action, DEFAULT_RULES)
        if isinstance(decision, Impossible):
            raise CaseError(line, decision.field, decision.message, decision.value)
        state = evolve(state, action, state.version + 1)
