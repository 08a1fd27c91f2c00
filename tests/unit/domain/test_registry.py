"""The registry (E60 to E66): every question is answered as valid then, from entries."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.core.action import Action, Actor, OccurredAt, stream_id
from ledger.domain.calendars import VN, data_hash
from ledger.domain.deadlines import Calendar
from ledger.domain.events import decode_event
from ledger.domain.registry import Registry, budget_excess_hours, build_registry
from tests.unit.domain.actions import act, action_id


def say(number: int, name: str, who: str, day: str, /, **data: Any) -> Action:
    """A registry entry that occurred at 09:00 local time of `day`."""
    decode_event(f"{name}.v1", data)
    stream = stream_id(name.partition(".")[0], who)
    at = OccurredAt(f"{day}T02:00:00.000000Z", "second")
    return Action(action_id(number), f"{name}.v1", stream, at, Actor("system", "hr"), data)


def registry(*actions: Action) -> Registry:
    return build_registry(actions)


def test_a_post_holds_from_its_day_until_the_next() -> None:
    known = registry(
        say(1, "officer.registered", "minh", "2026-01-05", unit="one-stop", post="clerk"),
        say(2, "officer.moved", "minh", "2026-02-20", unit="land", valid_from_on="2026-03-01"),
        say(3, "officer.moved", "minh", "2026-03-09", unit="records", valid_from_on="2026-02-01"),
    )
    found = {
        day: post.unit if (post := known.post("minh", day)) else None
        for day in ("2026-01-04", "2026-01-05", "2026-01-31", "2026-02-01", "2026-03-01")
    }
    assert list(found.values()) == [None, "one-stop", "one-stop", "records", "land"]
    post = known.post("minh", "2026-03-02")
    assert post is not None
    assert (post.entry, post.from_on) == (action_id(2), "2026-03-01")
    assert known.knows_officer("minh")
    assert not known.knows_officer("thu")
    assert known.post("thu", "2026-03-01") is None


def test_what_is_recorded_later_for_the_same_day_holds() -> None:
    first = say(1, "officer.registered", "minh", "2026-01-05", unit="one-stop")
    second = say(2, "officer.moved", "minh", "2026-01-05", unit="land")
    post = registry(first, second).post("minh", "2026-01-05")
    assert post is not None
    assert post.unit == "land"
    earlier = registry(first).post("minh", "2026-01-05")
    assert earlier is not None
    assert earlier.unit == "one-stop"


def test_an_absence_includes_both_its_days() -> None:
    known = registry(
        say(
            1,
            "officer.absence_registered",
            "minh",
            "2026-02-25",
            from_on="2026-03-02",
            to_on="2026-03-06",
        )
    )
    days = ("2026-03-01", "2026-03-02", "2026-03-06", "2026-03-07")
    assert [known.absence("minh", day) for day in days] == ["", action_id(1), action_id(1), ""]


def test_a_delegation_holds_until_its_end_or_its_revocation() -> None:
    given = {"on_behalf_of": "hoa", "capacity": "KT", "from_on": "2026-03-01"}
    known = registry(
        say(1, "officer.delegation_granted", "an", "2026-02-25", delegation_id="d1", **given),
        say(
            2,
            "officer.delegation_granted",
            "an",
            "2026-02-25",
            delegation_id="d2",
            **given,
            to_on="2026-03-31",
        ),
        say(
            3,
            "officer.delegation_revoked",
            "an",
            "2026-03-10",
            delegation_id="d1",
            from_on="2026-03-15",
        ),
    )
    days = ("2026-02-28", "2026-03-01", "2026-03-14", "2026-03-31", "2026-04-01")
    held = [[item.delegation_id for item in known.delegations("an", day)] for day in days]
    assert held == [[], ["d1", "d2"], ["d1", "d2"], ["d2"], []]
    [first, _] = known.delegations("an", "2026-03-01")
    assert (first.on_behalf_of, first.capacity, first.entry) == ("hoa", "KT", action_id(1))


def test_a_unit_keeps_its_old_name_for_its_old_days_and_its_tasks_go_on() -> None:
    """A merger never rewrites history: who was responsible then is answered for then."""
    known = registry(
        say(1, "unit.created", "a", "2020-01-01", name="Huyện A", level="commune"),
        say(2, "unit.renamed", "a", "2024-01-01", name="Thị xã A"),
        say(3, "unit.merged", "a", "2025-06-20", into="b", valid_from_on="2025-07-01"),
        say(4, "unit.created", "b", "2025-06-20", name="Xã B", valid_from_on="2025-07-01"),
        say(5, "unit.succeeded", "b", "2026-01-01", successor="c"),
    )
    names = {}
    for day in ("2019-12-31", "2023-12-31", "2024-01-01", "2025-07-01", "2026-02-01"):
        unit = known.unit("a", day)
        names[day] = (unit.name, unit.successor) if unit else None
    assert names == {
        "2019-12-31": None,
        "2023-12-31": ("Huyện A", ""),
        "2024-01-01": ("Thị xã A", ""),
        "2025-07-01": ("Thị xã A", "b"),
        "2026-02-01": ("Thị xã A", "c"),
    }
    assert known.responsible("a", "2025-06-30") == "a"
    assert known.responsible("unheard-of", "2026-01-01") == "unheard-of"


def test_a_circle_of_mergers_ends() -> None:
    known = registry(
        say(1, "unit.created", "a", "2020-01-01", name="A"),
        say(2, "unit.merged", "a", "2021-01-01", into="b"),
        say(3, "unit.merged", "b", "2021-01-01", into="a"),
    )
    assert known.responsible("a", "2022-01-01") in {"a", "b"}


def test_a_procedure_has_the_version_in_force() -> None:
    known = registry(
        say(
            1,
            "procedure.version_published",
            "1.004227",
            "2025-01-01",
            version=1,
            name="P",
            duration_days=20,
        ),
        say(
            2,
            "procedure.version_published",
            "1.004227",
            "2026-01-10",
            version=2,
            name="P",
            duration_days=10,
            components=["deed"],
            valid_from_on="2026-02-01",
        ),
        say(3, "procedure.version_retired", "1.004227", "2026-03-01", version=2),
    )
    versions = []
    for day in ("2024-12-31", "2026-01-31", "2026-02-01", "2026-03-01"):
        found = known.procedure("1.004227", day)
        versions.append(found.version if found else None)
    assert versions == [None, 1, 2, 1]
    named = known.procedure_version("1.004227", 2)
    assert named is not None
    assert (named.duration_days, named.components, named.entry) == (10, ("deed",), action_id(2))
    assert known.procedure_version("1.004227", 3) is None


def test_steps_and_their_budgets_are_those_of_the_day() -> None:
    """D15: the budgets of a version must not exceed the statutory time."""
    old = [{"step": "intake", "budget_hours": 8}, {"step": "appraisal", "budget_hours": 88}]
    new = [{"step": "intake", "unit": "one-stop", "role": "desk", "budget_hours": 4}]
    name = "procedure.internal_process_version_published"
    known = registry(
        say(1, name, "1.004227", "2025-01-01", version=1, steps=old),
        say(2, name, "1.004227", "2026-01-10", version=2, steps=new, valid_from_on="2026-02-01"),
    )
    step = known.step("1.004227", "intake", "2026-02-01")
    assert step is not None
    assert (step.budget_hours, step.unit, step.entry) == (4, "one-stop", action_id(2))
    assert known.step("1.004227", "appraisal", "2026-02-01") is None
    assert known.steps("1.004227", "2024-01-01") == ()
    before = known.steps("1.004227", "2026-01-31")
    assert budget_excess_hours(before, 10) == 16
    assert budget_excess_hours(before, 12) == 0


def test_a_power_is_that_of_the_matrix_in_force() -> None:
    rule = {"procedure": "1.004227", "unit": "land", "post": "head", "may": "sign"}
    known = registry(
        say(1, "authority.matrix_published", "H29", "2026-01-01", version=1, rules=[rule]),
        say(2, "authority.matrix_published", "H29", "2026-03-01", version=2, rules=[]),
        say(3, "authority.matrix_published", "H30", "2026-01-01", version=1, rules=[]),
    )

    def may(power: str, day: str) -> bool | None:
        return known.may("1.004227", "land", "head", power, day)

    assert may("sign", "2026-02-01") is True
    assert may("refuse", "2026-02-01") is False
    assert may("sign", "2026-03-01") is False
    assert may("sign", "2025-12-31") is None


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("05T00", "05T03", [1]),
        ("05T05", "05T06", []),
        ("09T00", "09T01", [2]),
        ("05T01", "30T00", [1, 2]),
    ],
)
def test_outages_that_overlap_a_time(start: str, end: str, found: list[int]) -> None:
    at = "2026-03-{}:00:00.000000Z".format
    known = registry(
        say(
            1,
            "system.outage_declared",
            "portal",
            "2026-03-05",
            systems=["portal"],
            from_at=at("05T02"),
            to_at=at("05T05"),
        ),
        say(
            2,
            "system.outage_declared",
            "portal",
            "2026-03-08",
            systems=["portal"],
            from_at=at("08T02"),
        ),
    )
    assert [o.entry for o in known.outages(at(start), at(end))] == [action_id(n) for n in found]


def test_a_calendar_that_lists_its_days_can_be_used() -> None:
    """E65: by version, whatever day it is published or begins."""
    data = {"version": "H29-1", "holidays": ["2026-01-01", "2027-01-01"]}
    known = registry(
        say(
            1,
            "calendar.published",
            "H29",
            "2026-01-01",
            **data,
            makeup_days=["2026-01-03"],
            unconfirmed=["2027-01-01"],
        ),
    )
    rules = DEFAULT_RULES.knowing(known.calendars)
    calendar = rules.calendar("H29-1", "1999-01-01")
    assert calendar is not None
    assert (calendar.first_year, calendar.last_year) == (2026, 2027)
    assert calendar.is_working_day(date(2026, 1, 3))
    assert not calendar.is_working_day(date(2026, 1, 1))
    assert calendar.unconfirmed_sorted == (date(2027, 1, 1),)
    assert rules.calendar("", "2026-03-02") is VN, "another stream's is nobody's default"
    assert rules.calendar("H29-2", "2026-03-02") is None


def test_the_default_calendar_is_the_one_valid_on_the_day() -> None:
    """D1: who names no version has the newest of the default calendar that had begun by then."""
    days = {"holidays": ["2026-01-01", "2026-03-05"]}
    known = registry(
        say(1, "calendar.published", "VN", "2026-01-01", version="VN-2026.1"),
        say(2, "calendar.published", "VN", "2026-02-01", version="VN-2026.2", **days),
        say(
            3,
            "calendar.published",
            "VN",
            "2026-02-20",
            version="VN-2026.3",
            valid_from_on="2026-04-01",
            holidays=["2026-01-01"],
        ),
        say(4, "calendar.published", "H29", "2026-02-20", version="VN-2026.4", **days),
    )
    rules = DEFAULT_RULES.knowing(known.calendars)
    found = {}
    for on in ("2025-12-31", "2026-01-31", "2026-02-01", "2026-03-31", "2026-04-01"):
        calendar = rules.calendar("", on)
        assert calendar is not None
        found[on] = calendar.version
    assert list(found.values()) == ["VN-2026.1"] * 2 + ["VN-2026.2"] * 2 + ["VN-2026.3"]
    named = rules.calendar("VN-2026.2", "2026-06-01")
    assert named is not None
    assert not named.is_working_day(date(2026, 3, 5))
    assert rules.calendar("VN-2026.4", "2026-06-01") is None, "published in another's stream"


def test_an_entry_that_lists_no_days_means_the_shipped_data_of_its_hash() -> None:
    def found(**data: Any) -> Calendar | None:
        entry = say(1, "calendar.published", "VN", "2026-01-01", version="VN-2026.1", **data)
        return DEFAULT_RULES.knowing(registry(entry).calendars).calendar("", "2026-03-02")

    assert found() is found(data_hash=data_hash(VN)) is VN
    assert found(data_hash="0" * 64) is None, "other data, not known here: nothing is guessed"


def test_entries_of_dossiers_say_nothing_here() -> None:
    known = registry(act(1, "submitted", "2026-03-02"))
    assert known.outages("", "~") == ()
