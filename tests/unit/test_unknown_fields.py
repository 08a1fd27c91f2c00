"""A genesis with a field that this software does not know: log and bundle say the same of it."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from consumers.bootstrap import Settings, open_ledger
from consumers.demo.run import run_demo
from consumers.drill.rewriting import sealed_anew
from consumers.drill.scene import read_entries, remove_file, write_log
from ledger.adapters.keys import KeyStore
from ledger.adapters.sqlite_verify import verify_file
from ledger.adapters.trust import Trust, write_trust
from ledger.core.canonical import encode_canonical
from ledger.core.findings import FindingError, Verdict
from ledger.entry.archive import encode_archive
from ledger.entry.bundle import DossierScope
from ledger.entry.bundle_state import Pins
from ledger.entry.bundle_verify import verify_bundle
from ledger.entry.entry import decode_entry, encode_entry
from ledger.entry.verify import Verification
from tests.evidence_approvals import DOSSIER
from tests.evidence_forge import export, files_of
from tests.sealed_ledger import seal
from tests.unit.test_evidence import by_verify_py

Change = Callable[[dict[str, Any]], None]


def of_action(action: dict[str, Any]) -> None:
    action["not_known"] = "x"


def of_data(action: dict[str, Any]) -> None:
    action["data"]["not_known"] = "x"


def of_key(action: dict[str, Any]) -> None:
    action["data"]["keys"][0]["not_known"] = "x"


def demo_with(home: Path, change: Change) -> Verification:
    """The demo office behind a genesis with a change in it, and what is said of its log."""
    run_demo(home, StringIO())
    settings = Settings(home)
    path = settings.log_path
    entries = read_entries(path)
    genesis = decode_entry(entries[0])
    action = genesis.action
    change(action)
    body = encode_canonical(action)
    sigs = KeyStore(home / "keys").load_signing_key("ledger").sign([body])[0]
    entries[0] = encode_entry(replace(genesis.seal, sigs=sigs), body)
    remove_file(path)
    remove_file(settings.read_path)
    write_log(path, sealed_anew(entries, 1))
    leaf = decode_entry(entries[0]).leaf
    write_trust(settings.trust_path, [Trust("demo/0", leaf)])
    return verify_file(path, origin="demo/0", genesis_leaf=leaf)


@pytest.mark.parametrize("change", [of_action, of_data])
def test_what_counts_in_the_log_counts_in_a_bundle(tmp_path: Path, change: Change):
    assert demo_with(tmp_path, change).verdict == Verdict.PASSED
    with open_ledger(Settings(tmp_path)) as ledger:
        sealing = seal(ledger)
    data = encode_archive(files_of(export(tmp_path, DossierScope(DOSSIER))))
    pin = sha256(sealing.policy.encode()).hexdigest()
    assert verify_bundle(data, Pins(pin)).verdict == Verdict.PASSED
    assert by_verify_py(data, pin) == ("passed", 0)


def test_a_key_with_a_field_more_is_none(tmp_path: Path):
    """In a bundle as well: `key_with_a_field_more` of the altered ones."""
    found = demo_with(tmp_path, of_key)
    assert found.verdict == Verdict.FAILED
    assert found.findings[0].code == "signature.invalid"
    with open_ledger(Settings(tmp_path)) as ledger, pytest.raises(FindingError, match="not_known"):
        ledger.store()
