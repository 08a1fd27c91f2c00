"""What `pal dossier show`, `duties` and `registry` say of a dossier that went wrong."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from consumers.cli.main import run
from ledger.core.action import Action, ProcedureRef, encode_action
from ledger.core.canonical import encode_canonical
from tests.unit.domain.actions import act, action_id
from tests.unit.domain.test_registry import say

DOSSIER = "000.00.00.H29-260302-0001"
BOX = {"sealed": {"key": "0" * 64, "nonce": "AAAA", "box": "AAAA"}}


def corrected(number: int, target: int, field: str, before: Any, after: Any) -> Action:
    data = {
        "correction_of": action_id(target),
        "field": field,
        "before_hash": sha256(encode_canonical(before)).hexdigest(),
        "after": after,
        "approver": "hoa",
    }
    return act(number, "event_corrected", "2026-03-03", data)


ACTIONS = [
    act(1, "submitted", "2026-03-02", {"applicant_name": BOX}, kind="applicant", who="a-1"),
    act(2, "accepted", "2026-03-02", {"duration_days": 3}),
    act(3, "financial_obligation_issued", "2026-03-03", {"amount": 15_000}),
    corrected(4, 3, "amount", 15_000, "1500"),
    corrected(5, 1, "applicant_name", BOX, BOX),
    corrected(6, 9, "amount", 1, "2"),
    act(7, "result_delivered", "2026-03-06"),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("PAL_HOME", "PAL_LOG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"".join(encode_action(action) + b"\n" for action in ACTIONS))
    made = str(tmp_path / "home")
    assert run(["import", str(file), "--home", made]) == 0
    return made


def test_a_dossier_shows_findings_duties_and_corrections(
    home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["dossier", "show", DOSSIER, "--home", home]) == 0
    shown = capsys.readouterr().out
    for words in (
        "FAILED  dossier.out_of_order  (dossier 000.00.00.H29-260302-0001, version 7)",
        "expected  one of the states done",
        "FAILED  dossier.delivered_without_issue",
        "FAILED  dossier.correction_unmatched",
        "L1   a slip for every accepted dossier: no slip is recorded  #2",
        "open 4 d: office 1 d · applicant 3 d",
        "entry #3, amount: 15000 → 1500; approved by hoa",
        "entry #1, applicant_name: ●●●● (masked; --reveal) → ●●●● (masked; --reveal)",
        f"entry {action_id(9)}, amount: - → 2",
    ):
        assert words in shown, words
    assert "AAAA" not in shown


def test_an_open_dossier_shows_what_its_step_has_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [{"step": "appraisal", "budget_hours": 16}]
    process = say(
        91,
        "procedure.internal_process_version_published",
        "1.004227",
        "2026-01-01",
        version=1,
        steps=steps,
    )
    offer = act(3, "custody_offered", "2026-03-03", {"to_unit": "land"})
    taken = act(4, "custody_accepted", "2026-03-03", {"offer_id": action_id(3)}, who="minh")
    story = [
        replace(ACTIONS[0], procedure=ProcedureRef("1.004227")),
        act(2, "accepted", "2026-03-02", {"duration_days": 3, "ruleset": "VN-2025"}),
        replace(offer, step="appraisal"),
        taken,
    ]
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"".join(encode_action(action) + b"\n" for action in (process, *story)))
    place = ["--home", str(tmp_path / "home")]
    assert run(["import", str(file), *place]) == 0
    show = ["dossier", "show", DOSSIER, *place]
    capsys.readouterr()
    for lang, words in (
        ("en", "step appraisal: "),
        ("vi", "bước appraisal: đã dùng "),
    ):
        assert run([*show, "--lang", lang]) == 0
        assert words in capsys.readouterr().out
    assert run([*show, "--format", "json"]) == 0
    budget = json.loads(capsys.readouterr().out)["step_budget"]
    assert (budget["step"], budget["allotted_seconds"]) == ("appraisal", 16 * 3600)
    assert budget["used_seconds"] > 16 * 3600


def test_the_same_as_values(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["dossier", "show", DOSSIER, "--home", home, "--format", "json"]) == 0
    value = json.loads(capsys.readouterr().out)
    clocks = value["clocks_microseconds"]
    assert clocks["gross"] == clocks["office"] + clocks["applicant"] + clocks["external"]
    assert value["dimensions"]["payment"] == "awaiting"
    assert [item["duty"] for item in value["duties"]] == [f"L{n}" for n in range(1, 25)]
    assert [item["matches"] for item in value["corrections"]] == [True, True, False]
    assert len(value["findings"]) == 3


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["duties", "--duty", "L1"], 0, "no slip is recorded"),
        (["duties", "--duty", "L1", "--lang", "vi"], 0, "không có giấy tiếp nhận"),
        (["duties", "--duty", "L1", "--late"], 0, "rows 0"),
        (["duties", "--duty", "L1", "--result", "kept"], 0, "rows 0"),
        (["duties", "--duty", "L99"], 3, "no duty"),
        (["registry", "officer", "lan"], 4, "nothing is registered"),
        (["registry", "officer", "lan", "--on", "2026-13-01"], 3, "is no moment"),
    ],
)
def test_duties_and_registry(
    home: str, capsys: pytest.CaptureFixture[str], words: list[str], code: int, expected: str
) -> None:
    capsys.readouterr()
    assert run([*words, "--home", home]) == code
    shown = capsys.readouterr()
    assert expected in shown.out + shown.err


def test_reasons_are_codes_for_machines(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["duties", "--home", home, "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {"duty": "L1", "why": "slip_missing", "versions": "#2"}.items() <= rows[0].items()
