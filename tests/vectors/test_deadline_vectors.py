"""D1 to D7: 322 due dates and 4 suspensions that two other implementations agree on."""

from __future__ import annotations

import json
import os
from datetime import date, datetime
from pathlib import Path

import pytest

from ledger.domain import calendar_vn
from ledger.domain.calendars import VN
from ledger.domain.deadlines import (
    LOCAL,
    CalendarYearError,
    counted_from,
    due_after,
    due_after_pause,
    due_after_restart,
    due_on,
    working_days_between,
)

VECTORS = json.loads((Path(__file__).parent / "deadline_vectors.json").read_text())
DATA = Path(os.environ.get("PAL_TEST_DATA", Path(__file__).parents[2] / "../shared/data"))


def test_every_due_date() -> None:
    assert len(VECTORS["vectors"]) == 322
    for vector in VECTORS["vectors"]:
        received = datetime.fromisoformat(vector["received_local"]).replace(tzinfo=LOCAL)
        cutoff = vector["cutoff"] or ""
        assert counted_from(received, VN, cutoff).isoformat() == vector["counted_from"], vector
        due = due_on(received, vector["working_days"], VN, cutoff)
        assert due.on.isoformat() == vector["due_date"], vector


@pytest.mark.parametrize("vector", VECTORS["suspension_vectors"])
def test_every_suspension(vector: dict[str, object]) -> None:
    def day(key: str) -> date:
        return date.fromisoformat(str(vector[key]))

    days = int(str(vector["working_days"]))
    start, stop, resume = day("received"), day("supplement_requested"), day("supplement_complete")
    assert working_days_between(start, stop, VN) == vector["used_before_request"]
    assert due_after(start, days, VN).on == day("due_ignoring_suspension")
    assert due_after_pause(start, days, stop, resume, VN).on == day("due_pause_mode")
    assert due_after_restart(days, resume, VN).on == day("due_restart_mode")


def test_an_unconfirmed_day_is_named_and_a_year_outside_is_refused() -> None:
    due = due_after(date(2026, 11, 20), 3, VN)
    assert due.unconfirmed == (date(2026, 11, 24),)
    assert due_after(date(2026, 11, 24), 3, VN).unconfirmed == ()
    with pytest.raises(CalendarYearError, match="VN-2026"):
        due_after(date(2027, 12, 20), 30, VN)


def test_due_is_the_end_of_the_local_day() -> None:
    assert due_after(date(2026, 3, 2), 1, VN).at == "2026-03-03T17:00:00.000000Z"


@pytest.mark.skipif(
    not (DATA / "vn_calendar.json").is_file(), reason="vn_calendar.json is not there: PAL_TEST_DATA"
)
def test_our_calendar_is_the_one_it_was_made_from() -> None:
    """D1: the days of VN-2026.1; the two points to confirm are marked, not decided."""
    source = json.loads((DATA / "vn_calendar.json").read_text())
    assert sorted(source["holidays"]) == list(calendar_vn.HOLIDAYS)
    assert sorted(source["makeup_working_days"]) == list(calendar_vn.MAKEUP_WORKING_DAYS)
    assert min(source["holidays"])[:4] == str(VN.first_year)
    assert max(source["holidays"])[:4] == str(VN.last_year)
    assert {"2026-01-02", "2026-01-10", "2026-11-24"} <= set(calendar_vn.UNCONFIRMED_DAYS)
