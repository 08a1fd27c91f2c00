"""A witness: cosigns the checkpoints of logs that only ever grow (C2SP tlog-witness over HTTP).

It believes no log: before it cosigns a tree, it sees proved that the tree begins with the one that
it cosigned before. Whoever asks for its cosignature on a proof of an entry is then safe from a log
that shows different histories to different people.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from typing import Final, TypeVar

from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ledger.adapters.witness_store import WitnessStore, WitnessStoreError
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.note import SignedNote, VerifierKey, parse_note
from ledger.core.witness import (
    REQUEST_BYTES_MAX,
    SIZE_CONTENT_TYPE,
    encode_cosignatures,
    encode_size,
)
from ledger.entry.note_keys import NoteSigner, verify_note
from ledger.entry.witness_rules import (
    Admitted,
    Cosigned,
    Refusal,
    Status,
    admit,
    cosign,
    decide,
)

BODY_SECONDS_MAX: Final = 10.0
"""For a request of a few kilobytes; whoever sends slower holds a place that others wait for."""

_TEXT: Final = "text/plain; charset=utf-8"
_log = logging.getLogger("ledger.witness")
Result = TypeVar("Result")


class Witness:
    """The keys of one witness, the logs that it was told of, and what it has cosigned.

    `logs` names the trusted keys of each origin; `now` is the clock whose seconds are signed.
    """

    def __init__(
        self,
        signers: Sequence[NoteSigner],
        logs: Mapping[str, Sequence[VerifierKey]],
        store: WitnessStore,
        now: Callable[[], datetime],
    ) -> None:
        self._signers = tuple(signers)
        self._logs = {origin: tuple(keys) for origin, keys in logs.items()}
        self._origins = {sha256(origin.encode()).hexdigest(): origin for origin in logs}
        self._store = store
        self._now = now

    def add_checkpoint(self, body: bytes) -> Cosigned | Refusal:
        """Answer one request; what is cosigned is on the disk. Raises `WitnessStoreError`."""
        admitted = admit(body, self._logs)
        if isinstance(admitted, Refusal):
            return admitted
        return self._store.extend(admitted, lambda latest: self._judge(admitted, latest))

    def check(self) -> None:
        """Raise `WitnessStoreError` where nothing could be kept now."""
        self._store.check()

    def latest(self, origin_hash: str) -> Cosigned | None:
        """What was cosigned last of the log whose origin has this SHA-256 in hex."""
        origin = self._origins.get(origin_hash)
        return None if origin is None else self._store.latest(origin)

    def _judge(self, admitted: Admitted, latest: Cosigned | None) -> Cosigned | Refusal:
        refusal = decide(admitted, latest.checkpoint if latest else None)
        if refusal is not None:
            return refusal
        at_seconds = int(self._now().timestamp())
        if latest is not None and at_seconds < latest.at_seconds:
            # A cosignature says what was the largest tree at its time: an earlier time would lie.
            msg = f"the clock is {latest.at_seconds - at_seconds} s behind the last cosignature"
            _log.error("%s", msg)
            return Refusal(Status.UNAVAILABLE, msg)
        lines = cosign(admitted, self._signers, at_seconds)
        note = replace(admitted.note, signatures=(*admitted.note.signatures, *lines))
        return Cosigned(admitted.checkpoint, note, at_seconds)

    def adopt(self, data: bytes) -> Cosigned | Refusal:
        """Take up a checkpoint that this witness cosigned, as a log published it.

        For a witness whose file was put back to an earlier state: its own cosignature says that it
        saw the proof once. What is not larger than what it knows is refused, which harms nothing.
        Raises `NoteError`, `NoteSignatureError`, `WitnessStoreError`.
        """
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text)
        log_keys = self._logs.get(checkpoint.origin, ())
        verify_note(note, log_keys)
        own_keys = [signer.key for signer in self._signers]
        at_seconds = max(signed.at_seconds for signed in verify_note(note, own_keys))
        known = {(key.name, key.id) for key in (*log_keys, *own_keys)}
        lines = tuple(each for each in note.signatures if (each.name, each.key_id) in known)
        adopted = Cosigned(checkpoint, SignedNote(note.text, lines), at_seconds)

        def judge(latest: Cosigned | None) -> Cosigned | Refusal:
            if latest is not None and checkpoint.size <= latest.checkpoint.size:
                size = latest.checkpoint.size
                return Refusal(Status.OTHER_SIZE, f"size {size} is known already", size)
            return adopted

        return self._store.extend(Admitted(0, (), checkpoint, adopted.note), judge)

    def cosignatures(self, cosigned: Cosigned) -> bytes:
        """The lines of this witness in a checkpoint that it cosigned."""
        own = {(signer.key.name, signer.key.id) for signer in self._signers}
        lines = cosigned.note.signatures
        return encode_cosignatures(tuple(line for line in lines if (line.name, line.key_id) in own))


class _Doors:
    """The HTTP face. All that touches the file runs in one thread, in the order of arrival."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._thread = ThreadPoolExecutor(1, "witness")

    async def add_checkpoint(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                body = await _body_of(request)
        except (TimeoutError, ClientDisconnect):
            return _plain("the request did not arrive in time", 408)
        if body is None:
            return _plain(f"a request of more than {REQUEST_BYTES_MAX} bytes", 413)
        try:
            answer = await self._run(self._witness.add_checkpoint, body)
        except WitnessStoreError as error:
            _log.error("nothing can be cosigned: %s", error)
            return _plain("the witness cannot write now", Status.UNAVAILABLE)
        if isinstance(answer, Cosigned):
            return Response(self._witness.cosignatures(answer), media_type=_TEXT)
        if answer.status is Status.OTHER_SIZE:
            # Starlette would put a charset to any text type; the protocol names this one exactly.
            headers = {"content-type": SIZE_CONTENT_TYPE}
            return Response(encode_size(answer.latest_size), answer.status, headers)
        return _plain(answer.message, answer.status)

    async def latest(self, request: Request) -> Response:
        try:
            found = await self._run(self._witness.latest, request.path_params["origin_hash"])
        except WitnessStoreError as error:
            _log.error("nothing can be read: %s", error)
            return _plain("the witness cannot read now", Status.UNAVAILABLE)
        if found is None:
            return _plain("no checkpoint of this log was cosigned here", Status.UNKNOWN_LOG)
        return Response(found.note.encode(), media_type=_TEXT)

    async def health(self, _: Request) -> Response:
        """Alive and able to write: what a check asks before it believes in this witness."""
        try:
            await self._run(self._witness.check)
        except WitnessStoreError as error:
            _log.error("not healthy: %s", error)
            return _plain("the witness cannot write now", Status.UNAVAILABLE)
        return _plain("ok", 200)

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self._thread.shutdown()

    async def _run(self, function: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def _plain(message: str, status: int) -> Response:
    return PlainTextResponse(f"{message}\n", status)


async def _body_of(request: Request) -> bytes | None:
    """The whole body; None where it is longer than any request of the protocol."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > REQUEST_BYTES_MAX:
            return None
    return bytes(body)


def witness_app(witness: Witness) -> Starlette:
    """The witness behind HTTP: submission and monitoring have the same prefix."""
    doors = _Doors(witness)
    routes = (
        Route("/add-checkpoint", doors.add_checkpoint, methods=["POST"]),
        Route("/{origin_hash:str}/checkpoint", doors.latest, methods=["GET"]),
        Route("/health", doors.health, methods=["GET"]),
    )
    return Starlette(routes=routes, lifespan=doors.running)
