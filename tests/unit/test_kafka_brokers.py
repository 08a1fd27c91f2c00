"""Brokers that are too old or too new, by the versions that they offer, over a real socket."""

from __future__ import annotations

import asyncio
import struct

import pytest
from aiokafka.protocol.admin import ApiVersionResponse_v0
from aiokafka.protocol.metadata import MetadataResponse_v1

from ledger.adapters.kafka_admin import create_log_async, preflight
from ledger.adapters.kafka_brokers import BrokerVersionError, check_brokers, check_versions
from ledger.app.submission import UnavailableError
from tests.integration.kafka_logs import make_genesis

METADATA, API_VERSIONS = 3, 18
TODAY = {0: (3, 13), 1: (4, 18), 3: (0, 13), 18: (0, 4), 22: (0, 6), 32: (1, 4)}
"""What Kafka 4.3 offers of the requests that matter here."""
KAFKA_0_10 = {0: (0, 2), 1: (0, 3), 3: (0, 2), 18: (0, 0)}
KAFKA_2_0 = {0: (0, 6), 1: (0, 8), 3: (0, 6), 18: (0, 2), 22: (0, 1), 32: (0, 2)}


class FakeBroker:
    """Answers ApiVersions and Metadata by Kafka's wire format; counts every other request."""

    def __init__(self, offered: dict[int, tuple[int, int]]) -> None:
        self.offered = offered
        self.others: list[int] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while size := await reader.read(4):
            request = await reader.readexactly(struct.unpack(">i", size)[0])
            key, _, correlation = struct.unpack(">hhi", request[:8])
            if key == API_VERSIONS:
                rows = [(api, low, high) for api, (low, high) in self.offered.items()]
                body = ApiVersionResponse_v0(0, rows).encode()
            elif key == METADATA:
                node = (1, "127.0.0.1", self.port, None)
                body = MetadataResponse_v1([node], 1, []).encode()
            else:
                self.others.append(key)
                break
            answer = struct.pack(">i", correlation) + body
            writer.write(struct.pack(">i", len(answer)) + answer)
        writer.close()


@pytest.mark.parametrize("offered", [KAFKA_0_10, KAFKA_2_0])
async def test_an_old_broker_is_refused_before_anything_is_written(
    offered: dict[int, tuple[int, int]],
) -> None:
    # The broker's Metadata answer is of version 1, whatever its age.
    fake = FakeBroker({**offered, METADATA: (0, 1), API_VERSIONS: (0, 0)})
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    bootstrap = f"127.0.0.1:{fake.port}"
    for refused in (
        check_brokers(bootstrap),
        preflight(bootstrap, "topic"),
        create_log_async(bootstrap, "topic", make_genesis("old")),
    ):
        with pytest.raises(BrokerVersionError) as caught:
            await refused
        assert f"{bootstrap} speaks Produce in versions 0 to {offered[0][1]}" in str(caught.value)
        assert "needs version 7: it is too old; nothing was written" in str(caught.value)
        assert "Kafka 2.3 or later" in caught.value.next_step
    assert fake.others == []
    server.close()


def test_versions_that_are_missing_too_old_or_too_new_are_told_apart() -> None:
    check_versions("b:1", TODAY)
    without = {key: versions for key, versions in TODAY.items() if key != 22}
    with pytest.raises(BrokerVersionError, match=r"InitProducerId not at all"):
        check_versions("b:1", without)
    with pytest.raises(BrokerVersionError, match=r"Fetch in versions 4 to 10.* too old"):
        check_versions("b:1", {**TODAY, 1: (4, 10)})
    with pytest.raises(BrokerVersionError, match=r"Produce in versions 8 to 20.* too new"):
        check_versions("b:1", {**TODAY, 0: (8, 20)})


async def test_something_that_is_no_broker_is_unreachable() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}") as caught:
        await check_brokers(f"127.0.0.1:{port}")
    assert caught.value.next_step
    server.close()
