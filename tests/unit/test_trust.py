"""The pinned log: written once, whole, and never changed to another log."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.adapters.trust import Trust, load_trust, note_seen, pin
from ledger.app.genesis import GenesisError, genesis_entry
from ledger.core.chain import Head
from ledger.core.findings import FindingError
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import Entry
from ledger.entry.log_state import LogState
from ledger.entry.signatures import SigningKey

AT = "2026-03-02T08:00:00.000000Z"
KEY = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")


def genesis(name: str = "ledger.example/trust") -> bytes:
    return genesis_entry(name, 0, 1, [KEY.enrolled()], KEY, uuid7_text(0, bytes(10)), AT, "0" * 64)


def test_a_genesis_counts_and_enrols_its_keys() -> None:
    data = genesis()
    state = LogState("ledger.example/trust/0", genesis_leaf=leaf_hash(data).hex())
    entry = state.admit(data)
    assert isinstance(entry, Entry)
    assert not state.judge(entry).findings
    assert state.keys.role_of("ledger-1") == "ledger"
    assert entry.action["data"] == {
        "name": "ledger.example/trust",
        "log": 0,
        "logs": 1,
        "format": 1,
        "config_hash": "0" * 64,
        "keys": [
            {
                "id": "ledger-1",
                "alg": "Ed25519",
                "public": KEY.enrolled().public,
                "role": "ledger",
            }
        ],
    }


@pytest.mark.parametrize("name", ["", "a b", "a//b", "/a", "a\n", "hồ-sơ"])
def test_a_name_that_makes_no_origin_is_refused(name: str) -> None:
    with pytest.raises(GenesisError):
        genesis(name)


def test_a_genesis_needs_its_own_key_and_a_number_in_range() -> None:
    source = SigningKey("source-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "source")
    with pytest.raises(GenesisError):
        genesis_entry("a", 0, 1, [], KEY, uuid7_text(0, bytes(10)), AT, "")
    with pytest.raises(GenesisError):
        genesis_entry("a", 1, 1, [KEY.enrolled()], KEY, uuid7_text(0, bytes(10)), AT, "")
    with pytest.raises(GenesisError):
        genesis_entry("a", 0, 1, [source.enrolled()], source, uuid7_text(0, bytes(10)), AT, "")


def geneses(name: str, logs: int) -> list[bytes]:
    keys = [KEY.enrolled()]
    ids = [uuid7_text(0, bytes(9) + bytes([n])) for n in range(logs)]
    return [genesis_entry(name, n, logs, keys, KEY, ids[n], AT, "0" * 64) for n in range(logs)]


def test_a_ledger_is_pinned_once(tmp_path: Path) -> None:
    path, data = tmp_path / "trust.toml", genesis()
    trust = pin(path, [data])
    assert trust == (Trust("ledger.example/trust/0", leaf_hash(data).hex()),)
    assert load_trust(path) == trust
    assert trust[0].seen is None
    assert pin(path, [data]) == trust
    with pytest.raises(FindingError, match="already pins"):
        pin(path, [genesis("ledger.example/other")])
    assert [item.name for item in tmp_path.iterdir()] == ["trust.toml"]


def test_every_log_of_a_ledger_is_pinned_by_number(tmp_path: Path) -> None:
    path, three = tmp_path / "trust.toml", geneses("audit", 3)
    trust = pin(path, three)
    assert [item.origin for item in trust] == ["audit/0", "audit/1", "audit/2"]
    assert [item.genesis_leaf for item in trust] == [leaf_hash(data).hex() for data in three]
    assert load_trust(path) == trust
    for wrong in (three[:2], three[::-1], [*three[:2], geneses("other", 2)[1]]):
        with pytest.raises(FindingError, match=r"is not that of|stands where"):
            pin(tmp_path / "wrong.toml", wrong)


def test_a_file_that_lost_a_log_or_its_order_pins_nothing(tmp_path: Path) -> None:
    path = tmp_path / "trust.toml"
    pin(path, geneses("audit", 3))
    head, *tables = path.read_text().split("\n[[log]]\n")
    first, second, third = tables
    wrong = ([first, second], [second, third], [first, second, first], [second, first, third])
    for kept in wrong:
        path.write_text("\n[[log]]\n".join([head, *kept]))
        with pytest.raises(FindingError, match=r"of 3 logs|stands where"):
            load_trust(path)


def test_the_file_of_the_first_version_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "trust.toml"
    lines = ('origin = "audit/0"', f'genesis_leaf = "{"ab" * 32}"', "seen_size = 7")
    path.write_text("\n".join([*lines, f'seen_leaf = "{"cd" * 32}"', ""]))
    assert load_trust(path) == (Trust("audit/0", "ab" * 32, 7, "cd" * 32),)
    note_seen(path, {"audit/0": Head(9, "ef" * 32)})
    assert load_trust(path) == (Trust("audit/0", "ab" * 32, 9, "ef" * 32),)


def test_the_highest_head_of_each_log_is_remembered_and_never_lowered(tmp_path: Path) -> None:
    path = tmp_path / "trust.toml"
    pin(path, geneses("audit", 2))
    note_seen(path, {"audit/0": Head(7, "ab" * 32)})
    note_seen(path, {"audit/0": Head(3, "cd" * 32), "audit/1": Head(4, "ef" * 32)})
    heads = [item.seen for item in load_trust(path)]
    assert heads == [Head(7, "ab" * 32), Head(4, "ef" * 32)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin = 1",
        'origin = "a/0"\ngenesis_leaf = "xyz"\n',
        f'origin = "a/0"\ngenesis_leaf = "{"0" * 64}"\nmore = 1\n',
        f'origin = "a/0"\ngenesis_leaf = "{"A" * 64}"\n',
        "not toml",
        "logs = 0\nlog = []\n",
    ],
)
def test_a_file_that_pins_nothing_is_a_finding(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trust.toml"
    path.write_text(text)
    with pytest.raises(FindingError) as caught:
        load_trust(path)
    assert caught.value.finding.code == "trust.unreadable"
    assert caught.value.finding.next_step


def test_a_missing_file_is_a_finding(tmp_path: Path) -> None:
    with pytest.raises(FindingError):
        load_trust(tmp_path / "trust.toml")
