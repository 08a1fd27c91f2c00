"""The published tile trees of a ledger, as of one round of the log of checkpoints.

Everything that a bundle shows is read from here, not from the log: these bytes lie under roots that
were signed. What is read is checked against them before it goes into a bundle.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ledger.adapters.tile_folder import TileFolder
from ledger.app.submission import LedgerError
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.merkle import ProofError, check_inclusion, leaf_hash, prove_inclusion
from ledger.core.note import NoteError, SignedNote, parse_note
from ledger.core.tiles import ENTRIES, WIDTH_MAX, Tile, decode_bundle, nodes_of_tiles, width_at
from ledger.core.tlog_proof import TlogProof
from ledger.entry.checkpoint_log import (
    CHECKPOINTS,
    LoggedTree,
    RoundError,
    checkpoints_origin,
    parse_round,
)
from ledger.entry.officer_index import OfficerMap
from ledger.entry.officer_proof import Committed, parse_officer_map

_SEAL: str = "pal seal run seals what is recorded; for the first time, pal seal open"

FindCheckpoint = Callable[[str, int], bytes | None]
"""Origin and size to a checkpoint that was signed before; None where none was."""


class NotSealedError(LedgerError):
    """No checkpoint covers what a bundle is to show, or the published tree cannot be relied on."""

    code = "evidence.not_sealed"


class SealedTree:
    """One tree at the size of one of its checkpoints."""

    def __init__(self, folder: TileFolder, note: SignedNote) -> None:
        self._folder = folder
        self.note = note
        checkpoint = parse_checkpoint(note.text)
        self.origin, self.size, self.root = checkpoint.origin, checkpoint.size, checkpoint.root
        self._nodes = nodes_of_tiles(folder.read, self.size)
        self._bundle: tuple[int, list[bytes]] = (-1, [])

    def entry(self, index: int) -> bytes:
        """The entry at an index below the size; unchecked until `proof`."""
        number, place = divmod(index, WIDTH_MAX)
        if self._bundle[0] != number:
            self._bundle = (number, self._read_bundle(number))
        return self._bundle[1][place]

    def _read_bundle(self, number: int) -> list[bytes]:
        tile = Tile(ENTRIES, number, width_at(ENTRIES, number, self.size))
        data, width = self._folder.read(tile), tile.width
        if data is None:
            # Once the full bundle is there the partial one may be removed.
            data, width = self._folder.read(tile.full()), WIDTH_MAX
        if data is None:
            raise _unreliable(self.origin, f"{tile.path()} is not there")
        try:
            return decode_bundle(data, width)[: tile.width]
        except ProofError as error:
            raise _unreliable(self.origin, str(error)) from error

    def proof(self, index: int, entry: bytes) -> bytes:
        """The proof file of an entry that stands at an index; raises `NotSealedError`."""
        try:
            path = prove_inclusion(index, self.size, self._nodes)
            check_inclusion(index, self.size, leaf_hash(entry), path, self.root)
        except ProofError as error:
            raise _unreliable(self.origin, str(error)) from error
        return TlogProof(index, path, self.note).encode()

    def last_leaf(self) -> bytes:
        """The leaf hash of the last entry."""
        return self._nodes(0, self.size - 1)

    def token(self) -> bytes | None:
        """The RFC 3161 token of the checkpoint, where there is one."""
        return self._folder.read_timestamp(self.size)

    def officers(self, committed: LoggedTree) -> OfficerMap:
        """The officer index at this size; raises `NotSealedError`."""
        data = self._folder.read_officers(self.size)
        if data is None:
            msg = f"{self.origin}: no officer index of size {self.size} is published"
            raise NotSealedError(msg, next_step=_SEAL)
        root = bytes.fromhex(committed.officers_root)
        try:
            return parse_officer_map(
                data, Committed(self.origin, self.size, committed.officers, root)
            )
        except ProofError as error:
            raise _unreliable(self.origin, str(error)) from error


class SealedLedger:
    """The newest round that is published, and the tree of each log as it was then."""

    def __init__(self, folder: Path, name: str, logs: int, find: FindCheckpoint) -> None:
        self._folder = folder
        self.name = name
        self.logs = logs
        self._find = find
        self._trees: dict[int, SealedTree] = {}
        self.rounds = self._newest(CHECKPOINTS, checkpoints_origin(name))
        if not self.rounds.size:
            msg = f"no round of checkpoints of {name} was sealed yet"
            raise NotSealedError(msg, next_step=_SEAL)
        self.round_index = self.rounds.size - 1
        self.round_data = self.rounds.entry(self.round_index)
        try:
            self.round = parse_round(self.round_data)
        except RoundError as error:
            raise _unreliable(self.rounds.origin, str(error)) from error
        origins = [f"{name}/{log}" for log in range(logs)]
        if [log.origin for log in self.round.logs] != origins:
            raise _unreliable(self.rounds.origin, f"the newest round does not name {origins}")

    def size(self, log: int) -> int:
        """How many entries of a log the round covers."""
        return self.round.logs[log].size

    def tree(self, log: int) -> SealedTree:
        """A log's tree at its size in the round; raises `NotSealedError`."""
        if log in self._trees:
            return self._trees[log]
        committed = self.round.logs[log]
        tree = self._newest(str(log), committed.origin)
        if tree.size != committed.size:
            # The log was sealed again, and the round that says so is on its way.
            data = self._find(committed.origin, committed.size)
            if data is None:
                msg = f"the checkpoint of {committed.origin} at {committed.size} is not there"
                raise NotSealedError(msg, next_step="try again once this sealing has ended")
            tree = SealedTree(TileFolder(self._folder / str(log)), parse_note(data))
        if (tree.size, tree.root.hex()) != (committed.size, committed.root):
            message = f"the checkpoint of size {tree.size} is not the one of the round"
            raise _unreliable(committed.origin, message)
        self._trees[log] = tree
        return tree

    def _newest(self, name: str, origin: str) -> SealedTree:
        folder = TileFolder(self._folder / name)
        data = folder.read_checkpoint()
        if data is None:
            msg = f"no checkpoint of {origin} is published in {folder.path}"
            raise NotSealedError(msg, next_step=_SEAL)
        try:
            tree = SealedTree(folder, parse_note(data))
        except NoteError as error:
            raise _unreliable(origin, str(error)) from error
        if tree.origin != origin:
            raise _unreliable(origin, f"a checkpoint of {tree.origin} is published here")
        return tree


def _unreliable(origin: str, message: str) -> NotSealedError:
    return NotSealedError(
        f"{origin}: {message}", next_step="pal verify tells whether log and tree were altered"
    )
