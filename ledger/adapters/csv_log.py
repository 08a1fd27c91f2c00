"""CSV event logs, plain or gzip, UTF-8; usual column names are guessed, a mapping names others."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ledger.adapters.source_files import FILE_BYTES_MAX, FileRefusedError, open_source
from ledger.domain.importing import Attribute, Columns, SourceCase, SourceEvent

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
}
"""Column names in the order of preference, compared without case."""

CASE_PREFIXES: Final = ("case:", "case_")
"""Columns with these prefixes describe the whole case."""

FIELD_BYTES_MAX: Final = 16 * 2**20
"""One field: beyond this the csv module refuses the file."""


def read_cases(path: Path, columns: Columns) -> list[SourceCase]:
    """All cases in order of their first row; raises `FileRefusedError` for the file as a whole."""
    csv.field_size_limit(FIELD_BYTES_MAX)
    try:
        with open_source(path) as raw:
            data = raw.read(FILE_BYTES_MAX + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileRefusedError(path, 0, f"cannot be read: {error}") from error
    if len(data) > FILE_BYTES_MAX:
        raise FileRefusedError(path, 0, f"more than {FILE_BYTES_MAX} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileRefusedError(path, line, "not UTF-8", "save the file as UTF-8") from error
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(rows, [])
        found = _find_columns(path, header, columns)
        return _group(path, rows, header, found)
    except csv.Error as error:
        raise FileRefusedError(path, rows.line_num, str(error)) from error


def _find_columns(path: Path, header: list[str], columns: Columns) -> dict[str, int]:
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
                f"no column for {role} among {', '.join(header[:12])}",
                f'name it in a mapping: [columns] {role} = "…"',
            )
    return found


def _group(
    path: Path, rows: _CsvReader, header: list[str], found: dict[str, int]
) -> list[SourceCase]:
    case_columns = {
        place
        for place, name in enumerate(header)
        if name.lower().startswith(CASE_PREFIXES) and place not in found.values()
    }
    cases: dict[str, tuple[tuple[Attribute, ...], list[SourceEvent], int]] = {}
    for position, row in enumerate(rows):
        if not row:
            continue
        line = rows.line_num
        if len(row) != len(header):
            reason = f"{len(row)} fields, the header has {len(header)}"
            raise FileRefusedError(path, line, reason)
        name = row[found["case"]]
        if name not in cases:
            cases[name] = (_attributes(header, row, case_columns), [], line)
        others = set(range(len(header))) - case_columns - {found["case"]}
        cases[name][1].append(
            SourceEvent(
                activity=row[found["activity"]],
                resource=row[found["resource"]] if "resource" in found else "",
                time=row[found["time"]],
                lifecycle=row[found["lifecycle"]] if "lifecycle" in found else "",
                attributes=_attributes(header, row, others),
                line=line,
                position=position,
            )
        )
    return [
        SourceCase(name, own, tuple(events), line) for name, (own, events, line) in cases.items()
    ]


def _attributes(header: list[str], row: list[str], places: set[int]) -> tuple[Attribute, ...]:
    return tuple((header[place], "string", row[place]) for place in sorted(places) if row[place])
