"""`pal verify` of a sealed ledger: every officer counted again, against a sealer that lies too."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from consumers.bootstrap import OpenLedger, Settings, open_ledger
from consumers.cli.main import run
from consumers.creation import create_ledger
from consumers.sealing import open_sealer, open_sealing
from ledger.adapters.tile_folder import TileFolder, read_entry
from ledger.core.checkpoint import Checkpoint, parse_checkpoint
from ledger.core.merkle import leaf_hash
from ledger.core.note import SignedNote, parse_note
from ledger.core.tiles import ENTRIES, GrowingTree, Tile, encode_bundle
from ledger.entry.checkpoint_log import CHECKPOINTS, Round, checkpoints_origin, parse_round
from tests.unit.copied_home import copied, verified

LOGS = 2
NOTHING = {"checked": 0, "findings": []}


def seal(ledger: OpenLedger) -> None:
    with open_sealer(ledger) as sealer:
        assert sealer.seal().findings == ()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of two logs, sealed before, between and after two imports."""
    folder = tmp_path_factory.mktemp("sealed")
    home = folder / "home"
    with create_ledger(Settings(home), logs=LOGS) as ledger:
        policy, not_recorded = open_sealing(ledger)
        assert (len(policy.logs), not_recorded) == (LOGS + 1, {})
        seal(ledger)
    for seed in (1, 2):
        file = folder / f"{seed}.jsonl"
        assert run(["generate", str(file), "--entries", "1000", "--seed", str(seed)]) == 0
        assert run(["import", str(file), "--home", str(home)]) == 0
        with open_ledger(Settings(home)) as ledger:
            seal(ledger)
    return home


@pytest.fixture
def home(sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(sealed, tmp_path, monkeypatch)


def found(seen: Any) -> list[str]:
    return [finding["code"] for finding in seen["officers"]["findings"]]


def rounds_of(folder: TileFolder) -> list[Round]:
    size = parse_checkpoint(parse_note(folder.read_checkpoint() or b"").text).size
    return [parse_round(read_entry(folder, index, size)) for index in range(size)]


def publish(home: Path, entries: Sequence[bytes]) -> None:
    """What a sealer that lies does: another log of checkpoints, rightly hashed and signed."""
    shutil.rmtree(home / "tiles" / CHECKPOINTS)
    folder, tree = TileFolder(home / "tiles" / CHECKPOINTS), GrowingTree()
    folder.write(Tile(ENTRIES, 0, len(entries)), encode_bundle(entries))
    assert [list(tree.append(leaf_hash(entry))) for entry in entries] == [[]] * len(entries)
    for tile, data in tree.partial_tiles():
        folder.write(tile, data)
    with open_ledger(Settings(home)) as ledger:
        origin = checkpoints_origin(ledger.name)
        signers = ledger.keys.load_note_key(ledger.settings.note_key_of(CHECKPOINTS), origin)
    text = Checkpoint(origin, tree.size, tree.root()).text()
    note = SignedNote(text, tuple(signer.sign(text, 1) for signer in signers))
    folder.write_checkpoint(note.encode())


def test_each_round_is_counted_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, seen = verified(home, capsys)
    assert (code, seen["verdict"], found(seen)) == (0, "passed", [])
    rounds = rounds_of(TileFolder(home / "tiles" / CHECKPOINTS))
    assert len(rounds) == 3
    sizes = {(log.origin, log.size) for item in rounds for log in item.logs}
    assert seen["officers"]["checked"] == len(sizes) == 3 * LOGS
    assert all(log.officers > 5 for log in rounds[-1].logs)
    assert run(["verify", "--home", str(home)]) == 0
    assert "✓ officers in the log of checkpoints, counted again" in capsys.readouterr().out


@pytest.mark.parametrize(
    "lie",
    [
        lambda log: replace(log, officers=log.officers - 1),
        lambda log: replace(log, officers_root="0" * 64),
    ],
)
def test_a_sealer_that_commits_to_other_officers_is_found(
    home: Path, capsys: pytest.CaptureFixture[str], lie: Callable[[Any], Any]
) -> None:
    rounds = rounds_of(TileFolder(home / "tiles" / CHECKPOINTS))
    first, second = rounds[1].logs
    publish(home, [item.encode() for item in rounds])
    assert verified(home, capsys)[0] == 0
    lied = replace(rounds[1], logs=(first, lie(second)))
    publish(home, [item.encode() for item in (rounds[0], lied, rounds[2])])
    code, seen = verified(home, capsys)
    assert (code, seen["verdict"], found(seen)) == (1, "failed", ["officers.root_mismatch"])
    (finding,) = seen["officers"]["findings"]
    assert (finding["origin"], finding["index"]) == (second.origin, second.size - 1)


def test_a_log_of_checkpoints_that_cannot_be_relied_on_shows_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = TileFolder(home / "tiles" / CHECKPOINTS)
    bundle = folder.path / Tile(ENTRIES, 0, 3).path()
    whole, data = bundle.read_bytes(), folder.read_checkpoint() or b""
    bundle.write_bytes(whole.replace(b'"officers":', b'"officerz":', 1))
    for published in (data, data.replace(b"\n3\n", b"\n2\n", 1)):
        folder.write_checkpoint(published)
        code, seen = verified(home, capsys)
        assert (code, seen["verdict"], seen["officers"]) == (1, "failed", NOTHING), published
        assert run(["verify", "--home", str(home)]) == 1
        shown = capsys.readouterr().out
        assert "? officers in the log of checkpoints, counted again" in shown
        assert f"log       {seen['log_of_checkpoints']['origin']}" in shown
        bundle.write_bytes(whole)
    (folder.path / "checkpoint").unlink()
    code, seen = verified(home, capsys)
    assert (code, found(seen)) == (2, ["checkpoint.missing"])


def test_an_entry_that_is_no_round_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rounds = rounds_of(TileFolder(home / "tiles" / CHECKPOINTS))
    publish(home, [item.encode() for item in rounds[:2]] + [b"{}"])
    code, seen = verified(home, capsys)
    assert (code, found(seen)) == (1, ["entry.malformed"])


def test_a_log_that_no_round_names_is_not_passed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = rounds_of(TileFolder(home / "tiles" / CHECKPOINTS))
    publish(home, [replace(item, logs=item.logs[:1]).encode() for item in rounds])
    code, seen = verified(home, capsys)
    assert (code, found(seen), seen["officers"]["checked"]) == (2, ["checkpoint.missing"], 3)
    assert seen["officers"]["findings"][0]["origin"] == rounds[0].logs[1].origin


def test_without_sealing_nothing_is_said_of_officers(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "policy.txt").unlink()
    code, seen = verified(home, capsys)
    assert (code, "officers" in seen) == (0, False)
