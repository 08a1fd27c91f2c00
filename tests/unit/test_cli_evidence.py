"""`pal evidence export` and `verify`, and `pal verify BUNDLE`."""

from __future__ import annotations

import json
from hashlib import sha256
from io import StringIO
from pathlib import Path

import pytest

from consumers.bootstrap import Settings, open_ledger
from consumers.cli.main import run
from consumers.demo.run import run_demo
from ledger.core.action import Action, Actor, OccurredAt
from ledger.entry.archive import decode_archive
from projections.queries.timeline import EventFilter, events
from tests.sealed_ledger import demo_home, seal

DOSSIER = "H26.31.0007"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("home")
    demo_home(home)
    return home


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch):
    for name in ("PAL_HOME", "PAL_LOG", "PAL_BY", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")


def exported(home: Path, out: Path, *words: str) -> int:
    return run(
        ["evidence", "export", *words, "--purpose", "complaint 12", "--out", str(out), "--home",
         str(home)]
    )  # fmt: skip


def test_a_dossier_exported_listed_and_verified(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "case.zip"
    assert exported(home, out, "dossier", DOSSIER) == 0
    said = capsys.readouterr()
    pin = sha256((home / "policy.txt").read_bytes()).hexdigest()
    assert f"37 entries, {out.stat().st_size:,} bytes: {out}" in said.out
    assert pin in said.out
    assert "root of trust" in said.out
    for arguments in (["evidence", "verify", str(out)], ["verify", str(out)]):
        assert run([*arguments, "--home", str(home)]) == 0
        told = capsys.readouterr().out
        assert told.startswith(f"✓ PASSED  case.zip  dossier {DOSSIER}: 37 entries")
        assert "policy.txt" in told
        assert "not shown" in told
    elsewhere = ["--home", str(tmp_path / "none")]
    assert run(["verify", str(out), *elsewhere]) == 2
    assert "trust.not_pinned" in capsys.readouterr().out
    assert run(["evidence", "verify", str(out), "--fingerprint", pin, *elsewhere]) == 0
    policy = ["--policy", str(home / "policy.txt"), "--trust", str(home / "trust.toml")]
    assert run(["evidence", "verify", str(out), *policy, *elsewhere]) == 0
    assert run(["evidence", "verify", str(out), "--fingerprint", "ab" * 32, *elsewhere]) == 1
    assert "trust.policy_mismatch" in capsys.readouterr().out


def test_an_altered_bundle_fails_with_its_step_and_exit_code(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "case.zip"
    exported(home, out, "dossier", DOSSIER)
    data = bytearray(out.read_bytes())
    data[len(data) // 2] ^= 1
    out.write_bytes(data)
    capsys.readouterr()
    assert run(["evidence", "verify", str(out), "--home", str(home), "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "failed"
    assert [step["number"] for step in told["steps"]] == [1]
    assert told["findings"][0]["code"] == "evidence.archive"


def test_an_officer_and_period_and_a_query(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    march = ["--from", "2026-03", "--to", "2026-03"]
    assert exported(home, tmp_path / "o.zip", "officer", "land.nguyet", *march) == 0
    assert exported(home, tmp_path / "q.zip", "query", "actor:chair.quang action:signed") == 0
    manifests = [
        json.loads(decode_archive((tmp_path / name).read_bytes())["manifest.json"])
        for name in ("o.zip", "q.zip")
    ]
    assert manifests[0]["scope"] == {
        "kind": "officer",
        "officer": "land.nguyet",
        "from_at": "2026-02-28T17:00:00.000000Z",
        "to_at": "2026-03-31T16:59:59.999999Z",
    }
    assert manifests[1]["scope"] == {"kind": "query", "query": "actor:chair.quang action:signed"}
    for name in ("o.zip", "q.zip"):
        assert run(["verify", str(tmp_path / name), "--home", str(home)]) == 0
    rows = capsys.readouterr().out
    run(["events", "actor:chair.quang", "action:signed", "--home", str(home), "--format", "jsonl"])
    listed = capsys.readouterr().out.splitlines()
    assert manifests[1]["counts"]["entries"] == len(listed)
    assert "entries" in rows


def inspected(home: Path) -> None:
    """A demo office in which inspection TT-1 is open."""
    run_demo(home, StringIO())
    with open_ledger(Settings(home)) as ledger:
        opened = Action(
            id="01960000-0000-7000-8000-0000000000e7",
            type="inspection.opened.v1",
            stream="inspection:TT-1",
            occurred_at=OccurredAt("2026-05-20T01:00:00.000000Z", "second"),
            actor=Actor(kind="auditor", id="tt.an"),
            data={"decision_no": "31/QD-TT", "scope": "land", "team": ["tt.an", "tt.vu"]},
        )
        ledger.application().record(opened)


def approve(home: Path, *words: str, by: str = "tt.vu", reason: str = "a third party") -> int:
    return run(
        ["evidence", "approve", *words, "--inspection", "TT-1", "--reason", reason,
         "--requested-by", "tt.an", "--by", by, "--home", str(home)]
    )  # fmt: skip


def test_what_one_asked_for_and_another_approved_is_hidden(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    home, out, no = tmp_path / "home", tmp_path / "r.zip", tmp_path / "no.zip"
    inspected(home)
    with open_ledger(Settings(home)) as ledger:
        rows = list(events(ledger.store(), EventFilter(stream=f"dossier:{DOSSIER}")))
    hide = [f"{rows[4].index}", f"0/{rows[6].index}"]
    assert approve(home, *hide) == 0
    assert "approved: entry 658" in capsys.readouterr().out
    assert approve(home, "1", "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["index"], told["entries"][0]["index"]) == (659, 1)
    with open_ledger(Settings(home)) as ledger:
        seal(ledger)
        (row,) = list(events(ledger.store(), EventFilter(first_index=658, last_index=658)))
    assert (row.stream, row.actor, row.action.actor.kind) == ("inspection:TT-1", "tt.vu", "auditor")
    assert row.action.data == {
        "requested_by": "tt.an",
        "entries": [
            {"origin": "demo/0", "index": each.index, "leaf": each.leaf}
            for each in (rows[4], rows[6])
        ],
        "reason": "a third party",
    }
    under = ["--inspection", "TT-1", "--by", "tt.an"]
    redact = [word for name in hide for word in ("--redact", name)]
    assert exported(home, out, "dossier", DOSSIER, *redact, *under) == 0
    files = decode_archive(out.read_bytes())
    assert not {f"entries/0/{rows[4].index}", f"entries/0/{rows[6].index}"} & files.keys()
    assert "registry/0/658" in files
    assert run(["verify", str(out), "--home", str(home)]) == 0
    other = ["--redact", f"{rows[5].index}"]
    assert exported(home, no, "dossier", DOSSIER, *redact, *other, *under) == 5
    said = capsys.readouterr().err
    assert "evidence.redaction_unapproved" in said
    assert f"pal evidence approve 0/{rows[5].index} --inspection TT-1" in said
    assert exported(home, no, "dossier", DOSSIER, *redact) == 3
    assert "pal evidence approve" in capsys.readouterr().err
    for wrong, code in (("x", 3), ("0/x", 3), ("5=why", 3), ("1", 3), ("99999", 4)):
        assert exported(home, no, "dossier", DOSSIER, "--redact", wrong, *under) == code
    assert not no.exists()


def test_what_cannot_be_approved(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    home = tmp_path / "home"
    inspected(home)
    assert approve(home, "301", by="tt.an") == 3
    assert "two people" in capsys.readouterr().err
    assert approve(home, "301", by="somebody") == 3
    assert "not of the team" in capsys.readouterr().err
    assert approve(home, "301", by="") == 3
    assert approve(home) == 3
    assert approve(home, "301", "99999") == 4
    assert approve(home, "301", reason="") == 6
    with open_ledger(Settings(home)) as ledger:
        assert ledger.store().head(0).size == 658, "nothing was recorded"


def test_without_out_only_contents_and_size_are_listed(
    home: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["evidence", "export", "dossier", DOSSIER, "--purpose", "x", "--home", str(home)]
    assert run([*words, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["out"] == ""
    assert told["bytes"] > sum(item["bytes"] for item in told["contents"])
    assert {item["name"] for item in told["contents"]} >= {"entries", "proofs", "verify.html"}
    assert run([*words, "--lang", "vi"]) == 0
    assert "dấu vân tay" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["dossier", "H99"], 4),
        (["query", "actor:nobody"], 4),
        (["query"], 3),
        (["dossier", DOSSIER, "H26.31.0008"], 3),
        (["dossier", DOSSIER, "--from", "2026-03"], 3),
        (["dossier", DOSSIER, "--inspection", "TT-1"], 3),
        (["everything"], 3),
    ],
)
def test_what_cannot_be_exported(home: Path, tmp_path: Path, words: list[str], code: int):
    out = tmp_path / "no.zip"
    assert exported(home, out, *words) == code
    assert not out.exists()


def test_a_bundle_is_never_written_over(home: Path, tmp_path: Path):
    out = tmp_path / "case.zip"
    out.write_bytes(b"older")
    assert exported(home, out, "dossier", DOSSIER) == 3
    assert out.read_bytes() == b"older"


def test_without_sealing_the_way_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    home = tmp_path / "home"
    run(["demo", "--home", str(home)])
    capsys.readouterr()
    assert exported(home, tmp_path / "case.zip", "dossier", DOSSIER) == 5
    said = capsys.readouterr().err
    assert "evidence.not_sealed" in said
    assert "pal seal run" in said


@pytest.mark.parametrize("word", ["export", "approve", "verify"])
def test_help_has_an_example(word: str, capsys: pytest.CaptureFixture[str]):
    assert run(["evidence", word, "--help"]) == 0
    assert f"Example: pal evidence {word}" in capsys.readouterr().out


@pytest.mark.parametrize("pin", ["--fingerprint=xyz", "--fingerprint=" + "A" * 63])
def test_a_fingerprint_has_its_form(home: Path, tmp_path: Path, pin: str):
    out = tmp_path / "case.zip"
    exported(home, out, "dossier", DOSSIER)
    assert run(["evidence", "verify", str(out), pin, "--home", str(home)]) == 3
    policy = ["--policy", str(home / "policy.txt"), "--fingerprint", "ab" * 32]
    assert run(["evidence", "verify", str(out), *policy, "--home", str(home)]) == 3


def test_an_export_under_an_inspection_is_recorded_in_it(tmp_path: Path):
    home = tmp_path / "home"
    inspected(home)
    with open_ledger(Settings(home)) as ledger:
        seal(ledger)
    out = tmp_path / "case.zip"
    under = ["--inspection", "TT-1", "--by", "tt.an"]
    assert exported(home, out, "dossier", DOSSIER, *under) == 0
    files = decode_archive(out.read_bytes())
    manifest = json.loads(files["manifest.json"])
    with open_ledger(Settings(home)) as ledger:
        rows = list(events(ledger.store(), EventFilter(stream="inspection:TT-1")))
        leaves = {record.position: record.data for record in ledger.readers[0].read(0, 5_000)}
    from ledger.core.merkle import leaf_hash

    (e71,) = [row for row in rows if row.type == "inspection.evidence_exported.v1"]
    (ref,) = manifest["as_of"]
    assert e71.action.data["package_hash"] == sha256(files["manifest.json"]).hexdigest()
    assert e71.action.data["heads"] == [
        {
            "origin": "demo/0",
            "size": ref["size"],
            "leaf": leaf_hash(leaves[ref["size"] - 1]).hex(),
        }
    ]
    assert e71.actor == "tt.an"
    assert next(row.type for row in rows) == "inspection.opened.v1"
    assert exported(home, tmp_path / "no.zip", "dossier", DOSSIER, "--inspection", "TT-1",
                    "--by", "somebody") == 3  # fmt: skip
    assert not (tmp_path / "no.zip").exists()
