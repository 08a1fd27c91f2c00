"""Opening what a command needs, and the moment that it speaks of."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from consumers.bootstrap import OpenLedger, Settings, open_ledger, utc_now
from consumers.cli.errors import NotFoundError, UsageError, finding_lines
from consumers.cli.moments import parse_moment, show_instant
from consumers.cli.options import Common, Reading
from consumers.cli.output import Basis, write
from consumers.cli.terminal import paint, progress, say
from consumers.cli.texts import text
from ledger.app.ports import LogReader, Record
from ledger.core.findings import FindingError
from ledger.core.merkle import leaf_hash
from ledger.core.times import format_instant

if TYPE_CHECKING:
    from projections.queries.as_of import AsOf
    from projections.store.sqlite import ReadStore


def settings_of(common: Common) -> Settings:
    """The settings that the options name, checked."""
    settings = Settings(common.home, common.log)
    _ = settings.kafka
    return settings


class Moment(msgspec.Struct, frozen=True):
    """The moment that an answer speaks of: the query's as-of, and `at` for "late as at"."""

    as_of: AsOf
    at: str
    is_now: bool
    basis: Basis


class View:
    """A caught-up read store, the ledger it was read from, and the moment asked for."""

    def __init__(self, ledger: OpenLedger, store: ReadStore, reading: Reading) -> None:
        self.ledger = ledger
        self.live = store
        self.reading = reading
        self.moment = _moment(store, reading)

    def basis(self, chosen: str = "") -> Basis:
        """The basis of an answer, with its filter in words."""
        return msgspec.structs.replace(self.moment.basis, filter=chosen)

    def banner(self) -> None:
        """On a table that shows the past, say so first."""
        if self.moment.is_now or self.reading.format != "table":
            return
        as_of, lang = self.moment.as_of, self.reading.language
        at = f"index {as_of.index:,}" if as_of.axis == "index" else show_instant(as_of.at)
        axis = text(f"axis.{as_of.axis}", lang)
        write(paint(text("as_of", lang, at=at, axis=axis), "yellow", sys.stdout))

    @contextmanager
    def store(self) -> Iterator[ReadStore]:
        """The store as of the moment: the live one, or the log's prefix folded from zero."""
        if self.moment.is_now:
            yield self.live
            return
        if self.moment.as_of.axis == "occurred":
            msg = "this command answers as recorded; --axis occurred is for dossiers and events"
            raise UsageError(msg, next_step="leave --axis out")
        from projections.runtime.runner import project  # noqa: PLC0415 - only for the past
        from projections.store.sqlite import ReadStore as Store  # noqa: PLC0415 - loaded when used

        with tempfile.TemporaryDirectory(prefix="pal-as-of-") as folder:
            store = Store.open(Path(folder) / "read.sqlite")
            reader = PrefixReader(self.ledger.readers[0], self.moment.basis.head)
            if self.moment.basis.log_size:
                project(
                    reader,
                    store,
                    genesis_leaf=self.ledger.trust[0].genesis_leaf,
                    strict_rows=self.ledger.every_row_counts,
                )
            try:
                yield store
            finally:
                store.close()


class PrefixReader:
    """The log up to and including the record with leaf `last`: what was known then."""

    def __init__(self, reader: LogReader, last: str) -> None:
        self.origin = reader.origin
        self._reader = reader
        self._last = last
        self._end: int | None = None

    def read(self, position: int, limit: int) -> Sequence[Record]:
        """Records from `position` on, none behind the last."""
        if self._end is not None and position > self._end:
            return ()
        records = self._reader.read(position, limit)
        for at, record in enumerate(records):
            if record.data is not None and leaf_hash(record.data).hex() == self._last:
                self._end = record.position
                return records[: at + 1]
        return records

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:  # noqa: ARG002 - the port's signature
        """A prefix never grows: whether something of it lies at `position` or after it."""
        return bool(self.read(position, 1))

    def close(self) -> None:
        """Nothing of its own to give back."""


@contextmanager
def view(reading: Reading) -> Iterator[View]:
    """Open the ledger, catch the read store up, and close both after use."""
    with open_ledger(settings_of(reading)) as ledger:
        store = _caught_up(ledger, reading)
        try:
            yield View(ledger, store, reading)
        finally:
            store.close()


def _caught_up(ledger: OpenLedger, reading: Reading) -> ReadStore:
    """The read store at the log's end; of a broken log, what was folded before the break, if the
    moment asked for lies there.
    """
    try:
        with progress("reading the log", "entries") as advance:
            return ledger.store(lambda done: advance(done, 0))
    except FindingError as error:
        from projections.store.sqlite import ReadStore as Store  # noqa: PLC0415 - broken logs only

        if reading.at_index is None or error.finding.index <= reading.at_index:
            raise
        store = Store.open(ledger.settings.read_path)
        if store.head().size <= reading.at_index:
            store.close()
            raise
        for line in finding_lines(error.finding):
            say(line)
        say(f"  shown     only what was verified up to index {reading.at_index:,}")
        return store


def _moment(store: ReadStore, reading: Reading) -> Moment:
    from projections.queries.as_of import NOW, AsOf  # noqa: PLC0415 - readers only

    cursor = store.cursor()
    origin = "" if cursor is None else cursor.origin
    head = store.head()
    now = utc_now()
    whole = Basis(origin, head.size, head.leaf)
    if reading.as_of and reading.at_index is not None:
        msg = "--as-of and --at-index name two moments"
        raise UsageError(msg, next_step="give one of them")
    if reading.at_index is not None:
        index = reading.at_index
        if not 0 <= index < head.size:
            msg = f"index {index} is not in this log of {head.size} entries"
            raise NotFoundError(msg, next_step=f"indexes go from 0 to {head.size - 1}")
        row = store.rows(
            "SELECT recorded_at FROM timeline WHERE idx <= ? ORDER BY idx DESC LIMIT 1", (index,)
        )
        at = str(row[0][0]) if row else format_instant(now)
        # With its instant, so that what a foreign log says of later times stays hidden.
        as_of = AsOf("index", at, index)
        return Moment(as_of, at, False, _prefix(store, whole, index, f"index {index}"))
    if not reading.as_of:
        return Moment(NOW, format_instant(now), True, whole)
    at = parse_moment(reading.as_of, end=True, now=now)
    as_of = AsOf(reading.axis, at)
    if reading.axis == "occurred":
        named = msgspec.structs.replace(whole, as_of=f"{at} (occurred)")
        return Moment(as_of, at, False, named)
    row = store.rows(
        "SELECT idx FROM timeline WHERE recorded_at <= ? ORDER BY idx DESC LIMIT 1", (at,)
    )
    index = int(row[0][0]) if row else -1
    return Moment(as_of, at, False, _prefix(store, whole, index, f"{at} (recorded)"))


def _prefix(store: ReadStore, whole: Basis, index: int, as_of: str) -> Basis:
    row = store.rows(
        "SELECT idx, leaf FROM timeline WHERE idx <= ? ORDER BY idx DESC LIMIT 1", (index,)
    )
    size, head = (int(row[0][0]) + 1, str(row[0][1])) if row else (0, "")
    return msgspec.structs.replace(whole, log_size=size, head=head, as_of=as_of)
