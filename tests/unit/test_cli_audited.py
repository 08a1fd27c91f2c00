"""Who looked: `--inspection` leaves E77, `--reveal` leaves E20, and nothing is shown before."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import pytest

from consumers.bootstrap import Settings, open_ledger
from consumers.cli.audited import free
from consumers.cli.main import run
from consumers.cli.options import Purpose
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.ids import uuid7_text
from ledger.domain import events_office
from ledger.domain.events import decode_event
from projections.queries.timeline import EventFilter, events

HEADER = "case_id,activity,resource,timestamp,applicant\n"
ROWS = (
    "H1,register,an,2026-03-02T08:00:00+07:00,Hồ Thị Mẫu\n"
    "H2,register,an,2026-03-02T08:00:00+07:00,Võ Văn Thử\n"
)
OPENED = Action(
    id=uuid7_text(1_700_000_000_000, bytes(10)),
    type="inspection.opened.v1",
    stream="inspection:QD-7",
    occurred_at=OccurredAt("2026-03-05T02:00:00.000000Z", "second"),
    actor=Actor(kind="auditor", id="thanh-tra-1"),
    data={"decision_no": "7/QĐ-TTr", "scope": "land", "team": ["thanh-tra-1", "thanh-tra-2"]},
)
UNDER = ("--inspection", "QD-7", "--by", "thanh-tra-1")
REVEAL = ("--reveal", "--purpose", "citizen_enquiry", "--purpose-ref", "PA-12", "--by", "lan")


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    (folder / "small.csv").write_text(HEADER + ROWS, encoding="utf-8")
    (folder / "map.toml").write_text('personal = ["applicant"]\n', encoding="utf-8")
    (folder / "open.jsonl").write_bytes(encode_action(OPENED) + b"\n")
    home = ["--home", str(folder / "home")]
    mapping = ["--mapping", str(folder / "map.toml")]
    assert run(["import", str(folder / "small.csv"), *mapping, *home]) == 0
    assert run(["import", str(folder / "open.jsonl"), *home]) == 0
    return folder / "home"


@pytest.fixture
def home(imported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(imported, tmp_path / "home"))


def left(home: Path) -> list[tuple[str, str, Actor, dict[str, Any]]]:
    """Stream, type, actor and data of every entry behind the imported ones."""
    with open_ledger(Settings(home)) as ledger, closing(ledger.store()) as store:
        rows = list(events(store, EventFilter()))
    found = [row for row in rows if row.type in {"inspection.audit_access.v1", "dossier.viewed.v1"}]
    for row in found:
        decode_event(row.type, row.action.data)
    return [(row.stream, row.type, row.action.actor, row.action.data) for row in found]


@pytest.mark.parametrize(
    ("command", "query", "rows"),
    [
        (["dossier", "show", "H1"], "dossier show H1", 1),
        (["dossier", "events", "H1"], "dossier events H1", 1),
        (["dossiers", "--status", "unknown"], "dossiers status:unknown", 2),
        (["dossiers", "--limit", "1", "--text", "h"], f"dossiers{free('h')}", 1),
        (["duties", "--result", "all", "--unit", "x"], "duties result:all unit:x", 0),
        (["events", "actor:an", "register"], f"events actor:an{free('register')}", 2),
        (["officers"], "officers", 1),
        (["handovers", "--returns"], "handovers returns", 0),
        (["officer", "report", "an"], "officer report actor:an occurred:..", 1),
        (["find", "H1"], f"find{free('H1')}", 1),
        (["replay", "H1", "--step"], "replay dossier:H1 index:0..", 1),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_reading_under_an_inspection_is_recorded_and_shows_the_same(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    query: str,
    rows: int,
) -> None:
    for form in ("table", "json"):
        place = ["--home", str(home), "--format", form, "--as-of", "2100-01-01"]
        run([*command, *place])
        plain = capsys.readouterr().out
        before = len(left(home))
        run([*command, *place, *UNDER])
        shown = capsys.readouterr().out
        if form == "json":
            assert json.loads(shown)["kind"] == json.loads(plain)["kind"]
        else:
            assert shown.splitlines()[:2] == plain.splitlines()[:2]
        stream, type_name, actor, data = left(home)[before]
        assert (stream, type_name) == ("inspection:QD-7", "inspection.audit_access.v1")
        assert (actor.kind, actor.id) == ("auditor", "thanh-tra-1")
        assert data == {"query": query, "rows": rows, "purpose": "inspection"}
        assert len(left(home)) == before + 1


def test_a_question_without_an_answer_is_recorded_too(home: Path) -> None:
    assert run(["dossier", "show", "H9", "--home", str(home), *UNDER]) == 4
    assert [data["rows"] for *_, data in left(home)] == [0]


def test_what_is_revealed_leaves_who_and_why_in_each_dossier(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--home", str(home))
    assert run(["dossier", "show", "H1", *place, *REVEAL]) == 0
    assert run(["dossier", "events", "H1", *place, *REVEAL, "--format", "json"]) == 0
    assert "Hồ Thị Mẫu" in capsys.readouterr().out
    found = left(home)
    assert {(stream, type_name) for stream, type_name, *_ in found} == {
        ("dossier:H1", "dossier.viewed.v1")
    }
    for *_, actor, data in found:
        assert (actor.kind, actor.id) == ("officer", "lan")
        assert data == {
            "purpose": "citizen_enquiry",
            "fields_class": "personal",
            "purpose_ref": "PA-12",
        }
    before = len(found)
    assert run(["events", *place, *REVEAL[:-2], *UNDER, "--format", "jsonl"]) == 0
    shown = capsys.readouterr().out
    assert "Hồ Thị Mẫu" in shown
    assert "Võ Văn Thử" in shown
    streams = [(stream, actor.kind) for stream, _, actor, _ in left(home)[before:]]
    assert sorted(streams) == [
        ("dossier:H1", "auditor"),
        ("dossier:H2", "auditor"),
        ("inspection:QD-7", "auditor"),
    ]
    assert run(["verify", *place]) == 0


def test_the_purposes_are_those_of_the_event() -> None:
    assert get_args(Purpose) == get_args(events_office.Purpose)


def test_a_plain_reading_leaves_nothing(home: Path) -> None:
    for command in (["dossier", "show", "H1"], ["events"], ["dossiers"], ["officers"]):
        assert run([*command, "--home", str(home)]) == 0
    assert left(home) == []


@pytest.mark.parametrize(
    "options",
    [
        ("--reveal",),
        ("--reveal", "--by", "lan"),
        ("--reveal", "--purpose", "own_task"),
        ("--reveal", "--by", "lan", "--purpose", "curiosity"),
        ("--inspection", "QD-7"),
        ("--inspection", "QD-8", "--by", "thanh-tra-1"),
        ("--inspection", "QD-7", "--by", "lan"),
    ],
)
def test_without_who_and_why_nothing_is_shown(
    home: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert run(["dossier", "show", "H1", "--home", str(home), *options]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "next" in captured.err
    assert left(home) == []


def test_what_cannot_be_recorded_is_not_shown(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (key,) = (home / "keys").glob("source.*")
    hidden = key.with_suffix(".away")
    key.rename(hidden)
    for options in (REVEAL, UNDER):
        assert run(["dossier", "events", "H1", "--home", str(home), *options]) != 0
    assert capsys.readouterr().out == ""
    hidden.rename(key)
    assert left(home) == []
