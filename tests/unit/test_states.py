"""Dossiers folded from links alone are those of the projections; anything else ends the replay."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.core.action import Action
from ledger.core.chain import Head
from ledger.core.findings import FindingError
from ledger.core.merkle import leaf_hash
from projections.queries.digest import RowHasher, digests
from projections.runtime import states
from projections.runtime.folding import DossierRow
from projections.runtime.prefix import PrefixReader
from projections.runtime.runner import project
from projections.runtime.states import Extent, StateReplay
from projections.store.sqlite import ReadStore
from tests.unit.projections_logs import Log, act, at, handed_over, imported


def replayed(log: Log, extent: Extent | None = None) -> tuple[list[DossierRow], int]:
    """The rows, and how many entries they are made from."""
    extent = extent or Extent(log.head, log.head)
    with closing(StateReplay(log, extent)) as replay:
        while not replay.is_done:
            replay.step()
        assert replay.followed == extent.verified.size
        return list(replay.rows()), replay.folded


def digest_of(rows: Sequence[DossierRow]) -> str:
    hasher = RowHasher()
    for row in rows:
        hasher.add_dossier(row)
    return hasher.hex()


def rebuilt_digest(log: Log, last: str | None = None) -> str:
    """The digest of dossiers as the verifying projections give it, of the log or a prefix."""
    reader = log if last is None else PrefixReader(log, last)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(ReadStore.open(Path(folder) / "read.sqlite")) as store,
    ):
        leaves = {log.origin: log.genesis_leaf}
        project([reader], store, genesis_leaves=leaves, strict_rows=False)
        return digests(store, ["dossier"])["dossier"]


def error_of(log: Log, extent: Extent) -> tuple[str, int]:
    with pytest.raises(FindingError) as error:
        replayed(log, extent)
    return error.value.finding.code, error.value.finding.index


def office() -> Log:
    """Several dossiers with two-sided hand-overs and imported ones, one entry a submission."""
    log = Log()
    actions = [handed_over(dossier) for dossier in ("A", "B/2", "Hồ sơ")]
    for step in zip(*actions, strict=True):
        log.append(*step)
    for minutes, officer in enumerate(("an", "binh", "an", "")):
        log.append(imported("Z", officer, minutes))
    return log


def test_they_are_those_of_the_projections() -> None:
    log = office()
    rows, entries = replayed(log)
    assert [row[0] for row in rows] == ["A", "B/2", "Hồ sơ", "Z"]
    assert entries == log.head.size == 23
    assert digest_of(rows) == rebuilt_digest(log)


DOSSIERS = ("A", "a", "Hồ sơ", "𝄞", "￿", "10", "9", "B/2")
"""Whose order by letter, by byte and as SQLite has it must be one."""


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(DOSSIERS), st.sampled_from(["an", "binh", "chi", ""])),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 5),
    st.integers(1, 9),
)
def test_however_few_lie_in_memory_and_however_it_is_read(
    chosen: list[tuple[str, str]], most: int, records: int
) -> None:
    log = Log()
    for minutes, (dossier, officer) in enumerate(chosen):
        log.append(imported(dossier, officer, minutes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(states, "FOLDS_REMEMBERED_MAX", most)
        patch.setattr(states, "STEP_RECORDS", records)
        rows, entries = replayed(log)
    assert entries == len(chosen) + 1
    assert digest_of(rows) == rebuilt_digest(log)


def test_up_to_every_head_and_every_moment_as_the_projections_then() -> None:
    log = office()
    for size in range(1, log.head.size + 1):
        shown = Head(size, leaf_hash(log.records[size - 1]).hex())
        expected = rebuilt_digest(log, shown.leaf)
        rows, entries = replayed(log, Extent(log.head, shown))
        assert (digest_of(rows), entries) == (expected, size)
        # Submissions of three entries have one moment.
        until = log.recorded_at_of(size - 1)
        known = [at for at in range(log.head.size) if log.recorded_at_of(at) <= until]
        rows, entries = replayed(log, Extent(log.head, log.head, until))
        assert entries == len(known)
        assert digest_of(rows) == rebuilt_digest(log, leaf_hash(log.records[known[-1]]).hex())


def test_strays_and_what_lies_behind_the_verified_head_are_not_folded() -> None:
    log = office()
    expected, head = rebuilt_digest(log), log.head
    log.append(act("note_added", "A", "lan", 999))
    log.records[3:3] = [b"junk", log.records[1], b""]
    log.records[-2:-2] = [b"{}"]
    rows, entries = replayed(log, Extent(head, head))
    assert (digest_of(rows), entries) == (expected, head.size)


@pytest.mark.parametrize("records", [1, 2, 1_000])
def test_what_looks_like_an_entry_costs_time_and_no_more(
    records: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "STEP_RECORDS", records)
    log = office()
    expected = rebuilt_digest(log)
    for index in range(1, log.head.size):
        hostile = office()
        hostile.records.insert(index, hostile.records[index][:-1])
        rows, entries = replayed(hostile, Extent(log.head, log.head))
        assert (digest_of(rows), entries) == (expected, log.head.size)


def test_a_log_that_changed_since_is_refused() -> None:
    log = office()
    for index in range(log.head.size):
        for old, new in ((b'"kind"', b'"Kind"'), (b"000000Z", b"000001Z"), (b"}", b"")):
            changed = office()
            changed.records[index] = changed.records[index].replace(old, new)
            code, first = error_of(changed, Extent(log.head, log.head))
            assert code in {"log.truncated", "log.overwritten"}
            assert first in {index, index + 1, log.head.size - 1}
    cut = office()
    del cut.records[-1]
    assert error_of(cut, Extent(log.head, log.head)) == ("log.truncated", log.head.size - 1)


def test_a_store_that_was_made_from_other_entries_is_refused() -> None:
    log = office()
    other = Head(5, "0" * 64)
    assert error_of(log, Extent(log.head, other)) == ("projection.other_log", 4)


def unreadable() -> list[Action]:
    """An unknown type, and unknown data."""
    good = act("note_added", "A", "lan", 200)
    return [
        replace(good, type="dossier.of_the_future.v1"),
        replace(good, data={"unknown": 1}),
    ]


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("behind", [0, 3])
def test_what_cannot_be_read_ends_it_with_its_index(number: int, behind: int) -> None:
    log = office()
    log.append(unreadable()[number])
    for minutes in range(behind):
        log.append(act("note_added", "B/2", "lan", 300 + minutes))
    code, index = error_of(log, Extent(log.head, log.head))
    assert (code, index) == ("projection.unreadable", log.head.size - 1 - behind)


def test_the_time_of_recording_is_that_of_the_seal() -> None:
    log = office()
    assert log.recorded_at_of(log.head.size - 1) == at(log.minutes)
