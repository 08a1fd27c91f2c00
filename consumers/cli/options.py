"""Options that every command shares, and those of every reading command."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter

Format = Literal["table", "json", "csv", "jsonl"]
Purpose = Literal[
    "own_task",
    "supervision",
    "consultation",
    "citizen_enquiry",
    "inspection",
    "complaint",
    "support",
    "statistics",
]
"""The codes of E20 as the domain has them; a start imports nothing of the ledger."""
Lang = Literal["en", "vi"]

DEFAULT_HOME = Path("pal-home")
SHARED_FLAGS = ("--home", "--log", "--format", "--lang")
"""Options with a value that may also stand before the command."""


def environment_lang() -> Lang:
    """Vietnamese where the environment says so, else English."""
    said = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG", "")
    return "vi" if said.lower().startswith("vi") else "en"


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """What every command accepts."""

    home: Annotated[
        Path, Parameter(env_var="PAL_HOME", help="Folder of the embedded ledger and its keys.")
    ] = DEFAULT_HOME
    log: Annotated[
        str, Parameter(env_var="PAL_LOG", help="A Kafka log: kafka://HOST:PORT/TOPIC.")
    ] = ""
    format: Annotated[Format, Parameter(help="How data is written to stdout.")] = "table"
    lang: Annotated[Lang | None, Parameter(help="Language; default by LANG.")] = None

    @property
    def language(self) -> Lang:
        """The language to write in."""
        return self.lang or environment_lang()


@Parameter(name="*")
@dataclass(frozen=True)
class Reading(Common):
    """What every reading command accepts besides."""

    as_of: Annotated[
        str,
        Parameter(help="State as recorded up to this moment, e.g. 2026-03-03T17:00+07:00."),
    ] = ""
    at_index: Annotated[
        str,
        Parameter(help="State as recorded up to this index, included; LOG/INDEX of several logs."),
    ] = ""
    axis: Annotated[
        Literal["recorded", "occurred"],
        Parameter(help="What --as-of speaks of: known then (recorded) or true then (occurred)."),
    ] = "recorded"
    limit: Annotated[
        int | None, Parameter(help="Rows at most; 0 for all. Default: table 200, others all.")
    ] = None

    inspection: Annotated[
        str, Parameter(help="Read under this inspection: what you ask is recorded in it (E77).")
    ] = ""
    by: Annotated[
        str,
        Parameter(env_var="PAL_BY", help="Your account, for what --inspection, --reveal record."),
    ] = ""

    @property
    def row_limit(self) -> int:
        """Rows to show at most; 0 for all."""
        if self.limit is not None:
            return max(self.limit, 0)
        return 200 if self.format == "table" else 0


@Parameter(name="*")
@dataclass(frozen=True)
class Reveal:
    """What a command that can show sealed fields accepts besides."""

    reveal: Annotated[
        bool,
        Parameter(negative="", help="Show sealed fields in clear; each dossier keeps who, why."),
    ] = False
    purpose: Annotated[Purpose | None, Parameter(help="Why, for --reveal.")] = None
    purpose_ref: Annotated[str, Parameter(help="Which inspection, complaint or ticket.")] = ""


NO_REVEAL: Final = Reveal()
