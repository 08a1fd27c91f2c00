"""How `verify` shows what it found: verdict, findings, steps, counts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import Final

import msgspec

from consumers.cli.errors import finding_lines, mark_of
from consumers.cli.moments import ZONE_NAME, show_instant
from consumers.cli.options import DEFAULT_HOME, Common, Lang
from consumers.cli.output import write
from consumers.cli.terminal import paint, safe_text, say
from consumers.cli.texts import text
from ledger.core.action import plain_id
from ledger.core.findings import Finding, Verdict
from ledger.core.ids import log_of
from ledger.entry.verification import Step, Verification

_STYLES: Final = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INDETERMINATE: "yellow"}


class Shown(msgspec.Struct, frozen=True):
    """The verifications of a ledger's logs, what pins and what was seen of them.

    `rounds` is that of the log of checkpoints, where one is published; `part` says which entries
    these are and what they do not show, where they are not all.
    """

    results: Sequence[Verification]
    pinned: Sequence[str]
    heads: Sequence[str]
    rounds: Verification | None = None
    part: str = ""

    def all(self) -> list[Verification]:
        """Every verification."""
        return [*self.results, *([self.rounds] if self.rounds else ())]


def show_results(shown: Shown, verdict: Verdict, common: Common) -> None:
    """The verdict first, then what is wrong, then every step and count."""
    results = shown.results
    several = len(results) > 1
    _show_verdict(results, verdict, is_part=bool(shown.part))
    if shown.part:
        write(f"  {shown.part}")
    for result in results:
        findings = [item for item in result.findings if item.verdict != Verdict.PASSED]
        if findings:
            _show_findings(findings, result, common, several=several)
    # The log of checkpoints has no number and no entries that a command lists.
    for finding in shown.rounds.findings if shown.rounds else ():
        for line in finding_lines(finding, with_origin=True):
            write(line)
    for step in steps_of(shown):
        write(f"  {step.number} {mark_of(step.verdict)} {step.title:<52} {step.checked:>10,}")

    def total(name: str) -> int:
        return sum(getattr(result, name) for result in results)

    newest = max(result.recorded_at for result in results)
    rows = {
        "links": f"{total('links'):,} of the log, {total('stream_links'):,} of streams",
        "signatures": f"{total('signatures'):,} submissions",
        "strays, voids": f"{total('strays'):,}, {total('voids'):,}",
        "newest recorded": f"{show_instant(newest)} ({ZONE_NAME})",
        "pinned by": ", ".join(shown.pinned) or "nothing",
        "seen before": ", ".join(shown.heads) or "nothing",
        "checkpoints": _covered(results, common.language),
    }
    for name, value in _log_rows(rows, results) if several else _with_log(rows, results[0]):
        write(f"  {name:<16} {value}")
    write(f"  {text('not_proved', common.language)}")
    form = "LOG/SIZE:HASH" if several else "SIZE:HASH"
    say(f"note size and head elsewhere: pal verify --expect {form} compares with them")


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    found = set(verdicts)
    return next(v for v in (Verdict.FAILED, Verdict.INDETERMINATE, *found) if v in found)


def _show_verdict(results: Sequence[Verification], verdict: Verdict, *, is_part: bool) -> None:
    said = f"{mark_of(verdict)} {paint(verdict.upper(), _STYLES[verdict], sys.stdout)}"
    first = results[0]
    if len(results) == 1:
        scope = f"entries 0–{first.entries - 1:,}" if first.entries else "no entries"
        if is_part:
            scope = f"{first.entries:,} entries"
        write(f"{said}  {scope} of {first.origin}")
        return
    name = first.origin.rpartition("/")[0]
    write(f"{said}  {sum(r.entries for r in results):,} entries in {len(results)} logs of {name}")


def steps_of(shown: Shown) -> list[Step]:
    """Each step over all logs: how much it checked, and the worst that it found. Those that only
    the log of checkpoints has come last."""
    steps: dict[str, Step] = {}
    order: dict[str, tuple[bool, int]] = {}
    for result in shown.all():
        for step in result.steps:
            before = steps.get(step.title, Step(0, step.title, 0, step.verdict))
            verdict = worst_of((before.verdict, step.verdict))
            steps[step.title] = Step(0, step.title, before.checked + step.checked, verdict)
            is_last, number = order.get(step.title, (result is shown.rounds, 0))
            order[step.title] = (is_last, max(number, step.number))
    titles = sorted(steps, key=lambda title: order[title])
    return [msgspec.structs.replace(steps[title], number=n) for n, title in enumerate(titles, 1)]


def _covered(results: Sequence[Verification], lang: Lang) -> str:
    """How far checkpoints go, and how much lies behind the newest that holds."""
    summaries = [result.checkpoints for result in results]
    if any(summary is None for summary in summaries):
        return text("verify.no_policy", lang)
    compared = sum(summary.compared for summary in summaries if summary)
    behind = sum(
        max(r.entries, r.head.size) - r.checkpoints.covered for r in results if r.checkpoints
    )
    said = text("verify.compared", lang, count=f"{compared:,}")
    if not any(summary.witnessed for summary in summaries if summary):
        said += f", {text('verify.no_witness', lang)}"
    if not any(summary.covered for summary in summaries if summary):
        return f"{said}; {text('verify.uncovered', lang)}"
    if behind:
        return f"{said}; {text('verify.behind', lang, count=f'{behind:,}')}"
    return f"{said}; {text('verify.covered', lang)}"


def _with_log(rows: Mapping[str, str], result: Verification) -> list[tuple[str, str]]:
    """The rows of one log, with its size, head, root and names among them."""
    if not result.root:
        # Some entries of a log have neither.
        own = {"origin": result.origin, "genesis": result.genesis_leaf}
        return [*list(rows.items())[:4], *own.items(), *list(rows.items())[4:-1]]
    if not result.genesis_leaf:
        # A tree whose leaves are no entries of a ledger.
        own = {"size": f"{result.entries}", "root": result.root, "origin": result.origin}
        return [*own.items(), *list(rows.items())[4:]]
    own = {
        "size": f"{result.head.size}",
        "head": result.head.leaf,
        "root": result.root,
        "origin": result.origin,
        "genesis": result.genesis_leaf,
    }
    made = list(rows.items())
    return [*made[:3], *own.items(), *made[3:]]


def _log_rows(rows: Mapping[str, str], results: Sequence[Verification]) -> list[tuple[str, str]]:
    """The rows over several logs, and a row for each: its verdict, size and head."""
    each = [
        (f"log {log_of(r.origin)}", f"{mark_of(r.verdict)} {r.head.size}:{r.head.leaf}")
        for r in results
    ]
    made = list(rows.items())
    return [*made[:3], *each, *made[3:]]


def _show_findings(
    findings: list[Finding], result: Verification, common: Common, *, several: bool
) -> None:
    """The first finding whole, the others counted: most follow from the first."""
    # A file that is rotten first: what else is wrong there follows from it.
    findings = sorted(
        findings,
        key=lambda item: (
            item.index if item.index >= 0 else sys.maxsize,
            not item.code.startswith("tile."),
        ),
    )
    first = findings[0]
    if not first.stream:
        same = (item for item in findings if item.index == first.index and item.stream)
        named = next(same, first)
        first = msgspec.structs.replace(first, stream=named.stream, version=named.version)
    bad = result.first_bad_index
    before = ""
    if bad > 0:
        home = f" --home {common.home}" if common.home != DEFAULT_HOME else ""
        log = f" --log {common.log}" if common.log else ""
        kind, _, _ = first.stream.partition(":")
        shown = safe_text(quote(plain_id(first.stream)))
        what = f"dossier show {shown}" if kind == "dossier" else "events"
        place = f"{log_of(result.origin)}/{bad - 1}" if several else f"{bad - 1}"
        before = f"  before    pal {what} --at-index {place}{home}{log}"
    for line in finding_lines(first, log=log_of(result.origin) if several else None):
        write(line)
    if before:
        write(before)
    others: dict[str, int] = {}
    for finding in findings[1:]:
        others[finding.code] = others.get(finding.code, 0) + 1
    if others or result.more_findings:
        counts = [f"{code} {count:,}" for code, count in sorted(others.items())]
        if result.more_findings:
            counts.append(f"further {result.more_findings:,}")
        write(f"  also      {', '.join(counts)} (--format json lists them)")
    if bad >= 0:
        where = f"{log_of(result.origin)}/{bad}" if several else f"{bad:,}"
        write(f"  first bad index  {where}")
