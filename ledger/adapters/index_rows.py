"""The rows of an index file: layout, checksums, and one statement for all rows of a kind.

Fixed widths make a blob a table: SQLite works through such a statement without Python's lock, so
the writer's event loop goes on meanwhile.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Sequence
from struct import Struct
from typing import Final, NamedTuple
from uuid import UUID
from zlib import crc32

import msgspec

from ledger.adapters.transaction import transaction
from ledger.app.group import SealedEntry
from ledger.app.index_tables import (
    BEFORE,
    BEFORE_AT,
    ROW,
    ROW_BYTES,
    Kept,
    Run,
    SeenStray,
    Standing,
    StrayRecord,
)
from ledger.app.submission import LedgerError, Place
from ledger.core.action import ID_PATTERN
from ledger.core.chain import ZERO_LINK

BLOCK_ENTRIES: Final = 128
NO_ID: Final = "00000000-0000-0000-0000-000000000000"
"""In place of an id where there is none, or one that is no UUIDv7."""

_CHECK: Final = Struct("<I")
_BLOCK_BYTES: Final = BLOCK_ENTRIES * ROW_BYTES + _CHECK.size
_ACTION_ID = re.compile(ID_PATTERN)
_ACTION_IDS = re.compile("(?:" + ID_PATTERN[len(r"\A") : -len(r"\Z")] + f"|{NO_ID})*")
_ID_LENGTH: Final = len(NO_ID)

SCHEMA: Final = """
CREATE TABLE cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1), origin TEXT NOT NULL, genesis TEXT NOT NULL,
    position INTEGER NOT NULL, size INTEGER NOT NULL, leaf TEXT NOT NULL,
    recorded_at TEXT NOT NULL, mark INTEGER NOT NULL) STRICT;
CREATE TABLE block (number INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE place (id BLOB PRIMARY KEY, idx INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE odd_place (id TEXT PRIMARY KEY, idx INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE stream (
    name TEXT PRIMARY KEY, version INTEGER NOT NULL, idx INTEGER NOT NULL, leaf TEXT NOT NULL,
    mark INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE own (number INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE stray (
    number INTEGER PRIMARY KEY, position INTEGER NOT NULL, reason TEXT NOT NULL,
    leaf TEXT NOT NULL, recorded_at TEXT NOT NULL, idx INTEGER NOT NULL) STRICT;
CREATE TABLE run (start INTEGER PRIMARY KEY, drift INTEGER NOT NULL) STRICT;
CREATE TABLE silent (idx INTEGER PRIMARY KEY) STRICT;
"""

_NUMBERS: Final = (
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1) "
)
_INSERT_PLACES: Final = _NUMBERS + (  # noqa: S608 - constants only
    "INSERT OR IGNORE INTO place SELECT substr(?2, i * 16 + 1, 16), ?3 + i FROM n"
    " WHERE substr(?2, i * 16 + 1, 16) <> zeroblob(16) ORDER BY 1, 2"
)
_INSERT_BLOCKS: Final = _NUMBERS + (  # noqa: S608 - constants only
    "INSERT OR REPLACE INTO block SELECT ?3 + i, substr(?2, i * ?4 + 1, ?4) FROM n"
)
_INSERT_STREAMS: Final = (
    "INSERT OR REPLACE INTO stream SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3,"
    " value ->> 4 FROM json_each(?)"
)
_FIND_PLACES: Final = _NUMBERS + (  # noqa: S608 - constants only
    "SELECT n.i, place.idx FROM n CROSS JOIN place ON place.id = substr(?2, n.i * 16 + 1, 16)"
)
_FIND_ODD_PLACES: Final = (
    "SELECT id, idx FROM odd_place WHERE id IN (SELECT value FROM json_each(?))"
)
_FIND_STREAMS: Final = (
    "SELECT name, version, idx, leaf, mark FROM stream"
    " WHERE name IN (SELECT value FROM json_each(?))"
)


class DamagedIndexError(LedgerError):
    """The local index holds what cannot be; it is set aside, and made anew at the next opening."""

    code = "index.damaged"


class IndexHead(msgspec.Struct, frozen=True, gc=False):
    """Where a stream stands: version, index (`at`) and hex leaf of its newest entry."""

    version: int
    at: int
    leaf: str


NO_HEAD: Final = IndexHead(0, -1, ZERO_LINK)


class Loaded(NamedTuple):
    """What is read whole at the opening: the cursor's place and the exceptions to numbering."""

    kept: Kept
    runs: list[tuple[int, int]]
    silent: list[int]


class Pending:
    """What was entered since the last writing, from entry `first` on."""

    __slots__ = ("first", "ids", "odd", "places", "records", "strays", "streams", "voids")

    def __init__(self, first: int) -> None:
        self.first = first
        self.records = bytearray()
        self.ids: list[str] = []
        self.odd: list[tuple[str, int]] = []
        """Ids that are no UUIDv7, and their indices, once `keys` has sorted them out."""
        self.voids: set[int] = set()
        """Where `ids` has none."""
        self.places: dict[str, int] = {}
        self.streams: dict[str, IndexHead] = {}
        self.strays: list[SeenStray] = []

    def add(self, stream: str, action_id: str, place: Place, before: int) -> None:
        """Enter the next entry; `before` is the index of the version before in its stream."""
        mark = crc32(action_id.encode())
        leaf = bytes.fromhex(place.leaf)
        self.records += ROW.pack(leaf, place.digest, place.version, before, mark)
        self.ids.append(action_id)
        self.places.setdefault(action_id, place.index)
        self.streams[stream] = IndexHead(place.version, place.index, place.leaf)

    def add_group(
        self, entries: Sequence[SealedEntry], head_of: Callable[[str], IndexHead]
    ) -> None:
        """Enter the next entries; `head_of` tells where a stream stands that is not among these."""
        for entry in entries:
            stream = entry.stream
            before = (self.streams.get(stream) or head_of(stream)).at
            self.add(stream, entry.action_id, entry.place, before)

    def add_run(self, run: Run, before: Sequence[int]) -> None:
        """Enter the next entries; `before` has for each stream the index of the version before."""
        rows = bytearray(run.rows)
        for part, index in zip(run.streams, before, strict=True):
            BEFORE.pack_into(rows, part.first * ROW_BYTES + BEFORE_AT, index)
            head = part.head
            at = run.index + part.last
            self.streams[part.stream] = IndexHead(head.version, at, head.leaf)
        self.records += rows
        self.ids += run.ids
        enter = self.places.setdefault
        for index, action_id in enumerate(run.ids, run.index):
            enter(action_id, index)

    def add_void(self, leaf: str) -> None:
        """Enter the next entry, which records nothing."""
        self.records += ROW.pack(bytes.fromhex(leaf), b"", 0, -1, 0)
        self.voids.add(len(self.ids))
        self.ids.append(NO_ID)

    def keys(self) -> bytes:
        """The ids as 16 bytes each, zeros where there is none; sorts out those that are odd."""
        text = "".join(self.ids)
        # Joined, ids of other lengths may read as those of UUIDs too.
        are_even = set(map(len, self.ids)) <= {_ID_LENGTH}
        are_even = are_even and self.ids.count(NO_ID) == len(self.voids)
        if not are_even or _ACTION_IDS.fullmatch(text) is None:
            for at, action_id in enumerate(self.ids):
                if at not in self.voids and not _ACTION_ID.match(action_id):
                    self.ids[at] = NO_ID
                    self.odd.append((action_id, self.first + at))
            text = "".join(self.ids)
        return bytes.fromhex(text.replace("-", ""))


class Batch(NamedTuple):
    """One writing: the rows, the records before them in their block, the cursor behind them."""

    pending: Pending
    tail: bytes
    standing: Standing
    origin: str
    genesis: str
    own: Sequence[tuple[int, bytes]]
    stray_number: int
    runs: Sequence[tuple[int, int]]
    silent: Sequence[int]


def cursor_mark(origin: str, genesis: str, standing: Standing) -> int:
    """The checksum of the cursor's row."""
    head = standing.head
    text = f"{origin} {genesis} {standing.position} {head.size} {head.leaf} {standing.recorded_at}"
    return crc32(text.encode())


def _stream_mark(name: str, head: IndexHead) -> int:
    return crc32(f"{name} {head.version} {head.at} {head.leaf}".encode())


def write_batch(connection: sqlite3.Connection, batch: Batch) -> None:
    """Write all rows and the cursor in one transaction."""
    pending = batch.pending
    ids = pending.keys()
    blocks = _cut_blocks(batch.tail + pending.records)
    streams = [
        (name, head.version, head.at, head.leaf, _stream_mark(name, head))
        for name, head in pending.streams.items()
    ]
    strays = [
        (number, *msgspec.structs.astuple(stray.record), stray.recorded_at, stray.index)
        for number, stray in enumerate(pending.strays, batch.stray_number)
    ]
    with transaction(connection):
        if pending.ids:
            block = pending.first // BLOCK_ENTRIES
            count = -(-len(blocks) // _BLOCK_BYTES)
            connection.execute(_INSERT_BLOCKS, (count, blocks, block, _BLOCK_BYTES))
            connection.execute(_INSERT_PLACES, (len(pending.ids), ids, pending.first))
        if streams:
            connection.execute(_INSERT_STREAMS, (_to_json(streams),))
        connection.executemany("INSERT OR IGNORE INTO odd_place VALUES (?, ?)", pending.odd)
        connection.executemany("INSERT INTO own VALUES (?, ?)", batch.own)
        connection.executemany("INSERT INTO stray VALUES (?, ?, ?, ?, ?, ?)", strays)
        connection.executemany("INSERT INTO run VALUES (?, ?)", batch.runs)
        connection.executemany("INSERT INTO silent VALUES (?)", [(i,) for i in batch.silent])
        position, head, recorded_at = msgspec.structs.astuple(batch.standing)
        mark = cursor_mark(batch.origin, batch.genesis, batch.standing)
        connection.execute(
            "INSERT OR REPLACE INTO cursor VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
            (batch.origin, batch.genesis, position, *head, recorded_at, mark),
        )


def tail_of(batch: Batch) -> bytes:
    """The records in the newest block, where it is not full, after this writing."""
    data = batch.tail + batch.pending.records
    return data[len(data) - len(data) % (BLOCK_ENTRIES * ROW_BYTES) :]


def read_block(connection: sqlite3.Connection, number: int) -> bytes:
    """The records of one block; raises `DamagedIndexError` where it is not as it was written."""
    row = connection.execute("SELECT data FROM block WHERE number = ?", (number,)).fetchone()
    data = b"" if row is None else row[0]
    body = data[: -_CHECK.size]
    if len(data) <= _CHECK.size or _CHECK.pack(crc32(body)) != data[-_CHECK.size :]:
        msg = f"block {number} does not have its checksum"
        raise DamagedIndexError(msg)
    return bytes(body)


def read_rest(connection: sqlite3.Connection, standing: Standing) -> Loaded:
    """The few rows that are kept in memory."""
    own = [row[0] for row in connection.execute("SELECT data FROM own ORDER BY number")]
    strays = [
        SeenStray(StrayRecord(*row[:3]), *row[3:])
        for row in connection.execute(
            "SELECT position, reason, leaf, recorded_at, idx FROM stray ORDER BY number"
        )
    ]
    runs = list(connection.execute("SELECT start, drift FROM run ORDER BY start"))
    silent = [row[0] for row in connection.execute("SELECT idx FROM silent ORDER BY idx")]
    return Loaded(Kept(standing, tuple(own), tuple(strays)), runs, silent)


def find_heads(connection: sqlite3.Connection, names: Collection[str]) -> dict[str, IndexHead]:
    """The heads of those streams that have entries; raises `DamagedIndexError`."""
    found: dict[str, IndexHead] = {}
    for name, *row, mark in connection.execute(_FIND_STREAMS, (_to_json(list(names)),)):
        head = IndexHead(*row)
        if mark != _stream_mark(name, head):
            msg = f"the row of {name} does not have its checksum"
            raise DamagedIndexError(msg)
        found[name] = head
    return found


def find_places(connection: sqlite3.Connection, action_ids: Collection[str]) -> dict[str, int]:
    """The index of those actions that are recorded."""
    ids = list(action_ids)
    text = "".join(ids)
    are_even = set(map(len, ids)) == {_ID_LENGTH} and NO_ID not in ids
    if are_even and _ACTION_IDS.fullmatch(text) is not None:
        odd: list[str] = []
    else:
        odd = [action_id for action_id in ids if not _ACTION_ID.match(action_id)]
        ids = [action_id for action_id in ids if _ACTION_ID.match(action_id)]
        text = "".join(ids)
    found: dict[str, int] = {}
    if ids:
        keys = bytes.fromhex(text.replace("-", ""))
        rows = connection.execute(_FIND_PLACES, (len(ids), keys))
        found = {ids[place]: index for place, index in rows}
    if odd:
        found.update(connection.execute(_FIND_ODD_PLACES, (_to_json(odd),)).fetchall())
    return found


def find_newest_id(connection: sqlite3.Connection) -> str | None:
    """The highest action id of the file, of which all others come before it; None for no such."""
    if connection.execute("SELECT 1 FROM odd_place LIMIT 1").fetchone() is not None:
        return None
    (key,) = connection.execute("SELECT max(id) FROM place").fetchone()
    return NO_ID if key is None else str(UUID(bytes=key))


def _cut_blocks(data: bytes) -> bytes:
    width = BLOCK_ENTRIES * ROW_BYTES
    bodies = [data[at : at + width] for at in range(0, len(data), width)]
    return b"".join(body + _CHECK.pack(crc32(body)) for body in bodies)


def _to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
