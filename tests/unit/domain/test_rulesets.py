"""Rule sets VN-2018, VN-2021, VN-2025 as data; what a dossier pinned to one gets (D2 to D16)."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, get_type_hints

import pytest
from msgspec.structs import replace

from ledger.adapters.rule_files import DEFAULT_RULES, shipped_rulesets
from ledger.core.findings import Verdict
from ledger.domain.calendars import published_calendar
from ledger.domain.clock import silences
from ledger.domain.clocks import StatutoryDays, statutory_days
from ledger.domain.deadlines import due_day
from ledger.domain.dossier import DossierState, Possible, decide, evolve
from ledger.domain.due_check import due_findings, recomputed
from ledger.domain.rules import Rules
from ledger.domain.rulesets import Rule, Ruleset, RulesetError, decode_ruleset
from tests.unit.domain.actions import act, action_id, record, recorded

SETS = shipped_rulesets()
TEXT = files("ledger.domain").joinpath("rulesets", "VN-2018.toml").read_text(encoding="utf-8")
AFTERNOON = "2026-03-02T09:00:00.000000Z"
"""16:00 local, after the cut-off."""


def accepted(**data: Any) -> DossierState:
    return recorded([act(1, "accepted", "2026-03-02", {"duration_days": 3, **data})])


def with_parameters(name: str, **values: Any) -> Rules:
    changed = {key: replace(getattr(SETS[name], key), value=value) for key, value in values.items()}
    return replace(DEFAULT_RULES, rulesets={name: replace(SETS[name], **changed)})


def test_three_are_shipped_and_each_parameter_says_its_basis() -> None:
    assert sorted(SETS) == ["VN-2018", "VN-2021", "VN-2025"]
    for ruleset in SETS.values():
        rules = [v for n in Ruleset.__struct_fields__ if isinstance(v := getattr(ruleset, n), Rule)]
        assert len(rules) == len(get_type_hints(Ruleset)) - 3
        assert all(rule.legal_basis and rule.certainty for rule in rules)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2018-06-20", None),
        ("2018-06-21", "VN-2018"),
        ("2021-12-05", "VN-2018"),
        ("2021-12-06", "VN-2021"),
        ("2025-06-30", "VN-2021"),
        ("2025-07-01", "VN-2025"),
    ],
)
def test_each_is_in_force_from_its_day(day: str, name: str | None) -> None:
    found = DEFAULT_RULES.ruleset_on(day)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('value = "15:00"', 'value = "25:00"', "cutoff"),
        ("value = 3", "value = -3", "guide_days"),
        ('value = "restart"', 'value = "stop"', "supplement_clock"),
        ("[guide_days]", "[guiding_days]", "guiding_days"),
        ('["07:00", "11:30"]', '["11:30", "07:00"]', "office hours"),
        ('"2018-06-21"', '"2018-06-31"', "day is out of range"),
        ("name =", "name", "TOML|Expected '='"),
    ],
)
def test_a_file_that_is_no_rule_set_says_what_is_wrong(old: str, new: str, named: str) -> None:
    with pytest.raises(RulesetError, match=named):
        decode_ruleset(TEXT.replace(old, new, 1))


def test_a_parameter_without_a_legal_basis_is_refused() -> None:
    with pytest.raises(RulesetError, match="legal_basis"):
        decode_ruleset(TEXT.replace("legal_basis =", "# legal_basis =", 1))


def test_an_unknown_rule_set_sets_nothing_and_guesses_nothing() -> None:
    state = accepted(ruleset="VN-1999")
    assert (state.due_at, state.ruleset, state.version) == ("", "VN-1999", 1)


def test_a_date_given_by_hand_under_an_unknown_rule_set_stands_through_a_pause() -> None:
    given = "2026-03-20T17:00:00.000000Z"
    story = [
        act(2, "supplement_requested", "2026-03-03"),
        act(3, "supplement_received", "2026-03-09"),
    ]
    state = recorded(story, accepted(ruleset="VN-1999", due_at=given))
    assert (state.due_at, state.pauses) == (given, ())


def test_the_due_date_names_its_rule_set_and_function() -> None:
    action = act(1, "accepted", "2026-03-02", {"duration_days": 3, "ruleset": "VN-2025"})
    decision = decide(DossierState(), action, DEFAULT_RULES)
    assert isinstance(decision, Possible)
    [item] = decision.derived
    assert (item.data["function_version"], item.data["ruleset"]) == ("due/2", "VN-2025")
    plain = act(1, "accepted", "2026-03-02", {"duration_days": 3})
    other = decide(DossierState(), plain, DEFAULT_RULES)
    assert isinstance(other, Possible)
    assert other.derived[0].data["due_at"] == item.data["due_at"]
    assert other.derived[0].data["inputs_hash"] != item.data["inputs_hash"]


@pytest.mark.parametrize(("days", "due"), [(0, "2026-03-03"), (3, "2026-03-05")])
def test_a_late_receipt_moves_what_the_rule_set_says(days: int, due: str) -> None:
    """D4: same_day_only; what the acceptance says itself goes before."""
    data = {"duration_days": days, "received_at": AFTERNOON, "ruleset": "VN-2018"}
    assert accepted(**data).due_at[:10] == due
    assert (
        accepted(**data, cutoff_effect="none").due_at[:10]
        != accepted(**data, cutoff_effect="shift_receipt").due_at[:10]
    )


def test_the_end_of_the_day_is_the_rule_set_s() -> None:
    """D2: 24:00, or the office's closing."""
    rules = with_parameters("VN-2025", due_end="office_close")
    data = {"duration_days": 3, "ruleset": "VN-2025"}
    state = recomputed([act(1, "accepted", "2026-03-02", data)], rules)
    assert state.due_at == "2026-03-05T10:00:00.000000Z"
    assert due_day(state.due_at).isoformat() == "2026-03-05"
    assert accepted(ruleset="VN-2025").due_at == "2026-03-05T17:00:00.000000Z"


@pytest.mark.parametrize(("name", "due"), [("VN-2018", "2026-03-12"), ("VN-2025", "2026-03-11")])
def test_a_supplement_without_a_mode_moves_as_the_rule_set_says(name: str, due: str) -> None:
    """D7: counted again under the rules of 2018, moved by the pause under those of 2025."""
    state = recorded(
        [
            act(2, "supplement_requested", "2026-03-03"),
            act(3, "supplement_received", "2026-03-09"),
        ],
        accepted(ruleset=name),
    )
    assert state.due_at[:10] == due
    own = recorded(
        [
            act(2, "supplement_requested", "2026-03-03", {"clock": "pause"}),
            act(3, "supplement_received", "2026-03-09"),
        ],
        accepted(ruleset=name),
    )
    assert own.due_at[:10] == "2026-03-11"


def test_a_payment_may_leave_the_clock_running() -> None:
    """D8 is a parameter too."""
    story = [
        act(1, "accepted", "2026-03-02", {"duration_days": 3, "ruleset": "VN-2025"}),
        act(2, "financial_obligation_issued", "2026-03-03"),
        act(3, "payment_confirmed", "2026-03-06", {"obligation_id": action_id(2)}),
    ]
    runs = recomputed(story, with_parameters("VN-2025", payment_clock="runs"))
    assert (runs.due_at[:10], recorded(story).due_at[:10]) == ("2026-03-05", "2026-03-10")


def test_hours_are_counted_by_the_office_s_intervals() -> None:
    """D3: 8 hours = 1 day; received at 09:00 on Monday, 16 hours end on Wednesday at 09:00."""
    state = recorded(
        [act(1, "accepted", "2026-03-02", {"duration_hours": 16, "ruleset": "VN-2025"})]
    )
    assert state.due_at == "2026-03-04T02:00:00.000000Z"
    assert (state.clock_from_at, state.clock_seconds) == ("2026-03-02T02:00:00.000000Z", 57_600)
    none = recorded([act(1, "accepted", "2026-03-02", {"duration_hours": 16})])
    assert none.due_at == ""


def test_a_pause_in_hours_moves_by_working_time_and_a_restart_counts_again() -> None:
    story = [
        act(1, "accepted", "2026-03-02", {"duration_hours": 16, "ruleset": "VN-2025"}),
        act(2, "supplement_requested", "2026-03-02T08:00:00.000000Z"),
        act(3, "supplement_received", "2026-03-03T03:00:00.000000Z"),
    ]
    # 15:00 to 17:00 and 07:00 to 10:00: five hours
    assert recorded(story).due_at == "2026-03-04T09:00:00.000000Z"
    again = replace(story[1], data={"clock": "restart"})
    assert recorded([story[0], again, story[2]]).due_at == "2026-03-05T03:00:00.000000Z"


def test_a_re_route_moves_nothing() -> None:
    """D14."""
    state = accepted(ruleset="VN-2025")
    moved = record(state, act(2, "rerouted", "2026-03-04", {"from_system": "a", "to_system": "b"}))
    assert (moved.due_at, moved.status) == (state.due_at, state.status)


def test_silence_has_the_question_s_effect_or_the_rule_set_s() -> None:
    """D9: after the day to reply, and not on it."""
    by = {"reply_by_on": "2026-03-06"}
    questions = [
        {"agency": "tax", **by},
        {"agency": "fire", **by, "silence_effect": "blocks"},
        {"agency": "port", **by, "silence_effect": "proceed_with_note"},
        {"agency": "road"},
    ]
    asked = [
        act(number, "consultation_requested", "2026-03-03", data)
        for number, data in enumerate(questions, 2)
    ]
    state = recorded(asked, accepted(ruleset="VN-2025"))
    assert silences(state, "2026-03-06", DEFAULT_RULES) == ()
    assert [item.data for item in silences(state, "2026-03-07", DEFAULT_RULES)] == [
        {"agency": "tax", "silence_effect": "deemed_agreed"},
        {"agency": "port", "silence_effect": "proceed_with_note"},
    ]
    unpinned = recorded(asked, accepted())
    assert [item.data["agency"] for item in silences(unpinned, "2026-03-07", DEFAULT_RULES)] == [
        "port"
    ]


def test_a_silence_takes_effect_with_the_next_action_and_a_late_answer_is_an_answer() -> None:
    """E23 is derived: nobody has to record that nothing came."""
    data = {"agency": "tax", "reply_by_on": "2026-03-06"}
    asked = act(2, "consultation_requested", "2026-03-03", data)
    state = recorded([asked], accepted(ruleset="VN-2025"))
    early = record(state, act(3, "note_added", "2026-03-06", {"text_hash": "0" * 64}))
    assert len(early.open_consultations) == 1
    note = act(3, "note_added", "2026-03-07", {"text_hash": "0" * 64})
    decision = decide(state, note, DEFAULT_RULES)
    assert isinstance(decision, Possible)
    assert [item.type for item in decision.derived] == ["dossier.consultation_lapsed.v1"]
    assert record(state, note).open_consultations == ()
    answer = act(3, "consultation_answered", "2026-03-09", {"agency": "tax", "answer": "agree"})
    assert decide(state, answer, DEFAULT_RULES) == Possible()
    assert decide(state, act(3, "withdrawn", "2026-03-09"), DEFAULT_RULES) == Possible()


def test_the_statutory_clock_stands_still_in_a_pause_and_begins_again_after_a_restart() -> None:
    def left(state: DossierState, day: str) -> StatutoryDays | None:
        calendar = DEFAULT_RULES.calendar("", "2026-03-02")
        assert calendar is not None
        return statutory_days(state, f"2026-03-{day}T02:00:00.000000Z", calendar)

    state = accepted(ruleset="VN-2018")
    assert left(state, "03") == StatutoryDays(3, 2)
    state = record(state, act(2, "supplement_requested", "2026-03-04"))
    assert left(state, "20") == StatutoryDays(3, 1)
    state = record(state, act(3, "supplement_received", "2026-03-09"))
    assert left(state, "09") == StatutoryDays(3, 3)
    late = left(state, "16")
    assert late is not None
    assert (late.left, late.used) == (-2, 5)
    assert left(state, "02") is not None
    assert left(replace(state, due_at="2099-01-01T00:00:00.000000Z"), "02") is None


def derived_story() -> list[Any]:
    state = DossierState()
    story = [
        act(1, "accepted", "2026-03-02", {"duration_days": 3, "ruleset": "VN-2025"}),
        act(2, "supplement_requested", "2026-03-03"),
        act(3, "supplement_received", "2026-03-09"),
    ]
    whole = []
    for action in story:
        decision = decide(state, action, DEFAULT_RULES)
        assert isinstance(decision, Possible)
        system = act(9, "note_added", "2026-03-02", kind="system", who="ledger").actor
        items = [
            replace(action, type=i.type, data=i.data, actor=system, causes=(action.id,))
            for i in decision.derived
        ]
        for item in (action, *items):
            state = evolve(state, item, state.version + 1)
            whole.append(item)
    return whole


def fold(actions: list[Any]) -> DossierState:
    state = DossierState()
    for version, action in enumerate(actions, 1):
        state = evolve(state, action, version)
    return state


def test_a_recorded_due_date_is_computed_again_and_compared() -> None:
    """D16: the entries, the function and the rules give the due date, or a finding."""
    actions = derived_story()
    assert due_findings(actions, fold(actions), DEFAULT_RULES) == ()
    newest = replace(
        actions[-1], data={**actions[-1].data, "due_at": "2026-03-20T17:00:00.000000Z"}
    )
    forged = [*actions[:-1], newest]
    [finding] = due_findings(forged, fold(forged), DEFAULT_RULES)
    assert (finding.code, finding.verdict, finding.version) == (
        "dossier.due_date_differs",
        Verdict.FAILED,
        len(actions),
    )
    assert (finding.expected[:10], finding.actual[:10]) == ("2026-03-11", "2026-03-20")
    none = replace(DEFAULT_RULES, rulesets={})
    [unknown] = due_findings(actions, fold(actions), none)
    assert (unknown.code, unknown.verdict, unknown.version) == (
        "dossier.due_date_unknown",
        Verdict.INDETERMINATE,
        2,
    )
    assert due_findings([act(1, "submitted", "2026-03-02")], DossierState(), DEFAULT_RULES) == ()


def test_a_calendar_published_since_moves_no_due_date_that_was_derived() -> None:
    """The recorded due date names its calendar; what is valid now is another question."""
    actions = derived_story()
    assert fold(actions).calendar == "VN-2026.1"
    off = [f"2026-03-{day:02}" for day in range(2, 14)]
    data = {"version": "VN-2026.2", "holidays": off}
    since = published_calendar(data, "2026-01-01", "later")
    rules = DEFAULT_RULES.knowing([since])
    assert due_findings(actions, fold(actions), rules) == ()
    fresh = recomputed([action for action in actions if not action.causes], rules)
    assert fresh.calendar == "VN-2026.2", "had it been valid then, it would have counted"
    assert fresh.due_at > fold(actions).due_at
    edited = published_calendar({**data, "version": "VN-2026.1"}, "2026-01-01", "edited")
    [finding] = due_findings(actions, fold(actions), DEFAULT_RULES.knowing([edited]))
    assert finding.code == "dossier.due_date_differs", "an old version was edited"


def test_the_same_entries_under_another_rule_set() -> None:
    """T11: a hypothesis is folded beside, nothing recorded moves."""
    actions = derived_story()
    assert recomputed(actions, DEFAULT_RULES).due_at == fold(actions).due_at
    assert recomputed(actions, DEFAULT_RULES, "VN-2018").due_at[:10] == "2026-03-12"
    refused = act(9, "attempt_rejected", "2026-03-05", kind="system", who="ledger")
    assert recomputed([*actions, refused], DEFAULT_RULES) == recomputed(actions, DEFAULT_RULES)
