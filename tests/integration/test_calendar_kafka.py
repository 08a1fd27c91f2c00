"""Calendars and refused attempts through the application on a broker: both doors, two logs."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest

from consumers.bootstrap import Settings
from consumers.creation import create_ledger
from ledger.app.attempts import ATTEMPT_TYPE
from ledger.app.submission import RefusedError
from ledger.entry.entry import decode_entry
from tests.unit.test_calendar_entries import OFF, accepted, action, due, published

pytestmark = pytest.mark.kafka


def test_due_dates_and_refusals_are_what_they_are_embedded(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    topic = f"calendars-{secrets.token_hex(4)}"
    settings = Settings(tmp_path / "home", f"kafka://{kafka_bootstrap}/{topic}")
    with create_ledger(settings, logs=2) as opened:
        router = opened.application()
        assert due(router, accepted(1))[0] == "VN-2026.1"
        asyncio.run(router.append(published(2, "VN-2026.2", "2026-02-01", holidays=OFF)))
        for number in range(3, 9):
            found = due(router, accepted(number))
            assert found == ("VN-2026.2", "2026-03-05T17:00:00.000000Z")
        begun = accepted(9)
        asyncio.run(router.append(begun))
        twice = action(10, "dossier.custody_accepted", begun.stream, "2026-03-03", offer_id="o-1")
        for _ in range(2):
            with pytest.raises(RefusedError):
                asyncio.run(router.append(twice))
            with pytest.raises(RefusedError):
                router.record(twice)
        log = router.of(begun.stream).entry_log
        types = [decode_entry(item).seal.type for item in log.stream_entries(begun.stream)]
        assert types == ["dossier.accepted.v1", "dossier.deadline_set.v1", ATTEMPT_TYPE]
        router.close()
