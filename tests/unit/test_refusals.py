"""Through both doors: refused with field, value and reason, or recorded as the breach of a duty.

The list is that of docs/reference/refusals.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from consumers.bootstrap import OpenLedger, Settings, open_ledger
from consumers.cli.main import run
from consumers.creation import create_ledger
from ledger.app.submission import RefusedError
from ledger.core.action import encode_action
from tests.unit.domain.actions import STREAM, act, action_id
from tests.unit.domain.test_registry import say
from tests.unit.test_attempts import BEGUN, TWICE, changed

EARLY, LATE = "1899-12-31T23:59:59.000000Z", "2101-01-01T00:00:00.000000Z"

REFUSED: dict[str, tuple[bytes, str, object, str]] = {
    "unknown type": (
        changed(7, type="dossier.forgotten.v1"),
        "type",
        "dossier.forgotten.v1",
        "no event type of this ledger",
    ),
    "unknown field": (changed(7, data={"colour": "red"}), "data.colour", "red", "unknown field"),
    "unknown field of the envelope": (changed(7, colour="red"), "colour", "red", "unknown field"),
    "wrong type": (changed(7, data={"amount": "5"}), "data.amount", "5", "got `str`"),
    "before 1900": (
        changed(7, occurred_at={"at": EARLY, "precision": "second"}),
        "occurred_at.at",
        EARLY,
        "outside the years 1900 to 2100",
    ),
    "after 2100": (
        changed(7, type="dossier.apology_issued.v1", data={"sent_at": LATE}),
        "data.sent_at",
        LATE,
        "outside the years 1900 to 2100",
    ),
    "a date before 1900": (
        changed(7, type="dossier.result_numbered.v1", data={"dated_on": "1899-12-31"}),
        "data.dated_on",
        "1899-12-31",
        "outside the years 1900 to 2100",
    ),
    "no day of the calendar": (
        changed(7, type="dossier.result_numbered.v1", data={"dated_on": "2026-02-30"}),
        "data.dated_on",
        "2026-02-30",
        "no day of the calendar",
    ),
    "negative amount": (changed(7, data={"amount": -1}), "data.amount", -1, ">= 0"),
    "offer accepted twice": (
        encode_action(TWICE),
        "data.offer_id",
        action_id(3),
        "is not open",
    ),
}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenLedger]:
    with create_ledger(Settings(tmp_path / "home"), "audit") as made:
        yield made


@pytest.mark.parametrize("what", REFUSED)
async def test_the_application_names_field_value_and_reason(opened: OpenLedger, what: str) -> None:
    data, field, value, reason = REFUSED[what]
    router = opened.application()
    for action in BEGUN:
        await router.append(action)
    with pytest.raises(RefusedError) as caught:
        await router.append(data)
    error = caught.value
    assert (error.field, error.value) == (field, value)
    assert reason in str(error)
    router.close()


@pytest.mark.parametrize("what", REFUSED)
def test_the_import_names_line_field_value_and_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    data, field, value, reason = REFUSED[what]
    file, home = tmp_path / "in.jsonl", tmp_path / "home"
    good = changed(9, stream="dossier:good", type="dossier.submitted.v1", data={})
    file.write_bytes(b"\n".join([*map(encode_action, BEGUN), data, good]) + b"\n")
    command = ["import", str(file), "--home", str(home)]
    assert run([*command, "--format", "json"]) == 6
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["line"], problem["case"]) == (5, STREAM)
    assert (problem["field"], json.loads(problem["value"])) == (field, value)
    assert reason in problem["reason"]
    assert run(command) == 6
    told = capsys.readouterr()
    assert json.dumps(value) in told.err
    assert field in told.err
    with open_ledger(Settings(home)) as ledger, closing(ledger.store()) as store:
        streams = store.rows("SELECT DISTINCT stream FROM timeline WHERE stream LIKE 'dossier:%'")
    assert streams == [("dossier:good",)], "all of a stream or nothing of it"


def test_personal_data_in_clear_is_refused_and_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in enumerate(("Nguyễn Văn Mẫu", {"sealed": "Nguyễn Văn Mẫu"})):
        file = tmp_path / f"{number}.jsonl"
        data: dict[str, Any] = {"applicant_name": name}
        file.write_bytes(changed(7, type="dossier.submitted.v1", data=data) + b"\n")
        assert run(["import", str(file), "--home", str(tmp_path / "home")]) == 6
        told = capsys.readouterr()
        assert "applicant_name" in told.err
        assert "Nguyễn" not in told.out + told.err


def test_an_officer_not_valid_then_is_recorded_as_a_breach_of_duty(
    opened: OpenLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    """L18: hoa is in office from April and signed in March. The entry stands, and is found."""
    router = opened.application()
    rule = {"procedure": "1.004227", "unit": "land", "post": "head", "may": "sign"}
    for entry in (
        say(91, "officer.registered", "hoa", "2026-04-01", unit="land", post="head"),
        say(92, "authority.matrix_published", "land", "2026-01-01", version=1, rules=[rule]),
        *BEGUN,
        act(8, "signed", "2026-03-09", who="hoa", unit="land"),
    ):
        router.record(entry)
    router.close()
    command = ["duties", "--duty", "L18", "--home", str(opened.settings.home), "--format", "json"]
    assert run(command) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["result"], row["why"], row["versions"]) == ("broken", "not_in_office", "#6")
