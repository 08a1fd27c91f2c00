"""`pal verify` with a time-stamp beside the published checkpoint: pinned, unpinned, of another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consumers.cli.main import run
from ledger.adapters.tile_folder import TileFolder
from ledger.adapters.tsa import load_roots, request_token
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.note import parse_note
from tests.integration.authority import TestAuthority, needs_openssl

pytestmark = needs_openssl


def test_trusted_time_of_the_published_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = TestAuthority(tmp_path / "ours", "ours")
    other = TestAuthority(tmp_path / "other", "other")
    home = tmp_path / "home"
    for words in (["log", "create"], ["seal", "open"], ["seal", "run"]):
        assert run([*words, "--home", str(home)]) == 0
    folder = TileFolder(home / "tiles" / "0")
    text = parse_note(folder.read_checkpoint() or b"").text
    with ours.serving() as url:
        token = request_token(url, text.encode(), load_roots(ours.root))
    folder.write_timestamp(parse_checkpoint(text).size, token)

    def verify(*words: str) -> tuple[int, set[str], int]:
        capsys.readouterr()
        code = run(["verify", *words, "--home", str(home), "--format", "json"])
        value = json.loads(capsys.readouterr().out)
        codes = {finding["code"] for finding in value["findings"]}
        return code, codes, value["checkpoints"]["timed"]

    assert verify() == (2, {"timestamp.not_checked"}, 1)
    assert verify("--authority", str(ours.root)) == (0, set(), 1)
    assert verify("--authority", str(other.root)) == (1, {"timestamp.invalid"}, 1)
    (home / "authority.pem").write_bytes(ours.root.read_bytes())
    assert verify() == (0, set(), 1)
    assert run(["verify", "--tiles", str(folder.path), "--home", str(home)]) == 0
