"""The sealer's store: compare-and-swap, everything signed is kept, no foreign file is taken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

import pytest
from msgspec.structs import replace

from ledger.adapters.checkpoint_store import CheckpointStore, Outage, StoreFileError
from ledger.app.sealing import SealerDisplacedError, SealingNotOpenedError, TreeState
from ledger.entry.officer_index import OfficerRow

EMPTY = TreeState("office/0")
AT = "2026-03-02T08:00:00.000000Z"


def signed(size: int, note: bytes = b"") -> TreeState:
    return replace(EMPTY, size=size, root=bytes([size]) * 32, note=note or b"note %d" % size)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CheckpointStore]:
    with CheckpointStore.create(tmp_path / "sealer.sqlite", [EMPTY]) as opened:
        yield opened


def test_a_checkpoint_takes_the_place_of_the_one_it_grew_from_alone(store: CheckpointStore) -> None:
    row = OfficerRow("lan", 1, b"\1" * 32)
    store.swap(EMPTY, signed(3), AT, [row])
    for expected, new in (
        (EMPTY, signed(4)),
        (signed(3, b"another note"), signed(4)),
        (replace(signed(3), leaf="f" * 64), signed(4)),
        (signed(3), signed(3, b"the same size")),
        (signed(3), signed(2)),
    ):
        with pytest.raises(SealerDisplacedError):
            store.swap(expected, new, AT, [OfficerRow("lan", 9, b"\2" * 32)])
    assert store.state("office/0") == signed(3)
    assert store.officer_rows("office/0") == [row]
    store.swap(signed(3), signed(5), AT)
    assert [kept.size for kept in store.checkpoints("office/0")] == [3, 5]
    assert (store.size_before("office/0", 5), store.size_before("office/0", 3)) == (3, 0)
    with pytest.raises(SealingNotOpenedError):
        store.state("office/1")


def test_of_many_that_swap_at_once_one_wins(store: CheckpointStore) -> None:
    barrier, won = Barrier(8), []

    def swap(number: int) -> None:
        with CheckpointStore.open(store.path) as own:
            barrier.wait()
            try:
                own.swap(EMPTY, signed(number + 1), AT)
                won.append(number + 1)
            except SealerDisplacedError:
                pass

    threads = [Thread(target=swap, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [kept.size for kept in store.checkpoints("office/0")] == won
    assert len(won) == 1


def test_what_is_kept_beside_a_checkpoint(store: CheckpointStore) -> None:
    store.swap(EMPTY, signed(3), AT)
    assert store.newest_witnessed("office/0") is None
    store.keep_cosigned("office/0", 3, b"with lines", None)
    assert store.newest_witnessed("office/0") is None
    store.keep_cosigned("office/0", 3, b"with quorum", AT)
    store.swap(signed(3), signed(4), AT)
    store.keep_cosigned("office/0", 3, b"refreshed", None)
    found = store.newest_witnessed("office/0")
    assert found is not None
    assert (found.size, found.note, found.witnessed_at) == (3, b"refreshed", AT)
    store.keep_cosigned("office/0", 3, b"contradicted", "")
    assert store.newest_witnessed("office/0") is None
    store.keep_token("office/0", 3, b"first", AT)
    store.keep_token("office/0", 3, b"second", AT)
    stamped = store.newest_stamped("office/0")
    assert stamped is not None
    assert stamped.token == b"first"
    for _ in range(2):
        store.keep_evidence("office/0", b"ours", b"theirs", AT)
    assert store.evidence() == [(AT, "office/0", b"ours", b"theirs")]
    store.set_outage(Outage(AT, "away"))
    store.set_outage(Outage(AT, "away", AT))
    assert store.outage() == Outage(AT, "away", AT)
    store.set_outage(None)
    assert store.outage() is None


def test_entries_of_the_log_of_checkpoints_stay_until_they_are_signed(
    store: CheckpointStore,
) -> None:
    assert store.last_round() is None
    for data in (b"0", b"1", b"2"):
        store.add_round("office/0", data)
    assert store.rounds(0) == [b"0", b"1", b"2"]
    store.swap(EMPTY, signed(3), AT)
    store.add_round("office/0", b"3")
    assert store.rounds(0) == store.rounds(3) == [b"3"]
    store.swap(signed(3), signed(4), AT)
    store.add_round("office/0", b"4")
    assert (store.rounds(4), store.last_round()) == ([b"4"], b"4")


def test_a_store_that_is_there_is_completed_and_a_foreign_file_refused(tmp_path: Path) -> None:
    path = tmp_path / "sealer.sqlite"
    with pytest.raises(SealingNotOpenedError):
        CheckpointStore.open(path)
    with CheckpointStore.create(path, [EMPTY]) as store:
        store.swap(EMPTY, signed(3), AT)
    with CheckpointStore.create(path, [EMPTY, TreeState("office/1")]) as store:
        assert store.state("office/0") == signed(3)
        assert store.state("office/1") == TreeState("office/1")
    for name, data in (("empty", b""), ("text", b"no database at all, whoever made it")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(StoreFileError):
            CheckpointStore.open(tmp_path / name)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(StoreFileError, match="has the format"):
        CheckpointStore.open(path)
