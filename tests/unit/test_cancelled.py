"""A loop that watches ends at its one cancellation, also where the client library swallows it."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.client import AIOKafkaClient

from consumers.workers.sentinel import keep_looking

LOOKS_MAX = 3


async def test_a_cancellation_that_the_client_swallows_while_it_closes_ends_the_loop() -> None:
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        assert looks < LOOKS_MAX, "the loop goes on"
        client._sync_task = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(watching.cancel)
        # It awaits its own cancelled task, and takes the other cancellation for that one's.
        await client.close()

    watching = asyncio.create_task(keep_looking(look, 0.0))
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert looks == 1
