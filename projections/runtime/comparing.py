"""The rows of two read stores that were folded from the same entries, held against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from projections.store.sqlite import DOSSIER_COLUMNS, ReadStore

_VALUE_SHOWN_MAX: Final = 80
"""Of a value that differs: enough to see what it is."""

_KEYS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "cursor": ("log",),
        "stream": ("stream",),
        "log_key": ("log", "idx"),
        "timeline": ("log", "idx"),
        "dossier": ("dossier",),
        "interval": ("dossier", "number"),
        "handover": ("dossier", "version"),
        "returned": ("dossier", "version"),
        "officer_dossier": ("officer", "dossier"),
        "officer_type": ("officer", "type"),
        "name": ("kind", "id"),
        "parked": ("stream",),
        "finding": ("log", "code", "idx", "position"),
    }
)
"""What names a row of each table."""

_CONDITIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Strays behind the newest entry: a store has read some of them, or not yet.
        "finding": "WHERE position < (SELECT c.position FROM cursor c WHERE c.log = finding.log)"
    }
)
_UNCOMPARED: Final = frozenset({("finding", "number")})
"""Columns that count in which order rows were written."""

Row = tuple[Any, ...]


class Difference(NamedTuple):
    """The first row of a table that differs: its key by column, and what differs, in words."""

    table: str
    key: dict[str, Any]
    expected: str
    actual: str


def first_differences(live: ReadStore, replayed: ReadStore) -> tuple[int, list[Difference]]:
    """How many rows were compared, and of each table that differs the first row that does.

    The digests leave out where and when an entry was recorded; here every column counts, because
    both stores were folded from the same log.
    """
    compared = 0
    found: list[Difference] = []
    for table in _KEYS:
        columns = _columns(replayed, table)
        rows = _rows(replayed, table, columns)
        count, difference = _first_difference(live, table, columns, rows)
        compared += count
        if difference is not None:
            found.append(difference)
    return compared, found


def first_different_dossier(
    live: ReadStore, replayed: Iterator[Row]
) -> tuple[int, Difference | None]:
    """The same of dossiers alone, whose rows a replay gives in the order of their ids."""
    return _first_difference(live, "dossier", DOSSIER_COLUMNS, replayed)


def _first_difference(
    live: ReadStore, table: str, columns: Sequence[str], replayed: Iterator[Row]
) -> tuple[int, Difference | None]:
    compared = 0
    for actual, expected in _paired(_rows(live, table, columns), replayed, len(_KEYS[table])):
        compared += 1
        if actual != expected:
            return compared, _difference(table, columns, expected, actual)
    return compared, None


def _columns(store: ReadStore, table: str) -> list[str]:
    """The columns of a table, those of its key first."""
    names = [name for _, name, *_ in store.rows(f"PRAGMA table_info({table})")]
    key = _KEYS[table]
    rest = [name for name in names if name not in key and (table, name) not in _UNCOMPARED]
    return [*key, *rest]


def _rows(store: ReadStore, table: str, columns: Sequence[str]) -> Iterator[Row]:
    query = f"SELECT {', '.join(columns)} FROM {table} {_CONDITIONS.get(table, '')} "  # noqa: S608 - names of ours
    return store.connection.execute(f"{query} ORDER BY {', '.join(_KEYS[table])}")


def _paired(
    live: Iterator[Row], replayed: Iterator[Row], key: int
) -> Iterator[tuple[Row | None, Row | None]]:
    """The rows of two sorted tables with the same key, side by side; None where one has none."""
    actual, expected = next(live, None), next(replayed, None)
    while actual is not None or expected is not None:
        ahead = _place(actual, key) < _place(expected, key)
        behind = _place(actual, key) > _place(expected, key)
        yield (None if behind else actual), (None if ahead else expected)
        if not behind:
            actual = next(live, None)
        if not ahead:
            expected = next(replayed, None)


def _place(row: Row | None, key: int) -> tuple[bool, Row]:
    return (True, ()) if row is None else (False, row[:key])


def _difference(
    table: str, columns: Sequence[str], expected: Row | None, actual: Row | None
) -> Difference:
    row = expected or actual or ()
    key = dict(zip(_KEYS[table], row, strict=False))
    if expected is None or actual is None:
        words = ("no such row" if item is None else "a row" for item in (expected, actual))
        return Difference(table, key, *words)
    different = [place for place in range(len(columns)) if expected[place] != actual[place]]
    return Difference(
        table,
        key,
        *(
            ", ".join(f"{columns[place]} {_shown(item[place])}" for place in different)
            for item in (expected, actual)
        ),
    )


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return f"SHA-256 {sha256(value).hexdigest()}"
    text = str(value)
    return text if len(text) <= _VALUE_SHOWN_MAX else f"{text[:_VALUE_SHOWN_MAX]}…"
