"""Moments as people write and read them: one time zone, named once; dates are inclusive."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ledger.core.times import format_instant, parse_instant

ZONE_NAME: Final = "Asia/Ho_Chi_Minh"
ZONE: Final = ZoneInfo(ZONE_NAME)

_FORMS: Final = (
    "30/12/2026",
    "30/12/2026 17:00:00",
    "2026-12-30",
    "2026-12",
    "2026",
    "2026-12-30T17:00+07:00",
    "today",
    "yesterday",
)
_MONTH: Final = re.compile(r"(\d{4})-(\d{1,2})")
_DAY_FIRST: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T]+(\d{1,2}:\d{2}(?::\d{2})?))?")
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z")
_ONE_UNIT: Final = timedelta(microseconds=1)


class MomentError(ValueError):
    """A text that names no moment."""


def show_instant(text: str) -> str:
    """An instant as `03/03/2026 17:00:00` in the zone of this ledger; other text as it is."""
    try:
        return parse_instant(text).astimezone(ZONE).strftime("%d/%m/%Y %H:%M:%S")
    except ValueError:
        return text


def show_within(text: str) -> str:
    """A sentence with every instant in it as people read it."""
    return _INSTANT.sub(lambda found: show_instant(found[0]), text)


def machine_instant(text: str) -> str:
    """An instant as ISO 8601 with the zone's offset; other text as it is."""
    try:
        return parse_instant(text).astimezone(ZONE).isoformat()
    except ValueError:
        return text


def show_duration(seconds: float) -> str:
    """A length of time in its two largest units, cut, never rounded up."""
    left = max(int(seconds), 0)
    parts: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or parts:
            parts.append(f"{count} {unit}")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if not part.startswith("0 ")) or "0 s"


def seconds_between(start: str, end: str) -> float:
    """Seconds from one instant to another."""
    return (parse_instant(end) - parse_instant(start)).total_seconds()


def parse_moment(text: str, *, end: bool, now: datetime) -> str:
    """The instant that `text` names. Of a day or month it is the first moment, or with `end` the
    last one, so that both ends of a range of dates are included. Raises `MomentError`.
    """
    text = text.strip()
    words = {"today": 0, "yesterday": 1}
    if text.lower() in words:
        day = now.astimezone(ZONE).date() - timedelta(days=words[text.lower()])
        return _edge(day, day + timedelta(days=1), end=end)
    try:
        return _parse_written(text, end=end)
    except (ValueError, OverflowError) as error:
        known = ", ".join(_FORMS)
        msg = f"{text!r} is no moment: write one of {known}"
        raise MomentError(msg) from error


def _parse_written(text: str, *, end: bool) -> str:
    if len(text) == 4:
        return _edge(date(int(text), 1, 1), date(int(text) + 1, 1, 1), end=end)
    month = _MONTH.fullmatch(text)
    if month is not None:
        first = date(int(month[1]), int(month[2]), 1)
        following = (first + timedelta(days=32)).replace(day=1)
        return _edge(first, following, end=end)
    day_first = _DAY_FIRST.fullmatch(text)
    if day_first is not None:
        day = date(int(day_first[3]), int(day_first[2]), int(day_first[1]))
        if day_first[4] is None:
            return _edge(day, day + timedelta(days=1), end=end)
        clock = time.fromisoformat(day_first[4].zfill(len("00:00:00"[: len(day_first[4])])))
        return _instant(datetime.combine(day, clock))
    if len(text) == len("2026-12-30"):
        day = date.fromisoformat(text)
        return _edge(day, day + timedelta(days=1), end=end)
    return _instant(datetime.fromisoformat(text))


def _edge(first: date, following: date, *, end: bool) -> str:
    midnight = datetime.combine(following if end else first, time(), ZONE)
    return format_instant((midnight - _ONE_UNIT if end else midnight).astimezone(UTC))


def _instant(moment: datetime) -> str:
    """Without an offset a time is one of this ledger's zone."""
    return format_instant(moment if moment.tzinfo else moment.replace(tzinfo=ZONE))
