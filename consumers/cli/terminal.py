"""What depends on the terminal: colour, progress, and text that must not steer it."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

_CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}

_BLANK: Final = frozenset(
    map(
        chr,
        (
            0x034F,
            *(0x115F, 0x1160, 0x3164, 0xFFA0),  # fillers of Hangul
            *(0x17B4, 0x17B5),
            *range(0x180B, 0x1810),
            0x2800,
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)
"""Printable by their category, and nothing is seen of them: Unicode 15.1, those of the property
Default_Ignorable_Code_Point, and the blank of Braille."""

Advance = Callable[[int, int], None]
"""(done, total); a total of 0 is not known."""


def has_colour(stream: TextIO) -> bool:
    """Whether colour may be written: a terminal, and nobody asked for none."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str, stream: TextIO) -> str:
    """`text` in a style where the stream shows colour, else as it is."""
    if not has_colour(stream):
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def safe_text(value: object) -> str:
    """One line for a terminal or a page, in which nothing is hidden.

    What a foreign log says may hold escape sequences, characters that turn the direction of what
    stands around them, and some that nobody sees: each is shown by its number, `[U+202E]`, so that
    no name reads as another. Space of any kind is one space.
    """
    text = unicodedata.normalize("NFC", str(value))
    if text.isprintable() and (text.isascii() or _BLANK.isdisjoint(text)):
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    is_seen = character.isprintable() and character not in _BLANK
    return character if is_seen else f"[U+{ord(character):04X}]"


def width_of(text: str) -> int:
    """Columns that a text takes in a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in {"W", "F"} for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def say(text: str = "") -> None:
    """Talk, on stderr."""
    print(text, file=sys.stderr)


@contextmanager
def progress(title: str, unit: str) -> Iterator[Advance]:
    """A progress bar with rate on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
    from rich.progress import (  # noqa: PLC0415 - loaded when used
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.text import Text  # noqa: PLC0415 - loaded when used

    class Rate(ProgressColumn):
        """Units a second so far."""

        def render(self, task: Task) -> Text:
            """The rate as text."""
            speed = task.finished_speed or task.speed or 0.0
            return Text(f"{speed:,.0f} {unit}/s")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate())
    with Progress(
        *columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
