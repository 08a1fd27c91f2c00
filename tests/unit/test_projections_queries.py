"""Queries and the officer report: as-of, late, search, lanes; every number with its entries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from projections.folds.dossier import is_late
from projections.queries.as_of import AsOf
from projections.queries.custody import custody_lanes
from projections.queries.dossiers import DossierFilter, get_dossier, list_dossiers
from projections.queries.find import Found, find
from projections.queries.handovers import HandoverRow, list_handovers, list_returns
from projections.queries.officers import ActivityRow, OfficerRow, list_activity, list_officers
from projections.reports.officer import NOTE, control_sum, officer_report, report_rows
from projections.runtime.runner import project
from projections.store.sqlite import ReadStore
from tests.unit.projections_logs import Log, at, handed_over, imported

DUE, END = at(50), at(60)
CASE = (
    ("deadline", "date", "2026-03-02T08:50:00+07:00"),
    ("enddate", "date", "2026-03-02T09:00:00+07:00"),
)


@pytest.fixture
def log() -> Log:
    made = Log()
    made.append(*handed_over("A"))
    made.append(imported("Hồ sơ 7", "Nguyễn", 0, CASE), imported("Hồ sơ 7", "b", 20))
    made.append(imported("Hồ sơ 7", "Nguyễn", 55), imported("open", "b", 1, CASE[:1]))
    return made


@pytest.fixture
def store(tmp_path: Path, log: Log) -> Iterator[ReadStore]:
    opened = ReadStore.open(tmp_path / "read.sqlite")
    project([log], opened, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True)
    yield opened
    opened.close()


def status_at(store: ReadStore, as_of: AsOf) -> tuple[str, int]:
    view = get_dossier(store, "A", as_of)
    return ("", 0) if view is None else (view.state.status, view.state.version)


def test_as_of_on_each_axis_is_the_prefix_folded_from_zero(store: ReadStore):
    assert status_at(store, AsOf("index", index=0)) == ("", 0)
    assert status_at(store, AsOf("index", index=1)) == ("accepted", 1)
    assert status_at(store, AsOf("occurred", at(70))) == ("processing", 5)
    assert status_at(store, AsOf("occurred", at(69))) == ("accepted", 4)
    recorded = store.rows("SELECT recorded_at FROM timeline WHERE idx = 1")[0][0]
    assert status_at(store, AsOf("recorded", recorded)) == ("delivered", 6)
    assert status_at(store, AsOf("recorded", at(0))) == ("", 0)


def test_imported_times_are_not_known_before_they_come(store: ReadStore):
    def times(moment: str) -> tuple[str, str]:
        view = get_dossier(store, "Hồ sơ 7", AsOf("occurred", moment))
        assert view is not None
        return view.state.due_at, view.state.ended_at

    assert times(at(49)) == ("", "")
    assert times(DUE) == (DUE, "")
    assert times(END) == (DUE, END)
    listed = list_dossiers(store, at=at(30), as_of=AsOf("occurred", at(30)))
    assert [(state.dossier_id, state.due_at) for state in listed] == [
        ("A", ""),
        ("Hồ sơ 7", ""),
        ("open", ""),
    ]


def test_late_is_ended_after_the_due_date_or_overdue_at_the_moment(store: ReadStore):
    def late(moment: str) -> list[str]:
        return [state.dossier_id for state in list_dossiers(store, at=moment, late=True)]

    assert late(at(40)) == ["Hồ sơ 7"]
    assert late(at(51)) == ["Hồ sơ 7", "open"]
    assert not is_late(list_dossiers(store, at="")[0], at(999))  # without due date never late


def test_dossiers_are_chosen_by_their_state(store: ReadStore):
    def chosen(**wanted: str | bool) -> list[str]:
        found = list_dossiers(store, at="", chosen=DossierFilter(**wanted))  # type: ignore[arg-type]
        return [state.dossier_id for state in found]

    assert chosen() == ["A", "Hồ sơ 7", "open"]
    assert chosen(ended=False) == ["open"]
    assert chosen(text="ho SO") == ["Hồ sơ 7"]
    assert chosen(holder="minh", unit="land", status="delivered") == ["A"]
    assert chosen(procedure="n.000000") == []


def test_lanes_add_up_to_the_lifetime(store: ReadStore):
    lanes = custody_lanes(store, "A")
    assert lanes is not None
    assert (lanes.from_at, lanes.to_at) == (at(0), at(100))
    minutes = {(lane.kind, lane.officer): lane.microseconds // 60_000_000 for lane in lanes.lanes}
    assert minutes == {("held", "lan"): 20, ("in_transit", ""): 50, ("held", "minh"): 30}
    assert sum(lane.microseconds for lane in lanes.lanes) == lanes.microseconds
    assert custody_lanes(store, "nobody's") is None


def test_officers_and_hand_overs(store: ReadStore):
    assert list_officers(store) == [
        OfficerRow("Nguyễn", 2, 1),
        OfficerRow("b", 2, 2),
        OfficerRow("lan", 3, 1),
        OfficerRow("minh", 3, 1),
    ]
    assert ActivityRow("lan", "dossier.custody_offered.v1", 2) in list_activity(store)
    assert list_activity(store, "b") == [ActivityRow("b", "dossier.action_imported.v1", 2)]
    assert list_handovers(store) == [
        HandoverRow("lan", "minh", 2),
        HandoverRow("Nguyễn", "b", 1),
        HandoverRow("b", "Nguyễn", 1),
        HandoverRow("minh", "lan", 1),
    ]
    assert [(row.dossier, row.version, row.officer) for row in list_returns(store)] == [
        ("A", 4, "lan"),
        ("A", 5, "minh"),
        ("Hồ sơ 7", 3, "Nguyễn"),
    ]


def test_everything_is_found_by_what_one_has_in_hand(store: ReadStore, log: Log):
    leaf = store.rows("SELECT leaf FROM timeline WHERE idx = 3")[0][0]
    third = Found("entry", "dossier:A#3", 3, 0)
    assert find(store, "3") == [third]
    assert find(store, leaf[:9].upper()) == [third]
    assert find(store, leaf) == [third]
    assert find(store, "A")[0] == Found("dossier", "A")
    assert find(store, "ho so 7") == [Found("dossier", "Hồ sơ 7")]
    assert find(store, "nguyen") == [Found("officer", "Nguyễn")]
    assert find(store, "") == []
    assert find(store, "9" * 40) == []
    assert find(store, "²") == []


def test_the_report_links_every_number_and_adds_up(store: ReadStore):
    report = officer_report(store, "minh")
    assert report is not None
    assert report.note == NOTE
    assert [entry.index for entry in report.entries] == [3, 5, 6]
    assert report.heads == {"office/0": store.head()}
    assert report.dossiers == ("dossier:A",)
    assert [(link.other, link.version, link.index) for link in report.received] == [
        ("lan", 3, 3),
        ("lan", 5, 5),
    ]
    assert [(link.other, link.index) for link in report.given] == [("lan", 4)]
    assert [(held.from_at, held.to_at, held.inferred) for held in report.held] == [
        (at(70), at(100), False)
    ]
    assert report.adds_up
    assert report.control_sum == control_sum(report.entries)
    leaves = dict(store.rows("SELECT idx, leaf FROM timeline"))
    for link in (*report.entries, *report.given, *report.received):
        assert leaves[link.index] == link.leaf
    rows = list(report_rows(report))
    assert [row["section"] for row in rows] == ["entry"] * 3 + ["given"] + ["received"] * 2 + [
        "held"
    ]


def test_the_report_keeps_to_its_period(store: ReadStore):
    report = officer_report(store, "minh", at(70), at(70))
    assert report is not None
    assert [entry.index for entry in report.entries] == [5]
    assert [link.index for link in report.received] == [5]
    assert report.given == ()
    assert len(report.held) == 1
    assert officer_report(store, "minh", at(71), at(80)) is None
    assert officer_report(store, "nobody") is None
    assert officer_report(store, "MINH") is None


def test_the_report_says_nothing_of_rates_ranks_or_lateness(store: ReadStore):
    report = officer_report(store, "minh")
    assert report is not None
    assert not {"rate", "rank", "late", "score", "average"} & set(report.__struct_fields__)
