"""What a foreign log says steers no terminal and no reader: every view marks what nobody sees."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import unicodedata
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile

import pytest

from consumers.bootstrap import Settings, open_ledger
from consumers.cli.main import run
from consumers.cli.terminal import safe_text
from consumers.sealing import open_sealer, open_sealing
from ledger.core.action import stream_id

HIDDEN = "\u202e\u2066\u200f\u200b\u00ad\ufeff\u3164\u034f\ufe0f\U000e0101\U000e0041\x1b[2J\x9b\x07"
MARK = "".join(f"[U+{ord(c):04X}]" if c not in "[2J" else c for c in HIDDEN)
STEERING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Default_Ignorable_Code_Point of Unicode 15.1 (DerivedCoreProperties.txt), all of it.
IGNORABLE = {
    *(0xAD, 0x34F, 0x61C, 0x3164, 0xFEFF, 0xFFA0),
    *range(0x115F, 0x1161),
    *range(0x17B4, 0x17B6),
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
    *range(0xFFF0, 0xFFF9),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    *range(0xE0000, 0xE1000),
}
_IDS = {"to_officer", "officer", "to_approver", "unit", "to_unit", "post"}
_STREAMS = {"officer", "unit", "dossier"}


def marked(value: Any, name: str = "") -> Any:
    """An action whose ids and texts end with what nobody sees."""
    if isinstance(value, dict):
        changed = {key: marked(item, key) for key, item in value.items()}
        if changed.get("kind") == "officer" and "id" in changed:
            changed["id"] += HIDDEN
        return changed
    if isinstance(value, list):
        return [marked(item) for item in value]
    if name == "stream" and value.partition(":")[0] in _STREAMS:
        return value + quote(HIDDEN)
    return value + HIDDEN if name in _IDS and value else value


def hidden_in(text: str) -> set[str]:
    """The characters of a text that steer or that nobody sees, but for the newline."""
    steering = {c for c in text if unicodedata.category(c) in STEERING}
    return {c for c in text if ord(c) in IGNORABLE} | steering - {"\n"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hidden")
    file = folder / "office.jsonl"
    assert run(["generate", str(file), "--entries", "1000", "--seed", "3"]) == 0
    lines = [marked(json.loads(line)) for line in file.read_text("utf-8").splitlines()]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    assert run(["import", str(file), "--home", str(folder / "home")]) == 0
    with open_ledger(Settings(folder / "home")) as ledger:
        open_sealing(ledger)
        with open_sealer(ledger) as sealer:
            sealer.seal()
    return folder / "home"


def rows(home: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run([*words, "--home", str(home), "--format", "json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return found


@pytest.fixture
def dossier(home: Path, capsys: pytest.CaptureFixture[str]) -> str:
    found: str = rows(home, capsys, "dossiers")[0]["dossier"]
    assert HIDDEN in found, "a machine reads what was recorded, to the letter"
    return found


@pytest.fixture
def officer(home: Path, capsys: pytest.CaptureFixture[str]) -> str:
    shown = rows(home, capsys, "officers")
    found: str = max(shown, key=lambda row: row["entries"])["officer"]
    assert HIDDEN in found
    return found


def seen(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> tuple[int, str]:
    """Exit code and all that a command shows, in which nothing is hidden."""
    capsys.readouterr()
    code = run([*words, "--home", str(home)])
    shown = "".join(capsys.readouterr())
    assert hidden_in(shown) == set(), words
    return code, shown


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_every_view_marks_what_nobody_sees(
    home: Path, dossier: str, officer: str, capsys: pytest.CaptureFixture[str], lang: str
) -> None:
    for words in (
        ["dossiers"],
        ["dossier", "show", dossier],
        ["dossier", "events", dossier],
        ["replay", dossier],
        ["officers"],
        ["officer", "report", officer],
        ["registry", "officer", officer, "--on", "2025-11-01"],
        ["handovers"],
        ["duties"],
        ["events", "--limit", "200"],
        ["find", officer],
    ):
        code, shown = seen(capsys, home, *words, "--lang", lang)
        assert code == 0, shown
        assert MARK in shown, words
    for words, expected in (
        (["status"], 0),
        (["verify"], 0),
        (["dossier", "show", f"none{HIDDEN}"], 4),
        (["officer", "report", f"none{HIDDEN}"], 4),
        (["import", f"none{HIDDEN}"], 4),
    ):
        assert seen(capsys, home, *words, "--lang", lang)[0] == expected


def test_a_finding_and_its_hint(
    home: Path, dossier: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(home, tmp_path / "home"))
    stream = stream_id("dossier", dossier)
    with closing(sqlite3.connect(copy / "log.sqlite")) as log, log:
        changed = log.execute(
            "UPDATE entry SET data = CAST(replace(data, '2025', '2024') AS BLOB)"
            " WHERE idx = (SELECT max(idx) FROM entry WHERE stream = ?)",
            (stream,),
        )
        assert changed.rowcount == 1
    code, shown = seen(capsys, copy, "verify", "--lang", "en")
    assert code == 1
    assert MARK in shown


def test_the_timeline_of_a_bundle(
    home: Path, dossier: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "case.zip"
    words = ["evidence", "export", "dossier", dossier, "--purpose", f"complaint{HIDDEN}"]
    assert seen(capsys, home, *words, "--out", str(bundle))[0] == 0
    code, shown = seen(capsys, home, "evidence", "verify", str(bundle))
    assert code == 0, shown
    with ZipFile(bundle) as archive:
        pages = [name for name in archive.namelist() if name.startswith("views/")]
        assert len(pages) == 2
        for name in pages:
            page = archive.read(name).decode()
            assert hidden_in(page) == set()
            assert page.count(MARK) > 3
            assert f"complaint{MARK}" in page


def test_each_such_character_is_named_and_nothing_else() -> None:
    """Every character that there is: shown as it stands, as a space, or by its number."""
    for number in range(sys.maxunicode + 1):
        character = unicodedata.normalize("NFC", chr(number))
        shown = safe_text(chr(number))
        if shown == " ":
            assert character.isspace() or character == " "
        elif shown != character:
            assert shown == f"[U+{number:04X}]"
            is_blank = number in IGNORABLE or number == 0x2800
            assert is_blank or unicodedata.category(chr(number)) in STEERING
        else:
            assert hidden_in(shown) == set()
            assert number not in IGNORABLE
    assert safe_text("Nguyễn Thị Hoa, 3 ngày") == "Nguyễn Thị Hoa, 3 ngày"
