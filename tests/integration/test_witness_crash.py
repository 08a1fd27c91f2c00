"""kill -9 of a witness at each of its writes: what it answered is on the disk, and no two of its
cosignatures, answered or not, contradict each other."""

from __future__ import annotations

import shutil
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
    made, home, trace = tmp_path / "made", tmp_path / "home", tmp_path / "trace"
    create(made)
    with open_witness(made) as opened:
        assert isinstance(opened.witness().add_checkpoint(asked(0, 5, FIRST, LATER)), Kept)

    def fresh() -> None:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(made, home)

    points: list[Point] = []
    for path in ("witness.sqlite-wal", "witness.sqlite", ""):
        fresh()
        where = str(home / path) if path else ""
        code, answers = ask(home, trace, None, where)
        assert (code, len(answers)) == (130, len(STEPS))
        found = points_of(trace, where)
        points += found if path else [point for point in found if point.call == "sendto"]
    assert {point.call for point in points} >= {"pwrite64", "fdatasync", "sendto"}
    for point in points:
        fresh()
        code, answers = ask(home, trace, point)
        assert code == -9, point
        check_home(home, answers)


def test_a_creation_killed_at_each_write_leaves_a_whole_witness_or_none(tmp_path: Path) -> None:
    home, trace = tmp_path / "home", tmp_path / "trace"
    words = command("witness", "create", "witness.example/w1", "--home", home)
    words += ["--log", FIRST.key.text(), "--log", LATER.key.text()]
    process = start(words, trace, None)
    process.communicate()
    assert process.returncode == 0
    whole = 0
    for point in points_of(trace):
        shutil.rmtree(home)
        process = start(words, trace, point)
        process.communicate()
        assert process.returncode == -9, point
        home.mkdir(exist_ok=True)
        try:
            with open_witness(home) as opened:
                assert isinstance(opened.witness().add_checkpoint(asked(0, 5)), Kept)
                whole += 1
        except (LedgerError, FindingError):
            assert not (home / "policy.txt").exists() or not (home / "policy.txt").stat().st_size
    assert whole
