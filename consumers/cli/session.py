"""Opening what a command needs, and the moment that it speaks of."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from consumers.bootstrap import OpenLedger, Settings, open_ledger, utc_now
from consumers.cli.audited import Looked, audited
from consumers.cli.errors import NotFoundError, UsageError, finding_lines
from consumers.cli.moments import parse_moment, show_instant
from consumers.cli.options import NO_REVEAL, Common, Reading, Reveal
from consumers.cli.output import Basis, Column, Row, basis_of, show_rows, write
from consumers.cli.terminal import paint, progress, say
from consumers.cli.texts import text
from ledger.core.chain import Head
from ledger.core.findings import FindingError
from ledger.core.ids import log_of
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
    """The moment that an answer speaks of: the query's as-of, and `at` for "late as at".

    `heads` says how much of each origin was there then.
    """

    as_of: AsOf
    at: str
    is_now: bool
    basis: Basis
    heads: Mapping[str, Head]


class View:
    """A caught-up read store, the ledger it was read from, and the moment asked for."""

    def __init__(
        self, ledger: OpenLedger, store: ReadStore, reading: Reading, looked: Looked
    ) -> None:
        self.ledger = ledger
        self.live = store
        self.reading = reading
        self.looked = looked
        self.moment = _moment(store, reading)

    def gave(self, rows: int) -> None:
        """Note how many rows were shown: at most the limit."""
        limit = self.reading.row_limit
        self.looked.rows += min(rows, limit) if limit else rows

    def show_rows(
        self, kind: str, columns: Sequence[Column], rows: Iterable[Row], chosen: str = ""
    ) -> None:
        """Write rows in the format asked for, with the basis and its filter in words; note how
        many there were."""
        reading = self.reading
        self.gave(
            show_rows(
                kind,
                columns,
                rows,
                basis=self.basis(chosen),
                form=reading.format,
                lang=reading.language,
                limit=reading.row_limit,
            )
        )

    def basis(self, chosen: str = "") -> Basis:
        """The basis of an answer, with its filter in words."""
        return msgspec.structs.replace(self.moment.basis, filter=chosen)

    def place(self, log: int, index: int) -> str:
        """Where an entry stands: its index, behind its log's number where there are several."""
        return f"{log}/{index:,}" if len(self.moment.heads) > 1 else f"{index:,}"

    def columns(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """The columns of a table of entries: their log is shown where there are several."""
        if len(self.moment.heads) <= 1:
            return tuple(columns)
        return tuple(
            msgspec.structs.replace(column, wide=False) if column.name == "log" else column
            for column in columns
        )

    def verified_to(self) -> str:
        """The last index that the answer stands on, of each log."""
        heads = self.moment.heads.items()
        return " ".join(self.place(log_of(origin), head.size - 1) for origin, head in heads)

    def banner(self) -> None:
        """On a table that shows the past, say so first."""
        if self.moment.is_now or self.reading.format != "table":
            return
        as_of, lang = self.moment.as_of, self.reading.language
        at = show_instant(as_of.at)
        if as_of.axis == "index":
            at = f"index {self.place(as_of.log, as_of.index)}"
        axis = text(f"axis.{as_of.axis}", lang)
        write(paint(text("as_of", lang, at=at, axis=axis), "yellow", sys.stdout))

    @contextmanager
    def store(self) -> Iterator[ReadStore]:
        """The store as of the moment: the live one, or the prefix of each log folded from zero."""
        if self.moment.is_now:
            yield self.live
            return
        if self.moment.as_of.axis == "occurred":
            msg = "this command answers as recorded; --axis occurred is for dossiers and events"
            raise UsageError(msg, next_step="leave --axis out")
        from projections.runtime.prefix import PrefixReader  # noqa: PLC0415 - only for the past
        from projections.runtime.runner import project  # noqa: PLC0415 - the same
        from projections.store.sqlite import ReadStore as Store  # noqa: PLC0415 - loaded when used

        with tempfile.TemporaryDirectory(prefix="pal-as-of-") as folder:
            store = Store.open(Path(folder) / "read.sqlite")
            heads = self.moment.heads
            project(
                [
                    PrefixReader(reader, heads[reader.origin].leaf)
                    for reader in self.ledger.readers
                    if heads[reader.origin].size
                ],
                store,
                genesis_leaves=self.ledger.genesis_leaves,
                strict_rows=self.ledger.every_row_counts,
            )
            try:
                yield store
            finally:
                store.close()


@contextmanager
def view(reading: Reading, asked: str, reveal: Reveal = NO_REVEAL) -> Iterator[View]:
    """Open the ledger, catch the read store up, and close both after use.

    `asked` is what is asked, for the record that `audited` leaves where one is wanted.
    """
    with open_ledger(settings_of(reading)) as ledger:
        store = _caught_up(ledger, reading)
        try:
            with audited(ledger, store, reading, asked, reveal) as looked:
                yield View(ledger, store, reading, looked)
        finally:
            store.close()


def _caught_up(ledger: OpenLedger, reading: Reading) -> ReadStore:
    """The read store at the end of every log; of a broken log, what was folded before the break, if
    the moment asked for lies there.
    """
    try:
        with progress("reading the log", "entries") as advance:
            return ledger.store(lambda done: advance(done, 0))
    except FindingError as error:
        from projections.store.sqlite import ReadStore as Store  # noqa: PLC0415 - broken logs only

        if not reading.at_index:
            raise
        store = Store.open(ledger.settings.read_path)
        log, index = place_of(store, reading.at_index, "--at-index")
        broken = error.finding.origin == ledger.readers[log].origin
        if not broken or error.finding.index <= index or store.head(log).size <= index:
            store.close()
            raise
        for line in finding_lines(error.finding, with_origin=True):
            say(line)
        say(f"  shown     only what was verified up to index {index:,}")
        return store


def place_of(store: ReadStore, text: str, option: str) -> tuple[int, int]:
    """The log and index that an option names: `301`, or `3/301` where there are several logs.

    Raises `UsageError`, and `NotFoundError` for an index that is not in the log.
    """
    number, stroke, index = text.rpartition("/")
    cursors = store.cursors()
    if not index.isdecimal() or (stroke and not number.isdecimal()):
        msg = f"{option} {text!r} is no index"
        raise UsageError(msg, next_step="write 301, or 3/301 for index 301 of log 3")
    if not stroke and len(cursors) > 1:
        msg = f"this ledger has {len(cursors)} logs: index {index} is one entry in each"
        raise UsageError(msg, next_step=f"name the log, e.g. {option} 0/{index}")
    log = int(number or 0)
    size = store.head(log).size
    if int(index) >= size:
        msg = f"index {index} is not in this log of {size} entries"
        raise NotFoundError(msg, next_step=f"indexes go from 0 to {size - 1}")
    return log, int(index)


def _moment(store: ReadStore, reading: Reading) -> Moment:
    from projections.queries.as_of import NOW, AsOf  # noqa: PLC0415 - readers only

    whole = {cursor.origin: cursor.head for cursor in store.cursors()}
    now = utc_now()
    if reading.as_of and reading.at_index:
        msg = "--as-of and --at-index name two moments"
        raise UsageError(msg, next_step="give one of them")
    if reading.at_index:
        log, index = place_of(store, reading.at_index, "--at-index")
        at = AsOf("index", index=index, log=log).moment(store)
        # With its instant, so that what a foreign log says of later times stays hidden.
        as_of = AsOf("index", at, index, log)
        heads = _prefix(store, as_of)
        return Moment(as_of, at, False, _named(heads, f"index {reading.at_index}"), heads)
    if not reading.as_of:
        return Moment(NOW, format_instant(now), True, basis_of(whole), whole)
    at = parse_moment(reading.as_of, end=True, now=now)
    as_of = AsOf(reading.axis, at)
    heads = whole if reading.axis == "occurred" else _prefix(store, as_of)
    return Moment(as_of, at, False, _named(heads, f"{at} ({reading.axis})"), heads)


def _named(heads: Mapping[str, Head], as_of: str) -> Basis:
    return msgspec.structs.replace(basis_of(heads), as_of=as_of)


def _prefix(store: ReadStore, as_of: AsOf) -> dict[str, Head]:
    """The head that each log had at a recorded moment."""
    condition, arguments = as_of.condition(store)
    heads = {}
    for cursor in store.cursors():
        row = store.rows(
            f"SELECT idx + 1, leaf FROM timeline WHERE log = ? AND {condition} "  # noqa: S608 - conditions of ours, values as parameters
            "ORDER BY idx DESC LIMIT 1",
            (cursor.log, *arguments),
        )
        heads[cursor.origin] = Head(*row[0]) if row else Head(0, "")
    return heads
