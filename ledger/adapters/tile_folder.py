"""A published tile tree in a folder, as any web server or memory stick may hand it on.

Below the folder lie `checkpoint`, `tile/…` (C2SP tlog-tiles), `timestamps/<size>.tsr` (an RFC 3161
token over the checkpoint's text) and `officers/<size>` (the officer index of that size). A file is
whole or not there: it is written under another name, synced, renamed, and its folder synced.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Final

from ledger.adapters.trust import sync_folder
from ledger.app.sealing import SealerDisplacedError
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import prove_inclusion
from ledger.core.note import SignedNote, parse_note
from ledger.core.tiles import (
    ENTRIES,
    WIDTH_MAX,
    Tile,
    TileError,
    decode_bundle,
    nodes_of_tiles,
    width_at,
)
from ledger.core.tlog_proof import TlogProof

CHECKPOINT_FILE: Final = "checkpoint"
_OFFICERS: Final = "officers"
_UNFINISHED: Final = ".unfinished"
_PUBLIC_FILE: Final = 0o644
"""What is published is meant to be read by the web server that hands it on."""


class TileFolder:
    """One tree. Everything but the checkpoint is written once: what is there already must hold the
    same bytes, or `FindingError` (`tile.differs`) is raised and nothing is changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsynced: set[Path] = set()

    def read(self, tile: Tile) -> bytes | None:
        """The bytes of a tile or bundle; None where there is no such file."""
        return _read(self.path / tile.path())

    def write(self, tile: Tile, data: bytes) -> None:
        """Publish a tile or bundle; it is there after a power cut once `sync` has returned."""
        self._write_once(tile.path(), data)

    def sync(self) -> None:
        """Put the names of everything written on the disk, each folder once."""
        while self._unsynced:
            folder = next(iter(self._unsynced))
            sync_folder(folder)
            self._unsynced.remove(folder)

    def read_checkpoint(self) -> bytes | None:
        """The newest checkpoint as published, unverified; None where none is."""
        return _read(self.path / CHECKPOINT_FILE)

    def write_checkpoint(self, data: bytes) -> None:
        """Publish a checkpoint in place of the one before, in one step."""
        self._replace(self.path / CHECKPOINT_FILE, data)
        self.sync()

    def read_timestamp(self, size: int) -> bytes | None:
        """The RFC 3161 token over the text of the checkpoint of `size`; None where none is."""
        return _read(self.path / _timestamp(size))

    def write_timestamp(self, size: int, token: bytes) -> None:
        """Publish the token of the checkpoint of `size`."""
        self._write_once(_timestamp(size), token)
        self.sync()

    def read_officers(self, size: int) -> bytes | None:
        """The officer index of `size`; None where none is published."""
        return _read(self.path / _officers(size))

    def write_officers(self, size: int, data: bytes) -> None:
        """Publish the officer index of `size`."""
        self._write_once(_officers(size), data)
        self.sync()

    def forget_officers(self, *, but: Collection[int]) -> None:
        """Remove the officer indexes of all sizes `but` these: each says all of its log's officers,
        and whoever has the log makes any of them again."""
        for path in (self.path / _OFFICERS).glob("*"):
            if path.name not in map(str, but):
                path.unlink(missing_ok=True)

    def drop_partials(self, tile: Tile) -> None:
        """Remove the partial tiles that the full `tile` took the place of (C2SP tlog-tiles)."""
        full = self.path / tile.full().path()
        partials = full.with_name(f"{full.name}.p")
        if full.exists() and partials.exists():
            for path in partials.iterdir():
                path.unlink(missing_ok=True)
            partials.rmdir()

    def clear_unfinished(self) -> None:
        """Remove what a crash left half written; only whoever alone writes here may call it."""
        for path in (self.path / _UNFINISHED).glob("*"):
            path.unlink(missing_ok=True)

    def _write_once(self, name: str, data: bytes) -> None:
        path = self.path / name
        there = _read(path)
        if there is None:
            self._replace(path, data)
            return
        if there != data:
            raise _differs(path, there, data)
        # Named by a process that was killed before it synced the folder, perhaps.
        self._unsynced.add(path.parent)

    def _replace(self, path: Path, data: bytes) -> None:
        for folder in (self.path / _UNFINISHED, path.parent):
            _make_folder(folder)
        unfinished = self.path / _UNFINISHED / secrets.token_hex(8)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PUBLIC_FILE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except FileNotFoundError as error:
            msg = f"another process removed what this one wrote in {self.path}"
            raise SealerDisplacedError(msg, next_step="one sealer for a ledger") from error
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        self._unsynced.add(path.parent)


def _timestamp(size: int) -> str:
    return f"timestamps/{size}.tsr"


def _officers(size: int) -> str:
    return f"{_OFFICERS}/{size}"


def _read(path: Path) -> bytes | None:
    try:
        # Whole and once: a buffer beside it would only cost.
        with path.open("rb", buffering=0) as file:
            return file.readall()
    except FileNotFoundError:
        return None


def _make_folder(path: Path) -> None:
    """The folder and those above it, each name synced where it was made."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def _differs(path: Path, there: bytes, data: bytes) -> FindingError:
    at = next(
        (at for at, (a, b) in enumerate(zip(there, data, strict=False)) if a != b),
        min(len(there), len(data)),
    )
    return FindingError(
        Finding(
            code="tile.differs",
            verdict=Verdict.FAILED,
            message=f"{path} was published with other bytes than the log gives now",
            expected=f"{len(data)} bytes, from byte {at} {data[at : at + 16].hex()}",
            actual=f"{len(there)} bytes, from byte {at} {there[at : at + 16].hex()}",
            next_step="keep the file as evidence; pal verify tells whether the log was altered",
        )
    )


def read_entry(folder: TileFolder, index: int, size: int) -> bytes:
    """The entry at `index` of the tree of `size`, from its bundle; raises `TileError`."""
    number, place = divmod(index, WIDTH_MAX)
    if not 0 <= index < size:
        msg = f"entry {index} lies outside a tree of {size}"
        raise TileError(msg)
    tile = Tile(ENTRIES, number, width_at(ENTRIES, number, size))
    data, width = folder.read(tile), tile.width
    if data is None:
        # Once the full bundle is there the partial one may be removed.
        data, width = folder.read(tile.full()), WIDTH_MAX
    if data is None:
        msg = f"{tile.path()} is not there"
        raise TileError(msg)
    return decode_bundle(data, width)[place]


def prove_entry(folder: TileFolder, index: int) -> TlogProof:
    """The proof that entry `index` stands under the published checkpoint.

    Nothing is verified: `ledger.entry.note_keys.verify_tlog_proof` does that, for whoever doubts.
    Raises `TileError` where the tree is not there or too small, `NoteError` for a checkpoint that
    is none.
    """
    data = folder.read_checkpoint()
    if data is None:
        msg = f"no checkpoint is published in {folder.path}"
        raise TileError(msg)
    note = parse_note(data)
    return prove_under(folder, index, note)


def prove_under(folder: TileFolder, index: int, note: SignedNote) -> TlogProof:
    """The same under any checkpoint of this tree that was signed before."""
    size = parse_checkpoint(note.text).size
    path = prove_inclusion(index, size, nodes_of_tiles(folder.read, size))
    return TlogProof(index, path, note)
