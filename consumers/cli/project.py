"""`project`: keep the read store at the end of every log, in one go or for as long as it runs."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import OpenLedger, open_ledger, utc_now
from consumers.cli.errors import PASSED, UsageError
from consumers.cli.moments import show_duration
from consumers.cli.options import Common
from consumers.cli.output import Column, basis_of, show_rows, write
from consumers.cli.session import settings_of
from consumers.cli.terminal import progress, say
from consumers.cli.texts import text
from consumers.workers.projector import STALL_SECONDS, LogLag, Projector
from ledger.core.chain import Head

COLUMNS: Final = (
    Column("origin"),
    Column("position", "number"),
    Column("end", "number"),
    Column("lag_entries", "number"),
    Column("lag_seconds", "seconds"),
)


def project(
    *,
    follow: Annotated[
        bool, Parameter(negative="", help="Go on until stopped; a line for each log that moved.")
    ] = False,
    stall: Annotated[
        float,
        Parameter(help="With --follow: fail after so many seconds without answer or progress."),
    ] = STALL_SECONDS,
    record_digest: Annotated[
        bool,
        Parameter(negative="", help="Then record in log 0 what each projection says as of then."),
    ] = False,
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Fold what the logs have beyond the read store, and show how far it lags behind each.

    Killed at any moment it goes on where it was: nothing is folded twice. With --follow a watchdog
    looks at every log by itself; where the projections stand still it ends with exit code 5.

    Example: pal project --follow --format jsonl

    Example: pal project --record-digest
    """
    settings = settings_of(common)
    if follow and record_digest:
        msg = "--follow never comes to an end at which a digest could be recorded"
        raise UsageError(msg, next_step="let a timer run pal project --record-digest beside it")
    with open_ledger(settings) as ledger, open_ledger(settings) as watching:
        projector = Projector(
            ledger.readers,
            watching.readers,
            settings.read_path,
            genesis_leaves=ledger.genesis_leaves,
            strict_rows=ledger.every_row_counts,
            now=utc_now,
            stall_seconds=stall,
        )
        signal.signal(signal.SIGTERM, lambda *_: projector.stop())
        if follow:
            projector.run(_Teller(common))
            return PASSED
        newest = _run_to_the_end(projector, len(ledger.readers))
        if record_digest:
            _record_digests(ledger)
        heads = _heads(settings.read_path)
    show_rows(
        "lag",
        COLUMNS,
        map(msgspec.structs.asdict, newest),
        basis=basis_of(heads),
        form=common.format,
        lang=common.language,
    )
    return PASSED


def _run_to_the_end(projector: Projector, logs: int) -> Sequence[LogLag]:
    newest: Sequence[LogLag] = ()
    with progress("reading the log", "entries") as advance:

        def note(lags: Sequence[LogLag]) -> None:
            nonlocal newest
            newest = lags
            advance(sum(lag.position for lag in lags), sum(lag.end for lag in lags))
            if len(lags) == logs and not any(lag.lag_entries for lag in lags):
                projector.stop()

        projector.run(note)
    return newest


def _record_digests(ledger: OpenLedger) -> None:
    """Record what the read store says, and fold the new entries in."""
    from consumers.workers.own_entries import record_own  # noqa: PLC0415 - only when it is asked for
    from projections.runtime.digest_entries import digest_actions  # noqa: PLC0415 - the same
    from projections.store.sqlite import ReadStore  # noqa: PLC0415 - loaded when used

    with closing(ReadStore.open(ledger.settings.read_path)) as store:
        actions = digest_actions(store, ledger.trust[0].origin, utc_now())
    recorded = asyncio.run(record_own(ledger, 0, actions))
    ledger.store().close()
    say(f"recorded the digests of {recorded.new} projections in {ledger.trust[0].origin}")


def _heads(path: Path) -> dict[str, Head]:
    from projections.store.sqlite import ReadStore  # noqa: PLC0415 - loaded when used

    with closing(ReadStore.open(path)) as store:
        return {cursor.origin: cursor.head for cursor in store.cursors()}


class _Teller:
    """Writes a line for each log whenever its position or its end has moved."""

    def __init__(self, common: Common) -> None:
        self._common = common
        self._told: dict[str, tuple[int, int]] = {}

    def __call__(self, lags: Sequence[LogLag]) -> None:
        for lag in lags:
            if self._told.get(lag.origin) != (lag.position, lag.end):
                self._told[lag.origin] = (lag.position, lag.end)
                self._tell(lag)
        sys.stdout.flush()

    def _tell(self, lag: LogLag) -> None:
        if self._common.format != "table":
            write(json.dumps({"kind": "lag", **msgspec.structs.asdict(lag)}))
            return
        write(
            text(
                "lag.line",
                self._common.language,
                origin=lag.origin,
                position=f"{lag.position:,}",
                end=f"{lag.end:,}",
                entries=f"{lag.lag_entries:,}",
                length=show_duration(lag.lag_seconds),
            )
        )
