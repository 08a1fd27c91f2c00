"""`pal states` on the demo's office: what was verified, what changed since, what is shown."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from consumers import replaying
from consumers.cli.main import run
from tests.unit.copied_home import copied, verified


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("office") / "home"
    assert run(["demo", "--home", str(home)]) == 0
    return home


Said = Callable[..., tuple[int, Any]]


@pytest.fixture
def home(office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(office, tmp_path, monkeypatch)


@pytest.fixture
def states(home: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    def said(*options: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = run(["states", "--format", "json", "--home", str(home), *options])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return said


def digest_of_rebuild(home: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert run(["rebuild", "--format", "json", "--home", str(home)]) == 0
    digest: str = json.loads(capsys.readouterr().out)["digests"]["dossier"]
    return digest


def test_nothing_is_folded_that_was_not_verified(
    home: Path, states: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["states", "--home", str(home)]) == 2
    told = capsys.readouterr()
    assert "log.not_checked_in_full" in told.out + told.err
    assert "pal verify" in told.out + told.err
    assert verified(home, capsys)[0] == 0
    code, said = states()
    assert (code, said["verdict"], said["compared"]) == (0, "passed", said["dossiers"])
    assert said["entries"] == said["log_size"] == 657
    assert sum(said["statuses"].values()) == said["dossiers"] == 40
    assert said["digest"] == digest_of_rebuild(home, capsys)
    # The read store has gone on, and nobody verified that.
    assert run(["project", "--record-digest", "--home", str(home)]) == 0
    assert states()[0] == 2
    assert verified(home, capsys)[0] == 0
    assert states()[0] == 0


def test_a_dossier_that_people_are_shown_otherwise_is_named(
    home: Path, states: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verified(home, capsys)[0] == 0
    right = states()[1]
    with closing(sqlite3.connect(home / "read.sqlite")) as store, store:
        edit = "UPDATE dossier SET holder = 'nobody' WHERE dossier = 'H26.31.0007'"
        assert store.execute(edit).rowcount == 1
    code, said = states()
    (finding,) = said["findings"]
    assert (code, said["verdict"], finding["code"]) == (1, "failed", "projection.row_mismatch")
    assert (finding["stream"], finding["actual"]) == ("dossier:H26.31.0007", "holder nobody")
    # What the logs say is told all the same.
    assert {k: said[k] for k in ("digest", "dossiers")} == {
        k: right[k] for k in ("digest", "dossiers")
    }
    assert run(["states", "--home", str(home)]) == 1
    assert "✗ FAILED" in capsys.readouterr().out
    with closing(sqlite3.connect(home / "read.sqlite")) as store, store:
        store.execute("DELETE FROM dossier WHERE dossier = 'H26.31.0007'")
    assert states()[1]["findings"][0]["actual"] == "no such row"
    (home / "read.sqlite").unlink()
    code, said = states()
    assert (code, said["compared"], said["digest"]) == (0, 0, right["digest"])
    assert run(["states", "--home", str(home), "--lang", "vi"]) == 0
    assert "chưa so sánh" in capsys.readouterr().out


def test_as_of_a_moment_it_is_what_was_known_then(
    home: Path, states: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verified(home, capsys)[0] == 0
    entries = 0
    for day in ("2026-03-02", "2026-03-09", "2026-03-20", "2026-12-31"):
        capsys.readouterr()
        words = ["dossiers", "--as-of", day, "--format", "json", "--home", str(home)]
        assert run(words) == 0
        rows = json.loads(capsys.readouterr().out)["rows"]
        code, said = states("--as-of", day)
        assert (code, said["compared"]) == (0, 0)
        assert said["dossiers"] == len(rows)
        assert said["statuses"] == {
            status: [row["status"] for row in rows].count(status)
            for status in sorted({row["status"] for row in rows})
        }
        assert said["entries"] >= entries
        entries = said["entries"]
    assert entries == 657


@pytest.mark.parametrize("place", [0, 300, 655, 656])
def test_a_log_that_changed_since_is_refused(
    place: int, home: Path, states: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verified(home, capsys)[0] == 0
    with closing(sqlite3.connect(home / "log.sqlite")) as log, log:
        (data,) = log.execute("SELECT data FROM entry WHERE idx = ?", (place,)).fetchone()
        at = data.rindex(b'"occurred_at":{"at":"20') + 25
        altered = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        log.execute("UPDATE entry SET data = ? WHERE idx = ?", (altered, place))
    capsys.readouterr()
    code = run(["states", "--home", str(home)])
    told = capsys.readouterr()
    assert code == 1
    # Genesis and last row are looked at when the file is opened.
    expected = {0: "trust.genesis_mismatch", 656: "store.head_mismatch"}.get(place, "log.truncated")
    assert f"✗ FAILED  {expected}" in told.out + told.err


def test_processes_of_their_own_give_the_same(
    home: Path, states: Said, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verified(home, capsys)[0] == 0
    here = states()
    monkeypatch.setattr(replaying, "FEW_ENTRIES_MAX", 0)
    assert states() == here


def test_a_process_that_ends_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verified(home, capsys)[0] == 0
    monkeypatch.setattr(replaying, "FEW_ENTRIES_MAX", 0)
    asking = replaying._asking

    def killed(process: Any) -> Any:
        process._process.kill()
        return asking(process)

    monkeypatch.setattr(replaying, "_asking", killed)
    assert run(["states", "--home", str(home)]) == 5
    assert "demo/0" in capsys.readouterr().err
