"""`drill`: every attack of the threat model on a clone, and who detects it."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from consumers.bootstrap import KAFKA_SCHEME
from consumers.cli.errors import FAILED, PASSED, UsageError
from consumers.cli.options import Format, Lang, environment_lang
from consumers.cli.output import Basis, Column, format_cells, show_rows, write
from consumers.cli.terminal import paint, progress
from consumers.drill.case import DEFECTS, Outcome, Status
from consumers.drill.program import NAMES, play_all
from consumers.drill.words import in_language, word

_SHOWN: Final = ("case", "attacker", "stage", "expected", "finding", "after", "also")
_COLUMNS: Final = (
    Column("case"),
    Column("title"),
    Column("attacker"),
    Column("stage"),
    Column("status"),
    Column("expected"),
    Column("finding"),
    Column("seconds", "number"),
    Column("also"),
    Column("reason"),
)
_STYLES: Final = {
    Status.DETECTED: "",
    Status.MISSED: "red",
    Status.UNDETECTED: "red",
    Status.SKIPPED: "yellow",
}


def drill(
    *,
    case: Annotated[
        tuple[str, ...], Parameter(help="Only this case; may be given again.", negative="")
    ] = (),
    home: Annotated[
        Path | None,
        Parameter(help="Clone the embedded ledger of this home; default a new demo office."),
    ] = None,
    log: Annotated[
        str,
        Parameter(
            env_var="PAL_KAFKA_BOOTSTRAP",
            help="A broker for the cases of a topic, kafka://HOST:PORT; each gets a topic of its "
            "own. Without one they run on the simulator.",
        ),
    ] = "",
    format: Annotated[Format, Parameter(help="How data is written to stdout.")] = "table",  # noqa: A002 - the option's name everywhere
    lang: Annotated[Lang | None, Parameter(help="Language; default by LANG.")] = None,
) -> int:
    """Attack a clone of a ledger in every way of the threat model; say who detects it, how fast.

    The original is only read. Exit code 0 when everybody whom docs/threat-model.md names detected
    what they must, 1 when somebody did not. docs/drill.md explains each case.

    Example: pal drill --case cut-tail --case foreign-record
    """
    _check_names(case)
    language = lang or environment_lang()
    broker = log.removeprefix(KAFKA_SCHEME).partition("/")[0]
    outcomes = []
    with (
        tempfile.TemporaryDirectory(prefix="pal-drill-") as folder,
        _quiet(),
        progress("drill", "cases") as advance,
    ):
        for outcome in play_all(Path(folder), case, home, broker):
            outcomes.append(outcome)
            advance(len(outcomes), 0)
    if format == "table":
        show_outcomes(outcomes, language)
    else:
        rows = (row for outcome in outcomes for row in _rows(outcome, language))
        show_rows("drill", _COLUMNS, rows, basis=Basis(), form=format, lang=language)
    return exit_code(outcomes)


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Failed where somebody who must tell did not."""
    return FAILED if any(outcome.status in DEFECTS for outcome in outcomes) else PASSED


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if name not in NAMES:
            msg = f"there is no case {name!r}"
            raise UsageError(msg, next_step=f"one of {', '.join(NAMES)}")


@contextmanager
def _quiet() -> Iterator[None]:
    """The programs that are drilled tell their alarms to their log: here the table tells them."""
    log = logging.getLogger("ledger")
    handler = logging.NullHandler()
    propagates, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = propagates


def _rows(outcome: Outcome, lang: Lang) -> Iterator[dict[str, Any]]:
    """A row for each detector that must tell; one where there is none, or nothing was played."""
    told = {detection.detector: detection for detection in outcome.detections}
    row: dict[str, Any] = {
        "case": outcome.case,
        "title": in_language(outcome.title, lang),
        "attacker": outcome.attacker.value,
        "stage": outcome.stage,
        "status": outcome.status.value,
        "expected": "",
        "finding": "",
        "seconds": "",
        "also": [name for name in told if name not in outcome.expected],
        "reason": outcome.reason,
    }
    if not outcome.expected or outcome.status is Status.SKIPPED:
        yield row
        return
    for name, code in outcome.expected.items():
        found = told.get(name)
        if found is not None and code in found.codes:
            yield row | {
                "expected": name,
                "finding": code,
                "seconds": round(found.seconds, 4),
            }
        else:
            yield row | {"expected": name}


def show_outcomes(outcomes: Sequence[Outcome], lang: Lang) -> None:
    """The table: a defect in red, with what nobody said in place of a finding."""
    rows = [row for outcome in outcomes for row in _rows(outcome, lang)]
    titles = [word(name, lang) for name in _SHOWN]
    cells = [_cells(row, lang) for row in rows]
    for at in range(1, len(rows)):
        if rows[at]["case"] == rows[at - 1]["case"]:
            # Said once for a case: what is the same for each of its detectors.
            cells[at] = ["", "", "", *cells[at][3:6], ""]
    header, *lines = format_cells(titles, cells, [name == "after" for name in _SHOWN])
    write(header)
    for row, line in zip(rows, lines, strict=True):
        style = "" if row["finding"] else _STYLES[Status(row["status"])]
        write(paint(line, style, sys.stdout) if style else line)
    for outcome in outcomes:
        if outcome.reason:
            mark = paint(word(outcome.status, lang), _STYLES[outcome.status], sys.stdout)
            write(f"{outcome.case}: {mark}: {outcome.reason}")
    counts = Counter(outcome.status for outcome in outcomes)
    defects = sum(counts[status] for status in DEFECTS)
    said = {status.value: counts[status] for status in Status}
    write(word("total", lang, cases=len(outcomes), defects=defects, **said))
    write(word("times", lang))


def _cells(row: Mapping[str, Any], lang: Lang) -> list[str]:
    names = [row["attacker"], row["stage"], row["expected"]]
    attacker, stage, expected = (word(name, lang) if name else "" for name in names)
    after = f"{row['seconds']:.3f} s" if row["finding"] else ""
    finding = row["finding"] or _silence(row, lang)
    also = ", ".join(word(name, lang) for name in row["also"])
    return [row["case"], attacker, stage, expected, finding, after, also]


def _silence(row: Mapping[str, Any], lang: Lang) -> str:
    """What stands in place of a finding."""
    status = Status(row["status"])
    return f"{'–' if status is Status.SKIPPED else '✗'} {word(status, lang)}"
