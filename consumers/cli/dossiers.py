"""`dossiers` and `dossier show`: state, who held it for how long, what happened."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from consumers.cli.audited import free
from consumers.cli.dossier_checks import DossierChecks
from consumers.cli.entries import event_row, no_dossier
from consumers.cli.errors import PASSED
from consumers.cli.moments import (
    ZONE_NAME,
    seconds_between,
    show_duration,
    show_instant,
    show_within,
)
from consumers.cli.options import NO_REVEAL, Lang, Reading, Reveal
from consumers.cli.output import Column, format_cells, show_value, write
from consumers.cli.reveal import Revealer
from consumers.cli.session import View, view
from consumers.cli.terminal import paint, safe_text, say
from consumers.cli.texts import text as told

if TYPE_CHECKING:
    from ledger.domain.dossier import DossierState
    from projections.folds.custody import Interval
    from projections.queries.dossiers import DossierView
    from projections.queries.timeline import TimelineRow

COLUMNS: Final = (
    Column("dossier"),
    Column("status"),
    Column("portal_status", "number"),
    Column("procedure", wide=True),
    Column("holder"),
    Column("begun_at", "instant"),
    Column("due_at", "instant"),
    Column("ended_at", "instant"),
    Column("outcome"),
    Column("late"),
    Column("entries", "number"),
)
BAR_CELLS: Final = 40
_PAUSED: Final = "dossier.deadline_paused.v1"
_RESUMED: Final = "dossier.deadline_resumed.v1"


def dossiers(
    *,
    late: Annotated[
        bool, Parameter(negative="", help="Only those delivered, ended or still open after due.")
    ] = False,
    status: Annotated[str, Parameter(help="Only those in this state.")] = "",
    holder: Annotated[str, Parameter(help="Only those that this officer holds.")] = "",
    unit: Annotated[str, Parameter(help="Only those at this unit.")] = "",
    procedure: Annotated[str, Parameter(help="Only those of this procedure.")] = "",
    text: Annotated[str, Parameter(help="Only those whose id contains this text.")] = "",
    reading: Reading = Reading(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """List dossiers with their state.

    Late: delivered, or without delivery ended, after the due date; an open one, overdue now.

    Example: pal dossiers --late --format csv > late.csv
    """
    from projections.folds.dossier import is_late  # noqa: PLC0415 - readers only
    from projections.queries.dossiers import (  # noqa: PLC0415 - the same
        DossierFilter,
        list_dossiers,
    )

    chosen = DossierFilter(status, holder, unit, procedure, text)
    words = ["late"] if late else []
    words += [f"{name}:{value}" for name, value in msgspec.structs.asdict(chosen).items() if value]
    asked = " ".join(["dossiers", *(word for word in words if not word.startswith("text:"))])
    with view(reading, asked + free(text)) as shown:
        at = shown.moment.at
        states = list_dossiers(
            shown.live, at=at, late=late, as_of=shown.moment.as_of, chosen=chosen
        )
        shown.banner()
        rows = ({**_state_row(state), "late": is_late(state, at)} for state in states)
        shown.show_rows("dossiers", COLUMNS, rows, " ".join(words))
        if late:
            closed = sum(bool(state.delivered_at or state.ended_at) for state in states)
            say(told("late.parts", reading.language, closed=closed, open=len(states) - closed))
    return PASSED


def _state_row(state: DossierState) -> dict[str, Any]:
    return {
        "dossier": state.dossier_id,
        "status": state.status,
        "portal_status": state.portal_status,
        "procedure": state.procedure,
        "holder": state.holder,
        "begun_at": state.begun_at,
        "due_at": state.due_at,
        "ended_at": state.delivered_at or state.ended_at,
        "outcome": state.outcome,
        "entries": state.version,
    }


def show(
    dossier: str,
    *,
    reveal: Reveal = NO_REVEAL,
    reading: Reading = Reading(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Show one dossier: state, who held it and how long, every entry as a sentence.

    Example: pal dossier show H26.31.0007 --as-of 2026-03-03T17:00+07:00
    """
    from projections.folds.dossier import is_late  # noqa: PLC0415 - readers only
    from projections.queries.dossiers import get_dossier  # noqa: PLC0415 - the same
    from projections.queries.registry import registry_as_of  # noqa: PLC0415 - the same

    with view(reading, f"dossier show {dossier}", reveal) as shown:
        found = get_dossier(shown.live, dossier, shown.moment.as_of)
        if found is None:
            raise no_dossier(dossier)
        shown.gave(1)
        revealer = Revealer(
            shown.ledger.keys,
            reading.language,
            is_open=reveal.reveal,
            opened=shown.looked.opened,
        )
        is_now_late = is_late(found.state, shown.moment.at)
        registry = registry_as_of(shown.live, shown.moment.as_of)
        checks = DossierChecks(found, shown.moment.at, registry)
        if reading.format != "table":
            value = {
                "dossier": dossier,
                "late": is_now_late,
                "state": msgspec.to_builtins(found.state),
                **checks.values(),
                "intervals": [
                    {**msgspec.to_builtins(i), "seconds": seconds_between(i.from_at, i.to_at)}
                    for i in found.intervals
                ],
                "entries": [event_row(r, reading.language, revealer) for r in found.entries],
            }
            basis = shown.basis(f"dossier:{dossier}")
            show_value("dossier", value, basis=basis, form=reading.format)
            return PASSED
        shown.banner()
        _show_state(found, revealer, reading.language, is_late=is_now_late)
        checks.show_clocks(reading.language)
        checks.show_duties(reading.language)
        checks.show_findings()
        _show_lanes(found, reading.language)
        _show_entries(found.entries, shown, checks)
    return PASSED


def _show_state(found: DossierView, revealer: Revealer, lang: Lang, *, is_late: bool) -> None:
    state = found.state
    write(paint(safe_text(state.dossier_id), "bold", sys.stdout))
    if is_late:
        write(paint(told("dossier.late", lang), "yellow", sys.stdout))
    write(
        told(
            "dossier.state",
            lang,
            status=state.status,
            portal=state.portal_status,
            procedure=safe_text(state.procedure) or "-",
            outcome=state.outcome or "-",
        )
    )
    name = _applicant(found.entries, revealer)
    if name or state.applicant_ref:
        write(told("dossier.applicant", lang, name=safe_text(name or state.applicant_ref)))
    mark = f" ({told('imported', lang)})"
    ended = state.delivered_at or state.ended_at
    write(
        told(
            "dossier.dates",
            lang,
            begun=show_instant(state.begun_at) or "-",
            due=(show_instant(state.due_at) or "-") + (mark if state.due_imported else ""),
            ended=(show_instant(ended) or "-") + (mark if state.ended_imported else ""),
        )
    )
    if state.holder and not ended:
        key = "dossier.holder_inferred" if state.holder_inferred else "dossier.holder"
        since = show_instant(state.holder_since)
        write(told(key, lang, holder=safe_text(state.holder), since=since))
    else:
        write(told("dossier.nobody", lang))


def _applicant(entries: Sequence[TimelineRow], revealer: Revealer) -> str:
    for row in entries:
        if "applicant_name" in row.action.data:
            return str(revealer.data(row.action)["applicant_name"])
    return ""


def _show_lanes(found: DossierView, lang: Lang) -> None:
    """One bar for each officer and unit, over the dossier's lifetime."""
    intervals = found.intervals
    if not intervals:
        return
    start, end = intervals[0].from_at, max(interval.to_at for interval in intervals)
    write()
    length = show_duration(seconds_between(start, end))
    heading = f"{told('dossier.lanes', lang)}  {show_instant(start)} – {show_instant(end)}"
    write(paint(heading, "bold", sys.stdout) + f"  {told('dossier.lifetime', lang, length=length)}")
    lanes: dict[tuple[str, str], list[Interval]] = {}
    for interval in intervals:
        who = interval.officer or told(f"lane.{interval.kind}", lang)
        lanes.setdefault((interval.unit, who), []).append(interval)
    rows = []
    still_held = not (found.state.delivered_at or found.state.ended_at)
    for (unit, who), parts in lanes.items():
        spans = [(part.from_at, part.to_at) for part in parts]
        notes = [told("lane.inferred", lang)] if any(part.inferred for part in parts) else []
        if parts[-1] is intervals[-1] and parts[-1].kind == "held" and still_held:
            notes.append(told("lane.since", lang))
        mark = "▇" if parts[0].kind == "held" else "░"
        rows.append(_lane(unit, who, spans, (start, end), mark, ", ".join(notes)))
    pauses = list(_pauses(found.entries, end))
    if pauses:
        name = told("lane.paused", lang)
        rows.append(_lane("", name, pauses, (start, end), "·", ""))
    for line in list(format_cells(["", "", "", "", ""], rows, [False, False, False, True, False]))[
        1:
    ]:
        write("  " + line)


def _lane(
    unit: str,
    who: str,
    spans: Sequence[tuple[str, str]],
    life: tuple[str, str],
    mark: str,
    note: str,
) -> list[str]:
    cells = [" "] * BAR_CELLS
    whole = seconds_between(*life) or 1.0
    held = 0.0
    for first, last in spans:
        held += seconds_between(first, last)
        begin = int(seconds_between(life[0], first) / whole * BAR_CELLS)
        until = int(seconds_between(life[0], last) / whole * BAR_CELLS)
        # A stretch too short for a cell is still shown: it happened.
        for cell in range(min(begin, BAR_CELLS - 1), max(min(until, BAR_CELLS), begin + 1)):
            cells[min(cell, BAR_CELLS - 1)] = mark
    return [safe_text(unit), safe_text(who), f"|{''.join(cells)}|", show_duration(held), note]


def _pauses(entries: Sequence[TimelineRow], end: str) -> Iterator[tuple[str, str]]:
    since = ""
    for row in entries:
        if row.type == _PAUSED and not since:
            since = row.occurred_at
        elif row.type == _RESUMED and since:
            yield since, max(since, row.occurred_at)
            since = ""
    if since:
        yield since, max(since, end)


def _show_entries(entries: Sequence[TimelineRow], shown: View, checks: DossierChecks) -> None:
    from ledger.domain.phrases import sentence  # noqa: PLC0415 - where sentences are shown

    lang = shown.reading.language
    write()
    write(paint(told("dossier.timeline", lang), "bold", sys.stdout))
    for row in entries:
        said = safe_text(show_within(sentence(row.action, lang)))
        place = f"#{row.version} · {shown.place(row.log, row.index)}"
        write(f"  {show_instant(row.occurred_at)}  {said}  {place}")
        checks.show_correction(row.version, lang)
    write()
    write(told("times", lang, zone=ZONE_NAME))
    write(told("read_verified", lang, index=shown.verified_to()))
    write(told("not_proved", lang))
