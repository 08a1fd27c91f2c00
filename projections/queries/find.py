"""One box for everything: dossier, officer, entry hash, index (X1)."""

from __future__ import annotations

import unicodedata
from typing import Final

import msgspec

from ledger.core.action import plain_id
from projections.store.sqlite import ReadStore

FOUND_MAX: Final = 200
"""Hits of one search; the answer says when there are more."""

_LEAF_PREFIX_MIN: Final = 8


class Found(msgspec.Struct, frozen=True):
    """One hit: kind (dossier, officer, entry), its id, and where the entry stands (else -1)."""

    kind: str
    id: str
    index: int = -1


def plain_text(text: str) -> str:
    """Lower case without accents, `đ` as `d`: what unaccented typing finds."""
    text = text.replace("đ", "d").replace("Đ", "d")
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def find(store: ReadStore, text: str) -> list[Found]:
    """Exact hits first, then ids that contain the text; at most `FOUND_MAX`."""
    found: list[Found] = []
    if text.isdigit():
        rows = store.rows("SELECT stream, version, idx FROM timeline WHERE idx = ?", (int(text),))
        found += [Found("entry", f"{stream}#{version}", idx) for stream, version, idx in rows]
    lowered = text.lower()
    if len(lowered) >= _LEAF_PREFIX_MIN and not lowered.strip("0123456789abcdef"):
        rows = store.rows(
            "SELECT stream, version, idx FROM timeline WHERE leaf >= ? AND leaf < ? LIMIT ?",
            (lowered, lowered + "g", FOUND_MAX),
        )
        found += [Found("entry", f"{stream}#{version}", idx) for stream, version, idx in rows]
    wanted = plain_text(text)
    for kind, query in (
        ("dossier", "SELECT dossier FROM dossier ORDER BY dossier"),
        ("officer", "SELECT DISTINCT officer FROM officer_dossier ORDER BY officer"),
    ):
        exact: list[Found] = []
        partial: list[Found] = []
        for (item,) in store.connection.execute(query):
            if item == text:
                exact.append(Found(kind, item))
            elif wanted and wanted in plain_text(item) and len(partial) < FOUND_MAX:
                partial.append(Found(kind, item))
        found = exact + found + partial
    others = store.rows(
        "SELECT stream FROM stream WHERE stream NOT LIKE 'dossier:%' "
        "AND stream NOT LIKE 'ledger:%' ORDER BY stream"
    )
    found += [
        Found(stream.partition(":")[0], plain_id(stream))
        for (stream,) in others
        if wanted and wanted in plain_text(plain_id(stream))
    ]
    return list(dict.fromkeys(found))[:FOUND_MAX]
