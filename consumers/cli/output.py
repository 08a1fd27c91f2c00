"""Data on stdout in four formats. What is exported names its filter, moment, log and head."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from consumers.cli.moments import ZONE_NAME, machine_instant, show_duration, show_instant
from consumers.cli.options import Format, Lang
from consumers.cli.terminal import paint, safe_text, say, width_of
from consumers.cli.texts import text
from ledger.core.chain import Head
from ledger.core.ids import log_of

Kind = Literal["text", "instant", "number", "seconds"]
Row = Mapping[str, Any]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Column(msgspec.Struct, frozen=True):
    """A column: its name in machine formats, its kind; the title is the text `col.<name>`."""

    name: str
    kind: Kind = "text"
    wide: bool = False
    """Left out of tables, present in machine formats."""


class LogBasis(msgspec.Struct, frozen=True):
    """How much of one of several logs an answer stands on."""

    origin: str
    size: int
    head: str


class Basis(msgspec.Struct, frozen=True):
    """What an answer stands on: the log, how much of it, and what was asked.

    Of a ledger with several logs `origin` is `<name>/0-7`, `log_size` that of all together, `head`
    is "" and `logs` says each.
    """

    origin: str = ""
    log_size: int = 0
    head: str = ""
    filter: str = ""
    as_of: str = ""
    logs: tuple[LogBasis, ...] | msgspec.UnsetType = msgspec.UNSET


def basis_of(heads: Mapping[str, Head]) -> Basis:
    """The basis of an answer that stands on these heads, by origin."""
    if len(heads) <= 1:
        for origin, head in heads.items():
            return Basis(origin, head.size, head.leaf)
        return Basis()
    logs = tuple(LogBasis(origin, *head) for origin, head in heads.items())
    origin = f"{logs[0].origin}-{log_of(logs[-1].origin)}"
    return Basis(origin, sum(log.size for log in logs), logs=logs)


def show_rows(
    kind: str,
    columns: Sequence[Column],
    rows: Iterable[Row],
    *,
    basis: Basis,
    form: Format,
    lang: Lang,
    limit: int = 0,
) -> int:
    """Write rows in the format asked for; gives how many there were in all."""
    if form == "table":
        return _table(columns, rows, basis, lang, limit)
    total = shown = 0
    out = sys.stdout
    if form == "json":
        head = {"kind": kind, **msgspec.to_builtins(basis)}
        out.write(_json(head)[:-1] + ',"rows":[')
    elif form == "csv":
        out.write(csv_line([column.name for column in columns]))
    for row in rows:
        total += 1
        if limit and total > limit:
            continue
        shown += 1
        values = {c.name: _machine(c, row.get(c.name, "")) for c in columns}
        if form == "csv":
            out.write(csv_line(_flat(values[c.name]) for c in columns))
        else:
            out.write(("," if form == "json" and shown > 1 else "") + _json(values))
            out.write("\n" if form == "jsonl" else "")
    if form == "json":
        out.write(f'],"count":{shown},"of":{total}}}\n')
    else:
        _say_basis(basis, shown, total, lang)
    return total


def show_value(kind: str, value: Mapping[str, Any], *, basis: Basis, form: Format) -> None:
    """Write one object in a machine format: JSON, a JSON line, or `field,value` rows."""
    whole = {"kind": kind, **msgspec.to_builtins(basis), **value}
    if form == "csv":
        sys.stdout.write(csv_line(("field", "value")))
        for name, item in _leaves("", whole):
            sys.stdout.write(csv_line((name, item)))
        return
    sys.stdout.write(_json(whole) + "\n")


def _leaves(prefix: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(f"{prefix}.{name}" if prefix else str(name), item)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _leaves(f"{prefix}[{number}]", item)
    else:
        yield prefix, _flat(value)


def csv_line(cells: Iterable[str]) -> str:
    """One line of CSV; a cell that a spreadsheet would run as a formula gets a quote before it."""
    buffer = io.StringIO()
    safe = [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]
    csv.writer(buffer, lineterminator="\n").writerow(safe)
    return buffer.getvalue()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _flat(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return " ".join(map(_flat, value))
    if isinstance(value, Mapping):
        return _json(value)
    return "" if value is None else str(value)


def _machine(column: Column, value: Any) -> Any:
    if column.kind == "instant":
        return machine_instant(str(value))
    return list(value) if isinstance(value, tuple) else value


def _human(column: Column, value: Any) -> str:
    if value == "" or value is None:
        return ""
    if isinstance(value, bool):
        return "✓" if value else ""
    shown = _SHOWN.get(column.kind)
    return safe_text(value) if shown is None else shown(value)


_SHOWN: Final[Mapping[Kind, Callable[[Any], str]]] = {
    "instant": show_instant,
    "seconds": show_duration,
    "number": lambda value: f"{value:,}",
}


def _table(
    columns: Sequence[Column], rows: Iterable[Row], basis: Basis, lang: Lang, limit: int
) -> int:
    seen = [column for column in columns if not column.wide]
    titles = [text(f"col.{column.name}", lang) for column in seen]
    cells: list[list[str]] = []
    total = 0
    for row in rows:
        total += 1
        if not limit or total <= limit:
            cells.append([_human(column, row.get(column.name, "")) for column in seen])
    out = sys.stdout
    if cells:
        for line in format_cells(titles, cells, [c.kind in {"number", "seconds"} for c in seen]):
            out.write(line + "\n")
        if any(column.kind == "instant" for column in seen):
            out.write(paint(text("times", lang, zone=ZONE_NAME), "dim", out) + "\n")
    else:
        out.write(text("empty", lang) + "\n")
    _say_basis(basis, len(cells), total, lang)
    return total


def format_cells(
    titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]
) -> Iterable[str]:
    """Lines of a table with aligned columns; its first line is the titles."""
    widths = [
        max(width_of(title), *(width_of(row[at]) for row in rows))
        for at, title in enumerate(titles)
    ]
    for number, row in enumerate((titles, *rows)):
        parts = []
        for cell, width, is_right in zip(row, widths, right, strict=True):
            gap = " " * (width - width_of(cell))
            parts.append(gap + cell if is_right else cell + gap)
        line = "  ".join(parts).rstrip()
        yield paint(line, "bold", sys.stdout) if number == 0 else line


def _say_basis(basis: Basis, shown: int, total: int, lang: Lang) -> None:
    count = (
        f"{shown:,}"
        if shown == total
        else text("first_of", lang, n=f"{shown:,}", total=f"{total:,}")
    )
    head = basis.head
    if basis.logs:
        # Whole heads stand in the machine formats; here enough to see which they are.
        head = " ".join(f"{log_of(i.origin)}:{i.size}:{i.head[:8]}" for i in basis.logs)
    say(
        text(
            "basis",
            lang,
            count=count,
            filter=safe_text(basis.filter) or text("none", lang),
            as_of=basis.as_of or text("now", lang),
            origin=basis.origin,
            size=f"{basis.log_size:,}",
            head=head,
        )
    )


def write(line: str = "") -> None:
    """A line of data on stdout."""
    sys.stdout.write(line + "\n")
