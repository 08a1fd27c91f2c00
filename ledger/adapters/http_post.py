"""One HTTP request with a body, and an answer of bounded length within a bounded time."""

from __future__ import annotations

from functools import cache
from ssl import SSLContext
from time import monotonic
from typing import NamedTuple

import httpx

from ledger.app.submission import LedgerError


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

    Raises `RemoteUnavailableError` where the URL is no HTTP one, where no whole answer came within
    `timeout_seconds`, or where it is longer.
    """
    host = _host_of(url)
    deadline = monotonic() + timeout_seconds
    headers = {"content-type": content_type, "accept-encoding": "identity"}
    received = bytearray()
    try:
        with (
            httpx.Client(timeout=timeout_seconds, verify=_certificates()) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            for part in response.iter_raw():
                received += part
                # The library's time-out is for each wait; a server that drips is not waited for.
                if monotonic() > deadline:
                    raise _unavailable(host, f"no whole answer within {timeout_seconds:g} s")
                if len(received) > most:
                    raise _unavailable(host, f"an answer of more than {most} bytes")
            said = response.headers.get("content-type", "")
            return Answer(
                response.status_code, said.partition(";")[0].strip().lower(), bytes(received)
            )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unavailable(host, str(error) or type(error).__name__) from error


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
    return f"{parsed.host}:{parsed.port}" if parsed.port else parsed.host


def _unavailable(host: str, why: str) -> RemoteUnavailableError:
    return RemoteUnavailableError(f"{host}: {why}", next_step="see that it runs, and its URL")
