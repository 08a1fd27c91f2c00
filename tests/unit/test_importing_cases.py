"""Import, case by case: what one bad case must not cost the others, and files that grow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consumers.bootstrap import OpenLedger, Settings, utc_now
from consumers.creation import create_ledger
from consumers.workers import import_run
from consumers.workers.importer import ImportOptions, ImportSummary, import_file
from ledger.adapters.source_files import FileRefusedError
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.ids import uuid7_milliseconds, uuid7_text
from ledger.domain.importing import SourceEvent, import_id
from ledger.entry.entry import decode_entry

HEAD = "case_id,activity,resource,timestamp,case_deadline,note\n"
TIME = "2026-03-02T08:00:00Z"


@pytest.fixture
def opened(tmp_path: Path):
    with create_ledger(Settings(tmp_path / "home")) as ledger:
        yield ledger


def run(opened: OpenLedger, path: Path, **options: Any) -> ImportSummary:
    return import_file(
        path,
        opened.logs,
        opened.keys.load_signing_key("source"),
        opened.keys,
        ImportOptions(**options),
        now=utc_now,
    )


def write(tmp_path: Path, text: str, name: str = "office.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(*names: str, note: str = "", time: str = TIME) -> str:
    return "".join(f"{name},A,cb-01,{time},,{note}\n" for name in names)


def actions(opened: OpenLedger, stream: str) -> list[dict[str, Any]]:
    return [decode_entry(data).action for data in opened.logs[0].stream_entries(stream)]


def test_an_entry_too_large_costs_only_its_case(opened: OpenLedger, tmp_path: Path) -> None:
    # 12,000 characters of four bytes, five times: within each limit of characters, yet no entry.
    columns = ",".join(f"n{i}" for i in range(5))
    wide = ",".join(["🏛" * 12_000] * 5)
    text = f"case_id,activity,timestamp,{columns}\n"
    text += "".join(f"{name},A,{TIME},,,,,\n" for name in ("a", "b"))
    text += f"big,A,{TIME},{wide}\nbig,B,{TIME},,,,,\nc,A,{TIME},,,,,\n"
    summary = run(opened, write(tmp_path, text))
    assert (summary.recorded, summary.refused_cases) == (3, 1)
    assert [(p.case, p.line, p.field) for p in summary.problems] == [("big", 4, "attributes")]
    assert actions(opened, "dossier:big") == []


def test_where_the_writer_refuses_a_stream_the_others_are_recorded(
    opened: OpenLedger, tmp_path: Path
) -> None:
    run(opened, write(tmp_path, HEAD + rows("a", "b"), "s.csv"), source="s")
    text = HEAD + rows("a", "x", "b", "y")
    # The ids of a and b are recorded in other dossiers: only the writer can know.
    summary = run(opened, write(tmp_path, text), source="s", prefix="p/")
    assert (summary.recorded, summary.refused_cases) == (2, 2)
    assert sorted(problem.case for problem in summary.problems) == ["p/a", "p/b"]
    assert actions(opened, "dossier:p/a") == []
    assert len(actions(opened, "dossier:p/y")) == 1


def test_a_case_longer_than_a_submission_is_recorded_in_order(
    opened: OpenLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_run, "SUBMISSION_ACTIONS_MAX", 7)
    monkeypatch.setattr(import_run, "WINDOW_ACTIONS", 20)
    start = datetime(2026, 3, 2, tzinfo=UTC)
    times = [(start + timedelta(minutes=i)).isoformat() for i in range(50)]
    text = HEAD + "".join(f"long,A,cb-01,{time},,\n" for time in reversed(times)) + rows("z")
    summary = run(opened, write(tmp_path, text))
    assert (summary.recorded, summary.disordered) == (51, 50)
    found = [action["occurred_at"]["at"] for action in actions(opened, "dossier:long")]
    assert found == sorted(found)
    assert len(found) == 50


def test_a_log_that_grew_adds_what_is_new_and_the_case_stays_with_the_first_entry(
    opened: OpenLedger, tmp_path: Path
) -> None:
    due = "2026-03-09T00:00:00Z"
    second = f"a,B,cb-02,2026-03-03T08:00:00Z,{due},\n"
    run(opened, write(tmp_path, HEAD + second))
    first = f"a,A,cb-01,2026-03-01T08:00:00Z,{due},\n"
    third = f"a,C,cb-03,2026-03-04T08:00:00Z,{due},\n"
    summary = run(opened, write(tmp_path, HEAD + first + second + third))
    assert (summary.recorded, summary.known, summary.problems) == (2, 1, ())
    assert [("case" in a["data"]) for a in actions(opened, "dossier:a")] == [True, False, False]
    assert run(opened, write(tmp_path, HEAD + third)).known == 1


def test_another_offset_of_the_same_instants_orders_by_instant(
    opened: OpenLedger, tmp_path: Path
) -> None:
    text = HEAD + "a,later,,2026-03-02T08:00:00+01:00,,\na,earlier,,2026-03-02T08:00:00+07:00,,\n"
    run(opened, write(tmp_path, text))
    found = actions(opened, "dossier:a")
    assert [action["data"]["activity"] for action in found] == ["earlier", "later"]
    assert found[0]["actor"] == {"id": "office", "kind": "system"}
    assert found[0]["occurred_at"]["at"] == "2026-03-02T01:00:00.000000Z"


def test_a_time_without_offset_takes_the_zone_that_is_named(
    opened: OpenLedger, tmp_path: Path
) -> None:
    path = write(tmp_path, HEAD + rows("a", time="2026-03-02 08:00"))
    refused = run(opened, path)
    assert (refused.recorded, refused.problems[0].field) == (0, "time")
    assert run(opened, path, timezone="Asia/Ho_Chi_Minh").recorded == 1
    (action,) = actions(opened, "dossier:a")
    assert action["occurred_at"] == {"at": "2026-03-02T01:00:00.000000Z", "precision": "minute"}
    with pytest.raises(FileRefusedError, match="unknown time zone"):
        run(opened, path, timezone="Hanoi")


def test_personal_text_never_goes_on_in_clear(opened: OpenLedger, tmp_path: Path) -> None:
    mapping = write(
        tmp_path,
        'personal = ["note"]\n[activities.A]\ntype = "dossier.submitted.v1"\n'
        'fields = {applicant_name = "note"}\n',
        "m.toml",
    )
    path = write(tmp_path, HEAD + rows("a", note="Trần Thị Thử"))
    assert run(opened, path, mapping=mapping).recorded == 1
    assert run(opened, path, mapping=mapping).known == 1
    (data,) = opened.logs[0].stream_entries("dossier:a")
    assert "Trần".encode() not in data
    assert "sealed" in decode_entry(data).action["data"]["applicant_name"]

    opened.keys.subjects().erase("dossier:a")
    erased = run(opened, path, mapping=mapping)
    assert (erased.recorded, erased.refused_cases) == (0, 1)
    assert "erased" in erased.problems[0].reason

    clear = write(tmp_path, 'personal = ["resource"]\n', "clear.toml")
    with pytest.raises(FileRefusedError, match="in clear"):
        run(opened, path, mapping=clear)
    leak = write(
        tmp_path,
        'personal = ["note"]\n[activities.A]\ntype = "dossier.submitted.v1"\n'
        'fields = {channel = "note"}\n',
        "leak.toml",
    )
    other = write(tmp_path, HEAD + rows("b", note="Trần Thị Thử"), "other.csv")
    assert run(opened, other, mapping=leak).problems[0].field == "data"
    assert opened.logs[0].head().size == 2


def test_an_impossible_mapped_action_refuses_its_case(opened: OpenLedger, tmp_path: Path) -> None:
    mapping = write(tmp_path, '[activities.A]\ntype = "dossier.supplement_received.v1"\n', "m.toml")
    summary = run(opened, write(tmp_path, HEAD + rows("a")), mapping=mapping)
    assert (summary.recorded, summary.problems[0].line) == (0, 2)


def test_the_id_holds_the_exact_millisecond() -> None:
    event = SourceEvent("A", "", TIME, "", (), 1, 0)
    for milliseconds in (1_700_000_000_001, 1_700_000_000_999, 4_102_444_799_001):
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
        assert uuid7_milliseconds(import_id("s", "c", event, moment, 0)) == milliseconds
    before = datetime(1969, 12, 31, 23, 59, tzinfo=UTC)
    assert uuid7_milliseconds(import_id("s", "c", event, before, 0)) == 0


def own(stream: str, number: int, kind: str = "dossier.submitted.v1", **data: Any) -> Action:
    return Action(
        id=uuid7_text(1_700_000_000_000 + number, bytes(10)),
        type=kind,
        stream=stream,
        occurred_at=OccurredAt("2026-03-02T08:00:00.000000Z", "second"),
        actor=Actor(kind="officer", id="cb-01"),
        data=data,
    )


def lines(*values: Any) -> str:
    return "".join(
        json.dumps(json.loads(encode_action(v)) if isinstance(v, Action) else v) + "\n"
        for v in values
    )


def test_unsigned_actions_are_signed_by_the_source(opened: OpenLedger, tmp_path: Path) -> None:
    text = lines(own("dossier:a", 1), own("dossier:b", 2), own("dossier:a", 3))
    path = write(tmp_path, text, "a.jsonl")
    summary = run(opened, path)
    assert (summary.recorded, summary.cases, summary.problems) == (3, 2, ())
    assert run(opened, path).known == 3
    (first, second) = opened.logs[0].stream_entries("dossier:a")
    source = opened.keys.load_signing_key("source").id
    assert {decode_entry(data).seal.sigs[0].key for data in (first, second)} == {source}


def test_bad_json_lines_refuse_their_stream_only(opened: OpenLedger, tmp_path: Path) -> None:
    stripped = {"action": json.loads(encode_action(own("dossier:stripped", 1))), "sigs": []}
    changed = own("dossier:reused", 2, channel="online")
    answer = own("dossier:impossible", 4, "dossier.supplement_received.v1")
    text = lines(
        stripped,
        own("dossier:reused", 2),
        changed,
        own("dossier:half", 3),
        own("dossier:half", 33, "dossier.no_such_type.v1"),
        answer,
        own("dossier:good", 5),
        own("dossier:good", 5),
    )
    summary = run(opened, write(tmp_path, text, "a.jsonl"))
    assert (summary.recorded, summary.known, summary.refused_cases) == (1, 1, 4)
    assert [(p.case.partition(":")[2], p.line) for p in summary.problems] == [
        ("stripped", 1),
        ("reused", 3),
        ("half", 5),
        ("impossible", 6),
    ]
    assert opened.logs[0].head().size == 2
