"""Thirteen attacks on a log of generated dossiers (DOMAIN.md 3.5, G9): what names each, and where.

Whoever attacks rewrites the file's columns and head row as well, so that only the chain, the
signatures and what others have seen are left to tell.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from consumers.bootstrap import Settings, open_ledger, utc_now
from consumers.creation import create_ledger
from consumers.drill.rewriting import (
    by_another_officer,
    seal_of,
    sealed_anew,
    sealed_behind,
    with_action,
    with_seal,
)
from consumers.drill.scene import read_entries, remove_file, write_log
from consumers.generate.files import write_files
from consumers.workers.importer import ImportOptions, import_file
from ledger.adapters.sqlite_verify import verify_file
from ledger.core.findings import Verdict
from ledger.core.times import add_seconds
from ledger.entry.entry import decode_entry, encode_entry
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
        self.entries = read_entries(self.path)

    def verify(self, entries: list[bytes], *, seen: bool = False) -> Verification:
        """What verification says of a file that holds these entries and fits them."""
        remove_file(self.copy)
        write_log(self.copy, entries)
        heads = [SeenHead("another's copy", *self.head)] if seen else []
        return verify_file(self.copy, genesis_leaf=self.genesis, seen=heads)


def altered(data: bytes, key: SigningKey | None = None) -> bytes:
    """The entry with another officer in it; signed by a key where one is given."""
    return with_action(data, by_another_officer, key)


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
    return sealed_anew([*v.entries[:AT], altered(v.entries[AT]), *v.entries[AT + 1 :]], AT)


def tail_cut(v: Victim) -> list[bytes]:
    return v.entries[:AT]


def fork(v: Victim) -> list[bytes]:
    """Another history from here on, with the stolen key: everything in it is right."""
    own = altered(v.entries[AT], key=v.key)
    return sealed_anew([*v.entries[:AT], own, *v.entries[AT + 1 :]], AT)


def replay(v: Victim) -> list[bytes]:
    return [*v.entries, v.entries[AT]]


def sealed_again(v: Victim) -> list[bytes]:
    """An old action behind the head once more, with its own signature: the seal is not signed."""
    return [*v.entries, sealed_behind(v.entries, v.entries[AT])]


def graft(v: Victim) -> list[bytes]:
    """The action of one dossier under the seal of another."""
    own, other = decode_entry(v.entries[AT]), decode_entry(v.entries[20])
    seal = replace(own.seal, stream=other.seal.stream)
    first, _, _ = encode_entry(seal, own.action_bytes).partition(b"\n")
    return [*v.entries[:AT], first + b"\n" + own.action_bytes, *v.entries[AT + 1 :]]


def timestamp(v: Victim) -> list[bytes]:
    later = add_seconds(seal_of(v.entries[AT]).recorded_at, 0.000001)
    changed = with_seal(v.entries[AT], recorded_at=later)
    return [*v.entries[:AT], changed, *v.entries[AT + 1 :]]


def key_misuse(v: Victim) -> list[bytes]:
    forged = altered(v.entries[AT], key=UNKNOWN)
    return sealed_anew([*v.entries[:AT], forged, *v.entries[AT + 1 :]], AT)


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
