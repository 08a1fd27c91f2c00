"""One HTTP request with a body, and an answer of bounded length within a bounded time."""

from __future__ import annotations

import asyncio
from functools import cache
from ssl import SSLContext
from typing import NamedTuple

import httpx

from ledger.app.submission import LedgerError

_PORT_MAX = 65_535


class RemoteUnavailableError(LedgerError):
    """A server that was asked for something did not answer, or not within its time."""

    code = "remote.unavailable"


class Answer(NamedTuple):
    """`content_type` is without its parameters, in lower case."""

    status: int
    content_type: str
    body: bytes


@cache
def _certificates() -> SSLContext:
    return httpx.create_ssl_context()


def post(url: str, body: bytes, content_type: str, timeout_seconds: float, most: int) -> Answer:
    """POST `body`, follow no redirect, read at most `most` bytes of the answer.

    Not to be called where an event loop runs. Raises `RemoteUnavailableError` where the URL is no
    HTTP one, where no whole answer came within `timeout_seconds`, or where it is longer.
    """
    host = _host_of(url)
    try:
        return asyncio.run(_post(url, body, content_type, timeout_seconds, most))
    except (TimeoutError, httpx.TimeoutException) as error:
        raise _unavailable(host, f"no whole answer within {timeout_seconds:g} s") from error
    except _TooLongError as error:
        raise _unavailable(host, f"an answer of more than {most} bytes") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unavailable(host, str(error) or type(error).__name__) from error


class _TooLongError(Exception):
    """More than was asked for."""


async def _post(
    url: str, body: bytes, content_type: str, timeout_seconds: float, most: int
) -> Answer:
    headers = {"content-type": content_type, "accept-encoding": "identity"}
    received = bytearray()
    # The library's own time-outs are for each wait: a server that drips its answer, or only the
    # head of it, would hold whoever asks for hours.
    async with (
        asyncio.timeout(timeout_seconds),
        httpx.AsyncClient(timeout=timeout_seconds, verify=_certificates()) as client,
        client.stream("POST", url, content=body, headers=headers) as response,
    ):
        async for part in response.aiter_raw():
            received += part
            if len(received) > most:
                raise _TooLongError
        said = response.headers.get("content-type", "")
        return Answer(response.status_code, said.partition(";")[0].strip().lower(), bytes(received))


def _host_of(url: str) -> str:
    """Host and port, for messages: a path may be a secret of its operator."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _unavailable(repr(url[:60]), str(error)) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        raise _unavailable(
            parsed.host or repr(url[:60]), "expected http(s)://HOST/… without an account in it"
        )
    if parsed.port is not None and parsed.port > _PORT_MAX:
        raise _unavailable(parsed.host, f"port {parsed.port} is more than {_PORT_MAX}")
    return f"{parsed.host}:{parsed.port}" if parsed.port else parsed.host


def _unavailable(host: str, why: str) -> RemoteUnavailableError:
    return RemoteUnavailableError(f"{host}: {why}", next_step="see that it runs, and its URL")
