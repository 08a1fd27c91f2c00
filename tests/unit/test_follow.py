"""Following links to a head that was verified before: the entries of the log, and nothing else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.chain import ZERO_LINK, Head, StreamHead
from ledger.core.findings import FindingError, Verdict
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import Entry, decode_entry
from ledger.entry.follow import LinkFollower, recorded_until
from ledger.entry.log_state import LogState
from tests.unit.test_verify import GENESIS, LEAF, ORIGIN, chain

LOG = [GENESIS, *chain(120, Head(1, LEAF), StreamHead(0, ZERO_LINK))]
"""Indexes of one, two and three digits: `prev` stands a place further with each."""


def head_of(log: list[bytes]) -> Head:
    return Head(len(log), leaf_hash(log[-1]).hex())


def follow(
    records: list[bytes | None], head: Head, *, careful: bool = False, at_a_time: int = 1_000
) -> list[bytes]:
    follower = LinkFollower(ORIGIN, head, careful=careful)
    found: list[bytes] = []
    for at in range(0, len(records), at_a_time):
        found += follower.follow(records[at : at + at_a_time])
    follower.finish()
    return found


def refused(records: list[bytes | None], head: Head, **options: bool) -> str:
    with pytest.raises(FindingError) as error:
        follow(records, head, **options)
    assert error.value.finding.verdict is Verdict.FAILED
    assert error.value.finding.expected == f"{head.size}:{head.leaf}"
    return error.value.finding.code


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("size", [1, 2, 9, 10, 11, 12, 99, 100, 101, 121])
def test_every_size_in_every_portion(size: int, careful: bool) -> None:
    for at_a_time in (1, 2, 3, 7, 10, 11, 50, 1_000):
        log: list[bytes | None] = [*LOG]
        found = follow(log, head_of(LOG[:size]), careful=careful, at_a_time=at_a_time)
        assert found == LOG[:size], at_a_time


SMALL = LOG[:12]
STRAYS = [
    None,
    b"",
    b"junk",
    LOG[3],
    LOG[11],
    # Two writers at one head: who comes second counts no more, here and for ever.
    *chain(1, Head(1, LEAF), StreamHead(0, ZERO_LINK), note="the other writer's"),
    *chain(1, Head(9, leaf_hash(LOG[8]).hex()), StreamHead(8, leaf_hash(LOG[8]).hex()), note="x"),
]


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("stray", range(len(STRAYS)))
def test_a_stray_anywhere_behind_what_it_would_have_followed_changes_nothing(
    stray: int, careful: bool
) -> None:
    record = STRAYS[stray]
    entry = None if record in (None, b"", b"junk") else decode_entry(record or b"")
    first = 0 if entry is None else entry.seal.index + 1
    for place in range(first, len(SMALL) + 1):
        records = [*SMALL[:place], record, *SMALL[place:]]
        for at_a_time in (1, 4, 100):
            found = follow(records, head_of(SMALL), careful=careful, at_a_time=at_a_time)
            assert found == SMALL


def test_every_flipped_byte_keeps_from_the_head() -> None:
    log = LOG[:4]
    for index, data in enumerate(log):
        for place in range(len(data)):
            altered = bytearray(data)
            altered[place] ^= 1
            records = [*log[:index], bytes(altered), *log[index + 1 :]]
            for careful in (False, True):
                code = refused(records, head_of(log), careful=careful)
                assert code in {"log.truncated", "log.overwritten"}


@pytest.mark.parametrize("careful", [False, True])
def test_what_is_missing_swapped_or_cut_keeps_from_the_head(careful: bool) -> None:
    head = head_of(SMALL)
    for index in range(len(SMALL)):
        dropped: list[bytes | None] = [*SMALL[:index], *SMALL[index + 1 :]]
        assert refused(dropped, head, careful=careful) == "log.truncated"
        doubled: list[bytes | None] = [*SMALL[: index + 1], *SMALL[index:]]
        assert follow(doubled, head, careful=careful) == SMALL
        assert refused([*SMALL[:index]], head, careful=careful) == "log.truncated"
    for first, second in pairwise(range(len(SMALL))):
        swapped: list[bytes | None] = [*SMALL]
        swapped[first], swapped[second] = swapped[second], swapped[first]
        assert refused(swapped, head, careful=careful) == "log.truncated"


def test_a_log_that_forks_off_leads_to_another_head() -> None:
    before = head_of(SMALL[:8])
    other = chain(4, before, StreamHead(7, before.leaf), note="rewritten")
    assert refused([*SMALL[:8], *other], head_of(SMALL)) == "log.overwritten"
    # The other log is right as well, for whoever verified that one.
    assert follow([*SMALL[:8], *other], head_of([*SMALL[:8], *other])) == [*SMALL[:8], *other]


def test_what_looks_like_the_next_entry_and_is_none_misleads_all_but_the_careful() -> None:
    for index in range(1, len(SMALL)):
        prev = decode_entry(SMALL[index]).seal.prev
        for like in (SMALL[index][:-1], SMALL[index].replace(ORIGIN.encode(), b"O" * len(ORIGIN))):
            assert prev.encode() in like
            records = [*SMALL[:index], like, *SMALL[index:]]
            assert refused(records, head_of(SMALL)) in {"log.truncated", "log.overwritten"}
            assert follow(records, head_of(SMALL), careful=True) == SMALL


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_it_finds_what_the_chain_rule_finds(data: st.DataObject) -> None:
    pool: list[bytes | None] = [*STRAYS, *SMALL]
    records: list[bytes | None] = []
    for entry in SMALL:
        records += [*data.draw(st.lists(st.sampled_from(pool), max_size=3)), entry]
    state, counted = LogState(ORIGIN), []
    for record in records:
        admitted = state.admit(record)
        if isinstance(admitted, Entry):
            state.judge(admitted)
            counted.append(admitted.data)
    at_a_time = data.draw(st.integers(1, 20))
    found = follow(records, state.head, at_a_time=at_a_time)
    assert found == counted == follow(records, state.head, careful=True, at_a_time=at_a_time)


def test_how_many_were_recorded_up_to_a_moment() -> None:
    moments = [decode_entry(data).seal.recorded_at for data in SMALL]
    for until in {*moments, "1970-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"}:
        expected = sum(moment <= until for moment in moments)
        assert recorded_until(SMALL, until) == expected
