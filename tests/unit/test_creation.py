"""Several logs made at once: whole, or gone on with where the making was interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.bootstrap import Settings, SettingsError, open_ledger
from consumers.creation import create_ledger
from ledger.adapters.creation import open_plan
from ledger.app.limits import LOGS_MAX
from ledger.entry.entry import decode_entry


def geneses(home: Path) -> list[dict]:
    with open_ledger(Settings(home)) as opened:
        return [decode_entry(reader.read(0, 1)[0].data).action["data"] for reader in opened.readers]


def test_every_log_begins_with_its_place_among_the_logs(tmp_path: Path) -> None:
    with create_ledger(Settings(tmp_path), "audit", logs=3) as opened:
        assert [log.origin for log in opened.logs] == ["audit/0", "audit/1", "audit/2"]
        assert (opened.name, opened.origin) == ("audit", "audit/0-2")
    found = geneses(tmp_path)
    assert [(data["log"], data["logs"]) for data in found] == [(0, 3), (1, 3), (2, 3)]
    assert found[0]["keys"] == found[2]["keys"]
    assert not list(tmp_path.glob("*.creating"))


def test_an_interrupted_creation_goes_on_with_the_same_geneses(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    with create_ledger(settings, "audit", logs=4) as opened:
        first = [reader.read(0, 1)[0].data for reader in opened.readers]
    # As a kill -9 leaves it between the second log and the third: a plan, no trust, two logs.
    with open_plan(settings.plan_path) as plan:
        plan.write(first)
    for path in (settings.trust_path, settings.log_path_of(2), settings.log_path_of(3)):
        path.unlink()
    before = [settings.log_path_of(number).read_bytes() for number in (0, 1)]
    for other in ({"name": "another"}, {"logs": 5}):
        with pytest.raises(SettingsError, match="audit with 4 logs was begun"):
            create_ledger(settings, **other)
    with create_ledger(settings) as opened:
        assert [reader.read(0, 1)[0].data for reader in opened.readers] == first
    assert [settings.log_path_of(number).read_bytes() for number in (0, 1)] == before
    assert not settings.plan_path.exists()
    with pytest.raises(SettingsError, match="already holds a log"):
        create_ledger(settings, "audit", logs=4)
    assert not settings.plan_path.exists()


def test_a_plan_that_was_cut_off_was_never_acted_upon(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    with open_plan(settings.plan_path) as plan:
        plan.write([b'{"seal":1}\n{}'] * 3)
    settings.plan_path.write_bytes(settings.plan_path.read_bytes()[:-5])
    create_ledger(settings, "audit", logs=2).close()
    assert len(geneses(tmp_path)) == 2


@pytest.mark.parametrize("logs", [0, -1, LOGS_MAX + 1])
def test_a_number_of_logs_that_cannot_be_is_refused(tmp_path: Path, logs: int) -> None:
    with pytest.raises(SettingsError, match="1 to 256"):
        create_ledger(Settings(tmp_path), "audit", logs=logs)
    create_ledger(Settings(tmp_path), "audit").close()
