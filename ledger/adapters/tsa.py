"""Trusted time: RFC 3161 tokens over the text of a checkpoint, asked for and verified.

An authority signs a hash and the time, and sees nothing else. One token over a checkpoint says that
all its entries were there by then; it is the only clock here that the log's operator does not set.
A token is kept as the whole response (`.tsr`), which `openssl ts -verify` reads as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from ledger.adapters.http_post import post
from ledger.app.submission import LedgerError

TOKEN_BYTES_MAX: Final = 65_536
"""A token with a chain of certificates has some 6 kB; what is ten times as long is none."""

TIMEOUT_SECONDS: Final = 10.0
"""For one answer; nothing waits for it but the next look of the sealer."""

_QUERY: Final = "application/timestamp-query"
_REPLY: Final = "application/timestamp-reply"


class TimestampError(LedgerError, ValueError):
    """No token, one that is malformed, or one that no pinned authority signed over this text."""

    code = "timestamp.invalid"


class AuthorityFileError(LedgerError):
    """The file of pinned certificates is missing or holds none."""

    code = "timestamp.authority"


def load_roots(path: Path) -> tuple[Certificate, ...]:
    """The pinned root certificates in a PEM file, one at least; raises `AuthorityFileError`."""
    try:
        return tuple(load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise AuthorityFileError(
            f"{path}: {error}", next_step="name the PEM file of the authority's root certificate"
        ) from error


def request_token(
    url: str,
    text: bytes,
    roots: Sequence[Certificate],
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> bytes:
    """Ask the authority at `url` for a token over `text`, verified before it is given back.

    Raises `RemoteUnavailableError`, `TimestampError`.
    """
    request = TimestampRequestBuilder().data(text).hash_algorithm(HashAlgorithm.SHA256).build()
    answer = post(url, request.as_bytes(), _QUERY, timeout_seconds, TOKEN_BYTES_MAX)
    if answer.status != HTTPStatus.OK or answer.content_type != _REPLY:
        raise TimestampError(
            f"status {answer.status}, {answer.content_type or 'no content type'}: no token",
            next_step="see that the URL is that of an RFC 3161 authority",
        )
    _verify(VerifierBuilder(nonce=request.nonce, roots=list(roots)), answer.body, text)
    return answer.body


def verify_token(token: bytes, text: bytes, roots: Sequence[Certificate]) -> datetime:
    """The time, in UTC, at which an authority under one of `roots` saw `text`.

    Its certificate must have been valid then; it may have ended since. Raises `TimestampError`.
    """
    return _verify(VerifierBuilder(roots=list(roots)), token, text)


def _verify(builder: VerifierBuilder, token: bytes, text: bytes) -> datetime:
    if len(token) > TOKEN_BYTES_MAX:
        raise TimestampError(f"a token of {len(token)} bytes: more than {TOKEN_BYTES_MAX}")
    try:
        response = decode_timestamp_response(token)
        builder.build().verify_message(response, text)
    except (VerificationError, ValueError) as error:
        raise TimestampError(
            f"no time-stamp of a pinned authority over this text: {error}",
            next_step="keep the token; compare the pinned certificate with the authority's own",
        ) from error
    return response.tst_info.gen_time
