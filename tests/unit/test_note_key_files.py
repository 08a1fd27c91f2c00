"""The keys of checkpoints on disk: two for each origin, private, never another log's."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ledger.adapters.keys import KeyStore, KeyStoreError
from ledger.core.checkpoint import Checkpoint
from ledger.core.merkle import EMPTY_ROOT
from ledger.core.note import Algorithm, SignedNote
from ledger.entry.note_keys import verify_checkpoint

ORIGIN = "office/0"


def test_both_keys_sign_again_after_they_were_loaded(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    made = store.create_note_key("note-0", ORIGIN)
    loaded = store.load_note_key("note-0", ORIGIN)
    assert [signer.key for signer in loaded] == [signer.key for signer in made]
    kinds = [signer.key.algorithm for signer in loaded]
    assert kinds == [Algorithm.ED25519, Algorithm.COSIGNATURE_ML_DSA_44]
    text = Checkpoint(ORIGIN, 0, EMPTY_ROOT).text()
    note = SignedNote(text, tuple(signer.sign(text, 5) for signer in loaded))
    keys = [signer.key for signer in made]
    assert len(verify_checkpoint(note, ORIGIN, keys).signatures) == 2
    assert stat.S_IMODE((store.folder / "note-0.key").stat().st_mode) == 0o600


def test_each_origin_has_keys_of_its_own_that_sign_for_no_other(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    first = store.ensure_note_key("note-0", ORIGIN)
    again = store.ensure_note_key("note-0", ORIGIN)
    assert [signer.key for signer in again] == [signer.key for signer in first]
    other = store.ensure_note_key("note-Topic.1-checkpoints", "office/checkpoints")
    assert not {signer.key.public for signer in first} & {signer.key.public for signer in other}
    with pytest.raises(KeyStoreError, match="holds the keys of office/0"):
        store.ensure_note_key("note-0", "office/1")
    with pytest.raises(KeyStoreError, match="exists already"):
        store.create_note_key("note-0", ORIGIN)


def test_they_are_no_keys_that_sign_actions(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    store.create_note_key("note-0", ORIGIN)
    store.create_signing_key("ledger", "ledger")
    assert store.names() == ["ledger"]
    for wrong in ("note-0", "note-1"):
        with pytest.raises(KeyStoreError, match="key name"):
            store.ensure_signing_key(wrong, "ledger")
    for wrong in ("ledger", "note-", "note-../x"):
        with pytest.raises(KeyStoreError, match="note key name"):
            store.create_note_key(wrong, ORIGIN)


def test_a_file_that_others_can_read_or_that_was_cut_is_refused(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    store.create_note_key("note-0", ORIGIN)
    path = store.folder / "note-0.key"
    whole = path.read_bytes()
    path.chmod(0o640)
    with pytest.raises(KeyStoreError, match="open to others"):
        store.load_note_key("note-0", ORIGIN)
    path.chmod(0o600)
    for cut in (0, 20, len(whole) - 3):
        path.write_bytes(whole[:cut])
        with pytest.raises(KeyStoreError, match="no file of note keys"):
            store.load_note_key("note-0", ORIGIN)
    path.unlink()
    with pytest.raises(KeyStoreError, match="no key"):
        store.load_note_key("note-0", ORIGIN)
