"""kill -9 of a witness at each of its writes: what it answered is on the disk, and no two of its
cosignatures, answered or not, contradict each other."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from consumers.witness_home import open_witness
from ledger.adapters.http_post import RemoteUnavailableError
from ledger.adapters.witness_client import Cosigned, add_checkpoint
from ledger.app.submission import LedgerError
from ledger.core.findings import FindingError
from ledger.core.merkle import leaf_hash
from ledger.core.note import NoteSignature, SignedNote
from ledger.core.witness import AddCheckpoint
from ledger.entry.note_keys import verify_checkpoint
from ledger.entry.witness_rules import Cosigned as Kept
from ledger.entry.witness_rules import Status
from tests.integration.commands import command
from tests.integration.kill_at_write import Point, needs_strace, points_of, start
from tests.integration.witnesses import create, kept, serve
from tests.unit.test_witness_rules import FIRST, LATER, ORIGIN, asked, checkpoint, proof, signed

pytestmark = needs_strace

STEPS = ((5, 7), (7, 9))
FORK = leaf_hash(b"fork")
FILES = ("witness.sqlite-wal", "witness.sqlite", "")
"""Whose writes are points of their own: two threads write the one and the other; "" is for what is
sent."""
Answer = tuple[int, tuple[NoteSignature, ...]]


def ask(home: Path, trace: Path, point: Point | None, path: str = "") -> tuple[int, list[Answer]]:
    """Serve the witness and ask it for each step; its exit code and what it answered with 200."""
    served = serve(home, trace, point, path)
    answers: list[Answer] = []
    try:
        for old, size in STEPS if served.url else ():
            note = signed(checkpoint(size), FIRST, LATER)
            answer = add_checkpoint(served.url, old, proof(old, size), note, 10)
            if isinstance(answer, Cosigned):
                answers.append((size, answer.signatures))
    except RemoteUnavailableError:
        assert point is not None
    return served.end(), answers


def check_home(home: Path, answers: list[Answer]) -> None:
    """What a restart finds: every answer, no fork, and it goes on from there."""
    history, keys = kept(home)
    sizes = [each.checkpoint.size for each in history]
    assert sizes in ([5], [5, 7], [5, 7, 9])
    for each in history:
        assert each.checkpoint == checkpoint(each.checkpoint.size)
        found = verify_checkpoint(each.note, ORIGIN, [FIRST.key, LATER.key], keys)
        assert {signed.key for signed in found.cosignatures} == set(keys)
    for size, lines in answers:
        note = SignedNote(checkpoint(size).text(), lines)
        assert [each.note.signatures[-2:] for each in history if each.checkpoint.size == size] == [
            note.signatures
        ]
    with open_witness(home) as opened:
        witness = opened.witness()
        fork = signed(checkpoint(sizes[-1], FORK))
        refused = witness.add_checkpoint(AddCheckpoint(0, (), fork).encode())
        assert getattr(refused, "status", None) is Status.OTHER_SIZE
        assert isinstance(witness.add_checkpoint(asked(sizes[-1], 12)), Kept)


def test_a_witness_killed_at_each_write_never_contradicts_itself(tmp_path: Path) -> None:
    made = tmp_path / "made"
    create(made)
    with open_witness(made) as opened:
        assert isinstance(opened.witness().add_checkpoint(asked(0, 5, FIRST, LATER)), Kept)

    def copy(name: str) -> Path:
        return Path(shutil.copytree(made, tmp_path / name))

    points: list[Point] = []
    for number, file in enumerate(FILES):
        home, trace = copy(f"whole-{number}"), tmp_path / f"trace-{number}"
        where = str(home / file) if file else ""
        assert ask(home, trace, None, where)[0] == 130
        found = points_of(trace, file)
        points += found if file else [point for point in found if point.call == "sendto"]
    assert {point.call for point in points} >= {"pwrite64", "fdatasync", "sendto"}

    def kill(numbered: tuple[int, Point]) -> None:
        number, point = numbered
        home = copy(f"killed-{number}")
        at = point._replace(path=str(home / point.path)) if point.path else point
        code, answers = ask(home, tmp_path / f"trace-killed-{number}", at)
        # How often a thread wakes another one, by a socket too, is not the same in each run.
        assert code == -9 or point.call == "sendto", point
        check_home(home, answers)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(kill, enumerate(points)))


def test_a_creation_killed_at_each_write_leaves_a_whole_witness_or_none(tmp_path: Path) -> None:
    def made(name: str, point: Point | None) -> tuple[Path, int]:
        home = tmp_path / name
        words = command("witness", "create", "witness.example/w1", "--home", home)
        words += ["--log", FIRST.key.text(), "--log", LATER.key.text()]
        process = start(words, tmp_path / f"{name}-trace", point)
        process.communicate()
        return home, process.returncode

    def kill(numbered: tuple[int, Point]) -> bool:
        number, point = numbered
        home, code = made(f"killed-{number}", point)
        assert code == -9, point
        home.mkdir(exist_ok=True)
        try:
            with open_witness(home) as opened:
                return isinstance(opened.witness().add_checkpoint(asked(0, 5)), Kept)
        except (LedgerError, FindingError):
            policy = home / "policy.txt"
            assert not policy.exists() or not policy.stat().st_size
            return False

    assert made("whole", None)[1] == 0
    points = points_of(tmp_path / "whole-trace")
    with ThreadPoolExecutor(2) as pool:
        assert {True, False} == set(pool.map(kill, enumerate(points)))
