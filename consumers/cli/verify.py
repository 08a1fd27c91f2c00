"""`verify`: every log checked by itself, one verdict over all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import NoLogError, Settings, open_ledger
from consumers.cli.errors import VERDICT_CODES, UsageError
from consumers.cli.evidence import verify as verify_bundle_file
from consumers.cli.options import Common
from consumers.cli.output import basis_of, show_value
from consumers.cli.session import settings_of
from consumers.cli.terminal import progress
from consumers.cli.texts import text
from consumers.cli.verify_against import Against, load_against, log_checks, tree_trust
from consumers.cli.verify_officers import Recount, recount, show_recount
from consumers.cli.verify_projections import replay, show_replay
from consumers.cli.verify_show import Shown, show_results, steps_of, worst_of
from ledger.adapters.trust import Trust, load_trust, note_seen
from ledger.app.ports import LogReader
from ledger.core.chain import Head
from ledger.core.findings import Verdict
from ledger.entry.checkpoint_check import CheckpointCheck
from ledger.entry.verification import SeenHead, Verification

if TYPE_CHECKING:
    from projections.runtime.replaying import ProjectionCheck

_HEX: Final = frozenset("0123456789abcdef")


class _Task(msgspec.Struct, frozen=True):
    """One log to verify, and what to compare it with."""

    number: int
    pinned: Trust | None
    logs: int | None
    expected: Head | None
    seen: tuple[SeenHead, ...]
    origin: str | None
    checkpoints: CheckpointCheck | None


def verify(
    bundle: Annotated[Path | None, Parameter(help="An evidence bundle, instead of a log.")] = None,
    *,
    expect: Annotated[
        tuple[str, ...],
        Parameter(
            help="A head noted elsewhere, SIZE:HASH, or LOG/SIZE:HASH of several logs: the log "
            "must contain it.",
            negative="",
        ),
    ] = (),
    checkpoint: Annotated[
        tuple[Path, ...],
        Parameter(help="A signed checkpoint that somebody kept or a witness serves.", negative=""),
    ] = (),
    policy: Annotated[
        Path | None, Parameter(help="Whose signatures count; default the one pinned in the home.")
    ] = None,
    authority: Annotated[
        Path | None,
        Parameter(help="Time-stamp authorities, a PEM file; default authority.pem of the home."),
    ] = None,
    tiles: Annotated[
        Path | None, Parameter(help="Verify a published tile tree in this folder, without its log.")
    ] = None,
    span: Annotated[
        str,
        Parameter(name="--range", help="Verify the entries A-B alone, or LOG/A-B of several logs."),
    ] = "",
    stream: Annotated[
        str, Parameter(help="Verify the entries of one stream alone, e.g. dossier:ID.")
    ] = "",
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
    """Check every entry: bytes, links, signatures, stored columns, heads and checkpoints.

    Exit code 0 passed, 1 failed, 2 indeterminate (nothing pins the log, it is empty, or a
    checkpoint or witness that the policy asks for is missing).

    Example: pal verify --expect 612:9f2c… --checkpoint kept.checkpoint
    """
    if bundle is not None:
        return verify_bundle_file(bundle, policy=policy, authority=authority, common=common)
    settings = settings_of(common)
    pinned = load_trust(settings.trust_path) if settings.trust_path.exists() else ()
    against = load_against(settings, policy, checkpoint, authority)
    if tiles is not None:
        geneses = {trust.origin: trust.genesis_leaf for trust in pinned}
        return _verify_tiles(tiles, against, geneses, common)
    if span or stream:
        return _verify_some(settings, pinned, against, span, stream, common)
    return _verify_home(settings, pinned, against, expect, common, projections=projections)


def _verify_home(
    settings: Settings,
    pinned: Sequence[Trust],
    against: Against,
    expect: Sequence[str],
    common: Common,
    *,
    projections: bool,
) -> int:
    """Every log that the home pins; gives the exit code."""
    tasks, rounds = _tasks(settings, pinned, expect, against)
    with progress("verifying", "entries") as advance:
        results = _verify(settings, tasks, lambda done: advance(done, 0))
    if pinned:
        passed = [result for result in results if result.verdict == Verdict.PASSED]
        note_seen(settings.trust_path, {result.origin: result.head for result in passed})
    names = [f"trust {settings.trust_path.name}"] if pinned else []
    names += [f"policy {against.policy_name}"] if against.policy else []
    names += [f"--expect {item}" for item in expect]
    heads = [
        f"{head.source} ({head.size})" if len(tasks) == 1 else _of_log(task, head)
        for task in tasks
        for head in task.seen
    ]
    more: dict[str, Recount | ProjectionCheck] = {}
    if against.policy is not None:
        more["officers"] = recount(settings, results, rounds)
    if projections:
        more["projections"] = replay(settings, results)
    return _report(Shown(results, names, heads, rounds), more, common)


def _report(shown: Shown, more: Mapping[str, Recount | ProjectionCheck], common: Common) -> int:
    """Say everything; gives the exit code."""
    results = shown.results
    found = [item.verdict for check in more.values() for item in check.findings]
    verdict = worst_of([*(result.verdict for result in shown.all()), *found])
    if common.format == "table":
        show_results(shown, verdict, common)
        steps = len(steps_of(shown))
        for check in more.values():
            if isinstance(check, Recount):
                steps += 1
                show_recount(check, steps)
            else:
                show_replay(check, steps)
    else:
        several = {"verdict": verdict, "results": msgspec.to_builtins(results)}
        value = msgspec.to_builtins(results[0]) if len(results) == 1 else several
        value |= {
            "pinned_by": shown.pinned,
            "heads_compared": shown.heads,
            "not_proved": text("not_proved", common.language),
        }
        value |= {name: msgspec.to_builtins(check) for name, check in more.items()}
        if shown.rounds is not None:
            value["log_of_checkpoints"] = msgspec.to_builtins(shown.rounds)
        if shown.part:
            value["part"] = shown.part
        value["verdict"] = verdict
        basis = basis_of({result.origin: result.head for result in results})
        show_value("verification", value, basis=basis, form=common.format)
    return VERDICT_CODES[verdict]


def _verify_tiles(path: Path, against: Against, geneses: dict[str, str], common: Common) -> int:
    from ledger.adapters.verify_tree import verify_tree  # noqa: PLC0415 - only for a tree

    with progress("verifying", "entries") as advance:
        trust = tree_trust(against, geneses)
        result = verify_tree(path, trust, on_progress=lambda done: advance(done, 0))
    names = [f"policy {against.policy_name}"] if against.policy else []
    names += ["trust"] if result.origin in geneses else []
    return _report(Shown([result], names, []), {}, common)


def _verify_some(
    settings: Settings,
    pinned: Sequence[Trust],
    against: Against,
    span: str,
    stream: str,
    common: Common,
) -> int:
    from consumers.cli.verify_some import verify_some  # noqa: PLC0415 - only for a part

    result = verify_some(settings, pinned, against, span, stream)
    names = [f"trust {settings.trust_path.name}"]
    names += [f"policy {against.policy_name}"] if against.policy else []
    part = text("verify.range" if span else "verify.stream", common.language, part=span or stream)
    return _report(Shown([result], names, [], part=part), {}, common)


def _of_log(task: _Task, head: SeenHead) -> str:
    return f"{head.source} ({task.number}/{head.size})"


def _tasks(
    settings: Settings, pinned: Sequence[Trust], expect: Sequence[str], against: Against
) -> tuple[list[_Task], Verification | None]:
    """The logs that are pinned; of an embedded ledger that nothing pins, those that are there.

    And what the log of checkpoints beside them is, where one is published.
    """
    if pinned:
        logs: list[Trust | None] = [*pinned]
    else:
        count = 0
        while settings.kafka is None and settings.log_path_of(count).exists():
            count += 1
        logs = [None] * max(count, 1)
    expected = _parse_heads(expect, len(logs))
    origins = [
        trust.origin if trust else against.origin_of(number) for number, trust in enumerate(logs)
    ]
    checks, rounds = log_checks(settings, against, origins)
    tasks = [
        _Task(
            number,
            trust,
            len(logs) if trust else None,
            expected.get(number),
            tuple(_seen_heads(settings, trust, number)),
            origins[number] or None,
            checks[number],
        )
        for number, trust in enumerate(logs)
    ]
    return tasks, rounds


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
        origin=task.origin,
        genesis_leaf=task.pinned.genesis_leaf if task.pinned else None,
        expect=task.expected,
        seen=task.seen,
        logs=task.logs,
        checkpoints=task.checkpoints,
        on_progress=on_progress,
    )


def _verify_partition(
    reader: LogReader, task: _Task, on_progress: Callable[[int], None]
) -> Verification:
    from ledger.adapters.verify_log import verify_log  # noqa: PLC0415 - one log or the other
    from ledger.entry.verify import Verifier  # noqa: PLC0415 - loaded when used

    verifier = Verifier(
        reader.origin,
        task.pinned.genesis_leaf if task.pinned else None,
        task.expected,
        seen=task.seen,
        logs=task.logs,
        checkpoints=task.checkpoints,
    )
    return verify_log(reader, verifier, on_progress=on_progress)
