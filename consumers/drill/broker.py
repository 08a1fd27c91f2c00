"""A log in Kafka to be attacked: a throwaway topic with entries that a real writer wrote, on a real
broker or on the simulator.

Keys are made for it and die with it. What runs against it are the programs that run in earnest.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.bootstrap import kafka_security, utc_now
from consumers.creation import new_action_id
from consumers.drill.case import Detector, SkippedError
from consumers.drill.detectors import stored_findings
from consumers.drill.run import check_quiet
from consumers.workers.sentinel import Sentinel
from ledger.adapters.kafka_admin import create_log
from ledger.adapters.kafka_log import KafkaLog
from ledger.adapters.kafka_reader import KafkaReader
from ledger.adapters.kafka_watch import TopicWatch
from ledger.adapters.simulator import Simulator
from ledger.app.genesis import genesis_entry
from ledger.app.limits import READ_RECORDS_MAX
from ledger.app.submission import SignedAction, Submission, UnavailableError
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import leaf_hash
from ledger.core.times import format_instant
from ledger.entry.signatures import SigningKey
from ledger.entry.verification import SeenHead
from ledger.entry.verify import Verifier
from projections.runtime.runner import project
from projections.store.sqlite import ReadStore

DOSSIERS: Final = 3
BATCHES: Final = 4
"""Record batches at the start, one entry of each dossier in each."""


class BrokerScene:
    """One topic of one log; `simulator` is None on a real broker, `head` how it was seen last."""

    def __init__(self, bootstrap: str, folder: Path, simulator: Simulator | None) -> None:
        self.bootstrap = bootstrap
        self.simulator = simulator
        self.topic = f"drill-{secrets.token_hex(6)}"
        self.origin = f"{self.topic}/0"
        self.index_path = folder / f"{self.topic}.sqlite"
        self.read_path = folder / f"{self.topic}-read.sqlite"
        self.key = SigningKey("drill", Ed25519PrivateKey.generate(), "ledger")
        now = utc_now()
        genesis = genesis_entry(
            self.topic,
            0,
            1,
            [self.key.enrolled()],
            self.key,
            new_action_id(now),
            format_instant(now),
            "0" * 64,
        )
        self.genesis_leaf = leaf_hash(genesis).hex()
        create_log(bootstrap, self.topic, genesis, security=kafka_security())
        with closing(self.open()) as log:
            for _ in range(BATCHES):
                log.submit([self.submission(f"dossier:{n}" for n in range(DOSSIERS))])
        self.note_head()

    def open(self, *, with_index: bool = True) -> KafkaLog:
        """The log with the local index of its writer, or of another machine that has none."""
        return KafkaLog.open(
            self.bootstrap,
            self.topic,
            self.origin,
            self.genesis_leaf,
            self.key,
            security=kafka_security(),
            index_path=self.index_path if with_index else None,
        )

    def note_head(self) -> None:
        """Remember where the log stands, as whoever wrote its head down would."""
        with closing(self.open()) as log:
            self.head = log.head()

    def reader(self) -> KafkaReader:
        """The log for reading."""
        return KafkaReader.open(self.bootstrap, self.topic, self.origin, kafka_security())

    def submission(self, streams: Iterable[str]) -> Submission:
        """A note on each of these dossiers, recorded together."""
        now = utc_now()
        actions = [
            Action(
                id=new_action_id(now),
                type="dossier.note_added.v1",
                stream=stream,
                occurred_at=OccurredAt(format_instant(now), "instant"),
                actor=Actor(kind="officer", id="officer-drill"),
                data={"note": "drill"},
            )
            for stream in streams
        ]
        bodies = [encode_action(action) for action in actions]
        return Submission(
            tuple(
                SignedAction(action.id, action.stream, action.type, body, sigs)
                for action, body, sigs in zip(actions, bodies, self.key.sign(bodies), strict=True)
            )
        )

    def produce(self, *values: bytes | None) -> None:
        """Write records straight to the partition, as anybody with the right to write can."""

        async def send() -> None:
            options = kafka_security().client_options()
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, **options)
            await producer.start()
            try:
                for value in values:
                    await producer.send_and_wait(self.topic, value, key=b"drill", partition=0)
            finally:
                await producer.stop()

        asyncio.run(send())

    def administer(self, work: Callable[[Any], Awaitable[object]]) -> None:
        """Do what an administrator of the brokers can."""

        async def administer() -> None:
            options = kafka_security().client_options()
            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, **options)
            await admin.start()
            try:
                await work(admin)
            finally:
                await admin.close()

        asyncio.run(administer())

    def remove(self) -> None:
        """Delete the topic of a real broker; the simulator forgets all by itself."""
        if self.simulator is None:
            self.administer(lambda admin: admin.delete_topics([self.topic]))


def partition_verifier(scene: BrokerScene) -> Iterable[Finding]:
    """`pal verify` of a log in Kafka: the pinned genesis, and the head that the writer noted."""
    seen = [SeenHead("the writer's note", *scene.head)]
    verifier = Verifier(scene.origin, scene.genesis_leaf, seen=seen, logs=1)
    with closing(scene.reader()) as reader:
        position = 0
        while records := reader.read(position, READ_RECORDS_MAX):
            for record in records:
                verifier.add(record)
            position = records[-1].position + 1
    return verifier.finish().findings


def partition_writer(scene: BrokerScene) -> Iterable[Finding]:
    """The writer at its start, with the local index of this machine, up to its first action."""
    with closing(scene.open()) as log:
        log.head()
        log.submit([scene.submission(["dossier:0"])])
        if log.warning:
            yield Finding(code="index.damaged", verdict=Verdict.INDETERMINATE, message=log.warning)


def partition_projector(scene: BrokerScene) -> Iterable[Finding]:
    """The projector, going on from where its read store stands."""
    with closing(scene.reader()) as reader, closing(ReadStore.open(scene.read_path)) as store:
        leaves = {scene.origin: scene.genesis_leaf}
        project([reader], store, genesis_leaves=leaves, strict_rows=False)
        return stored_findings(store)


class _Served:
    """The log, as the sentinel asks for what its process serves."""

    def __init__(self) -> None:
        self.logs: Mapping[int, KafkaLog] = {}
        self.problems: Mapping[int, Exception] = {}


def sentinel(scene: BrokerScene) -> Iterable[Finding]:
    """`pal sentinel --once`, in a process that serves the log."""
    return asyncio.run(_look(scene))


async def _look(scene: BrokerScene) -> Sequence[Finding]:
    security, served = kafka_security(), _Served()
    try:
        log = await KafkaLog.serve_here(
            scene.bootstrap,
            scene.topic,
            scene.origin,
            scene.genesis_leaf,
            scene.key,
            security=security,
            index_path=scene.index_path,
        )
    except FindingError as error:
        served.problems = {0: error}
    else:
        served.logs = {0: log}
    topic = TopicWatch(scene.bootstrap, scene.topic, security)
    try:
        return await Sentinel(topic, served, {0: scene.origin}, scene.key, utc_now).check()
    finally:
        await topic.close()
        for log in served.logs.values():
            await log.aclose()


_ON_SIMULATOR: Final[Mapping[str, Detector[BrokerScene]]] = MappingProxyType(
    {
        "verifier": partition_verifier,
        "projector": partition_projector,
        "writer": partition_writer,
    }
)
_DETECTORS: Final[Mapping[str, Detector[BrokerScene]]] = MappingProxyType(
    {
        "verifier": partition_verifier,
        "projector": partition_projector,
        "sentinel": sentinel,
        "writer": partition_writer,
    }
)


class BrokerStage:
    """Scenes on a real broker, or on a simulator of their own."""

    def __init__(self, folder: Path, bootstrap: str = "") -> None:
        self.name = "kafka" if bootstrap else "simulator"
        self._folder = folder
        self._bootstrap = bootstrap

    @property
    def detectors(self) -> Mapping[str, Detector[BrokerScene]]:
        """Who looks; the sentinel asks a broker for more than the simulator knows."""
        return _DETECTORS if self._bootstrap else _ON_SIMULATOR

    @contextmanager
    def scene(self) -> Iterator[BrokerScene]:
        """A fresh topic, which a writer opened and every detector has seen."""
        with ExitStack() as stack:
            simulator = None if self._bootstrap else stack.enter_context(Simulator())
            bootstrap = self._bootstrap if simulator is None else simulator.bootstrap
            try:
                scene = BrokerScene(bootstrap, self._folder, simulator)
            except UnavailableError as error:
                raise SkippedError(str(error)) from error
            stack.callback(scene.remove)
            # Who writes looks first, so that the head is noted last.
            check_quiet(dict(reversed([*self.detectors.items()])), scene)
            scene.note_head()
            check_quiet({"projector": partition_projector}, scene)
            yield scene
