"""`verify`, `status`, `rebuild`: whether the log and what was made of it can be relied on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import NoLogError, Settings, open_ledger
from consumers.cli.errors import PASSED, VERDICT_CODES, UsageError, finding_lines
from consumers.cli.moments import ZONE_NAME, show_instant
from consumers.cli.options import DEFAULT_HOME, Common, Lang
from consumers.cli.output import Basis, basis_of, show_value, write
from consumers.cli.session import settings_of
from consumers.cli.terminal import paint, progress, say
from consumers.cli.texts import text
from ledger.adapters.trust import Trust, load_trust, note_seen
from ledger.core.action import plain_id
from ledger.core.chain import Head
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.entry.verification import SeenHead

if TYPE_CHECKING:
    from ledger.entry.verification import Verification

_STYLES: Final = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INDETERMINATE: "yellow"}
_MARKS: Final = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.INDETERMINATE: "?"}
_HEX: Final = frozenset("0123456789abcdef")


def verify(
    *,
    expect: Annotated[
        str, Parameter(help="A head noted elsewhere, SIZE:HASH: the log must contain it.")
    ] = "",
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Check every entry: bytes, links, signatures, stored columns, heads seen before.

    Exit code 0 passed, 1 failed, 2 indeterminate (nothing pins the log, or it is empty).

    Example: pal verify --expect 612:9f2c…
    """
    settings = settings_of(common)
    trust = load_trust(settings.trust_path)[0] if settings.trust_path.exists() else None
    expected = _parse_head(expect) if expect else None
    seen = _seen_heads(settings, trust)
    with progress("verifying", "entries") as advance:
        result = _verify(settings, trust, expected, seen, lambda done: advance(done, 0))
    if result.verdict == Verdict.PASSED and trust is not None:
        note_seen(settings.trust_path, {result.origin: result.head})
    pinned = [f"trust {settings.trust_path.name}"] if trust else []
    pinned += [f"--expect {expect}"] if expected else []
    heads = [f"{head.source} ({head.size})" for head in seen]
    if common.format == "table":
        _show_verification(result, pinned, heads, common)
    else:
        value = msgspec.to_builtins(result)
        value |= {
            "pinned_by": pinned,
            "heads_compared": heads,
            "not_proved": text("not_proved", common.language),
        }
        basis = Basis(result.origin, result.head.size, result.head.leaf)
        show_value("verification", value, basis=basis, form=common.format)
    return VERDICT_CODES[result.verdict]


def _parse_head(expect: str) -> Head:
    size, _, leaf = expect.partition(":")
    if not size.isdecimal() or int(size) < 1 or len(leaf) != 64 or not set(leaf) <= _HEX:
        msg = f"--expect {expect!r} is not SIZE:HASH with 64 lower-case hex digits"
        raise UsageError(msg, next_step="copy size and head from an earlier pal verify or status")
    return Head(int(size), leaf)


def _seen_heads(settings: Settings, trust: Trust | None) -> list[SeenHead]:
    """Heads that this home has seen: in its trust file and in its read store."""
    heads = []
    if trust is not None and trust.seen is not None:
        heads.append(SeenHead(settings.trust_path.name, *trust.seen))
    if settings.read_path.exists():
        from projections.store.sqlite import ReadStore  # noqa: PLC0415 - only where there is one

        with closing(ReadStore.open(settings.read_path)) as store:
            cursors = store.cursors()
        heads += [SeenHead(settings.read_path.name, *c.head) for c in cursors if c.head.size]
    return heads


def _verify(
    settings: Settings,
    trust: Trust | None,
    expected: Head | None,
    seen: list[SeenHead],
    on_progress: Callable[[int], None],
) -> Verification:
    origin = trust.origin if trust else None
    genesis_leaf = trust.genesis_leaf if trust else None
    if settings.kafka is None:
        from ledger.adapters.sqlite_verify import verify_file  # noqa: PLC0415 - one log or the other

        if not settings.log_path.exists():
            msg = f"there is no log in {settings.home}"
            raise NoLogError(msg, next_step="name its folder with --home, or pal log create")
        return verify_file(
            settings.log_path,
            origin=origin,
            genesis_leaf=genesis_leaf,
            expect=expected,
            seen=seen,
            on_progress=on_progress,
        )
    from ledger.app.limits import READ_RECORDS_MAX  # noqa: PLC0415 - one log or the other
    from ledger.entry.verify import Verifier  # noqa: PLC0415 - loaded when used

    with open_ledger(settings) as ledger:
        verifier = Verifier(ledger.origin, genesis_leaf, expected, seen=seen)
        position = done = 0
        (reader,) = ledger.readers
        while records := reader.read(position, READ_RECORDS_MAX):
            for record in records:
                verifier.add(record)
            position = records[-1].position + 1
            done += len(records)
            on_progress(done)
        return verifier.finish()


def _show_verification(
    result: Verification, pinned: list[str], heads: list[str], common: Common
) -> None:
    lang = common.language
    verdict = f"{_MARKS[result.verdict]} {result.verdict.upper()}"
    scope = f"entries 0–{result.entries - 1:,}" if result.entries else "no entries"
    write(paint(verdict, _STYLES[result.verdict], sys.stdout) + f"  {scope} of {result.origin}")
    findings = [item for item in result.findings if item.verdict != Verdict.PASSED]
    if findings:
        _show_findings(findings, result, common)
    for step in result.steps:
        mark = paint(_MARKS[step.verdict], _STYLES[step.verdict], sys.stdout)
        write(f"  {step.number} {mark} {step.title:<52} {step.checked:>10,}")
    rows = (
        ("links", f"{result.links:,} of the log, {result.stream_links:,} of streams"),
        ("signatures", f"{result.signatures:,} submissions"),
        ("strays, voids", f"{result.strays:,}, {result.voids:,}"),
        ("size", f"{result.head.size}"),
        ("head", result.head.leaf),
        ("root", result.root),
        ("origin", result.origin),
        ("genesis", result.genesis_leaf),
        ("newest recorded", f"{show_instant(result.recorded_at)} ({ZONE_NAME})"),
        ("pinned by", ", ".join(pinned) or "nothing"),
        ("seen before", ", ".join(heads) or "nothing"),
    )
    for name, value in rows:
        write(f"  {name:<16} {value}")
    write(f"  {text('not_proved', lang)}")
    say("note size and head elsewhere: pal verify --expect SIZE:HASH compares with them")


def _show_findings(findings: list[Finding], result: Verification, common: Common) -> None:
    """The first finding whole, the others counted: most follow from the first."""
    findings = sorted(findings, key=lambda item: item.index if item.index >= 0 else sys.maxsize)
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
        what = f"dossier show {plain_id(first.stream)}" if kind == "dossier" else "events"
        before = f"  before    pal {what} --at-index {bad - 1}{home}{log}"
    for line in finding_lines(first):
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
        write(f"  first bad index  {bad:,}")


def status(*, common: Common = Common()) -> int:  # noqa: B008 - frozen; cyclopts reads the default
    """Show what this home holds: log, head, projections, what needs attention.

    Example: pal status --format json
    """
    settings = settings_of(common)
    with open_ledger(settings) as ledger:
        with progress("reading the log", "entries") as advance:
            store = ledger.store(lambda done: advance(done, 0))
        with closing(store):
            basis = basis_of({cursor.origin: cursor.head for cursor in store.cursors()})
            value = {
                "log": settings.log or str(settings.log_path),
                "origin": ledger.origin,
                "genesis": " ".join(ledger.genesis_leaves.values()),
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
    if common.format != "table":
        show_value("status", value, basis=basis, form=common.format)
        return PASSED
    _show_status(value, common.language)
    return PASSED


def _show_status(value: dict[str, object], lang: Lang) -> None:
    for name, item in value.items():
        shown = show_instant(item) if isinstance(item, str) else item
        if isinstance(item, list):
            shown = len(item)
        shown = f"{shown:,}" if isinstance(shown, int) else shown
        write(f"{text(f'status.{name}', lang):<22} {shown}")
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
    for head in made.heads.values():
        write(f"  size {head.size}  head {head.leaf}")
    write("  " + text("not_proved", lang))
    return PASSED
