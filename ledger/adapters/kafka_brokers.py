"""Whether the brokers of a cluster speak what the ledger speaks, before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest

from ledger.adapters.kafka_client import CONNECT_SECONDS, connect, unreachable
from ledger.adapters.kafka_security import PLAINTEXT, KafkaSecurity
from ledger.app.submission import UnavailableError


class BrokerVersionError(UnavailableError):
    """A broker that is too old, or too new, for this software; nothing was written."""

    code = "kafka.broker_version"


class _Request(NamedTuple):
    """A request whose answer the protocol rests on, in the version that aiokafka speaks."""

    key: int
    name: str
    version: int


KAFKA_OLDEST: Final = "2.3"
"""The first that speaks all of these."""
_REQUESTS: Final = (
    _Request(0, "Produce", 7),
    _Request(1, "Fetch", 11),
    _Request(22, "InitProducerId", 0),
    _Request(32, "DescribeConfigs", 2),
)
"""With a broker that lacks one of these aiokafka falls back to an older form, without a word: to
batches without producer ids, or without the reason of a refusal. No test has seen the ledger there,
so it does not write there (KAFKA.md section 1 assumes that the offset in an answer is true)."""


def check_versions(place: str, offered: Mapping[int, tuple[int, int]]) -> None:
    """Compare what the broker at `place` offers, lowest and highest version by API key.

    Raises `BrokerVersionError` naming the request, the versions offered and the one wanted.
    """
    for request in _REQUESTS:
        lowest, highest = offered.get(request.key, (0, -1))
        if lowest <= request.version <= highest:
            continue
        has = f"in versions {lowest} to {highest}" if highest >= 0 else "not at all"
        is_old = highest < request.version
        raise BrokerVersionError(
            f"the broker at {place} speaks {request.name} {has}, a ledger needs version "
            f"{request.version}: it is too {'old' if is_old else 'new'}; nothing was written",
            next_step=f"upgrade the brokers to Kafka {KAFKA_OLDEST} or later (4.3 is tested)"
            if is_old
            else "install newer software of the ledger",
        )


async def check_brokers(bootstrap: str, security: KafkaSecurity = PLAINTEXT) -> None:
    """Ask every broker of the cluster that answers; raises as `check_versions`, or
    `UnavailableError` where none does.
    """
    client = await connect(bootstrap, security, "pal-brokers")
    try:
        answers = 0
        last: object = "no broker is known"
        for broker in client.cluster.brokers():
            try:
                asked = client.send(broker.nodeId, ApiVersionRequest())
                response: Any = await asyncio.wait_for(asked, CONNECT_SECONDS)
            except (KafkaError, OSError, TimeoutError) as error:
                # One broker may be down while a writer opens: its peers serve.
                last = repr(error)
                continue
            answers += 1
            offered = {key: (lowest, highest) for key, lowest, highest in response.api_versions}
            check_versions(f"{broker.host}:{broker.port}", offered)
        if not answers:
            raise unreachable(bootstrap, last)
    finally:
        await client.close()
