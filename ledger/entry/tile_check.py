"""Every file of a published tile tree against the root that its log signed.

From below: entry bundles give leaf hashes, these the tiles of every level, these the root. Where
anything differs, the tiles are followed from the signed root down (`tile_descent`), so that the
file that is rotten is named, and not whatever is hashed from it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ledger.core.chain import EMPTY_HEAD
from ledger.core.findings import Finding, Verdict
from ledger.core.merkle import HASH_BYTES, complete_root, leaf_hashes, read_root
from ledger.core.tiles import (
    ENTRIES,
    WIDTH_MAX,
    Tile,
    TileReader,
    nodes_of_tiles,
    split_hashes,
    width_at,
)
from ledger.entry.checkpoint_check import CheckpointCheck
from ledger.entry.found import Found
from ledger.entry.tile_descent import Descent, TileFault, read_bundle, read_hashes
from ledger.entry.verification import Step, Verification

TILE_STEPS: Final = ("entry bundles of the tile tree", "tiles of every level")
_ABSENT_MAX: Final = 1_000
"""So many numbers without a file, and no more are looked for: the size is not that of this tree."""


class BundleFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the files of one number of level 0 hold: of a full one its root, else its leaf hashes.

    `hashes` comes from the bundle, or from the tile where the bundle cannot be read; it is empty
    where neither can. `is_whole` where the two agree.
    """

    hashes: bytes
    is_whole: bool


def bundle_facts(read: TileReader, number: int, size: int) -> tuple[BundleFacts, list[bytes]]:
    """The facts of bundle and tile `number` in a tree of `size`, and the entries of the bundle."""
    data = read_hashes(read, Tile(0, number, width_at(0, number, size)))
    entries, _ = read_bundle(read, number, size)
    hashes = b"".join(leaf_hashes(entries)) if entries else data
    is_whole = bool(entries) and hashes == data
    if len(hashes) == WIDTH_MAX * HASH_BYTES:
        hashes = complete_root(hashes)
    return BundleFacts(hashes, is_whole), entries


def bundle_count(size: int) -> int:
    """How many bundles a tree of `size` has."""
    return -(-size // WIDTH_MAX)


class TreeCheck:
    """One tree of `size` under a signed `root`. `add` the facts of each bundle in order, `finish`.

    Memory: the right edge, 255 hashes a level.
    """

    def __init__(self, read: TileReader, origin: str, size: int, root: bytes) -> None:
        self.size = size
        self.origin = origin
        self._read = read
        self._expected = root
        self._edge: list[list[bytes]] = [[]]
        self._number = self._tiles = self._absent = 0
        self._is_right = True
        self._faults: list[TileFault] = []

    @property
    def is_hopeless(self) -> bool:
        """Whether so much is missing that going on tells nothing more."""
        return self._absent >= _ABSENT_MAX

    def add(self, facts: BundleFacts) -> None:
        """Take what the files of the next number of level 0 hold."""
        number, self._number = self._number, self._number + 1
        self._tiles += 1
        self._is_right &= facts.is_whole
        if not facts.hashes:
            self._absent += 1
        if width_at(0, number, self.size) == WIDTH_MAX:
            self._grow(facts.hashes or bytes(HASH_BYTES))
        else:
            self._edge[0] = split_hashes(facts.hashes)

    def _grow(self, value: bytes) -> None:
        """The next full tile of level 0 has this root."""
        level = 1
        while True:
            if level == len(self._edge):
                self._edge.append([])
            hashes = self._edge[level]
            hashes.append(value)
            if len(hashes) < WIDTH_MAX:
                return
            number = self._number // WIDTH_MAX**level - 1
            joined = b"".join(hashes)
            self._compare(Tile(level, number, WIDTH_MAX), joined)
            value, level = complete_root(joined), level + 1
            hashes.clear()

    def _compare(self, tile: Tile, expected: bytes) -> None:
        self._tiles += 1
        self._is_right &= read_hashes(self._read, tile) == expected

    def finish(self) -> bytes | None:
        """The root that the files lead to, each as far as it can be read; None where that is not
        the whole tree."""
        if self._number < bundle_count(self.size):
            tile = Tile(ENTRIES, self._number, width_at(ENTRIES, self._number, self.size))
            self._faults.append(
                TileFault(tile, True, f"{self._absent} files before this are not there", 0)
            )
            return None
        edge = edge_of(self._edge, self.size)
        for tile, hashes in edge.items():
            if tile.level:
                self._compare(tile, hashes)
        root = None if self._absent else read_root(self.size, nodes_of_tiles(edge.get, self.size))
        if not self._is_right or root != self._expected:
            descent = Descent(self._read, self.size, self._expected, edge)
            self._faults += descent.run()
            if descent.is_of_root:
                return self._expected
        return root

    def findings(self) -> list[Finding]:
        """Each file that is missing or rotten, with the first entry that it is wrong about."""
        return [
            Finding(
                code="tile.missing" if fault.is_missing else "tile.rotten",
                verdict=Verdict.FAILED,
                message=f"{fault.tile.path()}: {fault.what}",
                origin=self.origin,
                index=fault.index,
                expected=fault.expected,
                actual=fault.actual,
                next_step="keep the file; publish it again from the log, or copy it from a mirror",
            )
            for fault in self._faults
        ]

    def steps(self) -> list[Step]:
        """The steps of the tree; numbers are the caller's."""
        levels = {fault.tile.level == ENTRIES for fault in self._faults}
        counts = (self._number, self._tiles)
        return [
            Step(0, title, count, Verdict.FAILED if is_bundle in levels else Verdict.PASSED)
            for title, count, is_bundle in zip(TILE_STEPS, counts, (True, False), strict=True)
            if count or is_bundle in levels
        ]


def edge_of(levels: list[list[bytes]], size: int) -> dict[Tile, bytes]:
    """The partial tiles of a tree of `size` from the hashes of each level."""
    edge = {}
    for level, hashes in enumerate(levels):
        number, width = divmod(size >> (8 * level), WIDTH_MAX)
        if width:
            edge[Tile(level, number, width)] = b"".join(hashes)
    return edge


def verify_leaves(tree: TreeCheck, checkpoints: CheckpointCheck | None) -> Verification:
    """The verdict over a tree whose leaves are of any kind: its files, and its checkpoints.

    `tree` has all bundles; `checkpoints` is None where no policy is pinned.
    """
    root = tree.finish()
    found = Found()
    for finding in tree.findings():
        found.report(finding, is_of_step=False)
    summary, others = None, list[Step]()
    if tree.size == 0:
        empty = Finding(
            code="log.empty",
            verdict=Verdict.INDETERMINATE,
            message="no entries were checked",
            origin=tree.origin,
        )
        found.report(empty)
    if checkpoints is None:
        found.report(unsigned_tree(tree.origin), is_of_step=False)
    else:
        if root is not None:
            checkpoints.compare(tree.size, root)
        summary = checkpoints.finish(tree.size)
        for finding in checkpoints.findings:
            found.report(finding, is_of_step=False)
        others = checkpoints.steps()
    return Verification(
        verdict=found.verdict,
        findings=found.findings,
        more_findings=found.more,
        steps=found.steps((), [*tree.steps(), *others]),
        first_bad_index=found.first_bad,
        entries=tree.size,
        links=0,
        stream_links=0,
        signatures=0,
        strays=0,
        voids=0,
        origin=tree.origin,
        genesis_leaf="",
        head=EMPTY_HEAD,
        recorded_at="",
        root="" if root is None else root.hex(),
        checkpoints=summary,
    )


def unsigned_tree(origin: str) -> Finding:
    """No policy says whose signature counts: the tree agrees with itself, whoever wrote it."""
    return Finding(
        code="trust.not_pinned",
        verdict=Verdict.INDETERMINATE,
        message="no policy names the keys of this tree: it agrees with itself, whoever wrote it",
        origin=origin,
        expected=f"a policy with log {origin}+…",
        next_step="name the policy that was kept elsewhere: --policy FILE",
    )
