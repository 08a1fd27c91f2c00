"""Every way in which a bundle's round is altered, and the officers' proofs that stand on it."""

from __future__ import annotations

import json

from ledger.core.canonical import encode_canonical
from tests.evidence_forge import Case, Scene, case_of, change_manifest, insider, other_round

CASES: list[Case] = []
case = case_of(CASES)


@case(8)
def officer_leaf_left_out(scene: Scene) -> bytes:
    lines = scene.officer["proofs/0/officer.leaves"].splitlines(keepends=True)
    return insider(scene, scene.officer | {"proofs/0/officer.leaves": b"".join(lines[1:])})


@case(8)
def officer_count_rewritten(scene: Scene) -> bytes:
    lines = scene.officer["proofs/0/officer.leaves"].splitlines(keepends=True)
    proof = json.loads(scene.officer["proofs/0/officer.json"])
    proof["leaves"][0]["count"] -= 1
    files = scene.officer | {
        "proofs/0/officer.leaves": b"".join(lines[1:]),
        "proofs/0/officer.json": encode_canonical(proof),
    }
    return insider(scene, files)


@case(5)
def round_of_another_ledger(scene: Scene) -> bytes:
    def change(value: dict) -> None:
        value["logs"][0]["origin"] = "other/0"

    return insider(scene, other_round(scene, change))


@case(5)
def round_of_another_time(scene: Scene) -> bytes:
    def change(value: dict) -> None:
        value["sealed_at"] = "2026-09-21T14:13:21.000000Z"

    return insider(scene, other_round(scene, change))


@case(5)
def round_of_another_root(scene: Scene) -> bytes:
    def change(value: dict) -> None:
        value["logs"][0]["root"] = "ab" * 32

    return insider(scene, other_round(scene, change))


@case(5)
def round_with_a_log_more(scene: Scene) -> bytes:
    def change(value: dict) -> None:
        value["logs"].append(value["logs"][0] | {"origin": "demo/1"})

    return insider(scene, other_round(scene, change))


@case(5)
def round_with_a_word_more(scene: Scene) -> bytes:
    def change(value: dict) -> None:
        value["logs"][0]["until"] = "revoked"

    return insider(scene, other_round(scene, change))


@case(5)
def round_without_officers(scene: Scene) -> bytes:
    def change(value: dict) -> None:
        value["logs"][0]["officers_root"] = ""

    return insider(scene, other_round(scene, change))


@case(5)
def round_and_manifest_of_no_time(scene: Scene) -> bytes:
    def change(value: dict) -> None:
        value["sealed_at"] = "yesterday"

    return insider(scene, change_manifest(other_round(scene, change), sealed_at="yesterday"))


@case(8)
def officer_leaf_with_a_word_more(scene: Scene) -> bytes:
    proof = json.loads(scene.officer["proofs/0/officer.json"])
    proof["leaves"][0]["until"] = "revoked"
    return insider(scene, scene.officer | {"proofs/0/officer.json": encode_canonical(proof)})


@case(8)
def officer_proof_of_version_true(scene: Scene) -> bytes:
    proof = json.loads(scene.officer["proofs/0/officer.json"]) | {"v": True}
    return insider(scene, scene.officer | {"proofs/0/officer.json": encode_canonical(proof)})
