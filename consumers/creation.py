"""Creating a ledger: its keys, the genesis of each of its logs, and the trust that pins them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from consumers.bootstrap import (
    KEYS_FOLDER,
    OpenLedger,
    Settings,
    SettingsError,
    kafka_security,
    open_ledger,
    utc_now,
)
from ledger.adapters.creation import CreationPlan, open_plan
from ledger.adapters.keys import KeyStore
from ledger.adapters.sqlite_log import SqliteLog
from ledger.adapters.trust import pin
from ledger.app.genesis import genesis_entry
from ledger.app.limits import LOGS_MAX
from ledger.core.canonical import encode_canonical
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.core.times import format_instant
from ledger.entry.entry import decode_entry

KAFKA_LOGS: Final = 8
"""Logs of a new ledger on Kafka, where nothing else is asked for: writers on eight machines."""


def new_action_id(now: datetime) -> str:
    """A fresh action id (UUIDv7) for `now`."""
    return uuid7_text(int(now.timestamp() * 1000), secrets.token_bytes(10))


def create_ledger(
    settings: Settings,
    name: str = "",
    *,
    logs: int | None = None,
    action_id: str = "",
    now: Callable[[], datetime] = utc_now,
) -> OpenLedger:
    """Create a ledger's logs with their genesis, keys and pinned trust; refuses where one exists.

    `name` is the ledger's name, never reused; without one a random name is made. `logs` is their
    number, for ever: without it 1 embedded, `KAFKA_LOGS` on Kafka. `action_id` is that of the first
    genesis, where it must be the same each time (the demo). A creation that was interrupted goes
    on where it was, if the same is asked for.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with open_plan(settings.plan_path) as plan:
        geneses = plan.read()
        if settings.trust_path.exists() or (settings.has_file and not geneses):
            msg = f"{settings.home} already holds a log"
            raise SettingsError(msg, next_step="use it, or name another --home")
        if geneses:
            _check_plan(plan, geneses, name, logs)
        else:
            geneses = _new_geneses(settings, name, logs, action_id, now())
        _create_logs(settings, plan, geneses)
        pin(settings.trust_path, geneses)
        plan.finish()
    return open_ledger(settings, now=now)


def _new_geneses(
    settings: Settings, name: str, logs: int | None, action_id: str, moment: datetime
) -> list[bytes]:
    if logs is None:
        logs = 1 if settings.kafka is None else KAFKA_LOGS
    if not 1 <= logs <= LOGS_MAX:
        msg = f"a ledger has 1 to {LOGS_MAX} logs, not {logs}"
        raise SettingsError(msg, next_step="pal log create --logs 8")
    keys = KeyStore(settings.home / KEYS_FOLDER)
    ledger_key = keys.ensure_signing_key("ledger", "ledger")
    source_key = keys.ensure_signing_key("source", "source")
    name = name or f"ledger-{secrets.token_hex(6)}"
    configuration = {"logs": logs, "rules": "VN-2021"}
    return [
        genesis_entry(
            name,
            number,
            logs,
            [ledger_key.enrolled(), source_key.enrolled()],
            ledger_key,
            action_id if action_id and number == 0 else new_action_id(moment),
            format_instant(moment),
            sha256(encode_canonical(configuration)).hexdigest(),
        )
        for number in range(logs)
    ]


def _check_plan(plan: CreationPlan, geneses: Sequence[bytes], name: str, logs: int | None) -> None:
    """An interrupted creation goes on as it began, or not at all."""
    begun = decode_entry(geneses[0]).action["data"]["name"]
    if name in ("", begun) and logs in (None, len(geneses)):
        return
    msg = f"the creation of ledger {begun} with {len(geneses)} logs was begun here"
    next_step = f"pal log create --name {begun} --logs {len(geneses)} ends it; to give it up, "
    raise SettingsError(msg, next_step=f"{next_step}delete {plan.path} and what was made")


def _create_logs(settings: Settings, plan: CreationPlan, geneses: Sequence[bytes]) -> None:
    """Write each genesis that is not there yet; the plan is on the disk before the first is."""
    kafka = settings.kafka
    if kafka is not None:
        from ledger.adapters.kafka_admin import create_log  # noqa: PLC0415 - Kafka only when it is asked for

        create_log(
            *kafka,
            *geneses,
            security=kafka_security(),
            before_writing=lambda: plan.write(geneses),
        )
        return
    plan.write(geneses)
    for number, genesis in enumerate(geneses):
        path = settings.log_path_of(number)
        if path.exists():
            SqliteLog.open(path, genesis_leaf=leaf_hash(genesis).hex()).close()
        else:
            SqliteLog.create(path, genesis).close()
