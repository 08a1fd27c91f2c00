"""`pal project --record-digest` and `pal verify --projections` on the demo's office."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from consumers.cli.main import run
from projections.queries.digest import PROJECTIONS
from tests.unit.copied_home import copied, verified


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("office") / "home"
    assert run(["demo", "--home", str(home)]) == 0
    return home


@pytest.fixture
def home(office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(office, tmp_path, monkeypatch)


def edit(home: Path, sql: str) -> None:
    with closing(sqlite3.connect(home / "read.sqlite")) as store, store:
        assert store.execute(sql).rowcount > 0


def test_an_edited_row_is_found_and_a_rebuild_mends_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["project", "--record-digest", "--home", str(home)]) == 0
    code, seen = verified(home, capsys, "--projections")
    assert (code, seen["verdict"], seen["projections"]["findings"]) == (0, "passed", [])
    assert seen["projections"]["digests"] == len(PROJECTIONS)

    edit(home, "UPDATE dossier SET due_at = '2030-01-01T00:00:00.000000Z' WHERE due_at != ''")
    code, seen = verified(home, capsys, "--projections")
    (finding,) = seen["projections"]["findings"]
    assert (code, seen["verdict"], finding["code"]) == (1, "failed", "projection.row_mismatch")
    assert finding["actual"] == "due_at 2030-01-01T00:00:00.000000Z"
    assert finding["stream"].startswith("dossier:")
    assert run(["verify", "--projections", "--home", str(home)]) == 1
    shown = capsys.readouterr().out
    for words in (
        "✗ FAILED",
        "9 ✗ rows of the read store",
        "8 ✓ digests of projections",
        "digests as of    demo/0 657\n",
        "store as of      demo/0 664\n",
    ):
        assert words in shown, words
    # Without the option nothing is folded: the log itself is right.
    assert run(["verify", "--home", str(home)]) == 0

    (home / "read.sqlite").unlink()
    assert run(["rebuild", "--home", str(home)]) == 0
    assert verified(home, capsys, "--projections")[0] == 0


def test_a_digest_of_an_edited_store_stays_in_the_log_as_evidence(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(home, "UPDATE officer_type SET entries = entries + 5 WHERE officer = 'desk.lam'")
    assert run(["project", "--record-digest", "--home", str(home)]) == 0
    (home / "read.sqlite").unlink()
    assert run(["rebuild", "--home", str(home)]) == 0
    code, seen = verified(home, capsys, "--projections")
    (finding,) = seen["projections"]["findings"]
    assert (code, finding["code"]) == (1, "projection.digest_mismatch")
    assert "officer_type" in finding["message"]


def test_what_was_not_recorded_or_lies_behind_is_indeterminate(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, seen = verified(home, capsys, "--projections")
    found = [finding["code"] for finding in seen["projections"]["findings"]]
    assert (code, seen["verdict"], found) == (2, "indeterminate", ["projection.not_recorded"])
    assert run(["project", "--record-digest", "--home", str(home)]) == 0
    for ending in ("", "-wal", "-shm"):
        (home / f"read.sqlite{ending}").unlink(missing_ok=True)
    code, seen = verified(home, capsys, "--projections")
    found = [finding["code"] for finding in seen["projections"]["findings"]]
    assert (code, found) == (2, ["projection.stale"])


def test_a_broken_log_is_told_once_more_by_the_replay(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(home / "log.sqlite")) as log, log:
        ((data,),) = log.execute("SELECT data FROM entry WHERE idx = 40")
        log.execute("UPDATE entry SET data = ? WHERE idx = 40", (data[:-1] + b" ",))
    code, seen = verified(home, capsys, "--projections")
    assert (code, seen["verdict"]) == (1, "failed")
    (finding,) = seen["projections"]["findings"]
    assert finding["index"] == 40
    assert (seen["projections"]["digests"], seen["projections"]["rows"]) == (0, 0)


def test_a_digest_is_not_recorded_while_following(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["project", "--follow", "--record-digest", "--home", str(home)]) == 3
    assert "timer" in capsys.readouterr().err
