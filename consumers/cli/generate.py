"""`generate`: an invented province of any size in which the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from consumers.cli.errors import PASSED, UsageError
from consumers.cli.options import Common
from consumers.cli.output import Basis, show_value, write
from consumers.cli.terminal import progress, safe_text, say
from consumers.generate.files import truth_path, write_files
from consumers.generate.plants import catalogue
from consumers.generate.run import ENTRIES_MAX, ENTRIES_MIN


def generate(
    file: Path,
    *,
    entries: Annotated[
        int, Parameter(help="How many actions, and the rest of the last dossier: 1000 to 10000000.")
    ] = 10_000,
    seed: Annotated[str, Parameter(help="The same seed gives the same bytes.")] = "1",
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Make up a province's year: actions for `pal import`, and beside them what is true.

    FILE ends in .jsonl or .jsonl.gz. The truth goes into NAME.truth.jsonl, one line a dossier: who
    held it to the minute, whose time passed (office, applicant, others outside), what was planted,
    with officer and actions, and which duties were broken. Nothing of it stands in the actions.
    Everybody is invented. Memory does not grow with the number.

    Example: pal generate year.jsonl --entries 100000 --seed 7
    """
    if not file.name.endswith((".jsonl", ".jsonl.gz")):
        raise UsageError(f"{file} ends in neither .jsonl nor .jsonl.gz", next_step="name it so")
    if not ENTRIES_MIN <= entries <= ENTRIES_MAX:
        msg = f"--entries {entries} lies outside {ENTRIES_MIN} to {ENTRIES_MAX}"
        raise UsageError(msg, next_step="choose a number between")
    for path in (file, truth_path(file)):
        if path.exists():
            raise UsageError(f"{path} is there already", next_step="take another name, or move it")
    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {file.parent}", next_step="create it")
    with progress(f"making {file.name}", "actions") as advance:
        made = write_files(file, entries, seed, advance)
    if common.format != "table":
        value: dict[str, Any] = msgspec.to_builtins(made, enc_hook=str)
        show_value("generate", value, basis=Basis(), form=common.format)
        return PASSED
    write(f"✓ {safe_text(made.actions_file)}: actions {made.actions:,}, dossiers {made.dossiers:,}")
    write(f"  {safe_text(made.truth_file)}: the truth, seed {safe_text(made.seed)}")
    write(f"  with planted behaviour {made.planted:,} dossiers, duties broken {made.breaches:,}")
    say(f"  next  pal import {safe_text(file)} --home another-home    ·    pal dossiers --late")
    return PASSED


generate.__doc__ = f"{generate.__doc__}\n{catalogue()}\n"
