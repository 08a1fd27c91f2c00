"""Which logs of a topic this process owns: a consumer group whose members read nothing.

Ownership is for progress alone (KAFKA.md section 1, step 1): whoever writes without it, or still
believes in it, loses time and never truth, because a record counts only if it extends the chain.
Membership is dynamic: a member that leaves hands over at its peers' next heartbeat, one that
crashed after a session time-out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import KafkaError, for_code

from ledger.adapters.kafka_client import (
    CONNECT_SECONDS,
    prepare_client_library,
    raise_if_cancelled,
    unreachable,
)
from ledger.adapters.kafka_security import PLAINTEXT, KafkaSecurity, why_refused
from ledger.app.submission import UnavailableError

SESSION_SECONDS: Final = 6.0
"""A member that was silent for so long has crashed: the lowest that brokers allow by default."""
HEARTBEAT_SECONDS: Final = 0.5
"""How soon the others learn of a member that left: the wait of a hand-over on a clean stop."""
JOIN_SECONDS: Final = 30.0
"""A join waits for a crashed member's session time-out, and for the others' heartbeats."""
LEAVE_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 1.0

MEMBER: Final = f"pal-writer-{socket.gethostname()}-{os.getpid()}"
"""This process among the writers, as the broker and `pal status` name it."""

_log = logging.getLogger("ledger.kafka")

OnAssigned = Callable[[frozenset[int]], None]


def group_name(topic: str) -> str:
    """The consumer group of a topic's writers; an ACL for writers must name it."""
    return f"pal-writers-{topic}"


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Keeps every partition paused; says only what the new assignment is."""

    def __init__(self, on_assigned: Callable[[set[TopicPartition]], None]) -> None:
        self._on_assigned = on_assigned

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Every rebalance revokes everything first: nothing is given up before it is over."""

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._on_assigned(assigned)


class WriterGroup:
    """This process's membership among the writers of a topic. Bound to one event loop.

    `owned` are the numbers of the logs that are its own now; `on_assigned` is called with them,
    on that loop, after each rebalance. It must return at once: heartbeats wait for it.
    """

    def __init__(self, consumer: Any, on_assigned: OnAssigned) -> None:
        self.owned: frozenset[int] = frozenset()
        self._consumer = consumer
        self._on_assigned = on_assigned
        self._watch: asyncio.Task[None] | None = None

    @classmethod
    async def join(
        cls,
        bootstrap: str,
        topic: str,
        on_assigned: OnAssigned,
        session_seconds: float = SESSION_SECONDS,
        security: KafkaSecurity = PLAINTEXT,
    ) -> Self:
        """Join, and wait for the first assignment; raises `UnavailableError`."""
        prepare_client_library()
        # aiokafka keeps what a member had in attributes of the assignor's class: one class each.
        assignor = type("WriterAssignor", (StickyPartitionAssignor,), {})
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id=MEMBER,
            group_id=group_name(topic),
            partition_assignment_strategy=(assignor,),
            enable_auto_commit=False,
            # Nothing is read: any position will do, and `none` would be an error.
            auto_offset_reset="latest",
            session_timeout_ms=int(session_seconds * 1000),
            heartbeat_interval_ms=int(HEARTBEAT_SECONDS * 1000),
            request_timeout_ms=int(JOIN_SECONDS * 1000),
            **security.client_options(),
        )
        group = cls(consumer, on_assigned)
        consumer.subscribe([topic], listener=_Listener(group._assigned))
        try:
            await asyncio.wait_for(consumer.start(), JOIN_SECONDS)
        except (KafkaError, OSError, TimeoutError) as error:
            await group.leave()
            msg = f"no place among the writers of {topic} at {bootstrap}: {error!r}"
            step = (
                f"check the topic's name, and that this account may Read group {group_name(topic)}"
            )
            why = await why_refused(bootstrap, security)
            raise why or UnavailableError(msg, next_step=step) from error
        except BaseException:
            await group.leave()
            raise
        group._watch = asyncio.create_task(group._watch_group())
        return group

    def _assigned(self, assigned: set[TopicPartition]) -> None:
        self._consumer.pause(*assigned)
        self.owned = frozenset(item.partition for item in assigned)
        self._on_assigned(self.owned)

    async def _watch_group(self) -> None:
        """Wait for a record that never comes: a waiting member is not idle, and learns of errors.

        aiokafka takes a member that asks for nothing for dead after five minutes.
        """
        while True:
            raise_if_cancelled()
            try:
                await self._consumer.getone()
            except KafkaError as error:
                _log.error("the group of writers: %r; tried again", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def leave(self) -> None:
        """Leave, so that the others take over at once; safe to call again."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        stopping = asyncio.ensure_future(self._consumer.stop())
        await asyncio.wait({stopping}, timeout=LEAVE_SECONDS)
        if not stopping.done():
            # Without a broker that answers: the others take over after the session time-out.
            stopping.cancel()
            client = self._consumer._client  # noqa: SLF001 - it has no other handle
            coordinator = self._consumer._coordinator  # noqa: SLF001 - the same
            if coordinator is not None:
                coordinator._coordination_task.cancel()  # noqa: SLF001 - the same
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(client.close(), LEAVE_SECONDS)
        with contextlib.suppress(KafkaError, OSError, asyncio.CancelledError):
            await stopping


async def _describe(admin: Any, group: str) -> Any:
    while True:
        try:
            (response,) = await admin.describe_consumer_groups([group])
        except KafkaError as error:
            # One broker may be down; a new cluster has no coordinator before the first group.
            _log.info("group %s: %r; tried again", group, error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return response


async def writers_of(
    bootstrap: str, topic: str, security: KafkaSecurity = PLAINTEXT
) -> Mapping[int, str]:
    """Which process owns which log, as the broker knows it: log number → `client at host`.

    Logs that nobody owns are left out. Raises `UnavailableError`.
    """
    prepare_client_library()
    options = security.client_options()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="pal-status", **options)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await admin.start()
            response = await _describe(admin, group_name(topic))
    except (KafkaError, OSError, TimeoutError) as error:
        why = await why_refused(bootstrap, security)
        raise why or unreachable(bootstrap, repr(error)) from error
    finally:
        await admin.close()
    owners: dict[int, str] = {}
    for code, group, _, _, _, members, *_ in response.groups:
        if code != 0:
            raise UnavailableError(
                f"group {group} cannot be looked at: {for_code(code).__name__}",
                next_step=f"let this account Describe group {group}",
            )
        for _, client, host, _, assignment in members:
            if not assignment:
                continue  # a rebalance is under way
            for item in ConsumerProtocol.ASSIGNMENT.decode(assignment).partitions():
                if item.topic == topic:
                    owners[item.partition] = f"{client} at {host.lstrip('/')}"
    return owners
