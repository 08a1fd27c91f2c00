"""Who looked, on a broker: recorded while nobody owns the log; else nothing is shown."""

from __future__ import annotations

import secrets
from contextlib import closing
from pathlib import Path

import pytest

from consumers.bootstrap import Settings, open_ledger
from consumers.creation import create_ledger
from ledger.adapters.kafka_client import LoopThread
from projections.queries.timeline import EventFilter, events
from tests.integration import commands

ROWS = (
    "case_id,activity,resource,timestamp,applicant\n"
    "H1,register,an,2026-03-02T08:00:00+07:00,Hồ Thị Mẫu\n"
)

pytestmark = pytest.mark.kafka


def test_a_reading_is_recorded_in_the_log_that_nobody_owns(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    topic = f"audited-{secrets.token_hex(4)}"
    settings = Settings(tmp_path / "home", f"kafka://{kafka_bootstrap}/{topic}")
    create_ledger(settings, logs=2).close()
    (tmp_path / "small.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "map.toml").write_text('personal = ["applicant"]\n', encoding="utf-8")
    where = ("--home", settings.home, "--log", settings.log)
    mapping = ("--mapping", tmp_path / "map.toml")
    assert commands.pal("import", tmp_path / "small.csv", *mapping, *where).returncode == 0
    look = ("dossier", "events", "H1", "--reveal", "--purpose", "own_task", "--by", "lan")

    thread = LoopThread("writer")
    with open_ledger(settings) as ledger:
        writer = thread.run(ledger.join_writers(lambda _owned: None))
        told = commands.pal(*look, *where, "--format", "json")
        assert (told.returncode, told.stdout) == (5, ""), told.stderr
        assert "log.not_owned" in told.stderr
        thread.run(writer.stop())
        thread.close()

    told = commands.pal(*look, *where, "--format", "json")
    assert told.returncode == 0, told.stderr
    assert "Hồ Thị Mẫu" in told.stdout
    with open_ledger(settings) as ledger, closing(ledger.store()) as store:
        rows = [row for row in events(store, EventFilter()) if row.type == "dossier.viewed.v1"]
    assert [(row.stream, row.actor) for row in rows] == [("dossier:H1", "lan")]
