"""Errors and findings as people read them, and the exit code of each outcome."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from consumers.bootstrap import NoLogError, SettingsError
from consumers.cli.moments import MomentError
from consumers.cli.terminal import paint, safe_text, say
from ledger.app.submission import LedgerError, OutcomeUnknownError, RefusedError
from ledger.core.action import plain_id
from ledger.core.findings import Finding, FindingError, Verdict

PASSED: Final = 0
FAILED: Final = 1
INDETERMINATE: Final = 2
USAGE: Final = 3
NOT_FOUND: Final = 4
UNAVAILABLE: Final = 5
REFUSED: Final = 6
BUG: Final = 70
INTERRUPTED: Final = 130

VERDICT_CODES: Final = {
    Verdict.PASSED: PASSED,
    Verdict.FAILED: FAILED,
    Verdict.INDETERMINATE: INDETERMINATE,
}
_MARKS: Final = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.INDETERMINATE: "?"}
_STYLES: Final = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INDETERMINATE: "yellow"}

_MEANINGS: Final = {
    "chain.link_mismatch": "this entry was not sealed after the one before it: one was replaced.",
    "chain.index_missing": "an entry is missing, or one lies where none can be.",
    "chain.index_mismatch": "this entry was sealed for another place: one was moved or removed.",
    "chain.stream_link_mismatch": "the entries of this stream are not those that were sealed.",
    "store.leaf_mismatch": "the bytes of this entry are not those that were sealed.",
    "store.column_mismatch": "what is stored beside the entry was changed, not the entry.",
    "store.head_mismatch": "entries at the end were cut, added or changed.",
    "store.index_mismatch": "the file's own indexes do not fit its rows: a lookup could miss one.",
    "signature.invalid": "no enrolled key signed these bytes; no fold applies this entry.",
    "trust.genesis_mismatch": "this is another log than the one that was pinned.",
    "trust.not_pinned": "the log agrees with itself, but nothing says that it is the right one.",
    "log.truncated": "somebody has seen more entries than there are now.",
    "log.overwritten": "an entry that was seen before is another one now.",
    "log.empty": "there is nothing to judge.",
    "checkpoint.root_mismatch": "the log signed that it held other entries than it holds now.",
    "checkpoint.signature_invalid": "this checkpoint is not the log's own: nothing of it counts.",
    "checkpoint.missing": "nothing that others may have kept was compared.",
    "checkpoint.unwitnessed": "the log alone says so: it could tell others something else.",
    "tile.rotten": "this published file is not what was signed; the log itself may be right.",
    "tile.missing": "a file that the signed size demands is not published.",
    "log.not_anchored": "these entries agree with one another, and that is all.",
}


class NotFoundError(LedgerError):
    """What the user named is not in the log."""

    code = "not.found"


class UsageError(LedgerError):
    """A value on the command line that cannot be used."""

    code = "usage"


_CODES: Final = (
    ((NotFoundError, NoLogError), NOT_FOUND),
    ((UsageError, SettingsError, MomentError), USAGE),
    ((RefusedError,), REFUSED),
    ((OutcomeUnknownError,), INDETERMINATE),
    ((LedgerError, OSError), UNAVAILABLE),
)
"""Exit codes of kinds of errors; the first that fits."""


def code_of(error: BaseException) -> int:
    """The exit code of an error."""
    if isinstance(error, FindingError):
        return VERDICT_CODES[error.finding.verdict] or FAILED
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), BUG)


def mark_of(verdict: Verdict) -> str:
    """The sign of a verdict on stdout."""
    return paint(_MARKS[verdict], _STYLES[verdict], sys.stdout)


def finding_lines(
    finding: Finding, *, log: int | None = None, with_origin: bool = False
) -> list[str]:
    """A finding in the one shape: what and where, expected, actual, meaning, next.

    `log` is the number of its log, where there are several. `with_origin` names the log in a line
    of its own, where nothing else on the screen does.
    """
    mark = paint(
        f"{_MARKS[finding.verdict]} {finding.verdict.name}", _STYLES[finding.verdict], sys.stdout
    )
    kind, _, _ = finding.stream.partition(":")
    places = (
        "" if log is None else f"log {log}",
        f"{kind} {safe_text(plain_id(finding.stream))}" if finding.stream else "",
        f"version {finding.version:,}" if finding.version >= 0 else "",
        f"index {finding.index:,}" if finding.index >= 0 else "",
        f"offset {finding.offset:,}" if finding.offset not in (-1, finding.index) else "",
    )
    where = ", ".join(place for place in places if place)
    lines = [f"{mark}  {finding.code}" + (f"  ({where})" if where else "")]
    rows = (
        ("what", finding.message),
        ("log", finding.origin if with_origin else ""),
        ("expected", finding.expected),
        ("actual", finding.actual),
        ("meaning", _MEANINGS.get(finding.code, "")),
        ("next", finding.next_step),
    )
    return lines + [f"  {name:<9} {safe_text(text)}" for name, text in rows if text]


def report_error(error: BaseException, home: Path) -> int:
    """Tell an error on stderr; gives the exit code. A bug leaves a report file in the home."""
    code = code_of(error)
    if isinstance(error, FindingError):
        for line in finding_lines(error.finding, with_origin=True):
            say(line)
        return code
    if code == BUG:
        return _report_bug(error, home)
    name = error.code if isinstance(error, LedgerError) else _name(error)
    say(f"{paint('✗ ' + _TITLES[code], 'red', sys.stderr)}  {name}")
    say(f"  what      {safe_text(error)}")
    next_step = error.next_step if isinstance(error, LedgerError) else ""
    if next_step:
        say(f"  next      {safe_text(next_step)}")
    return code


_TITLES: Final = {
    INDETERMINATE: "INDETERMINATE",
    USAGE: "USAGE",
    NOT_FOUND: "NOT FOUND",
    UNAVAILABLE: "UNAVAILABLE",
    REFUSED: "REFUSED",
}


def _name(error: BaseException) -> str:
    return "usage" if isinstance(error, MomentError) else "file.unavailable"


def _report_bug(error: BaseException, home: Path) -> int:
    text = "".join(traceback.format_exception(error))
    name = f"bug-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.txt"
    say(f"{paint('✗ BUG', 'red', sys.stderr)}  {type(error).__name__}: {safe_text(error)}")
    say("  meaning   this is a fault of pal, not of your data: nothing was decided by it.")
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(f"pal {' '.join(sys.argv[1:])}\n\n{text}", encoding="utf-8")
    except OSError:
        say(text)
    else:
        say(f"  next      send {home / name} to whoever maintains this (look it through first)")
    return BUG
