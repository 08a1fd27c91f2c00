"""`states`: every dossier folded again from the logs alone, against what the read store shows."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from typing import Annotated

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import open_ledger, utc_now
from consumers.cli.errors import VERDICT_CODES, finding_lines
from consumers.cli.moments import parse_moment, show_instant
from consumers.cli.options import Common
from consumers.cli.output import basis_of, show_value, write
from consumers.cli.session import settings_of
from consumers.cli.terminal import paint, progress
from consumers.cli.texts import text
from consumers.replaying import States, extents_of, fold_states
from ledger.core.findings import worst
from ledger.core.ids import log_of
from projections.store.sqlite import ReadStore


def states(
    *,
    as_of: Annotated[
        str,
        Parameter(help="As recorded up to this moment, e.g. 2026-03-03T17:00+07:00; not compared."),
    ] = "",
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Fold the state of every dossier again, from the logs alone, and compare the read store.

    Quick, because it verifies no signature twice: the last pal verify says up to which head every
    entry is good, and the links prove that these are the same entries. It uses every core, a log
    for each. Exit code 1 where a log has changed since or the read store says otherwise, 2 where
    something was never verified.

    Example: pal verify && pal states
    """
    settings = settings_of(common)
    until = parse_moment(as_of, end=True, now=utc_now()) if as_of else ""
    with ExitStack() as opened:
        ledger = opened.enter_context(open_ledger(settings))
        live = None
        if not until and settings.read_path.exists():
            live = opened.enter_context(closing(ReadStore.open(settings.read_path)))
            # One look at it, whatever a projector writes meanwhile.
            live.connection.execute("BEGIN")
        extents = extents_of(ledger.trust, live, until)
        with progress("folding", "entries") as advance:
            found = fold_states(
                settings,
                ledger.trust,
                extents,
                live,
                on_progress=lambda done: advance(done, sum(e.verified.size for e in extents)),
            )
    verdict = worst(list(found.findings))
    if common.format == "table":
        _show(found, until, common)
    else:
        value = msgspec.to_builtins(found) | {"verdict": verdict, "as_of": until}
        del value["heads"]
        show_value("states", value, basis=basis_of(found.heads), form=common.format)
    return VERDICT_CODES[verdict]


def _show(found: States, until: str, common: Common) -> None:
    lang = common.language
    if until:
        as_of = text("as_of", lang, at=show_instant(until), axis=text("axis.recorded", lang))
        write(paint(as_of, "yellow", sys.stdout))
    for finding in found.findings:
        for line in finding_lines(finding):
            write(line)
    if not found.findings:
        folded = text(
            "states.folded", lang, dossiers=f"{found.dossiers:,}", entries=f"{found.entries:,}"
        )
        write(paint("✓ ", "green", sys.stdout) + folded)
    for status, count in found.statuses.items():
        write(f"  {status:<22} {count:>12,}")
    key = "states.same" if found.compared else "states.alone"
    if not found.findings:
        write("  " + text(key, lang, rows=f"{found.compared:,}"))
    write(f"  digest of dossier      {found.digest}")
    for origin, head in found.heads.items():
        log = f"log {log_of(origin)}  " if len(found.heads) > 1 else ""
        write(f"  {log}size {head.size}  head {head.leaf}")
    write("  " + text("not_proved", lang))
