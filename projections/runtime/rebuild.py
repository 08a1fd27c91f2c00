"""Rebuild: fold every log whole beside the live store, compare digests, switch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from ledger.app.ports import LogReader
from ledger.core.chain import Head
from ledger.core.findings import Finding, FindingError, Verdict
from projections.queries.digest import digests
from projections.runtime.collection import rare_collection
from projections.runtime.fold_process import FoldProcess
from projections.runtime.older_heads import TemporaryHeads
from projections.runtime.verifying import LogVerifier
from projections.store.sqlite import ReadStore, remove_store


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
    the same heads says something else, and whatever verifying raises.
    """
    beside = path.with_name(path.name + ".rebuild")
    remove_store(beside)
    verified = 0
    with rare_collection(), FoldProcess(beside) as folding, TemporaryHeads() as older:
        for reader in readers:
            verifier = LogVerifier(
                reader,
                None,
                older,
                genesis_leaf=genesis_leaves.get(reader.origin),
                strict_rows=strict_rows,
                share=len(readers),
            )
            while (batch := verifier.step()) is not None:
                folding.send(batch)
                if on_progress is not None:
                    on_progress(verified + verifier.size)
                if verifier.error is not None:
                    raise verifier.error
            verified += verifier.size
        folding.finish()
        with closing(ReadStore.open(beside)) as fresh:
            heads, found = _heads(fresh), folding.digests(fresh)
    compared = _compare(path, heads, found)
    remove_store(path)
    beside.replace(path)
    remove_store(beside)
    return Rebuilt(verified, heads, found, compared)


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
