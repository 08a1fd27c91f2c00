"""`verify`, `status`, `rebuild`: whether the log and what was made of it can be relied on."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Final

import msgspec

from consumers.bootstrap import OpenLedger, open_ledger, utc_now
from consumers.cli.errors import PASSED
from consumers.cli.keys import tell_begun
from consumers.cli.moments import ZONE_NAME, show_instant
from consumers.cli.options import Common, Lang
from consumers.cli.output import Basis, basis_of, show_value, write
from consumers.cli.seal import sealing_of
from consumers.cli.session import settings_of
from consumers.cli.terminal import paint, progress, safe_text, say
from consumers.cli.texts import text
from ledger.app.submission import UnavailableError
from ledger.core.findings import FindingError, Verdict
from ledger.core.ids import log_of

if TYPE_CHECKING:
    pass

_STYLES: Final = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INDETERMINATE: "yellow"}
_MARKS: Final = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.INDETERMINATE: "?"}
_HEX: Final = frozenset("0123456789abcdef")


def status(*, common: Common = Common()) -> int:  # noqa: B008 - frozen; cyclopts reads the default
    """Show what this home holds: log, head, projections, what needs attention.

    Example: pal status --format json
    """
    settings = settings_of(common)
    with open_ledger(settings) as ledger:
        with progress("reading the log", "entries") as advance:
            store = ledger.store(lambda done: advance(done, 0))
        with closing(store):
            several, genesis = len(ledger.trust) > 1, ledger.trust[0].genesis_leaf
            basis = basis_of({cursor.origin: cursor.head for cursor in store.cursors()})
            value: dict[str, object] = {
                "log": settings.log or str(settings.home if several else settings.log_path),
                "origin": ledger.origin,
                "genesis": [*ledger.genesis_leaves.values()] if several else genesis,
                "size": basis.log_size,
                "head": basis.head,
                "recorded": max((c.recorded_at for c in store.cursors()), default=""),
                "dossiers": store.rows("SELECT count(*) FROM dossier")[0][0],
                "officers": store.rows("SELECT count(DISTINCT officer) FROM officer_dossier")[0][0],
                "parked": [
                    {"stream": stream, "index": index, "type": name, "error": error}
                    for stream, index, name, error in store.rows(
                        "SELECT stream, idx, type, error FROM parked ORDER BY log, idx"
                    )
                ],
                "findings": store.rows("SELECT count(*) FROM finding")[0][0],
                "seen": sum(trust.seen_size for trust in ledger.trust),
            }
        sealing = sealing_of(ledger)
        value["sealed"] = msgspec.to_builtins(sealing)
        if settings.kafka is not None:
            value["writers"] = _owners(ledger)
            value["topic"] = _topic(ledger)
    tell_begun(ledger, common.language)
    if common.format != "table":
        show_value("status", value, basis=basis, form=common.format)
        return PASSED
    value["sealed"] = sealing.line(utc_now(), common.language)
    _show_status(value, basis, common.language)
    return PASSED


def _owners(ledger: OpenLedger) -> list[dict[str, object]]:
    try:
        owners = ledger.owners()
    except UnavailableError as error:
        # An account that may read the log need not see the group of its writers.
        say(f"the owners of the logs are not known: {error}")
        return []
    return [{"log": number, "owner": owner} for number, owner in sorted(owners.items())]


def _topic(ledger: OpenLedger) -> str:
    """What is wrong with brokers or topic, or must be said aloud; "" where all is well."""
    try:
        return ledger.check_topic()
    except UnavailableError as error:
        return f"{error} ({error.next_step})"


def _show_status(value: dict[str, object], basis: Basis, lang: Lang) -> None:
    logs = basis.logs or ()
    for name, item in value.items():
        if logs and name in {"genesis", "head"}:
            continue
        shown = show_instant(item) if isinstance(item, str) else item
        if name == "topic":
            shown = f"▲ {safe_text(item)}" if item else "✓"
        if isinstance(item, list):
            shown = len(item)
        shown = f"{shown:,}" if isinstance(shown, int) else shown
        write(f"{text(f'status.{name}', lang):<22} {shown}")
    genesis = value["genesis"]
    for log, leaf in zip(logs, genesis if isinstance(genesis, list) else [], strict=bool(logs)):
        name = f"{text('col.log', lang)} {log_of(log.origin)}"
        write(f"{name:<22} {log.size:,}:{log.head}")
        write(f"{'  ' + text('status.genesis', lang):<22} {leaf}")
    writers = value.get("writers")
    for item in writers if isinstance(writers, list) else []:
        write(f"{'  ' + text('col.log', lang)} {item['log']:<15} {safe_text(item['owner'])}")
    parked = value["parked"]
    for item in parked if isinstance(parked, list) else []:
        write(f"▲ {item['stream']} index {item['index']}: {item['error']}")
    write(text("times", lang, zone=ZONE_NAME))
    write(f"{text('status.next', lang):<22} pal verify")


def rebuild(*, common: Common = Common()) -> int:  # noqa: B008 - frozen; cyclopts reads the default
    """Fold the whole log from zero beside the live projections, compare digests, switch.

    Exit code 1 where live and replay differ (both files are kept).

    Example: pal rebuild --format json
    """
    from projections.runtime.rebuild import rebuild as fold_again  # noqa: PLC0415 - this command only

    settings = settings_of(common)
    with open_ledger(settings) as ledger:
        if settings.read_path.exists():
            # Caught up first, so that both stand at one head and can be compared.
            try:
                ledger.store().close()
            except FindingError as error:
                if not error.finding.code.startswith("projection."):
                    raise
                say(f"the live projections cannot be compared: {error}")
        with progress("rebuilding", "entries") as advance:
            made = fold_again(
                ledger.readers,
                settings.read_path,
                genesis_leaves=ledger.genesis_leaves,
                strict_rows=ledger.every_row_counts,
                on_progress=lambda done: advance(done, 0),
            )
    basis = basis_of(made.heads)
    if common.format != "table":
        value = {"entries": made.entries, "digests": made.digests, "compared": made.compared}
        show_value("rebuild", value, basis=basis, form=common.format)
        return PASSED
    lang = common.language
    write(paint("✓ ", "green", sys.stdout) + text("rebuilt", lang, entries=f"{made.entries:,}"))
    for name, digest in made.digests.items():
        write(f"  {name:<16} {digest}")
    write("  " + text("rebuilt.same" if made.compared else "rebuilt.alone", lang))
    for origin, head in made.heads.items():
        log = f"log {log_of(origin)}  " if len(made.heads) > 1 else ""
        write(f"  {log}size {head.size}  head {head.leaf}")
    write("  " + text("not_proved", lang))
    return PASSED
