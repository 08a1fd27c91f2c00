"""The composition root: the only place (with `creation`, for a new ledger, and `witness_home`, for
a witness) that builds adapters and reads the clock for them.

A home folder holds one installation: `log.sqlite` and `log-<n>.sqlite` (the embedded logs),
`read*.sqlite` (read stores, disposable), `trust*.toml` (pinned origins), `policy*.txt` (pinned keys
of checkpoints), `tiles*/` (published trees), `sealer*.sqlite` (what was signed) and `keys/`. With
`--log kafka://…` the logs lie in Kafka; everything else, and the logs' local indexes
(`index-*.sqlite`, disposable), stays in the home.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import msgspec

from ledger.adapters.keys import KeyStore
from ledger.adapters.sqlite_log import SqliteLog
from ledger.adapters.trust import Trust, load_trust
from ledger.app.limits import COMMIT_SECONDS
from ledger.app.ports import EntryLog, LogReader
from ledger.app.submission import LedgerError, Place
from ledger.core.chain import Head
from ledger.core.ids import log_number, log_of

if TYPE_CHECKING:
    from consumers.workers.sentinel import Sentinel, ServedLogs
    from consumers.workers.unowned_logs import UnownedLogs
    from consumers.workers.writer import Writer
    from ledger.adapters.kafka_log import KafkaLog
    from ledger.adapters.kafka_security import KafkaSecurity
    from ledger.adapters.kafka_verify import KafkaParts
    from ledger.adapters.sqlite_verify import SqliteParts
    from ledger.app.router import LedgerRouter
    from ledger.core.tlog_proof import TlogProof
    from projections.store.sqlite import ReadStore

LOG_FILE: Final = "log.sqlite"
KEYS_FOLDER: Final = "keys"
KAFKA_SCHEME: Final = "kafka://"
WATCH_SECONDS: Final = 10.0
"""Between two looks of the insider watch: an alarm within seconds, for three small requests."""
KAFKA_PREFIX: Final = "PAL_KAFKA_"
"""Of the environment variables that say how to get into the cluster (docs/operate/kafka.md)."""


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
        if "@" in address:
            # The address is not repeated here: what stands before the @ may be a password.
            msg = "--log names an account: an address is seen by all who see the command"
            names = f"{KAFKA_PREFIX}USERNAME and {KAFKA_PREFIX}PASSWORD_FILE"
            raise SettingsError(msg, next_step=f"set {names}, and leave it out of --log")
        if not self.log.startswith(KAFKA_SCHEME) or not separator or not address or not topic:
            msg = f"--log {self.log!r} is not of the form kafka://HOST:PORT/TOPIC"
            raise SettingsError(msg, next_step="pal status --log kafka://127.0.0.1:9092/ledger")
        return address, topic

    @property
    def log_path(self) -> Path:
        """The file of the embedded log 0."""
        return self.home / LOG_FILE

    @property
    def has_file(self) -> bool:
        """Whether this is the embedded ledger and a file of it is there."""
        return self.kafka is None and any(self.home.glob("log*.sqlite"))

    def log_path_of(self, number: int) -> Path:
        """The file of an embedded log."""
        return self.home / f"log-{number}.sqlite" if number else self.log_path

    @property
    def read_path(self) -> Path:
        """The read store's file: one for each ledger of this home."""
        return self.home / self._named("read", ".sqlite")

    def index_path_of(self, number: int) -> Path:
        """The local index of a log in Kafka: derived from the log, may be deleted at any time."""
        topic = self.log_path.stem if self.kafka is None else self.kafka[1]
        return self.home / f"index-{topic}-{number}.sqlite"

    @property
    def trust_path(self) -> Path:
        """The pinned origins; one file for each ledger of this home."""
        return self.home / self._named("trust", ".toml")

    @property
    def policy_path(self) -> Path:
        """The pinned trust for checkpoints: the logs' keys, the witnesses and how many of them."""
        return self.home / self._named("policy", ".txt")

    @property
    def authority_path(self) -> Path:
        """The pinned root certificates of time-stamp authorities, a PEM file, where one is put."""
        return self.home / self._named("authority", ".pem")

    @property
    def tiles_path(self) -> Path:
        """The published tile trees: a folder for each log number, and `checkpoints`."""
        return self.home / self._named("tiles", "")

    @property
    def sealer_path(self) -> Path:
        """What the sealer has signed, and how far it has read."""
        return self.home / self._named("sealer", ".sqlite")

    def note_key_of(self, tree: str) -> str:
        """The name of the keys that sign the checkpoints of a tree: a log's number, or
        `checkpoints`."""
        return self._named("note", f"-{tree}")

    def _named(self, stem: str, suffix: str) -> str:
        """A name in this home: of a ledger in Kafka it says the topic."""
        return f"{stem}{suffix}" if self.kafka is None else f"{stem}-{self.kafka[1]}{suffix}"

    @property
    def plan_path(self) -> Path:
        """What a creation is to make, while it goes on."""
        return self.trust_path.with_suffix(".creating")


def kafka_security(environment: Mapping[str, str] = os.environ) -> KafkaSecurity:
    """How to get into the cluster, from `PAL_KAFKA_…`; raises `SettingsError`. Reads no file."""
    from ledger.adapters import kafka_security as adapter  # noqa: PLC0415 - Kafka only when it is asked for

    names = adapter.SECURITY_NAMES
    given = {name: environment.get(f"{KAFKA_PREFIX}{name}", "") for name in names}
    try:
        return adapter.read_security(given, KAFKA_PREFIX)
    except adapter.KafkaSecurityError as error:
        raise SettingsError(str(error), next_step=error.next_step) from error


def utc_now() -> datetime:
    """The wall clock, aware, in UTC."""
    return datetime.now(UTC)


class OpenLedger:
    """A ledger's logs with trust, keys and read store, opened by `open_ledger`. Close after use."""

    def __init__(
        self,
        settings: Settings,
        trust: Sequence[Trust],
        keys: KeyStore,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.settings = settings
        self.now = now
        self.trust = tuple(trust)
        """What is pinned of each log, by log number."""
        self.keys = keys
        self.name = trust[0].origin.rpartition("/")[0]
        self._logs: tuple[EntryLog, ...] = ()
        self._readers: tuple[LogReader, ...] = ()

    @property
    def origin(self) -> str:
        """What answers name: the origin of the one log, or of all, `<name>/0-7`."""
        last = len(self.trust) - 1
        return f"{self.name}/0-{last}" if last else self.trust[0].origin

    @property
    def logs(self) -> tuple[EntryLog, ...]:
        """The logs for writing, by number; a writer itself opens on the first append."""
        if not self._logs:
            self._logs = _open_each(self.trust, self._open_log)
        return self._logs

    @property
    def readers(self) -> tuple[LogReader, ...]:
        """The logs for reading, by number; never opens a writer."""
        if not self._readers:
            self._readers = _open_each(self.trust, self._open_reader)
        return self._readers

    @property
    def genesis_leaves(self) -> dict[str, str]:
        """The pinned genesis leaf of each origin."""
        return {trust.origin: trust.genesis_leaf for trust in self.trust}

    @property
    def every_row_counts(self) -> bool:
        """Whether a record that does not count is a failure (embedded) or a stray (Kafka)."""
        return self.settings.kafka is None

    def store(self, on_progress: Callable[[int], None] | None = None) -> ReadStore:
        """The read store, caught up with every log; raises `FindingError` where one is broken."""
        from projections.runtime.runner import project  # noqa: PLC0415 - only readers need it
        from projections.store.sqlite import ReadStore as Store  # noqa: PLC0415 - loaded when used

        store = Store.open(self.settings.read_path)
        project(
            self.readers,
            store,
            genesis_leaves=self.genesis_leaves,
            strict_rows=self.every_row_counts,
            on_progress=on_progress,
        )
        return store

    def application(self) -> LedgerRouter:
        """The eventsourcing application over each log, signing with this home's keys."""
        from ledger.adapters.rule_files import DEFAULT_RULES  # noqa: PLC0415 - loaded when used
        from ledger.app.application import ProcedureLedger  # noqa: PLC0415 - loaded when used
        from ledger.app.router import LedgerRouter as Router  # noqa: PLC0415 - loaded when used

        key, ledger_key = map(self.keys.load_signing_key, ("source", "ledger"))
        return Router(
            [
                ProcedureLedger(
                    log,
                    key=key,
                    ledger_key=ledger_key,
                    rules=DEFAULT_RULES,
                    now=self.now,
                    logs=self.logs,
                )
                for log in self.logs
            ]
        )

    async def committed(
        self, stream: str, place: Place, timeout_seconds: float = COMMIT_SECONDS
    ) -> TlogProof:
        """Wait for the second acknowledgement of what `append` recorded at `place` of `stream`.

        It is that a published checkpoint with its quorum covers the entry. Gives the proof,
        verified by the policy of this home.

        Raises `NotCommittedError` when the time is over, which takes nothing back: the entry is
        recorded; and whatever a published tree raises that does not verify.
        """
        from consumers.sealing import load_policy, tree_folder  # noqa: PLC0415 - only who waits needs it
        from ledger.adapters.committed import committed  # noqa: PLC0415 - the same

        number = log_number(stream, len(self.trust))
        folder, policy = tree_folder(self.settings, str(number)), load_policy(self.settings)
        return await committed(folder, policy, self.trust[number].origin, place, timeout_seconds)

    async def join_writers(
        self, on_change: Callable[[frozenset[int]], None], watch_seconds: float = WATCH_SECONDS
    ) -> Writer:
        """Join the writers of this ledger's topic on the running event loop; see `Writer.start`.

        The insider watch runs beside, over the logs that are served.
        """
        from consumers.workers.sentinel import keep_looking  # noqa: PLC0415 - Kafka only when it is asked for
        from consumers.workers.writer import Writer as Service  # noqa: PLC0415 - the same

        async def watch(writer: Writer) -> None:
            # A writer that lives shorter than this has nothing to watch.
            await asyncio.sleep(watch_seconds)
            async with self.sentinel(writer) as sentinel:

                async def look() -> None:
                    writer.tell_health()
                    await sentinel.check()

                await keep_looking(look, watch_seconds)

        return await Service.start(
            *self._kafka, self._serve_log, on_change, security=kafka_security(), companion=watch
        )

    @asynccontextmanager
    async def sentinel(self, served: ServedLogs) -> AsyncIterator[Sentinel]:
        """The insider watch on the running event loop, recording in the logs that are served."""
        from consumers.workers.sentinel import Sentinel as Service  # noqa: PLC0415 - Kafka only when it is asked for
        from ledger.adapters.kafka_watch import TopicWatch  # noqa: PLC0415 - the same

        origins = {number: trust.origin for number, trust in enumerate(self.trust)}
        topic = TopicWatch(*self._kafka, kafka_security())
        try:
            yield Service(topic, served, origins, self.keys.load_signing_key("ledger"), self.now)
        finally:
            await topic.close()

    @asynccontextmanager
    async def unowned_logs(self) -> AsyncIterator[UnownedLogs]:
        """The logs that no writer of the group owns, on the running event loop."""
        from consumers.workers.unowned_logs import UnownedLogs as Logs  # noqa: PLC0415 - Kafka only when it is asked for
        from ledger.adapters.kafka_group import writers_of  # noqa: PLC0415 - the same

        kafka, security = self._kafka, kafka_security()
        served = Logs(len(self.trust), self._serve_log, lambda: writers_of(*kafka, security))
        try:
            yield served
        finally:
            await served.close()

    def owners(self) -> Mapping[int, str]:
        """Which process owns which log of a ledger in Kafka; raises `UnavailableError`."""
        from ledger.adapters.kafka_group import writers_of  # noqa: PLC0415 - Kafka only when it is asked for

        return asyncio.run(writers_of(*self._kafka, kafka_security()))

    def check_topic(self) -> str:
        """Look at brokers and topic as a writer does: what must be said aloud, or "".

        Raises `UnavailableError` for what a writer would refuse, or where it cannot be seen.
        """
        from ledger.adapters.kafka_admin import preflight  # noqa: PLC0415 - Kafka only when it is asked for

        security = kafka_security()
        return asyncio.run(preflight(*self._kafka, len(self.trust), security))

    @property
    def _kafka(self) -> tuple[str, str]:
        kafka = self.settings.kafka
        if kafka is None:
            msg = "an embedded ledger has no broker: this process is its only writer"
            raise SettingsError(msg, next_step="name a topic: --log kafka://HOST:PORT/TOPIC")
        return kafka

    def close(self) -> None:
        """Close what was opened."""
        for opened in (*self._logs, *self._readers):
            opened.close()
        self._logs = self._readers = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _serve_log(self, number: int) -> KafkaLog:
        from ledger.adapters.kafka_log import KafkaLog as Log  # noqa: PLC0415 - Kafka only when it is asked for

        trust = self.trust[number]
        return await Log.serve_here(*self._kafka, trust.origin, **self._kafka_options(trust))

    def _open_log(self, number: int, trust: Trust) -> EntryLog:
        kafka = self.settings.kafka
        if kafka is None:
            path = self.settings.log_path_of(number)
            return SqliteLog.open(path, trust.origin, genesis_leaf=trust.genesis_leaf, now=self.now)
        from ledger.adapters.kafka_log import KafkaLog  # noqa: PLC0415 - Kafka only when it is asked for

        return KafkaLog.open(*kafka, trust.origin, **self._kafka_options(trust))

    def _kafka_options(self, trust: Trust) -> dict[str, Any]:
        """What a log in Kafka is opened with, for synchronous use or on an event loop."""
        return {
            "genesis_leaf": trust.genesis_leaf,
            "key": self.keys.load_signing_key("ledger"),
            "expect": _highest_seen(self.settings, trust),
            "security": kafka_security(),
            "index_path": self.settings.index_path_of(log_of(trust.origin)),
        }

    def _open_reader(self, number: int, trust: Trust) -> LogReader:
        return open_reader(self.settings, number, trust)


def open_reader(settings: Settings, number: int, trust: Trust, *, alone: bool = False) -> LogReader:
    """The pinned log `number` for reading; `alone`: the thread that calls has no other work beside,
    and no other thread calls."""
    if settings.kafka is None:
        path = settings.log_path_of(number)
        return SqliteLog.open(path, trust.origin, genesis_leaf=trust.genesis_leaf)
    from ledger.adapters.kafka_reader import KafkaReader  # noqa: PLC0415 - Kafka only when it is asked for

    opening = KafkaReader.open_alone if alone else KafkaReader.open
    return opening(*settings.kafka, trust.origin, kafka_security())


Opened = TypeVar("Opened", bound=LogReader)


def _open_each(
    pinned: Sequence[Trust], open_one: Callable[[int, Trust], Opened]
) -> tuple[Opened, ...]:
    """Each log opened; all closed again where one cannot be."""
    opened: list[Opened] = []
    try:
        for number, trust in enumerate(pinned):
            opened.append(open_one(number, trust))
    except BaseException:
        for item in opened:
            item.close()
        raise
    return tuple(opened)


def open_ledger(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> OpenLedger:
    """Open what `create_ledger` made; raises `NoLogError` where there is none.

    `now` is the clock of the embedded log and of the intake.
    """
    if not settings.trust_path.exists():
        msg = f"no log is pinned in {settings.trust_path}"
        raise NoLogError(msg, next_step="pal log create, or pal import FILE, which creates one")
    trust = load_trust(settings.trust_path)
    return OpenLedger(settings, trust, KeyStore(settings.home / KEYS_FOLDER), now)


def log_parts(settings: Settings, number: int, trust: Trust) -> SqliteParts | KafkaParts:
    """What verifies a part of the pinned log `number`, without its keys."""
    if settings.kafka is None:
        from ledger.adapters.sqlite_verify import SqliteParts as OfFile  # noqa: PLC0415 - loaded when used

        return OfFile(settings.log_path_of(number))
    from ledger.adapters.kafka_verify import KafkaParts as OfPartition  # noqa: PLC0415 - Kafka only when it is asked for

    index = settings.index_path_of(number)
    return OfPartition(*settings.kafka, trust.origin, trust.genesis_leaf, index, kafka_security())


def _highest_seen(settings: Settings, trust: Trust) -> Head | None:
    """The highest head that trust file or read store has seen: a writer must find it again."""
    from projections.store.sqlite import ReadStore  # noqa: PLC0415 - only Kafka's writer needs it

    seen = [trust.seen] if trust.seen is not None else []
    if settings.read_path.exists():
        store = ReadStore.open(settings.read_path)
        cursors = store.cursors()
        store.close()
        seen += [c.head for c in cursors if c.origin == trust.origin and c.head.size]
    return max(seen, default=None)
