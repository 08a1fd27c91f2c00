"""Rebuild: fold every log whole beside the live store, compare digests, switch."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from ledger.app.ports import LogReader
from ledger.core.chain import Head
from ledger.core.findings import Finding, FindingError, Verdict
from projections.queries.digest import digests
from projections.runtime.runner import project
from projections.store.sqlite import ReadStore, remove_store

_COLLECTION_THRESHOLDS: Final = (200_000, 20, 100)
"""Folding makes no reference cycles, but so many objects that Python would look for some all the
time: a fifth of the whole work. Other threads' cycles are still collected, only later."""


class Rebuilt(msgspec.Struct, frozen=True):
    """What a rebuild gave: entries folded, the head of each log, the digest of each projection.

    `compared` says whether a live store at the same heads was there to compare with.
    """

    entries: int
    heads: dict[str, Head]
    digests: dict[str, str]
    compared: bool


def rebuild(
    readers: Sequence[LogReader],
    path: Path,
    *,
    genesis_leaves: Mapping[str, str],
    strict_rows: bool,
    on_progress: Callable[[int], None] | None = None,
) -> Rebuilt:
    """Fold from zero into a new file and put it in the place of `path`.

    Raises `FindingError` (`projection.digest_mismatch`, both files kept) where the live store at
    the same heads says something else, and whatever `project` raises.
    """
    beside = path.with_name(path.name + ".rebuild")
    remove_store(beside)
    fresh = ReadStore.open(beside)
    try:
        fresh.unguarded()
        with _rare_collection():
            entries = project(
                readers,
                fresh,
                genesis_leaves=genesis_leaves,
                strict_rows=strict_rows,
                on_progress=on_progress,
                live=False,
            )
        heads, found = _heads(fresh), digests(fresh)
    finally:
        fresh.guarded()
        fresh.close()
    compared = _compare(path, heads, found)
    remove_store(path)
    beside.replace(path)
    remove_store(beside)
    return Rebuilt(entries, heads, found, compared)


@contextmanager
def _rare_collection() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*_COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _heads(store: ReadStore) -> dict[str, Head]:
    return {cursor.origin: cursor.head for cursor in store.cursors()}


def _compare(path: Path, heads: dict[str, Head], found: dict[str, str]) -> bool:
    if not path.exists():
        return False
    live = ReadStore.open(path)
    try:
        if _heads(live) != heads:
            return False
        known = digests(live)
    finally:
        live.close()
    different = sorted(name for name in found if found[name] != known.get(name))
    if different:
        raise FindingError(
            Finding(
                code="projection.digest_mismatch",
                verdict=Verdict.FAILED,
                message=f"live projection and replay differ in {', '.join(different)}",
                expected=", ".join(f"{name} {found[name]}" for name in different),
                actual=", ".join(f"{name} {known.get(name)}" for name in different),
                next_step=f"keep {path.name} as evidence, then pal rebuild again without it",
            )
        )
    return True
