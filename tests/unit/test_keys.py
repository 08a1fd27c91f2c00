"""Keys on disk: private files, ids that are never reused, subject keys that can be erased."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ledger.adapters.keys import KeyStore, KeyStoreError, SubjectErasedError
from ledger.entry.sealed import SealedError, open_text, seal_text, sealed_key_id


def test_a_signing_key_is_loaded_as_it_was_created(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    made = store.create_signing_key("ledger", "ledger")
    loaded = store.load_signing_key("ledger")
    assert loaded.enrolled() == made.enrolled()
    assert loaded.sign([b"action"]) == made.sign([b"action"])
    assert made.id.startswith("ledger-")
    assert store.names() == ["ledger"]


def test_files_and_folder_are_private(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    store.create_signing_key("source", "source")
    store.subjects().create("applicant-1")
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    files = sorted(store.folder.iterdir())
    assert [path.name for path in files] == ["source.key", "subjects.keys", "subjects.sqlite"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_an_existing_key_is_never_replaced(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    made = store.create_signing_key("ledger", "ledger")
    with pytest.raises(KeyStoreError, match="exists already"):
        store.create_signing_key("ledger", "ledger")
    assert store.ensure_signing_key("ledger", "ledger").enrolled() == made.enrolled()
    with pytest.raises(KeyStoreError, match="role"):
        store.ensure_signing_key("ledger", "source")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_command(tmp_path: Path, mode: int) -> None:
    store = KeyStore(tmp_path / "keys")
    store.create_signing_key("ledger", "ledger")
    path = store.folder / "ledger.key"
    path.chmod(mode)
    with pytest.raises(KeyStoreError, match="open to others") as caught:
        store.load_signing_key("ledger")
    assert f"chmod 0600 {path}" in caught.value.next_step


def test_a_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    store.create_signing_key("ledger", "ledger")
    store.folder.chmod(0o755)
    with pytest.raises(KeyStoreError, match="open to others"):
        store.load_signing_key("ledger")


@pytest.mark.parametrize(
    "text", ["", "id = 1", 'id = "x"\nrole = "ledger"\nseed = "00"\n', 'id = "x"\nrole = "king"\n']
)
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    store = KeyStore(tmp_path / "keys")
    store.create_signing_key("ledger", "ledger")
    (store.folder / "ledger.key").write_text(text)
    with pytest.raises(KeyStoreError):
        store.load_signing_key("ledger")


@pytest.mark.parametrize("name", ["", "../ledger", "Ledger", "a" * 65])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyStoreError):
        KeyStore(tmp_path).create_signing_key(name, "ledger")


def test_a_missing_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="no key") as caught:
        KeyStore(tmp_path).load_signing_key("ledger")
    assert caught.value.next_step


def test_a_subject_has_one_key_found_by_subject_and_by_id(tmp_path: Path) -> None:
    subjects = KeyStore(tmp_path / "keys").subjects()
    key = subjects.create("applicant-1")
    assert subjects.create("applicant-1").raw == key.raw
    assert subjects.get("applicant-1").raw == key.raw
    assert subjects.by_id(key.id).raw == key.raw
    assert subjects.create("applicant-2").raw != key.raw
    with pytest.raises(KeyStoreError, match="no key"):
        subjects.get("applicant-3")


def test_erasing_a_subject_overwrites_its_key_and_no_other(tmp_path: Path) -> None:
    subjects = KeyStore(tmp_path / "keys").subjects()
    first, second = subjects.create("applicant-1"), subjects.create("applicant-2")
    sealed = seal_text(first, "dossier:a", "applicant.name", "Trần Thị Bưởi", bytes(12))
    assert subjects.erase("applicant-1") == first.id
    assert subjects.erase("applicant-1") == first.id
    for path in (tmp_path / "keys").iterdir():
        assert first.raw not in path.read_bytes()
    key_id = sealed_key_id(sealed)
    assert key_id is not None
    for ask in (lambda: subjects.get("applicant-1"), lambda: subjects.by_id(key_id)):
        with pytest.raises(SubjectErasedError, match="erased"):
            ask()
    with pytest.raises(SubjectErasedError):
        subjects.create("applicant-1")
    assert subjects.get("applicant-2").raw == second.raw
    assert subjects.create("applicant-3").raw not in (bytes(32), second.raw)


def test_a_wrong_key_in_a_slot_is_refused(tmp_path: Path) -> None:
    subjects = KeyStore(tmp_path / "keys").subjects()
    subjects.create("applicant-1")
    (tmp_path / "keys" / "subjects.keys").write_bytes(b"\x01" * 32)
    with pytest.raises(KeyStoreError, match="does not hold"):
        subjects.get("applicant-1")


def test_an_erased_key_opens_nothing(tmp_path: Path) -> None:
    subjects = KeyStore(tmp_path / "keys").subjects()
    key = subjects.create("applicant-1")
    sealed = seal_text(key, "dossier:a", "applicant.name", "Lê Văn Mít", bytes(12))
    assert open_text(key, "dossier:a", "applicant.name", sealed) == "Lê Văn Mít"
    other = subjects.create("applicant-2")
    with pytest.raises(SealedError, match="sealed with key"):
        open_text(other, "dossier:a", "applicant.name", sealed)
