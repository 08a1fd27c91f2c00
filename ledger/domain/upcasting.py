"""Upcasting: an action of an older schema as the newest one says it, for folds only.

A field that may be left out can join a version. Whatever else changes is a new version of the type
(`….v2`), with a function from the data of the one before. What was recorded is never rewritten and
never hashed anew: bytes stay as they are, and only what the folds see is the current schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from ledger.core.action import Action
from ledger.domain.events import EVENT_TYPES

_VERSIONED: Final = re.compile(r"(?P<name>.+)\.v(?P<version>[1-9][0-9]*)")


class UpcastError(ValueError):
    """The table does not lead from each version of a type to the next; the message says where."""


class Upcast(NamedTuple):
    """A step: the type of the next version, and its data from that of the version before."""

    to: str
    data: Callable[[Mapping[str, Any]], dict[str, Any]]


class Upcaster:
    """Leads an action through every version of its type to the newest.

    `table` holds one step for each type that has a successor, `types` all types of the ledger.
    Raises `UpcastError` unless each step leads to the very next version of the same type, both are
    known, and no version but the newest is without a step: so there are no gaps and no circles.
    """

    def __init__(self, table: Mapping[str, Upcast], types: Collection[str]) -> None:
        for old, step in table.items():
            if step.to != _next(old):
                msg = f"{old} leads to {step.to}: the version after it is {_next(old)}"
                raise UpcastError(msg)
            for name in (old, step.to):
                if name not in types:
                    msg = f"{name} is no type of this ledger: a type that landed never goes"
                    raise UpcastError(msg)
        for name in types:
            if name not in table and (gap := _followed(name, types)):
                msg = f"{gap} is there, and nothing leads from {name} to {_next(name)}"
                raise UpcastError(msg)
        self._table = MappingProxyType(dict(table))

    def current(self, action: Action) -> Action:
        """The action as the newest version of its type says it; itself where it is that."""
        step = self._table.get(action.type)
        while step is not None:
            action = replace(action, type=step.to, data=step.data(action.data))
            step = self._table.get(action.type)
        return action


def _split(name: str) -> tuple[str, int]:
    found = _VERSIONED.fullmatch(name)
    if found is None:
        msg = f"{name} does not end in a version"
        raise UpcastError(msg)
    return found["name"], int(found["version"])


def _next(name: str) -> str:
    stem, version = _split(name)
    return f"{stem}.v{version + 1}"


def _followed(name: str, types: Collection[str]) -> str:
    """A later version of the type, or ""."""
    stem, version = _split(name)
    later = (other for other in types if other.startswith(f"{stem}.v"))
    return next((other for other in later if _split(other)[1] > version), "")


UPCASTS: Final[Mapping[str, Upcast]] = MappingProxyType({})
"""The step from each version that has a successor; no schema has a second version yet."""

upcast: Final = Upcaster(UPCASTS, EVENT_TYPES).current
"""The action as this ledger's newest schema says it."""
