"""The sealer over a whole ledger: its logs, the log of checkpoints, a witness that goes away."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.bootstrap import OpenLedger, Settings, SettingsError, open_ledger, utc_now
from consumers.sealing import load_policy, open_sealer, open_sealing, tree_folder
from consumers.workers.sealer import REFRESH_SECONDS
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.adapters.committed import NotCommittedError
from ledger.adapters.keys import KeyStore
from ledger.adapters.tile_folder import read_entry
from ledger.adapters.trust import Trust
from ledger.app.sealing import SealingNotOpenedError
from ledger.app.submission import LedgerError, Place
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.note import parse_note
from ledger.entry.checkpoint_log import CHECKPOINTS, parse_round
from ledger.entry.entry import decode_entry
from ledger.entry.note_keys import verify_checkpoint, verify_tlog_proof
from ledger.entry.officer_index import OfficerIndex
from ledger.entry.officer_proof import Committed, parse_officer_map
from tests.integration.commands import pal
from tests.integration.seal_killed import append, seal, stream_of
from tests.integration.sealing import WITNESS, add_witness, opened
from tests.integration.witnesses import serve


def checkpoint_size(settings: Settings, tree: str) -> int:
    note = parse_note(tree_folder(settings, tree).read_checkpoint() or b"")
    return parse_checkpoint(note.text).size


def test_the_log_of_checkpoints_commits_to_every_log_and_its_officers(tmp_path: Path) -> None:
    settings = opened(tmp_path / "home", logs=3)
    with open_ledger(settings) as ledger:
        for number, count in ((0, 2), (1, 300), (2, 1)):
            append(ledger, number, count)
        seal(settings)
        append(ledger, 1, 2)
        seal(settings)
        seal(settings)  # nothing grew: no third round
        folder = tree_folder(settings, CHECKPOINTS)
        size = checkpoint_size(settings, CHECKPOINTS)
        assert size == 2
        last = parse_round(read_entry(folder, size - 1, size))
        sizes = {"office/0": 4, "office/1": 304, "office/2": 3}
        assert {log.origin: log.size for log in last.logs} == sizes
        assert {log.size for log in parse_round(read_entry(folder, 0, size)).logs} == {4, 302, 3}
        for number, reader in enumerate(ledger.readers):
            log, tree = last.logs[number], tree_folder(settings, str(number))
            assert last.of(reader.origin) == log
            note = parse_note(tree.read_checkpoint() or b"")
            assert parse_checkpoint(note.text).root.hex() == log.root
            fold = OfficerIndex()
            for record in reader.read(0, 1_000):
                fold.add(decode_entry(record.data or b""))
            committed = Committed(
                log.origin, log.size, log.officers, bytes.fromhex(log.officers_root)
            )
            published = parse_officer_map(tree.read_officers(log.size) or b"", committed)
            assert published.leaves() == fold.map().leaves()
            assert {leaf.officer for leaf in published.leaves()} <= {"lan", "minh"}
    with open_sealer(open_ledger(settings)) as sealer:
        assert [tree.grew for tree in sealer.seal().trees] == [0, 0, 0, 0]


def test_opening_is_done_once_and_completed_again_and_never_begins_anew(tmp_path: Path) -> None:
    settings = opened(tmp_path / "home")
    with open_ledger(settings) as ledger:
        assert open_sealing(ledger)[1] == {}
        types = [decode_entry(r.data or b"").seal.type for r in ledger.readers[0].read(0, 100)]
        assert types[1:].count("ledger.sealing_opened.v1") == 1
        seal(settings)
        kept = settings.sealer_path.read_bytes()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{settings.sealer_path}{suffix}").unlink(missing_ok=True)
        with pytest.raises(SealingNotOpenedError), open_sealer(ledger):
            pass
        with pytest.raises(SealingNotOpenedError, match="were signed before"):
            open_sealing(ledger)
        settings.sealer_path.write_bytes(kept)
        policy = settings.policy_path.read_bytes()
        check_all_but_the_log_lost(settings)
        settings.policy_path.unlink()
        with pytest.raises(SealingNotOpenedError, match="were signed before"):
            open_sealing(ledger)
        settings.policy_path.write_bytes(policy)
        (ledger.keys.folder / "note-0.key").unlink()
        with pytest.raises(LedgerError, match="no key"):
            open_sealing(ledger)


def check_all_but_the_log_lost(settings: Settings) -> None:
    """Nothing is published and no store is there: the log itself says that there was one."""
    copy = Settings(settings.home.with_name("copy"))
    shutil.copytree(settings.home, copy.home)
    copy.sealer_path.unlink()
    shutil.rmtree(copy.tiles_path)
    with open_ledger(copy) as ledger:
        with pytest.raises(SealingNotOpenedError, match="the log says"):
            open_sealing(ledger)
        copy.policy_path.unlink()
        with pytest.raises(SealingNotOpenedError, match="the log says"):
            open_sealing(ledger)
    assert not copy.policy_path.exists()
    assert not copy.sealer_path.exists()


def test_options_that_come_too_late_are_refused_with_what_the_policy_says(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = opened(home)
    policy = settings.policy_path.read_bytes()
    words = ("seal", "open", "--home", home, "--quorum", "9")
    refused = pal(*words)
    assert refused.returncode == 3
    assert "names no witness and asks for quorum none" in refused.stderr
    assert "edit its witness, group and quorum lines" in refused.stderr
    assert settings.policy_path.read_bytes() == policy
    add_witness(settings, tmp_path / "witness").end()
    said = pal(*words).stderr
    assert f"names {WITNESS}" in said
    assert f"asks for quorum {WITNESS}" in said


def test_an_older_store_is_found_out_by_what_is_published(tmp_path: Path) -> None:
    settings = opened(tmp_path / "home")
    seal(settings)
    older = settings.sealer_path.read_bytes()
    with open_ledger(settings) as ledger:
        append(ledger, 0, 3)
        ledger.close()
        seal(settings)
        for suffix in ("-wal", "-shm"):
            Path(f"{settings.sealer_path}{suffix}").unlink(missing_ok=True)
        settings.sealer_path.write_bytes(older)
        append(ledger, 0, 1)
        with open_sealer(ledger) as sealer:
            done = sealer.seal()
        assert {finding.code for finding in done.findings} == {"sealer.rolled_back"}
        assert [tree.grew for tree in done.trees] == [0, 0]
    with CheckpointStore.open(settings.sealer_path) as store:
        assert len(store.evidence()) == 2


def counts(ledger: OpenLedger, type_name: str) -> list[int]:
    """How many entries of a type each log has."""
    read = [reader.read(0, 1_000) for reader in ledger.readers]
    types = [[decode_entry(record.data or b"").seal.type for record in records] for records in read]
    return [names.count(type_name) for names in types]


def newest(ledger: OpenLedger, stream: str) -> tuple[bytes, Place]:
    """The newest entry of a stream of log 0, and where it lies."""
    data = ledger.logs[0].stream_entries(stream)[-1]
    place = ledger.logs[0].place_of(decode_entry(data).action_id)
    assert place is not None
    return data, place


def test_a_witness_that_was_away_and_both_acknowledgements(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = opened(tmp_path / "home", logs=2)
    served = add_witness(settings, tmp_path / "witness")
    port = int(served.url.rpartition(":")[2])
    later = timedelta(0)
    caplog.set_level(logging.WARNING, "ledger.sealer")

    with (
        open_ledger(settings, now=lambda: utc_now() + later) as ledger,
        open_sealer(ledger) as sealer,
    ):
        policy = load_policy(settings)
        append(ledger, 0, 2)
        assert not sealer.seal().findings
        stream = stream_of(ledger, 0)
        data, place = newest(ledger, stream)
        proof = asyncio.run(ledger.committed(stream, place, 1))
        found = verify_tlog_proof(
            proof, data, "office/0", policy.logs["office/0"], policy.cosigners
        )
        assert {signed.key.name for signed in found.cosignatures} == {WITNESS}

        served.end()
        append(ledger, 0, 1)
        done = sealer.seal()
        assert done.findings == ()
        assert done.trees[0].witnessed_at == ""
        note = parse_note(tree_folder(settings, "0").read_checkpoint() or b"")
        unwitnessed = verify_checkpoint(note, "office/0", policy.logs["office/0"], policy.cosigners)
        assert unwitnessed.cosignatures == ()
        _, uncovered = newest(ledger, stream)
        with pytest.raises(NotCommittedError, match="no quorum"):
            asyncio.run(ledger.committed(stream, uncovered, 0.1))

        later = timedelta(minutes=6)
        done = sealer.seal()
        assert [finding.code for finding in done.findings] == ["checkpoint.unwitnessed"]
        assert sealer.seal().findings
        said = [json.loads(record.message) for record in caplog.records]
        assert [line["code"] for line in said] == ["checkpoint.unwitnessed"]
        assert said[0]["not_recorded"] == ""
        assert counts(ledger, "ledger.witness_outage.v1") == [1, 1]

        again = serve(tmp_path / "witness", port=port)
        try:
            assert sealer.seal().findings == ()
            assert counts(ledger, "ledger.witness_restored.v1") == [1, 1]
            assert asyncio.run(ledger.committed(stream, uncovered, 1)).index == uncovered.index
            sealer.seal()
            before = [tree.witnessed_at for tree in sealer.seal().trees]
            later += timedelta(seconds=REFRESH_SECONDS + 1)
            refreshed = sealer.seal()
            assert [tree.grew for tree in refreshed.trees] == [0, 0, 0]
            assert all(
                old < tree.witnessed_at for old, tree in zip(before, refreshed.trees, strict=True)
            )
        finally:
            again.end()


def test_a_tail_that_was_cut_and_signed_again_is_caught_by_the_witness(tmp_path: Path) -> None:
    """Whoever has log, store and every key of the ledger, and has cut all of them back."""
    home = tmp_path / "home"
    settings = opened(home)
    served = add_witness(settings, tmp_path / "witness")
    try:
        seal(settings)
        kept = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
        with open_ledger(settings) as ledger:
            append(ledger, 0, 3)
            ledger.close()
            seal(settings)
            for path in home.rglob("*"):
                if path.is_file() and path not in kept:
                    path.unlink()
            for path, data in kept.items():
                path.write_bytes(data)
            # Even where another witness, which has seen nothing, cosigns all of it.
            others = add_witness(settings, tmp_path / "other", "witness.example/w2")
            size = checkpoint_size(settings, "0")
            with open_sealer(ledger) as sealer:
                done = sealer.seal()
            assert {finding.origin: finding.code for finding in done.findings} == {
                "office/0": "sealer.rolled_back",
                "office/checkpoints": "checkpoint.forked",
            }
            assert checkpoint_size(settings, "0") == size, "nothing of it was published"
            # Nothing more is signed, however far the new history goes and whoever starts again.
            append(ledger, 0, 5)
            ledger.close()
            with open_sealer(ledger) as sealer:
                for _ in range(2):
                    assert [tree.grew for tree in sealer.seal().trees] == [0, 0]
            others.end()
    finally:
        served.end()


def test_the_commands(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert pal("log", "create", "--name", "office", "--home", home).returncode == 0
    assert "not opened" in pal("status", "--home", home, "--lang", "en").stdout
    assert pal("seal", "run", "--home", home).returncode == 5
    assert pal("seal", "open", "--home", home).returncode == 0
    assert pal("proof", "0", "--home", home).returncode == 4
    done = pal("seal", "run", "--home", home, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert [tree["grew"] for tree in json.loads(done.stdout)["trees"]] == [2, 1]
    shown = pal("seal", "show", "--home", home, "--format", "json")
    assert [row["size"] for row in json.loads(shown.stdout)["rows"]] == [2, 1]
    proof, entry = tmp_path / "p.tlog-proof", tmp_path / "entry"
    made = pal("proof", "1", "--home", home, "--out", proof, "--entry", entry)
    assert made.returncode == 0, made.stderr
    words = ("proof", "verify", proof, "--entry", entry, "--policy", home / "policy.txt")
    assert pal(*words).returncode == 0
    body = entry.read_bytes()
    entry.write_bytes(body + b" ")
    failed = pal(*words)
    assert failed.returncode == 1
    assert "proof.invalid" in failed.stderr
    entry.write_bytes(body)
    (tmp_path / "none.txt").write_text("quorum none\n")
    assert pal(*words[:-1], tmp_path / "none.txt").returncode == 2
    assert pal("proof", "7", "--home", home).returncode == 4
    assert pal("proof", "x", "--home", home).returncode == 3
    assert pal("seal", "run", "--home", home, "--tsa", "http://127.0.0.1:1").returncode == 3


def test_more_logs_than_one_entry_can_name_are_refused_at_opening(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home")
    trust = [Trust(f"{'n' * 30}/{number}", "0" * 64) for number in range(256)]
    with pytest.raises(SettingsError, match="256 logs with such a long name"):
        open_sealing(OpenLedger(settings, trust, KeyStore(settings.home / "keys")))
    assert not settings.home.exists()
