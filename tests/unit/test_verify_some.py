"""Some entries of a log alone, and a published tree without its log, by the command line."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from operator import attrgetter
from pathlib import Path

import pytest

from consumers.bootstrap import Settings
from consumers.cli.main import run
from consumers.cli.verify_against import load_against
from consumers.demo.office import demo_actions
from ledger.adapters.tile_folder import TileFolder
from ledger.adapters.verify_tree import TreeTrust, verify_tree
from ledger.core.action import encode_action
from ledger.core.findings import Verdict
from ledger.core.merkle import leaf_hash
from ledger.entry.verify import Verification

SEALED = 300
"""Entries that the checkpoint of the home covers, and some hundred more."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo office, sealed once, and some entries of another behind that."""
    made = tmp_path_factory.mktemp("some") / "home"
    folder = made.parent
    for number, name in enumerate(("first", "second")):
        file = folder / f"{name}.jsonl"
        actions = sorted(demo_actions(number), key=attrgetter("stream"))
        lines = [encode_action(action) + b"\n" for action in actions]
        file.write_bytes(b"".join(lines))
        assert run(["import", str(file), "--home", str(made)]) == 0
        if name == "first":
            assert run(["seal", "open", "--home", str(made)]) == 0
            assert run(["seal", "run", "--home", str(made)]) == 0
    return made


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    shutil.copytree(home, tmp_path / "home")
    return tmp_path / "home"


def ask(
    capsys: pytest.CaptureFixture[str], home: Path, *words: str
) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = run(["verify", *words, "--home", str(home), "--format", "json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else {}


def codes(value: dict[str, object]) -> set[str]:
    return {finding["code"] for finding in value["findings"]}  # type: ignore[attr-defined]


def size_of(home: Path) -> int:
    with closing(sqlite3.connect(home / "log.sqlite")) as connection:
        (size,) = connection.execute("SELECT size FROM head").fetchone()
    return int(size)


def change(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / "log.sqlite", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_the_whole_log_with_its_checkpoint(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, value = ask(capsys, home)
    assert (code, value["verdict"]) == (0, "passed")
    summary = value["checkpoints"]
    assert isinstance(summary, dict)
    assert 0 < summary["covered"] < size_of(home)
    assert summary["compared"] >= 2
    run(["verify", "--home", str(home)])
    behind = size_of(home) - summary["covered"]
    assert f"{behind} entries behind the newest are held by links" in capsys.readouterr().out


def test_a_range_and_a_stream_under_the_checkpoint(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, value = ask(capsys, home, "--range", "40-99")
    assert (code, value["verdict"], value["entries"], value["links"]) == (0, "passed", 60, 59)
    with closing(sqlite3.connect(home / "log.sqlite")) as connection:
        (followed,) = connection.execute(
            "SELECT count(*) FROM entry WHERE idx BETWEEN 40 AND 99 AND (version = 1 OR EXISTS"
            " (SELECT 1 FROM entry AS b WHERE b.idx BETWEEN 40 AND 99"
            " AND b.stream = entry.stream AND b.version = entry.version - 1))"
        ).fetchone()
        assert value["stream_links"] == followed < 60
        (stream, count) = connection.execute(
            "SELECT stream, count(*) FROM entry WHERE idx < ? AND stream LIKE 'dossier:%'"
            " GROUP BY stream ORDER BY count(*) DESC LIMIT 1",
            (SEALED,),
        ).fetchone()
    code, value = ask(capsys, home, "--stream", stream)
    assert (value["entries"], value["links"], value["stream_links"]) == (count, 0, count)
    assert "not shown" in str(value["part"])
    # Behind the checkpoint nothing ties entries to the log; from the genesis on its own links do.
    last = size_of(home) - 1
    code, value = ask(capsys, home, "--range", f"{last - 5}-{last}")
    assert (code, codes(value)) == (2, {"log.not_anchored"})
    assert ask(capsys, home, "--range", f"0-{last}")[0] == 0
    code, value = ask(capsys, home, "--range", f"0-{last + 3}")
    assert (code, codes(value)) == (2, {"chain.index_missing"})


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--range", "5"), 3),
        (("--range", "9-5"), 3),
        (("--range", "7/1-2"), 3),
        (("--range", "1-2", "--stream", "dossier:a"), 3),
        (("--stream", "H26"), 3),
        (("--stream", "dossier:nobody"), 4),
        (("--range", "900000-900001"), 4),
    ],
)
def test_parts_that_are_none(
    home: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int
) -> None:
    assert ask(capsys, home, *words)[0] == code


def altered_at(index: int) -> str:
    return (
        'UPDATE entry SET data = CAST(replace(CAST(data AS TEXT), \'"kind":"officer"\','
        f' \'"kind":"auditor"\') AS BLOB) WHERE idx = {index}'
    )


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["DELETE FROM entry WHERE idx = 60"], "chain.index_missing"),
        (["DELETE FROM entry WHERE idx >= 90"], "chain.index_missing"),
        (["DELETE FROM entry WHERE idx IN (40, 41)"], "chain.index_missing"),
        (["UPDATE entry SET version = version + 1 WHERE idx = 99"], "store.column_mismatch"),
        (["UPDATE entry SET leaf = zeroblob(32) WHERE idx = 40"], "store.leaf_mismatch"),
    ],
)
def test_what_is_altered_inside_a_range_is_found(
    copy: Path, capsys: pytest.CaptureFixture[str], statements: list[str], expected: str
) -> None:
    change(copy, "DROP INDEX entry_stream", "DROP INDEX entry_action", *statements)
    code, value = ask(capsys, copy, "--range", "40-99")
    assert code == 1
    assert expected in codes(value)


def test_a_last_entry_sealed_anew_is_not_under_the_checkpoint(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(copy / "log.sqlite", isolation_level=None)) as connection:
        (data,) = connection.execute("SELECT data FROM entry WHERE idx = 99").fetchone()
        at = data.index(b'"recorded_at":"') + len(b'"recorded_at":"2026-03-02T08:00:00.')
        changed = data[:at] + (b"999999" if data[at : at + 6] != b"999999" else b"999998")
        changed += data[at + 6 :]
        connection.execute(
            "UPDATE entry SET data = ?, leaf = ? WHERE idx = 99", (changed, leaf_hash(changed))
        )
    code, value = ask(capsys, copy, "--range", "40-99")
    assert (code, "entry.not_included" in codes(value)) == (1, True)


def tree_of(home: Path) -> tuple[Path, TreeTrust]:
    against = load_against(Settings(home), None, (), None)
    return home / "tiles" / "0", TreeTrust(against.policy, against.policy_name)


def judged(home: Path) -> Verification:
    return verify_tree(*tree_of(home))


def test_a_published_tree_without_its_log(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "log.sqlite").unlink()
    code, value = ask(capsys, copy, "--tiles", str(copy / "tiles" / "0"))
    assert (code, value["verdict"]) == (0, "passed")
    assert value["entries"] == value["links"] == value["stream_links"]
    titles = [step["title"] for step in value["steps"]]  # type: ignore[attr-defined]
    assert "tiles of every level" in titles
    code, _ = ask(capsys, copy, "--tiles", str(copy / "tiles" / "checkpoints"))
    assert code == 0
    (copy / "policy.txt").rename(copy / "elsewhere.txt")
    code, value = ask(capsys, copy, "--tiles", str(copy / "tiles" / "0"))
    assert (code, codes(value)) == (2, {"trust.not_pinned"})
    policy = ("--policy", str(copy / "elsewhere.txt"))
    assert ask(capsys, copy, "--tiles", str(copy / "tiles" / "0"), *policy)[0] == 0
    assert ask(capsys, copy, "--tiles", str(copy), *policy)[0] == 2


def test_every_file_of_the_tree_that_is_changed_or_gone_is_named(copy: Path) -> None:
    tree = copy / "tiles" / "0"
    files = [path for path in (tree / "tile").rglob("*") if path.is_file()]
    assert len(files) >= 4
    for path in files:
        data = path.read_bytes()
        name = path.relative_to(tree).as_posix()
        for at in (0, len(data) // 2, len(data) - 1):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            found = judged(copy)
            assert found.verdict is Verdict.FAILED
            rotten = [f for f in found.findings if f.code == "tile.rotten"]
            assert [f.message.partition(":")[0] for f in rotten] == [name]
        path.unlink()
        missing = [f for f in judged(copy).findings if f.code == "tile.missing"]
        assert [f.message.partition(":")[0] for f in missing] == [name]
        path.write_bytes(data)
    assert judged(copy).verdict is Verdict.PASSED


def cut_tail(home: Path) -> None:
    change(
        home,
        "DELETE FROM entry WHERE idx >= 250",
        "UPDATE head SET size = 250, leaf = (SELECT leaf FROM entry WHERE idx = 249)",
    )


def forge_checkpoint(home: Path) -> None:
    folder = TileFolder(home / "tiles" / "0")
    data = folder.read_checkpoint() or b""
    origin, size, rest = data.split(b"\n", 2)
    folder.write_checkpoint(b"\n".join((origin, b"%d" % (int(size) - 1), rest)))


def lose_checkpoints(home: Path) -> None:
    shutil.rmtree(home / "tiles")


@pytest.mark.parametrize(
    ("attack", "code", "finding"),
    [
        (cut_tail, 1, "log.truncated"),
        (forge_checkpoint, 1, "checkpoint.signature_invalid"),
        (lose_checkpoints, 2, "checkpoint.missing"),
    ],
)
def test_attacks_that_only_a_checkpoint_tells(
    copy: Path,
    capsys: pytest.CaptureFixture[str],
    attack: Callable[[Path], None],
    code: int,
    finding: str,
) -> None:
    (copy / "read.sqlite").unlink(missing_ok=True)
    lines = (copy / "trust.toml").read_text().splitlines(keepends=True)
    (copy / "trust.toml").write_text("".join(line for line in lines if "seen" not in line))
    attack(copy)
    found, value = ask(capsys, copy)
    assert (found, finding in codes(value)) == (code, True)


def test_a_kept_checkpoint_needs_a_policy_and_a_log_of_its_own(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes((copy / "tiles" / "0" / "checkpoint").read_bytes())
    (tmp_path / "other").write_bytes((copy / "tiles" / "checkpoints" / "checkpoint").read_bytes())
    cut_tail(copy)
    shutil.rmtree(copy / "tiles")
    code, value = ask(capsys, copy, "--checkpoint", str(kept))
    assert (code, "log.truncated" in codes(value)) == (1, True)
    kept.write_bytes(kept.read_bytes().replace(b"\n", b"x\n", 1))
    assert ask(capsys, copy, "--checkpoint", str(kept))[0] == 3
    (copy / "policy.txt").unlink()
    assert ask(capsys, copy, "--checkpoint", str(kept))[0] == 3


def test_entries_given_out_as_others_are_not_believed(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(copy / "log.sqlite")) as connection:
        (stream,) = connection.execute(
            "SELECT stream FROM entry WHERE idx < ? AND stream LIKE 'dossier:%'"
            " GROUP BY stream HAVING count(*) >= 3 LIMIT 1",
            (SEALED,),
        ).fetchone()
        (own,) = connection.execute("SELECT stream FROM entry WHERE idx = 0").fetchone()
    assert ask(capsys, copy, "--stream", stream)[0] == 0
    # The first two versions as entries of the log's own stream: nobody looks at those as a part.
    change(
        copy,
        f"UPDATE entry SET stream = '{own}', version = version + 1000"
        f" WHERE stream = '{stream}' AND version < 3",
    )
    code, value = ask(capsys, copy, "--stream", stream)
    assert code == 1
    assert "entry.other_stream" in codes(value)
