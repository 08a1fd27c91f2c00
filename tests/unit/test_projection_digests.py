"""Digests of projections in the log, and the live store, against a replay of every entry."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.core.action import Action
from ledger.core.chain import Head
from ledger.core.findings import FindingError, Verdict
from ledger.core.ids import log_number
from ledger.core.times import parse_instant
from ledger.entry.signatures import SigningKey
from projections.queries.digest import PROJECTIONS, digests
from projections.runtime.digest_entries import digest_actions, newest_recording
from projections.runtime.replaying import ProjectionCheck, Replays, check_projections
from projections.runtime.runner import project
from projections.store.sqlite import ReadStore
from tests.unit.projections_logs import LEDGER, SOURCE, UNKNOWN, Log, act, handed_over


def replays(logs: Sequence[Log], *, strict_rows: bool = True) -> Replays:
    leaves = {log.origin: log.genesis_leaf for log in logs}
    return Replays(logs, genesis_leaves=leaves, strict_rows=strict_rows)


def caught_up(logs: Sequence[Log], path: Path, *, strict_rows: bool = True) -> ReadStore:
    store = ReadStore.open(path)
    leaves = {log.origin: log.genesis_leaf for log in logs}
    project(logs, store, genesis_leaves=leaves, strict_rows=strict_rows)
    return store


def made(logs: Sequence[Log], path: Path) -> list[Action]:
    """What would be recorded of the caught-up store."""
    with closing(caught_up(logs, path)) as store:
        at = parse_instant(logs[0].recorded_at()) + timedelta(minutes=1)
        return digest_actions(store, logs[0].origin, at)


def record(logs: Sequence[Log], path: Path, key: SigningKey = LEDGER, **changes: Any) -> None:
    """Record the digests of the store in log 0, with some fields changed."""
    actions = made(logs, path)
    logs[0].append(*(replace(a, data={**a.data, **changes}) for a in actions), key=key)


def checked(logs: Sequence[Log], path: Path, *, strict_rows: bool = True) -> ProjectionCheck:
    heads = {log.origin: log.head for log in logs}
    return check_projections(replays(logs, strict_rows=strict_rows), path, heads)


def codes(check: ProjectionCheck) -> list[str]:
    return sorted({finding.code for finding in check.findings})


def office(logs: int = 1) -> list[Log]:
    made = [Log(number=number, logs=logs) for number in range(logs)]
    grow(made, "A", "B", "C", "D")
    return made


def grow(logs: Sequence[Log], *dossiers: str) -> None:
    for dossier in dossiers:
        log = logs[log_number(f"dossier:{dossier}", len(logs))]
        for action in handed_over(dossier):
            log.append(action)


@pytest.mark.parametrize("logs", [1, 3])
def test_recorded_digests_and_the_store_agree_with_a_replay(tmp_path: Path, logs: int) -> None:
    path, ledger = tmp_path / "read.sqlite", office(logs)
    record(ledger, path)
    size = ledger[0].head.size
    grow(ledger, "E")
    caught_up(ledger, path).close()
    check = checked(ledger, path)
    assert codes(check) == []
    assert check.digests == len(PROJECTIONS)
    with closing(ReadStore.open(path)) as store:
        counts = [store.rows(f"SELECT count(*) FROM {table}")[0][0] for table in EDITS]
    assert check.rows == sum(counts)
    assert check.recorded_at["office/0"].size == size - len(PROJECTIONS)
    assert check.shown_at == {log.origin: log.head for log in ledger}


def test_the_digest_is_that_of_a_store_folded_to_its_inputs(tmp_path: Path) -> None:
    ledger = office()
    actions = made(ledger, tmp_path / "read.sqlite")
    with closing(caught_up(ledger, tmp_path / "other.sqlite")) as store:
        expected = digests(store)
    assert {a.data["projection"]: a.data["digest"] for a in actions} == expected
    leaf = ledger[0].head.leaf
    inputs = [{"origin": "office/0", "size": ledger[0].head.size, "leaf": leaf}]
    assert all(action.data["inputs"] == inputs for action in actions)


def test_the_newest_recording_counts(tmp_path: Path) -> None:
    path, ledger = tmp_path / "read.sqlite", office()
    record(ledger, path, digest="0" * 64)
    grow(ledger, "E")
    record(ledger, path)
    caught_up(ledger, path).close()
    assert codes(checked(ledger, path)) == []


def test_a_digest_that_no_replay_gives_is_found(tmp_path: Path) -> None:
    path, ledger = tmp_path / "read.sqlite", office()
    actions = made(ledger, path)
    first = ledger[0].head.size
    wrong = replace(actions[1], data={**actions[1].data, "digest": "0" * 64})
    ledger[0].append(actions[0], wrong, *actions[2:], key=LEDGER)
    caught_up(ledger, path).close()
    (finding,) = checked(ledger, path).findings
    assert (finding.code, finding.verdict) == ("projection.digest_mismatch", Verdict.FAILED)
    assert (finding.origin, finding.index) == ("office/0", first + 1)
    assert (finding.expected, finding.actual) == (actions[1].data["digest"], "0" * 64)


def test_a_digest_of_an_edited_store_is_found_once_the_store_is_made_anew(tmp_path: Path) -> None:
    path, ledger = tmp_path / "read.sqlite", office()
    with closing(caught_up(ledger, path)) as store:
        store.connection.execute("UPDATE dossier SET holder = 'lan' WHERE dossier = 'B'")
    record(ledger, path)
    check = checked(ledger, caught_up(ledger, tmp_path / "new.sqlite").path)
    (finding,) = check.findings
    assert finding.code == "projection.digest_mismatch"
    assert "dossier" in finding.message


@pytest.mark.parametrize("key", [SOURCE, UNKNOWN])
def test_a_digest_that_the_ledger_did_not_sign_says_nothing(
    tmp_path: Path, key: SigningKey
) -> None:
    path, ledger = tmp_path / "read.sqlite", office()
    own = ledger[0].own_stream
    record(ledger, path)
    before = ledger[0].stream_head(own)
    record(ledger, path, key, digest="0" * 64)
    ledger[0].streams[own] = before  # it is void: its stream did not move
    caught_up(ledger, path).close()
    assert codes(checked(ledger, path)) == []


def test_another_version_cannot_be_compared(tmp_path: Path) -> None:
    path, ledger = tmp_path / "read.sqlite", office()
    record(ledger, path, projection_version=1)
    caught_up(ledger, path).close()
    check = checked(ledger, path)
    (finding,) = check.findings
    assert (finding.code, finding.verdict) == ("projection.other_version", Verdict.INDETERMINATE)
    assert check.digests == 0


@pytest.mark.parametrize("names", [(), PROJECTIONS[:3]])
def test_projections_without_a_digest_are_indeterminate(
    tmp_path: Path, names: Sequence[str]
) -> None:
    path, ledger = tmp_path / "read.sqlite", office()
    some = [a for a in made(ledger, path) if a.data["projection"] in names]
    if some:
        ledger[0].append(*some, key=LEDGER)
    caught_up(ledger, path).close()
    (finding,) = checked(ledger, path).findings
    assert (finding.code, finding.verdict) == ("projection.not_recorded", Verdict.INDETERMINATE)
    missing = [name for name in PROJECTIONS if name not in names]
    assert finding.expected == f"digests of {', '.join(missing)}"


def test_inputs_that_the_log_does_not_hold_are_found(tmp_path: Path) -> None:
    path, ledger = tmp_path / "read.sqlite", office()
    inputs = [{"origin": "office/0", "size": 5, "leaf": "0" * 64}]
    record(ledger, path, inputs=inputs)
    caught_up(ledger, path).close()
    check = checked(ledger, path)
    assert codes(check) == ["projection.digest_mismatch"]
    assert "office/0 5:000" in check.findings[0].expected


def test_a_store_behind_the_log_is_stale_and_compared_where_it_stands(tmp_path: Path) -> None:
    path, ledger = tmp_path / "read.sqlite", office(3)
    caught_up(ledger, path).close()
    behind = {log.origin: log.head.size for log in ledger}
    grow(ledger, "E", "F")
    record(ledger, tmp_path / "newer.sqlite")
    check = checked(ledger, path)
    assert codes(check) == ["projection.stale"]
    assert {f.origin: f.index for f in check.findings} == {
        log.origin: behind[log.origin] for log in ledger if log.head.size > behind[log.origin]
    }
    with closing(ReadStore.open(path)) as store:
        store.connection.execute("UPDATE dossier SET holder = 'lan' WHERE dossier = 'B'")
    assert codes(checked(ledger, path)) == ["projection.row_mismatch", "projection.stale"]


def test_a_store_ahead_in_one_log_and_behind_in_another(tmp_path: Path) -> None:
    path, ledger = tmp_path / "read.sqlite", office(2)
    # The store folds log 1 to its end and nothing of log 0; the digest is of both as they were.
    actions = made(ledger, tmp_path / "then.sqlite")
    ledger[0].append(*actions, key=LEDGER)
    first_of_1 = next(f"N{n}" for n in range(99) if log_number(f"dossier:N{n}", 2) == 1)
    grow(ledger, first_of_1)
    caught_up(ledger[1:], path).close()
    check = checked(ledger, path)
    assert codes(check) == ["projection.stale"]
    assert check.digests == len(PROJECTIONS)
    assert check.shown_at == {"office/1": ledger[1].head}


def test_no_store_at_all_is_not_passed(tmp_path: Path) -> None:
    ledger = office()
    record(ledger, tmp_path / "elsewhere.sqlite")
    path = tmp_path / "read.sqlite"
    check = checked(ledger, path)
    assert codes(check) == ["projection.stale"]
    assert (check.rows, path.exists()) == (0, False)


EDITS = {
    "cursor": ("UPDATE cursor SET recorded_at = '2026'", "recorded_at 2026"),
    "stream": ("DELETE FROM stream WHERE stream = 'dossier:B'", "no such row"),
    "log_key": ("UPDATE log_key SET action = X'00'", "action SHA-256 6e340b9c"),
    "timeline": ("UPDATE timeline SET recorded_at = '2026' WHERE idx = 3", "recorded_at 2026"),
    "dossier": ("UPDATE dossier SET holder = 'lan' WHERE dossier = 'B'", "holder lan"),
    "interval": ("UPDATE interval SET to_at = '2026' WHERE dossier = 'B'", "to_at 2026"),
    "handover": ("DELETE FROM handover WHERE dossier = 'D'", "no such row"),
    "returned": ("UPDATE returned SET officer = 'tam' WHERE dossier = 'A'", "officer tam"),
    "officer_dossier": ("UPDATE officer_dossier SET entries = entries + 1", "entries"),
    "officer_type": ("DELETE FROM officer_type WHERE officer = 'minh'", "no such row"),
    "name": ("INSERT INTO name VALUES ('officer', 'zz', 'zz')", "a row"),
    "parked": ("DELETE FROM parked", "no such row"),
    "finding": ("DELETE FROM finding", "no such row"),
}


def test_every_table_is_looked_at(tmp_path: Path) -> None:
    with closing(ReadStore.open(tmp_path / "read.sqlite")) as store:
        tables = {
            name
            for (name,) in store.rows(
                "SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE TABLE%'"
            )
        }
    assert tables == set(EDITS)


@pytest.mark.parametrize("table", EDITS)
def test_an_edited_row_of_any_table_is_found(tmp_path: Path, table: str) -> None:
    """Among strays, a void entry and a parked stream, which are no difference by themselves."""
    path, ledger = tmp_path / "read.sqlite", office()
    log = ledger[0]
    log.records.append(b"straight to the topic")
    log.append_void(act("accepted", "V", "lan", 1))
    poison = act("accepted", "P", "lan", 1)
    log.append(replace(poison, type="dossier.not_known_here.v1"))
    grow(ledger, "E")
    log.records.append(b"and one behind the newest entry")
    with closing(caught_up(ledger, path, strict_rows=False)) as store:
        at = parse_instant(log.recorded_at()) + timedelta(minutes=1)
        log.append(*digest_actions(store, log.origin, at), key=LEDGER)
    with closing(caught_up(ledger, path, strict_rows=False)) as store:
        assert codes(checked(ledger, path, strict_rows=False)) == []
        sql, actual = EDITS[table]
        store.connection.execute(sql)
    (finding,) = checked(ledger, path, strict_rows=False).findings
    assert (finding.code, finding.verdict) == ("projection.row_mismatch", Verdict.FAILED)
    assert f"table {table} " in finding.message
    assert actual in finding.actual


def test_a_store_that_lost_a_table_is_found(tmp_path: Path) -> None:
    path, ledger = tmp_path / "read.sqlite", office()
    record(ledger, path)
    with closing(caught_up(ledger, path)) as store:
        store.connection.execute("DROP TABLE handover")
    (finding,) = checked(ledger, path).findings
    assert (finding.code, finding.verdict) == ("projection.row_mismatch", Verdict.FAILED)
    assert "no such table: handover" in finding.message


def test_a_broken_log_stops_the_replay(tmp_path: Path) -> None:
    path, ledger = tmp_path / "read.sqlite", office()
    record(ledger, path)
    ledger[0].records[4] = ledger[0].records[4].replace(b"lan", b"tam")
    with pytest.raises(FindingError, match="link_mismatch"):
        checked(ledger, path)


def test_a_log_without_digests_has_no_recording() -> None:
    (log,) = office()
    assert newest_recording(log, genesis_leaf=log.genesis_leaf, strict_rows=True) is None
    assert log.head == Head(len(log.records), log.head.leaf)
