"""One tree: what the sealer writes, how it grows, and what makes it stop before it signs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consumers.workers.tree_sealer import TreeSealer
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.adapters.keys import KeyStore
from ledger.adapters.tile_folder import TileFolder, prove_entry, prove_under, read_entry
from ledger.app.sealing import SealerDisplacedError, TreeState
from ledger.core.checkpoint import Checkpoint, parse_checkpoint
from ledger.core.findings import FindingError
from ledger.core.merkle import RootAccumulator, check_consistency, leaf_hash
from ledger.core.note import SignedNote, parse_note
from ledger.core.tiles import ENTRIES, GrowingTree, Tile, grown_tiles, nodes_of_tiles
from ledger.entry.note_keys import verify_checkpoint, verify_tlog_proof
from tests.unit.sealed_trees import ORIGIN, Clock, Entries, entry, made_sealer

ODD_SIZES = (1, 2, 255, 256, 257, 511, 513, 4_000, 65_535, 65_536, 65_537, 69_999, 70_000)


def seal_to(sealer: TreeSealer, log: Entries, size: int) -> None:
    log.size = size
    assert sealer.grow()
    assert not sealer.grow()
    sealer.publish()


def roots(until: int) -> dict[int, bytes]:
    """The root at each size, by the plain accumulator."""
    tree, found = RootAccumulator(), {}
    for index in range(until):
        tree.append(leaf_hash(entry(index)))
        found[tree.size] = tree.root() if tree.size in ODD_SIZES else b""
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "tile" in path.parts
    }


def test_seventy_thousand_entries_in_uneven_rounds_are_those_of_one_round(tmp_path: Path) -> None:
    log = Entries()
    sealer = made_sealer(tmp_path / "rounds", log)
    expected = roots(70_000)
    for size in ODD_SIZES:
        seal_to(sealer, log, size)
        # Another process goes on from what is on the disk alone, at each odd size.
        assert GrowingTree.resume(sealer.folder.read, size, expected[size]).size == size
    once = made_sealer(tmp_path / "once", Entries(70_000))
    assert once.grow()
    once.publish()
    written = files(tmp_path / "once" / "tiles")
    in_rounds = files(tmp_path / "rounds" / "tiles")
    assert {name: in_rounds.get(name) for name in written} == written
    # Besides only what the checkpoint before the last needs; older partial tiles were removed.
    assert set(in_rounds) - set(written) == {
        Tile(0, 273, 111).path(),
        Tile(ENTRIES, 273, 111).path(),
    }
    assert set(written) == {tile.path() for tile in grown_tiles(0, 70_000)}
    names = [name for name in written if name.startswith("tile/0/")]
    assert len([name for name in names if ".p/" not in name]) == 273
    for tile in (Tile(0, 273, 112), Tile(1, 0, 256), Tile(1, 1, 17), Tile(2, 0, 1)):
        assert tile.path() in written
    store = CheckpointStore.open(tmp_path / "rounds" / "sealer.sqlite")
    signed = [parse_checkpoint(parse_note(c.note).text) for c in store.checkpoints(ORIGIN)]
    assert [(c.size, c.root) for c in signed] == [(size, expected[size]) for size in ODD_SIZES]
    nodes = nodes_of_tiles(sealer.folder.read, 70_000)
    assert nodes(16, 0) == expected[65_536]
    keys = [
        signer.key
        for signer in KeyStore(tmp_path / "rounds" / "keys").load_note_key("note-0", ORIGIN)
    ]
    for index in (0, 255, 256, 65_535, 65_536, 69_999):
        proof = prove_entry(sealer.folder, index)
        assert verify_tlog_proof(proof, read_entry(sealer.folder, index, 70_000), ORIGIN, keys)
        # What was signed before keeps its proofs, though its partial tiles are gone.
        older = prove_under(sealer.folder, 0, parse_note(store.checkpoints(ORIGIN)[3].note))
        assert verify_tlog_proof(older, entry(0), ORIGIN, keys).checkpoint.size == 256


def test_both_keys_sign_and_every_checkpoint_follows_from_the_one_before(tmp_path: Path) -> None:
    log = Entries()
    sealer = made_sealer(tmp_path, log)
    before = TreeState(ORIGIN)
    keys = [signer.key for signer in KeyStore(tmp_path / "keys").load_note_key("note-0", ORIGIN)]
    for size in (3, 300, 301):
        seal_to(sealer, log, size)
        note = parse_note(sealer.folder.read_checkpoint() or b"")
        found = verify_checkpoint(note, ORIGIN, keys)
        assert len(found.signatures) == 2
        path = sealer.prove_from(before.size)
        root = found.checkpoint.root
        check_consistency(before.size, size, before.root, root, path)
        before = sealer.state


def test_a_crash_before_publishing_is_made_good_by_the_next_process(tmp_path: Path) -> None:
    log = Entries(5)
    made_sealer(tmp_path, log).grow()  # signed, kept, not published
    again = made_sealer(tmp_path, log, create=False)
    assert again.folder.read_checkpoint() is None
    assert not again.grow()
    again.publish()
    first = again.folder.read_checkpoint()
    log.size = 9
    assert again.grow()
    third = made_sealer(tmp_path, log, create=False)
    assert third.folder.read_checkpoint() == first
    assert not third.grow()
    third.publish()
    note = parse_note(third.folder.read_checkpoint() or b"")
    assert parse_checkpoint(note.text).size == 9


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "name",
    [
        Tile(0, 1, 44).path(),
        Tile(1, 0, 1).path(),
        Tile(ENTRIES, 1, 44).path(),
        "checkpoint",
    ],
)
def test_every_flipped_byte_at_the_right_edge_stops_it_before_it_signs(
    tmp_path: Path, name: str
) -> None:
    log = Entries()
    seal_to(made_sealer(tmp_path, log), log, 300)
    path = tmp_path / "tiles" / name
    size = len(path.read_bytes())
    log.size = 301
    # Every byte of what is small; of a tile of 8 kB or a note of 3 kB every 29th.
    for at in range(0, size, 1 if size < 600 else 29):
        flip(path, at)
        with pytest.raises(FindingError) as caught:
            made_sealer(tmp_path, log, create=False).grow()
        assert caught.value.finding.code in {
            "tile.mismatch",
            "checkpoint.malformed",
            "checkpoint.signature_invalid",
        }
        flip(path, at)
    with CheckpointStore.open(tmp_path / "sealer.sqlite") as store:
        assert [signed.size for signed in store.checkpoints(ORIGIN)] == [300]
    assert made_sealer(tmp_path, log, create=False).grow()


def test_a_file_that_was_written_otherwise_before_stops_it(tmp_path: Path) -> None:
    log = Entries(300)
    folder = TileFolder(tmp_path / "tiles")
    folder.write(Tile(ENTRIES, 0, 256), b"somebody else's")
    with pytest.raises(FindingError) as caught:
        made_sealer(tmp_path, log).grow()
    assert caught.value.finding.code == "tile.differs"


class Rotting(TileFolder):
    """A disk that gives other bytes for a file than were written to it."""

    rots: Callable[[Tile], bool]

    def write(self, tile: Tile, data: bytes) -> None:
        if self.rots(tile):
            data = data[:-1] + bytes([data[-1] ^ 1])
        super().write(tile, data)


@pytest.mark.parametrize("level", [ENTRIES, 0, 1])
@pytest.mark.parametrize("is_partial", [False, True])
def test_what_was_written_is_read_back_and_hashed_again(
    tmp_path: Path, level: int, is_partial: bool
) -> None:
    """The bit that ended a public log: flipped between hashing and the disk."""
    size = 256 * 256 + 300
    sealer = made_sealer(tmp_path, Entries(size))
    rotting = Rotting(tmp_path / "tiles")
    rotting.rots = lambda tile: tile.level == level and (tile.width < 256) == is_partial
    sealer.folder = rotting
    with pytest.raises(FindingError) as caught:
        sealer.grow()
    assert caught.value.finding.code == "tile.mismatch"
    with CheckpointStore.open(tmp_path / "sealer.sqlite") as store:
        assert store.checkpoints(ORIGIN) == []


def test_of_two_sealers_one_stops(tmp_path: Path) -> None:
    log = Entries()
    one, two = made_sealer(tmp_path, log), made_sealer(tmp_path, log)
    assert not one.grow()
    assert not two.grow()
    log.size = 5
    assert one.grow()
    with pytest.raises(SealerDisplacedError, match="the last signed checkpoint has size 5"):
        two.grow()
    one.publish()
    log.size = 6
    assert one.grow()


def test_a_checkpoint_that_the_store_does_not_know_is_kept_as_evidence(tmp_path: Path) -> None:
    log = Entries()
    sealer = made_sealer(tmp_path, log)
    seal_to(sealer, log, 5)
    signers = KeyStore(tmp_path / "keys").load_note_key("note-0", ORIGIN)
    for size, code in (
        (5, "checkpoint.forked"),
        (4, "checkpoint.forked"),
        (9, "sealer.rolled_back"),
    ):
        text = Checkpoint(ORIGIN, size, b"\7" * 32).text()
        theirs = SignedNote(text, tuple(signer.sign(text, 1) for signer in signers)).encode()
        sealer.folder.write_checkpoint(theirs)
        with pytest.raises(FindingError) as caught:
            sealer.grow()
        assert caught.value.finding.code == code
        with CheckpointStore.open(tmp_path / "sealer.sqlite") as store:
            assert theirs in {kept[3] for kept in store.evidence()}
            assert [signed.size for signed in store.checkpoints(ORIGIN)] == [5]


def test_another_origins_checkpoint_in_its_place_is_refused(tmp_path: Path) -> None:
    log = Entries()
    sealer = made_sealer(tmp_path, log)
    seal_to(sealer, log, 5)
    signers = KeyStore(tmp_path / "keys").load_note_key("note-0", ORIGIN)
    text = Checkpoint("office/1", 5, b"\7" * 32).text()
    sealer.folder.write_checkpoint(
        SignedNote(text, tuple(signer.sign(text, 1) for signer in signers)).encode()
    )
    with pytest.raises(FindingError) as caught:
        sealer.grow()
    assert caught.value.finding.code == "checkpoint.malformed"


def test_an_unknown_tree_was_never_opened(tmp_path: Path) -> None:
    store = CheckpointStore.create(tmp_path / "sealer.sqlite", [TreeState("office/1")])
    signers = KeyStore(tmp_path / "keys").create_note_key("note-0", ORIGIN)
    with pytest.raises(Exception, match="sealing of office/0 was never opened"):
        TreeSealer(store, TileFolder(tmp_path), ORIGIN, signers, Entries().follow, Clock())


class Counting(TileFolder):
    """Counts the files that a round reads and writes."""

    count = 0

    def read(self, tile: Tile) -> bytes | None:
        self.count += 1
        return super().read(tile)

    def write(self, tile: Tile, data: bytes) -> None:
        self.count += 1
        super().write(tile, data)


def test_the_work_of_a_checkpoint_does_not_grow_with_the_log(tmp_path: Path) -> None:
    """One more entry costs some files for each level of tiles, of which there are few."""
    counts = []
    for size in (300, 66_000):
        log = Entries(size)
        sealer = made_sealer(tmp_path / str(size), log)
        assert sealer.grow()
        counting = Counting(sealer.folder.path)
        sealer.folder = counting
        log.size += 1
        assert sealer.grow()
        counts.append(counting.count)
    levels = 3  # of a log up to 256^3 entries
    assert counts[0] <= counts[1] <= 6 * (levels + 1)
