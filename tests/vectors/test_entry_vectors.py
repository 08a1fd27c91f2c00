"""The entry format and the chain rule against vectors made by a program that shares no code."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.app.ports import Record
from ledger.core.findings import Verdict
from ledger.core.merkle import RootAccumulator
from ledger.entry.entry import (
    Entry,
    EntryError,
    NewerFormatError,
    decode_entry,
    encode_entry,
)
from ledger.entry.log_state import LogState, Stray
from ledger.entry.signatures import (
    EnrolledKey,
    KeyRing,
    SignatureError,
    SigningKey,
)
from ledger.entry.verify import Verifier

VECTORS: dict[str, Any] = json.loads(
    Path(__file__).with_name("entry_vectors.json").read_text(encoding="utf-8")
)
ORIGIN = VECTORS["origin"]
KEY = VECTORS["key"]


def named(item: dict[str, Any]) -> str:
    return str(item.get("name", item.get("index")))


def raw(item: dict[str, Any], field: str = "entry_b64") -> bytes:
    return b64decode(item[field])


def key_ring() -> KeyRing:
    ring = KeyRing()
    public = b64encode(bytes.fromhex(KEY["ed25519_public_hex"])).decode()
    ring.enrol(EnrolledKey(KEY["id"], "Ed25519", public, "ledger"))
    return ring


@pytest.mark.parametrize("vector", VECTORS["entries"], ids=named)
def test_entry_decodes_to_its_leaf_and_encodes_to_its_bytes(vector: dict[str, Any]) -> None:
    entry = decode_entry(raw(vector))
    assert entry.leaf == vector["leaf"]
    assert entry.seal.index == vector["index"]
    assert encode_entry(entry.seal, entry.action_bytes) == raw(vector)
    key_ring().check(entry.action_bytes, entry.seal.sigs)


def test_roots_at_every_size() -> None:
    accumulator = RootAccumulator()
    for vector in VECTORS["entries"]:
        accumulator.append(bytes.fromhex(vector["leaf"]))
        assert b64encode(accumulator.root()).decode() == vector["root_b64_at_size"]


def test_signed_messages_and_signatures_are_made_alike() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(KEY["ed25519_seed_hex"]))
    key = SigningKey(KEY["id"], private, "ledger")
    submissions: dict[str, list[Entry]] = {}
    for vector in VECTORS["entries"]:
        entry = decode_entry(raw(vector))
        submissions.setdefault(entry.seal.sigs[0].sig, []).append(entry)
    made = {b64encode(private.sign(raw({"m": m}, "m"))).decode() for m in signed_messages()}
    assert made == set(submissions)
    for entries in submissions.values():
        entries.sort(key=lambda entry: entry.seal.sigs[0].at)
        assert key.sign([e.action_bytes for e in entries]) == [e.seal.sigs for e in entries]


def signed_messages() -> list[str]:
    return [str(message) for message in VECTORS["signed_messages_b64"]]


@pytest.mark.parametrize("vector", VECTORS["refuse"], ids=named)
def test_malformed_entry_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises((EntryError, NewerFormatError)):
        decode_entry(raw(vector))


def test_only_the_newer_format_stops_the_reader() -> None:
    stops = []
    for vector in VECTORS["refuse"]:
        try:
            decode_entry(raw(vector))
        except NewerFormatError:
            stops.append(vector["name"])
        except EntryError:
            pass
    assert stops == ["format version 2"]


@pytest.mark.parametrize("vector", VECTORS["wrong_signature"], ids=named)
def test_wrong_signature_is_well_formed_and_does_not_verify(vector: dict[str, Any]) -> None:
    entry = decode_entry(raw(vector))
    with pytest.raises(SignatureError):
        key_ring().check(entry.action_bytes, entry.seal.sigs)


def test_chain_rule_counts_what_the_vectors_count() -> None:
    state = LogState(ORIGIN)
    for vector in VECTORS["chain_rule"]:
        data = b64decode(vector["record_b64"]) if vector["record_b64"] else None
        admitted = state.admit(data)
        assert isinstance(admitted, Stray) == vector["verdict"].startswith("stray"), vector
        if not isinstance(admitted, Stray):
            # The sample genesis enrols no keys, so every entry is void; that moves the head alike.
            state.judge(admitted)
    assert state.head.size == VECTORS["size_after_chain_rule"]
    assert state.head.leaf == VECTORS["head_after_chain_rule"]


def test_the_verifier_follows_the_same_chain_rule() -> None:
    verifier = Verifier(ORIGIN)
    for position, vector in enumerate(VECTORS["chain_rule"]):
        data = b64decode(vector["record_b64"]) if vector["record_b64"] else None
        verifier.add(Record(position, data))
    verification = verifier.finish()
    assert verification.entries == VECTORS["size_after_chain_rule"]
    assert verification.head.leaf == VECTORS["head_after_chain_rule"]
    assert verification.strays == sum(
        vector["verdict"].startswith("stray") for vector in VECTORS["chain_rule"]
    )
    assert "log.overwritten" not in {finding.code for finding in verification.findings}


@pytest.mark.parametrize("vector", VECTORS["refuse"] + VECTORS["wrong_signature"], ids=named)
def test_the_verifier_passes_none_of_the_refused(vector: dict[str, Any]) -> None:
    entries = VECTORS["entries"]
    verifier = Verifier(ORIGIN, entries[0]["leaf"], every_record_counts=True)
    verifier.state.keys = key_ring()
    verifier.add(Record(0, raw(entries[0])))
    verifier.add(Record(1, raw(vector)))
    verification = verifier.finish()
    if vector["name"] == "format version 2":
        assert verification.verdict is Verdict.INDETERMINATE
    else:
        assert verification.verdict is Verdict.FAILED
        assert verification.first_bad_index == 1


def test_the_verifier_passes_the_whole_vector_log() -> None:
    entries = VECTORS["entries"]
    verifier = Verifier(ORIGIN, entries[0]["leaf"], every_record_counts=True)
    verifier.state.keys = key_ring()
    for vector in entries:
        verifier.add(Record(vector["index"], raw(vector)))
    verification = verifier.finish()
    assert verification.verdict is Verdict.PASSED, verification.findings
    assert verification.signatures == len(VECTORS["signed_messages_b64"])
    assert verification.root == b64decode(entries[-1]["root_b64_at_size"]).hex()
