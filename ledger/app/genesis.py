"""The first entry of a log: its name, its place among the logs of a ledger, its first keys. Pure.

The keys of the genesis stand in the entry that they sign; what makes them trustworthy is that the
entry's leaf is pinned in `trust.toml` and printed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from ledger.core.action import Action, Actor, OccurredAt, encode_action, stream_id
from ledger.core.chain import ZERO_LINK
from ledger.entry.entry import FORMAT_VERSION, Seal, encode_entry
from ledger.entry.log_state import GENESIS_TYPE
from ledger.entry.signatures import EnrolledKey, KeyRing, SignatureError, SigningKey

NAME_PATTERN: Final = r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*"
_NAME = re.compile(NAME_PATTERN)


class GenesisError(ValueError):
    """A name, a number or a key with which no log can begin."""


def log_origin(name: str, log_number: int) -> str:
    """The origin of log `log_number` (from 0) of the ledger `name`; never reused."""
    if _NAME.fullmatch(name) is None:
        msg = f"name {name!r}: letters, digits, `.`, `_`, `~`, `-`, in parts joined by `/`"
        raise GenesisError(msg)
    return f"{name}/{log_number}"


def genesis_entry(
    name: str,
    log_number: int,
    logs: int,
    keys: Sequence[EnrolledKey],
    key: SigningKey,
    action_id: str,
    recorded_at: str,
    config_hash: str,
) -> bytes:
    """The bytes of index 0 of log `log_number` (0-based) of `logs`.

    `keys` are enrolled from here on and must hold the public half of `key`, of role ledger, which
    signs. `config_hash` is the hex SHA-256 of the configuration. Raises `GenesisError`.
    """
    if not 0 <= log_number < logs:
        msg = f"log number {log_number} of {logs}: the first is 0"
        raise GenesisError(msg)
    if key.enrolled() not in keys or key.role != "ledger":
        msg = f"key {key.id!r} signs the genesis: it must be of role ledger and among its keys"
        raise GenesisError(msg)
    if len({item.id for item in keys}) != len(keys):
        msg = "two keys of the genesis have the same id"
        raise GenesisError(msg)
    ring = KeyRing()
    try:
        for item in keys:
            ring.enrol(item)
    except SignatureError as error:
        raise GenesisError(str(error)) from error
    origin = log_origin(name, log_number)
    stream = stream_id("ledger", origin)
    data = encode_action(
        Action(
            id=action_id,
            type=GENESIS_TYPE,
            stream=stream,
            occurred_at=OccurredAt(recorded_at, "instant"),
            actor=Actor(kind="system", id="ledger"),
            data={
                "name": name,
                "log": log_number,
                "logs": logs,
                "format": FORMAT_VERSION,
                "config_hash": config_hash,
                "keys": [msgspec.to_builtins(item) for item in keys],
            },
        )
    )
    seal = Seal(
        index=0,
        origin=origin,
        prev=ZERO_LINK,
        recorded_at=recorded_at,
        sigs=key.sign([data])[0],
        stream=stream,
        stream_prev=ZERO_LINK,
        type=GENESIS_TYPE,
        v=FORMAT_VERSION,
        version=1,
    )
    return encode_entry(seal, data)
