"""Projections checked by replay: the digests recorded in the log, and the rows people are shown.

Every entry is verified and folded again into a store of its own, up to where a recorded digest or
the live store says it stood; what comes out must be the same.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from ledger.app.ports import LogReader
from ledger.core.action import stream_id
from ledger.core.chain import EMPTY_HEAD, Head
from ledger.core.findings import Finding, Verdict
from ledger.core.ids import log_of
from projections.queries.digest import PROJECTIONS, digests
from projections.runtime.comparing import Difference, first_differences
from projections.runtime.digest_entries import Recording, newest_recording
from projections.runtime.prefix import PrefixReader
from projections.runtime.runner import project
from projections.store.sqlite import PROJECTION_VERSION, ReadStore

_EVIDENCE: Final = "keep a copy of the store as evidence, then pal rebuild: the replay is right"
_RECORD: Final = "pal project --record-digest"


class ProjectionCheck(msgspec.Struct, frozen=True):
    """How many recorded digests and how many rows of the live store were compared, and what was
    found. `recorded_at` names the inputs of the digests, `shown_at` the heads of the live store.
    """

    digests: int
    rows: int
    findings: tuple[Finding, ...]
    recorded_at: dict[str, Head]
    shown_at: dict[str, Head]


class Replays:
    """The logs of a ledger, to be folded again from nothing. `strict_rows` as for `project`;
    `on_progress` is told how many entries of the newest replay are folded.
    """

    def __init__(
        self,
        readers: Sequence[LogReader],
        *,
        genesis_leaves: Mapping[str, str],
        strict_rows: bool,
        on_progress: Callable[[int], None] | None = None,
    ) -> None:
        self.readers = readers
        self.genesis_leaves = genesis_leaves
        self.strict_rows = strict_rows
        self._on_progress = on_progress

    def newest_recording(self) -> Recording | None:
        """The newest digests in log 0; raises `FindingError` where it is broken."""
        first = self.readers[0]
        return newest_recording(
            first,
            genesis_leaf=self.genesis_leaves.get(first.origin),
            strict_rows=self.strict_rows,
        )

    def continue_to(self, store: ReadStore, heads: Mapping[str, Head]) -> None:
        """Fold on until the store stands at `heads`; where a log does not hold such a head, to its
        end. Raises `FindingError` where a log is broken."""
        stands = _heads_of(store)
        wanted = [reader for reader in self.readers if reader.origin in heads]
        project(
            [
                PrefixReader(reader, heads[reader.origin].leaf)
                for reader in wanted
                if stands.get(reader.origin) != heads[reader.origin]
            ],
            store,
            genesis_leaves=self.genesis_leaves,
            strict_rows=self.strict_rows,
            on_progress=self._on_progress,
        )


def check_projections(
    replays: Replays, path: Path, verified: Mapping[str, Head]
) -> ProjectionCheck:
    """Replay and compare; `verified` holds the head of each log as the verifier found it.

    Raises `FindingError` where a log is broken, `UnavailableError` where the store cannot be read.
    """
    first = replays.readers[0].origin
    recording = replays.newest_recording()
    findings = list(_doubts(recording, first))
    recorded = recording.heads if recording is not None else {}
    stops: dict[str, Mapping[str, Head]] = {}
    if recording is not None and recording.version == PROJECTION_VERSION:
        stops["recorded"] = recorded
    rows = checked = 0
    with ExitStack() as opened:
        live = opened.enter_context(_one_look(path)) if path.exists() else None
        shown = {} if live is None else _heads_of(live)
        if shown:
            stops["shown"] = shown
        findings += _stale(path, shown, verified)
        for stop, replayed in _replayed(replays, stops):
            if stop == "recorded" and recording is not None:
                checked = len(recording.digests)
                findings += _wrong_digests(recording, replayed, first)
            elif live is not None:
                rows, found = _compare_rows(live, replayed, replays.readers)
                findings += found
    return ProjectionCheck(checked, rows, tuple(findings), recorded, shown)


@contextmanager
def _one_look(path: Path) -> Iterator[ReadStore]:
    """The live store as it is now, whatever a projector writes meanwhile."""
    with closing(ReadStore.open(path)) as live:
        live.connection.execute("BEGIN")
        yield live


def _replayed(
    replays: Replays, stops: Mapping[str, Mapping[str, Head]]
) -> Iterator[tuple[str, ReadStore]]:
    """A store folded up to the heads of each stop; from one stop to the next where none of its
    logs goes back."""
    with tempfile.TemporaryDirectory(prefix="pal-replay-") as folder, ExitStack() as opened:
        store: ReadStore | None = None
        in_order = sorted(stops, key=lambda stop: sum(head.size for head in stops[stop].values()))
        for stop in in_order:
            if store is None or not _lie_behind(stops[stop], _heads_of(store)):
                fresh = ReadStore.open(Path(folder) / f"{stop}.sqlite")
                store = opened.enter_context(closing(fresh))
                store.unguarded()
            replays.continue_to(store, stops[stop])
            yield stop, store


def _lie_behind(heads: Mapping[str, Head], before: Mapping[str, Head]) -> bool:
    return all(head.size <= heads.get(o, EMPTY_HEAD).size for o, head in before.items())


def _heads_of(store: ReadStore) -> dict[str, Head]:
    return {cursor.origin: cursor.head for cursor in store.cursors() if cursor.head.size}


def _doubts(recording: Recording | None, origin: str) -> Iterator[Finding]:
    """What keeps recorded digests from being compared."""
    if recording is None or recording.version == PROJECTION_VERSION:
        known = () if recording is None else [item.projection for item in recording.digests]
        missing = [name for name in PROJECTIONS if name not in known]
        if missing:
            yield Finding(
                code="projection.not_recorded",
                verdict=Verdict.INDETERMINATE,
                message="the log says no digest of a projection to compare a replay with",
                origin=origin,
                expected=f"digests of {', '.join(missing)}",
                actual=f"digests of {', '.join(known) or 'none'}",
                next_step=_RECORD,
            )
        return
    yield Finding(
        code="projection.other_version",
        verdict=Verdict.INDETERMINATE,
        message="the recorded digests are of another version of the projections than this one",
        origin=origin,
        index=recording.digests[0].index,
        expected=f"version {PROJECTION_VERSION}",
        actual=f"version {recording.version}",
        next_step=f"{_RECORD}; or verify with the software of that version",
    )


def _wrong_digests(recording: Recording, replayed: ReadStore, origin: str) -> Iterator[Finding]:
    stands = _heads_of(replayed)
    found = digests(replayed)
    for item in recording.digests:
        expected = found.get(item.projection, "no such projection")
        if stands != recording.heads:
            expected = f"a log with the inputs {_words(recording.heads)}, not {_words(stands)}"
        if expected != item.digest:
            yield Finding(
                code="projection.digest_mismatch",
                verdict=Verdict.FAILED,
                message=f"a replay up to the inputs of the digest of {item.projection} gives "
                "another digest than the log says",
                origin=origin,
                index=item.index,
                expected=expected,
                actual=item.digest,
                next_step="find out which store was shown then; pal rebuild makes a right one",
            )


def _compare_rows(
    live: ReadStore, replayed: ReadStore, readers: Sequence[LogReader]
) -> tuple[int, list[Finding]]:
    try:
        rows, different = first_differences(live, replayed)
    except sqlite3.DatabaseError as error:
        # Whoever can edit the file can take a table away.
        broken = Finding(
            code="projection.row_mismatch",
            verdict=Verdict.FAILED,
            message=f"{live.path.name} is not the read store that its version says: {error}",
            expected="every table of a replay",
            next_step=_EVIDENCE,
        )
        return 0, [broken]
    origins = {log_of(reader.origin): reader.origin for reader in readers}
    return rows, [other_row(item, origins) for item in different]


def other_row(difference: Difference, origins: Mapping[int, str]) -> Finding:
    """The finding of a row that differs; `origins` are those of the logs, by number."""
    table, key, expected, actual = difference
    named = " ".join(f"{column} {value}" for column, value in key.items())
    dossier = key.get("dossier")
    return Finding(
        code="projection.row_mismatch",
        verdict=Verdict.FAILED,
        message=f"the read store says otherwise than a replay, first in table {table} at {named}",
        origin=origins.get(key.get("log", -1), ""),
        index=key.get("idx", -1),
        stream=stream_id("dossier", dossier) if dossier else "",
        expected=expected,
        actual=actual,
        next_step=_EVIDENCE,
    )


def _stale(
    path: Path, shown: Mapping[str, Head], verified: Mapping[str, Head]
) -> Iterator[Finding]:
    for origin, head in verified.items():
        size = shown.get(origin, EMPTY_HEAD).size
        if size < head.size:
            yield Finding(
                code="projection.stale",
                verdict=Verdict.INDETERMINATE,
                message=f"{path.name} lies {head.size - size} entries behind the log: what it "
                "shows is not the newest state",
                origin=origin,
                index=size,
                expected=f"{head.size} entries",
                actual=f"{size} entries",
                next_step="pal project",
            )


def _words(heads: Mapping[str, Head]) -> str:
    return ", ".join(f"{origin} {head.size}:{head.leaf}" for origin, head in heads.items())
