"""The witness over real HTTP: every status of C2SP tlog-witness, races, restarts, monitors."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, MutableMapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from consumers.witness_home import open_witness
from consumers.workers import witness as service
from ledger.adapters.witness_client import Conflict, Cosigned, Refused, add_checkpoint
from ledger.core.checkpoint import Checkpoint
from ledger.core.merkle import EMPTY_ROOT, leaf_hash
from ledger.core.note import SignedNote, parse_note
from ledger.core.policy import parse_policy
from ledger.core.witness import REQUEST_BYTES_MAX, AddCheckpoint, parse_cosignatures
from ledger.entry.note_keys import NoteSigner, verify_checkpoint, verify_note
from tests.integration.commands import pal
from tests.integration.conftest import REPOSITORY
from tests.integration.witnesses import create, kept, serve
from tests.unit.test_witness_rules import (
    FIRST,
    LATER,
    ORIGIN,
    SIZES,
    STRANGER,
    asked,
    checkpoint,
    proof,
    signed,
)

FORK = leaf_hash(b"fork")
MONITORED = f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("witness") / "home"
    create(path)
    return path


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    served = serve(home)
    yield served.url
    assert served.end() == 130


@pytest.fixture
def web(url: str, home: Path) -> Iterator[httpx.Client]:
    """A client of a witness that has cosigned nothing yet."""
    with sqlite3.connect(home / "witness.sqlite") as file:
        file.execute("DELETE FROM cosigned")
        file.execute("DELETE FROM fork")
    file.close()
    with httpx.Client(base_url=url) as client:
        yield client


def post(web: httpx.Client, body: bytes) -> httpx.Response:
    return web.post("/add-checkpoint", content=body)


def request(old: int, size: int, root: bytes | None = None, *signers: NoteSigner) -> bytes:
    return AddCheckpoint(old, proof(old, size), signed(checkpoint(size, root), *signers)).encode()


def test_200_gives_cosignatures_of_both_kinds_that_verify(web: httpx.Client, home: Path) -> None:
    for old, size in ((0, 0), (0, 1), (1, 1), (1, 7), (7, 7), (7, 12)):
        answer = post(web, asked(old, size, FIRST, LATER))
        assert answer.status_code == 200, answer.text
        lines = parse_cosignatures(answer.content)
        keys = kept(home)[1]
        text = checkpoint(size).text()
        signatures = verify_note(SignedNote(text, lines), keys)
        assert {each.key for each in signatures} == set(keys)
        assert len({each.at_seconds for each in signatures}) == 1


def test_400_for_what_is_no_request_and_an_old_size_above_the_new_one(web: httpx.Client) -> None:
    whole = asked(5, 11)
    assert post(web, asked(0, 5)).status_code == 200
    for body in (b"", b"old 5\n", whole[:-1], whole.replace(b"old 5", b"old 05"), b"\xff" + whole):
        answer = post(web, body)
        assert answer.status_code == 400
        assert answer.text
    longer = AddCheckpoint(11, (), signed(checkpoint(5))).encode()
    assert post(web, longer).status_code == 400


def test_403_without_a_signature_that_verifies(web: httpx.Client) -> None:
    assert post(web, asked(0, 5, STRANGER)).status_code == 403
    note = signed(checkpoint(5))
    false = SignedNote(checkpoint(6).text(), note.signatures)
    assert post(web, AddCheckpoint(0, (), false).encode()).status_code == 403
    mixed = SignedNote(note.text, (*note.signatures, *signed(checkpoint(6), LATER).signatures))
    assert post(web, AddCheckpoint(0, (), mixed).encode()).status_code == 403


def test_404_for_an_origin_that_it_was_not_told_of(web: httpx.Client) -> None:
    text = Checkpoint("log.example/other", 5, leaf_hash(b"")).text()
    note = SignedNote(text, (FIRST.sign(text),))
    assert post(web, AddCheckpoint(0, (), note).encode()).status_code == 404
    assert web.get(f"/{sha256(b'log.example/other').hexdigest()}/checkpoint").status_code == 404
    assert web.get("/add-checkpoint").status_code == 405
    assert web.get("/").status_code == 404


def test_409_says_the_size_in_the_exact_form(web: httpx.Client) -> None:
    for held, wrong in ((0, 3), (5, 0), (5, 3), (5, 7)):
        if held:
            assert post(web, asked(0, held)).status_code == 200 or wrong != 0
        answer = post(web, asked(wrong, 9))
        assert answer.status_code == 409
        assert answer.content == f"{held}\n".encode()
        assert answer.headers["content-type"] == "text/x.tlog.size"


def test_422_for_proofs_that_do_not_lead_there(web: httpx.Client) -> None:
    assert post(web, request(0, 0, FORK)).status_code == 422
    padded = AddCheckpoint(0, (FORK,), signed(checkpoint(5))).encode()
    assert post(web, padded).status_code == 422
    assert post(web, asked(0, 5)).status_code == 200
    for body in (
        request(5, 11, FORK),
        request(5, 5, FORK),
        AddCheckpoint(5, (), signed(checkpoint(11))).encode(),
        AddCheckpoint(5, (*proof(5, 11), FORK), signed(checkpoint(11))).encode(),
        AddCheckpoint(5, proof(5, 10), signed(checkpoint(11))).encode(),
        AddCheckpoint(5, (FORK,), signed(checkpoint(5))).encode(),
    ):
        assert post(web, body).status_code == 422
    assert post(web, asked(5, 11)).status_code == 200


def test_413_for_a_long_request(web: httpx.Client) -> None:
    assert post(web, b"x" * (REQUEST_BYTES_MAX + 1)).status_code == 413
    assert post(web, b"x" * REQUEST_BYTES_MAX).status_code == 400


async def test_408_for_a_slow_request(
    web: httpx.Client, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BODY_SECONDS_MAX", 0.05)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not sent:
            sent.append({})
            return {"type": "http.request", "body": b"old 5", "more_body": True}
        await asyncio.Event().wait()
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(dict(message))

    scope = {"type": "http", "method": "POST", "path": "/add-checkpoint", "headers": []}
    with open_witness(home) as opened:
        await service.witness_app(opened.witness())(scope, receive, send)
    assert sent[1]["status"] == 408


def test_a_monitor_sees_what_was_cosigned_last(web: httpx.Client, home: Path) -> None:
    assert web.get(MONITORED).status_code == 404
    post(web, asked(0, 5, FIRST, LATER, STRANGER))
    post(web, asked(5, 11, FIRST, LATER, STRANGER))
    answer = web.get(MONITORED)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    keys = kept(home)[1]
    note = parse_note(answer.content)
    found = verify_checkpoint(note, ORIGIN, [FIRST.key, LATER.key], keys)
    assert found.checkpoint == checkpoint(11)
    assert {each.key for each in found.cosignatures} == set(keys)
    assert len(note.signatures) == 4
    assert web.get("/health").text == "ok\n"


def test_the_client_and_the_server_understand_each_other(web: httpx.Client, url: str) -> None:
    def ask(old: int, size: int, root: bytes | None = None) -> Cosigned | Conflict | Refused:
        return add_checkpoint(url, old, proof(old, size), signed(checkpoint(size, root)), 10)

    first = ask(0, 5)
    assert isinstance(first, Cosigned)
    assert len(first.signatures) == 2
    assert ask(0, 5) == Conflict(5)
    refused = ask(5, 11, FORK)
    assert isinstance(refused, Refused)
    assert refused.status == 422
    assert refused.text.startswith("proof leads from")


def test_exactly_one_of_conflicting_requests_wins_and_the_others_hear_of_it(
    web: httpx.Client, home: Path
) -> None:
    for old in range(SIZES):
        bodies = [asked(old, old + 1)] * 4
        if old:
            bodies += [request(old, old + 1, FORK)] * 4
        answers: list[httpx.Response] = []
        barrier = threading.Barrier(len(bodies))

        def ask(body: bytes, barrier: threading.Barrier = barrier) -> None:
            with httpx.Client(base_url=web.base_url) as own:
                barrier.wait()
                answers.append(post(own, body))  # noqa: B023

        threads = [threading.Thread(target=ask, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = sorted(answer.status_code for answer in answers)
        assert told.count(200) == 1
        assert set(told) <= {200, 409, 422}
        for answer in answers:
            if answer.status_code == 409:
                assert answer.content == f"{old + 1}\n".encode()
    assert [each.checkpoint for each in kept(home)[0]] == [
        checkpoint(size) for size in range(1, SIZES + 1)
    ]


def test_no_flipped_byte_is_cosigned_with_another_meaning(web: httpx.Client, home: Path) -> None:
    assert post(web, asked(0, 5)).status_code == 200
    data = asked(5, 11, FIRST, STRANGER)
    known_end = data.index(b"\xe2\x80\x94", data.index(b"\xe2\x80\x94") + 1)
    before = kept(home)[0]
    for at in range(known_end):
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert post(web, flipped).status_code in {400, 403, 404, 409, 422}, at
    assert kept(home)[0] == before
    changed = data[:-6] + bytes([data[-6] ^ 1]) + data[-5:]
    assert post(web, changed).status_code == 200
    assert kept(home)[0][-1].checkpoint == checkpoint(11)


def test_restart_fork_rollback_and_adoption_as_its_operator_sees_them(tmp_path: Path) -> None:
    home, backup = tmp_path / "home", tmp_path / "backup.sqlite"
    create(home)
    served = serve(home)
    assert isinstance(add_checkpoint(served.url, 0, (), signed(checkpoint(5)), 10), Cosigned)
    served.end()
    backup.write_bytes((home / "witness.sqlite").read_bytes())
    served = serve(home)
    answer = add_checkpoint(served.url, 5, proof(5, 9), signed(checkpoint(9), FIRST, LATER), 10)
    assert isinstance(answer, Cosigned)
    published = httpx.get(served.url + MONITORED).content
    fork = signed(checkpoint(9, FORK))
    assert isinstance(add_checkpoint(served.url, 9, (), fork, 10), Refused)
    served.end()
    shown = pal("witness", "show", "--home", home, "--lang", "en")
    assert shown.returncode == 1
    assert "witness.fork" in shown.stdout
    assert FORK.hex() in shown.stdout
    assert parse_policy((shown.stdout.partition("log  ")[0] + "quorum none\n").encode()).witnesses

    for name in ("witness.sqlite-wal", "witness.sqlite-shm"):
        (home / name).unlink(missing_ok=True)
    (home / "witness.sqlite").write_bytes(backup.read_bytes())
    note = tmp_path / "checkpoint"
    note.write_bytes(published)
    for said in ("goes on from size 9", "nothing new"):
        adopted = pal("witness", "adopt", note, "--home", home, "--lang", "en")
        assert adopted.returncode == 0, adopted.stderr
        assert said in adopted.stdout
    note.write_bytes(SignedNote(fork.text, fork.signatures).encode())
    assert pal("witness", "adopt", note, "--home", home).returncode == 6
    served = serve(home)
    assert add_checkpoint(served.url, 5, proof(5, 9), fork, 10) == Conflict(9)
    served.end()


def test_a_home_is_made_once_and_refused_where_it_is_not_whole(tmp_path: Path) -> None:
    home = tmp_path / "home"
    key = FIRST.key.text()
    for words, code in (
        (["witness.example/w1"], 5),
        (["bad name", "--log", key], 5),
        (["witness.example/w1", "--log", key[:-1]], 3),
        (["witness.example/w1", "--log", key, "--log", key], 3),
        (["witness.example/w1", "--policy", tmp_path / "none.txt"], 2),
    ):
        assert pal("witness", "create", *words, "--home", home).returncode == code, words
        assert not (home / "witness.sqlite").exists()
    assert pal("witness", "show", "--home", home).returncode == 2
    home = tmp_path / "made"
    create(home)
    assert pal("witness", "create", "w2", "--home", home, "--log", key).returncode == 5
    policy = (home / "policy.txt").read_text()
    other = tmp_path / "other"
    made = pal("witness", "create", "w2", "--home", other, "--policy", home / "policy.txt")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("witness w2/ed25519 w2+")
    (home / "policy.txt").write_bytes((other / "policy.txt").read_bytes())
    assert pal("witness", "show", "--home", home).returncode == 5
    (home / "policy.txt").write_text(policy)
    key_file = home / "keys" / "note-witness.key"
    key_file.chmod(0o644)
    assert pal("witness", "show", "--home", home).returncode == 5
    key_file.chmod(0o600)
    (home / "witness.sqlite").unlink()
    gone = pal("witness", "serve", "--home", home, "--port", 0)
    assert gone.returncode == 5
    assert "never start it empty" in gone.stderr
    assert str(REPOSITORY) not in gone.stderr
    assert EMPTY_ROOT.hex() not in gone.stdout
