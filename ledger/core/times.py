"""Instants as text: RFC 3339 in UTC, six decimals and `Z`, so that text order is time order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_TIME: Final = r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
"""In full: newer versions of Python take 24:00 for the midnight of the next day."""
_INSTANT: Final = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_TIME}")
_INSTANT_LETTERS: Final = 27
_DAY_LETTERS: Final = 10
_TIMES: Final = re.compile(rf"(?:{_TIME})*")
"""What stands behind the days of instants, one behind the other."""


def format_instant(moment: datetime) -> str:
    """`moment` (aware) as `2026-03-02T08:00:00.000000Z`."""
    if moment.tzinfo is None:
        msg = "an instant needs an offset from UTC"
        raise ValueError(msg)
    utc = moment.astimezone(UTC)
    day = f"{utc.year:04}-{utc.month:02}-{utc.day:02}"
    # Twice as quick as strftime, and every action has one.
    return f"{day}T{utc.hour:02}:{utc.minute:02}:{utc.second:02}.{utc.microsecond:06}Z"


def parse_instant(text: str) -> datetime:
    """The aware UTC datetime of `text`; raises ValueError unless it has exactly our form."""
    if _INSTANT.fullmatch(text) is None:
        msg = f"{text!r} is not an instant: expected YYYY-MM-DDTHH:MM:SS.ffffffZ"
        raise ValueError(msg)
    return datetime.fromisoformat(text)


def are_instants(texts: Sequence[str]) -> bool:
    """Whether `parse_instant` takes each of these; of many at once it is quicker."""
    times = "".join([text[_DAY_LETTERS:] for text in texts])
    return (
        {*map(len, texts)} <= {_INSTANT_LETTERS}
        and _TIMES.fullmatch(times) is not None
        and all(map(_is_day, {text[:_DAY_LETTERS] for text in texts}))
    )


@lru_cache(maxsize=4_096)
def _is_day(text: str) -> bool:
    try:
        parse_instant(f"{text}T00:00:00.000000Z")
    except ValueError:
        return False
    return True


def add_seconds(text: str, seconds: float) -> str:
    """The instant `seconds` after `text`."""
    return format_instant(parse_instant(text) + timedelta(seconds=seconds))
