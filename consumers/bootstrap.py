"""The composition root: the only place that builds adapters and reads the clock for them.

A home folder holds one installation: `log.sqlite` (the embedded log), `read*.sqlite` (read stores,
disposable), `trust*.toml` (pinned origins) and `keys/`. With `--log kafka://…` the log
lies in Kafka; trust, keys and read store stay in the home.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from ledger.adapters.keys import KeyStore
from ledger.adapters.sqlite_log import SqliteLog
from ledger.adapters.trust import Trust, load_trust, pin
from ledger.app.genesis import genesis_entry
from ledger.app.ports import EntryLog, LogReader
from ledger.app.submission import LedgerError
from ledger.core.canonical import encode_canonical
from ledger.core.chain import Head
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.core.times import format_instant

if TYPE_CHECKING:
    from ledger.app.application import ProcedureLedger
    from projections.store.sqlite import ReadStore

LOG_FILE: Final = "log.sqlite"
TRUST_FILE: Final = "trust.toml"
KEYS_FOLDER: Final = "keys"
KAFKA_SCHEME: Final = "kafka://"


class SettingsError(LedgerError):
    """A setting that cannot be used."""

    code = "settings.invalid"


class NoLogError(LedgerError):
    """There is no log where the settings point."""

    code = "log.missing"


class Settings(msgspec.Struct, frozen=True):
    """Where the ledger lies: the home folder and, for Kafka, `kafka://HOST:PORT/TOPIC`."""

    home: Path
    log: str = ""

    @property
    def kafka(self) -> tuple[str, str] | None:
        """Bootstrap address and topic; None for the embedded log."""
        if not self.log:
            return None
        address, separator, topic = self.log.removeprefix(KAFKA_SCHEME).partition("/")
        if not self.log.startswith(KAFKA_SCHEME) or not separator or not address or not topic:
            msg = f"--log {self.log!r} is not of the form kafka://HOST:PORT/TOPIC"
            raise SettingsError(msg, next_step="pal status --log kafka://127.0.0.1:9092/ledger")
        return address, topic

    @property
    def log_path(self) -> Path:
        """The embedded log's file."""
        return self.home / LOG_FILE

    @property
    def read_path(self) -> Path:
        """The read store's file: one for each log of this home."""
        kafka = self.kafka
        return self.home / ("read.sqlite" if kafka is None else f"read-{kafka[1]}.sqlite")

    @property
    def trust_path(self) -> Path:
        """The pinned origins; one file for each log of this home."""
        kafka = self.kafka
        return self.home / (TRUST_FILE if kafka is None else f"trust-{kafka[1]}.toml")


def utc_now() -> datetime:
    """The wall clock, aware, in UTC."""
    return datetime.now(UTC)


def new_action_id(now: datetime) -> str:
    """A fresh action id (UUIDv7) for `now`."""
    return uuid7_text(int(now.timestamp() * 1000), secrets.token_bytes(10))


class OpenLedger:
    """A log with its trust, keys and read store, opened by `open_ledger`. Close it after use."""

    def __init__(
        self,
        settings: Settings,
        trust: Trust,
        keys: KeyStore,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.settings = settings
        self.now = now
        self.trust = trust
        self.keys = keys
        self.origin: str = trust.origin
        self._log: EntryLog | None = None
        self._reader: LogReader | None = None

    @property
    def log(self) -> EntryLog:
        """The log for writing; the writer itself opens on the first append."""
        if self._log is None:
            self._log = _open_log(self.settings, self.trust, self.keys, self.now)
        return self._log

    @property
    def reader(self) -> LogReader:
        """The log for reading; never opens a writer."""
        if self._reader is None:
            self._reader = _open_reader(self.settings, self.trust)
        return self._reader

    @property
    def every_row_counts(self) -> bool:
        """Whether a record that does not count is a failure (embedded) or a stray (Kafka)."""
        return self.settings.kafka is None

    def store(self, on_progress: Callable[[int], None] | None = None) -> ReadStore:
        """The read store, caught up with the log; raises `FindingError` where the log is broken."""
        from projections.runtime.runner import project  # noqa: PLC0415 - only readers need it
        from projections.store.sqlite import ReadStore as Store  # noqa: PLC0415 - loaded when used

        store = Store.open(self.settings.read_path)
        project(
            self.reader,
            store,
            genesis_leaf=self.trust.genesis_leaf,
            strict_rows=self.every_row_counts,
            on_progress=on_progress,
        )
        return store

    def application(self) -> ProcedureLedger:
        """The eventsourcing application over the log, signing with this home's keys."""
        from ledger.app.application import ProcedureLedger as Application  # noqa: PLC0415 - loaded when used
        from ledger.domain.calendars import DEFAULT_RULES  # noqa: PLC0415 - loaded when used

        return Application(
            self.log,
            key=self.keys.load_signing_key("source"),
            ledger_key=self.keys.load_signing_key("ledger"),
            rules=DEFAULT_RULES,
            now=self.now,
        )

    def close(self) -> None:
        """Close what was opened."""
        for opened in (self._log, self._reader):
            if opened is not None:
                opened.close()
        self._log = self._reader = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def create_ledger(
    settings: Settings,
    name: str = "",
    *,
    action_id: str = "",
    now: Callable[[], datetime] = utc_now,
) -> OpenLedger:
    """Create a log with its genesis, keys and pinned trust; refuses where one exists.

    `name` is the ledger's name, never reused; without one a random name is made. `action_id` is
    that of the genesis, where it must be the same each time (the demo).
    """
    if settings.trust_path.exists() or (settings.kafka is None and settings.log_path.exists()):
        msg = f"{settings.home} already holds a log"
        raise SettingsError(msg, next_step="use it, or name another --home")
    settings.home.mkdir(parents=True, exist_ok=True)
    keys = KeyStore(settings.home / KEYS_FOLDER)
    ledger_key = keys.ensure_signing_key("ledger", "ledger")
    source_key = keys.ensure_signing_key("source", "source")
    moment = now()
    configuration = {"logs": 1, "rules": "VN-2021"}
    genesis = genesis_entry(
        name or f"ledger-{secrets.token_hex(6)}",
        0,
        1,
        [ledger_key.enrolled(), source_key.enrolled()],
        ledger_key,
        action_id or new_action_id(moment),
        format_instant(moment),
        sha256(encode_canonical(configuration)).hexdigest(),
    )
    kafka = settings.kafka
    if kafka is None:
        SqliteLog.create(settings.log_path, genesis).close()
    else:
        from ledger.adapters.kafka_admin import create_log  # noqa: PLC0415 - Kafka only when it is asked for

        create_log(*kafka, genesis)
    pin(settings.trust_path, genesis, leaf_hash(genesis).hex())
    return open_ledger(settings, now=now)


def open_ledger(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> OpenLedger:
    """Open what `create_ledger` made; raises `NoLogError` where there is none.

    `now` is the clock of the embedded log and of the intake.
    """
    if not settings.trust_path.exists():
        msg = f"no log is pinned in {settings.trust_path}"
        raise NoLogError(msg, next_step="pal log create, or pal import FILE, which creates one")
    trust = load_trust(settings.trust_path)
    return OpenLedger(settings, trust, KeyStore(settings.home / KEYS_FOLDER), now)


def _open_log(
    settings: Settings, trust: Trust, keys: KeyStore, now: Callable[[], datetime]
) -> EntryLog:
    kafka = settings.kafka
    if kafka is None:
        return SqliteLog.open(settings.log_path, genesis_leaf=trust.genesis_leaf, now=now)
    from ledger.adapters.kafka_log import KafkaLog  # noqa: PLC0415 - Kafka only when it is asked for

    return KafkaLog.open(
        *kafka,
        trust.origin,
        genesis_leaf=trust.genesis_leaf,
        key=keys.load_signing_key("ledger"),
        expect=_highest_seen(settings, trust),
    )


def _highest_seen(settings: Settings, trust: Trust) -> Head | None:
    """The highest head that trust file or read store has seen: a writer must find it again."""
    from projections.store.sqlite import ReadStore  # noqa: PLC0415 - only Kafka's writer needs it

    seen = [trust.seen] if trust.seen is not None else []
    if settings.read_path.exists():
        store = ReadStore.open(settings.read_path)
        cursor = store.cursor()
        store.close()
        if cursor is not None and cursor.origin == trust.origin and cursor.head.size:
            seen.append(cursor.head)
    return max(seen, default=None)


def _open_reader(settings: Settings, trust: Trust) -> LogReader:
    kafka = settings.kafka
    if kafka is None:
        return SqliteLog.open(settings.log_path, genesis_leaf=trust.genesis_leaf)
    from ledger.adapters.kafka_reader import KafkaReader  # noqa: PLC0415 - Kafka only when it is asked for

    return KafkaReader.open(*kafka, trust.origin)
