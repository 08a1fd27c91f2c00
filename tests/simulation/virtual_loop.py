"""An event loop whose clock jumps to the next thing to do, with connections inside the process.

aiokafka, the writer and the simulator run on it unchanged: thirty seconds of waiting cost nothing,
nothing depends on the machine, and the same seed gives the same run.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from random import Random
from typing import Any

FIRST_PORT = 10_000
LATENCY_SECONDS_MAX = 0.003


class DeadlockError(Exception):
    """Nobody will ever do anything again."""


class InlineExecutor:
    """A pool whose work is done at once: a thread would take real time, of which there is none."""

    def __init__(self, *_options: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *arguments: object) -> Future[Any]:
        """The work, done."""
        done: Future[Any] = Future()
        try:
            done.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001 - as a future does: whoever awaits it gets it
            done.set_exception(error)
        return done

    def shutdown(self) -> None:
        """Nothing is left to do."""


class _Selector(selectors.BaseSelector):
    """Never looks at a file: what there is to wait for is the clock."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._files: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj, events, data=None):
        key = selectors.SelectorKey(fileobj, fileobj, events, data)
        self._files[fileobj] = key
        return key

    def unregister(self, fileobj):
        return self._files.pop(fileobj)

    def get_key(self, fileobj):
        return self._files[fileobj]

    def get_map(self):
        return self._files

    def select(self, timeout=None):
        if timeout is None:
            raise DeadlockError
        self.seconds += max(timeout, 0.0)
        return []


class _End(asyncio.Transport):
    """One end of a connection. Bytes arrive in order, each after a latency of its own."""

    def __init__(self, loop: VirtualLoop, protocol: Any, port: int) -> None:
        super().__init__({"peername": ("127.0.0.1", port), "sockname": ("127.0.0.1", port)})
        self.loop = loop
        self.protocol = protocol
        self.peer: _End = self
        self.context = copy_context()
        """Whose connection it is."""
        self.closing = False
        self.lost = False
        self.arrives_at = 0.0
        self._paused: list[bytes] | None = None

    def _send(self, function: Callable[..., None], *arguments: object) -> None:
        latency = self.loop.random.random() * LATENCY_SECONDS_MAX
        # Never at the same time as what was sent before: timers that are equal have no order.
        self.arrives_at = max(self.arrives_at + 1e-6, self.loop.time() + latency)
        # What is under way belongs to nobody: it arrives whether or not its sender lives.
        self.loop.call_at(self.arrives_at, function, *arguments, context=self.loop.nobodys)

    def write(self, data: Any) -> None:
        if not self.closing:
            self._send(self.peer._arrive, bytes(data))

    def _arrive(self, data: bytes) -> None:
        if self._paused is not None:
            self._paused.append(data)
        elif not self.lost:
            self.protocol.data_received(data)

    def close(self) -> None:
        if not self.closing and not self.loop.is_closed():
            self.closing = True
            self.loop.call_soon(self._lose)
            self._send(self.peer._hang_up)

    def die(self) -> None:
        """The process is gone: nothing arrives here any more, the peer sees the end."""
        self.closing = self.lost = True
        self._send(self.peer._hang_up)

    def abort(self) -> None:
        self.close()

    def _hang_up(self) -> None:
        if not self.lost:
            self.protocol.eof_received()
            self.close()

    def _lose(self) -> None:
        if not self.lost:
            self.lost = True
            self.protocol.connection_lost(None)

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self._paused = []

    def resume_reading(self) -> None:
        waiting, self._paused = self._paused or [], None
        for data in waiting:
            self._arrive(data)

    def get_write_buffer_size(self) -> int:
        return 0


class _Server:
    """What `asyncio.start_server` gives, as far as the simulator asks."""

    def __init__(self, loop: VirtualLoop, factory: Callable[[], Any], port: int) -> None:
        self.loop, self.factory, self.port = loop, factory, port
        self.sockets = [self]

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def close(self) -> None:
        self.loop.servers.pop(self.port, None)


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module. `random` decides latencies."""

    def __init__(self, seed: int) -> None:
        self.clock = _Selector()
        self.random = Random(seed)
        self.nobodys = Context()
        self.ends: list[_End] = []
        self.servers: dict[int, _Server] = {}
        self._next_port = FIRST_PORT
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.seconds

    def run_in_executor(self, executor, func, *args):
        return asyncio.wrap_future(InlineExecutor().submit(func, *args), loop=self)

    async def create_server(self, protocol_factory, host=None, port=None, **options):
        self._next_port += 1
        server = _Server(self, protocol_factory, self._next_port)
        self.servers[self._next_port] = server
        return server

    async def create_connection(self, protocol_factory, host=None, port=None, **options):
        server = self.servers.get(port)
        await asyncio.sleep(LATENCY_SECONDS_MAX)
        if server is None or port not in self.servers:
            raise ConnectionRefusedError(f"nobody listens on {port}")
        here = _End(self, protocol_factory(), port)
        there = _End(self, server.factory(), port)
        here.peer, there.peer = there, here
        self.ends = [end for end in self.ends if not end.lost]
        self.ends.append(here)
        self.nobodys.run(there.protocol.connection_made, there)
        here.protocol.connection_made(here)
        return here, here.protocol

    def stall(self, belongs: Callable[[Context], bool], seconds: float) -> None:
        """What is sent from now on over these connections, either way, arrives so much later."""
        for end in self.ends:
            if belongs(end.context):
                for one in (end, end.peer):
                    one.arrives_at = max(one.arrives_at, self.time()) + seconds

    def kill(self, belongs: Callable[[Context], bool]) -> None:
        """End what runs in contexts that `belongs` names, as kill -9 does; tasks are the caller's.

        Its connections break, its timers are gone, and what it sent arrives all the same.
        """
        for end in self.ends:
            if belongs(end.context) and not end.lost:
                end.die()
        for handle in self._scheduled:
            if belongs(handle._context):
                handle.cancel()
