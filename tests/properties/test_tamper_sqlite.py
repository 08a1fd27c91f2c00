"""Whatever one changes in the log's file, verification fails and names the first bad index."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.adapters import sqlite_verify, verify_process
from ledger.adapters.sqlite_log import SqliteLog
from ledger.adapters.sqlite_verify import verify_file
from ledger.app.genesis import genesis_entry
from ledger.app.submission import SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.chain import Head
from ledger.core.findings import Verdict
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import decode_entry
from ledger.entry.signatures import SigningKey
from ledger.entry.verify import SeenHead, Verification

AT = "2026-03-02T08:00:00.000000Z"
LEDGER = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
SOURCE = SigningKey("source-1", Ed25519PrivateKey.from_private_bytes(b"\x01" * 32), "source")
SIZE = 24
STORED = ("leaf", "stream", "version", "action_id", "data")


def make_submission(first: int, count: int) -> Submission:
    actions = [
        Action(
            id=uuid7_text(1_772_000_000_000 + n, sha256(b"%d" % n).digest()),
            type="dossier.custody_accepted.v1",
            stream=f"dossier:H26.{n % 4}",
            occurred_at=OccurredAt(AT, "second"),
            actor=Actor(kind="officer", id="C-0092"),
            data={"note": f"Phường Đống Đa, bước {n}"},
        )
        for n in range(first, first + count)
    ]
    bodies = [encode_action(action) for action in actions]
    return Submission(
        tuple(
            SignedAction(action.id, action.stream, action.type, body, sigs)
            for action, body, sigs in zip(actions, bodies, SOURCE.sign(bodies), strict=True)
        )
    )


def write_log(path: Path) -> tuple[str, Head]:
    """A log of `SIZE` entries in submissions of 1 to 4; its genesis leaf and head."""
    clock = iter(datetime(2026, 3, 2, 8, tzinfo=UTC) + timedelta(seconds=n) for n in range(100))
    keys = [LEDGER.enrolled(), SOURCE.enrolled()]
    genesis = genesis_entry(
        "ledger.example/tamper", 0, 1, keys, LEDGER, uuid7_text(0, bytes(10)), AT, "0" * 64
    )
    log = SqliteLog.create(path, genesis, now=lambda: next(clock))
    first, count = 1, 1
    while first < SIZE:
        count = min(first % 4 + 1, SIZE - first)
        log.submit([make_submission(first, count)])
        first += count
    head = log.head()
    log.close()
    return leaf_hash(genesis).hex(), head


class Original:
    """The untouched file, its pins, and a copy for each example."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.sqlite"
        self.genesis_leaf, self.head = write_log(self.path)
        self.copy = folder / "copy.sqlite"

    def connect(self) -> sqlite3.Connection:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.copy}{suffix}").unlink(missing_ok=True)
        shutil.copy(self.path, self.copy)
        return sqlite3.connect(self.copy, isolation_level=None)

    def verify(self, **options: object) -> Verification:
        """What is found row by row, which must be what is found part by part, wherever one ends."""
        found = verify_file(self.copy, genesis_leaf=self.genesis_leaf, **options)  # type: ignore[arg-type]
        for entries in (5, 100):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(verify_process, "FEW_ENTRIES_MAX", 0)
                patch.setattr(verify_process, "PART_ENTRIES", entries)
                patch.setattr(verify_process, "processes", lambda: 0)
                if entries == 5:
                    # Parts that end within a submission too.
                    patch.setattr(sqlite_verify, "begins_submission", lambda _: False)
                parts = verify_file(self.copy, genesis_leaf=self.genesis_leaf, **options)  # type: ignore[arg-type]
            if found.verdict is not Verdict.PASSED:
                # Where a submission is judged twice, its signature is verified twice.
                assert parts.signatures >= found.signatures
                parts = replace(parts, signatures=found.signatures, steps=found.steps)
            assert parts == found
        return found


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original(tmp_path_factory.mktemp("tamper"))


example = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def assert_failed(verification: Verification, first_bad_index: int) -> None:
    assert verification.verdict is Verdict.FAILED, verification.findings
    assert verification.first_bad_index == first_bad_index, verification.findings[:3]


def test_the_untouched_log_passes_only_with_a_pin(original: Original) -> None:
    original.connect().close()
    verification = original.verify(expect=original.head)
    assert verification.verdict is Verdict.PASSED, verification.findings
    assert (verification.entries, verification.links, verification.voids) == (SIZE, SIZE, 0)
    assert verification.stream_links == SIZE
    assert 1 < verification.signatures < SIZE
    assert verification.first_bad_index == -1
    assert [step.number for step in verification.steps] == [1, 2, 3, 4, 5, 6, 7]
    assert original.verify().verdict is Verdict.PASSED
    assert verify_file(original.copy).verdict is Verdict.INDETERMINATE
    assert verify_file(original.copy, expect=original.head).verdict is Verdict.PASSED


@example
@given(data=st.data())
def test_one_changed_byte_of_any_stored_value(original: Original, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, SIZE - 1), "index")
    column = data.draw(st.sampled_from(STORED), "column")
    with closing(original.connect()) as connection:
        (value,) = connection.execute(
            f"SELECT {column} FROM entry WHERE idx = ?", (index,)
        ).fetchone()
        changed: object
        if isinstance(value, int):
            changed = value + data.draw(st.sampled_from((-1, 1, 100)), "difference")
        else:
            raw = bytearray(value.encode() if isinstance(value, str) else value)
            at = data.draw(st.integers(0, len(raw) - 1), "at")
            raw[at] ^= data.draw(st.integers(1, 127 if isinstance(value, str) else 255), "mask")
            changed = raw.decode() if isinstance(value, str) else bytes(raw)
        try:
            connection.execute(f"UPDATE entry SET {column} = ? WHERE idx = ?", (changed, index))
        except sqlite3.IntegrityError:
            # The unique index would not have it: whoever changes the file removes the index first.
            connection.execute("DROP INDEX entry_stream")
            connection.execute("DROP INDEX entry_action")
            connection.execute(f"UPDATE entry SET {column} = ? WHERE idx = ?", (changed, index))
    assert_failed(original.verify(), index)


@pytest.mark.parametrize("index", range(1, SIZE))
def test_one_bad_entry_is_named_where_it_lies_and_nowhere_else(
    original: Original, index: int
) -> None:
    """The entry itself, the link behind it, and the next of its own stream; no other dossier."""
    with closing(original.connect()) as connection:
        (data,) = connection.execute("SELECT data FROM entry WHERE idx = ?", (index,)).fetchone()
        rows = connection.execute("SELECT idx, stream FROM entry ORDER BY idx").fetchall()
        at = data.rindex(b"C-0092")
        changed = data[:at] + b"C-0093" + data[at + 6 :]
        connection.execute("UPDATE entry SET data = ? WHERE idx = ?", (changed, index))
    found = {(finding.code, finding.index) for finding in original.verify().findings}
    stream = dict(rows)[index]
    following = [idx for idx, other in rows if idx > index and other == stream][:1]
    expected = {("store.leaf_mismatch", index), ("signature.invalid", index)}
    expected |= {("chain.link_mismatch", index + 1)} if index + 1 < SIZE else set()
    expected |= {("chain.stream_link_mismatch", idx) for idx in following}
    expected |= {("store.head_mismatch", SIZE - 1)} if index == SIZE - 1 else set()
    assert found == expected


@pytest.mark.parametrize("index", range(1, SIZE - 1))
def test_a_missing_row_is_named_once_for_the_log_and_once_for_its_stream(
    original: Original, index: int
) -> None:
    with closing(original.connect()) as connection:
        rows = connection.execute("SELECT idx, stream FROM entry ORDER BY idx").fetchall()
        connection.execute("DELETE FROM entry WHERE idx = ?", (index,))
    found = [(finding.code, finding.index) for finding in original.verify().findings]
    following = [idx for idx, other in rows if idx > index and other == dict(rows)[index]][:1]
    assert found == [
        ("chain.index_missing", index),
        *[("chain.version_mismatch", idx) for idx in following],
    ]


@example
@given(index=st.integers(0, SIZE - 1), close=st.booleans(), head=st.booleans())
def test_a_dropped_row(original: Original, index: int, close: bool, head: bool) -> None:
    """Left open or closed up, and with a head row that was adjusted or not."""
    with closing(original.connect()) as connection:
        connection.execute("DELETE FROM entry WHERE idx = ?", (index,))
        if close:
            connection.execute("UPDATE entry SET idx = -idx WHERE idx > ?", (index,))
            connection.execute("UPDATE entry SET idx = -idx - 1 WHERE idx < 0")
        if head:
            (leaf,) = connection.execute(
                "SELECT leaf FROM entry ORDER BY idx DESC LIMIT 1"
            ).fetchone()
            connection.execute("UPDATE head SET size = ?, leaf = ?", (SIZE - 1, leaf))
    assert_failed(original.verify(expect=original.head), index)


@example
@given(indexes=st.lists(st.integers(0, SIZE - 1), min_size=2, max_size=2, unique=True))
def test_two_swapped_rows(original: Original, indexes: list[int]) -> None:
    one, other = sorted(indexes)
    with closing(original.connect()) as connection:
        for old, new in ((one, -1), (other, one), (-1, other)):
            connection.execute("UPDATE entry SET idx = ? WHERE idx = ?", (new, old))
    assert_failed(original.verify(), one)


@example
@given(index=st.integers(0, SIZE), source=st.integers(0, SIZE - 1))
def test_an_inserted_row(original: Original, index: int, source: int) -> None:
    with closing(original.connect()) as connection:
        connection.execute("DROP INDEX entry_stream")
        connection.execute("DROP INDEX entry_action")
        connection.execute("UPDATE entry SET idx = -idx WHERE idx >= ? AND idx > 0", (index,))
        connection.execute("UPDATE entry SET idx = -1000 WHERE idx = 0 AND ? = 0", (index,))
        connection.execute("UPDATE entry SET idx = 1 WHERE idx = -1000")
        connection.execute("UPDATE entry SET idx = -idx + 1 WHERE idx < 0")
        position = source + (source >= index)
        connection.execute(
            "INSERT INTO entry SELECT ?, leaf, stream, version, action_id, data"
            " FROM entry WHERE idx = ?",
            (index, position),
        )
        connection.execute("UPDATE head SET size = size + 1")
    # A copy of the very entry in front of itself: the second of the two is the one too many.
    assert_failed(original.verify(), index + (source == index))


@example
@given(index=st.integers(1, SIZE - 2))
def test_a_row_rewritten_with_its_leaf_and_columns_breaks_the_next_link(
    original: Original, index: int
) -> None:
    with closing(original.connect()) as connection:
        (data,) = connection.execute("SELECT data FROM entry WHERE idx = ?", (index,)).fetchone()
        recorded_at = decode_entry(data).seal.recorded_at.encode()
        changed = data.replace(recorded_at, recorded_at[:-2] + b"9Z", 1)
        assert changed != data
        connection.execute(
            "UPDATE entry SET data = ?, leaf = ? WHERE idx = ?",
            (changed, leaf_hash(changed), index),
        )
    assert_failed(original.verify(), index + 1)


@pytest.mark.parametrize("kept", range(1, SIZE))
def test_a_cut_tail_shows_where_a_higher_head_was_seen(original: Original, kept: int) -> None:
    with closing(original.connect()) as connection:
        connection.execute("DELETE FROM entry WHERE idx >= ?", (kept,))
        (leaf,) = connection.execute("SELECT leaf FROM entry ORDER BY idx DESC LIMIT 1").fetchone()
        connection.execute("UPDATE head SET size = ?, leaf = ?", (kept, leaf))
    cursor = SeenHead("cursor of the read store", *original.head)
    verification = original.verify(seen=[cursor])
    assert_failed(verification, kept)
    assert [finding.code for finding in verification.findings] == ["log.truncated"]


@pytest.mark.parametrize("size", range(1, SIZE + 1))
def test_a_head_seen_at_any_size_is_compared(original: Original, size: int) -> None:
    """Within a submission too."""
    with closing(original.connect()) as connection:
        (leaf,) = connection.execute("SELECT leaf FROM entry WHERE idx = ?", (size - 1,)).fetchone()
    found = original.verify(seen=[SeenHead("somebody", size, leaf.hex())])
    assert (found.verdict, found.steps[-1].checked) == (Verdict.PASSED, 1)
    assert_failed(original.verify(seen=[SeenHead("somebody", size, "ab" * 32)]), size - 1)


def test_another_history_shows_at_the_head_that_was_seen(original: Original) -> None:
    original.connect().close()
    seen = SeenHead("trust.toml", 7, "ab" * 32)
    verification = original.verify(seen=[seen])
    assert_failed(verification, 6)
    assert [finding.code for finding in verification.findings] == ["log.overwritten"]


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        ("UPDATE head SET size = size + 1", SIZE),
        ("UPDATE head SET size = size - 1", SIZE - 1),
        ("UPDATE head SET leaf = zeroblob(32)", SIZE - 1),
        ("DELETE FROM head", 0),
    ],
)
def test_a_changed_head_row(original: Original, change: str, bad: int) -> None:
    with closing(original.connect()) as connection:
        connection.execute(change)
    assert_failed(original.verify(), bad)


def test_an_emptied_log_is_never_passed(original: Original) -> None:
    with closing(original.connect()) as connection:
        connection.execute("DELETE FROM entry")
        connection.execute("UPDATE head SET size = 0, leaf = ?", (bytes(32),))
    assert original.verify().verdict is Verdict.INDETERMINATE
    assert_failed(original.verify(expect=original.head), 0)


def test_another_genesis_than_the_pinned_one(original: Original) -> None:
    original.connect().close()
    verification = verify_file(original.copy, genesis_leaf="0" * 64)
    assert_failed(verification, 0)
    assert "trust.genesis_mismatch" in {finding.code for finding in verification.findings}
    assert_failed(verify_file(original.copy, origin="ledger.example/other/0"), 0)


def test_a_missing_row_of_an_index_is_named(original: Original) -> None:
    with closing(original.connect()) as connection:
        # The index is cut loose from its table, as damage on the disk does it.
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("CREATE UNIQUE INDEX partial ON entry (action_id) WHERE idx != 5")
        connection.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master"
            " WHERE name = 'partial') WHERE name = 'entry_action'"
        )
        connection.execute("DELETE FROM sqlite_master WHERE name = 'partial'")
    verification = original.verify()
    assert_failed(verification, 5)
    assert "store.index_mismatch" in {finding.code for finding in verification.findings}
