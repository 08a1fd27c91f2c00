"""The process that a fault run kills: one writer of one log, behind a Unix socket.

It writes whenever it is asked to, or, with `--owner`, only while the consumer group of the topic's
writers gives it the log.

A request is one line of JSON, `Request`; its answer is a line of `Answer` with the same number.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.workers.writer import NotOwnedError, Writer
from ledger.adapters.kafka import KafkaLog
from ledger.app.submission import (
    LedgerError,
    OutcomeUnknownError,
    Recorded,
    Refused,
    SignedAction,
    Submission,
    UnavailableError,
)
from ledger.core.findings import FindingError
from ledger.entry.signatures import SigningKey

KEY = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
"""The only key of a fault run's log. Its secret is zeros: such a log proves nothing to anybody."""


class Request(msgspec.Struct, frozen=True):
    """One action of one caller."""

    number: int
    action: SignedAction


class Answer(msgspec.Struct, frozen=True):
    """What the ledger said; `alarm` is a finding: the log is not what it must be."""

    number: int
    state: Literal["recorded", "unknown", "not_recorded", "not_served", "refused", "alarm"]
    index: int = -1
    leaf: str = ""
    message: str = ""


Append = Callable[[Submission], Awaitable[Recorded | Refused]]


async def answer_one(append: Append, request: Request) -> Answer:
    """Record one action."""
    number = request.number
    try:
        answer = await append(Submission((request.action,)))
    except NotOwnedError as error:
        return Answer(number, "not_served", message=str(error))
    except OutcomeUnknownError as error:
        return Answer(number, "unknown", message=str(error))
    except UnavailableError as error:
        return Answer(number, "not_recorded", message=str(error))
    except (FindingError, LedgerError) as error:
        return Answer(number, "alarm", message=f"{type(error).__name__}: {error}")
    if not isinstance(answer, Recorded):
        return Answer(number, "refused", message=answer.message)
    (place,) = answer.places
    return Answer(number, "recorded", place.index, place.leaf)


async def open_writer(arguments: argparse.Namespace) -> Append:
    """The door to the log."""

    async def open_log(number: int) -> KafkaLog:
        return await KafkaLog.serve_here(
            arguments.bootstrap,
            arguments.topic,
            f"{arguments.topic}/{number}",
            arguments.genesis,
            KEY,
            index_path=arguments.index,
        )

    if not arguments.owner:
        return (await open_log(0)).append
    writer = await Writer.start(arguments.bootstrap, arguments.topic, open_log)
    return partial(writer.append, 0)


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until killed."""
    append = await open_writer(arguments)
    decoder, encoder = msgspec.json.Decoder(Request), msgspec.json.Encoder()
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def work(line: bytes) -> None:
            answer = await answer_one(append, decoder.decode(line))
            writer.write(encoder.encode(answer) + b"\n")

        while line := await reader.readline():
            task = asyncio.create_task(work(line))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_unix_server(handle, arguments.socket)
    await server.serve_forever()


def main() -> None:
    """Run the process."""
    parser = argparse.ArgumentParser(description="The writer of a fault run.")
    for name in ("bootstrap", "topic", "genesis"):
        parser.add_argument(name)
    parser.add_argument("index", type=Path)
    parser.add_argument("socket")
    parser.add_argument("--owner", action="store_true")
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
