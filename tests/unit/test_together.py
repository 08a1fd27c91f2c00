"""Submissions read at once: nothing is said of them that reading one by one does not say."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import msgspec
import pytest

from ledger.app.group import seal_group
from ledger.app.log_index import MemoryIndex
from ledger.app.ports import Record
from ledger.app.read_facts import facts_of
from ledger.app.submission import SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt
from ledger.core.canonical import CanonicalError, encode_canonical
from ledger.core.ids import uuid7_text
from ledger.entry.entry import EntryError, NewerFormatError, decode_entry
from ledger.entry.log_state import GENESIS_TYPE, LogState
from ledger.entry.signatures import submission_roots
from ledger.entry.together import Member, Together, extend_by, read_together, whole_until
from tests.simulation.small_log import AT, GENESIS, KEY, ORIGIN

STREAMS = ("dossier:a", "dossier:b/1", "officer:%C3%A9")


def submission_of(size: int, odd: Mapping[int, tuple[str, str]] = {}) -> list[bytes]:
    """The entries behind a genesis of a submission of `size` actions in three streams; `odd` gives
    stream and type of some, whether these belong together or not."""
    index = MemoryIndex(ORIGIN)
    index.add(Record(0, GENESIS))
    bodies = []
    for number in range(size):
        stream = STREAMS[number % 3]
        stream, type_name = odd.get(number, (stream, f"{stream.partition(':')[0]}.note_added.v1"))
        action = Action(
            id=uuid7_text(number, sha256(b"%d" % number).digest()),
            type=type_name,
            stream=stream,
            occurred_at=OccurredAt(AT, "second"),
            actor=Actor(kind="officer", id="C-0092"),
            data={"note": "ộ", "amount": number},
        )
        bodies.append((action, encode_canonical(action)))
    sigs = KEY.sign([body for _, body in bodies])
    actions = tuple(
        SignedAction(action.id, action.stream, action.type, body, own)
        for (action, body), own in zip(bodies, sigs, strict=True)
    )
    group = seal_group(ORIGIN, index, [Submission(actions)], "2027-01-01T00:00:00.000000Z")
    return [sealed.data for sealed in group.entries]


def assert_is_what_each_says(read: Together, values: list[bytes]) -> None:
    entries = [decode_entry(value) for value in values[: len(read.members)]]
    assert submission_roots(entries) == [read.root] * len(entries)
    assert read.seal == entries[0].seal
    prev = read.seal.prev
    for at, (member, entry) in enumerate(zip(read.members, entries, strict=True)):
        seal = entry.seal
        assert (seal.index, seal.prev, seal.origin) == (read.seal.index + at, prev, ORIGIN)
        assert seal.recorded_at == read.seal.recorded_at
        assert entry.typed is not None
        assert member == Member(
            seal.stream,
            seal.stream_prev,
            seal.version,
            seal.type,
            entry.typed.id,
            entry.action_bytes,
            entry.leaf,
        )
        prev = entry.leaf


@pytest.mark.parametrize("size", [*range(1, 18), 200])
def test_a_submission_is_read_whole(size: int) -> None:
    values = submission_of(size)
    read = read_together(values, 0)
    assert read is not None
    assert len(read.members) == size
    assert_is_what_each_says(read, values)
    assert read_together([None, b"junk", *values, None], 2) == read
    if size > 1:
        assert read_together(values[:-1], 0) is None
        assert read_together(values, 1) is None
        assert read_together([values[0], None, *values[2:]], 0) is None
        assert read_together([values[0], values[0], *values[2:]], 0) is None


@pytest.mark.parametrize("changed", [0, 1, 3, 4])
def test_no_byte_can_change_unseen(changed: int) -> None:
    values = submission_of(5)
    whole = read_together(values, 0)
    data = values[changed]
    for place, byte in enumerate(data):
        for other in {byte ^ 1, byte ^ 0x20, 0x22, 0x0A, 0xFF} - {byte}:
            values[changed] = data[:place] + bytes([other]) + data[place + 1 :]
            read = read_together(values, 0)
            assert read != whole
            # Only what is an entry all the same, in the last place, may still be read: its link
            # in its stream and its version are compared by the fold, no other entry names it.
            if read is not None:
                assert changed in (0, 4)
                assert_is_what_each_says(read, values)
    values[changed] = data


def test_what_is_left_out_or_put_in_is_no_submission() -> None:
    data = submission_of(3)
    for at in range(len(data[1]) + 1):
        for other in (data[1][:at] + data[1][at + 1 :], data[1][:at] + b"0" + data[1][at:]):
            if other == data[1]:
                continue
            assert read_together([data[0], other, data[2]], 0) is None


@pytest.mark.parametrize("version", ["9" * 16, "9" * 5_000, str(2**53)])
def test_a_version_beyond_all_bounds_is_no_entry(version: str) -> None:
    first, second = submission_of(2)
    other = second.replace(b'"version":1}', f'"version":{version}}}'.encode(), 1)
    assert other != second
    with pytest.raises(EntryError):
        decode_entry(other)
    assert read_together([first, other], 0) is None


def test_runs_cover_all_records_once() -> None:
    values: list[bytes | None] = [GENESIS, *submission_of(9), None, b"junk"]
    single, run, *rest = facts_of(values).parts
    assert single == 0
    assert not isinstance(run, int)
    assert (run.index, len(run.ids), len(run.streams)) == (1, 9, 3)
    assert rest == [0, 0]


def test_wrong_bytes_are_judged_elsewhere() -> None:
    for value in (b"", b"{}\n{}", GENESIS[:-1], b'{"v":2}\n{}'):
        assert read_together([value], 0) is None
        with pytest.raises((EntryError, NewerFormatError, CanonicalError)):
            decode_entry(value)


def test_a_submission_extends_a_log_as_its_entries_do() -> None:
    values = submission_of(7)
    read = read_together(values, 0)
    assert read is not None
    one_by_one, at_once = LogState(ORIGIN), LogState(ORIGIN)
    for state in (one_by_one, at_once):
        state.judge(decode_entry(GENESIS))
    for value in values:
        assert not one_by_one.judge(decode_entry(value)).findings
    for wrong in (
        msgspec.structs.replace(read.seal, origin="other/0"),
        msgspec.structs.replace(read.seal, index=2),
        msgspec.structs.replace(read.seal, prev="0" * 64),
        msgspec.structs.replace(read.seal, recorded_at="2020-01-01T00:00:00.000000Z"),
        msgspec.structs.replace(
            read.seal, sigs=(msgspec.structs.replace(read.seal.sigs[0], key="nobody"),)
        ),
    ):
        assert not extend_by(at_once, read._replace(seal=wrong))
    for place, member in enumerate(read.members):
        for wrong_member in (
            msgspec.structs.replace(member, version=member.version + 1),
            msgspec.structs.replace(member, stream_prev="1" * 64),
        ):
            members = [*read.members[:place], wrong_member, *read.members[place + 1 :]]
            assert not extend_by(at_once, read._replace(members=members))
    assert not extend_by(at_once, read._replace(is_unusual=True))
    assert not extend_by(at_once, read._replace(root=bytes(32)))
    assert at_once.head.size == 1
    assert at_once.streams.keys() == {f"ledger:{ORIGIN}"}
    assert extend_by(at_once, read)
    assert (at_once.head, at_once.streams) == (one_by_one.head, one_by_one.streams)
    assert at_once.recorded_at == one_by_one.recorded_at


@pytest.mark.parametrize(
    ("stream", "type_name"), [(f"ledger:{ORIGIN}", "ledger.x.v1"), ("dossier:a", GENESIS_TYPE)]
)
def test_what_changes_the_log_itself_is_unusual_wherever_it_stands(
    stream: str, type_name: str
) -> None:
    for place in range(3):
        values = submission_of(3, {place: (stream, type_name)})
        read = read_together(values, 0)
        assert read is not None
        assert read.is_unusual
    usual = read_together(submission_of(3), 0)
    assert usual is not None
    assert not usual.is_unusual


def test_what_may_go_on_behind_is_left_for_later() -> None:
    values: list[bytes | None] = [GENESIS, *submission_of(5)]
    assert [whole_until(values[:n]) for n in range(7)] == [0, 1, 1, 1, 1, 1, 6]
    assert whole_until(values[1:3]) == 2
    assert whole_until([*values[:3], b"junk"]) == 4
    assert whole_until([*values[:3], None]) == 4
