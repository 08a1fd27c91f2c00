"""The settings that a ledger's topic must have (KAFKA.md section 4): made here, checked here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from ledger.adapters.kafka_brokers import check_brokers
from ledger.adapters.kafka_client import (
    CHUNK_BYTES,
    CONNECT_SECONDS,
    REQUEST_SECONDS,
    RETRY_SECONDS,
    Partition,
    connect,
    look_up,
    unreachable,
)
from ledger.adapters.kafka_security import PLAINTEXT, KafkaSecurity, not_allowed
from ledger.app.limits import GROUP_BYTES_MAX, GROUP_ENTRIES_MAX
from ledger.app.submission import LedgerError, UnavailableError
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import EntryError, decode_entry

T = TypeVar("T")

_log = logging.getLogger("ledger.kafka")

MESSAGE_BYTES_MAX: Final = GROUP_BYTES_MAX + 128 * 2**10 + 100 * GROUP_ENTRIES_MAX
"""Above the largest batch: entries, the last one that still fits, and Kafka's own framing."""

_TOPIC_EXISTS: Final = 36
_NOT_AUTHORIZED: Final = 29
_REPLICAS_SAFE: Final = 3
_WANTED: Final[Mapping[str, str]] = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.type": "LogAppendTime",
    "compression.type": "producer",
    "unclean.leader.election.enable": "false",
}

_AT_LEAST: Final = frozenset({"max.message.bytes", "min.insync.replicas"})


class TopicSettingsError(UnavailableError):
    """A setting of the topic with which acknowledged actions could be lost; nothing was written."""

    code = "kafka.topic_settings"


class TopicExistsError(LedgerError):
    """The topic already holds another log."""

    code = "log.exists"


def wanted_settings(replicas: int) -> dict[str, str]:
    """The settings for a topic of so many replicas."""
    durability = (
        {"min.insync.replicas": "2"}
        if replicas >= _REPLICAS_SAFE
        else {"min.insync.replicas": "1", "flush.messages": "1"}
    )
    return {**_WANTED, **durability, "max.message.bytes": str(MESSAGE_BYTES_MAX)}


def deviating_settings(found: Mapping[str, str], replicas: int) -> dict[str, str]:
    """Those of a topic's settings that are not as `wanted_settings` says, with their values."""
    return {
        name: found.get(name, "not set")
        for name, wanted in wanted_settings(replicas).items()
        if not _fits(name, found.get(name, "0"), wanted)
    }


def _fits(name: str, value: str, wanted: str) -> bool:
    return int(value) >= int(wanted) if name in _AT_LEAST else value == wanted


def check_settings(topic: str, bootstrap: str, found: Mapping[str, str], replicas: int) -> str:
    """Compare a topic's settings with what a ledger needs; gives a warning, or "".

    Raises `TopicSettingsError` naming the setting, its value, the wanted value and the command.
    """
    deviating = deviating_settings(found, replicas)
    unsynced = deviating.pop("flush.messages", None)
    if deviating:
        name, actual = next(iter(deviating.items()))
        wanted = wanted_settings(replicas)[name]
        raise TopicSettingsError(
            f"topic {topic}: {name} is {actual}, a ledger needs {wanted}; nothing was written",
            next_step=f"kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type "
            f"topics --entity-name {topic} --add-config {name}={wanted}",
        )
    if unsynced is None:
        return ""
    return (
        f"topic {topic} has {replicas} replica(s) and flush.messages={unsynced}: "
        "a power cut may lose acknowledged actions"
    )


def _admin(bootstrap: str, client_id: str, security: KafkaSecurity) -> AIOKafkaAdminClient:
    options = security.client_options()
    return AIOKafkaAdminClient(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        request_timeout_ms=int(REQUEST_SECONDS * 1000),
        **options,
    )


async def _in_time(bootstrap: str, work: Awaitable[T]) -> T:
    try:
        return await asyncio.wait_for(work, CONNECT_SECONDS)
    except (KafkaError, OSError, TimeoutError) as error:
        raise unreachable(bootstrap, repr(error)) from error


async def _topic_settings(admin: Any, topic: str, security: KafkaSecurity) -> dict[str, str]:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    (response,) = await admin.describe_configs([resource])
    ((code, message, _, _, entries),) = response.resources
    if code == _NOT_AUTHORIZED:
        raise not_allowed(topic, "DescribeConfigs", security)
    if code != 0:
        raise UnavailableError(
            f"topic {topic}: its settings cannot be read: {message or for_code(code).__name__}",
            next_step="check the topic's name, and see the broker's log",
        )
    return {entry[0]: entry[1] for entry in entries}


async def preflight(
    bootstrap: str,
    topic: str,
    partitions: int | None = None,
    security: KafkaSecurity = PLAINTEXT,
) -> str:
    """Check brokers and topic before a writer opens; the warning to show, or "". Writes nothing.

    Raises `TopicSettingsError` on a setting that may lose entries, or where the topic must have so
    many `partitions` and has not; `BrokerVersionError`, `KafkaAccessError` or `UnavailableError`
    otherwise.
    """
    await check_brokers(bootstrap, security)
    client = await connect(bootstrap, security, "pal-preflight")
    try:
        described = await _in_time(bootstrap, look_up(client, client.get_random_node(), topic))
    finally:
        await client.close()
    if not described.exists:
        msg = f"the broker at {bootstrap} has no topic {topic!r}"
        raise UnavailableError(msg, next_step="pal log create, or check the topic's name")
    if partitions not in (None, len(described.leaders)) and described.leaders:
        raise TopicSettingsError(
            f"topic {topic} has {len(described.leaders)} partitions, this ledger has "
            f"{partitions} logs, for ever; nothing was written",
            next_step="name a topic of its own for this ledger: pal log create makes it",
        )
    admin = _admin(bootstrap, "pal-preflight", security)
    try:
        await _in_time(bootstrap, admin.start())
        found = await _in_time(bootstrap, _topic_settings(admin, topic, security))
    finally:
        await admin.close()
    warning = check_settings(topic, bootstrap, found, described.replicas)
    if warning:
        _log.warning("%s", warning)
    return warning


def create_log(
    bootstrap: str,
    topic: str,
    *geneses: bytes,
    replicas: int | None = None,
    security: KafkaSecurity = PLAINTEXT,
    before_writing: Callable[[], None] = lambda: None,
) -> None:
    """Create the topic, with the settings of a ledger and a partition for each genesis, and write
    the genesis of log n at offset 0 of partition n.

    A partition that already begins with its genesis is left as it is, so that an interrupted
    creation can go on. Calls `before_writing` when every check has passed and nothing is written
    yet. Raises `TopicExistsError` where a partition holds anything else (nothing is written then),
    `UnavailableError` where the broker does not answer. Without `replicas` the topic has three
    where the cluster has three brokers, else one.
    """
    asyncio.run(
        create_log_async(
            bootstrap,
            topic,
            *geneses,
            replicas=replicas,
            security=security,
            before_writing=before_writing,
        )
    )


async def create_log_async(
    bootstrap: str,
    topic: str,
    *geneses: bytes,
    replicas: int | None = None,
    security: KafkaSecurity = PLAINTEXT,
    before_writing: Callable[[], None] = lambda: None,
) -> None:
    """`create_log` on the caller's event loop."""
    await check_brokers(bootstrap, security)
    await _create_topic(bootstrap, topic, replicas, len(geneses), security)
    await _until_known(bootstrap, topic, security)
    await preflight(bootstrap, topic, len(geneses), security)
    missing = {
        number: genesis
        for number, genesis in enumerate(geneses)
        if not await _begins_with(bootstrap, topic, number, genesis, security)
    }
    before_writing()
    await _write_first(bootstrap, topic, missing, security)
    for number, genesis in missing.items():
        await _begins_with(bootstrap, topic, number, genesis, security)


async def _begins_with(
    bootstrap: str, topic: str, partition: int, genesis: bytes, security: KafkaSecurity
) -> bool:
    """Whether the genesis stands there; False for an empty partition."""
    reader = await Partition.open(bootstrap, topic, partition, security)
    try:
        chunk = await reader.fetch(0, max_bytes=CHUNK_BYTES)
    finally:
        await reader.close()
    if chunk.end == 0:
        return False
    _check_same_log(topic, chunk.records[0].data if chunk.records else None, genesis)
    return True


def _check_same_log(topic: str, first: bytes | None, genesis_entry: bytes) -> None:
    if first is not None and leaf_hash(first) == leaf_hash(genesis_entry):
        return
    try:
        owner = decode_entry(first or b"").seal.origin
    except EntryError:
        owner = "records that are no log"
    msg = f"topic {topic} already holds {owner}"
    raise TopicExistsError(msg, next_step="name a topic of its own for this log")


async def _create_topic(
    bootstrap: str, topic: str, replicas: int | None, partitions: int, security: KafkaSecurity
) -> None:
    admin = _admin(bootstrap, "pal-create", security)
    try:
        await _in_time(bootstrap, admin.start())
        if replicas is None:
            cluster = await _in_time(bootstrap, admin.describe_cluster())
            replicas = _replicas_for(len(cluster["brokers"]))
        settings = wanted_settings(replicas)
        new = NewTopic(topic, partitions, replicas, topic_configs=settings)
        response = await _in_time(bootstrap, admin.create_topics([new]))
        ((_, code, message),) = (item[:3] for item in response.topic_errors)
        if code == _NOT_AUTHORIZED:
            raise not_allowed(topic, "Create", security)
        if code not in (0, _TOPIC_EXISTS):
            raise UnavailableError(
                f"topic {topic} was not created: {message or for_code(code).__name__}",
                next_step="check the topic's name and that this account may create topics",
            )
    finally:
        await admin.close()


async def _until_known(bootstrap: str, topic: str, security: KafkaSecurity) -> None:
    """Wait until every broker knows a topic that was just made, and who leads it.

    They learn of it one after another, and the next question may go to any of them. One that never
    does is left to the checks that follow.
    """
    client = await connect(bootstrap, security, "pal-create")
    deadline = asyncio.get_running_loop().time() + CONNECT_SECONDS
    try:
        for broker in client.cluster.brokers():
            while asyncio.get_running_loop().time() < deadline:
                found = await _in_time(bootstrap, look_up(client, broker.nodeId, topic))
                if found.leaders and min(found.leaders) >= 0:
                    break
                await asyncio.sleep(RETRY_SECONDS)
    finally:
        await client.close()


def _replicas_for(brokers: int) -> int:
    if brokers == _REPLICAS_SAFE - 1:
        # One of three that is down must not leave the topic with a single replica for ever.
        raise UnavailableError(
            f"the cluster shows {brokers} brokers: a ledger needs three, or one that syncs each "
            "append to its disk; nothing was written",
            next_step="start the third broker, then create the log",
        )
    return min(brokers, _REPLICAS_SAFE)


async def _write_first(
    bootstrap: str, topic: str, entries: Mapping[int, bytes], security: KafkaSecurity
) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        **security.client_options(),
    )
    await _in_time(bootstrap, producer.start())
    try:
        for partition, entry in entries.items():
            sent = producer.send_and_wait(topic, entry, partition=partition)
            await _in_time(bootstrap, sent)
    finally:
        await _in_time(bootstrap, producer.stop())
