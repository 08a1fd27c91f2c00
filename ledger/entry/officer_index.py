"""The officer index: how many entries of a log each officer made, and which, under one hash.

For each officer, count and RFC 6962 root over the leaf hashes of the entries of that officer, in
the order of the log; over all officers, sorted by the bytes of their ids, one more RFC 6962 tree,
the map. Its root stands in the log of checkpoints, so a sealer cannot later show fewer entries of
an officer than it committed to, and whoever has the log recomputes the root
(docs/formats/officer-index.md).

An entry is an officer's where its action's actor has the kind `officer`, by the actor's own id,
whoever it acts for. Void entries count: they are in the log.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from ledger.core.merkle import EMPTY_ROOT, RootAccumulator, leaf_hash, node_hash
from ledger.entry.entry import Entry

_LABEL: Final = "pal/officer/v1"


class OfficerLeaf(msgspec.Struct, frozen=True):
    """One leaf of the map: an officer, how many entries, and the root over their leaf hashes."""

    officer: str
    count: int
    root: bytes

    def hash(self) -> bytes:
        """The hash of this leaf of the map.

        An id may hold any letter, but what follows it cannot: read from its end, no two leaves have
        the same bytes.
        """
        text = f"{_LABEL}\n{self.officer}\n{self.count}\n{self.root.hex()}\n"
        return leaf_hash(text.encode())


class OfficerRow(NamedTuple):
    """What must be kept of one officer to go on counting: how many `entries`, and `peaks` as
    `RootAccumulator` has them."""

    officer: str
    entries: int
    peaks: bytes


class _Acted(msgspec.Struct):
    """The one field of an action that says whose it is; whatever stands there."""

    actor: Any = None


_acted_decoder: Final = msgspec.json.Decoder(_Acted)


def officer_of(entry: Entry) -> str | None:
    """The officer whose entry this is, None where it is nobody's of that kind."""
    if entry.typed is None:
        return officer_in(entry.action_bytes)
    actor = entry.typed.actor
    return actor.id if actor.kind == "officer" else None


def officer_in(action: bytes) -> str | None:
    """The same from the action's bytes, which are canonical JSON of an object.

    A void entry may be no action that this software can type: kind and id are looked for where they
    would stand.
    """
    actor = _acted_decoder.decode(action).actor
    if not isinstance(actor, dict) or actor.get("kind") != "officer":
        return None
    officer = actor.get("id")
    return officer if isinstance(officer, str) and officer else None


class OfficerMap:
    """The map of one log at one size: its leaves by officer, and the tree over them.

    The levels of the tree are kept: a leaf that changed costs one path, a new officer the levels
    anew.
    """

    def __init__(self, leaves: Iterable[OfficerLeaf] = ()) -> None:
        self._leaves = {leaf.officer: leaf for leaf in leaves}
        self._keys = sorted(map(str.encode, self._leaves))
        self._build([self._leaves[key.decode()].hash() for key in self._keys])

    def __len__(self) -> int:
        return len(self._keys)

    def leaves(self) -> list[OfficerLeaf]:
        """Every leaf in the order of the map."""
        return [self.leaf_at(position) for position in range(len(self._keys))]

    def leaf_at(self, position: int) -> OfficerLeaf:
        """The leaf at a position from 0."""
        return self._leaves[self._keys[position].decode()]

    def place_of(self, officer: str) -> tuple[int, bool]:
        """The position of an officer, and whether the leaf there is really that officer's."""
        return bisect_left(self._keys, officer.encode()), officer in self._leaves

    def root(self) -> bytes:
        """The root over all leaves."""
        return self._levels[-1][0] if self._keys else EMPTY_ROOT

    def path_at(self, position: int) -> tuple[bytes, ...]:
        """The inclusion proof of the leaf at a position, sibling first."""
        path: list[bytes] = []
        for level in self._levels[:-1]:
            if position ^ 1 < len(level):
                path.append(level[position ^ 1])
            position >>= 1
        return tuple(path)

    def update(self, leaves: Sequence[OfficerLeaf]) -> None:
        """Put in leaves for the ones of the same officers, and new officers where they belong."""
        fresh = [leaf.officer.encode() for leaf in leaves if leaf.officer not in self._leaves]
        self._leaves.update((leaf.officer, leaf) for leaf in leaves)
        if fresh:
            known = dict(zip(self._keys, self._levels[0], strict=True))
            known.update((leaf.officer.encode(), leaf.hash()) for leaf in leaves)
            self._keys = sorted(known)
            self._build([known[key] for key in self._keys])
            return
        changed = set()
        for leaf in leaves:
            position, _ = self.place_of(leaf.officer)
            self._levels[0][position] = leaf.hash()
            changed.add(position >> 1)
        for below, level in zip(self._levels, self._levels[1:], strict=False):
            for position in changed:
                level[position] = _parent(below, position)
            changed = {position >> 1 for position in changed}

    def _build(self, hashes: list[bytes]) -> None:
        self._levels = [hashes]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            self._levels.append([_parent(below, at) for at in range((len(below) + 1) // 2)])


def _parent(below: Sequence[bytes], position: int) -> bytes:
    """The node above two of a level; an odd last one is carried up as it is."""
    left, right = 2 * position, 2 * position + 1
    return node_hash(below[left], below[right]) if right < len(below) else below[left]


class OfficerIndex:
    """The fold of a log's entries: add each one that counts, in order.

    `rows` are those of an index that went before; only officers who acted since then are hashed
    again.
    """

    def __init__(self, rows: Iterable[OfficerRow] = ()) -> None:
        self._roots = {row.officer: RootAccumulator.resume(row.entries, row.peaks) for row in rows}
        self._map = OfficerMap(self._leaf(officer) for officer in self._roots)
        self._unmapped: set[str] = set()
        self._untaken: set[str] = set()

    def add(self, entry: Entry) -> None:
        """Count an entry in, void or not; `entry` is the next one of its log."""
        officer = officer_of(entry)
        if officer is not None:
            self.add_leaf(officer, bytes.fromhex(entry.leaf))

    def add_leaf(self, officer: str, leaf: bytes) -> None:
        """Count one entry of an officer in by its leaf hash."""
        root = self._roots.get(officer)
        if root is None:
            root = self._roots[officer] = RootAccumulator()
        root.append(leaf)
        self._unmapped.add(officer)
        self._untaken.add(officer)

    def map(self) -> OfficerMap:
        """The map over everything added so far. It changes with what is added later."""
        self._map.update([self._leaf(officer) for officer in self._unmapped])
        self._unmapped.clear()
        return self._map

    def take_changed_rows(self) -> list[OfficerRow]:
        """The rows of officers who acted since they were last taken, by id. Who cannot keep them
        begins again from the rows that are kept.
        """
        rows = [self._row(officer) for officer in sorted(self._untaken)]
        self._untaken.clear()
        return rows

    def _row(self, officer: str) -> OfficerRow:
        root = self._roots[officer]
        return OfficerRow(officer, root.size, root.peaks())

    def _leaf(self, officer: str) -> OfficerLeaf:
        root = self._roots[officer]
        return OfficerLeaf(officer, root.size, root.root())
