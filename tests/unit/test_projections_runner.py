"""The runner: what is folded, what parks, what stops, and that nothing is folded twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.app.ports import Record
from ledger.app.submission import UnavailableError
from ledger.core.findings import FindingError
from projections.queries.digest import digests
from projections.queries.dossiers import get_dossier
from projections.queries.timeline import EventFilter, events
from projections.runtime import verifying
from projections.runtime.rebuild import rebuild
from projections.runtime.runner import LogProjector, project
from projections.store.sqlite import ReadStore
from tests.unit.projections_logs import LEDGER, UNKNOWN, Log, act, handed_over, imported


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReadStore]:
    opened = ReadStore.open(tmp_path / "read.sqlite")
    yield opened
    opened.close()


def catch_up(log: Log, store: ReadStore, *, strict: bool = False) -> int:
    leaves = {log.origin: log.genesis_leaf}
    return project([log], store, genesis_leaves=leaves, strict_rows=strict)


def stopped(log: Log, store: ReadStore, *, strict: bool = False) -> str:
    with pytest.raises(FindingError) as caught:
        catch_up(log, store, strict=strict)
    return caught.value.finding.code


def findings(store: ReadStore) -> list[tuple[str, int, int]]:
    return store.rows("SELECT code, idx, position FROM finding ORDER BY number")


def indexes(store: ReadStore) -> list[int]:
    return [row.index for row in events(store, EventFilter())]


def test_it_folds_what_is_new_and_only_that(store: ReadStore):
    log = Log()
    log.append(*handed_over())
    assert catch_up(log, store, strict=True) == 7
    assert store.head() == log.head
    assert catch_up(log, store, strict=True) == 0
    log.append(imported("B", "lan", 3))
    log.reads.clear()
    assert catch_up(log, store, strict=True) == 1
    assert min(log.reads) == 6  # the record of the cursor, to compare, and nothing before it


def test_a_stray_is_reported_once_and_never_folded(store: ReadStore):
    log = Log()
    late = log.seal([imported("A", "b", 0)])
    log.append(imported("A", "c", 1))
    log.records += late
    for _ in range(2):
        catch_up(log, store)
    assert findings(store) == [("log.stray", -1, 2)]
    assert store.cursor().position == 2  # type: ignore[union-attr]
    log.records.append(b"noise")
    # The log goes on behind its strays.
    log.append(imported("A", "c", 2))
    assert catch_up(log, store) == 1
    assert findings(store) == [("log.stray", -1, 2), ("log.stray", -1, 3)]
    assert store.rows("SELECT count(*) FROM timeline") == [(3,)]
    assert catch_up(log, store) == 0


def test_where_every_row_counts_a_stray_is_a_failure(store: ReadStore):
    log = Log()
    log.append(imported("A", "b", 0))
    log.records.append(b"noise")
    assert stopped(log, store, strict=True) == "chain.link_mismatch"
    assert store.head() == log.head


def test_an_entry_altered_inside_the_broker_is_overwritten_not_strays(store: ReadStore):
    log = Log()
    for minute in range(4):
        log.append(imported("A", "b", minute))
    log.records[2] = log.records[2].replace(b'"work"', b'"w0rk"')
    assert stopped(log, store) == "log.overwritten"
    # It stays so, however few records come at a time.
    assert stopped(log, store) == "log.overwritten"


def test_a_cursor_that_the_log_does_not_know_stops(store: ReadStore):
    log = Log()
    log.append(imported("A", "b", 0))
    catch_up(log, store)
    log.records[1] = log.records[1].replace(b'"work"', b'"w0rk"')
    assert stopped(log, store) == "log.overwritten"
    log.records.pop()
    assert stopped(log, store) == "log.overwritten"


def test_a_store_of_another_log_or_genesis_stops(store: ReadStore):
    log, other = Log(), Log("other")
    catch_up(log, store)
    assert stopped(other, store) == "projection.other_log"
    with pytest.raises(FindingError) as caught:
        project([log], store, genesis_leaves={log.origin: other.genesis_leaf}, strict_rows=True)
    assert caught.value.finding.code == "trust.genesis_mismatch"


def test_a_genesis_that_is_not_the_pinned_one_stops_before_anything(tmp_path: Path):
    log = Log()
    fresh = ReadStore.open(tmp_path / "fresh.sqlite")
    with pytest.raises(FindingError) as caught:
        project([log], fresh, genesis_leaves={log.origin: "f" * 64}, strict_rows=True)
    assert caught.value.finding.code == "trust.genesis_mismatch"
    assert fresh.head().size == 0
    fresh.close()


def test_a_void_entry_keeps_its_index_and_is_applied_by_nobody(store: ReadStore):
    log = Log()
    log.append(imported("A", "b", 0))
    log.append_void(imported("A", "c", 1))
    log.append(imported("A", "b", 2))
    catch_up(log, store)
    assert findings(store) == [("signature.invalid", 2, -1)]
    assert indexes(store) == [0, 1, 3]
    view = get_dossier(store, "A")
    assert view is not None
    assert (view.state.version, view.state.last_officer) == (2, "b")


def test_an_unknown_type_parks_its_stream_and_the_others_go_on(store: ReadStore):
    log = Log()
    log.append(imported("A", "b", 0), imported("B", "b", 0))
    log.append(act("teleported", "A", "b", 1))
    log.append(imported("A", "c", 2), imported("B", "c", 2))
    catch_up(log, store)
    poison = log.records[3]
    assert store.rows("SELECT stream, idx, type, data FROM parked") == [
        ("dossier:A", 3, "dossier.teleported.v1", poison)
    ]
    assert indexes(store) == [0, 1, 2, 5]
    # Its links go on being checked, also by the next run.
    log.append(imported("A", "c", 3), imported("B", "c", 3))
    catch_up(log, store)
    assert findings(store) == []
    assert indexes(store) == [0, 1, 2, 5, 7]


@pytest.mark.parametrize("few", [0, 5_000])
def test_a_rebuild_fails_on_what_it_cannot_read(
    tmp_path: Path, store: ReadStore, monkeypatch: pytest.MonkeyPatch, few: int
):
    monkeypatch.setattr("projections.runtime.fold_process.FEW_ENTRIES_MAX", few)
    log = Log()
    log.append(imported("A", "b", 0))
    log.append(act("teleported", "A", "b", 1))
    catch_up(log, store)
    leaves = {log.origin: log.genesis_leaf}
    with pytest.raises(FindingError) as caught:
        rebuild([log], store.path, genesis_leaves=leaves, strict_rows=True)
    found = caught.value.finding
    assert (found.code, found.index, found.stream) == (
        "projection.unreadable",
        2,
        "dossier:A",
    )
    # What is live goes on as it was, the stream parked.
    assert (store.head(), store.parked_streams()) == (log.head, ["dossier:A"])


def test_keys_enrolled_in_a_parked_stream_stay_valid(store: ReadStore):
    log = Log()
    log.append(act("prophesied", stream=log.own_stream), key=LEDGER)
    import msgspec

    enrolled = msgspec.to_builtins(UNKNOWN.enrolled())
    log.append(act("key_enrolled", stream=log.own_stream, key=enrolled), key=LEDGER)
    catch_up(log, store)
    assert store.rows("SELECT stream FROM parked") == [(log.own_stream,)]
    log.append(imported("A", "b", 0), key=UNKNOWN)
    catch_up(log, store)
    assert findings(store) == []
    assert get_dossier(store, "A") is not None


def test_a_newer_entry_format_stops(store: ReadStore):
    log = Log()
    log.append(imported("A", "b", 0))
    newer = log.seal([imported("A", "b", 1)])[0].replace(b'"v":1,', b'"v":2,', 1)
    log.records.append(newer)
    assert stopped(log, store) == "entry.newer_format"
    assert store.head() == log.head


def test_a_crash_between_batches_loses_and_repeats_nothing(
    tmp_path: Path, store: ReadStore, monkeypatch: pytest.MonkeyPatch
):
    log = Log()
    for minute in range(20):
        log.append(imported(f"D{minute % 3}", f"o{minute % 4}", minute))
    monkeypatch.setattr(verifying, "BATCH_RECORDS", 4)

    class Broken(Log):
        def read(self, position: int, limit: int) -> Sequence[Record]:
            if position >= 12:
                raise UnavailableError("the broker went away")
            return log.read(position, limit)

    with pytest.raises(UnavailableError):
        catch_up(Broken(), store)
    assert store.head().size == 12
    catch_up(log, store)
    whole = ReadStore.open(tmp_path / "whole.sqlite")
    monkeypatch.setattr(verifying, "BATCH_RECORDS", 5_000)
    catch_up(log, whole)
    assert digests(store) == digests(whole)
    whole.close()


def test_two_processes_on_one_store_fold_each_entry_once(tmp_path: Path, store: ReadStore):
    log = Log()
    log.append(*handed_over())
    second = ReadStore.open(store.path)

    class Overtaken(Log):
        """Between reading and writing, the other one does the same work."""

        done = False

        def read(self, position: int, limit: int) -> Sequence[Record]:
            records = log.read(position, limit)
            if not self.done:
                self.done = True
                catch_up(log, second)
            return records

    catch_up(Overtaken(), store)
    assert store.head() == log.head
    alone = ReadStore.open(tmp_path / "alone.sqlite")
    catch_up(log, alone)
    assert digests(store) == digests(alone)
    alone.close()
    second.close()


def test_a_store_that_another_process_holds_is_unavailable_and_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("projections.store.sqlite.BUSY_TIMEOUT_SECONDS", 0.05)
    log = Log()
    log.append(*handed_over())
    store, other = (ReadStore.open(tmp_path / "read.sqlite") for _ in range(2))
    leaves = log.genesis_leaf
    projector = LogProjector(log, store, genesis_leaf=leaves, strict_rows=True)
    other.connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError) as caught:
        projector.step()
    assert "database is locked" in str(caught.value)
    assert other.cursors() == ()
    other.connection.execute("COMMIT")
    while projector.step():
        pass
    assert (projector.size, store.head()) == (log.head.size, log.head)
    store.close()
    other.close()


def test_many_streams_do_not_stay_in_memory(store: ReadStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(verifying, "STREAMS_REMEMBERED_MAX", 2)
    monkeypatch.setattr(verifying, "BATCH_RECORDS", 3)
    monkeypatch.setattr("projections.runtime.folding.FOLDS_REMEMBERED_MAX", 2)
    log = Log()
    for minute in range(30):
        log.append(imported(f"D{minute % 7}", f"o{minute % 4}", minute))
    catch_up(log, store)
    assert findings(store) == []
    assert store.head() == log.head


def test_a_rebuild_gives_the_live_digests_and_switches(tmp_path: Path):
    log = Log()
    log.append(*handed_over("A"), *handed_over("B"))
    path = tmp_path / "read.sqlite"
    live = ReadStore.open(path)
    catch_up(log, live)
    expected = digests(live)
    live.close()
    made = rebuild([log], path, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True)
    assert (made.compared, made.digests, made.heads) == (True, expected, {log.origin: log.head})
    assert [item.name for item in tmp_path.iterdir()] == ["read.sqlite"]


def test_a_live_projection_that_says_something_else_is_kept_as_evidence(tmp_path: Path):
    log = Log()
    log.append(*handed_over())
    path = tmp_path / "read.sqlite"
    live = ReadStore.open(path)
    catch_up(log, live)
    live.connection.execute("UPDATE interval SET officer = 'hoa' WHERE officer = 'lan'")
    live.close()
    with pytest.raises(FindingError) as caught:
        rebuild([log], path, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True)
    assert caught.value.finding.code == "projection.digest_mismatch"
    assert path.exists()
    assert path.with_name("read.sqlite.rebuild").exists()


def test_a_store_of_another_projection_version_is_made_anew(tmp_path: Path):
    log = Log()
    path = tmp_path / "read.sqlite"
    old = ReadStore.open(path)
    catch_up(log, old)
    old.connection.execute("PRAGMA user_version = 1")
    old.close()
    new = ReadStore.open(path)
    assert new.cursor() is None
    new.close()


def test_several_may_open_a_store_that_is_not_there_yet(tmp_path: Path):
    path = tmp_path / "read.sqlite"
    begin = threading.Barrier(4)

    def open_one(_: int) -> bool:
        begin.wait()
        store = ReadStore.open(path)
        made = store.cursor() is None
        store.close()
        return made

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(open_one, range(4)))


def test_a_file_that_is_no_store_says_what_to_do(tmp_path: Path):
    path = tmp_path / "read.sqlite"
    path.write_bytes(b"this is not a database, whatever its name says" * 50)
    with pytest.raises(UnavailableError) as caught:
        ReadStore.open(path)
    assert "delete" in caught.value.next_step


def test_sealed_fields_stay_sealed_in_the_store(store: ReadStore):
    log = Log()
    box = {
        "sealed": {"key": "a" * 64, "nonce": "AAAAAAAAAAAAAAAA", "box": "c2VhbGVkIG5hbWUgaGVyZQ=="}
    }
    log.append(act("submitted", "A", "lan", 0, applicant_name=box))
    catch_up(log, store)
    (row,) = list(events(store, EventFilter(stream="dossier:A")))
    assert row.action.data["applicant_name"] == box


def test_a_rebuild_in_a_process_of_its_own_gives_the_same(
    tmp_path: Path, store: ReadStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("projections.runtime.fold_process.FEW_ENTRIES_MAX", 3)
    monkeypatch.setattr(verifying, "BATCH_RECORDS", 2)
    monkeypatch.setattr(verifying, "STREAMS_REMEMBERED_MAX", 1)
    log = Log()
    log.append(*handed_over("A"), *handed_over("B"))
    log.append(imported("C", "lan", 1), imported("A", "minh", 200))
    catch_up(log, store)
    leaves = {log.origin: log.genesis_leaf}
    path = tmp_path / "apart.sqlite"
    made = rebuild([log], path, genesis_leaves=leaves, strict_rows=True)
    assert (made.entries, made.digests) == (15, digests(store))
    # What follows is folded on by the store that was rebuilt, as by any other.
    log.append(imported("C", "minh", 300))
    opened = ReadStore.open(path)
    assert (catch_up(log, opened), catch_up(log, store)) == (1, 1)
    assert digests(opened) == digests(store)
    opened.close()


def test_a_folding_process_that_ends_early_leaves_the_live_store_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("projections.runtime.fold_process.FEW_ENTRIES_MAX", 0)
    monkeypatch.setattr("sys.executable", "/bin/false")
    log = Log()
    log.append(*handed_over())
    path = tmp_path / "read.sqlite"
    with pytest.raises(UnavailableError) as caught:
        rebuild([log], path, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True)
    assert "exit code 1" in str(caught.value)
    assert not path.exists()
