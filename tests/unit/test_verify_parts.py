"""Read in parts or record by record, by other processes or here: the one verifier says the same."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.adapters import verify_process
from ledger.adapters.pipe_process import PipeProcess
from ledger.adapters.sqlite_verify import verify_file
from ledger.adapters.verify_log import verify_log
from ledger.adapters.verify_process import Bundles, Read, Request, Rows, answer
from ledger.app.ports import Record
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.chain import Head, StreamHead
from ledger.core.findings import Verdict
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.core.times import add_seconds
from ledger.entry.entry import Seal, decode_entry, encode_entry
from ledger.entry.segment import Segment
from ledger.entry.signatures import SigningKey
from ledger.entry.verify import SeenHead, Verification, Verifier
from tests.properties.test_tamper_sqlite import SIZE, write_log
from tests.unit.test_verify import AT, HEAD, KEY, LEAF, LOG, ORIGIN, chain


class Records:
    """A log's records in memory, behind the port of a reader."""

    origin = ORIGIN

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def read(self, position: int, limit: int) -> Sequence[Record]:
        return [r for r in self._records if r.position >= position][: min(limit, 3)]

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:
        raise NotImplementedError

    def end(self) -> int:
        return self._records[-1].position + 1

    def close(self) -> None:
        pass


def one_by_one(records: Sequence[Record], *, is_strict: bool, seen: int) -> Verification:
    verifier = verifier_of(is_strict=is_strict, seen=seen)
    for record in records:
        verifier.add(record)
    return verifier.finish()


def verifier_of(*, is_strict: bool, seen: int) -> Verifier:
    heads = [SeenHead("somebody", seen, leaf_hash(LOG[seen - 1]).hex())] if seen else []
    return Verifier(ORIGIN, LEAF, seen=heads, every_record_counts=is_strict)


STREAM = StreamHead(0, "0" * 64)
OTHERS = [
    *chain(2, Head(3, leaf_hash(LOG[2]).hex()), StreamHead(2, leaf_hash(LOG[2]).hex()), note="b"),
    *chain(2, HEAD, StreamHead(6, HEAD.leaf)),
    LOG[2].replace(b"C-0092", b"C-0093", 1),
    LOG[3].replace(b'"v":1', b'"v":2', 1),
]
PIECES: list[bytes | None] = [*LOG, *OTHERS, None, b"noise"]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kept=st.lists(st.booleans(), min_size=len(LOG), max_size=len(LOG)),
    put=st.lists(st.tuples(st.integers(0, 8), st.sampled_from(PIECES)), max_size=4),
    gap=st.integers(0, 30),
    part=st.integers(1, 6),
    is_strict=st.booleans(),
    seen=st.integers(0, len(LOG)),
)
def test_whatever_lies_in_a_log_parts_and_single_records_give_the_same(
    kept: list[bool],
    put: list[tuple[int, bytes | None]],
    gap: int,
    part: int,
    is_strict: bool,
    seen: int,
) -> None:
    values: list[bytes | None] = [
        data for data, keep in zip(LOG, kept, strict=True) if keep or sum(kept) < 4
    ]
    for place, data in put:
        if data is None and is_strict:
            continue  # only a Kafka partition holds records without a value
        values.insert(min(place, len(values)), data)
    records = [Record(n + 3 * (n >= gap), data) for n, data in enumerate(values)]
    found = one_by_one(records, is_strict=is_strict, seen=seen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_process, "FEW_ENTRIES_MAX", 0)
        patch.setattr(verify_process, "PART_ENTRIES", part)
        patch.setattr(verify_process, "processes", lambda: 0)
        verifier = verifier_of(is_strict=is_strict, seen=seen)
        parts = verify_log(Records(records), verifier)
    # What is verified before it is known whether it counts is verified all the same.
    assert parts.signatures >= found.signatures or found.voids
    assert replace(parts, signatures=0, steps=()) == replace(found, signatures=0, steps=())
    assert [(s.title, s.verdict) for s in parts.steps] == [
        (s.title, s.verdict) for s in found.steps
    ]


def test_a_whole_log_is_one_segment_behind_its_genesis() -> None:
    verifier = verifier_of(is_strict=True, seen=0)
    verifier.add(Record(0, LOG[0]))
    values = verify_process.Values(1, LOG[1:])
    keys = list(verifier.state.keys)
    (segment,) = answer(Request(values, ORIGIN, keys, [])).parts
    assert isinstance(segment, Segment)
    assert (segment.index, segment.count, segment.submissions) == (1, 6, 6)
    for cuts in ([3], [3, 5], [1, 2, 3, 4, 5, 6, 7]):
        parts = answer(Request(values, ORIGIN, keys, cuts)).parts
        ends = [part.index + part.count for part in parts if isinstance(part, Segment)]
        assert ends == [*[cut for cut in cuts if 1 < cut < 7], 7]
    # Of another origin, or of keys that are not known, nothing is said.
    assert not any(
        isinstance(part, Segment)
        for request in (Request(values, "other/0", keys, []), Request(values, ORIGIN, [], []))
        for part in answer(request).parts
    )
    assert verifier.add_segment(segment)
    assert verifier.finish().head == HEAD
    assert not verifier.add_segment(segment)


@pytest.mark.parametrize("how", ["processes", "killed", "not started"])
def test_other_processes_decide_nothing(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.sqlite"
    genesis_leaf, head = write_log(path)
    expected = verify_file(path, genesis_leaf=genesis_leaf, expect=head)
    started = []

    class Process(PipeProcess[Request, Read]):
        def __init__(self, module: str, kind: type[Read]) -> None:
            if how == "not started":
                raise OSError("no more processes")
            super().__init__(module, kind)
            started.append(self)
            if how == "killed":
                self._process.kill()

    monkeypatch.setattr(verify_process, "PipeProcess", Process)
    monkeypatch.setattr(verify_process, "FEW_ENTRIES_MAX", 0)
    monkeypatch.setattr(verify_process, "PART_ENTRIES", 5)
    monkeypatch.setattr(verify_process, "processes", lambda: 2)
    done: list[int] = []
    found = verify_file(path, genesis_leaf=genesis_leaf, expect=head, on_progress=done.append)
    assert found == expected
    assert found.verdict is Verdict.PASSED
    assert done == sorted(done)
    assert done[-1] == SIZE - 1
    assert len(started) == (0 if how == "not started" else 2)


def test_a_file_that_is_no_log_is_a_rest(tmp_path: Path) -> None:
    rows = Rows(str(tmp_path / "missing.sqlite"), 1, 9)
    (rest,) = answer(Request(rows, ORIGIN, [], [])).parts
    assert (rest.position, rest.end) == (1, 9)
    bundles = Bundles(str(tmp_path), 3, 0, 3, True)
    read = answer(Request(bundles, ORIGIN, [], []))
    assert (read.parts, [facts.is_whole for facts in read.facts]) == ([], [False])


OTHER = SigningKey("source-2", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32), "source")


def sealed(steps: Sequence[tuple[str, str, dict[str, Any], SigningKey]]) -> list[bytes]:
    """A log of these (type, stream, data, key) behind the genesis."""
    entries, heads = [LOG[0]], {f"ledger:{ORIGIN}": StreamHead(1, LEAF)}
    for type_name, stream, data, key in steps:
        index = len(entries)
        action = Action(
            id=uuid7_text(index, sha256(b"%d" % index).digest()),
            type=type_name,
            stream=stream,
            occurred_at=OccurredAt(AT, "second"),
            actor=Actor(kind="system", id="ledger"),
            data=data,
        )
        body = encode_action(action)
        before = heads.get(stream, STREAM)
        seal = Seal(
            index=index,
            origin=ORIGIN,
            prev=leaf_hash(entries[-1]).hex(),
            recorded_at=add_seconds(AT, index),
            sigs=key.sign([body])[0],
            stream=stream,
            stream_prev=before.leaf,
            type=type_name,
            v=1,
            version=before.version + 1,
        )
        entries.append(encode_entry(seal, body))
        heads[stream] = StreamHead(seal.version, leaf_hash(entries[-1]).hex())
    return entries


@pytest.mark.parametrize("part", [1, 2, 3, 5, 20])
def test_keys_that_come_and_go_count_where_they_are_valid(part: int) -> None:
    own, noted = f"ledger:{ORIGIN}", "dossier.noted.v1"
    by_other = [(noted, f"dossier:{n}", {"note": "x"}, OTHER) for n in range(4)]
    by_ledger = [(noted, f"dossier:l{n}", {"note": "x"}, KEY) for n in range(4)]
    enrolled = {"key": msgspec.to_builtins(OTHER.enrolled())}
    values = sealed(
        [
            *by_ledger,
            (noted, "dossier:early", {"note": "x"}, OTHER),
            ("ledger.key_enrolled.v1", own, enrolled, KEY),
            *by_other,
            ("ledger.key_revoked.v1", own, {"key_id": OTHER.id}, KEY),
            *by_other,
            *by_ledger,
        ]
    )
    records = [Record(n, data) for n, data in enumerate(values)]
    found = one_by_one(records, is_strict=True, seen=0)
    bad = [f.index for f in found.findings if f.code == "signature.invalid"]
    # Signed before it was enrolled, and after it was revoked; what follows in a stream is judged
    # by what was not void.
    assert bad[0] == 5
    assert found.voids > 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_process, "FEW_ENTRIES_MAX", 0)
        patch.setattr(verify_process, "PART_ENTRIES", part)
        patch.setattr(verify_process, "processes", lambda: 0)
        parts = verify_log(Records(records), verifier_of(is_strict=True, seen=0))
        ahead = verifier_of(is_strict=True, seen=0)
        ahead.add(records[0])
        # A process may know a key that is revoked by the time its segment is taken.
        keys = [*ahead.state.keys, OTHER.enrolled()]
        rest = verify_process.Values(1, values[1:])
        for item in answer(Request(rest, ORIGIN, keys, [])).parts:
            if not isinstance(item, Segment) or not ahead.add_segment(item):
                for record in records[item.position : item.end]:
                    ahead.add(record)
    for other in (parts, ahead.finish()):
        assert replace(other, signatures=0, steps=()) == replace(found, signatures=0, steps=())


@pytest.mark.parametrize("missing", range(1, len(LOG) - 1))
@pytest.mark.parametrize("part", [1, 2, 3])
def test_behind_a_missing_row_the_root_is_that_of_what_is_there(missing: int, part: int) -> None:
    longer = [*LOG, *chain(6, HEAD, StreamHead(6, HEAD.leaf))]
    records = [Record(n, data) for n, data in enumerate(longer) if n != missing]
    found = one_by_one(records, is_strict=True, seen=0)
    assert "chain.index_missing" in {finding.code for finding in found.findings}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_process, "FEW_ENTRIES_MAX", 0)
        patch.setattr(verify_process, "PART_ENTRIES", part)
        patch.setattr(verify_process, "processes", lambda: 0)
        parts = verify_log(Records(records), verifier_of(is_strict=True, seen=0))
    assert replace(parts, signatures=0, steps=()) == replace(found, signatures=0, steps=())


def resealed(entries: Sequence[bytes], index: int, **changes: object) -> list[bytes]:
    """The entries with other words in one seal, and every link of the log made right behind it."""
    done = list(entries[:index])
    for data in entries[index:]:
        entry = decode_entry(data)
        seal = replace(entry.seal, prev=leaf_hash(done[-1]).hex())
        if len(done) == index:
            seal = replace(seal, **changes)
        done.append(encode_entry(seal, entry.action_bytes))
    return done


@pytest.mark.parametrize("index", range(2, 12))
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"recorded_at": add_seconds(AT, -60)}, "chain.recorded_at_backwards"),
        ({"version": 77}, "chain.version_mismatch"),
        ({"stream_prev": "ab" * 32}, "chain.stream_link_mismatch"),
    ],
)
def test_what_only_the_seal_tells_is_found_within_a_part(
    index: int, changes: dict[str, object], code: str
) -> None:
    noted = "dossier.noted.v1"
    steps = [(noted, f"dossier:{n % 2}", {"note": "x"}, KEY) for n in range(12)]
    values = resealed(sealed(steps), index, **changes)
    records = [Record(n, data) for n, data in enumerate(values)]
    found = one_by_one(records, is_strict=True, seen=0)
    assert (found.first_bad_index, found.findings[0].code) == (index, code)
    for part in (3, 20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(verify_process, "FEW_ENTRIES_MAX", 0)
            patch.setattr(verify_process, "PART_ENTRIES", part)
            patch.setattr(verify_process, "processes", lambda: 0)
            # The reader gives three records at a time: the genesis comes with two of them.
            parts = verify_log(Records(records), verifier_of(is_strict=True, seen=0))
        assert replace(parts, signatures=0, steps=()) == replace(found, signatures=0, steps=())
