"""The command line on a small imported log: data, formats, exit codes, error shapes."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from consumers.cli.main import make_app, run

HEADER = "case_id,activity,resource,timestamp,applicant\n"
ROWS = (
    "H1,register,an,2026-03-02T08:00:00+07:00,Hồ Thị Mẫu\n"
    "H1,examine,binh,2026-03-03T09:00:00+07:00,Hồ Thị Mẫu\n"
    "H1,register,an,2026-03-04T10:00:00+07:00,Hồ Thị Mẫu\n"
    "=H2,=cmd|calc,binh,2026-03-05T10:00:00+07:00,Võ Văn Thử\n"
)
MAPPING = 'personal = ["applicant"]\n'

COMMANDS = (
    ["demo"],
    ["log", "create"],
    ["import"],
    ["status"],
    ["verify"],
    ["events"],
    ["dossier", "show"],
    ["dossier", "events"],
    ["dossiers"],
    ["officers"],
    ["officer", "report"],
    ["handovers"],
    ["replay"],
    ["rebuild"],
    ["find"],
    ["drill"],
    ["keys", "list"],
    ["keys", "show"],
    ["keys", "erase"],
)
READING = (
    ["status"],
    ["verify"],
    ["events"],
    ["dossier", "show", "H1"],
    ["dossier", "events", "H1"],
    ["dossiers"],
    ["officers"],
    ["officer", "report", "an"],
    ["handovers"],
    ["handovers", "--returns"],
    ["replay", "H1"],
    ["rebuild"],
    ["find", "H1"],
    ["keys", "list"],
    ["keys", "show", "H1"],
)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "small.csv").write_text(HEADER + ROWS, encoding="utf-8")
    (folder / "map.toml").write_text(MAPPING, encoding="utf-8")
    home = folder / "home"
    arguments = ["import", str(folder / "small.csv"), "--mapping", str(folder / "map.toml")]
    assert run([*arguments, "--home", str(home)]) == 0
    return home


@pytest.fixture
def home(imported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(imported, tmp_path / "home"))


def ask(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    found = run(list(words))
    shown = capsys.readouterr()
    assert found == code, shown.err
    return shown.out


def ask_json(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    return json.loads(ask(capsys, *words, "--format", "json", code=code))


@pytest.mark.parametrize("words", [[], *COMMANDS, ["keys"], ["dossier"]], ids=" ".join)
def test_help_of_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    shown = ask(capsys, *words, "--help")
    assert "Usage: pal" in shown
    assert "Example" in shown or "Commands" in shown


def test_table_names_every_command() -> None:
    app = make_app(is_listing=True)
    for words in COMMANDS:
        place = app
        for word in words:
            place = place[word]


def test_version_and_start_in_a_process_of_its_own() -> None:
    code = "from consumers.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0
    assert done.stdout.startswith("pal")


def test_start_imports_no_command() -> None:
    code = (
        "import sys, consumers.cli.main as m; m.make_app(is_listing=True); "
        "print([n for n in sys.modules if n.startswith(('ledger', 'projections', 'aiokafka'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("form", ["table", "json", "csv", "jsonl"])
@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_each_command_in_each_format(
    words: list[str], form: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = ask(capsys, *words, "--home", str(home), "--format", form)
    if form == "json":
        assert json.loads(shown)["origin"]
    elif form == "jsonl":
        assert all(isinstance(json.loads(line), dict) for line in shown.splitlines())
    elif form == "csv":
        rows = list(csv.reader(io.StringIO(shown)))
        assert len({len(row) for row in rows}) == 1
    assert shown


def test_second_import_adds_nothing(imported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, mapping = imported.parent / "small.csv", imported.parent / "map.toml"
    words = ("import", str(file), "--mapping", str(mapping), "--home", str(imported))
    answer = ask_json(capsys, *words)
    assert (answer["recorded"], answer["known"]) == (0, 4)
    assert "nothing new" in ask(capsys, *words)


def test_counts(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--home", str(home))
    assert ask_json(capsys, "officers", *place)["rows"] == [
        {"officer": "an", "entries": 2, "dossiers": 1},
        {"officer": "binh", "entries": 2, "dossiers": 2},
    ]
    answer = ask_json(capsys, "handovers", *place)
    assert {(r["from"], r["to"], r["count"]) for r in answer["rows"]} == {
        ("an", "binh", 1),
        ("binh", "an", 1),
    }
    assert ask_json(capsys, "handovers", "--returns", *place)["count"] == 1
    report = ask_json(capsys, "officer", "report", "an", "--from", "2026-03-04", *place)
    assert [entry["version"] for entry in report["entries"]] == [3]
    assert report["note"] == "indicator, not proof"


def test_export_says_what_it_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["events", "actor:an", "--home", str(home), "--format", "csv"])
    told = capsys.readouterr().err
    status = ask_json(capsys, "status", "--home", str(home))
    assert "rows 2" in told
    assert "actor:an" in told
    assert status["head"] in told


def test_csv_cells_never_start_a_formula(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = ask(capsys, "dossiers", "--home", str(home), "--format", "csv")
    cells = [cell for row in csv.reader(io.StringIO(shown)) for cell in row]
    assert "'=H2" in cells
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_as_of_is_the_fold_of_the_prefix(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--home", str(home))
    assert ask_json(capsys, "officers", "--at-index", "1", *place)["rows"] == [
        {"officer": "an", "entries": 1, "dossiers": 1}
    ]
    then = ask_json(
        capsys, "dossier", "show", "H1", "--as-of", "3/3/2026", "--axis", "occurred", *place
    )
    assert then["state"]["version"] == 2
    table = ask(capsys, "dossier", "show", "H1", "--at-index", "2", *place)
    assert table.startswith("AS OF index 2")


def test_intervals_sum_to_the_lifetime(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = ask_json(capsys, "dossier", "show", "H1", "--home", str(home))
    assert sum(part["seconds"] for part in answer["intervals"]) == 2 * 86_400 + 2 * 3_600


def test_replay_tells_changes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ask_json(capsys, "replay", "H1", "--from-index", "2", "--home", str(home))["rows"]
    assert rows[0]["changes"]["holder"] == ["an", "binh"]
    assert rows[1]["changes"]["holder"] == ["binh", "an"]


def test_vietnamese(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = ask(capsys, "dossier", "show", "H1", "--lang", "vi", "--home", str(home))
    assert "Ai đã giữ" in shown
    assert "không chứng minh" in shown
    assert "02/03/2026 08:00:00" in shown


def test_erased_is_gone_everywhere(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--home", str(home))
    words = ("dossier", "events", "H1", "--reveal", "--format", "jsonl", *place)
    words += ("--purpose", "own_task", "--by", "lan")
    assert "Hồ Thị Mẫu" in ask(capsys, *words)
    assert "Hồ Thị Mẫu" not in ask(capsys, "dossier", "events", "H1", "--format", "jsonl", *place)
    erase = ("keys", "erase", "H1", *place)
    ask(capsys, *erase, code=3)
    ask(capsys, *erase, "--reason", "order 12", code=3)
    ask(capsys, *erase, "--reason", "order 12", "--yes")
    shown = ask(capsys, *words)
    assert "Hồ Thị Mẫu" not in shown
    assert "erased" in shown
    ask(capsys, "verify", *place)
    for command in READING:
        assert "Hồ Thị Mẫu" not in ask(capsys, *command, *place)


def test_exit_codes(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--home", str(home))
    nowhere = ("--home", str(tmp_path / "none"))
    for words, code in (
        (("nonsense",), 3),
        (("events", "actr:x", *place), 3),
        (("dossiers", "--as-of", "soon", *place), 3),
        (("dossiers", "--as-of", "2026", "--at-index", "1", *place), 3),
        (("verify", "--expect", "12", *place), 3),
        (("status", "--log", "ftp://x/y", *place), 3),
        (("status", *nowhere), 4),
        (("verify", *nowhere), 4),
        (("dossier", "show", "none", *place), 4),
        (("officer", "report", "none", *place), 4),
        (("find", "zzzz", *place), 4),
        (("keys", "show", "none", *place), 4),
        (("dossiers", "--at-index", "99", *place), 4),
        (("import", str(tmp_path / "none.csv"), *place), 4),
        (("log", "create", *place), 3),
    ):
        ask(capsys, *words, code=code)


def test_error_shape(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["events", "actr:x", "--home", str(home)])
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert lines[0].startswith("✗ USAGE")
    assert lines[1].startswith("  what")
    assert "actor:" in lines[2]


def test_verify_fails_on_an_altered_entry(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--home", str(home))
    with sqlite3.connect(home / "log.sqlite") as connection:
        connection.execute(
            "UPDATE entry SET data = CAST(replace(CAST(data AS TEXT), 'examine', 'exempt.') "
            "AS BLOB) WHERE idx = 2"
        )
    connection.close()
    shown = ask(capsys, "verify", *place, code=1)
    assert shown.startswith("✗ FAILED")
    for line in ("index 2", "expected", "actual", "meaning", "next", "first bad index  2"):
        assert line in shown
    assert ask_json(capsys, "verify", *place, code=1)["first_bad_index"] == 2
    ask(capsys, "dossier", "show", "H1", *place, code=1)
    assert "register" in ask(capsys, "dossier", "show", "H1", "--at-index", "1", *place)


def test_verify_is_indeterminate_unpinned(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "trust.toml").unlink()
    assert "INDETERMINATE" in ask(capsys, "verify", "--home", str(home), code=2)


def test_verify_expect(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--home", str(home))
    head = ask_json(capsys, "status", *place)["head"]
    ask(capsys, "verify", "--expect", f"5:{head}", *place)
    ask(capsys, "verify", "--expect", f"6:{head}", *place, code=1)
    ask(capsys, "verify", "--expect", f"3:{head}", *place, code=1)


def test_refused_input(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--home", str(home))
    bad = tmp_path / "bad.csv"
    bad.write_text(
        HEADER + "N1,go,an,2026-03-02T08:00:00+07:00,x\nN2,go,an,no time,x\n", encoding="utf-8"
    )
    errors = tmp_path / "errors.jsonl"
    answer = ask_json(
        capsys, "import", str(bad), "--source", "second", "--errors", str(errors), *place, code=6
    )
    assert (answer["recorded"], answer["cases_refused"]) == (1, 1)
    problem = json.loads(errors.read_text(encoding="utf-8"))
    assert (problem["case"], problem["line"]) == ("N2", 3)
    broken = tmp_path / "broken.xes"
    broken.write_text("<log><trace>", encoding="utf-8")
    ask(capsys, "import", str(broken), *place, code=6)
    latin = tmp_path / "latin.csv"
    latin.write_bytes(HEADER.encode() + b"N3,\xe9,an,2026-03-02T08:00:00+07:00,x\n")
    ask(capsys, "import", str(latin), *place, code=6)


def test_a_bug_leaves_a_report(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: object, *_a: object, **_k: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("consumers.bootstrap.OpenLedger.store", broken)
    ask(capsys, "status", "--home", str(home), code=70)
    (report,) = home.glob("bug-*.txt")
    assert "ZeroDivisionError" in report.read_text(encoding="utf-8")


def test_no_colour_and_no_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "evil.csv"
    evil = "E1,\x1b[31mred\x07,an,2026-03-02T08:00:00+07:00,x\n"
    file.write_text(HEADER + evil, encoding="utf-8")
    ask(capsys, "import", str(file), "--home", str(tmp_path / "h"))
    for words in (["events"], ["dossier", "show", "E1"], ["replay", "E1"]):
        assert "\x1b" not in ask(capsys, *words, "--home", str(tmp_path / "h"))


def test_shared_options_may_stand_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = ask(capsys, "--home", str(home), "--format", "json", "officers")
    last = ask(capsys, "officers", "--home", str(home), "--format", "json")
    assert first == last


def test_scripts(home: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    for words, told in (
        (["replay.py", "H1"], "holder"),
        (["rebuild.py"], "digests equal"),
        (["investigate.py", "H1", "--from", "2026-03-03"], "Who touched it"),
    ):
        script = str(root / "scripts" / words[0])
        for arguments in (["--help"], [*words[1:], "--home", str(home)]):
            done = subprocess.run(
                [sys.executable, script, *arguments],
                capture_output=True,
                encoding="utf-8",
                check=False,
                env=environment,
            )
            assert done.returncode == 0, done.stderr
            wanted = "scripts/" if arguments == ["--help"] else told
            assert wanted in done.stdout
