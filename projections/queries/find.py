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


def find(store: ReadStore, text: str) -> list[Found]:
    """Exact hits first, then ids that contain the text; at most `FOUND_MAX`."""
    found: list[Found] = []
    if text.isascii() and text.isdecimal() and len(text) <= _INDEX_DIGITS_MAX:
        rows = store.rows("SELECT stream, version, idx FROM timeline WHERE idx = ?", (int(text),))
        found += [Found("entry", f"{stream}#{version}", idx) for stream, version, idx in rows]
    lowered = text.lower()
    if len(lowered) >= _LEAF_PREFIX_MIN and not lowered.strip("0123456789abcdef"):
        rows = store.rows(
            "SELECT stream, version, idx FROM timeline WHERE leaf >= ? AND leaf < ? LIMIT ?",
            (lowered, lowered + "g", FOUND_MAX),
        )
        found += [Found("entry", f"{stream}#{version}", idx) for stream, version, idx in rows]
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
