"""The client of a witness and every answer that it may be given, over real sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.adapters.http_post import RemoteUnavailableError
from ledger.adapters.witness_client import Conflict, Cosigned, Refused, add_checkpoint
from ledger.core.checkpoint import Checkpoint
from ledger.core.merkle import leaf_hash
from ledger.core.note import Algorithm, NoteSignature, SignedNote
from ledger.core.witness import ANSWER_BYTES_MAX, SIZE_CONTENT_TYPE, parse_add_checkpoint
from ledger.entry.note_keys import NoteSigner

LOG = NoteSigner("log.example/0", Ed25519PrivateKey.from_private_bytes(b"\1" * 32), Algorithm(1))
WITNESS = NoteSigner(
    "witness.example/w1", Ed25519PrivateKey.from_private_bytes(b"\2" * 32), Algorithm(4)
)
TEXT = Checkpoint("log.example/0", 2, leaf_hash(b"")).text()
NOTE = SignedNote(TEXT, (LOG.sign(TEXT),))
LINES = (WITNESS.sign(TEXT, 5), NoteSignature("stranger", b"abcd", b"what we do not know"))
BODY = "".join(signature.line() for signature in LINES)


class Scripted(NamedTuple):
    """What the server answers, and what it was asked."""

    answer: list[bytes]
    asked: list[tuple[str, bytes, str]]
    url: str
    release: threading.Event

    def say(self, status: int, body: str | bytes, content_type: str = "text/plain") -> None:
        data = body.encode() if isinstance(body, str) else body
        head = f"HTTP/1.1 {status} x\r\nContent-Type: {content_type}\r\n"
        self.answer[:] = [f"{head}Content-Length: {len(data)}\r\n\r\n".encode(), data]


@pytest.fixture
def server() -> Iterator[Scripted]:
    answer: list[bytes] = []
    asked: list[tuple[str, bytes, str]] = []
    release = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, body, self.headers["Content-Type"]))
            for part in answer:
                if part == b"wait":
                    release.wait()
                elif part == b"drip":
                    while not release.wait(0.02):
                        self.wfile.write(b"x")
                else:
                    self.wfile.write(part)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Scripted(answer, asked, f"http://127.0.0.1:{http.server_address[1]}/w", release)
        release.set()
        http.shutdown()
        thread.join()


def ask(url: str, timeout_seconds: float = 10) -> Cosigned | Conflict | Refused:
    return add_checkpoint(url, 1, (leaf_hash(b"a"),), NOTE, timeout_seconds)


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_request_is_the_protocols_and_the_lines_come_back(server: Scripted, slash: str) -> None:
    server.say(200, BODY)
    assert ask(server.url + slash) == Cosigned(LINES)
    ((path, body, content_type),) = server.asked
    assert path == "/w/add-checkpoint"
    assert content_type == "text/plain; charset=utf-8"
    request = parse_add_checkpoint(body)
    assert (request.old_size, request.proof, request.note) == (1, (leaf_hash(b"a"),), NOTE)


@pytest.mark.parametrize(
    ("status", "body", "content_type", "expected"),
    [
        (409, "7\n", SIZE_CONTENT_TYPE, Conflict(7)),
        (409, "0\n", f"{SIZE_CONTENT_TYPE}; charset=utf-8", Conflict(0)),
        (409, "7\n", "text/plain", Refused(409, "7")),
        (409, "7", SIZE_CONTENT_TYPE, None),
        (409, "07\n", SIZE_CONTENT_TYPE, None),
        (409, "7\n8\n", SIZE_CONTENT_TYPE, None),
        (409, "٧\n", SIZE_CONTENT_TYPE, None),
        (409, "", SIZE_CONTENT_TYPE, None),
        (200, "7\n", SIZE_CONTENT_TYPE, None),
        (200, "", "text/plain", None),
        (200, BODY[:-1], "text/plain", None),
        (200, BODY + "\n", "text/plain", None),
        (200, BODY.replace("—", "-"), "text/plain", None),
        (200, BODY * 9, "text/plain", None),
        (200, b"\xff" + BODY.encode(), "text/plain", None),
        (204, "", "text/plain", Refused(204, "")),
        (301, BODY, "text/plain", Refused(301, BODY[:198].strip().replace("\n", " "))),
        (403, "not \x1b[31mours\n", "text/plain", Refused(403, "not  [31mours")),
        (404, "x" * 300, "text/plain", Refused(404, "x" * 200)),
        (503, b"\xff\xff", "text/plain", Refused(503, "\ufffd\ufffd")),
    ],
)
def test_every_other_answer_is_told_apart(
    server: Scripted,
    status: int,
    body: str | bytes,
    content_type: str,
    expected: Conflict | Refused | None,
) -> None:
    server.say(status, body, content_type)
    answer = ask(server.url)
    if expected is None:
        assert isinstance(answer, Refused)
        assert answer.status == status
        assert answer.text
    elif status == 301:
        assert isinstance(answer, Refused)
        assert answer.status == 301
    else:
        assert answer == expected


def test_no_redirect_is_followed(server: Scripted) -> None:
    server.answer[:] = [
        b"HTTP/1.1 307 x\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
    ]
    assert ask(server.url) == Refused(307, "")
    assert len(server.asked) == 1


def test_a_long_answer_and_one_that_does_not_end_are_not_waited_for(server: Scripted) -> None:
    server.say(200, "x" * (ANSWER_BYTES_MAX + 1))
    with pytest.raises(RemoteUnavailableError, match="more than"):
        ask(server.url)
    server.say(200, BODY)
    server.answer[1:] = [BODY.encode()[:10], b"wait"]
    with pytest.raises(RemoteUnavailableError, match=r"within 0\.2 s"):
        ask(server.url, 0.2)
    server.release.set()


def test_a_server_that_drips_is_not_waited_for_longer_than_asked(server: Scripted) -> None:
    server.say(200, BODY * 100)
    server.answer[1:] = [b"drip"]
    with pytest.raises(RemoteUnavailableError, match=r"within 0\.3 s"):
        ask(server.url, 0.3)
    server.release.set()


def test_a_server_that_drips_the_head_of_its_answer_is_not_waited_for_either(
    server: Scripted,
) -> None:
    server.answer[:] = [b"HTTP/1.1 200 x\r\nX-Slow: ", b"drip"]
    with pytest.raises(RemoteUnavailableError, match=r"within 0\.3 s"):
        ask(server.url, 0.3)
    server.release.set()


REACHED = ("http://127.0.0.1:1/w", "http://[::1/w", "http://127.0.0.1:99999/w")


def test_what_cannot_be_reached_or_is_no_url() -> None:
    for url in (
        *REACHED,
        "ftp://127.0.0.1/w",
        "127.0.0.1:80",
        "",
        "http://user:secret@127.0.0.1/w",
        "http:///w",
    ):
        with pytest.raises(RemoteUnavailableError) as caught:
            ask(url, 1)
        assert "secret" not in str(caught.value)
        assert ("an account" in str(caught.value)) == (url not in REACHED)
