"""Names as people type them: without accents, in lower case (X1)."""

from __future__ import annotations

import unicodedata


def plain_text(text: str) -> str:
    """Lower case without accents, `đ` as `d`: what unaccented typing finds.

    >>> plain_text("Nguyễn Đức")
    'nguyen duc'
    """
    if text.isascii():
        return text.lower()
    text = text.replace("đ", "d").replace("Đ", "d")
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
