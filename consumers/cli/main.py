"""`pal`: the commands by name. Each is imported when it is asked for, so that starting is quick."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from cyclopts import App, CycloptsError

from consumers.cli.options import DEFAULT_HOME, SHARED_FLAGS

_HELP: Final = """Procedure Audit Ledger: every action on a dossier, as a hash-chained entry.

Data goes to stdout, talk to stderr. Exit codes: 0 passed, 1 failed (proved), 2 indeterminate,
3 usage, 4 not found, 5 unavailable, 6 some input refused, 70 bug.

It proves who recorded what, in which order, and that nothing was changed or removed since; not that
what an officer wrote is true, nor that an action outside the system was recorded. Who reads leaves
an entry with --inspection and with --reveal; other readings leave none.

Try: pal demo
"""

_COMMANDS: Final = (
    ("demo", "setup:demo", "Record, verify and rebuild a small office."),
    ("import", "setup:import_log", "Import an event log (.xes, .csv, .jsonl, each also .gz)."),
    ("generate", "generate:generate", "Make up offices of any size in which the truth is known."),
    ("status", "check:status", "Show what this home holds and what needs attention."),
    ("verify", "verify:verify", "Check every entry, link and signature."),
    ("sentinel", "sentinel:sentinel", "Watch what the broker does to the logs."),
    ("proof", "proof:app", "Write the proof of an entry, or verify one."),
    ("drill", "drill:drill", "Attack a clone in every way; say who detects it."),
    ("events", "entries:events", "List entries that fit a filter."),
    ("dossiers", "dossiers:dossiers", "List dossiers with their state."),
    ("duties", "duties:duties", "List duties kept, broken, or that cannot be known."),
    ("registry", "registry:registry", "Show who or what was valid on a day."),
    ("officers", "officers:officers", "List officers: id, entries, dossiers."),
    ("handovers", "officers:handovers", "Count hand-overs by pair, or list returns."),
    ("replay", "entries:replay", "Step through a dossier or a range of entries."),
    ("project", "project:project", "Bring the projections to the end of every log; --follow."),
    ("states", "states:states", "Fold every dossier from the logs alone; compare."),
    ("rebuild", "check:rebuild", "Fold everything from zero, compare digests, switch."),
    ("find", "entries:find", "Find a dossier, an officer, a hash or an index."),
)
_GROUPS: Final = (
    (
        "log",
        "Create a log.",
        (("create", "setup:log_create", "Create a log: genesis, keys, pinned trust."),),
    ),
    (
        "dossier",
        "One dossier: show its state and custody, or list its entries.",
        (
            ("show", "dossiers:show", "Show state, custody and what happened."),
            ("events", "entries:dossier_events", "List every entry of a dossier."),
        ),
    ),
    (
        "officer",
        "One officer: the accountability report.",
        (("report", "officers:report", "Report what one officer did in a period."),),
    ),
    (
        "seal",
        "Signed checkpoints of the logs: open, run, show, restore.",
        (
            ("open", "seal:open_logs", "Open sealing: keys, policy, an entry in each log."),
            ("run", "seal:run", "Sign, have witnessed and publish what the logs hold."),
            ("show", "seal:show", "Show what was signed and witnessed last."),
            ("restore", "seal:restore", "Make a lost store anew from what was published."),
        ),
    ),
    (
        "evidence",
        "Evidence bundles: export one, verify one; approve what is hidden.",
        (
            ("export", "evidence:export", "Write a dossier, officer or query with its proofs."),
            ("approve", "approve:approve", "Approve that entries stay hidden; two people."),
            ("verify", "evidence:verify", "Verify a bundle against a pinned policy."),
        ),
    ),
    (
        "witness",
        "A witness: cosigns logs of others, from a home of its own.",
        (
            ("create", "witness:create", "Make a witness with keys of its own."),
            ("serve", "witness:serve", "Serve the witness protocol on 127.0.0.1."),
            ("show", "witness:show", "Show what was cosigned last, and forks."),
            ("adopt", "witness:adopt", "Take up again what it cosigned before a restore."),
        ),
    ),
    (
        "keys",
        "Keys that sign: list, replace, revoke; erasing a data subject's key.",
        (
            ("list", "keys:list_keys", "List the keys that the log has enrolled."),
            ("rotate", "keys:rotate", "Sign with a new key; --revoke the old one."),
            ("revoke", "keys:revoke", "Revoke a key that this home does not sign with."),
            ("show", "keys:show_key", "Show whether a subject's key exists."),
            ("erase", "keys:erase_key", "Erase a data subject's key for ever."),
        ),
    ),
)


def _version() -> str:
    try:
        return f"pal {version('procedure-audit-ledger')}"
    except PackageNotFoundError:
        return "pal, run from its source folder without being installed"


def make_app(*, is_listing: bool = False) -> App:
    """The command tree; no command's module is imported yet.

    `is_listing` gives each command its one line, for the list of commands; a command's own help is
    its docstring.
    """
    app = App(
        name="pal",
        help=_HELP,
        version=_version,
        result_action="return_value",
    )
    for name, target, line in _COMMANDS:
        own = {"help": line} if is_listing else {}
        app.command(f"consumers.cli.{target}", name=name, **own)
    for name, help_text, members in _GROUPS:
        group = App(name=name, help=help_text)
        for member, target, line in members:
            own = {"help": line} if is_listing else {}
            group.command(f"consumers.cli.{target}", name=member, **own)
        app.command(group)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line; gives its exit code."""
    from consumers.cli.errors import (  # noqa: PLC0415 - not needed for --version
        INTERRUPTED,
        PASSED,
        USAGE,
        report_error,
    )
    from consumers.cli.terminal import paint, safe_text, say  # noqa: PLC0415 - loaded when used

    tokens = _shared_last(list(arguments))
    try:
        words = [word for word in tokens if not word.startswith("-")]
        is_listing = not words or (len(words) == 1 and words[0] in {name for name, *_ in _GROUPS})
        result = make_app(is_listing=is_listing)(tokens, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        say(f"{paint('✗ USAGE', 'red', sys.stderr)}  usage")
        say(f"  what      {safe_text(error)}")
        say("  next      pal --help, or the same command with --help")
        return USAGE
    except KeyboardInterrupt:
        say("interrupted; what was recorded stays, the same command goes on from there")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough; nothing of ours failed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PASSED
    except Exception as error:  # noqa: BLE001 - the edge: every error becomes a code and a message
        return report_error(error, _home_of(tokens))
    return result if isinstance(result, int) else PASSED


def _shared_last(tokens: list[str]) -> list[str]:
    """`pal --home DIR status` as `pal status --home DIR`: shared options may stand first."""
    first: list[str] = []
    while tokens and tokens[0].partition("=")[0] in SHARED_FLAGS:
        taken = 1 if "=" in tokens[0] else 2
        first += tokens[:taken]
        tokens = tokens[taken:]
    if "--" in tokens:
        at = tokens.index("--")
        return tokens[:at] + first + tokens[at:]
    return tokens + first


def _home_of(tokens: Sequence[str]) -> Path:
    """The home as far as it can be read without parsing: where a bug report is left."""
    for at, word in enumerate(tokens):
        if word.startswith("--home="):
            return Path(word.partition("=")[2])
        if word == "--home" and at + 1 < len(tokens):
            return Path(tokens[at + 1])
    return Path(os.environ.get("PAL_HOME") or DEFAULT_HOME)


def main() -> None:
    """The entry point of the `pal` command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
    sys.exit(run(sys.argv[1:]))
