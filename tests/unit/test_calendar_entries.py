"""Due dates count by the calendars that entries made valid (E65), whichever log they lie in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.bootstrap import OpenLedger, Settings, open_ledger
from consumers.cli.dossier_checks import DossierChecks
from consumers.creation import create_ledger
from ledger.app.router import LedgerRouter
from ledger.app.submission import RefusedError
from ledger.core.action import Action, Actor, OccurredAt
from ledger.core.ids import log_number, uuid7_text
from ledger.domain.calendars import calendar_stream
from projections.queries.dossiers import get_dossier
from projections.queries.registry import registry_as_of

LOGS = 3
OFF = ["2026-03-03", "2026-03-04", "2026-12-31"]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenLedger]:
    with create_ledger(Settings(tmp_path), "audit", logs=LOGS) as made:
        yield made


def action(number: int, name: str, stream: str, day: str, **data: Any) -> Action:
    return Action(
        id=uuid7_text(1_700_000_000_000 + number, bytes(10)),
        type=f"{name}.v1",
        stream=stream,
        occurred_at=OccurredAt(f"{day}T02:00:00.000000Z", "second"),
        actor=Actor(kind="officer", id="lan", unit="one-stop"),
        data=data,
    )


def published(number: int, version: str, day: str, **data: Any) -> Action:
    stream = calendar_stream(version)
    return action(number, "calendar.published", stream, day, version=version, **data)


def accepted(number: int, day: str = "2026-03-02", **data: Any) -> Action:
    stream = f"dossier:d-{number}"
    return action(number, "dossier.accepted", stream, day, duration_days=1, **data)


def due(router: LedgerRouter, action: Action) -> tuple[str, str]:
    """The calendar and the due date of the dossier that the action is of."""
    router.record(action)
    dossier = router.dossier(action.stream)
    assert dossier is not None
    return dossier.state.calendar, dossier.state.due_at


def test_what_is_published_in_any_log_counts_from_the_day_it_is_valid(opened: OpenLedger) -> None:
    router = opened.application()
    shipped = ("VN-2026.1", "2026-03-03T17:00:00.000000Z")
    assert due(router, accepted(1)) == shipped
    router.record(published(2, "VN-2026.2", "2026-02-01", holidays=OFF))
    router.record(
        published(3, "VN-2026.3", "2026-02-01", holidays=["2026-01-01"], valid_from_on="2026-03-09")
    )
    ours = ("VN-2026.2", "2026-03-05T17:00:00.000000Z")
    for number in range(10, 10 + 3 * LOGS):
        assert due(router, accepted(number)) == ours
    assert {log_number(f"dossier:d-{n}", LOGS) for n in range(10, 10 + 3 * LOGS)} == {0, 1, 2}
    assert due(router, accepted(30, "2026-01-05"))[0] == "VN-2026.1", "as valid then"
    assert due(router, accepted(31, "2026-03-09"))[0] == "VN-2026.3"
    assert due(router, accepted(32, calendar="VN-2026.1")) == shipped
    assert due(router, accepted(33, calendar="VN-2026.9")) == ("VN-2026.9", ""), "not known"
    router.close()


async def test_the_asynchronous_door_and_a_pause_count_by_the_pinned_calendar(
    opened: OpenLedger,
) -> None:
    router = opened.application()
    await router.append(published(1, "office-7-1", "2026-01-01", holidays=OFF))
    begun = accepted(2, calendar="office-7-1")
    await router.append(begun)
    for step in (
        action(3, "dossier.supplement_requested", begun.stream, "2026-03-02"),
        action(4, "dossier.supplement_received", begun.stream, "2026-03-05"),
    ):
        await router.append(step)
    dossier = router.dossier(begun.stream)
    assert dossier is not None
    # Only the 5th is worked of the days in between: one working day later than the 5th.
    assert dossier.state.due_at == "2026-03-06T17:00:00.000000Z"
    router.close()


def test_what_another_process_published_counts_too_and_is_computed_again_alike(
    opened: OpenLedger,
) -> None:
    router = opened.application()
    assert due(router, accepted(1))[0] == "VN-2026.1"
    with open_ledger(opened.settings) as another:
        other = another.application()
        other.record(published(2, "VN-2026.2", "2026-02-01", holidays=OFF))
        other.close()
    assert due(router, accepted(3))[0] == "VN-2026.2"
    store = opened.store()
    registry = registry_as_of(store)
    for dossier in ("d-1", "d-3"):
        view = get_dossier(store, dossier)
        assert view is not None
        checks = DossierChecks(view, "2026-03-03T03:00:00.000000Z", registry)
        assert checks.findings == ()
        assert checks.statutory is not None
        assert checks.statutory.allotted == 1
    store.close()
    router.close()


def test_a_version_that_does_not_name_its_stream_is_refused(opened: OpenLedger) -> None:
    router = opened.application()
    wrong = action(1, "calendar.published", "calendar:VN", "2026-01-01", version="2026.2")
    with pytest.raises(RefusedError) as caught:
        router.record(wrong)
    assert (caught.value.code, caught.value.field, caught.value.value) == (
        "action.malformed",
        "data.version",
        "2026.2",
    )
    assert "VN-" in str(caught.value)
    router.close()
