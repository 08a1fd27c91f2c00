"""The value type of the sentence tables."""

from __future__ import annotations

from typing import NamedTuple


class Phrase(NamedTuple):
    """Whole sentences with named places; `_for` where the actor acts on behalf of a principal."""

    en: str
    vi: str
    en_for: str = ""
    vi_for: str = ""
