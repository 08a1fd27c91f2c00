"""A published tile tree in a folder: written once, whole or not there, and proofs from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.adapters.tile_folder import TileFolder, prove_entry, prove_under, read_entry
from ledger.core.checkpoint import Checkpoint
from ledger.core.findings import FindingError
from ledger.core.merkle import leaf_hash
from ledger.core.note import Algorithm, NoteError, SignedNote, parse_note
from ledger.core.tiles import ENTRIES, GrowingTree, Tile, TileError, encode_bundle, grown_tiles
from ledger.entry.note_keys import NoteSigner, verify_tlog_proof

ORIGIN = "office/0"
SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\1" * 32), Algorithm.ED25519)


def entry(index: int) -> bytes:
    return b"entry %d" % index


def grow(folder: TileFolder, tree: GrowingTree, size: int) -> SignedNote:
    """Publish the tree of `size`, and its checkpoint last."""
    for tile in grown_tiles(tree.size, size):
        if tile.level == ENTRIES:
            first = tile.number * 256
            folder.write(tile, encode_bundle(map(entry, range(first, first + tile.width))))
    while tree.size < size:
        for tile, data in tree.append(leaf_hash(entry(tree.size))):
            folder.write(tile, data)
    for tile, data in tree.partial_tiles():
        folder.write(tile, data)
    text = Checkpoint(ORIGIN, size, tree.root()).text()
    note = SignedNote(text, (SIGNER.sign(text),))
    folder.write_checkpoint(note.encode())
    return note


def test_what_is_published_is_read_again_and_proves_each_entry(tmp_path: Path) -> None:
    folder, tree = TileFolder(tmp_path / "tiles" / "0"), GrowingTree()
    notes = [grow(folder, tree, size) for size in (1, 255, 256, 300, 700)]
    assert parse_note(folder.read_checkpoint() or b"") == notes[-1]
    for index in (0, 1, 254, 255, 256, 299, 511, 512, 699):
        proof = prove_entry(folder, index)
        found = verify_tlog_proof(proof, read_entry(folder, index, 700), ORIGIN, [SIGNER.key])
        assert (found.checkpoint.size, read_entry(folder, index, 700)) == (700, entry(index))
    # An older checkpoint keeps its proofs, with or without the partial tiles that it named.
    (folder.path / Tile(0, 1, 44).path()).unlink()
    (folder.path / Tile(ENTRIES, 1, 44).path()).unlink()
    proof = prove_under(folder, 299, notes[3])
    assert verify_tlog_proof(proof, read_entry(folder, 299, 300), ORIGIN, [SIGNER.key])
    assert not list((folder.path / ".unfinished").iterdir())


def test_the_same_bytes_may_be_published_again_and_others_never(tmp_path: Path) -> None:
    folder, tile = TileFolder(tmp_path), Tile(0, 1234, 17)
    folder.write(tile, b"abcdef")
    folder.write(tile, b"abcdef")
    for other in (b"abcdeg", b"abcde", b"abcdefg", b""):
        with pytest.raises(FindingError) as caught:
            folder.write(tile, other)
        assert caught.value.finding.code == "tile.differs"
        assert folder.read(tile) == b"abcdef"
    for write, read in (
        (folder.write_timestamp, folder.read_timestamp),
        (folder.write_officers, folder.read_officers),
    ):
        assert read(5) is None
        write(5, b"once")
        with pytest.raises(FindingError):
            write(5, b"twice")
        assert read(5) == b"once"
    folder.write_checkpoint(b"one")
    folder.write_checkpoint(b"two")
    assert folder.read_checkpoint() == b"two"


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    folder = TileFolder(tmp_path)
    assert folder.read(Tile(0, 0, 1)) is None
    assert folder.read_checkpoint() is None
    with pytest.raises(TileError, match="no checkpoint is published"):
        prove_entry(folder, 0)
    folder.write_checkpoint(b"no note")
    with pytest.raises(NoteError):
        prove_entry(folder, 0)
    grow(folder, GrowingTree(), 3)
    with pytest.raises(TileError):
        read_entry(folder, 3, 3)
    (tmp_path / Tile(ENTRIES, 0, 3).path()).unlink()
    with pytest.raises(TileError, match="is not there"):
        read_entry(folder, 1, 3)


def test_what_a_crash_left_is_removed(tmp_path: Path) -> None:
    folder = TileFolder(tmp_path)
    folder.write_checkpoint(b"one")
    (tmp_path / ".unfinished" / "half").write_bytes(b"ha")
    folder.clear_unfinished()
    assert not list((tmp_path / ".unfinished").iterdir())
    assert folder.read_checkpoint() == b"one"
