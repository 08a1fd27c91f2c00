"""Evidence bundles: exported, verified by the library and by verify.py, altered in every way."""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from consumers.bootstrap import Settings, open_ledger
from consumers.evidence.trees import NotSealedError
from ledger.adapters.keys import KeyStore
from ledger.core.findings import Verdict
from ledger.entry.archive import ArchiveError, decode_archive, encode_archive
from ledger.entry.bundle import DossierScope, OfficerScope, Place, QueryScope
from ledger.entry.bundle_state import Pins
from ledger.entry.bundle_verify import BundleVerification, verify_bundle
from tests.evidence_approvals import DOSSIER, approved_home
from tests.evidence_cases import CASES
from tests.evidence_forge import (
    AT,
    OFFICER,
    Case,
    Scene,
    change_manifest,
    export,
    files_of,
    insider,
    make_scene,
    rows_of,
    sign,
)
from tests.sealed_ledger import demo_home, seal, several_logs_home

ROOT = Path(__file__).parents[2]
VERIFY_PY = ROOT / "scripts" / "verify_bundle.py"


def load_verify_py():
    spec = importlib.util.spec_from_file_location("verify_bundle", VERIFY_PY)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verify_py = load_verify_py()


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def scene(home: Path) -> Scene:
    return make_scene(home, approved_home(home))


@pytest.fixture(scope="module")
def pin(scene: Scene) -> str:
    return sha256(scene.sealing.policy.encode()).hexdigest()


def step_of(found: BundleVerification) -> int:
    return next((step.number for step in found.steps if step.verdict != Verdict.PASSED), 0)


def by_verify_py(data: bytes, pin: str) -> tuple[str, int]:
    bundle = verify_py.Bundle(data, pin)
    verdict = bundle.run()
    return verdict, next((step[0] for step in bundle.steps if step[3] != "passed"), 0)


def alone(path: Path, *options: str) -> tuple[int, dict]:
    """verify.py without any package, as a stranger runs it."""
    command = [sys.executable, "-I", "-S", str(VERIFY_PY), str(path), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("name", ["dossier", "redacted", "officer"])
def test_a_genuine_bundle_passes_each_verifier(scene: Scene, pin: str, name: str, tmp_path: Path):
    data = encode_archive(getattr(scene, name))
    found = verify_bundle(data, Pins(pin))
    assert (found.verdict, found.findings, found.not_checked) == (Verdict.PASSED, (), ())
    assert [step.number for step in found.steps] == list(range(1, 10))
    bundle = verify_py.Bundle(data, pin)
    assert bundle.run() == "passed"
    assert not bundle.not_checked
    counts = [(step.number, step.checked) for step in found.steps]
    assert [(step[0], step[2]) for step in bundle.steps] == counts
    path = tmp_path / "bundle.zip"
    path.write_bytes(data)
    code, told = alone(path, "--fingerprint", pin)
    assert (code, told["verdict"]) == (0, "passed")
    assert len(told["not_checked"]) == 2, "the two ML-DSA-44 signatures, and nothing else"


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_an_altered_bundle_is_refused_at_its_step(
    scene: Scene, pin: str, each: Case, tmp_path: Path
):
    data = each.make(scene)
    found = verify_bundle(data, Pins(pin))
    assert found.verdict != Verdict.PASSED
    assert step_of(found) == each.step, found.findings
    verdict, step = by_verify_py(data, pin)
    assert (verdict, step) == (found.verdict, each.step)
    path = tmp_path / "bundle.zip"
    path.write_bytes(data)
    code, told = alone(path, "--fingerprint", pin)
    refused = next(step for step in told["steps"] if step[3] != "passed")
    assert (code, refused[0]) == ({"failed": 1, "indeterminate": 2}[verdict], each.step)
    if verdict == "failed":
        assert told["steps"][-1] == refused, "nothing is claimed of later steps"
        assert found.steps[-1].number == each.step


def test_the_cases_are_many_and_reach_every_step():
    assert len(CASES) >= 30
    assert {each.step for each in CASES} == set(range(1, 10))


def test_nothing_pinned_is_indeterminate_and_a_contradiction_still_fails(scene: Scene, pin: str):
    data = encode_archive(scene.dossier)
    found = verify_bundle(data)
    assert found.verdict == Verdict.INDETERMINATE
    assert [item.code for item in found.findings] == ["trust.not_pinned"]
    assert found.steps[-1].number == 9
    assert by_verify_py(data, "") == ("indeterminate", 6)
    gap = next(each for each in CASES if each.name == "stream_gap").make(scene)
    assert verify_bundle(gap).verdict == Verdict.FAILED
    assert verify_py.Bundle(gap, "").run() == "failed"
    assert verify_bundle(data, Pins("ab" * 32)).findings[0].code == "trust.policy_mismatch"


def test_the_genesis_that_is_pinned_is_compared(scene: Scene, pin: str, home: Path):
    data = encode_archive(scene.dossier)
    with open_ledger(Settings(home)) as ledger:
        leaves = ledger.genesis_leaves
    assert verify_bundle(data, Pins(pin, leaves)).verdict == Verdict.PASSED
    for other, code in (
        ({"demo/0": "ab" * 32}, "trust.genesis_mismatch"),
        ({"else/0": "ab" * 32}, "trust.origin_mismatch"),
    ):
        assert verify_bundle(data, Pins(pin, other)).findings[-1].code == code


def test_tokens_count_only_where_an_authority_is_pinned(scene: Scene, pin: str):
    data = insider(scene, scene.dossier | {"proofs/0/checkpoint.tsr": b"token"})
    told = verify_bundle(data, Pins(pin))
    assert told.verdict == Verdict.PASSED
    assert told.not_checked == ("trusted time: 1 tokens, no authority is pinned",)
    seen = []

    def check(text: str, token: bytes) -> str:
        seen.append((text.split("\n", maxsplit=1)[0], token))
        return "2026-09-21T14:13:20+00:00"

    assert verify_bundle(data, Pins(pin, {}, check)).steps[-1].number == 10
    assert seen == [("demo/0", b"token")]

    def refuse(_text: str, _token: bytes) -> str:
        raise ValueError("another authority")

    refused = verify_bundle(data, Pins(pin, {}, refuse))
    assert [item.code for item in refused.findings] == ["timestamp.invalid"]


def test_two_exports_differ_in_nothing_but_custody(home: Path, scene: Scene):
    again = files_of(export(home, DossierScope(DOSSIER)))
    assert again == scene.dossier
    assert AT.encode() in scene.dossier["custody.jsonl"]
    rest = {name: data for name, data in scene.dossier.items() if name != "custody.jsonl"}
    assert AT.encode() not in b"".join(rest.values())


def test_every_flipped_byte_is_refused(home: Path, pin: str, scene: Scene):
    """A small bundle (of nobody, without verifiers in it), every byte of it; verify.py on some."""
    files = files_of(export(home, OfficerScope("nobody")))
    kept = {k: v for k, v in files.items() if not k.startswith(("verify.", "views/", "metrics/"))}
    data = insider(scene, kept)
    assert verify_bundle(data, Pins(pin)).verdict == Verdict.PASSED
    spots = random.Random(6)
    flips = bytearray(data)
    for at in range(len(data)):
        bit = 1 << spots.randrange(8)
        flips[at] ^= bit
        changed = bytes(flips)
        assert verify_bundle(changed, Pins(pin)).verdict != Verdict.PASSED, at
        if at % 97 == 0:
            assert by_verify_py(changed, pin)[0] != "passed", at
        flips[at] ^= bit
    assert bytes(flips) == data


def test_an_archive_has_one_form():
    files = {"a": b"", "b/c.txt": b"x" * 300, "b.txt": b"y"}
    data = encode_archive(files)
    assert decode_archive(data) == files
    assert verify_py.read_archive(data) == files
    for name in ("", "/a", "../a", "a//b", "a/", ".a", "a b", "ă", "a" * 201):
        with pytest.raises(ArchiveError):
            encode_archive({name: b""})
    with pytest.raises(ArchiveError, match="twice"):
        decode_archive(encode_archive({"aa": b"", "ab": b""}).replace(b"ab", b"aa"))


def test_entries_are_the_bytes_of_the_log_and_nothing_personal_is_in_clear(
    home: Path, scene: Scene
):
    rows = rows_of(home, DossierScope(DOSSIER))
    with open_ledger(Settings(home)) as ledger:
        records = {record.position: record.data for record in ledger.readers[0].read(0, 5_000)}
    for row in rows:
        assert scene.dossier[f"entries/0/{row.index}"] == records[row.index]
    names = ("Nguyệt Cầm", "Vọng Nguyệt", "Hương Trầm", "Trúc Lâm")
    whole = b"".join(scene.dossier.values())
    assert not [name for name in names if name.encode() in whole]
    kinds = {name.split("/")[0] for name in scene.dossier}
    assert kinds == {
        "entries", "registry", "proofs", "views", "metrics", "manifest.json", "manifest.note",
        "redactions.json", "custody.jsonl", "verify.py", "verify.html",
    }  # fmt: skip
    registry = {
        json.loads(data.split(b"\n")[0])["stream"].partition(":")[0]
        for name, data in scene.dossier.items()
        if name.startswith("registry/")
    }
    assert registry == {"ledger", "officer", "unit", "procedure", "authority", "calendar"}


def test_views_run_nothing_and_say_what_happened(scene: Scene):
    for lang, said, approved in (
        ("en", "certificate", "Asked for by tt.an, approved by tt.vu (0/657)"),
        ("vi", "hồ sơ", "Người đề nghị tt.an, người duyệt tt.vu (0/657)"),
    ):
        page = scene.redacted[f"views/timeline.{lang}.html"].decode()
        assert f'<html lang="{lang}">' in page
        assert "default-src 'none'" in page
        assert "<script" not in page
        assert f"a third party is named. {approved}" in page
        assert page.count("<tr>") == 38
        assert said in page.lower()


def test_a_redacted_entry_is_nowhere_but_as_its_hash(home: Path, scene: Scene):
    row = rows_of(home, DossierScope(DOSSIER))[2]
    assert f"entries/0/{row.index}" not in scene.redacted
    others = b"".join(
        data for name, data in scene.redacted.items() if not name.startswith("entries/")
    )
    assert row.action.id.encode() not in others
    (item,) = json.loads(scene.redacted["redactions.json"])["redactions"]
    assert item == {
        "approval": {"index": 657, "log": 0}, "index": row.index, "leaf": row.leaf, "log": 0,
        "reason": "a third party is named", "stream": row.stream, "version": 3,
    }  # fmt: skip


def test_figures_name_the_entries_behind_them(scene: Scene):
    value = json.loads(scene.dossier["metrics/figures.json"])
    assert value["parameters"]["dossier"] == DOSSIER
    shown = {name.removeprefix("entries/") for name in scene.dossier if name.startswith("entries/")}
    total = value["figures"][0]
    assert (total["name"], total["value"], set(total["entries"])) == ("entries", 37, shown)
    assert all(set(figure["entries"]) <= shown for figure in value["figures"])
    assert any(figure["name"] == "on_time" for figure in value["figures"])
    hidden = json.loads(scene.redacted["metrics/figures.json"])
    assert hidden["parameters"]["not_disclosed"] == 1
    assert not any("numerator" in figure for figure in hidden["figures"])


def test_a_query_passes_and_promises_nothing(home: Path, pin: str):
    exported = export(home, QueryScope("dossier.signed.v1"))
    data = encode_archive(files_of(exported))
    found = verify_bundle(data, Pins(pin))
    assert found.verdict == Verdict.PASSED
    assert 8 not in [step.number for step in found.steps]
    assert "Not complete" in exported.manifest.completeness
    assert by_verify_py(data, pin) == ("passed", 0)


def test_an_officer_who_did_nothing_is_shown_to_have_done_nothing(home: Path, pin: str):
    for officer in ("aaa", "land.nobody", "zzz"):
        data = encode_archive(files_of(export(home, OfficerScope(officer))))
        assert verify_bundle(data, Pins(pin)).verdict == Verdict.PASSED
        assert by_verify_py(data, pin) == ("passed", 0)


@pytest.mark.parametrize("absent", ["land.a", "land.nobody", "zzz"])
def test_who_is_said_to_have_done_nothing_but_did_is_not(
    home: Path, pin: str, scene: Scene, absent: str
):
    """The proof of another's absence, under the name of an officer who has entries: of one who
    would stand before him, so that he is a neighbour himself, of one behind, and of one far off."""
    files = files_of(export(home, OfficerScope(absent)))
    proof = json.loads(files["proofs/0/officer.json"]) | {"officer": OFFICER}
    files["proofs/0/officer.json"] = json.dumps(
        proof, sort_keys=True, separators=(",", ":")
    ).encode()
    files = change_manifest(files, scope={"kind": "officer", "officer": OFFICER})
    data = insider(scene, files)
    found = verify_bundle(data, Pins(pin))
    assert (found.verdict, step_of(found)) == (Verdict.FAILED, 8)
    assert by_verify_py(data, pin) == ("failed", 8)


def test_several_logs_each_with_its_checkpoint(tmp_path: Path):
    sealing = several_logs_home(tmp_path, 3)
    pin = sha256(sealing.policy.encode()).hexdigest()
    for scope in (OfficerScope(OFFICER), DossierScope(DOSSIER), QueryScope("dossier.signed.v1")):
        exported = export(tmp_path, scope)
        data = encode_archive(files_of(exported))
        found = verify_bundle(data, Pins(pin))
        assert found.verdict == Verdict.PASSED, found.findings
        assert by_verify_py(data, pin) == ("passed", 0)
    exported = export(tmp_path, OfficerScope(OFFICER))
    manifest = json.loads(exported.files["manifest.json"])
    key = KeyStore(tmp_path / "keys").load_signing_key("ledger")
    short = change_manifest(files_of(exported), as_of=manifest["as_of"][:-1])
    data = encode_archive(sign(short, key))
    assert step_of(verify_bundle(data, Pins(pin))) == 5, "a log whose checkpoint is not named"
    assert by_verify_py(data, pin) == ("failed", 5)
    entries = list(exported.files)
    assert {name.split("/")[1] for name in entries if name.startswith("entries/")} == set("012")


def test_what_no_checkpoint_covers_is_left_out_and_said(tmp_path: Path):
    from consumers.demo.run import run_demo

    with (tmp_path / "log.txt").open("w") as out:
        run_demo(tmp_path, out)
    with pytest.raises(NotSealedError, match="no checkpoint"):
        export(tmp_path, DossierScope(DOSSIER))
    rows = rows_of(tmp_path, DossierScope(DOSSIER))
    with open_ledger(Settings(tmp_path)) as ledger:
        sealing = seal(ledger, size=rows[10].index)
    exported = export(tmp_path, DossierScope(DOSSIER))
    assert (exported.manifest.counts.entries, exported.later) == (10, 27)
    pin = sha256(sealing.policy.encode()).hexdigest()
    data = encode_archive(files_of(exported))
    assert verify_bundle(data, Pins(pin)).verdict == Verdict.PASSED
    with pytest.raises(NotSealedError, match="none of these"):
        export(tmp_path, DossierScope("H26.31.0040"))


def test_rot_in_the_published_tree_is_not_exported(tmp_path: Path):
    demo_home(tmp_path)
    row = rows_of(tmp_path, DossierScope(DOSSIER))[0]
    path = tmp_path / "tiles" / "0" / "tile" / "entries" / f"{row.index // 256:03d}"
    data = bytearray(path.read_bytes())
    data[data.index(row.action.id.encode())] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(NotSealedError, match="leads to root"):
        export(tmp_path, DossierScope(DOSSIER))
    hidden = {Place(0, row.index): "x"}
    with pytest.raises(NotSealedError, match="leads to root"):
        export(tmp_path, DossierScope(DOSSIER), hidden)


def test_the_readers_of_verify_py_agree_with_ours_on_malformed_entries():
    """The shared vectors of entries: what one refuses the other refuses."""
    from ledger.entry.entry import EntryError, NewerFormatError, decode_entry

    vectors = json.loads((ROOT / "tests/vectors/entry_vectors.json").read_text("utf-8"))
    compared = 0
    for data in entry_bytes(vectors):
        try:
            decode_entry(data)
            ours = "entry"
        except NewerFormatError:
            ours = "newer"
        except EntryError:
            ours = "malformed"
        try:
            verify_py.read_entry(data)
            theirs = "entry"
        except Exception as error:  # noqa: BLE001 - as its run() takes it
            theirs = "newer" if error.args[3:] == ("indeterminate",) else "malformed"
        assert theirs == ours, data[:300]
        compared += 1
    assert compared > 40


def entry_bytes(value):
    from base64 import b64decode
    from binascii import Error

    if isinstance(value, dict):
        for item in value.values():
            yield from entry_bytes(item)
    elif isinstance(value, list):
        for item in value:
            yield from entry_bytes(item)
    elif isinstance(value, str) and len(value) > 200:
        try:
            yield b64decode(value, validate=True)
        except (Error, ValueError):
            yield value.encode()


def test_sign_is_what_the_exporter_does(scene: Scene):
    assert sign(scene.dossier, scene.key) == scene.dossier


def test_a_void_entry_of_an_officer_counts_and_is_not_shown(tmp_path: Path, scene: Scene):
    """An entry that counts and that no fold applies has a finding in the read store and no row."""
    sealing = demo_home(tmp_path)
    pin = sha256(sealing.policy.encode()).hexdigest()
    before = export(tmp_path, OfficerScope(OFFICER))
    row = rows_of(tmp_path, OfficerScope(OFFICER))[-1]
    with open_ledger(Settings(tmp_path)) as ledger:
        store = ledger.store()
        with store.connection as connection:
            connection.execute("DELETE FROM timeline WHERE idx = ?", (row.index,))
            connection.execute(
                "INSERT INTO finding (log, code, idx, position, finding) VALUES (0, ?, ?, ?, ?)",
                ("signature.invalid", row.index, row.index, b"{}"),
            )
        store.close()
    after = export(tmp_path, OfficerScope(OFFICER))
    assert after.manifest.counts.entries == before.manifest.counts.entries - 1
    leaves = "proofs/0/officer.leaves"
    assert after.files[leaves] == before.files[leaves]
    found = verify_bundle(encode_archive(files_of(after)), Pins(pin))
    assert found.verdict == Verdict.PASSED


def test_rows_that_are_not_what_the_log_committed_to_are_not_exported(tmp_path: Path):
    demo_home(tmp_path)
    row = rows_of(tmp_path, OfficerScope(OFFICER))[-1]
    with open_ledger(Settings(tmp_path)) as ledger:
        store = ledger.store()
        with store.connection as connection:
            connection.execute("DELETE FROM timeline WHERE idx = ?", (row.index,))
        store.close()
    with pytest.raises(NotSealedError, match="the log had"):
        export(tmp_path, OfficerScope(OFFICER))


def test_a_checkpoint_that_was_just_replaced_comes_from_the_store(tmp_path: Path):
    from consumers.evidence.trees import SealedLedger

    sealing = demo_home(tmp_path)
    tiles = tmp_path / "tiles"
    older = (tiles / "0" / "checkpoint").read_bytes()
    whole = SealedLedger(tiles, "demo", 1, lambda _origin, _size: None)
    size = whole.size(0)
    (tiles / "0" / "checkpoint").write_bytes(sealing.note("demo/0", size - 7, bytes(32)).encode())
    asked = []

    def find(origin: str, size: int) -> bytes:
        asked.append((origin, size))
        return older

    again = SealedLedger(tiles, "demo", 1, find)
    assert again.tree(0).size == size
    assert asked == [("demo/0", size)]
    with pytest.raises(NotSealedError, match="is not there"):
        SealedLedger(tiles, "demo", 1, lambda _origin, _size: None).tree(0)
    other = sealing.note("demo/0", size, bytes(32)).encode()
    with pytest.raises(NotSealedError, match="not the one of the round"):
        SealedLedger(tiles, "demo", 1, lambda _origin, _size: other).tree(0)
