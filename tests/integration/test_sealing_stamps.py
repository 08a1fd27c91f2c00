"""RFC 3161 tokens on published checkpoints: at most one in an interval, and never a stop."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from consumers.bootstrap import Settings, open_ledger, utc_now
from consumers.sealing import open_sealer, stamper, tree_folder
from consumers.workers.sealer import STAMP_SECONDS
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.adapters.tsa import load_roots, verify_token
from ledger.core.note import parse_note
from tests.integration.authority import TestAuthority, needs_openssl
from tests.integration.seal_killed import append
from tests.integration.sealing import opened

pytestmark = needs_openssl


def stamped(settings: Settings, tree: str) -> list[int]:
    """The sizes whose tokens are published in a tree."""
    folder = tree_folder(settings, tree).path / "timestamps"
    return sorted(int(path.stem) for path in folder.glob("*.tsr"))


def test_the_newest_checkpoint_is_stamped_once_in_an_interval(tmp_path: Path) -> None:
    settings, authority = opened(tmp_path / "home"), TestAuthority(tmp_path / "tsa", "ours")
    later = timedelta(0)
    with open_ledger(settings, now=lambda: utc_now() + later) as ledger:
        with (
            authority.serving() as url,
            open_sealer(ledger, stamper(url, authority.root)) as sealer,
        ):
            assert sealer.seal().findings == ()
            assert stamped(settings, "0") == [2]
            assert stamped(settings, "checkpoints") == [1]
            folder = tree_folder(settings, "0")
            text = parse_note(folder.read_checkpoint() or b"").text.encode()
            token = folder.read_timestamp(2) or b""
            assert verify_token(token, text, load_roots(authority.root))
            append(ledger, 0, 1)
            sealer.seal()
            assert stamped(settings, "0") == [2], "not due yet"
            later = timedelta(seconds=STAMP_SECONDS + 1)
            sealer.seal()
            assert stamped(settings, "0") == [2, 3]
            sealer.seal()
        # A crash between keeping a token and publishing it.
        (folder.path / "timestamps" / "3.tsr").unlink()
        with open_sealer(ledger) as sealer:
            sealer.seal()
        assert stamped(settings, "0") == [2, 3]


def test_an_authority_that_is_away_is_an_alarm_and_stops_nothing(tmp_path: Path) -> None:
    settings, authority = opened(tmp_path / "home"), TestAuthority(tmp_path / "tsa", "ours")
    with authority.serving() as url:
        stamp = stamper(url, authority.root)
    with open_ledger(settings) as ledger, open_sealer(ledger, stamp) as sealer:
        done = sealer.seal()
        assert {finding.code for finding in done.findings} == {"timestamp.missing"}
        assert [tree.grew for tree in done.trees] == [2, 1]
        assert sealer.seal().findings == (), "asked again only when it is due"
    with CheckpointStore.open(settings.sealer_path) as store:
        assert store.newest_stamped("office/0") is None
