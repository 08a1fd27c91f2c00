"""What was signed of a tree last, found again where the sealer's store is lost.

Three things must agree to the byte before anything is believed: the published checkpoint, the
published files, and the log as it lies there now. What was written behind the checkpoint may have
been signed and never published: the log must hold it too, so that whatever is signed from here on
is of the same history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ledger.app.growth import grow, mismatch
from ledger.app.sealing import Counted, LogFollower, TreeState
from ledger.core.checkpoint import SIZE_MAX, Checkpoint
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import EMPTY_ROOT, HASH_BYTES, RootAccumulator, leaf_hash
from ledger.core.tiles import (
    ENTRIES,
    WIDTH_MAX,
    Tile,
    TileError,
    TileReader,
    decode_bundle,
    width_at,
)
from ledger.entry.checkpoint_log import LoggedTree
from ledger.entry.officer_index import OfficerIndex, OfficerRow
from ledger.entry.tile_descent import read_bundle

Advance = Callable[[int], None]
"""Told of so many further entries that were read."""


class _Compared:
    """Published files that are compared where a sealer would write them."""

    def __init__(self, read: TileReader) -> None:
        self.read = read

    def write(self, tile: Tile, data: bytes) -> None:
        there = self.read(tile)
        if there != data:
            what = "is not there" if there is None else "does not hold what the log gives"
            msg = f"{tile.path()} {what}"
            raise TileError(msg)

    def sync(self) -> None:
        """Nothing was written."""


class LogReread:
    """A log read anew from its beginning, under its published `checkpoint`.

    `named` is what entries of the log of checkpoints say of this log; each must be true.
    """

    def __init__(
        self,
        read: TileReader,
        follower: LogFollower,
        checkpoint: Checkpoint,
        named: Sequence[LoggedTree],
        advance: Advance,
    ) -> None:
        self._read = read
        self._follower = follower
        self._checkpoint = checkpoint
        self._named = {tree.size: tree for tree in named if tree.size}
        self._advance = advance
        self._roots = RootAccumulator()
        self._officers = OfficerIndex()
        self._last = Counted(-1, b"", bytes(HASH_BYTES))

    def run(self) -> tuple[TreeState, list[OfficerRow]]:
        """What a store keeps of it, but for the note. Raises `FindingError` where anything of it
        does not agree."""
        origin = self._checkpoint.origin
        size, root = grow(_Compared(self._read), origin, 0, EMPTY_ROOT, self._signed())
        _check_root(origin, "published checkpoint", size, self._checkpoint.root, root)
        officers = self._officers.map()
        state = TreeState(
            origin,
            size,
            root,
            b"",
            self._follower.position,
            self._last.leaf.hex(),
            self._last.position,
            len(officers),
            officers.root(),
        )
        told = self._named.get(size)
        if told is not None and (told.officers, told.officers_root) != (
            len(officers),
            officers.root().hex(),
        ):
            raise self._failed(
                "officers.root_mismatch",
                "the log of checkpoints names another officer index than the log gives",
                f"{told.officers} officers, root {told.officers_root}",
                f"{len(officers)} officers, root {officers.root().hex()}",
            )
        self._check_behind(size)
        return state, self._officers.take_changed_rows()

    def _signed(self) -> Iterator[tuple[bytes, bytes]]:
        size = self._checkpoint.size
        for counted in self._entries(size):
            self._last = counted
            if counted.entry is not None:
                self._officers.add(counted.entry)
            yield counted.data, counted.leaf
        if self._roots.size < size:
            raise self._truncated("its published checkpoint covers", size)

    def _check_behind(self, size: int) -> None:
        """The log holds what was written behind its checkpoint, signed or not."""
        entries = self._entries(SIZE_MAX)
        for index, data in enumerate(_written_behind(self._checkpoint.origin, self._read, size)):
            counted = next(entries, None)
            if counted is None:
                raise self._truncated("what lies in its published bundles covers", size + index + 1)
            if counted.data != data:
                msg = f"entry {size + index} of a published bundle is not the one of the log"
                raise mismatch(self._checkpoint.origin, msg)
        largest = max(self._named, default=0)
        while self._roots.size < largest:
            if next(entries, None) is None:
                raise self._truncated("the log of checkpoints names", largest)

    def _entries(self, limit: int) -> Iterator[Counted]:
        for counted in self._follower.entries(limit):
            self._roots.append(counted.leaf)
            self._advance(1)
            told = self._named.get(self._roots.size)
            if told is not None:
                root = bytes.fromhex(told.root)
                _check_root(told.origin, "log of checkpoints", told.size, root, self._roots.root())
            yield counted

    def _truncated(self, who: str, size: int) -> FindingError:
        return self._failed(
            "log.truncated",
            f"the log ends before what {who}",
            f"{size} entries",
            f"{self._roots.size} entries",
        )

    def _failed(self, code: str, message: str, expected: str, actual: str) -> FindingError:
        return _failed(code, self._checkpoint.origin, message, expected, actual)


def reread_rounds(read: TileReader, checkpoint: Checkpoint) -> tuple[TreeState, list[bytes]]:
    """What a store keeps of the log of checkpoints, but for the note; and its entries from the
    newest signed one on, those that were never published among them.

    Its only copy is what is published. Raises `FindingError` where that does not lead to the
    signed root.
    """
    origin, signed_size, last = checkpoint.origin, checkpoint.size, b""

    def signed() -> Iterator[tuple[bytes, bytes]]:
        nonlocal last
        for number in range(-(-signed_size // WIDTH_MAX)):
            entries, fault = read_bundle(read, number, signed_size)
            if fault:
                tile = Tile(ENTRIES, number, width_at(ENTRIES, number, signed_size))
                msg = f"{tile.path()} {fault}"
                raise TileError(msg)
            for last in entries:
                yield last, leaf_hash(last)

    size, root = grow(_Compared(read), origin, 0, EMPTY_ROOT, signed())
    if root != checkpoint.root:
        msg = f"{size} entries lead to {root.hex()}, signed was {checkpoint.root.hex()}"
        raise mismatch(origin, msg)
    state = TreeState(origin, size, root, b"", size, leaf_hash(last).hex(), size - 1)
    return state, [last, *_written_behind(origin, read, size)]


def _written_behind(origin: str, read: TileReader, size: int) -> Iterator[bytes]:
    """The entries in bundles behind a tree of `size`, in their order; raises `FindingError`."""
    number, place = divmod(size, WIDTH_MAX)
    known, _ = read_bundle(read, number, size) if place else ([], "")
    while True:
        try:
            known = _longest(read, number, known)
        except TileError as error:
            raise mismatch(origin, str(error)) from error
        yield from known[place:]
        if len(known) < WIDTH_MAX:
            return
        number, place, known = number + 1, 0, []


def _longest(read: TileReader, number: int, known: list[bytes]) -> list[bytes]:
    """A bundle that begins with `known`, at the largest width at which it was written.

    What it was at each width must begin like it was before.
    """
    for width in range(len(known) + 1, WIDTH_MAX + 1):
        tile = Tile(ENTRIES, number, width)
        data = read(tile)
        if data is None:
            continue
        entries = decode_bundle(data, width)
        if entries[: len(known)] != known:
            msg = f"{tile.path()} is not the one before it, grown"
            raise TileError(msg)
        known = entries
    return known


def _check_root(origin: str, who: str, size: int, expected: bytes, actual: bytes) -> None:
    if expected != actual:
        raise _failed(
            "checkpoint.root_mismatch",
            origin,
            f"{who}: the {size} entries of this log are not those of the checkpoint",
            expected.hex(),
            actual.hex(),
        )


def _failed(code: str, origin: str, message: str, expected: str, actual: str) -> FindingError:
    return FindingError(
        Finding(
            code=code,
            verdict=Verdict.FAILED,
            message=message,
            origin=origin,
            expected=expected,
            actual=actual,
            next_step="nothing was made; keep a copy of log and tiles, then pal verify",
        )
    )
