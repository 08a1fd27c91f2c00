"""One box for everything: dossier, officer, entry hash, index (X1)."""

from __future__ import annotations

from typing import Final

import msgspec

from projections.folds.names import plain_text
from projections.store.sqlite import ReadStore

__all__ = ["FOUND_MAX", "Found", "find", "plain_text"]

FOUND_MAX: Final = 200
"""Hits of one search; the answer says when there are more."""

_LEAF_PREFIX_MIN: Final = 8
_INDEX_DIGITS_MAX: Final = 16


class Found(msgspec.Struct, frozen=True):
    """One hit: kind (dossier, officer, entry), its id, and where the entry stands (else -1)."""

    kind: str
    id: str
    index: int = -1
    log: int = -1


def find(store: ReadStore, text: str) -> list[Found]:
    """Exact hits first, then ids that contain the text; at most `FOUND_MAX`."""
    found: list[Found] = []
    if text.isascii() and text.isdecimal() and len(text) <= _INDEX_DIGITS_MAX:
        for cursor in store.cursors():
            found += _entries(store, "log = ? AND idx = ?", (cursor.log, int(text)))
    lowered = text.lower()
    if len(lowered) >= _LEAF_PREFIX_MIN and not lowered.strip("0123456789abcdef"):
        found += _entries(store, "leaf >= ? AND leaf < ?", (lowered, lowered + "g"))
    found += [
        Found(kind, item)
        for kind, item in store.rows("SELECT kind, id FROM name WHERE id = ?", (text,))
    ]
    wanted = plain_text(text)
    if wanted:
        found += [
            Found(kind, item)
            for kind, item in store.rows(
                "SELECT kind, id FROM name WHERE instr(plain, ?) > 0 ORDER BY kind, id LIMIT ?",
                (wanted, FOUND_MAX),
            )
        ]
    return list(dict.fromkeys(found))[:FOUND_MAX]


def _entries(store: ReadStore, condition: str, values: tuple[object, ...]) -> list[Found]:
    rows = store.rows(
        f"SELECT stream, version, idx, log FROM timeline WHERE {condition} LIMIT ?",  # noqa: S608 - conditions of ours, values as parameters
        (*values, FOUND_MAX),
    )
    return [Found("entry", f"{stream}#{version}", idx, log) for stream, version, idx, log in rows]
