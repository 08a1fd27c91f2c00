"""Export a bundle of many entries and verify it three ways; one line of JSON.

    python scripts/benchmarks/evidence.py [--entries 1000]

Each entry was signed by itself, in a SQLite log with synchronous=FULL; its trees are sealed by the
test keys (Ed25519 and ML-DSA-44 of the log, two witnesses), so that each proof carries four
signatures. `export` begins with an open read store. `pal` is the library, `verify_py` a process of
its own with this environment's packages, `verify_py_alone` one with none, which does Ed25519 by
hand. Processor time is what counts on a machine that does other work too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parents[2]))
from consumers.bootstrap import Settings, open_ledger
from consumers.creation import create_ledger
from consumers.demo.office import demo_actions
from consumers.demo.people import LAND_1, demo_bytes
from consumers.evidence.export import Request, export_bundle, with_custody
from consumers.evidence.trees import SealedLedger
from ledger.core.action import stream_id
from ledger.core.ids import uuid7_text
from ledger.entry.archive import encode_archive
from ledger.entry.bundle import OfficerScope
from ledger.entry.bundle_state import Pins
from ledger.entry.bundle_verify import verify_bundle
from projections.queries.timeline import EventFilter, events
from tests.sealed_ledger import seal

ROOT = Path(__file__).parents[2]


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """The result, and wall and processor seconds (of children too)."""
    wall, before = perf_counter(), os.times()
    result = work()
    after = os.times()
    spent = sum(after[:4]) - sum(before[:4])
    return result, {"seconds": round(perf_counter() - wall, 3), "cpu_seconds": round(spent, 3)}


def make_home(home: Path, entries: int) -> bytes:
    """A ledger with so many entries of one officer, sealed; gives the policy."""
    first = next(a for a in demo_actions() if a.type == "dossier.submitted.v1")
    with create_ledger(Settings(home), "bench") as ledger:
        application = ledger.application()
        for number in range(entries):
            action = msgspec.structs.replace(
                first,
                id=uuid7_text(1_772_000_000_000 + number, demo_bytes(f"bench {number}")),
                stream=stream_id("dossier", f"B{number}"),
                actor=LAND_1.actor,
            )
            application.record(action)
        seal(ledger)
        return ledger.settings.policy_path.read_bytes()


def alone(path: Path, pin: str, *options: str) -> None:
    """verify.py as a process; raises unless it passes."""
    command = [sys.executable, *options, str(ROOT / "scripts" / "verify_bundle.py")]
    subprocess.run([*command, str(path), "--fingerprint", pin], check=True, capture_output=True)


def measure(entries: int, folder: Path) -> dict[str, Any]:
    """Every figure over a bundle of so many entries."""
    policy = make_home(folder, entries)
    pin = sha256(policy).hexdigest()
    scope = OfficerScope(LAND_1.id)

    def export() -> bytes:
        rows = list(events(store, EventFilter(actor=LAND_1.id)))
        sealed = SealedLedger(ledger.settings.tiles_path, ledger.name, 1, lambda _o, _s: None)
        request = Request(scope, "benchmark")
        exported = export_bundle(request, rows, store, sealed, key, policy)
        return encode_archive(with_custody(exported, "-", "-"))

    with open_ledger(Settings(folder)) as ledger:
        store, key = ledger.store(), ledger.keys.load_signing_key("ledger")
        data, exporting = timed(export)
    found, verifying = timed(lambda: verify_bundle(data, Pins(pin)))
    if found.verdict != "passed":
        raise SystemExit(f"the bundle does not verify: {found.findings}")
    path = folder / "bundle.zip"
    path.write_bytes(data)
    return {
        "entries": entries,
        "bytes": len(data),
        "signatures": found.steps[2].checked,
        "export": exporting,
        "pal": verifying,
        "verify_py": timed(lambda: alone(path, pin))[1],
        "verify_py_alone": timed(lambda: alone(path, pin, "-I", "-S"))[1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evidence-") as folder:
        found = measure(options.entries, Path(folder))
    found |= {"python": platform.python_version(), "cores": os.cpu_count()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
