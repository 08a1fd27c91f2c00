"""The sealer as a client of witnesses that err: each is named, and none counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.workers.witnesses import Witnesses
from ledger.core.checkpoint import Checkpoint
from ledger.core.merkle import leaf_hash
from ledger.core.note import Algorithm, SignedNote, parse_note
from ledger.core.policy import Policy, PolicyGroup, PolicyWitness
from ledger.entry.note_keys import NoteSigner

ORIGIN = "office/0"
TEXT = Checkpoint(ORIGIN, 1, leaf_hash(b"entry")).text()
Answer = tuple[int, bytes, str]


def signer(name: str, seed: int, algorithm: Algorithm = Algorithm.ED25519) -> NoteSigner:
    return NoteSigner(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32), algorithm)


LOG = signer(ORIGIN, 1)
NOTE = SignedNote(TEXT, (LOG.sign(TEXT),))
WITNESS = signer("w.example", 2, Algorithm.COSIGNATURE_ED25519)
STRANGER = signer("w.example", 3, Algorithm.COSIGNATURE_ED25519)
LINE = WITNESS.sign(TEXT, 1_700_000_000).line().encode()
PLAIN = "text/plain"


@contextmanager
def serving(answer: Callable[[], Answer]) -> Iterator[str]:
    """A server that gives this answer to whatever it is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, body, kind = answer()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked(url: str, *, timeout: float = 5.0, **named: PolicyWitness):
    witness = PolicyWitness("w", WITNESS.key, url)
    witnesses = Witnesses(Policy("w", (), (witness, *named.values())), timeout)
    try:
        return witnesses.cosign(NOTE, lambda size: ())
    finally:
        witnesses.close()


def test_a_cosignature_is_added_once_and_a_newer_one_takes_its_place() -> None:
    with serving(lambda: (200, LINE, PLAIN)) as url:
        done = asked(url)
        assert (done.is_quorum, done.problems) == (True, {})
        assert parse_note(done.note.encode()).signatures == (
            *NOTE.signatures,
            WITNESS.sign(TEXT, 1_700_000_000),
        )
    later = WITNESS.sign(TEXT, 1_700_000_600)
    with serving(lambda: (200, later.line().encode(), PLAIN)) as url:
        witnesses = Witnesses(Policy("w", (), (PolicyWitness("w", WITNESS.key, url),)))
        again = witnesses.cosign(done.note, lambda size: ())
        assert again.note.signatures == (*NOTE.signatures, later)
        witnesses.close()


def test_what_no_key_of_the_policy_signed_counts_for_nothing() -> None:
    flipped = LINE.replace(LINE[-20:-10], LINE[-20:-10].swapcase())
    other_text = Checkpoint(ORIGIN, 2, leaf_hash(b"entry")).text()
    for body in (
        STRANGER.sign(TEXT, 5).line().encode(),
        flipped,
        WITNESS.sign(other_text, 5).line().encode(),
    ):
        with serving(lambda body=body: (200, body, PLAIN)) as url:
            done = asked(url)
        assert not done.is_quorum
        assert done.note == NOTE
        assert set(done.problems) == {"w"}


def test_other_answers_are_named_and_two_of_them_are_alarms() -> None:
    size = "text/x.tlog.size"
    for answer, ahead, forked in (
        ((500, b"oops", PLAIN), None, None),
        ((200, b"no line", PLAIN), None, None),
        ((403, b"who are you", PLAIN), None, None),
        ((409, b"0\n", size), None, None),
        ((409, b"7\n", size), ("w", 7), None),
        ((422, b"another tree", PLAIN), None, ("w", "another tree")),
    ):
        with serving(lambda answer=answer: answer) as url:
            done = asked(url)
        assert not done.is_quorum
        assert set(done.problems) == {"w"}
        assert (done.ahead, done.forked) == (ahead, forked)


def test_a_silent_witness_costs_one_time_out_a_round_and_holds_up_no_other() -> None:
    never, requests = threading.Event(), []

    def silence() -> Answer:
        requests.append(1)
        never.wait(20)
        return 500, b"", PLAIN

    second = signer("v.example", 4, Algorithm.COSIGNATURE_ED25519)
    line = second.sign(TEXT, 5).line().encode()
    with serving(silence) as silent, serving(lambda: (200, line, PLAIN)) as quick:
        lines = (PolicyWitness("w", WITNESS.key, silent), PolicyWitness("v", second.key, quick))
        policy = Policy("one", (), lines, (PolicyGroup("one", 1, ("w", "v")),))
        witnesses = Witnesses(policy, 0.3)
        done = witnesses.cosign(NOTE, lambda size: ())
        assert done.is_quorum
        assert set(done.problems) == {"w"}
        assert set(witnesses.cosign(NOTE, lambda size: ()).problems) == {"w"}
        assert len(requests) == 1
        witnesses.begin_round()
        witnesses.cosign(NOTE, lambda size: ())
        assert len(requests) == 2
        witnesses.close()
        never.set()


def test_a_witness_that_has_forgotten_what_it_cosigned_is_named() -> None:
    size = "text/x.tlog.size"
    cosigned = SignedNote(TEXT, (*NOTE.signatures, WITNESS.sign(TEXT, 1_700_000_000)))
    answers = iter([(409, b"0\n", size), (200, LINE, PLAIN)])
    with serving(lambda: next(answers)) as url:
        witnesses = Witnesses(Policy("w", (), (PolicyWitness("w", WITNESS.key, url),)))
        witnesses.remember(NOTE)  # its cosignature is not on this one
        witnesses.remember(cosigned)
        done = witnesses.cosign(NOTE, lambda size: ())
        assert (done.is_quorum, done.forgot) == (True, (("w", 0, 1),))
        witnesses.close()
    with serving(lambda: (200, LINE, PLAIN)) as url:
        assert asked(url).forgot == ()
