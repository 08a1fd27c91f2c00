"""CSV event logs, plain or gzip, UTF-8; usual column names are guessed, a mapping names others."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ledger.adapters.source_files import (
    FileRefusedError,
    Together,
    fault_of,
    read_lines,
    weight_of,
)
from ledger.domain.import_limits import CASE_CHARACTERS_MAX, TOKEN_BYTES_MAX
from ledger.domain.importing import Attribute, Columns, Fault, SourceCase, SourceEvent

if TYPE_CHECKING:
    from _csv import Reader as _CsvReader

USUAL_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "case": ("case:concept:name", "case_id", "case id", "caseid", "case", "dossier", "mahoso"),
    "activity": ("concept:name", "activity", "event", "action", "task"),
    "resource": ("org:resource", "resource", "user", "officer", "actor", "nguoixuly"),
    "time": (
        "time:timestamp",
        "timestamp_utc",
        "timestamp",
        "complete timestamp",
        "end_timestamp",
        "time",
        "date",
        "thoidiemxuly",
    ),
    "lifecycle": ("lifecycle:transition", "lifecycle", "transition"),
    "unit": ("phongbanxuly",),
}
"""Column names in the order of preference, compared without case."""

CASE_PREFIXES: Final = ("case:", "case_")
"""Columns with these prefixes describe the whole case."""


class LogSummary(msgspec.Struct, frozen=True):
    """What reading a whole file showed: its header, the column of each role, rows of each case."""

    header: tuple[str, ...]
    roles: dict[str, int]
    rows: dict[str, int]
    events: int

    def clear_names(self) -> frozenset[str]:
        """Columns that the envelope repeats in clear: sealing them would hide nothing."""
        return frozenset(self.header[place] for place in self.roles.values())


class _Open:
    """A case whose last row has not come yet."""

    def __init__(self, own: tuple[Attribute, ...], line: int) -> None:
        self.own = own
        self.known = frozenset(own)
        self.line = line
        self.events: list[SourceEvent] = []
        self.rows = 0
        self.weight = 0
        self.fault: Fault | None = fault_of(own)

    def add(self, event: SourceEvent) -> None:
        self.rows += 1
        self.weight += weight_of(event.attributes)
        if self.weight > CASE_CHARACTERS_MAX:
            reason = f"more than {CASE_CHARACTERS_MAX} characters in one case"
            self.fault, self.events = Fault("events", reason), []
        else:
            self.events.append(event)


def summarise(path: Path, columns: Columns) -> LogSummary:
    """Read the whole file first, so that a bad one is refused before anything is recorded."""
    rows = _rows(path)
    _, first = next(rows, (1, []))
    header = tuple(first)
    roles = _find_columns(path, header, columns)
    together = Together(path)
    events = 0
    for line, row in rows:
        if len(row) != len(header):
            raise FileRefusedError(path, line, f"{len(row)} fields, the header has {len(header)}")
        together.add(row[roles["case"]], sum(map(len, row)), line)
        events += 1
    return LogSummary(header, roles, together.rows, events)


def read_cases(path: Path, overview: LogSummary) -> Iterator[SourceCase]:
    """The cases, each as soon as its last row was read; `overview` is that of the same file."""
    places, others, roles = _places(overview)
    header = overview.header
    cases: dict[str, _Open] = {}
    rows = _rows(path)
    next(rows, None)
    for position, (line, row) in enumerate(rows):
        if len(row) != len(header):
            raise FileRefusedError(path, line, "the file changed while it was read")
        name = row[roles["case"]]
        own = _attributes(header, row, places)
        case = cases.get(name)
        if case is None:
            case = cases[name] = _Open(own, line)
        attributes = _attributes(header, row, others)
        if own != case.own:
            # What changes from row to row is no property of the case: it stays with its event.
            attributes += tuple(item for item in own if item not in case.known)
        fault = fault_of(attributes)
        case.add(
            SourceEvent(
                activity=row[roles["activity"]],
                resource=row[roles["resource"]] if "resource" in roles else "",
                time=row[roles["time"]],
                lifecycle=row[roles["lifecycle"]] if "lifecycle" in roles else "",
                attributes=() if fault else attributes,
                line=line,
                position=position,
                fault=fault,
                unit=row[roles["unit"]] if "unit" in roles else "",
            )
        )
        if case.rows == overview.rows.get(name):
            del cases[name]
            yield SourceCase(name, case.own, tuple(case.events), case.line, case.fault)
    if cases:
        raise FileRefusedError(path, 0, "the file changed while it was read")


def _places(overview: LogSummary) -> tuple[list[int], list[int], dict[str, int]]:
    """Columns of the case, columns of the event, and the column of each role."""
    roles = set(overview.roles.values())
    everything = range(len(overview.header))
    case = [
        place
        for place in everything
        if place not in roles and overview.header[place].lower().startswith(CASE_PREFIXES)
    ]
    event = [p for p in everything if p not in case and p != overview.roles["case"]]
    return case, event, overview.roles


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of the header and of each row that is not empty."""
    csv.field_size_limit(TOKEN_BYTES_MAX)
    rows: _CsvReader = csv.reader(_decoded(path), strict=True)
    try:
        for row in rows:
            if row:
                yield rows.line_num, row
    except csv.Error as error:
        raise FileRefusedError(path, rows.line_num, str(error)) from error


def _decoded(path: Path) -> Iterator[str]:
    for number, line in read_lines(path, TOKEN_BYTES_MAX):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise FileRefusedError(path, number, "not UTF-8", "save the file as UTF-8") from error


def _find_columns(path: Path, header: tuple[str, ...], columns: Columns) -> dict[str, int]:
    lowered = [name.strip().lower() for name in header]
    found: dict[str, int] = {}
    for role, usual in USUAL_NAMES.items():
        wanted = getattr(columns, role)
        if wanted:
            if wanted not in header:
                raise FileRefusedError(path, 1, f"column {wanted!r} of the mapping is not there")
            found[role] = header.index(wanted)
            continue
        match = next((name for name in usual if name in lowered), None)
        if match is not None:
            found[role] = lowered.index(match)
    for role in ("case", "activity", "time"):
        if role not in found:
            raise FileRefusedError(
                path,
                1,
                f"no column for {role} among {', '.join(header[:12])[:400]}",
                f'name it in a mapping: [columns] {role} = "…"',
            )
    return found


def _attributes(
    header: tuple[str, ...], row: list[str], places: list[int]
) -> tuple[Attribute, ...]:
    return tuple([(header[place], "string", row[place]) for place in places if row[place]])
