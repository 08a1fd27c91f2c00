"""A witness's file: one step of deciding and keeping, what stays, forks, and a rollback."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.workers.witness import Witness
from ledger.adapters.witness_store import FORKS_MAX, WitnessStore, WitnessStoreError
from ledger.core.checkpoint import Checkpoint
from ledger.core.merkle import leaf_hash
from ledger.core.note import NoteError, SignedNote
from ledger.core.witness import AddCheckpoint
from ledger.entry.note_keys import NoteSignatureError
from ledger.entry.witness_rules import Cosigned, Refusal, Status
from tests.unit.test_witness_rules import (
    FIRST,
    LATER,
    LOGS,
    ORIGIN,
    SIZES,
    STRANGER,
    WITNESS,
    asked,
    checkpoint,
    proof,
    signed,
)


class Clock:
    """A clock that stands still until it is set."""

    at_seconds = 1_000

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_seconds, UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "witness.sqlite"


@pytest.fixture
def store(path: Path) -> WitnessStore:
    return WitnessStore.create(path)


def witness_of(store: WitnessStore, clock: Clock | None = None) -> Witness:
    return Witness([WITNESS], LOGS, store, (clock or Clock()).now)


def cosigned(answer: Cosigned | Refusal) -> Cosigned:
    assert isinstance(answer, Cosigned), answer
    return answer


def test_what_was_cosigned_stays_and_is_found_again(store: WitnessStore, path: Path) -> None:
    clock = Clock()
    witness = witness_of(store, clock)
    for old, size in ((0, 1), (1, 5), (5, 12)):
        clock.at_seconds += 1
        answer = cosigned(witness.add_checkpoint(asked(old, size, FIRST, LATER, STRANGER)))
        assert answer.checkpoint == checkpoint(size)
        assert [line.name for line in answer.note.signatures] == [ORIGIN, ORIGIN, WITNESS.key.name]
        assert witness.cosignatures(answer).count(b"\n") == 1
    store.close()
    with WitnessStore.open(path) as again:
        assert [each.checkpoint.size for each in again.history(ORIGIN)] == [1, 5, 12]
        latest = again.latest(ORIGIN)
        assert latest is not None
        assert (latest.checkpoint, latest.at_seconds) == (checkpoint(12), 1_003)
        assert again.latest("log.example/1") is None
        refused = witness_of(again, clock).add_checkpoint(asked(5, 12))
        assert isinstance(refused, Refusal)
        assert (refused.status, refused.latest_size) == (Status.OTHER_SIZE, 12)


def test_the_same_checkpoint_again_makes_no_row_and_a_later_time(store: WitnessStore) -> None:
    clock = Clock()
    witness = witness_of(store, clock)
    witness.add_checkpoint(asked(0, 5))
    for _ in range(3):
        clock.at_seconds += 10
        cosigned(witness.add_checkpoint(asked(5, 5)))
    (kept,) = store.history(ORIGIN)
    assert kept.at_seconds == 1_030
    clock.at_seconds = 1_029
    answer = witness.add_checkpoint(asked(5, 6))
    assert isinstance(answer, Refusal)
    assert answer.status is Status.UNAVAILABLE
    assert store.history(ORIGIN) == [kept]
    clock.at_seconds = 1_030
    cosigned(witness.add_checkpoint(asked(5, 6)))


def test_a_fork_is_refused_and_kept_as_evidence(store: WitnessStore) -> None:
    witness = witness_of(store)
    cosigned(witness.add_checkpoint(asked(0, 5)))
    cosigned(witness.add_checkpoint(asked(5, 9)))
    forks = [
        AddCheckpoint(old, (), signed(checkpoint(size, leaf_hash(b"fork")))).encode()
        for old, size in ((9, 9), (5, 5), (0, 9))
    ]
    statuses = [witness.add_checkpoint(fork) for fork in forks]
    assert [answer.status for answer in statuses if isinstance(answer, Refusal)] == [
        Status.INCONSISTENT,
        Status.OTHER_SIZE,
        Status.OTHER_SIZE,
    ]
    # Sizes that were never cosigned, and strangers, are no evidence.
    witness.add_checkpoint(
        AddCheckpoint(9, (), signed(checkpoint(10, leaf_hash(b"fork")))).encode()
    )
    witness.add_checkpoint(
        AddCheckpoint(9, (), signed(checkpoint(9, leaf_hash(b"fork")), STRANGER)).encode()
    )
    kept = store.forks(ORIGIN)
    assert [note.text for note in kept] == [
        checkpoint(size, leaf_hash(b"fork")).text() for size in (5, 9)
    ]
    for number in range(FORKS_MAX + 5):
        root = leaf_hash(b"%d" % number)
        witness.add_checkpoint(AddCheckpoint(9, (), signed(checkpoint(9, root))).encode())
    assert len(store.forks(ORIGIN)) == FORKS_MAX
    assert len(store.history(ORIGIN)) == 2


def test_of_conflicting_requests_in_many_threads_and_stores_exactly_one_wins(
    store: WitnessStore, path: Path
) -> None:
    others = [store, *(WitnessStore.open(path) for _ in range(3))]
    witnesses = [witness_of(each) for each in others]

    def race(bodies: list[bytes]) -> list[Cosigned | Refusal]:
        answers: list[Cosigned | Refusal] = []
        start = threading.Barrier(len(bodies))

        def ask(at: int, body: bytes) -> None:
            start.wait()
            answers.append(witnesses[at % len(witnesses)].add_checkpoint(body))

        threads = [threading.Thread(target=ask, args=each) for each in enumerate(bodies)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    old, rounds = 0, 0
    while old < SIZES:
        forked = signed(checkpoint(SIZES, leaf_hash(b"fork %d" % old)))
        bodies = [asked(old, size) for size in range(old + 1, min(old + 3, SIZES) + 1)]
        bodies += [AddCheckpoint(old, proof(old, SIZES), forked).encode()] * (3 if old else 0)
        answers = race(bodies)
        (won,) = [answer for answer in answers if isinstance(answer, Cosigned)]
        assert len(answers) == len(bodies)
        assert won.checkpoint == checkpoint(won.checkpoint.size)
        latest = store.latest(ORIGIN)
        assert latest is not None
        assert latest.checkpoint == won.checkpoint
        old, rounds = won.checkpoint.size, rounds + 1
    assert len(store.history(ORIGIN)) == rounds
    for each in others:
        each.close()


def test_a_rollback_shows_in_what_logs_published_and_adopting_ends_it(
    store: WitnessStore, path: Path, tmp_path: Path
) -> None:
    witness = witness_of(store)
    cosigned(witness.add_checkpoint(asked(0, 5)))
    store.close()
    backup = shutil.copy(path, tmp_path / "backup.sqlite")
    with WitnessStore.open(path) as later:
        published = cosigned(witness_of(later).add_checkpoint(asked(5, 9))).note.encode()
    with WitnessStore.open(Path(backup)) as rolled_back:
        witness = witness_of(rolled_back)
        shown = rolled_back.latest(ORIGIN)
        assert shown is not None
        assert shown.checkpoint.size < 9  # with `published` the proof of the rollback
        assert cosigned(witness.adopt(published)).checkpoint == checkpoint(9)
        forked = AddCheckpoint(5, (), signed(checkpoint(9, leaf_hash(b"fork")))).encode()
        answer = witness.add_checkpoint(forked)
        assert isinstance(answer, Refusal)
        assert (answer.status, answer.latest_size) == (Status.OTHER_SIZE, 9)
        assert len(rolled_back.forks(ORIGIN)) == 1
        again = witness.adopt(published)
        assert isinstance(again, Refusal)
        assert len(rolled_back.history(ORIGIN)) == 2
        cosigned(witness.add_checkpoint(asked(9, 12)))


def test_only_what_this_witness_cosigned_is_adopted(store: WitnessStore) -> None:
    witness = witness_of(store)
    text = checkpoint(9).text()
    line = WITNESS.sign(text, 5)
    for signatures in ((FIRST.sign(text),), (line,), (STRANGER.sign(text), line)):
        with pytest.raises(NoteSignatureError):
            witness.adopt(SignedNote(text, signatures).encode())
    false = SignedNote(text, (FIRST.sign(text), WITNESS.sign(checkpoint(8).text(), 5)))
    with pytest.raises(NoteSignatureError):
        witness.adopt(false.encode())
    with pytest.raises(NoteError):
        witness.adopt(b"no note")
    other = Checkpoint("log.example/1", 9, leaf_hash(b"")).text()
    with pytest.raises(NoteSignatureError):
        witness.adopt(SignedNote(other, (WITNESS.sign(other, 5),)).encode())
    assert store.history(ORIGIN) == []
    cosigned(witness.adopt(SignedNote(text, (FIRST.sign(text), line)).encode()))


def test_a_file_that_is_missing_foreign_or_damaged_is_refused(
    store: WitnessStore, path: Path, tmp_path: Path
) -> None:
    with pytest.raises(WitnessStoreError, match="exists already"):
        WitnessStore.create(path)
    with pytest.raises(WitnessStoreError, match="no file of a witness"):
        WitnessStore.open(tmp_path / "none.sqlite")
    foreign = tmp_path / "foreign.sqlite"
    sqlite3.connect(foreign).close()
    with pytest.raises(WitnessStoreError):
        WitnessStore.open(foreign)
    foreign.write_bytes(b"no database at all" * 100)
    with pytest.raises(WitnessStoreError):
        WitnessStore.open(foreign)
    cosigned(witness_of(store).add_checkpoint(asked(0, 5)))
    other = sqlite3.connect(path)
    other.execute("UPDATE cosigned SET root = ?", (leaf_hash(b"another"),))
    other.commit()
    with pytest.raises(WitnessStoreError, match="do not fit their note"):
        witness_of(store).add_checkpoint(asked(5, 9))
    other.close()
    store.close()


def test_nothing_is_answered_that_was_not_written(store: WitnessStore, path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute(
        "CREATE TRIGGER full BEFORE INSERT ON cosigned BEGIN SELECT RAISE(ABORT, 'x'); END"
    )
    other.commit()
    with pytest.raises(WitnessStoreError):
        witness_of(store).add_checkpoint(asked(0, 5))
    other.execute("DROP TRIGGER full")
    other.commit()
    other.close()
    assert store.history(ORIGIN) == []
    cosigned(witness_of(store).add_checkpoint(asked(0, 5)))
    store.check()
    store.close()
