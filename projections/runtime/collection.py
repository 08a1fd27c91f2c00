"""Python's search for reference cycles, made rare while many objects come and go."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_COLLECTION_THRESHOLDS: Final = (200_000, 20, 100)
"""Folding makes no reference cycles, but so many objects that Python would look for some all the
time: a fifth of the whole work. Other threads' cycles are still collected, only later."""


@contextmanager
def rare_collection() -> Iterator[None]:
    """Look for cycles rarely until the block ends."""
    before = gc.get_threshold()
    gc.set_threshold(*_COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
