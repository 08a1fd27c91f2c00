"""A bundle of a home that the commands opened, sealed and stamped: trusted time in step 10."""

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


def test_tokens_travel_with_the_checkpoints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = TestAuthority(tmp_path / "ours", "ours")
    other = TestAuthority(tmp_path / "other", "other")
    home, out = tmp_path / "home", tmp_path / "case.zip"
    for words in (["demo"], ["seal", "open"], ["seal", "run"]):
        assert run([*words, "--home", str(home)]) == 0
    folder = TileFolder(home / "tiles" / "0")
    text = parse_note(folder.read_checkpoint() or b"").text
    with ours.serving() as url:
        token = request_token(url, text.encode(), load_roots(ours.root))
    folder.write_timestamp(parse_checkpoint(text).size, token)
    words = ["dossier", "H26.31.0007", "--purpose", "x", "--out", str(out), "--home", str(home)]
    assert run(["evidence", "export", *words]) == 0

    def verify(*words: str) -> tuple[int, list[str], list[int], list[str]]:
        capsys.readouterr()
        pinned = ["--policy", str(home / "policy.txt"), "--format", "json"]
        code = run(["evidence", "verify", str(out), *pinned, *words])
        value = json.loads(capsys.readouterr().out)
        codes = [finding["code"] for finding in value["findings"]]
        return code, codes, [step["number"] for step in value["steps"]], value["not_checked"]

    none = "witnesses: the policy asks for none"
    steps = [1, 2, 3, 4, 5, 6, 8, 9]
    unpinned = "trusted time: 1 tokens, no authority is pinned"
    assert verify() == (0, [], steps, [none, unpinned])
    assert verify("--authority", str(ours.root)) == (0, [], [*steps, 10], [none])
    code, codes, *_ = verify("--authority", str(other.root))
    assert (code, codes) == (1, ["timestamp.invalid"])
