"""The commands over a ledger of several logs: the same answers as over one, places named by log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consumers.cli.main import run

DOSSIERS = 30


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """One file, imported into a ledger of one log and into one of three."""
    folder = tmp_path_factory.mktemp("several")
    lines = ["case_id,activity,time:timestamp,org:resource"]
    for step in range(4):
        lines += [
            f"D{dossier},step {step},2026-03-0{step + 1}T08:{dossier:02d}:00Z,o{dossier % 5 + step}"
            for dossier in range(DOSSIERS)
        ]
    file = folder / "events.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = {}
    for logs in (1, 3):
        home = made[logs] = folder / f"home-{logs}"
        assert run(["log", "create", "--home", str(home), "--logs", str(logs)]) == 0
        assert run(["import", str(file), "--home", str(home)]) == 0
    return made


def answer(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> dict:
    capsys.readouterr()
    assert run([*words, "--home", str(home), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_digests_and_figures_are_those_of_one_log(
    homes: dict[int, Path], capsys: pytest.CaptureFixture[str]
):
    one, three = (answer(capsys, home, "rebuild") for home in homes.values())
    assert one["digests"] == three["digests"]
    assert (one["entries"], three["entries"]) == (4 * DOSSIERS + 1, 4 * DOSSIERS + 3)
    for words in (["officers"], ["handovers"], ["dossiers"]):
        one, three = (answer(capsys, home, *words) for home in homes.values())
        assert one["rows"] == three["rows"]
    one, three = (answer(capsys, home, "dossier", "show", "D7") for home in homes.values())
    assert (one["state"], one["intervals"]) == (three["state"], three["intervals"])


def test_an_answer_names_how_much_of_each_log_it_stands_on(
    homes: dict[int, Path], capsys: pytest.CaptureFixture[str]
):
    found = answer(capsys, homes[3], "officers")
    assert [log["origin"].rpartition("/")[2] for log in found["logs"]] == ["0", "1", "2"]
    assert found["log_size"] == sum(log["size"] for log in found["logs"])
    assert all(len(log["head"]) == 64 for log in found["logs"])
    assert "logs" not in answer(capsys, homes[1], "officers")


def test_an_index_names_its_log(homes: dict[int, Path], capsys: pytest.CaptureFixture[str]):
    first = answer(capsys, homes[3], "events", "index:1/2")["rows"]
    assert [(row["log"], row["index"]) for row in first] == [(1, 2)]
    every = answer(capsys, homes[3], "events", "index:2")["rows"]
    assert sorted((row["log"], row["index"]) for row in every) == [(0, 2), (1, 2), (2, 2)]
    past = answer(capsys, homes[3], "officers", "--at-index", "1/2")
    sizes = {log["origin"].rpartition("/")[2]: log["size"] for log in past["logs"]}
    assert sizes["1"] == 3
    assert run(["officers", "--at-index", "2", "--home", str(homes[3])]) == 3
    assert "name the log, e.g. --at-index 0/2" in capsys.readouterr().err


def test_the_projections_are_followed_to_the_end_of_every_log(
    homes: dict[int, Path], capsys: pytest.CaptureFixture[str]
):
    rows = answer(capsys, homes[3], "project")["rows"]
    assert [row["lag_entries"] for row in rows] == [0, 0, 0]
    assert sum(row["position"] for row in rows) == 4 * DOSSIERS + 3
