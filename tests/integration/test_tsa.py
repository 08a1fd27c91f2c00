"""Trusted time: tokens of an `openssl ts` authority, and everything that is not such a token."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from ledger.adapters import tsa
from ledger.adapters.http_post import RemoteUnavailableError
from ledger.adapters.tsa import (
    TOKEN_BYTES_MAX,
    AuthorityFileError,
    TimestampError,
    load_roots,
    request_token,
    verify_token,
)
from ledger.core.checkpoint import Checkpoint
from ledger.core.merkle import leaf_hash
from tests.integration.authority import TestAuthority, needs_openssl

pytestmark = needs_openssl

TEXT = Checkpoint("log.example/0", 1, leaf_hash(b"")).text().encode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority(tmp_path_factory.mktemp("tsa") / "ours", "ours")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority(tmp_path_factory.mktemp("tsa") / "other", "other")


@pytest.fixture(scope="module")
def token(authority: TestAuthority) -> Iterator[bytes]:
    with authority.serving() as url:
        yield request_token(url, TEXT, load_roots(authority.root))


def query(text: bytes) -> bytes:
    return (
        TimestampRequestBuilder().data(text).hash_algorithm(HashAlgorithm.SHA256).build().as_bytes()
    )


def test_a_token_verifies_here_and_with_openssl(authority: TestAuthority, token: bytes) -> None:
    at = verify_token(token, TEXT, load_roots(authority.root))
    assert at.tzinfo is not None
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    assert authority.verify(token, TEXT)
    assert len(token) < 4_000


def test_another_text_or_another_authority_is_refused(
    authority: TestAuthority, other: TestAuthority, token: bytes
) -> None:
    roots, others = load_roots(authority.root), load_roots(other.root)
    verify_token(token, TEXT, (*others, *roots))
    for at in range(len(TEXT)):
        with pytest.raises(TimestampError):
            verify_token(token, TEXT[:at] + bytes([TEXT[at] ^ 1]) + TEXT[at + 1 :], roots)
    for text in (b"", TEXT[:-1], TEXT + b"\n"):
        with pytest.raises(TimestampError):
            verify_token(token, text, roots)
    for pinned in (others, ()):
        with pytest.raises(TimestampError):
            verify_token(token, TEXT, pinned)
    with pytest.raises(TimestampError):
        verify_token(other.reply(query(TEXT)), TEXT, roots)


def test_a_flipped_byte_is_refused_or_stood_in_nothing_that_was_signed(
    authority: TestAuthority, token: bytes
) -> None:
    """A few bytes around what is signed (versions, a list of algorithms, the policy's own form)
    are read by nobody; whatever is accepted says the same time of the same text."""
    roots = load_roots(authority.root)
    at = verify_token(token, TEXT, roots)
    accepted = set()
    for place in range(len(token)):
        for bit in (0x01, 0x80):
            flipped = token[:place] + bytes([token[place] ^ bit]) + token[place + 1 :]
            try:
                assert verify_token(flipped, TEXT, roots) == at
                accepted.add(place)
            except TimestampError:
                pass
    signed = token.index(sha256(TEXT).digest())
    info = range(signed - 40, signed + 32 + len("0x010f20261129000000Z"))
    assert not accepted & {*info, *range(len(token) - 64, len(token))}
    assert len(accepted) < 30
    for changed in (b"", token[:-1], token + b"\0"):
        with pytest.raises(TimestampError):
            verify_token(changed, TEXT, roots)
    with pytest.raises(TimestampError, match="more than"):
        verify_token(token + bytes(TOKEN_BYTES_MAX), TEXT, roots)


def test_a_token_is_asked_for_and_verified_before_it_is_given(
    authority: TestAuthority, other: TestAuthority
) -> None:
    with authority.serving() as url:
        token = request_token(url, TEXT, load_roots(authority.root))
        verify_token(token, TEXT, load_roots(authority.root))
        with pytest.raises(TimestampError, match="pinned authority"):
            request_token(url, TEXT, load_roots(other.root))
    with pytest.raises(RemoteUnavailableError):
        request_token(url, TEXT, load_roots(authority.root), 1)


@pytest.mark.parametrize("answer", [b"", b"no token", b"x" * (TOKEN_BYTES_MAX + 1)])
def test_what_a_server_may_say_instead(
    authority: TestAuthority, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(authority, "reply", lambda _: answer)
    with authority.serving() as url, pytest.raises((TimestampError, RemoteUnavailableError)):
        request_token(url, TEXT, load_roots(authority.root))


def test_another_status_or_type_is_said(
    authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tsa, "_QUERY", "text/plain")
    with authority.serving() as url, pytest.raises(TimestampError, match="status 415"):
        request_token(url, TEXT, load_roots(authority.root))


def test_a_replayed_token_is_refused(
    authority: TestAuthority, monkeypatch: pytest.MonkeyPatch, token: bytes
) -> None:
    monkeypatch.setattr(authority, "reply", lambda _: token)
    with authority.serving() as url, pytest.raises(TimestampError, match="Nonce mismatch"):
        request_token(url, TEXT, load_roots(authority.root))


def test_the_file_of_pinned_certificates(tmp_path: Path) -> None:
    path = tmp_path / "authority.pem"
    with pytest.raises(AuthorityFileError):
        load_roots(path)
    path.write_bytes(b"no certificate")
    with pytest.raises(AuthorityFileError):
        load_roots(path)
