"""PERSISTENCE_MODULE `ledger.adapters.kafka`: any eventsourcing application on a log in Kafka."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from eventsourcing import sqlite as library
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
)
from eventsourcing.sqlite import SQLiteTrackingRecorder
from eventsourcing.utils import Environment, EnvType

from ledger.adapters.kafka_admin import create_log
from ledger.adapters.kafka_log import KafkaLog
from ledger.adapters.kafka_reader import KafkaReader
from ledger.adapters.kafka_security import SECURITY_NAMES, read_security
from ledger.adapters.keys import KeyStore
from ledger.adapters.trust import load_trust, pin
from ledger.app.genesis import genesis_entry
from ledger.app.recorder import EntryRecorder
from ledger.app.submission import LedgerError
from ledger.core.canonical import encode_canonical
from ledger.core.ids import log_of, uuid7_text
from ledger.core.times import format_instant

# The library looks for exactly one factory class in a module: its own is named through its module.
__all__ = ["Factory", "KafkaLog", "KafkaReader", "create_log"]


def _no_action(_topic: str) -> bool:
    """Somebody's own events: each is wrapped, none is an action of the procedure ledger."""
    return False


class Factory(InfrastructureFactory[SQLiteTrackingRecorder]):
    """Recorders over a log in Kafka; topic and genesis are created where no log is pinned yet.

    Environment: `KAFKA_BOOTSTRAP` and `KAFKA_TOPIC`, the log; `LEDGER_HOME`, the folder of its
    keys, pinned origin (`trust-<topic>.toml`) and local index (`index-<topic>-<n>.sqlite`,
    disposable); `LEDGER_NAME`, the name of a log that is created, default a random one;
    `KAFKA_REPLICAS`, default three where there are three brokers, else one;
    `KAFKA_SECURITY_PROTOCOL` and the other names of `kafka_security`, behind `KAFKA_`;
    `ORIGINATOR_ID_TYPE`, `uuid` (default) or `text`. Snapshots, tracking and process records never
    enter a log: they lie in the SQLite file `SQLITE_DBNAME`, default `<topic>.side` in that folder.
    """

    KAFKA_BOOTSTRAP = "KAFKA_BOOTSTRAP"
    KAFKA_TOPIC = "KAFKA_TOPIC"
    KAFKA_REPLICAS = "KAFKA_REPLICAS"
    LEDGER_HOME = "LEDGER_HOME"
    LEDGER_NAME = "LEDGER_NAME"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self._bootstrap = self._required(self.KAFKA_BOOTSTRAP)
        self._topic = self._required(self.KAFKA_TOPIC)
        given = {name: self.env.get(f"KAFKA_{name}") or "" for name in SECURITY_NAMES}
        self._security = read_security(given, "KAFKA_")
        self._home = Path(self._required(self.LEDGER_HOME))
        self._home.mkdir(parents=True, exist_ok=True)
        self._keys = KeyStore(self._home / "keys")
        side = dict(self.env)
        default = str(self._home / f"{self._topic}.side")
        side.setdefault(library.SQLiteFactory.SQLITE_DBNAME, default)
        self._side = library.SQLiteFactory(Environment(self.env.name, side))
        self._recorder: EntryRecorder | None = None

    def _required(self, key: str) -> str:
        value = self.env.get(key)
        if not value:
            msg = f"not in the environment: set one of {', '.join(self.env.create_keys(key))}"
            raise OSError(msg)
        return value

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The library's own recorder on the side file: for snapshots."""
        return self._side.aggregate_recorder(purpose)

    def application_recorder(self) -> ApplicationRecorder:
        """The recorder over the log; one for each factory. The writer opens on the first insert."""
        if self._recorder is None:
            kind: Literal["uuid", "text"] = (
                "text" if self.env.get("ORIGINATOR_ID_TYPE", "uuid").lower() == "text" else "uuid"
            )
            self._recorder = EntryRecorder(
                self._open_log(),
                self._keys.ensure_signing_key("ledger", "ledger"),
                is_registered=_no_action,
                now=lambda: format_instant(datetime.now(UTC)),
                originator_id_type=kind,
            )
        return self._recorder

    def _open_log(self) -> KafkaLog:
        key = self._keys.ensure_signing_key("ledger", "ledger")
        trust_path = self._home / f"trust-{self._topic}.toml"
        if not trust_path.exists():
            now = datetime.now(UTC)
            genesis = genesis_entry(
                self.env.get(self.LEDGER_NAME) or f"events-{secrets.token_hex(6)}",
                0,
                1,
                [key.enrolled()],
                key,
                uuid7_text(int(now.timestamp() * 1000), secrets.token_bytes(10)),
                format_instant(now),
                sha256(encode_canonical({"logs": 1})).hexdigest(),
            )
            replicas = int(self.env.get(self.KAFKA_REPLICAS) or "0") or None
            create_log(
                self._bootstrap,
                self._topic,
                genesis,
                replicas=replicas,
                security=self._security,
            )
            pin(trust_path, [genesis])
        trust, *others = load_trust(trust_path)
        if others:
            msg = f"{trust_path} pins {len(others) + 1} logs: an application has one of its own"
            raise LedgerError(msg, next_step="set another KAFKA_TOPIC, or another LEDGER_HOME")
        return KafkaLog.open(
            self._bootstrap,
            self._topic,
            trust.origin,
            trust.genesis_leaf,
            key,
            security=self._security,
            index_path=self._home / f"index-{self._topic}-{log_of(trust.origin)}.sqlite",
        )

    def tracking_recorder(
        self, tracking_recorder_class: type[Any] | None = None
    ) -> SQLiteTrackingRecorder:
        """The library's own recorder on the side file."""
        return self._side.tracking_recorder(tracking_recorder_class)

    def process_recorder(self) -> ProcessRecorder:
        """The library's own recorder on the side file: its events are not chained."""
        return self._side.process_recorder()

    def close(self) -> None:
        """Close log and side file; safe to call again."""
        if self._recorder is not None:
            self._recorder.close()
        self._side.close()
