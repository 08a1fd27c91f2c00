"""`officers`, `officer report`, `handovers`: what is counted of people, and no more."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import utc_now
from consumers.cli.errors import PASSED, NotFoundError
from consumers.cli.moments import (
    ZONE_NAME,
    parse_moment,
    seconds_between,
    show_duration,
    show_instant,
)
from consumers.cli.options import Lang, Reading
from consumers.cli.output import Column, format_cells, show_value, write
from consumers.cli.session import View, view
from consumers.cli.terminal import paint, safe_text
from consumers.cli.texts import text
from ledger.core.action import plain_id

if TYPE_CHECKING:
    from projections.reports.officer import HandoverLink, OfficerReport

SHOWN: Final = 20
"""Rows of each section of a printed report; --full prints all, machine formats always do."""


def officers(*, reading: Reading = Reading()) -> int:  # noqa: B008 - frozen; cyclopts reads the default
    """List officers: id, entries, dossiers. No rate, no rank.

    Example: pal officers --format csv
    """
    from projections.queries.officers import list_officers  # noqa: PLC0415 - readers only

    with view(reading, "officers") as shown, shown.store() as store:
        shown.banner()
        columns = (Column("officer"), Column("entries", "number"), Column("dossiers", "number"))
        rows = (msgspec.structs.asdict(row) for row in list_officers(store))
        shown.show_rows("officers", columns, rows)
    return PASSED


def handovers(
    *,
    returns: Annotated[
        bool, Parameter(negative="", help="A gave to B and got it back (A-B-A), one row each.")
    ] = False,
    reading: Reading = Reading(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Count hand-overs by pair: one officer's entry followed by another's.

    Example: pal handovers --returns
    """
    from projections.queries.handovers import list_handovers, list_returns  # noqa: PLC0415 - readers only

    asked = "handovers returns" if returns else "handovers"
    with view(reading, asked) as shown, shown.store() as store:
        shown.banner()
        if returns:
            shown_columns = (
                Column("dossier"),
                Column("version", "number"),
                Column("officer"),
                Column("other"),
            )
            rows = map(msgspec.structs.asdict, list_returns(store))
            shown.show_rows("returns", shown_columns, rows, "returns")
            return PASSED
        columns = (Column("from"), Column("to"), Column("count", "number"))
        pairs = (
            {"from": row.giver, "to": row.receiver, "count": row.count}
            for row in list_handovers(store)
        )
        shown.show_rows("handovers", columns, pairs)
    return PASSED


def report(
    officer: str,
    *,
    from_: Annotated[str, Parameter(name="--from", help="First day, included.")] = "",
    to: Annotated[str, Parameter(name="--to", help="Last day, included.")] = "",
    full: Annotated[bool, Parameter(negative="", help="Print every row.")] = False,
    reading: Reading = Reading(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Report what one officer did in a period: descriptive, every count with its entries.

    Example: pal officer report Resource10 --from 2011-03-01 --to 2011-03-31
    """
    from projections.reports.officer import officer_report  # noqa: PLC0415 - readers only

    now = utc_now()
    first = parse_moment(from_, end=False, now=now) if from_ else ""
    last = parse_moment(to, end=True, now=now) if to else ""
    chosen = f"actor:{officer} occurred:{first}..{last}"
    with view(reading, f"officer report {chosen}") as shown, shown.store() as store:
        found = officer_report(store, officer, first, last)
        if found is None:
            msg = f"no entry of officer {officer!r} in this period"
            raise NotFoundError(msg, next_step="pal officers lists who has entries")
        shown.gave(1)
        if reading.format != "table":
            value = msgspec.to_builtins(found)
            value.pop("heads")
            show_value("officer_report", value, basis=shown.basis(chosen), form=reading.format)
            return PASSED
        shown.banner()
        _show_report(found, shown, SHOWN if not full else sys.maxsize)
    return PASSED


def _show_report(found: OfficerReport, shown: View, most: int) -> None:
    lang = shown.reading.language
    first = show_instant(found.from_at) or text("report.start", lang)
    last = show_instant(found.to_at) or text("report.end", lang)
    period = text("report.period", lang, first=first, last=last)
    title = text("report.title", lang, officer=safe_text(found.officer), period=period)
    write(paint(title, "bold", sys.stdout))
    write(
        text(
            "report.summary",
            lang,
            entries=f"{len(found.entries):,}",
            dossiers=f"{len(found.dossiers):,}",
            given=f"{len(found.given):,}",
            received=f"{len(found.received):,}",
            held=f"{len(found.held):,}",
        )
    )
    write(paint(text("report.note", lang), "yellow", sys.stdout))
    by_type: dict[str, list[str]] = {}
    by_dossier: dict[str, list[str]] = {}
    for entry in found.entries:
        place = shown.place(entry.log, entry.index).replace(",", "")
        by_type.setdefault(entry.type, []).append(place)
        by_dossier.setdefault(entry.stream, []).append(place)
    types = [[name, f"{count:,}", _places(by_type[name])] for name, count in found.entries_by_type]
    _section("report.by_type", types, (False, True, False), lang, most)
    own = [
        [safe_text(plain_id(stream)), f"{len(by_dossier[stream]):,}", _places(by_dossier[stream])]
        for stream in found.dossiers
    ]
    _section("report.dossiers", own, (False, True, False), lang, most)
    _section("report.given", _links(found.given), (False, False, False), lang, most)
    _section("report.received", _links(found.received), (False, False, False), lang, most)
    held = [
        [
            safe_text(item.dossier),
            f"{show_instant(item.from_at)} – {show_instant(item.to_at)}",
            show_duration(seconds_between(item.from_at, item.to_at)),
            f"#{item.from_version}–{item.to_version}",
            text("lane.inferred", lang) if item.inferred else "",
        ]
        for item in found.held
    ]
    _section("report.held", held, (False, False, True, False, False), lang, most)
    write()
    count = f"{len(found.entries):,}"
    write(text("report.control", lang, control=found.control_sum, entries=count))
    write(text("times", lang, zone=ZONE_NAME))
    if found.dossiers:
        dossier = safe_text(quote(plain_id(found.dossiers[0])))
        write(text("report.look", lang, dossier=dossier))
    write(text("read_verified", lang, index=shown.verified_to()))
    write(text("not_proved", lang))


def _places(places: Sequence[str]) -> str:
    """Where the entries behind a count stand; the machine formats name every one."""
    return f"index {' '.join(places[:8])}" + (" …" if len(places) > 8 else "")


def _links(links: Sequence[HandoverLink]) -> list[list[str]]:
    return [[safe_text(link.other), safe_text(link.dossier), f"#{link.version}"] for link in links]


def _section(
    key: str, rows: Sequence[Sequence[str]], right: Sequence[bool], lang: Lang, most: int
) -> None:
    write()
    write(paint(text(key, lang), "bold", sys.stdout))
    if not rows:
        write(f"  {text('report.none', lang)}")
        return
    for line in list(format_cells([""] * len(right), rows[:most], right))[1:]:
        write(f"  {line}")
    if len(rows) > most:
        write(f"  {text('report.more', lang, n=f'{len(rows) - most:,}')}")
