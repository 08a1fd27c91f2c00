"""Copies of a running sequencer, and the part of its state that says how it will behave.

Copies share what is frozen: keys, submissions, places, sealed groups.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ledger.app.effects import Phase
from ledger.app.log_index import StrayRecord
from ledger.app.sequencer import Sequencer, _Waiting
from ledger.app.submission import Place
from ledger.core.chain import Head, StreamHead
from ledger.entry.signatures import KeyRing, SigningKey


def fork(value: Any) -> Any:
    """A copy that shares nothing that can change."""
    copier = _COPIERS.get(type(value))
    if copier is not None:
        return copier(value)
    if isinstance(value, tuple):
        return (
            value._make(map(fork, value)) if hasattr(value, "_fields") else tuple(map(fork, value))
        )
    if isinstance(value, _Waiting):
        twin = _Waiting(value.token, value.submission, value.deadline)
        twin.sent = set(value.sent)
        return twin
    fields = getattr(value, "__dict__", None)
    if fields is None or isinstance(value, Exception):
        return value
    twin = object.__new__(type(value))
    twin.__dict__.update(
        {name: item if type(item) in _ATOMS else fork(item) for name, item in fields.items()}
    )
    return twin


def _fork_dict(value: dict) -> dict:
    # Values of one dict are of one kind here: where the first is frozen, all are.
    if not value or type(next(iter(value.values()))) in _ATOMS:
        return value.copy()
    return {key: fork(item) for key, item in value.items()}


def _fork_list(value: list) -> list:
    if not value or type(value[0]) in _ATOMS:
        return value[:]
    return [fork(item) for item in value]


def _fork_ring(value: KeyRing) -> KeyRing:
    twin = object.__new__(KeyRing)
    twin.__dict__.update(value.__dict__)
    twin._keys = dict(value._keys)
    twin._revoked = set(value._revoked)
    # What was verified once stays verified: shared by all copies, so that it costs nothing.
    return twin


def _same(value: Any) -> Any:
    return value


_ATOMS = frozenset(
    {int, str, bytes, bool, float, type(None), Phase, Head, StreamHead, Place}
    | {SigningKey, StrayRecord}
)
"""Types that never change."""

_COPIERS: Mapping[type, Callable[[Any], Any]] = {
    **dict.fromkeys(_ATOMS, _same),
    dict: _fork_dict,
    list: _fork_list,
    set: set,
    deque: lambda value: deque(map(fork, value)),
    array: lambda value: value[:],
    bytearray: lambda value: value[:],
    KeyRing: _fork_ring,
}

KEYED = frozenset(
    {"index", "phase", "openings", "_queue", "_in_flight", "_opened", "_opened_at", "_failed"}
)
"""Fields that stand in the key of a state."""

LEFT_OUT = {
    "session": "a counter; what belongs to an older session is known to be over",
    "_session_id": "fresh in each session, so only whether it is the one at `_opened` matters",
    "_previous_id": "text of the opening entry",
    "_reason": "text of the opening entry",
    "_last_error": "text of an error",
    "_wake_at": "the exploration decides when back-off ends",
    "_key": "the same for all",
    "_software": "text of the opening entry",
    "_timeout": "the exploration decides when a caller's time is up",
}
"""Fields that two states may differ in and still behave alike, each with the reason."""


Name = Callable[[str], Any]
"""The canonical name of a leaf; None where it does not matter."""


def key_of(machine: Sequencer, name: Name, name_sent: Name) -> tuple:
    """How a writer will behave, with leaves under canonical names.

    Its index is the fold of the log up to its position, so position and head stand for all of it.
    """
    index = machine.index
    opening = machine.phase in (Phase.OPENING, Phase.CONFIRMING)
    flight = machine._in_flight
    return (
        machine.phase.value,
        machine.openings,
        index.position,
        index.head.size,
        name(index.head.leaf),
        index.state.recorded_at,
        index.broken is not None,
        machine._failed is not None,
        name(machine._opened) if opening else None,
        machine._opened_at if machine.phase is Phase.CONFIRMING else -1,
        None
        if flight is None
        else (
            tuple(name(entry.place.leaf) for entry in flight.group.entries),
            tuple(type(answer).__name__ for answer in flight.group.answers),
            tuple(_waiting(item, name_sent) for item in flight.waiting),
        ),
        tuple(_waiting(item, name_sent) for item in machine._queue),
    )


def _waiting(item: _Waiting, name_sent: Name) -> tuple:
    sent = {name_sent(leaf) for leaf in item.sent}
    return (item.token, bool(item.sent), tuple(sorted(map(repr, sent - {None}))))
