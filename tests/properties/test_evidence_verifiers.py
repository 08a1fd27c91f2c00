"""The library and verify.py say the same of a bundle that is altered anyhow and signed again.

They share no code: where they part, one of them reads the format page wrongly.
"""

from __future__ import annotations

import json
import random
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.core.canonical import CanonicalError, encode_canonical
from ledger.core.findings import Verdict
from ledger.entry.archive import encode_archive
from ledger.entry.bundle import OfficerScope
from ledger.entry.bundle_state import Pins
from ledger.entry.bundle_verify import verify_bundle
from tests.evidence_approvals import approved_home
from tests.evidence_forge import Files, Scene, export, files_of, insider, make_scene
from tests.unit.test_evidence import by_verify_py

ALTERATIONS = 400
HEADS = ("redactions.json", "proofs/policy.txt", "proofs/checkpoints/round", "registry/0/0",
         "proofs/0/officer.json", "proofs/0/officer.leaves", "proofs/0/checkpoint",
         "proofs/checkpoints/round.tlog-proof")  # fmt: skip
PIECES = (b'"', b"0", b"1", b"-", b" ", b"\n", b"null", b"true", b"1.0", b"\\u0041", b"{}", b"[]",
          b"\xff", b"x", b"=")  # fmt: skip
VALUES = (0, 1, "x", [], {}, True)


def altered(numbers: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    at = numbers.randrange(len(changed)) if changed else 0
    match numbers.randrange(4):
        case 0 if changed:
            changed[at] ^= 1 << numbers.randrange(8)
        case 1:
            del changed[at : at + numbers.choice((1, 2, 8))]
        case 2:
            changed[at : at + 1] = numbers.choice(PIECES)
        case _:
            changed[at:at] = numbers.choice(PIECES)
    return bytes(changed)


def draw(numbers: random.Random, scene: Scene, bases: list[Files]) -> bytes:
    """A bundle altered in one file, or in one field of its manifest."""
    base = numbers.choice(bases)
    inside = [name for name in base if name not in {"manifest.json", "manifest.note"}]
    name = numbers.choice([name for name in HEADS if name in base] * 3 + inside)
    files = base | {name: altered(numbers, base[name])}
    if numbers.random() < 0.25:
        manifest = json.loads(files["manifest.json"])
        manifest[numbers.choice(list(manifest))] = numbers.choice(VALUES)
        files = base | {"manifest.json": encode_canonical(manifest)}
    try:
        return insider(scene, files)
    except (CanonicalError, KeyError, TypeError, ValueError):
        return encode_archive(files)


@pytest.mark.parametrize("seed", range(2))
def test_both_say_the_same(tmp_path: Path, seed: int):
    sealing = approved_home(tmp_path)
    scene = make_scene(tmp_path, sealing)
    pin = sha256(sealing.policy.encode()).hexdigest()
    whole = [scene.redacted, scene.officer, files_of(export(tmp_path, OfficerScope("nobody")))]
    large = ("verify.", "views/", "metrics/")
    bases = [{k: v for k, v in files.items() if not k.startswith(large)} for files in whole]
    numbers = random.Random(seed)
    steps = set()
    for _ in range(ALTERATIONS // 2):
        data = draw(numbers, scene, bases)
        found = verify_bundle(data, Pins(pin))
        refused = next((s.number for s in found.steps if s.verdict != Verdict.PASSED), 0)
        assert by_verify_py(data, pin) == (found.verdict, refused), found.findings
        steps.add(refused)
    assert len(steps) > 5
