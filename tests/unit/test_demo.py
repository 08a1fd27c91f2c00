"""The demo office: the same each time, accepted as it is, both stories in it, a copy to find."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pytest

from consumers.bootstrap import Settings, SettingsError
from consumers.creation import create_ledger
from consumers.demo.office import (
    LAND_STORY,
    PERMIT_STORY,
    demo_actions,
    demo_subjects,
    dossier_actions,
)
from consumers.demo.people import BUILD, LAND_1, PLAN, subject_key
from consumers.demo.run import DemoResult, run_demo
from consumers.demo.scribe import dossier_id
from ledger.adapters.sqlite_verify import verify_file
from ledger.adapters.trust import load_trust
from ledger.core.action import Action, encode_action
from ledger.core.findings import Verdict
from ledger.core.times import parse_instant
from ledger.domain.calendars import VN
from ledger.domain.deadlines import local_date, working_days_between
from ledger.domain.events import PERSONAL_FIELDS, decode_event
from ledger.entry.sealed import open_text


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoResult, Path, str]:
    home = tmp_path_factory.mktemp("demo") / "home"
    out = io.StringIO()
    return run_demo(home, out), home, out.getvalue()


def story(number: int) -> list[Action]:
    stream = f"dossier:{dossier_id(number)}"
    return [action for action in dossier_actions() if action.stream == stream]


def names(actions: list[Action]) -> list[str]:
    return [action.type.removeprefix("dossier.").removesuffix(".v1") for action in actions]


def test_the_same_bytes_each_time_and_every_event_typed():
    first = [encode_action(action) for action in demo_actions()]
    assert first == [encode_action(action) for action in demo_actions()]
    for action in demo_actions():
        decode_event(action.type, action.data)


def test_time_goes_forward_within_office_hours():
    times = [action.occurred_at.at for action in demo_actions()]
    assert times == sorted(times)
    assert all(VN.is_working_day(local_date(at)) for at in times)
    for number in range(1, 41):
        own = [action.occurred_at.at for action in story(number)]
        assert own == sorted(own)


def test_copies_share_no_id_and_no_dossier_and_have_no_registry():
    first, second = demo_actions(0), demo_actions(1)
    assert not {a.id for a in first} & {a.id for a in second}
    assert not {a.stream for a in first} & {a.stream for a in second}
    assert {a.stream.partition(":")[0] for a in second} == {"dossier"}
    assert {a.actor.id for a in second if a.actor.kind == "officer"} == {
        a.actor.id for a in first if a.actor.kind == "officer"
    }


def test_every_acceptance_answers_an_offer_to_that_officer():
    offers = {a.id: a for a in dossier_actions() if a.type == "dossier.custody_offered.v1"}
    for action in dossier_actions():
        if action.type == "dossier.custody_accepted.v1":
            offer = offers[action.data["offer_id"]]
            assert offer.data["to_officer"] == action.actor.id
            assert offer.actor.id != action.actor.id


def test_land_story_idle_needless_supplement_silence_no_apology():
    actions = story(LAND_STORY)
    mine = [local_date(a.occurred_at.at) for a in actions if a.actor.id == LAND_1.id]
    idle = working_days_between(mine[0], mine[1], VN) - 1
    assert idle == 7
    kinds = names(actions)
    assert kinds.count("supplement_requested") == 2
    assert "apology_issued" not in kinds
    found = next(a for a in actions if a.type == "dossier.document_reuse_checked.v1")
    asked = [a for a in actions if a.type == "dossier.supplement_requested.v1"][-1]
    assert found.data["doc_type"] == asked.data["items"][0]["doc_type"]
    assert found.data["result"] == "found_valid"
    question, answer = (
        next(local_date(a.occurred_at.at) for a in actions if a.type == f"dossier.{name}.v1")
        for name in ("consultation_requested", "consultation_answered")
    )
    assert working_days_between(question, answer, VN) == 9


def test_permit_story_silence_escalation_three_returns_and_the_batch():
    actions = story(PERMIT_STORY)
    kinds = names(actions)
    assert kinds.count("consultation_requested") == 3
    assert kinds.count("consultation_lapsed") == 1
    assert "escalated_for_opinion" in kinds
    holders = [a.actor.id for a in actions if a.type == "dossier.custody_accepted.v1"]
    between = [holder for holder in holders if holder in {BUILD.id, PLAN.id}]
    assert between == [BUILD.id, *[PLAN.id, BUILD.id] * 3]
    signed = sorted(
        parse_instant(a.occurred_at.at)
        for a in dossier_actions()
        if a.type == "dossier.signed.v1" and local_date(a.occurred_at.at) == date(2026, 4, 29)
    )
    assert len(signed) == 6
    assert (signed[-1] - signed[0]).total_seconds() < 600


def test_demo_passes_and_prints_report_and_timeline(demo: tuple[DemoResult, Path, str]):
    result, _, printed = demo
    assert result.verification.verdict == Verdict.PASSED
    assert (result.dossiers, result.officers) == (40, 7)
    assert 550 <= result.verification.entries <= 700
    assert f"Officer {LAND_1.id}" in printed
    assert f"Dossier {dossier_id(LAND_STORY)}" in printed


def test_a_second_run_adds_nothing_and_another_home_gives_the_same_head(
    demo: tuple[DemoResult, Path, str], tmp_path: Path
):
    result, home, _ = demo
    again = run_demo(home, io.StringIO(), "vi")
    elsewhere = run_demo(tmp_path / "other", io.StringIO())
    assert again.verification.head == result.verification.head
    assert elsewhere.verification.head == result.verification.head


def test_the_altered_copy_fails_at_the_altered_entry(demo: tuple[DemoResult, Path, str]):
    result, _, _ = demo
    (trust,) = load_trust(result.altered_home / "trust.toml")
    verification = verify_file(
        result.altered_home / "log.sqlite", origin=trust.origin, genesis_leaf=trust.genesis_leaf
    )
    assert verification.verdict == Verdict.FAILED
    assert verification.first_bad_index == result.altered_index


def test_a_home_that_holds_another_log_is_left_alone(tmp_path: Path):
    create_ledger(Settings(tmp_path / "mine"), "mine").close()
    before = (tmp_path / "mine" / "log.sqlite").read_bytes()
    with pytest.raises(SettingsError):
        run_demo(tmp_path / "mine", io.StringIO())
    assert (tmp_path / "mine" / "log.sqlite").read_bytes() == before


def test_personal_data_is_sealed_and_opens_with_its_own_key():
    for action in demo_actions():
        subject = action.stream
        if action.type == "dossier.submitted.v1":
            subject = f"applicant:{action.data['applicant_ref']}"
        for field in PERSONAL_FIELDS.get(action.type, ()):
            value = action.data[field]
            assert open_text(subject_key(subject), action.stream, field, value)
            assert subject in demo_subjects()
