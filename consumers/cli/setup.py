"""`log create`, `import`, `demo`: what writes to a log."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import OpenLedger, SettingsError, open_ledger, utc_now
from consumers.cli.errors import FAILED, PASSED, REFUSED, NotFoundError, UsageError
from consumers.cli.options import Common
from consumers.cli.output import Basis, basis_of, show_value, write
from consumers.cli.session import settings_of
from consumers.cli.terminal import Advance, paint, progress, safe_text, say
from consumers.creation import create_ledger
from ledger.app.genesis import GenesisError
from ledger.core.chain import Head
from ledger.core.findings import Verdict

if TYPE_CHECKING:
    from consumers.workers.importer import ImportOptions, ImportProblem, ImportSummary

PROBLEMS_SHOWN = 10


def log_create(
    *,
    name: Annotated[str, Parameter(help="The ledger's name, never reused; default random.")] = "",
    logs: Annotated[
        int | None, Parameter(help="How many logs, for ever; default 1, on Kafka 8.")
    ] = None,
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Create a ledger's logs: their genesis, their keys, their pinned trust.

    Run again, a creation that was interrupted goes on where it was.

    Example: pal log create --name audit.sotuphap --home pal-home
    """
    with _create(common, name, logs) as ledger:
        value = {
            "origin": ledger.origin,
            "genesis": " ".join(ledger.genesis_leaves.values()),
            "keys": str(ledger.keys.folder),
        }
        basis = basis_of({pin.origin: Head(1, pin.genesis_leaf) for pin in ledger.trust})
    if common.format != "table":
        show_value("log", value, basis=basis, form=common.format)
    return PASSED


def _create(common: Common, name: str = "", logs: int | None = None) -> OpenLedger:
    settings = settings_of(common)
    try:
        ledger = create_ledger(settings, name, logs=logs)
    except GenesisError as error:
        raise UsageError(str(error), next_step="pal log create --name audit.sotuphap") from error
    say(f"✓ created log {ledger.origin} in {settings.log or settings.home}")
    several = len(ledger.trust) > 1
    for pinned in ledger.trust:
        say(f"  genesis {pinned.genesis_leaf}" + (f" of {pinned.origin}" if several else ""))
    these = "these hashes" if several else "this hash"
    say(f"  pinned in {settings.trust_path}: keep a copy of {these} somewhere else")
    say(f"  keys in {ledger.keys.folder}: back this folder up, in a place as private as it is")
    return ledger


def import_log(
    file: Path,
    *,
    source: Annotated[str, Parameter(help="Name of the source; default: what the file says.")] = "",
    prefix: Annotated[
        str, Parameter(help="Put before each dossier id, to keep sources apart.")
    ] = "",
    timezone: Annotated[
        str, Parameter(help="Zone of times without offset, e.g. Asia/Ho_Chi_Minh.")
    ] = "",
    mapping: Annotated[
        Path | None,
        Parameter(
            help="TOML file that names columns and types, or a shipped one (docs/import.md)."
        ),
    ] = None,
    errors: Annotated[
        Path | None, Parameter(help="Write what was refused here, as JSON lines.")
    ] = None,
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Import an event log: .xes, .csv or .jsonl, each also with .gz. A second run adds nothing.

    Exit code 6 when some cases were refused; the others are recorded.

    Example: pal import 08_receipt.xes.gz --home pal-home
    """
    from consumers.workers.importer import ImportOptions  # noqa: PLC0415 - imports only
    from ledger.adapters.profiles import (  # noqa: PLC0415 - imports only
        profile_text,
        shipped_profiles,
    )

    if not file.is_file():
        raise NotFoundError(f"there is no file {file}", next_step="check its path")
    if mapping is not None and profile_text(mapping) is None:
        msg = f"there is no file {mapping}"
        raise NotFoundError(
            msg, next_step=f"check its path, or use {', '.join(shipped_profiles())}"
        )
    settings = settings_of(common)
    if settings.trust_path.exists():
        ledger = open_ledger(settings)
    else:
        say(f"no log in {settings.home} yet: creating one")
        try:
            ledger = _create(common)
        except SettingsError:
            if not settings.trust_path.exists():
                raise
            # Another import of the same home was quicker, and has pinned what it made.
            ledger = open_ledger(settings)
    with ledger:
        options = ImportOptions(source, prefix, timezone, mapping)
        with progress(f"importing {file.name}", "events") as advance:
            run = _import_here if settings.kafka is None else _import_shared
            summary = run(ledger, file, options, advance)
        basis = basis_of({log.origin: log.head() for log in ledger.logs})
    if errors is not None:
        lines = [msgspec.json.encode(problem) + b"\n" for problem in summary.problems]
        errors.write_bytes(b"".join(lines))
    if common.format == "table":
        _show_summary(summary, file)
    else:
        value: dict[str, Any] = msgspec.to_builtins(summary)
        value["cases_refused"] = value.pop("refused_cases")
        show_value("import", value, basis=basis, form=common.format)
    _tell_problems(summary.problems, errors)
    return REFUSED if summary.problems else PASSED


def _import_here(
    ledger: OpenLedger, file: Path, options: ImportOptions, advance: Advance
) -> ImportSummary:
    """This process writes every log."""
    from consumers.workers.importer import import_file  # noqa: PLC0415 - imports only

    key = ledger.keys.load_signing_key("source")
    return import_file(file, ledger.logs, key, ledger.keys, options, now=utc_now, progress=advance)


def _import_shared(
    ledger: OpenLedger, file: Path, options: ImportOptions, advance: Advance
) -> ImportSummary:
    """This process writes the logs that it owns; other imports of the file may own the others."""
    from consumers.workers.import_shared import SharedImport  # noqa: PLC0415 - imports on Kafka only
    from consumers.workers.importer import read_source  # noqa: PLC0415 - imports only

    count = len(ledger.trust)
    # A rebalance is nothing to report: what it means for this process is told below.
    logging.getLogger("aiokafka.consumer").addHandler(logging.NullHandler())

    def tell(owned: frozenset[int]) -> None:
        if count > 1:
            names = ", ".join(map(str, sorted(owned))) or "none"
            say(f"  logs of this process: {names} of {count}")

    shared = SharedImport(
        file,
        read_source(file, options),
        count,
        key=ledger.keys.load_signing_key("source"),
        keys=ledger.keys,
        now=utc_now,
        progress=advance,
    )
    return shared.run(lambda: ledger.join_writers(tell), lambda: ledger.logs)


def _show_summary(summary: ImportSummary, file: Path) -> None:
    done = "nothing new: every event is recorded already"
    if summary.recorded:
        done = "recorded"
    elif summary.problems:
        done = "nothing recorded"
    mark = paint("✓", "green", sys.stdout) if not summary.problems else "▲"
    write(f"{mark} {safe_text(file.name)} from {safe_text(summary.source)}: {done}")
    write(f"  cases {summary.cases:,}  events {summary.events:,}")
    write(f"  new entries {summary.recorded:,}  known before {summary.known:,}")
    if summary.disordered:
        write(f"  sorted by time: {summary.disordered:,} events stood elsewhere in the file")
    if summary.sealed_attributes:
        write(f"  sealed: {safe_text(', '.join(summary.sealed_attributes))}")
    if summary.refused_cases:
        write(f"  refused cases {summary.refused_cases:,}")
    say("  next  pal verify    ·    pal dossiers    ·    pal officers")


def _tell_problems(problems: tuple[ImportProblem, ...], errors: Path | None) -> None:
    for problem in problems[:PROBLEMS_SHOWN]:
        say(f"{paint('✗ REFUSED', 'red', sys.stderr)}  case {safe_text(problem.case)}")
        place = f"{problem.file}" + (f", line {problem.line}" if problem.line else "")
        say(f"  what      {safe_text(f'{place}, {problem.field}: {problem.reason}')}")
        if problem.value:
            say(f"  value     {safe_text(problem.value)}")
    if len(problems) > PROBLEMS_SHOWN:
        say(f"  … and {len(problems) - PROBLEMS_SHOWN:,} more")
    if problems:
        where = f"see {errors}" if errors else "--errors FILE collects them"
        say(f"  next      mend these cases and import the file again ({where})")


def demo(*, common: Common = Common()) -> int:  # noqa: B008 - frozen; cyclopts reads the default
    """Record, verify and rebuild a small office; leave an altered copy to find.

    Example: pal demo --lang vi
    """
    from consumers.demo.run import run_demo  # noqa: PLC0415 - this command only

    if common.log:
        msg = "the demo is embedded: it takes no --log"
        raise UsageError(msg, next_step="pal demo --home pal-home")
    if common.format == "table":
        result = run_demo(common.home, sys.stdout, common.language)
    else:
        result = run_demo(common.home, sys.stderr, common.language)
        value = msgspec.to_builtins(result, enc_hook=str)
        head = result.verification.head
        basis = Basis(result.verification.origin, head.size, head.leaf)
        show_value("demo", value, basis=basis, form=common.format)
    return PASSED if result.verification.verdict == Verdict.PASSED else FAILED
