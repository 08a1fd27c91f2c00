"""`events`, `dossier events`, `find`, `replay`: entries one by one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import utc_now
from consumers.cli.audited import free
from consumers.cli.errors import PASSED, NotFoundError, UsageError
from consumers.cli.filters import KEYS, Filter, parse_filter
from consumers.cli.moments import machine_instant, show_instant, show_within
from consumers.cli.options import NO_REVEAL, Lang, Reading, Reveal
from consumers.cli.output import Column, write
from consumers.cli.reveal import Revealer
from consumers.cli.session import View, view
from consumers.cli.terminal import paint, safe_text, say
from consumers.cli.texts import text
from ledger.core.action import plain_id
from ledger.domain.phrases import sentence

if TYPE_CHECKING:
    from projections.queries.timeline import TimelineRow

COLUMNS: Final = (
    Column("log", "number", wide=True),
    Column("index", "number"),
    Column("occurred_at", "instant"),
    Column("recorded_at", "instant", wide=True),
    Column("stream", wide=True),
    Column("version", "number"),
    Column("type", wide=True),
    Column("actor", wide=True),
    Column("sentence"),
    Column("leaf", wide=True),
    Column("action", wide=True),
)
_NOT_STATE: Final = frozenset(
    {"version", "dossier_id", "last_occurred_at", "last_officer", "last_unit"}
)


def event_row(row: TimelineRow, lang: Lang, revealer: Revealer) -> dict[str, Any]:
    """An entry as a row of every format; the action whole, with sealed fields replaced."""
    action = msgspec.to_builtins(row.action)
    action["data"] = revealer.data(row.action)
    return {
        "log": row.log,
        "index": row.index,
        "occurred_at": row.occurred_at,
        "recorded_at": row.recorded_at,
        "stream": row.stream,
        "version": row.version,
        "type": row.type,
        "actor": row.actor,
        "sentence": show_within(sentence(row.action, lang)),
        "leaf": row.leaf,
        "action": action,
    }


def chosen_rows(shown: View, chosen: Filter) -> Iterator[TimelineRow]:
    """The entries that fit a filter, up to the moment asked for."""
    from projections.folds.names import plain_text  # noqa: PLC0415 - readers only
    from projections.queries.timeline import events as find_events  # noqa: PLC0415 - loaded when used

    lang = shown.reading.language
    for row in find_events(shown.live, chosen.store_filter(), shown.moment.as_of):
        plain = ""
        if chosen.words:
            plain = plain_text(f"{sentence(row.action, lang)} {plain_id(row.stream)} {row.type}")
        if chosen.fits(row.action, row.recorded_at, plain):
            yield row


def events(
    *words: str,
    reveal: Reveal = NO_REVEAL,
    reading: Reading = Reading(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """List entries that fit a filter.

    Keys: actor: on_behalf_of: action: dossier: procedure: unit: occurred: recorded: index:
    Other words must stand in the sentence or the id. Ranges: occurred:2026-03..2026-04

    Example: pal events actor:Resource10 action:approved occurred:2026-03
    """
    chosen = parse_filter(words, utc_now())
    keyed = [word for word in words if word.partition(":")[0] in KEYS and ":" in word]
    others = " ".join(word for word in words if word not in keyed)
    with view(reading, " ".join(["events", *keyed]) + free(others), reveal) as shown:
        shown.banner()
        revealer = _revealer(shown, reveal)
        rows = (event_row(row, reading.language, revealer) for row in chosen_rows(shown, chosen))
        shown.show_rows("events", shown.columns(COLUMNS), rows, " ".join(words))
    return PASSED


def _revealer(shown: View, reveal: Reveal) -> Revealer:
    return Revealer(
        shown.ledger.keys,
        shown.reading.language,
        is_open=reveal.reveal,
        opened=shown.looked.opened,
    )


def dossier_events(
    dossier: str,
    *,
    reveal: Reveal = NO_REVEAL,
    reading: Reading = Reading(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """List every entry of a dossier.

    Example: pal dossier events H26.31.0007 --format jsonl
    """
    with view(reading, f"dossier events {dossier}", reveal) as shown:
        rows = list(chosen_rows(shown, Filter(dossier=dossier)))
        if not rows:
            raise no_dossier(dossier)
        shown.banner()
        revealer = _revealer(shown, reveal)
        made = (event_row(row, reading.language, revealer) for row in rows)
        shown.show_rows("dossier_events", shown.columns(COLUMNS), made, f"dossier:{dossier}")
    return PASSED


def no_dossier(dossier: str) -> NotFoundError:
    """The dossier has no entry up to the moment asked for."""
    return NotFoundError(
        f"no entry of dossier {dossier!r} up to that moment", next_step=f"pal find {dossier}"
    )


def find(query: str, *, reading: Reading = Reading()) -> int:  # noqa: B008 - frozen; cyclopts reads the default
    """Find a dossier, an officer, an entry's hash or an index.

    Example: pal find nguyen
    """
    from projections.queries.find import find as search  # noqa: PLC0415 - readers only

    with view(reading, f"find{free(query)}") as shown, shown.store() as store:
        shown.banner()
        hits = search(store, query)
        if not hits:
            msg = f"nothing is called {query!r}"
            raise NotFoundError(msg, next_step=f"pal events {query!r} searches the sentences")
        columns = (
            Column("kind"),
            Column("id"),
            Column("log", "number", wide=True),
            Column("index", "number"),
        )
        rows = (
            {
                "kind": hit.kind,
                "id": hit.id,
                "log": hit.log if hit.index >= 0 else "",
                "index": hit.index if hit.index >= 0 else "",
            }
            for hit in hits
        )
        shown.show_rows("find", shown.columns(columns), rows, query)
    return PASSED


def replay(
    dossier: str = "",
    *,
    from_index: int = 0,
    to_index: int | None = None,
    step: Annotated[
        bool, Parameter(negative="", help="Wait for Enter after each entry (on a terminal).")
    ] = False,
    reading: Reading = Reading(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Step through a dossier or a range: each entry as a sentence, and what it changed.

    Example: pal replay H26.31.0007 --as-of 2026-03-03T17:00+07:00
    """
    last = 2**62 if to_index is None else to_index
    if last < from_index:
        msg = f"--from-index {from_index} lies behind --to-index {last}"
        raise UsageError(msg, next_step="swap them")
    named = f"dossier:{dossier} " if dossier else ""
    basis = f"{named}index:{from_index}..{'' if to_index is None else to_index}"
    with view(reading, f"replay {basis}") as shown:
        chosen = Filter(dossier=dossier, first_index=from_index, last_index=last)
        rows = _replayed(shown, chosen)
        if dossier and not any(True for _ in chosen_rows(shown, chosen)):
            raise no_dossier(dossier)
        shown.banner()
        if reading.format != "table":
            columns = (*shown.columns(COLUMNS)[:-2], Column("changes"))
            shown.show_rows("replay", columns, rows, basis)
            return PASSED
        # What is held back until it is recorded cannot be stepped through.
        shown.gave(_tell(rows, shown, wait=step and sys.stdin.isatty() and not reading.inspection))
        write(text("read_verified", reading.language, index=shown.verified_to()))
        write(text("not_proved", reading.language))
    return PASSED


def _tell(rows: Iterable[Mapping[str, Any]], shown: View, *, wait: bool) -> int:
    """Write each entry and what it changed; gives how many there were, up to the limit."""
    reading = shown.reading
    limit = reading.row_limit
    count = 0
    for row in rows:
        if limit and count >= limit:
            say(text("first_of", reading.language, n=limit, total=f">{limit}"))
            break
        count += 1
        place = shown.place(row["log"], row["index"])
        head = f"#{place}  {show_instant(row['occurred_at'])}  {safe_text(row['sentence'])}"
        write(paint(head, "bold", sys.stdout))
        for name, (before, after) in row["changes"].items():
            write(f"    {name:<18} {_shown(before)} → {_shown(after)}")
        if not row["changes"]:
            write(f"    {text('replay.void', reading.language)}")
        if wait:
            sys.stdout.flush()
            sys.stderr.write("[Enter]")
            input()
    return count


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "✓" if value else "·"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "·"
    if isinstance(value, dict):
        # An open offer: to whom it was made says what matters here.
        return " ".join(safe_text(v) for k, v in value.items() if k.startswith("to_")) or "…"
    return safe_text(value) if value not in {"", 0, None} else "·"


def _replayed(shown: View, chosen: Filter) -> Iterator[dict[str, Any]]:
    """Entries with what each changed in its dossier's state, folded from the dossier's first."""
    from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, evolve  # noqa: PLC0415 - replay only
    from projections.queries.timeline import EventFilter  # noqa: PLC0415 - loaded when used
    from projections.queries.timeline import events as find_events  # noqa: PLC0415 - loaded when used

    form = shown.reading.format
    revealer = Revealer(shown.ledger.keys, shown.reading.language, is_open=False)
    states: dict[str, DossierState] = {}
    for row in chosen_rows(shown, chosen):
        made = event_row(row, shown.reading.language, revealer)
        made["changes"] = {}
        if row.stream.startswith("dossier:"):
            before = states.get(row.stream)
            if before is None:
                before = EMPTY_DOSSIER
                earlier = EventFilter(stream=row.stream, last_index=row.index - 1)
                for entry in find_events(shown.live, earlier):
                    before = evolve(before, entry.action, entry.version)
            after = evolve(before, row.current, row.version)
            states[row.stream] = after
            made["changes"] = state_changes(
                before, after, show_instant if form == "table" else machine_instant
            )
        yield made


def state_changes(
    before: msgspec.Struct, after: msgspec.Struct, shown: Callable[[str], str]
) -> dict[str, tuple[Any, ...]]:
    """Fields of a state that differ, as (before, after) in builtins; `shown` writes instants."""
    changes = {}
    for name in after.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if old != new and name not in _NOT_STATE:
            changes[name] = tuple(
                shown(value) if isinstance(value, str) else msgspec.to_builtins(value)
                for value in (old, new)
            )
    return changes
