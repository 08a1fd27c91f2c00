"""The SQLite log: both doors, restarts, a second writer on the same file, and what it refuses."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.adapters import sqlite_checks
from ledger.adapters.sqlite_log import SqliteLog
from ledger.adapters.sqlite_table import LogFileError
from ledger.adapters.sqlite_verify import verify_file
from ledger.app.genesis import genesis_entry
from ledger.app.submission import (
    Recorded,
    Refused,
    SignedAction,
    Submission,
    UnavailableError,
)
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.chain import EMPTY_STREAM, Head, StreamHead
from ledger.core.findings import FindingError, Verdict
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import decode_entry
from ledger.entry.signatures import SigningKey

AT = "2026-03-02T08:00:00.000000Z"
KEY = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
GENESIS = genesis_entry(
    "ledger.example/unit", 0, 1, [KEY.enrolled()], KEY, uuid7_text(0, bytes(10)), AT, "0" * 64
)
ORIGIN = "ledger.example/unit/0"
LEAF = leaf_hash(GENESIS).hex()


def submission(*numbers: int, stream: str = "dossier:a", note: str = "") -> Submission:
    kind = stream.partition(":")[0]
    actions = [
        Action(
            id=uuid7_text(n, sha256(b"%d" % n).digest()),
            type=f"{kind}.submitted.v1",
            stream=stream,
            occurred_at=OccurredAt(AT, "second"),
            actor=Actor(kind="officer", id="C-0092"),
            data={"note": note},
        )
        for n in numbers
    ]
    bodies = [encode_action(action) for action in actions]
    return Submission(
        tuple(
            SignedAction(a.id, a.stream, a.type, body, sigs)
            for a, body, sigs in zip(actions, bodies, KEY.sign(bodies), strict=True)
        )
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog.create(path, GENESIS)) as opened:
        yield opened


def indexes(answer: object) -> list[int]:
    assert isinstance(answer, Recorded), answer
    return [place.index for place in answer.places]


def test_a_new_log_holds_its_genesis(log: SqliteLog) -> None:
    assert log.origin == ORIGIN
    assert log.head() == (1, LEAF)
    assert [(r.position, r.data) for r in log.read(0, 10)] == [(0, GENESIS)]
    assert log.stream_head("dossier:a") == EMPTY_STREAM
    assert log.notification_count() == 0
    assert list(log.notifications(1, None, 10)) == []


def test_what_was_answered_is_there_after_a_restart(log: SqliteLog, path: Path) -> None:
    answers = log.submit([submission(1, 2), submission(3, stream="dossier:b")])
    assert [indexes(answer) for answer in answers] == [[1, 2], [3]]
    log.close()
    with closing(SqliteLog.open(path, ORIGIN, genesis_leaf=LEAF)) as again:
        assert again.head().size == 4
        place = again.place_of(submission(2).actions[0].id)
        assert place == answers[0].places[1]  # type: ignore[union-attr]
        assert again.stream_head("dossier:a") == StreamHead(2, place.leaf)
        versions = [
            decode_entry(data).seal.version for data in again.stream_entries("dossier:a", desc=True)
        ]
        assert versions == [2, 1]
        assert len(again.stream_entries("dossier:a", after=1)) == 1
        assert len(again.stream_entries("dossier:a", until=1)) == 1
        assert len(again.stream_entries("dossier:a", limit=1)) == 1
        assert indexes(again.submit([submission(4)])[0]) == [4]
        assert verify_file(path, genesis_leaf=LEAF).verdict is Verdict.PASSED


@pytest.mark.parametrize("door", ["reader", "writer"])
def test_a_log_that_grows_while_it_is_opened_is_not_found_inconsistent(
    log: SqliteLog, path: Path, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    read_head, grown = sqlite_checks.read_head_row, list[int]()
    opened = SqliteLog.open(path, ORIGIN, genesis_leaf=LEAF)

    def read_then_grow(connection: sqlite3.Connection) -> Head | None:
        head = read_head(connection)
        if not grown:
            # Another process records between the two questions.
            grown.append(1)
            log.submit([submission(1)])
        return head

    log.submit([submission(0)])
    monkeypatch.setattr(sqlite_checks, "read_head_row", read_then_grow)
    if door == "reader":
        SqliteLog.open(path, ORIGIN, genesis_leaf=LEAF).close()
    else:
        assert indexes(opened.submit([submission(2)])[0]) == [3]
    opened.close()
    assert grown
    assert verify_file(path, genesis_leaf=LEAF).verdict is Verdict.PASSED


def test_one_id_has_one_answer_and_other_bytes_are_refused(log: SqliteLog) -> None:
    (first,) = log.submit([submission(1)])
    (again,) = log.submit([submission(1)])
    assert isinstance(first, Recorded)
    assert isinstance(again, Recorded)
    assert (again.places, first.new, again.new) == (first.places, 1, 0)
    (other,) = log.submit([submission(1, note="đã sửa")])
    assert isinstance(other, Refused)
    assert other.code == "action.id_reused"
    assert log.head().size == 2


async def test_the_asynchronous_door_under_many_callers(log: SqliteLog) -> None:
    answers = await asyncio.gather(*(log.append(submission(n)) for n in range(1, 101)))
    assert sorted(index for answer in answers for index in indexes(answer)) == list(range(1, 101))
    assert log.head().size == 101


async def test_a_cancelled_caller_hurts_nobody(log: SqliteLog) -> None:
    tasks = [asyncio.create_task(log.append(submission(n))) for n in range(1, 21)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(answer, Recorded) for answer in answers[1::2])
    (again,) = log.submit([submission(1)])
    assert isinstance(again, Recorded)


def test_threads_share_one_log(log: SqliteLog, path: Path) -> None:
    def write(stream: int) -> None:
        for n in range(20):
            log.submit([submission(1 + stream * 20 + n, stream=f"dossier:{stream}")])

    threads = [threading.Thread(target=write, args=(stream,)) for stream in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.head().size == 161
    assert verify_file(path, genesis_leaf=LEAF).verdict is Verdict.PASSED


def test_two_writers_of_one_file_make_one_chain(log: SqliteLog, path: Path) -> None:
    with closing(SqliteLog.open(path, genesis_leaf=LEAF)) as other:
        for n in range(1, 40, 2):
            log.submit([submission(n)])
            other.submit([submission(n + 1)])
            assert log.head() == other.head()
            assert log.stream_head("dossier:a") == other.stream_head("dossier:a")
        (again,) = log.submit([submission(2)])
        assert isinstance(again, Recorded)
        assert again.new == 0
    assert verify_file(path, genesis_leaf=LEAF).verdict is Verdict.PASSED


def test_notifications_leave_out_the_logs_own_stream(log: SqliteLog, path: Path) -> None:
    own = f"ledger:{ORIGIN}"
    for n in range(1, 13):
        log.submit([submission(n, stream=own if n % 4 == 1 else "dossier:a")])
        with closing(SqliteLog.open(path)) as reader:
            for each in (log, reader):
                assert each.notification_count() == n - (n + 3) // 4
    found = log.notifications(1, None, 100)
    assert [number for number, _ in found] == list(range(1, 10))
    places = [decode_entry(data).seal.index for _, data in found]
    assert places == [2, 3, 4, 6, 7, 8, 10, 11, 12]
    assert [log.notification_id(index) for index in places] == list(range(1, 10))
    for start in range(1, 11):
        for stop in (*range(1, 11), None):
            for limit in (0, 2, 50):
                expected = [item for item in found if start <= item[0] <= (stop or 99)][:limit]
                assert list(log.notifications(start, stop, limit)) == expected


def test_growth_wakes_a_waiter(log: SqliteLog, path: Path) -> None:
    assert not log.wait_beyond(1, 0.01)
    assert log.wait_beyond(0, 0)
    with closing(SqliteLog.open(path)) as reader:
        writer = threading.Thread(target=lambda: log.submit([submission(1)]))
        writer.start()
        assert reader.wait_for_growth(1, 10)
        assert log.wait_for_growth(1, 10)
        writer.join()


def test_closing_is_final_and_may_be_repeated(log: SqliteLog) -> None:
    log.submit([submission(1)])
    log.close()
    log.close()
    with pytest.raises(UnavailableError, match="closed"):
        log.submit([submission(2)])
    with pytest.raises(UnavailableError, match="closed"):
        log.head()
    assert not log.wait_beyond(100, 10)


def test_a_clock_behind_the_head_is_refused_at_the_first_write(path: Path) -> None:
    late = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with closing(SqliteLog.create(path, GENESIS, now=lambda: late)) as log:
        log.submit([submission(1)])
    early = late - timedelta(seconds=6)
    with closing(SqliteLog.open(path, now=lambda: early)) as log:
        with pytest.raises(UnavailableError, match="clock"):
            log.submit([submission(2)])
        assert log.head().size == 2
    near = late - timedelta(seconds=4)
    with closing(SqliteLog.open(path, now=lambda: near)) as log:
        log.submit([submission(2)])
        last = decode_entry(log.read(2, 1)[0].data or b"")
        assert last.seal.recorded_at == "2026-03-02T09:00:00.000001Z"


def test_a_locked_file_is_unavailable_and_then_recovers(
    log: SqliteLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.adapters.sqlite_table.LOCK_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="nothing was recorded"):
            log.submit([submission(1)])
        other.execute("ROLLBACK")
    assert indexes(log.submit([submission(1)])[0]) == [1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE head SET size = 5", "store.head_mismatch"),
        ("DELETE FROM entry WHERE idx = 2", "store.head_mismatch"),
        ("UPDATE entry SET data = CAST(data || ' ' AS BLOB) WHERE idx = 2", "store.head_mismatch"),
        (
            "UPDATE entry SET data = CAST(data || ' ' AS BLOB) WHERE idx = 0",
            "trust.genesis_mismatch",
        ),
    ],
)
def test_an_end_that_was_changed_stops_the_opening(
    log: SqliteLog, path: Path, change: str, code: str
) -> None:
    log.submit([submission(1, 2)])
    log.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(change)
    with pytest.raises(FindingError) as caught:
        SqliteLog.open(path, genesis_leaf=LEAF)
    assert caught.value.finding.code == code
    assert caught.value.finding.next_step


def test_another_log_is_not_opened_in_the_place_of_the_pinned_one(log: SqliteLog) -> None:
    with pytest.raises(FindingError, match="another log"):
        SqliteLog.open(log.path, "ledger.example/other/0")
    with pytest.raises(FindingError, match=r"trust\.genesis_mismatch"):
        SqliteLog.open(log.path, genesis_leaf="0" * 64)


def test_an_open_writer_stops_when_its_history_was_cut(log: SqliteLog, path: Path) -> None:
    log.submit([submission(1, 2)])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM entry WHERE idx = 2")
        connection.execute(
            "UPDATE head SET size = 2, leaf = (SELECT leaf FROM entry WHERE idx = 1)"
        )
    with pytest.raises(UnavailableError, match=r"log\.overwritten"):
        log.submit([submission(3)])


def test_changed_bytes_are_given_to_nobody(log: SqliteLog, path: Path) -> None:
    log.submit([submission(1, 2)])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE entry SET data = CAST(data || ' ' AS BLOB) WHERE idx = 1")
    with pytest.raises(FindingError, match=r"store\.leaf_mismatch"):
        log.stream_entries("dossier:a")


def test_files_that_are_no_log(tmp_path: Path, log: SqliteLog) -> None:
    with pytest.raises(LogFileError, match="no log at"):
        SqliteLog.open(tmp_path / "absent.sqlite")
    assert not (tmp_path / "absent.sqlite").exists()
    text = tmp_path / "text.sqlite"
    text.write_text("not a database, but long enough to be looked at" * 50)
    with pytest.raises(LogFileError):
        SqliteLog.open(text)
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE entry (idx)")
    with pytest.raises(LogFileError, match="no log of this ledger"):
        SqliteLog.open(tmp_path / "other.sqlite")
    with pytest.raises(LogFileError, match="exists already"):
        SqliteLog.create(log.path, GENESIS)
