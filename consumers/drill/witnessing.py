"""Witnesses of the drill: homes and keys of their own, served on loopback while they are asked.

A policy names addresses, and every case has a copy of each witness of its own: so the addresses
stay, and whose home answers there changes.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from consumers.bootstrap import OpenLedger
from consumers.sealing import WitnessNamed, open_sealing
from consumers.witness_home import create_witness, open_witness
from consumers.workers.witness import witness_app
from ledger.core.policy import PolicyLog
from ledger.entry.checkpoint_log import CHECKPOINTS, checkpoints_origin

NAMES: Final = ("w1", "w2")
"""Two, both asked for: that one of them is put back to an earlier state must show."""

_HOST: Final = "127.0.0.1"


class Doors:
    """The address of each witness. Close after use."""

    def __init__(self) -> None:
        self._doors = [_Door() for _ in NAMES]
        self.urls = [door.url for door in self._doors]

    def close(self) -> None:
        """End the servers."""
        for door in self._doors:
            door.end()
        for door in self._doors:
            door.join()

    @contextmanager
    def serving(self, folder: Path) -> Iterator[None]:
        """Every witness whose home lies in `folder`, answering at its address."""
        with ExitStack() as stack:
            for name, door in zip(NAMES, self._doors, strict=True):
                stack.enter_context(door.serving(folder / name))
            yield


class _Door:
    """A server at one address; what answers there is the witness that is at home."""

    def __init__(self) -> None:
        self._app: Starlette | None = None
        listener = socket.create_server((_HOST, 0))
        self.url = f"http://{_HOST}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            self._answer, interface="asgi3", lifespan="off", log_config=None, access_log=False
        )
        self._server = uvicorn.Server(config)
        arguments = {"sockets": [listener]}
        self._thread = threading.Thread(
            target=self._server.run, kwargs=arguments, name="pal-drill-witness"
        )
        self._thread.start()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app or PlainTextResponse("nobody is at home", 503)
        await app(scope, receive, send)

    @contextmanager
    def serving(self, home: Path) -> Iterator[None]:
        with open_witness(home) as opened:
            app = self._app = witness_app(opened.witness())
            try:
                yield
            finally:
                self._app = None
                asyncio.run(_end(app))

    def end(self) -> None:
        self._server.should_exit = True

    def join(self) -> None:
        self._thread.join()


async def _end(app: Starlette) -> None:
    """Let an application do what it does at the end of its life."""
    async with app.router.lifespan_context(app):
        pass


def begin_sealing(ledger: OpenLedger, folder: Path, urls: Sequence[str]) -> None:
    """Keys and policy for every log of `ledger`, and two witnesses in `folder` that know them."""
    settings = ledger.settings
    origins = {str(number): trust.origin for number, trust in enumerate(ledger.trust)}
    origins[CHECKPOINTS] = checkpoints_origin(ledger.name)
    logs = [
        PolicyLog(signer.key)
        for tree, origin in origins.items()
        for signer in ledger.keys.ensure_note_key(settings.note_key_of(tree), origin)
    ]
    witnesses = []
    for name, url in zip(NAMES, urls, strict=True):
        with create_witness(folder / name, f"witness.example/{name}", logs, url) as made:
            witnesses.append(WitnessNamed(name, made.signers[0].key.text(), url))
    # The clone has not its ledger's key: that sealing was opened is recorded in no log of it.
    open_sealing(ledger, witnesses)
