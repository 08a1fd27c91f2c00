"""The shipped mappings: each fits its sample rows, and says no more than the source does."""

from __future__ import annotations

import os
import tomllib
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest

from consumers.bootstrap import Settings, utc_now
from consumers.cli.main import run
from consumers.creation import create_ledger
from consumers.workers.import_run import ImportSummary
from consumers.workers.importer import ImportOptions, import_file
from ledger.adapters.profiles import profile_text, shipped_profiles
from ledger.core.action import Action, decode_action
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, evolve
from ledger.domain.importing import (
    CaseError,
    ImportMapping,
    ImportRules,
    SourceCase,
    SourceEvent,
    case_actions,
    convert_mapping,
    parse_time,
)
from ledger.entry.entry import decode_entry

SAMPLES = Path(__file__).parents[1] / "vectors" / "import"
REAL = Path(os.environ.get("PAL_TEST_DATA", "../shared/data")) / "logs"
VIETNAM = timezone(timedelta(hours=7))


def shipped(name: str) -> ImportMapping:
    return convert_mapping(tomllib.loads(profile_text(Path(name)) or ""))


def imported(
    tmp_path: Path, file: Path, mapping: str
) -> tuple[ImportSummary, dict[str, list[Action]]]:
    """What the import says, and the actions of each dossier as they were recorded."""
    with create_ledger(Settings(tmp_path / "home")) as ledger:
        options = ImportOptions(timezone="Asia/Ho_Chi_Minh", mapping=Path(mapping))
        key = ledger.keys.load_signing_key("source")
        summary = import_file(file, ledger.logs, key, ledger.keys, options, now=utc_now)
        (log,) = ledger.logs
        found: dict[str, list[Action]] = {}
        rows = (log.notifications(n, n, 1) for n in range(1, summary.recorded + 1))
        for ((_, data),) in rows:
            action = decode_action(decode_entry(data).action_bytes)
            found.setdefault(action.stream, []).append(action)
    return summary, found


def state_of(actions: list[Action]) -> DossierState:
    state = EMPTY_DOSSIER
    for version, action in enumerate(actions, 1):
        state = evolve(state, action, version)
    return state


def test_every_shipped_mapping_is_one():
    assert shipped_profiles() == (
        "building-permits",
        "cap-nhat-tien-trinh",
        "qua-trinh-xu-ly-ho-so",
        "receipt",
    )
    assert all(shipped(name).activities for name in shipped_profiles())


def test_the_national_feed_becomes_states_and_a_due_date(tmp_path: Path):
    file = SAMPLES / "cap-nhat-tien-trinh.csv"
    summary, found = imported(tmp_path, file, "cap-nhat-tien-trinh")
    assert (summary.cases, summary.recorded, summary.problems) == (2, 9, ())
    first = found["dossier:000.00.07.H99-260302-0001"]
    assert first[1].occurred_at.at == "2026-03-02T02:00:00.000000Z"
    assert first[1].occurred_at.precision == "second"
    assert (first[1].actor.id, first[1].actor.unit) == ("lam.khe", "Bộ phận Một cửa")
    state = state_of(first)
    assert (state.status, state.portal_status) == ("delivered", 10)
    assert state.due_at == "2026-03-16T10:00:00.000000Z" < state.delivered_at
    # The feed does not say when the applicant answered: none of the time is charged to them.
    assert first[3].type == "dossier.action_imported.v1"
    assert state.applicant_microseconds == (4 * 60 + 30) * 60_000_000
    assert state_of(found["dossier:000.00.07.H99-260302-0002"]).status == "refused"


def test_a_provincial_one_stop_system_becomes_acts(tmp_path: Path):
    file = SAMPLES / "qua-trinh-xu-ly-ho-so.csv"
    summary, found = imported(tmp_path, file, "qua-trinh-xu-ly-ho-so")
    assert (summary.cases, summary.recorded, summary.problems) == (1, 14, ())
    actions = found["dossier:H99.31-0001"]
    state = state_of(actions)
    assert (state.status, state.assigned, state.apologies) == ("delivered", "minh.cam", 1)
    assert actions[0].occurred_at.precision == "minute"
    assert actions[2].data["to_unit"] == "Phòng Kinh tế"
    assert actions[-1].type == "dossier.action_imported.v1"
    assert state.applicant_microseconds > 0


def test_an_answer_decides_whether_a_question_is_mapped():
    mapping = shipped("building-permits")
    rules = ImportRules("bpic", mapping=mapping)

    def typed(answer: str) -> str:
        attributes = (("question", "string", answer),) if answer else ()
        event = SourceEvent("05_EIND_010", "7", "2026-03-02T08:00:00Z", "", attributes, 1, 0)
        (action,) = case_actions(SourceCase("c", (), (event,), 1), rules).actions
        return action.type

    assert typed("TRUE") == "dossier.withdrawn.v1"
    assert typed("FALSE") == typed("") == "dossier.action_imported.v1"


@pytest.mark.parametrize(
    ("text", "form", "instant", "precision"),
    [
        ("20260302081501", "%Y%m%d%H%M%S", "2026-03-02T01:15:01+00:00", "second"),
        ("02/03/2026 08:15", "%d/%m/%Y %H:%M", "2026-03-02T01:15:00+00:00", "minute"),
        ("02/03/2026", "%d/%m/%Y", "2026-03-01T17:00:00+00:00", "day"),
        ("2026-03-02 08:15:01.5", "%Y-%m-%d %H:%M:%S.%f", "2026-03-02T01:15:01.5+00:00", "instant"),
    ],
)
def test_times_of_a_source_are_read_by_its_format(
    text: str, form: str, instant: str, precision: str
):
    moment, found = parse_time(text, VIETNAM, form)
    assert (moment.astimezone(UTC).isoformat(), found) == (
        instant.replace(".5+", ".500000+"),
        precision,
    )
    with pytest.raises(ValueError, match=r"does not match|unconverted"):
        parse_time("yesterday", VIETNAM, form)


def test_a_date_that_cannot_be_read_refuses_its_case():
    mapping = shipped("cap-nhat-tien-trinh")
    rules = ImportRules("feed", timezone=VIETNAM, mapping=mapping)
    attributes = (("NgayKetThucTheoQuyDinh", "string", "soon"),)
    event = SourceEvent("2", "lam", "20260302081501", "", attributes, 4, 0)
    with pytest.raises(CaseError) as caught:
        case_actions(SourceCase("c", (), (event,), 1), rules)
    assert (caught.value.line, caught.value.field) == (4, "data.due_at")


def test_a_mapping_that_is_neither_file_nor_shipped_is_not_found(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    file = SAMPLES / "cap-nhat-tien-trinh.csv"
    home = ["--home", str(tmp_path / "home")]
    assert run(["import", str(file), "--mapping", "none-of-them", *home]) == 4
    assert "receipt" in capfd.readouterr().err
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real logs (PAL_TEST_DATA)")
def test_the_receipt_log_imports_whole(tmp_path: Path):
    summary, found = imported(tmp_path, REAL / "receipt.csv.gz", "receipt")
    assert (summary.cases, summary.recorded, summary.problems) == (1_434, 8_577, ())
    kept = sum(
        a.type == "dossier.action_imported.v1" for actions in found.values() for a in actions
    )
    assert kept == 1_368 + 41 + 26, "only checks, of which the log does not say what they gave"
