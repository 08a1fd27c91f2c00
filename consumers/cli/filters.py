"""The filter grammar of `pal events`: `actor:an action:approved occurred:2026-03 free text`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import msgspec

from consumers.cli.errors import UsageError
from consumers.cli.moments import parse_moment
from ledger.core.action import Action, stream_id

if TYPE_CHECKING:
    from projections.queries.timeline import EventFilter

KEYS: Final = (
    "actor",
    "on_behalf_of",
    "action",
    "dossier",
    "procedure",
    "unit",
    "occurred",
    "recorded",
    "index",
)


class Filter(msgspec.Struct, frozen=True):
    """What was asked for; "" asks for nothing. Instants are UTC text, indexes are included."""

    actor: str = ""
    on_behalf_of: str = ""
    action: str = ""
    dossier: str = ""
    procedure: str = ""
    unit: str = ""
    occurred_from: str = ""
    occurred_to: str = ""
    recorded_from: str = ""
    recorded_to: str = ""
    log: int = -1
    first_index: int = 0
    last_index: int = 2**62
    words: tuple[str, ...] = ()

    def store_filter(self) -> EventFilter:
        """The part that the read store can answer by its indexes."""
        from projections.queries.timeline import EventFilter as Chosen  # noqa: PLC0415 - readers only

        return Chosen(
            stream=stream_id("dossier", self.dossier) if self.dossier else "",
            actor=self.actor,
            occurred_from=self.occurred_from,
            occurred_to=self.occurred_to,
            log=self.log,
            first_index=self.first_index,
            last_index=self.last_index,
        )

    def fits(self, action: Action, recorded_at: str, sentence: str) -> bool:
        """Whether the rest fits an entry; `sentence` is plain (lower case, no accents)."""
        short = action.type.partition(".")[2].rpartition(".v")[0]
        procedure = "" if isinstance(action.procedure, msgspec.UnsetType) else action.procedure.code
        return (
            (not self.on_behalf_of or action.actor.on_behalf_of == self.on_behalf_of)
            and (not self.action or self.action in {short, action.type, action.type[:-3]})
            and (not self.procedure or procedure == self.procedure)
            and (not self.unit or action.actor.unit == self.unit)
            and (not self.recorded_from or recorded_at >= self.recorded_from)
            and (not self.recorded_to or recorded_at <= self.recorded_to)
            and all(word in sentence for word in self.words)
        )


def parse_filter(parts: Sequence[str], now: datetime) -> Filter:
    """The filter in the words of a command line; raises `UsageError` naming the nearest key.

    `occurred:` and `recorded:` take a moment or `FROM..TO`, `index:` takes `N` or `FROM..TO`, of
    one log only where `LOG/` stands before it; both ends are included. Words without a key must all
    stand in the sentence or id.
    """
    from projections.folds.names import plain_text  # noqa: PLC0415 - readers only

    values: dict[str, object] = {}
    words: list[str] = []
    for part in parts:
        try:
            tokens = shlex.split(part) if part[:1] != "'" and ('"' in part) else part.split()
        except ValueError as error:
            raise UsageError(f"{part!r}: {error}", next_step="close the quotation mark") from error
        for token in tokens:
            key, colon, value = token.partition(":")
            if not colon or not key.replace("_", "").isalpha() or key.lower() != key:
                words.append(plain_text(token))
            elif key in {"occurred", "recorded"}:
                values |= _range(key, value, now)
            elif key == "index":
                values |= _indexes(value)
            elif key in KEYS:
                values[key] = value
            else:
                raise _unknown(key)
    return msgspec.convert({**values, "words": words}, Filter)


def _unknown(key: str) -> UsageError:
    near = get_close_matches(key, KEYS, n=1, cutoff=0.0)
    known = ", ".join(f"{name}:" for name in KEYS)
    return UsageError(
        f"{key}: is no filter key", next_step=f"did you mean {near[0]}: ? The keys are {known}"
    )


def _range(key: str, value: str, now: datetime) -> dict[str, object]:
    first, dots, last = value.partition("..")
    found: dict[str, object] = {}
    if first:
        found[f"{key}_from"] = parse_moment(first, end=False, now=now)
    end = last if dots else first
    if end:
        found[f"{key}_to"] = parse_moment(end, end=True, now=now)
    return found


def _indexes(value: str) -> dict[str, object]:
    log, stroke, bounds = value.rpartition("/")
    first, dots, last = bounds.partition("..")
    try:
        found: dict[str, object] = {"log": int(log)} if stroke else {}
        if first:
            found["first_index"] = int(first)
        end = last if dots else first
        if end:
            found["last_index"] = int(end)
    except ValueError as error:
        msg = f"index:{value} is no index"
        raise UsageError(
            msg, next_step="write index:301, index:300..310 or, in log 3, index:3/301"
        ) from error
    return found
