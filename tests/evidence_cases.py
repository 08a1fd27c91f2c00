"""Every way in which an evidence bundle is altered: each names the step at which a verifier must
refuse it."""

from __future__ import annotations

import json
import zipfile

import msgspec

from ledger.core.canonical import encode_canonical
from ledger.core.note import parse_note
from ledger.core.tlog_proof import parse_tlog_proof
from ledger.entry.archive import encode_archive
from ledger.entry.entry import decode_entry, encode_entry
from ledger.entry.signatures import SigningKey
from tests.evidence_forge import (
    Case,
    Scene,
    case_of,
    change_manifest,
    count,
    insider,
    other_note,
    packed,
    private_key,
    proof_of,
    reseal,
    sign,
    source_key,
    without,
)
from tests.evidence_keys import CASES as KEY_CASES
from tests.evidence_redactions import CASES as REDACTION_CASES
from tests.evidence_rounds import CASES as ROUND_CASES
from tests.sealed_ledger import SEALED_SECONDS, ed25519

CASES: list[Case] = [*KEY_CASES, *REDACTION_CASES, *ROUND_CASES]
case = case_of(CASES)


# What somebody can do who has the file alone


@case(1)
def payload_byte(scene: Scene) -> bytes:
    data = bytearray(encode_archive(scene.dossier))
    data[data.index(b"custody_accepted")] ^= 1
    return bytes(data)


@case(1)
def truncated(scene: Scene) -> bytes:
    return encode_archive(scene.dossier)[:-40]


@case(1)
def bytes_behind_the_end(scene: Scene) -> bytes:
    return encode_archive(scene.dossier) + b"PK"


@case(1)
def bytes_before_the_beginning(scene: Scene) -> bytes:
    return b"#!/bin/sh\n" + encode_archive(scene.dossier)


@case(1)
def name_twice(scene: Scene) -> bytes:
    """The one form in everything else; a lenient reader takes the first or the last of them."""
    data = encode_archive(scene.dossier | {"custody.jsonm": b"another"})
    return data.replace(b"custody.jsonm", b"custody.jsonl")


@case(1)
def name_that_climbs(scene: Scene) -> bytes:
    data = encode_archive(scene.dossier | {"00/entries": b"x"})
    return data.replace(b"00/entries", b"../entries")


@case(1)
def size_that_lies(scene: Scene) -> bytes:
    data = bytearray(encode_archive(scene.dossier))
    data[18:26] = b"\xff\xff\xff\x7f" * 2
    return bytes(data)


@case(1)
def packed_anew_and_deflated(scene: Scene) -> bytes:
    return packed(list(scene.dossier.items()), zipfile.ZIP_DEFLATED)


@case(1)
def nothing_in_it(_scene: Scene) -> bytes:
    return encode_archive({})


@case(1)
def file_added(scene: Scene) -> bytes:
    return encode_archive(scene.dossier | {"notes.txt": b"read me"})


@case(1)
def entry_dropped(scene: Scene) -> bytes:
    return encode_archive(without(scene.dossier, scene.entry(3)))


@case(1)
def custody_missing(scene: Scene) -> bytes:
    return encode_archive(without(scene.dossier, "custody.jsonl"))


@case(9)
def purpose_rewritten(scene: Scene) -> bytes:
    return encode_archive(change_manifest(scene.dossier, purpose="routine"))


@case(9)
def scope_query_in_place_of_dossier(scene: Scene) -> bytes:
    """A query promises nothing: whoever wants to leave entries out would say so."""
    scope = {"kind": "query", "query": "dossier:x"}
    return encode_archive(change_manifest(scene.dossier, scope=scope))


# What an insider can do who makes the manifest fit and signs it


@case(1)
def file_without_a_place(scene: Scene) -> bytes:
    return insider(scene, scene.dossier | {"proofs/0/extra.txt": b"x"})


@case(1)
def manifest_not_canonical(scene: Scene) -> bytes:
    data = scene.dossier["manifest.json"].replace(b'"v":1', b'"v": 1')
    return encode_archive(scene.dossier | {"manifest.json": data})


@case(2)
def entries_swapped(scene: Scene) -> bytes:
    one, two = scene.entry(1), scene.entry(2)
    files = scene.dossier | {one: scene.dossier[two], two: scene.dossier[one]}
    return insider(scene, files)


@case(2)
def entry_dropped_and_manifest_made_to_fit(scene: Scene) -> bytes:
    return insider(scene, without(scene.dossier, scene.entry(3), proof_of(scene.entry(3))))


@case(2)
def entry_not_canonical(scene: Scene) -> bytes:
    path = scene.entry(1)
    data = scene.dossier[path].replace(b'"v":1', b'"v":1.0', 1)
    return insider(scene, scene.dossier | {path: data})


@case(2)
def entry_of_a_newer_format(scene: Scene) -> bytes:
    path = scene.entry(1)
    data = scene.dossier[path].replace(b'"v":1', b'"v":2', 1)
    return insider(scene, scene.dossier | {path: data})


@case(3)
def payload_changed_and_hashed_again(scene: Scene) -> bytes:
    path = scene.entry(1)
    data = scene.dossier[path].replace(b'"at":"2026-03-', b'"at":"2026-04-', 1)
    assert data != scene.dossier[path]
    return insider(scene, scene.dossier | {path: data})


@case(3)
def signature_of_another_entry(scene: Scene) -> bytes:
    path = scene.entry(1)
    other = decode_entry(scene.dossier[scene.entry(2)]).seal.sigs
    return insider(scene, scene.dossier | {path: reseal(scene.dossier[path], sigs=other)})


@case(3)
def officer_swapped_with_a_key_of_his_own(scene: Scene) -> bytes:
    """The action says another actor, signed by a key that nobody enrolled."""
    path = scene.entry(1)
    entry = decode_entry(scene.dossier[path])
    action = entry.action_bytes.replace(entry.action["actor"]["id"].encode(), b"somebody.else", 1)
    private = SigningKey("mine", private_key("mine"), "source")
    seal = msgspec.structs.replace(entry.seal, sigs=private.sign([action])[0])
    return insider(scene, scene.dossier | {path: encode_entry(seal, action)})


@case(3)
def genesis_left_out(scene: Scene) -> bytes:
    files = without(scene.dossier, "registry/0/0", "proofs/0/0.tlog-proof")
    return insider(scene, count(files, registry=-1))


@case(3)
def key_with_a_field_more(scene: Scene) -> bytes:
    """What the field takes back, no reader of today can know."""
    files = {**scene.dossier}
    genesis = decode_entry(files["registry/0/0"])
    action = genesis.action
    action["data"]["keys"][0]["until_at"] = "2026-01-01T00:00:00.000000Z"
    body = encode_canonical(action)
    seal = msgspec.structs.replace(genesis.seal, sigs=scene.key.sign([body])[0])
    return insider(scene, files | {"registry/0/0": encode_entry(seal, body)})


@case(3)
def another_number_of_logs(scene: Scene) -> bytes:
    return insider(scene, change_manifest(scene.dossier, logs=2))


@case(4)
def recorded_at_of_the_seal(scene: Scene) -> bytes:
    path = scene.entry(1)
    data = reseal(scene.dossier[path], recorded_at="2026-01-01T00:00:00.000000Z")
    return insider(scene, scene.dossier | {path: data})


@case(4)
def stream_link_of_the_seal(scene: Scene) -> bytes:
    path = scene.entry(4)
    data = reseal(scene.dossier[path], stream_prev="ab" * 32)
    return insider(scene, scene.dossier | {path: data})


@case(4)
def versions_in_another_order(scene: Scene) -> bytes:
    path = scene.entry(4)
    return insider(scene, scene.dossier | {path: reseal(scene.dossier[path], version=2)})


@case(5)
def hash_of_a_proof(scene: Scene) -> bytes:
    path = proof_of(scene.entry(1))
    proof = parse_tlog_proof(scene.dossier[path])
    wrong = (bytes(32), *proof.path[1:])
    data = msgspec.structs.replace(proof, path=wrong).encode()
    return insider(scene, scene.dossier | {path: data})


@case(5)
def last_entry_sealed_anew(scene: Scene) -> bytes:
    """Nothing in the bundle names the leaf of the last version: only the tree does."""
    path = scene.entry(-1)
    data = reseal(scene.dossier[path], recorded_at="2026-12-31T00:00:00.000000Z")
    return insider(scene, scene.dossier | {path: data})


@case(5)
def proof_missing(scene: Scene) -> bytes:
    return insider(scene, without(scene.dossier, proof_of(scene.entry(1))))


@case(5)
def another_checkpoint(scene: Scene) -> bytes:
    """Genuine in every signature, of another moment."""
    note = scene.sealing.note("demo/0", 600, bytes(32)).encode()
    return insider(scene, scene.dossier | {"proofs/0/checkpoint": note})


@case(5)
def checkpoint_not_of_the_round(scene: Scene) -> bytes:
    round_ = json.loads(scene.dossier["proofs/checkpoints/round"])
    round_["sealed_at"] = "2026-09-21T14:13:21.000000Z"
    files = scene.dossier | {"proofs/checkpoints/round": encode_canonical(round_)}
    return insider(scene, files)


@case(5)
def as_of_rewritten(scene: Scene) -> bytes:
    as_of = json.loads(scene.dossier["manifest.json"])["as_of"]
    as_of[0]["size"] += 1
    return insider(scene, change_manifest(scene.dossier, as_of=as_of))


@case(6)
def policy_swapped(scene: Scene) -> bytes:
    data = scene.dossier["proofs/policy.txt"].replace(b"quorum both", b"quorum none")
    return insider(scene, scene.dossier | {"proofs/policy.txt": data})


@case(6)
def checkpoint_signed_by_somebody(scene: Scene) -> bytes:
    def change(note: bytes) -> bytes:
        parsed = parse_note(note)
        mine = ed25519("demo/0x").sign(parsed.text)
        forged = msgspec.structs.replace(parsed.signatures[0], blob=mine.blob)
        return msgspec.structs.replace(parsed, signatures=(forged, *parsed.signatures[1:])).encode()

    return insider(scene, other_note(scene, "demo/0", change))


@case(6)
def log_signature_missing(scene: Scene) -> bytes:
    def change(note: bytes) -> bytes:
        parsed = parse_note(note)
        return msgspec.structs.replace(parsed, signatures=parsed.signatures[1:]).encode()

    return insider(scene, other_note(scene, "demo/0", change))


@case(6)
def cosignature_of_another_time(scene: Scene) -> bytes:
    def change(note: bytes) -> bytes:
        parsed = parse_note(note)
        *others, last = parsed.signatures
        blob = (SEALED_SECONDS - 86_400).to_bytes(8) + last.blob[8:]
        again = msgspec.structs.replace(last, blob=blob)
        return msgspec.structs.replace(parsed, signatures=(*others, again)).encode()

    return insider(scene, other_note(scene, "demo/0", change))


@case(7)
def cosignature_missing(scene: Scene) -> bytes:
    def change(note: bytes) -> bytes:
        parsed = parse_note(note)
        return msgspec.structs.replace(parsed, signatures=parsed.signatures[:-1]).encode()

    return insider(scene, other_note(scene, "demo/0", change))


@case(8)
def stream_gap(scene: Scene) -> bytes:
    files = without(scene.dossier, scene.entry(3), proof_of(scene.entry(3)))
    return insider(scene, count(files, entries=-1))


@case(8)
def another_dossier_in_the_manifest(scene: Scene) -> bytes:
    scope = {"kind": "dossier", "dossier": "H26.31.0008"}
    return insider(scene, change_manifest(scene.dossier, scope=scope))


@case(8)
def another_period(scene: Scene) -> bytes:
    scope = json.loads(scene.officer["manifest.json"])["scope"]
    scope["from_at"] = "2026-03-20T00:00:00.000000Z"
    return insider(scene, change_manifest(scene.officer, scope=scope))


@case(9)
def manifest_signed_by_a_source_key(scene: Scene) -> bytes:
    files = change_manifest(scene.dossier, signer={"key": source_key(scene), "log": 0})
    return insider(scene, files)


@case(9)
def manifest_signed_by_nobody(scene: Scene) -> bytes:
    return encode_archive(sign(scene.dossier, SigningKey("x", private_key("x"), "ledger")))


@case(9)
def two_signatures_on_the_manifest(scene: Scene) -> bytes:
    note = scene.dossier["manifest.note"]
    line = note.rpartition(b"\n\n")[2]
    return encode_archive(scene.dossier | {"manifest.note": note + line})


@case(1)
def file_changed_and_packed_again(scene: Scene) -> bytes:
    path = scene.entry(1)
    return encode_archive(scene.dossier | {path: scene.dossier[path] + b" "})


@case(2)
def entry_in_both_folders(scene: Scene) -> bytes:
    path = scene.entry(1)
    twin = path.replace("entries/", "registry/")
    return insider(scene, count(scene.dossier | {twin: scene.dossier[path]}, registry=1))


@case(3)
def second_genesis(scene: Scene) -> bytes:
    """Keys of the insider's own, enrolled by an entry that says to begin the log again."""
    path = scene.entry(1)
    entry = decode_entry(scene.dossier[path])
    genesis = decode_entry(scene.dossier["registry/0/0"])
    sigs = scene.key.sign([genesis.action_bytes])[0]
    seal = msgspec.structs.replace(
        entry.seal, sigs=sigs, stream=genesis.seal.stream, type=genesis.seal.type
    )
    return insider(scene, scene.dossier | {path: encode_entry(seal, genesis.action_bytes)})


@case(5)
def proof_of_nothing(scene: Scene) -> bytes:
    path = proof_of(scene.entry(1))
    return insider(scene, scene.dossier | {"proofs/0/99999.tlog-proof": scene.dossier[path]})


@case(5)
def extra_line_in_a_proof(scene: Scene) -> bytes:
    path = proof_of(scene.entry(1))
    proof = msgspec.structs.replace(parse_tlog_proof(scene.dossier[path]), extra=b"hidden")
    return insider(scene, scene.dossier | {path: proof.encode()})


@case(5)
def checkpoint_of_the_other_tree(scene: Scene) -> bytes:
    note = scene.dossier["proofs/checkpoints/checkpoint"]
    return insider(scene, scene.dossier | {"proofs/0/checkpoint": note})


@case(8)
def officer_proof_in_a_dossier(scene: Scene) -> bytes:
    proof = scene.officer["proofs/0/officer.json"]
    return insider(scene, scene.dossier | {"proofs/0/officer.json": proof})


@case(8)
def every_entry_left_out(scene: Scene) -> bytes:
    gone = [name for name in scene.dossier if name.startswith("entries/")]
    files = without(scene.dossier, *gone, *map(proof_of, gone))
    return insider(scene, count(files, entries=-len(gone)))


@case(1)
def period_that_is_no_text(scene: Scene) -> bytes:
    scope = json.loads(scene.officer["manifest.json"])["scope"]
    return insider(scene, change_manifest(scene.officer, scope=scope | {"to_at": False}))
