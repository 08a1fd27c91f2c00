"""The generated province: the same bytes each time, accepted by the import, true to the minute.

G1, G2: four hundred officers, forty versions; G3, G4: the order of queues, the slips, the office's
time; G5: every behaviour and look-alike; G6: no word of the truth in an action; G7: the same bytes;
G8: names are invented and sealed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from heapq import heappop
from itertools import islice, pairwise
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from consumers.bootstrap import Settings, open_ledger
from consumers.cli.main import run
from consumers.demo.people import subject_key
from consumers.generate.compare import compare
from consumers.generate.files import truth_path, write_files
from consumers.generate.office_time import DAY, FIRST_DAY, OFFICES, at_local, instant
from consumers.generate.plants import DRAWN_LONG, INNOCENT, PLANTS
from consumers.generate.procedures import CODES, VERSIONS, valid_on
from consumers.generate.province import Province
from consumers.generate.run import Arrival, Generated, Year, generate
from consumers.generate.truth import DossierTruth, DutyBreach, TrueClocks
from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.core.action import Action, decode_action
from ledger.core.times import parse_instant
from ledger.domain.calendars import VN
from ledger.domain.clocks import clocks
from ledger.domain.deadlines import due_on, local_date, working_days_between
from ledger.domain.duties import check_duties
from ledger.domain.events import decode_event
from ledger.domain.guards import guard_findings
from ledger.domain.registry import Registry, budget_excess_hours, build_registry
from ledger.entry.sealed import open_text
from projections.folds.dossier import EMPTY_FOLD, DossierFold, fold_dossier
from scripts.truth import run as make_and_compare

ENTRIES = int(os.environ.get("PAL_GENERATED_ENTRIES", "10000"))
AT = "2026-12-01T00:00:00.000000Z"
MINUTE = 60_000_000


@pytest.fixture(scope="module")
def parts() -> list[Generated]:
    return list(generate(ENTRIES, "ci"))


@pytest.fixture(scope="module")
def registry(parts: list[Generated]) -> Registry:
    return build_registry(decode_action(line) for line in parts[0].lines)


def dossiers(parts: list[Generated]) -> Iterator[tuple[DossierTruth, list[Action]]]:
    for part in parts[1:]:
        assert part.made is not None
        yield part.made.truth, [decode_action(line) for line in part.lines]


def folded(actions: list[Action]) -> tuple[DossierFold, list[tuple[str, ...]]]:
    fold, intervals = EMPTY_FOLD, {}
    for version, action in enumerate(actions, 1):
        fold, effects = fold_dossier(fold, action, version)
        intervals |= {item.number: item for item in effects.intervals}
    return fold, [(i.kind, i.officer, i.unit, i.from_at, i.to_at) for i in intervals.values()]


def names(truth: DossierTruth) -> set[str]:
    return {label.name for label in truth.behaviours}


def test_the_same_seed_gives_the_same_bytes_and_another_others(tmp_path: Path):
    files = [tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.jsonl", "a.jsonl.gz")]
    for file, seed in zip(files, ("1", "1", "2", "1"), strict=True):
        write_files(file, 2_000, seed, lambda _done, _all: None)
    first, again, other = (file.read_bytes() for file in files[:3])
    assert first == again != other
    truths = [truth_path(file).read_bytes() for file in files[:3]]
    assert truths[0] == truths[1] != truths[2]
    packed = files[3].read_bytes()
    files[3].unlink()
    truth_path(files[3]).unlink()
    write_files(files[3], 2_000, "1", lambda _done, _all: None)
    assert files[3].read_bytes() == packed
    assert not list(tmp_path.glob("*.part"))


def test_the_bytes_do_not_depend_on_the_process_that_makes_them(tmp_path: Path):
    """Neither on the order in which this or that process keeps its sets, nor on its place."""
    code = "import sys; from consumers.cli.main import run; sys.exit(run(sys.argv[1:]))"
    made = []
    for hashed in ("1", "2"):
        file = tmp_path / f"{hashed}.jsonl"
        subprocess.run(
            [sys.executable, "-c", code, "generate", str(file), "--entries", "1000"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": hashed},
            check=True,
            capture_output=True,
        )
        made.append((file.read_bytes(), truth_path(file).read_bytes()))
    assert made[0] == made[1]


def test_every_custody_interval_is_true_to_the_minute(parts: list[Generated]):
    for truth, actions in dossiers(parts):
        _, intervals = folded(actions)
        told = [(i.kind, i.officer, i.unit, i.from_at, i.to_at) for i in truth.custody]
        assert intervals == told, truth.dossier


def test_custody_is_true_where_the_delivery_is_backdated():
    """What the desk did after the time it claims shows until when it had the dossier."""
    for kind in sorted(PLANTS["backdating"].kinds):
        truth, actions, _ = planted("backdating", kind)
        _, intervals = folded(actions)
        told = [(i.kind, i.officer, i.unit, i.from_at, i.to_at) for i in truth.custody]
        assert intervals == told
        (claimed,), (answered,) = (
            at_of(actions, "result_delivered"),
            at_of(actions, "urge_answered"),
        )
        assert told[-1][0] == "closed"
        assert claimed < told[-1][3] == answered


def test_the_three_clocks_add_up_to_gross_and_are_those_of_the_ledger(parts: list[Generated]):
    for truth, actions in dossiers(parts):
        own = truth.clocks
        assert own.gross == own.office + own.applicant + own.external
        fold, _ = folded(actions)
        last = truth.custody[-1].to_at
        found = clocks(fold.state, last)
        counted = TrueClocks(
            *(
                microseconds // MINUTE
                for microseconds in (
                    found.gross,
                    found.office,
                    found.applicant,
                    found.external,
                    found.closed,
                )
            )
        )
        if "backdating" in names(truth):
            assert counted != own, "what was claimed is not what happened"
        else:
            assert counted == own, truth.dossier


def test_planted_breaches_are_found_and_no_other(parts: list[Generated], registry: Registry):
    for truth, actions in dossiers(parts):
        answers = check_duties(enumerate(actions, 1), registry, DEFAULT_RULES, AT)
        broken = {
            answer.duty: set(answer.entries) for answer in answers if answer.result == "broken"
        }
        planted = {breach.duty: set(breach.actions) for breach in truth.breaches}
        assert broken.keys() == planted.keys(), (truth.dossier, names(truth))
        assert all(planted[duty] <= broken[duty] for duty in planted), truth.dossier


def test_each_behaviour_breaks_the_duties_that_the_catalogue_says(parts: list[Generated]):
    for truth, _ in dossiers(parts):
        said = {duty for name in names(truth) for duty in PLANTS[name].breaks}
        assert {breach.duty for breach in truth.breaches} <= said
        if truth.breaches:
            assert {breach.duty for breach in truth.breaches} == said


def test_every_behaviour_can_be_planted_in_each_kind_of_procedure(registry: Registry):
    year = Year(Province(ENTRIES, "ci"), "ci")
    words = [name.encode() for name in (*PLANTS, *INNOCENT) if "_" in name]
    of_kind = {valid_on(code, FIRST_DAY).kind: code for code in CODES if code != "1.990100"}
    number = 0
    for name, plant in PLANTS.items():
        for code in (code for kind, code in of_kind.items() if kind in plant.kinds):
            number += 1
            at = at_local(FIRST_DAY, 9 * 60) + number * 7 * 60
            year.waiting.clear()
            made = year.make(Arrival(at, number, plant=name, code=code))
            if name == "queue_jump" and year.waiting:
                assert not made.truth.behaviours, "this one waits, the next one jumps"
                made = year.make(heappop(year.waiting)[2])
            actions = [decode_action(line) for line in made.actions]
            answers = check_duties(enumerate(actions, 1), registry, DEFAULT_RULES, AT)
            broken = [answer.duty for answer in answers if answer.result == "broken"]
            assert sorted(broken) == sorted(plant.breaks), (name, made.truth.dossier)
            assert names(made.truth) == {name} or (name == "queue_jump" and not year.waiting)
            assert not any(word in b"".join(made.actions) for word in words)


def started(actions: list[Action]) -> tuple[str, str, str]:
    """Officer, when they took the dossier, when they began with it."""
    took = ""
    for action in actions:
        if action.type == "dossier.custody_accepted.v1" and action.step == "appraisal":
            took = action.occurred_at.at
        if action.type == "dossier.work_started.v1":
            return action.actor.id, took, action.occurred_at.at
    return "", "", ""


def test_dossiers_begin_in_the_order_in_which_they_came_but_for_those_that_jump():
    queues: dict[tuple[str, str], list[tuple[str, str, set[str]]]] = {}
    for truth, actions in dossiers(list(generate(20_000, "queues"))):
        officer, took, begun = started(actions)
        if officer:
            queues.setdefault((officer, truth.procedure), []).append((took, begun, names(truth)))
    for queue in queues.values():
        for (_, begun, _), (_, other, plants) in pairwise(sorted(queue, key=lambda row: row[:2])):
            assert begun <= other or "queue_jump" in plants


def test_whoever_jumps_the_queue_begins_before_one_that_came_earlier():
    year = Year(Province(ENTRIES, "ci"), "ci")
    jumps = 0
    for number, code in enumerate((c for c in CODES if valid_on(c, FIRST_DAY).days >= 12), 1):
        at = at_local(FIRST_DAY, 9 * 60) + number * 24 * 60
        waiting = year.make(Arrival(at, number, plant="queue_jump", code=code))
        if year.waiting:
            jumper = year.make(heappop(year.waiting)[2])
            first, second = (
                started([decode_action(line) for line in made.actions])
                for made in (waiting, jumper)
            )
            assert first[0] == second[0]
            assert first[1] < second[1] < second[2] < first[2]
            assert jumper.truth.behaviours[0].other_dossier == waiting.truth.dossier
            jumps += 1
    assert jumps > 5


def planted(name: str, kind: str = "normal") -> tuple[DossierTruth, list[Action], Year]:
    year = Year(Province(ENTRIES, "ci"), "ci")
    code = next(code for code in CODES if valid_on(code, FIRST_DAY).kind == kind)
    made = year.make(Arrival(at_local(FIRST_DAY, 9 * 60), 1, plant=name, code=code))
    return made.truth, [decode_action(line) for line in made.actions], year


def at_of(actions: list[Action], name: str) -> list[str]:
    return [a.occurred_at.at for a in actions if a.type == f"dossier.{name}.v1"]


def test_a_batch_is_signed_in_one_minute_by_one_officer():
    truth, first, year = planted("batch_close")
    signed = [a for a in first if a.type == "dossier.signed.v1"]
    while year.waiting:
        made = year.make(heappop(year.waiting)[2])
        assert names(made.truth) == {"batch_close"}
        actions = [decode_action(line) for line in made.actions]
        signed += [a for a in actions if a.type == "dossier.signed.v1"]
    assert len(signed) == 6
    assert len({(a.occurred_at.at, a.actor.id) for a in signed}) == 1
    assert truth.behaviours[0].officer == signed[0].actor.id


def test_what_passes_from_hand_to_hand_does_so_in_the_ledger_too():
    truth, actions, _ = planted("ping_pong")
    returns = 0
    fold = EMPTY_FOLD
    for version, action in enumerate(actions, 1):
        fold, effects = fold_dossier(fold, action, version)
        returns += effects.returned is not None
    assert returns == 3, "A-B-A, B-A-B, A-B-A"
    truth, actions, _ = planted("pass_through")
    idle = truth.behaviours[0].officer
    assert {a.type for a in actions if a.actor.id == idle} == {
        "dossier.custody_accepted.v1",
        "dossier.custody_offered.v1",
    }


def test_times_that_are_planted_are_what_the_catalogue_says():
    _, late, _ = planted("backdating")
    (delivered,), (urged,) = at_of(late, "result_delivered"), at_of(late, "urge_issued")
    (accepted,) = (a for a in late if a.type == "dossier.accepted.v1")
    assert delivered < accepted.data["due_at"] < urged
    truth, washed, year = planted("clock_wash")
    again = year.make(heappop(year.waiting)[2])
    second = [decode_action(line) for line in again.actions]
    assert at_of(washed, "withdrawn")[0] < at_of(second, "submitted")[0]
    assert washed[0].data["applicant_ref"] == second[0].data["applicant_ref"]
    assert again.truth.behaviours[0].other_dossier == truth.dossier
    _, asked, _ = planted("late_first_supplement", "field")
    (accepted,), (wanted,) = at_of(asked, "accepted"), at_of(asked, "supplement_requested")
    (due,) = (a.data["due_at"] for a in asked if a.type == "dossier.accepted.v1")
    days = [
        working_days_between(local_date(accepted), local_date(end), VN) for end in (wanted, due)
    ]
    assert days[0] >= 0.6 * (days[1] - 1), "of 15 working days nine; due is the midnight after"


def test_who_is_planted_is_who_the_catalogue_says():
    truth, actions, _ = planted("nominal_responsible")
    (assigned,) = (a.data["officer"] for a in actions if a.type == "dossier.assigned.v1")
    assert truth.behaviours[0].officer == assigned
    assert not [a for a in actions if a.actor.id == assigned]
    truth, actions, _ = planted("access_without_need")
    assert [a.type for a in actions if a.actor.id == truth.behaviours[0].officer] == [
        "dossier.viewed.v1"
    ]


def test_every_innocent_look_alike_comes_up_and_breaks_nothing(parts: list[Generated]):
    shown = {label.name for truth, _ in dossiers(parts) for label in truth.innocent}
    year = Year(Province(ENTRIES, "ci"), "ci")
    code = next(code for code in CODES if valid_on(code, FIRST_DAY).kind == "normal")
    for number, name in enumerate(DRAWN_LONG, 1):
        made = year.make(Arrival(at_local(FIRST_DAY, 9 * 60), number, innocent=name, code=code))
        assert not made.truth.breaches
        shown |= {label.name for label in made.truth.innocent}
    assert shown == set(INNOCENT)


def test_actions_are_typed_in_order_possible_and_follow_the_state_machine(parts: list[Generated]):
    for line in parts[0].lines:
        action = decode_action(line)
        decode_event(action.type, action.data)
    for truth, actions in dossiers(parts):
        for action in actions:
            decode_event(action.type, action.data)
        times = [action.occurred_at.at for action in actions]
        assert times == sorted(times) or "backdating" in names(truth)
        fold, _ = folded(actions)
        assert not guard_findings(fold.state), truth.dossier
        assert fold.state.outcome == truth.outcome
        assert len(actions) == truth.actions


def test_the_slip_names_the_day_that_the_rule_set_gives(parts: list[Generated]):
    calendar, rules = DEFAULT_RULES.calendar("", "2026-03-02"), DEFAULT_RULES.rulesets["VN-2025"]
    assert calendar is not None
    for _, actions in dossiers(parts):
        for action in actions:
            if action.type == "dossier.accepted.v1":
                days, at = action.data["duration_days"], parse_instant(action.occurred_at.at)
                cutoff, effect = rules.cutoff.value, rules.cutoff_effect.value
                assert action.data["due_at"] == due_on(at, days, calendar, cutoff, effect).at


def test_import_takes_every_action_and_the_store_has_custody_and_duties_as_planted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    home, file = tmp_path / "home", tmp_path / "year.jsonl.gz"
    assert run(["generate", str(file), "--entries", "2000", "--seed", "7"]) == 0
    assert run(["import", str(file), "--home", str(home), "--format", "json"]) == 0
    assert '"cases_refused":0' in capfd.readouterr().out.replace(" ", "")
    assert run(["verify", "--home", str(home)]) == 0
    assert run(["generate", str(file), "--entries", "2000"]) == 3
    with open_ledger(Settings(home)) as ledger, closing(ledger.store()) as store:
        found = compare(store, truth_path(file), DEFAULT_RULES)
    assert found.is_true
    assert sum(duty.both for duty in found.duties)


def test_the_ledger_says_what_is_true_of_a_generated_year(tmp_path: Path):
    """Through the real doors: custody to the minute, the clocks, precision and recall of 1."""
    found = make_and_compare(tmp_path, 2 * ENTRIES, "ci")
    assert (found.custody_differs, found.clocks_differ, found.sums_differ) == ((), (), ())
    assert found.backdated < found.dossiers < found.intervals
    shares = {duty.duty: (duty.precision, duty.recall) for duty in found.duties if duty.planted}
    assert len(shares) > 10
    assert set(shares.values()) == {(1.0, 1.0)}
    assert found.is_true


def test_a_comparison_finds_what_differs(tmp_path: Path):
    """The same year against a truth in which one thing after another is altered."""
    make_and_compare(tmp_path, 1_000, "ci")
    file = tmp_path / "year.truth.jsonl"
    head, *lines = file.read_bytes().splitlines()
    first = msgspec.json.decode(lines[0], type=DossierTruth)
    moved = replace(first.custody[0], to_at=first.custody[0].from_at)
    for altered, fields in (
        (replace(first, custody=(moved, *first.custody[1:])), {"custody_differs"}),
        (replace(first, custody=first.custody[1:]), {"custody_differs"}),
        (replace(first, clocks=replace(first.clocks, applicant=-1)), {"clocks_differ"}),
        (replace(first, breaches=(DutyBreach("L23"),)), {"duties"}),
        (replace(first, breaches=()), {"duties"} if first.breaches else set()),
    ):
        file.write_bytes(b"\n".join([head, msgspec.json.encode(altered), *lines[1:]]) + b"\n")
        with open_ledger(Settings(tmp_path / "home")) as ledger, closing(ledger.store()) as store:
            found = compare(store, file, DEFAULT_RULES)
        assert found.is_true == (not fields)
        wrong = {name for name in ("custody_differs", "clocks_differ") if getattr(found, name)}
        if any(d.planted != d.both or d.found != d.both for d in found.duties):
            wrong.add("duties")
        assert wrong == fields


@pytest.mark.parametrize("arguments", [["year.txt"], ["y.jsonl", "--entries", "999"]])
def test_what_cannot_be_made_is_refused(arguments: list[str], tmp_path: Path):
    assert run(["generate", str(tmp_path / arguments[0]), *arguments[1:]]) == 3
    assert not list(tmp_path.iterdir())


def test_help_tells_a_stranger_every_behaviour(capsys: pytest.CaptureFixture[str]):
    assert run(["generate", "--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"{name}:" in told for name in (*PLANTS, *INNOCENT))


def test_a_province_has_400_officers_and_40_versions_whose_steps_fit_the_law(registry: Registry):
    province = Province(10**6, "1")
    assert (len(province.communes), len(province.departments)) == (60, 12)
    assert len({officer.id for officer in province.officers}) == 400
    assert (len(VERSIONS), len(CODES)) == (40, 36)
    for item in VERSIONS:
        if item.kind != "instant":
            steps = registry.steps(item.code, FIRST_DAY.isoformat())
            assert budget_excess_hours(steps, item.days) == 0


def test_office_time_goes_to_and_fro():
    for office in OFFICES:
        for worked in range(0, 100 * DAY, 37):
            assert office.worked(office.moment(worked)) == worked
    saturday = at_local(FIRST_DAY, 0) + 4 * 24 * 60
    assert instant(OFFICES[0].after(saturday, 0)) == "2025-07-07T00:00:00.000000Z"


def test_names_of_officers_are_sealed(parts: list[Generated]):
    registered = [
        action
        for action in map(decode_action, parts[0].lines)
        if action.type == "officer.registered.v1"
    ]
    for action in islice(registered, 3):
        sealed = action.data["name"]
        assert "(mô phỏng)" in open_text(subject_key(action.stream), action.stream, "name", sealed)
