"""PERSISTENCE_MODULE `ledger.adapters.sqlite`: any eventsourcing application on a chained log."""

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

from ledger.adapters.keys import KeyStore
from ledger.adapters.sqlite_log import SqliteLog
from ledger.adapters.sqlite_table import LogFileError
from ledger.app.genesis import genesis_entry
from ledger.app.recorder import EntryRecorder
from ledger.core.canonical import encode_canonical
from ledger.core.ids import uuid7_text
from ledger.core.times import format_instant

# The library looks for exactly one factory class in a module: its own is named through its module.
__all__ = ["Factory", "SqliteLog"]


def _no_action(_topic: str) -> bool:
    """Somebody's own events: each is wrapped, none is an action of the procedure ledger."""
    return False


class Factory(InfrastructureFactory[SQLiteTrackingRecorder]):
    """Recorders over one log file, which is created with its genesis where there is none.

    Environment: `SQLITE_LOG_PATH`, the log; `LEDGER_KEYS_FOLDER`, default `keys` beside it;
    `LEDGER_NAME`, the name of a log that is created, default a random one; `ORIGINATOR_ID_TYPE`,
    `uuid` or `text`, default as the library's own SQLite factory. Snapshots, tracking and process
    records never enter a log: they lie in `SQLITE_DBNAME`, default the log's path with `.side`.
    """

    SQLITE_LOG_PATH = "SQLITE_LOG_PATH"
    LEDGER_KEYS_FOLDER = "LEDGER_KEYS_FOLDER"
    LEDGER_NAME = "LEDGER_NAME"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        path = self.env.get(self.SQLITE_LOG_PATH)
        if not path:
            names = ", ".join(self.env.create_keys(self.SQLITE_LOG_PATH))
            msg = f"no path of a log in the environment: set one of {names}"
            raise OSError(msg)
        self._path = Path(path)
        keys = self.env.get(self.LEDGER_KEYS_FOLDER)
        self._keys = KeyStore(Path(keys) if keys else self._path.parent / "keys")
        side = dict(self.env)
        side.setdefault(library.SQLiteFactory.SQLITE_DBNAME, f"{path}.side")
        self._side = library.SQLiteFactory(Environment(self.env.name, side))
        # Only its construction needs the side file's name: later settings are those of this one.
        self._side.env = self.env
        self._recorder: EntryRecorder | None = None

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The library's own recorder on the side file: for snapshots."""
        return self._side.aggregate_recorder(purpose)

    def application_recorder(self) -> ApplicationRecorder:
        """The recorder over the log; one for each factory, as a file has one writer a process."""
        if self._recorder is None:
            key = self._keys.ensure_signing_key("ledger", "ledger")
            kind: Literal["uuid", "text"] = (
                "text" if self.env.get("ORIGINATOR_ID_TYPE", "uuid").lower() == "text" else "uuid"
            )
            self._recorder = EntryRecorder(
                self._open_log(),
                key,
                is_registered=_no_action,
                now=lambda: format_instant(datetime.now(UTC)),
                originator_id_type=kind,
            )
        return self._recorder

    def _open_log(self) -> SqliteLog:
        if not self._path.exists():
            key = self._keys.ensure_signing_key("ledger", "ledger")
            now = datetime.now(UTC)
            name = self.env.get(self.LEDGER_NAME) or f"{self.env.name.lower() or 'events'}-"
            genesis = genesis_entry(
                name if not name.endswith("-") else name + secrets.token_hex(6),
                0,
                1,
                [key.enrolled()],
                key,
                uuid7_text(int(now.timestamp() * 1000), secrets.token_bytes(10)),
                format_instant(now),
                sha256(encode_canonical({"logs": 1})).hexdigest(),
            )
            try:
                return SqliteLog.create(self._path, genesis)
            except LogFileError:
                if not self._path.exists():
                    raise
                # Another process created it in the meantime.
        return SqliteLog.open(self._path)

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
