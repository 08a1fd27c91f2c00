"""`verify`: every log checked by itself, one verdict over all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import NoLogError, Settings, open_ledger
from consumers.cli.errors import VERDICT_CODES, UsageError, finding_lines
from consumers.cli.moments import ZONE_NAME, show_instant
from consumers.cli.options import DEFAULT_HOME, Common
from consumers.cli.output import basis_of, show_value, write
from consumers.cli.session import settings_of
from consumers.cli.terminal import paint, progress, say
from consumers.cli.texts import text
from consumers.cli.verify_officers import recount, show_recount
from consumers.cli.verify_projections import replay, show_replay
from ledger.adapters.trust import Trust, load_trust, note_seen
from ledger.app.ports import LogReader
from ledger.core.action import plain_id
from ledger.core.chain import Head
from ledger.core.findings import Finding, Verdict
from ledger.core.ids import log_of
from ledger.entry.verification import SeenHead, Step, Verification

_STYLES: Final = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INDETERMINATE: "yellow"}
_MARKS: Final = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.INDETERMINATE: "?"}
_HEX: Final = frozenset("0123456789abcdef")


class _Task(msgspec.Struct, frozen=True):
    """One log to verify, and what to compare it with."""

    number: int
    pinned: Trust | None
    logs: int | None
    expected: Head | None
    seen: tuple[SeenHead, ...]


def verify(
    *,
    expect: Annotated[
        tuple[str, ...],
        Parameter(
            help="A head noted elsewhere, SIZE:HASH, or LOG/SIZE:HASH of several logs: the log "
            "must contain it.",
            negative="",
        ),
    ] = (),
    projections: Annotated[
        bool,
        Parameter(
            help="Also fold every entry again, and compare what comes out with the digests in the "
            "log and with the read store.",
            negative="",
        ),
    ] = False,
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Check every entry: bytes, links, signatures, stored columns, heads seen before.

    Exit code 0 passed, 1 failed, 2 indeterminate (nothing pins the log, or it is empty).

    Example: pal verify --expect 612:9f2c…
    """
    settings = settings_of(common)
    pinned = load_trust(settings.trust_path) if settings.trust_path.exists() else ()
    tasks = _tasks(settings, pinned, expect)
    with progress("verifying", "entries") as advance:
        results = _verify(settings, tasks, lambda done: advance(done, 0))
    if pinned:
        passed = [result for result in results if result.verdict == Verdict.PASSED]
        note_seen(settings.trust_path, {result.origin: result.head for result in passed})
    names = [f"trust {settings.trust_path.name}"] if pinned else []
    names += [f"--expect {item}" for item in expect]
    heads = [
        f"{head.source} ({head.size})" if len(tasks) == 1 else _of_log(task, head)
        for task in tasks
        for head in task.seen
    ]
    recounted = recount(settings, results)
    replayed = replay(settings, results) if projections else None
    found = [
        item for check in (recounted, replayed) if check is not None for item in check.findings
    ]
    verdict = _worst([*(result.verdict for result in results), *(item.verdict for item in found)])
    if common.format == "table":
        _show(results, verdict, names, heads, common)
        steps = len(results[0].steps)
        if recounted is not None:
            steps += 1
            show_recount(recounted, steps)
        if replayed is not None:
            show_replay(replayed, steps)
    else:
        several = {"verdict": verdict, "results": msgspec.to_builtins(results)}
        value = msgspec.to_builtins(results[0]) if len(results) == 1 else several
        value |= {
            "pinned_by": names,
            "heads_compared": heads,
            "not_proved": text("not_proved", common.language),
        }
        more = {"officers": recounted, "projections": replayed}
        value |= {name: msgspec.to_builtins(check) for name, check in more.items() if check}
        value["verdict"] = verdict
        basis = basis_of({result.origin: result.head for result in results})
        show_value("verification", value, basis=basis, form=common.format)
    return VERDICT_CODES[verdict]


def _of_log(task: _Task, head: SeenHead) -> str:
    return f"{head.source} ({task.number}/{head.size})"


def _tasks(settings: Settings, pinned: Sequence[Trust], expect: Sequence[str]) -> list[_Task]:
    """The logs that are pinned; of an embedded ledger that nothing pins, those that are there."""
    if pinned:
        logs: list[Trust | None] = [*pinned]
    else:
        count = 0
        while settings.kafka is None and settings.log_path_of(count).exists():
            count += 1
        logs = [None] * max(count, 1)
    expected = _parse_heads(expect, len(logs))
    return [
        _Task(
            number,
            trust,
            len(logs) if trust else None,
            expected.get(number),
            tuple(_seen_heads(settings, trust, number)),
        )
        for number, trust in enumerate(logs)
    ]


def _parse_heads(expect: Sequence[str], logs: int) -> dict[int, Head]:
    heads: dict[int, Head] = {}
    for item in expect:
        number, stroke, head = item.rpartition("/")
        if not stroke and logs > 1:
            msg = f"--expect {item!r}: this ledger has {logs} logs"
            raise UsageError(msg, next_step=f"name the log, e.g. --expect 0/{item}")
        if stroke and (not number.isdecimal() or int(number) >= logs):
            msg = f"--expect {item!r} names none of {logs} logs"
            raise UsageError(msg, next_step=f"logs go from 0 to {logs - 1}")
        heads[int(number or 0)] = _parse_head(head)
    return heads


def _parse_head(expect: str) -> Head:
    size, _, leaf = expect.partition(":")
    if not size.isdecimal() or int(size) < 1 or len(leaf) != 64 or not set(leaf) <= _HEX:
        msg = f"--expect {expect!r} is not SIZE:HASH with 64 lower-case hex digits"
        raise UsageError(msg, next_step="copy size and head from an earlier pal verify or status")
    return Head(int(size), leaf)


def _seen_heads(settings: Settings, trust: Trust | None, number: int) -> list[SeenHead]:
    """Heads of a log that this home has seen: in its trust file and in its read store."""
    heads = []
    if trust is not None and trust.seen is not None:
        heads.append(SeenHead(settings.trust_path.name, *trust.seen))
    if settings.read_path.exists():
        from projections.store.sqlite import ReadStore  # noqa: PLC0415 - only where there is one

        with closing(ReadStore.open(settings.read_path)) as store:
            cursor = store.cursor(number)
        if cursor is not None and cursor.head.size:
            heads.append(SeenHead(settings.read_path.name, *cursor.head))
    return heads


def _verify(
    settings: Settings, tasks: Sequence[_Task], on_progress: Callable[[int], None]
) -> list[Verification]:
    results: list[Verification] = []

    def advance(done: int) -> None:
        on_progress(done + sum(result.entries for result in results))

    if settings.kafka is None:
        results += [_verify_file(settings, task, advance) for task in tasks]
        return results
    with open_ledger(settings) as ledger:
        for task, reader in zip(tasks, ledger.readers, strict=True):
            results.append(_verify_partition(reader, task, advance))
    return results


def _verify_file(
    settings: Settings, task: _Task, on_progress: Callable[[int], None]
) -> Verification:
    from ledger.adapters.sqlite_verify import verify_file  # noqa: PLC0415 - one log or the other

    path = settings.log_path_of(task.number)
    if not path.exists():
        msg = f"there is no log {task.number} in {settings.home}"
        if task.number == 0:
            msg = f"there is no log in {settings.home}"
        raise NoLogError(msg, next_step="name its folder with --home, or pal log create")
    return verify_file(
        path,
        origin=task.pinned.origin if task.pinned else None,
        genesis_leaf=task.pinned.genesis_leaf if task.pinned else None,
        expect=task.expected,
        seen=task.seen,
        logs=task.logs,
        on_progress=on_progress,
    )


def _verify_partition(
    reader: LogReader, task: _Task, on_progress: Callable[[int], None]
) -> Verification:
    from ledger.app.limits import READ_RECORDS_MAX  # noqa: PLC0415 - one log or the other
    from ledger.entry.verify import Verifier  # noqa: PLC0415 - loaded when used

    leaf = task.pinned.genesis_leaf if task.pinned else None
    verifier = Verifier(reader.origin, leaf, task.expected, seen=task.seen, logs=task.logs)
    position = done = 0
    while records := reader.read(position, READ_RECORDS_MAX):
        for record in records:
            verifier.add(record)
        position = records[-1].position + 1
        done += len(records)
        on_progress(done)
    return verifier.finish()


def _show(
    results: Sequence[Verification],
    verdict: Verdict,
    pinned: Sequence[str],
    heads: Sequence[str],
    common: Common,
) -> None:
    several = len(results) > 1
    _show_verdict(results, verdict)
    for result in results:
        findings = [item for item in result.findings if item.verdict != Verdict.PASSED]
        if findings:
            _show_findings(findings, result, common, several=several)
    for step in _steps(results):
        write(f"  {step.number} {_mark(step.verdict)} {step.title:<52} {step.checked:>10,}")

    def total(name: str) -> int:
        return sum(getattr(result, name) for result in results)

    rows = {
        "links": f"{total('links'):,} of the log, {total('stream_links'):,} of streams",
        "signatures": f"{total('signatures'):,} submissions",
        "strays, voids": f"{total('strays'):,}, {total('voids'):,}",
        "newest recorded": f"{show_instant(max(r.recorded_at for r in results))} ({ZONE_NAME})",
        "pinned by": ", ".join(pinned) or "nothing",
        "seen before": ", ".join(heads) or "nothing",
    }
    for name, value in _log_rows(rows, results) if several else _with_log(rows, results[0]):
        write(f"  {name:<16} {value}")
    write(f"  {text('not_proved', common.language)}")
    form = "LOG/SIZE:HASH" if several else "SIZE:HASH"
    say(f"note size and head elsewhere: pal verify --expect {form} compares with them")


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    found = set(verdicts)
    return next(v for v in (Verdict.FAILED, Verdict.INDETERMINATE, *found) if v in found)


def _mark(verdict: Verdict) -> str:
    return paint(_MARKS[verdict], _STYLES[verdict], sys.stdout)


def _show_verdict(results: Sequence[Verification], verdict: Verdict) -> None:
    said = paint(f"{_MARKS[verdict]} {verdict.upper()}", _STYLES[verdict], sys.stdout)
    first = results[0]
    if len(results) == 1:
        scope = f"entries 0–{first.entries - 1:,}" if first.entries else "no entries"
        write(f"{said}  {scope} of {first.origin}")
        return
    name = first.origin.rpartition("/")[0]
    write(f"{said}  {sum(r.entries for r in results):,} entries in {len(results)} logs of {name}")


def _steps(results: Sequence[Verification]) -> list[Step]:
    """Each step over all logs: how much it checked, and the worst that it found."""
    return [
        Step(
            step.number,
            step.title,
            sum(result.steps[place].checked for result in results),
            _worst(result.steps[place].verdict for result in results),
        )
        for place, step in enumerate(results[0].steps)
    ]


def _with_log(rows: Mapping[str, str], result: Verification) -> list[tuple[str, str]]:
    """The rows of one log, with its size, head, root and names among them."""
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
        (f"log {log_of(r.origin)}", f"{_mark(r.verdict)} {r.head.size}:{r.head.leaf}")
        for r in results
    ]
    made = list(rows.items())
    return [*made[:3], *each, *made[3:]]


def _show_findings(
    findings: list[Finding], result: Verification, common: Common, *, several: bool
) -> None:
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
