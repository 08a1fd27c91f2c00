"""Moments as people write and read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from consumers.cli.moments import MomentError, parse_moment, show_duration, show_instant
from consumers.cli.output import csv_line
from consumers.cli.terminal import safe_text

NOW = datetime(2026, 3, 5, 18, 0, tzinfo=UTC)  # already 6 March in Viet Nam


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-03-03", "2026-03-02T17:00:00.000000Z", "2026-03-03T16:59:59.999999Z"),
        ("3/3/2026", "2026-03-02T17:00:00.000000Z", "2026-03-03T16:59:59.999999Z"),
        ("2026-12", "2026-11-30T17:00:00.000000Z", "2026-12-31T16:59:59.999999Z"),
        ("2026", "2025-12-31T17:00:00.000000Z", "2026-12-31T16:59:59.999999Z"),
        ("yesterday", "2026-03-04T17:00:00.000000Z", "2026-03-05T16:59:59.999999Z"),
    ],
)
def test_dates_are_inclusive(text: str, first: str, last: str) -> None:
    assert parse_moment(text, end=False, now=NOW) == first
    assert parse_moment(text, end=True, now=NOW) == last


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-03T17:00+07:00",
        "2026-03-03T10:00:00Z",
        "3/3/2026 17:00",
        "03/03/2026 17:00:00",
        "2026-03-03T17:00",
    ],
)
def test_one_moment_in_many_ways(text: str) -> None:
    assert parse_moment(text, end=True, now=NOW) == "2026-03-03T10:00:00.000000Z"


@pytest.mark.parametrize("text", ["", "soon", "31/2/2026", "2026-13", "9999", "0000", "3/3/26"])
def test_no_moment(text: str) -> None:
    with pytest.raises(MomentError):
        parse_moment(text, end=True, now=NOW)


def test_shown() -> None:
    assert show_instant("2026-03-03T10:00:00.000000Z") == "03/03/2026 17:00:00"
    assert show_duration(11 * 86_400 + 3 * 3_600 + 59) == "11 d 3 h"
    assert show_duration(0.4) == "0 s"
    assert show_duration(86_400 + 5) == "1 d"


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_formulas_are_text(cell: str) -> None:
    assert csv_line([cell]).strip('"').startswith("'")


def test_terminal_is_not_steered() -> None:
    assert safe_text("a\x1b[2Jb\u202ec\nd") == "a[U+001B][2Jb[U+202E]c d"
