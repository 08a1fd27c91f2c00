"""Thirteen attacks on a log of generated dossiers (DOMAIN.md 3.5, G9): what names each, and where.

Whoever attacks rewrites the file's columns and head row as well, so that only the chain, the
signatures and what others have seen are left to tell.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from consumers.bootstrap import Settings, open_ledger, utc_now
from consumers.creation import create_ledger
from consumers.generate.files import write_files
from consumers.workers.importer import ImportOptions, import_file
from ledger.adapters.sqlite_verify import verify_file
from ledger.core.action import decode_action, encode_action
from ledger.core.findings import Verdict
from ledger.core.merkle import leaf_hash
from ledger.core.times import add_seconds
from ledger.entry.entry import Seal, decode_entry, encode_entry
from ledger.entry.signatures import SigningKey
from ledger.entry.verify import SeenHead, Verification

AT = 700
"""The index that is attacked: well behind the registry."""

UNKNOWN = SigningKey("unknown", Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32), "source")


class Victim:
    """A log of a thousand generated actions, its pins, and the source's key, as a thief has it."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(folder / "home")
        file = folder / "year.jsonl"
        write_files(file, 1_000, "attacked", lambda _done, _all: None)
        create_ledger(settings, "attacked").close()
        with open_ledger(settings) as ledger:
            self.key = ledger.keys.load_signing_key("source")
            import_file(file, ledger.logs, self.key, ledger.keys, ImportOptions(), now=utc_now)
            self.head = ledger.logs[0].head()
            (self.genesis,) = ledger.genesis_leaves.values()
        self.path, self.copy = settings.log_path, folder / "copy.sqlite"
        with closing(sqlite3.connect(self.path)) as connection:
            rows = connection.execute("SELECT data FROM entry ORDER BY idx")
            self.entries = [bytes(data) for (data,) in rows]

    def verify(self, entries: list[bytes], *, seen: bool = False) -> Verification:
        """What verification says of a file that holds these entries and fits them."""
        for ending in ("", "-wal", "-shm"):
            Path(f"{self.copy}{ending}").unlink(missing_ok=True)
        with closing(sqlite3.connect(self.path)) as source:
            source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self.path, self.copy)
        with closing(sqlite3.connect(self.copy)) as connection, connection:
            connection.execute("DROP INDEX entry_stream")
            connection.execute("DROP INDEX entry_action")
            connection.execute("DELETE FROM entry")
            for index, data in enumerate(entries):
                seal, _, body = data.partition(b"\n")
                named = {**_fields(seal), "action_id": _fields(body)["id"]}
                connection.execute(
                    "INSERT INTO entry (idx, leaf, stream, version, action_id, data)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        index,
                        leaf_hash(data),
                        named["stream"],
                        named["version"],
                        named["action_id"],
                        data,
                    ),
                )
            last = leaf_hash(entries[-1])
            connection.execute("UPDATE head SET size = ?, leaf = ?", (len(entries), last))
        heads = [SeenHead("another's copy", *self.head)] if seen else []
        return verify_file(self.copy, genesis_leaf=self.genesis, seen=heads)


def _fields(line: bytes) -> dict[str, object]:
    found: dict[str, object] = msgspec.json.decode(line)
    return found


def chained(entries: list[bytes], start: int) -> list[bytes]:
    """The entries from `start` on sealed anew: every link right, nothing signed again."""
    done = list(entries[:start])
    heads: dict[str, tuple[int, str]] = {}
    for data in done:
        seal = decode_entry(data).seal
        heads[seal.stream] = (seal.version, leaf_hash(data).hex())
    for data in entries[start:]:
        entry = decode_entry(data)
        version, leaf = heads.get(entry.seal.stream, (0, "0" * 64))
        seal = replace(
            entry.seal,
            index=len(done),
            prev=leaf_hash(done[-1]).hex(),
            version=version + 1,
            stream_prev=leaf,
        )
        done.append(encode_entry(seal, entry.action_bytes))
        heads[seal.stream] = (seal.version, leaf_hash(done[-1]).hex())
    return done


def altered(data: bytes, key: SigningKey | None = None) -> bytes:
    """The entry with another officer in it; signed by a key where one is given."""
    entry = decode_entry(data)
    action = decode_action(entry.action_bytes)
    other = replace(action, actor=replace(action.actor, id="somebody.else"))
    body = encode_action(other)
    seal: Seal = entry.seal
    if key is not None:
        ((signature,),) = key.sign([body])
        seal = replace(seal, sigs=(signature,))
    return encode_entry(seal, body)


def bit_flip(v: Victim) -> list[bytes]:
    data = v.entries[AT]
    place = data.index(b'"data":{') + 10
    flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    return [*v.entries[:AT], flipped, *v.entries[AT + 1 :]]


def drop(v: Victim) -> list[bytes]:
    return [*v.entries[:AT], *v.entries[AT + 1 :]]


def swap(v: Victim) -> list[bytes]:
    return [*v.entries[:AT], v.entries[AT + 1], v.entries[AT], *v.entries[AT + 2 :]]


def duplicate(v: Victim) -> list[bytes]:
    return [*v.entries[: AT + 1], *v.entries[AT:]]


def insert(v: Victim) -> list[bytes]:
    forged = altered(v.entries[AT], key=UNKNOWN)
    return [*v.entries[:AT], forged, *v.entries[AT:]]


def suffix_rehash(v: Victim) -> list[bytes]:
    return chained([*v.entries[:AT], altered(v.entries[AT]), *v.entries[AT + 1 :]], AT)


def tail_cut(v: Victim) -> list[bytes]:
    return v.entries[:AT]


def fork(v: Victim) -> list[bytes]:
    """Another history from here on, with the stolen key: everything in it is right."""
    own = altered(v.entries[AT], key=v.key)
    return chained([*v.entries[:AT], own, *v.entries[AT + 1 :]], AT)


def replay(v: Victim) -> list[bytes]:
    return [*v.entries, v.entries[AT]]


def sealed_again(v: Victim) -> list[bytes]:
    """An old action behind the head once more, with its own signature: the seal is not signed."""
    own = decode_entry(v.entries[AT])
    stream = [e for e in map(decode_entry, v.entries) if e.seal.stream == own.seal.stream]
    seal = replace(
        own.seal,
        index=len(v.entries),
        prev=leaf_hash(v.entries[-1]).hex(),
        recorded_at=decode_entry(v.entries[-1]).seal.recorded_at,
        version=stream[-1].seal.version + 1,
        stream_prev=stream[-1].leaf,
    )
    return [*v.entries, encode_entry(seal, own.action_bytes)]


def graft(v: Victim) -> list[bytes]:
    """The action of one dossier under the seal of another."""
    own, other = decode_entry(v.entries[AT]), decode_entry(v.entries[20])
    seal = replace(own.seal, stream=other.seal.stream)
    first, _, _ = encode_entry(seal, own.action_bytes).partition(b"\n")
    return [*v.entries[:AT], first + b"\n" + own.action_bytes, *v.entries[AT + 1 :]]


def timestamp(v: Victim) -> list[bytes]:
    entry = decode_entry(v.entries[AT])
    seal = replace(entry.seal, recorded_at=add_seconds(entry.seal.recorded_at, 0.000001))
    changed = encode_entry(seal, entry.action_bytes)
    return [*v.entries[:AT], changed, *v.entries[AT + 1 :]]


def key_misuse(v: Victim) -> list[bytes]:
    forged = altered(v.entries[AT], key=UNKNOWN)
    return chained([*v.entries[:AT], forged, *v.entries[AT + 1 :]], AT)


Attack = Callable[[Victim], list[bytes]]


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Victim:
    return Victim(tmp_path_factory.mktemp("attacks"))


def test_the_untouched_log_passes(victim: Victim):
    assert victim.verify(victim.entries, seen=True).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("attack", "first", "code"),
    [
        (bit_flip, AT, "signature.invalid"),
        (drop, AT, "chain.index_mismatch"),
        (swap, AT, "chain.index_mismatch"),
        (duplicate, AT + 1, "chain.index_mismatch"),
        (insert, AT, "signature.invalid"),
        (suffix_rehash, AT, "signature.invalid"),
        (graft, AT, "entry.malformed"),
        (timestamp, AT + 1, "chain.link_mismatch"),
        (key_misuse, AT, "signature.invalid"),
    ],
)
def test_the_log_alone_tells(victim: Victim, attack: Attack, first: int, code: str):
    found = victim.verify(attack(victim))
    assert found.verdict is Verdict.FAILED
    assert found.first_bad_index == first
    assert found.findings[0].code == code


def test_a_replayed_record_is_one_too_many(victim: Victim):
    found = victim.verify(replay(victim))
    assert (found.verdict, found.first_bad_index) == (Verdict.FAILED, len(victim.entries))
    assert found.findings[0].code == "chain.index_mismatch"


def test_an_action_that_is_sealed_again_is_there_twice(victim: Victim):
    found = victim.verify(sealed_again(victim))
    assert (found.verdict, found.first_bad_index) == (Verdict.FAILED, len(victim.entries))
    assert [finding.code for finding in found.findings] == ["action.recorded_twice"]


@pytest.mark.parametrize(
    ("attack", "first", "code"),
    [(tail_cut, AT, "log.truncated"), (fork, -1, "log.overwritten")],
)
def test_only_a_head_that_somebody_else_has_seen_tells(
    victim: Victim, attack: Attack, first: int, code: str
):
    """A log that was cut, or written anew with a stolen key, is whole in itself."""
    entries = attack(victim)
    assert victim.verify(entries).verdict is Verdict.PASSED
    found = victim.verify(entries, seen=True)
    assert found.verdict is Verdict.FAILED
    assert found.first_bad_index == first % len(victim.entries)
    assert [finding.code for finding in found.findings] == [code]
