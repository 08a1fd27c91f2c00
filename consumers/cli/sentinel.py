"""`sentinel`: what the broker does to the logs of a ledger that nobody may do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import WATCH_SECONDS, OpenLedger, open_ledger
from consumers.cli.errors import VERDICT_CODES, UsageError, finding_lines
from consumers.cli.options import Common, Lang
from consumers.cli.output import Basis, basis_of, show_value, write
from consumers.cli.session import settings_of
from consumers.cli.terminal import say
from consumers.cli.texts import text
from ledger.core.chain import Head
from ledger.core.findings import Finding, worst
from ledger.core.ids import log_of


def sentinel(
    *,
    once: Annotated[
        bool, Parameter(help="Look once: exit code 0 nothing, 1 something failed, 2 cannot know.")
    ] = False,
    every: Annotated[float, Parameter(help="Seconds between two looks.")] = WATCH_SECONDS,
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Watch what the broker does to the logs, say it, and record it in them.

    Deleted records, changed settings, a topic made again, records written straight to the topic,
    copies out of step. It records in logs that no writer owns; a writer that owns a log is not
    disturbed. Each alarm is one JSON line on stderr. Runs until interrupted.

    Example: pal sentinel --once --log kafka://127.0.0.1:9092/ledger
    """
    settings = settings_of(common)
    if settings.kafka is None:
        msg = "an embedded ledger has no broker to watch"
        raise UsageError(msg, next_step="pal verify, or name its topic: --log kafka://…")
    if every <= 0:
        raise UsageError(f"--every {every:g} is no time", next_step="pal sentinel --every 10")
    with open_ledger(settings) as ledger:
        seen = asyncio.run(_watch(ledger, None if once else every))
    verdict = worst(seen.findings)
    if common.format == "table":
        _show(len(ledger.trust), seen, common.language)
    else:
        value = {
            "verdict": verdict,
            "findings": msgspec.to_builtins(seen.findings),
            "owners": {str(number): owner for number, owner in sorted(seen.owners.items())},
        }
        basis = basis_of(seen.heads) if seen.heads else Basis(ledger.origin)
        show_value("sentinel", value, basis=basis, form=common.format)
    return VERDICT_CODES[verdict]


class _Seen(NamedTuple):
    """What a look found, who owns which log, and the heads of those that nobody owns."""

    findings: list[Finding]
    owners: Mapping[int, str]
    heads: Mapping[str, Head]


async def _watch(ledger: OpenLedger, every: float | None) -> _Seen:
    """Look once, or until interrupted."""
    from consumers.workers.sentinel import keep_looking  # noqa: PLC0415 - this command only

    async with ledger.unowned_logs() as served, ledger.sentinel(served) as watcher:

        async def look() -> _Seen:
            await served.refresh()
            findings = await watcher.check()
            heads = {log.origin: log.head() for log in served.logs.values()}
            return _Seen(findings, served.owners, heads)

        if every is not None:
            say(f"watching {ledger.settings.log} every {every:g} s; Ctrl-C ends it")
            await keep_looking(look, every)
        return await look()


def _show(logs: int, seen: _Seen, lang: Lang) -> None:
    for number in range(logs):
        owner = seen.owners.get(number)
        how = text("sentinel.owned", lang, owner=owner) if owner else text("sentinel.here", lang)
        write(f"{text('col.log', lang)} {number:<4} {how}")
    for finding in seen.findings:
        for line in finding_lines(finding, log=log_of(finding.origin) if logs > 1 else None):
            write(line)
    if not seen.findings:
        write(text("sentinel.quiet", lang))
