"""The faults: what is done to brokers and writers while the callers go on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from scripts.faults.callers import Callers, WriterProcess
from scripts.faults.cluster import Cluster

DOWN_SECONDS: Final = 15.0
"""So long a killed broker stays down: longer than the controller needs to find out (9 s)."""
PAUSED_SECONDS: Final = 20.0
FIGHT_SECONDS: Final = 10.0
DISK_LEFT_BYTES: Final = 200_000
"""What a broker may still write before its disk counts as full: some batches, the last cut off."""


class Scene:
    """What a fault can reach. `number` counts the runs of this kind from 0."""

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        callers: Callers,
        spawn: Callable[[], WriterProcess],
        number: int,
    ) -> None:
        self.cluster = cluster
        self.topic = topic
        self.callers = callers
        self.spawn = spawn
        self.number = number

    async def leader(self) -> int:
        """The broker that leads the log."""
        return await asyncio.to_thread(self.cluster.leader, self.topic)

    async def restart(self, broker: int | None = None) -> None:
        """Start what does not run."""
        await asyncio.to_thread(self.cluster.start, broker)


async def kill_leader(scene: Scene) -> None:
    """kill -9 of the broker that leads the log; it comes back later."""
    leader = await scene.leader()
    scene.cluster.signal(leader, signal.SIGKILL)
    await asyncio.sleep(DOWN_SECONDS)
    await scene.restart(leader)


async def pause_leader(scene: Scene) -> None:
    """SIGSTOP of the leader for 20 s: it does not know that it was replaced, then wakes up."""
    leader = await scene.leader()
    scene.cluster.signal(leader, signal.SIGSTOP)
    try:
        await asyncio.sleep(PAUSED_SECONDS)
    finally:
        scene.cluster.signal(leader, signal.SIGCONT)


async def kill_writer(scene: Scene) -> None:
    """kill -9 of the writer's process, three times; each time it is started again at once."""
    for _ in range(3):
        scene.callers.writers[0].send_signal(signal.SIGKILL)
        await asyncio.sleep(4.0)


async def kill_owner(scene: Scene) -> None:
    """kill -9 of the process that owns the log; another one waits to take it over."""
    scene.callers.serving_writer().send_signal(signal.SIGKILL)
    await asyncio.sleep(DOWN_SECONDS)


async def pause_owner(scene: Scene) -> None:
    """SIGSTOP of the owner: another takes the log over, then the first wakes up as a zombie."""
    owner = scene.callers.serving_writer()
    owner.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(DOWN_SECONDS)
    finally:
        owner.send_signal(signal.SIGCONT)
    scene.callers.divide()
    await asyncio.sleep(FIGHT_SECONDS)


async def start_two_writers(scene: Scene) -> None:
    """A second writer for the same log, with half of the callers; then it is killed."""
    second = scene.spawn()
    await second.has_come_up.wait()
    scene.callers.writers.append(second)
    scene.callers.divide()
    await asyncio.sleep(FIGHT_SECONDS)
    scene.callers.writers.remove(second)
    await second.stop()


async def restart_cluster(scene: Scene) -> None:
    """All brokers stop, by turns cleanly and by kill -9, and start again."""
    if scene.number % 2:
        for broker in (1, 2, 3):
            scene.cluster.signal(broker, signal.SIGKILL)
        await asyncio.sleep(3.0)
    else:
        await asyncio.to_thread(scene.cluster.stop)
    await scene.restart()


async def fill_disk(scene: Scene) -> None:
    """A broker's files cannot grow any more: by turns the leader's and a follower's."""
    broker = await scene.leader()
    if scene.number % 2:
        broker = broker % 3 + 1
    size = scene.cluster.largest_file(broker, scene.topic)
    scene.cluster.limit_files(broker, size + DISK_LEFT_BYTES)
    await asyncio.sleep(DOWN_SECONDS)
    if await asyncio.to_thread(scene.cluster.is_running, broker):
        scene.cluster.limit_files(broker, None)
        scene.cluster.signal(broker, signal.SIGKILL)
    await asyncio.sleep(1.0)
    await scene.restart(broker)


class Kind(NamedTuple):
    """A fault; how many processes share the log through the group (0: one, without it); how long a
    caller waits before it tries the next process. A writer itself answers within 30 s.
    """

    fault: Callable[[Scene], Awaitable[None]]
    owners: int = 0
    patience_seconds: float = 40.0


KINDS: Final[Mapping[str, Kind]] = {
    "leader-killed": Kind(kill_leader),
    "leader-paused": Kind(pause_leader),
    "writer-killed": Kind(kill_writer),
    "writer-taken-over": Kind(kill_owner, owners=2),
    "writer-paused": Kind(pause_owner, owners=2, patience_seconds=3.0),
    "two-writers": Kind(start_two_writers),
    "cluster-restarted": Kind(restart_cluster),
    "disk-full": Kind(fill_disk),
}
