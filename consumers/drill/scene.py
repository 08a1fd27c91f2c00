"""A clone of a ledger to be attacked: its home in a folder of its own, and what others know of it.

The original is only read. No private key of it is copied, and of long logs only the beginning is
cloned, because every case gets a copy of its own.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from consumers.bootstrap import KEYS_FOLDER, NoLogError, Settings, open_ledger, utc_now
from consumers.demo.run import run_demo
from consumers.drill.case import DrillError, SkippedError
from consumers.drill.witnessing import Doors, begin_sealing
from consumers.evidence.export import Request, export_bundle, with_custody
from consumers.evidence.trees import SealedLedger
from consumers.sealing import load_policy, open_sealer, tree_folder
from ledger.adapters.keys import KeyStore
from ledger.adapters.sqlite_table import create_file
from ledger.adapters.sqlite_verify import verify_file
from ledger.adapters.tile_folder import TileFolder
from ledger.adapters.trust import Trust, load_trust, note_seen, write_trust
from ledger.core.action import plain_id
from ledger.core.chain import Head
from ledger.core.findings import Finding, Verdict
from ledger.core.merkle import leaf_hash
from ledger.core.policy import Policy
from ledger.core.times import format_instant
from ledger.entry.archive import encode_archive
from ledger.entry.bundle import DossierScope
from ledger.entry.entry import decode_entry
from ledger.entry.signatures import Role, SigningKey
from projections.queries.timeline import dossier_events
from projections.store.sqlite import ReadStore

ENTRIES_MAX: Final = 2_000
"""Entries of a log that are cloned at most: each case copies and verifies them several times."""
ENTRIES_MIN: Final = 24
"""Fewer leave no dossier in the middle with entries before and behind it."""
OLDER_SHARE: Final = 3
"""The clone is projected (and sealed) first with all but this part of its entries, then with all:
what an attacker rolls back to is from then."""

_INSERT: Final = (
    "INSERT INTO entry (idx, leaf, stream, version, action_id, data) VALUES (?,?,?,?,?,?)"
)


class Known(NamedTuple):
    """What people outside know and keep, out of the attacker's reach.

    `trust` is what is pinned of each log, `number` the log that is attacked, `head` how it was seen
    last, `policy` whose signatures and cosignatures count, `kept` its newest cosigned checkpoint.
    `keys` are what attackers have too, of the demo office alone: the key of its source system, and
    the ledger's, with which evidence is exported.
    """

    trust: tuple[Trust, ...]
    number: int
    head: Head
    doors: Doors
    policy: Policy
    kept: bytes
    keys: Mapping[str, SigningKey] = {}

    def key(self, role: Role) -> SigningKey:
        """The key of a role; raises `SkippedError` where the attacker has none."""
        if role not in self.keys:
            raise SkippedError(
                "no private key of the original is copied: the demo office's keys are public"
            )
        return self.keys[role]


class Scene:
    """One ledger that a case attacks, with its witnesses, in a folder that nothing else uses."""

    def __init__(self, folder: Path, known: Known) -> None:
        self.folder = folder
        self.known = known

    @property
    def settings(self) -> Settings:
        """The home as it is now."""
        return Settings(self.folder / "home")

    @property
    def older(self) -> Settings:
        """A backup of the home from when its log was shorter."""
        return Settings(self.folder / "older")

    @property
    def witnesses(self) -> Path:
        """The homes of the witnesses."""
        return self.folder / "witnesses"

    @property
    def older_witnesses(self) -> Path:
        """A backup of them from then."""
        return self.folder / "older-witnesses"

    @property
    def bundle_path(self) -> Path:
        """An evidence bundle of one dossier, where the ledger's key is there to export one."""
        return self.folder / "bundle.zip"

    @property
    def number(self) -> int:
        """The number of the log that is attacked."""
        return self.known.number

    @property
    def pinned(self) -> Trust:
        """What is pinned of it."""
        return self.known.trust[self.number]

    @property
    def tree(self) -> TileFolder:
        """Its published tree."""
        return tree_folder(self.settings, str(self.number))

    @property
    def path(self) -> Path:
        """The file of the log that is attacked."""
        return self.settings.log_path_of(self.number)

    def copy(self, folder: Path) -> Scene:
        """The same in a new folder."""
        shutil.copytree(self.folder, folder)
        return Scene(folder, self.known)

    def entries(self) -> list[bytes]:
        """Every entry as it lies, in the order of its index."""
        return read_entries(self.path)

    def put(self, entries: Sequence[bytes]) -> None:
        """Put these entries in place of the log's, with columns and head row that fit them."""
        remove_file(self.path)
        write_log(self.path, entries)

    def edit(self, sql: str, arguments: Sequence[object] = (), path: Path | None = None) -> None:
        """Change a file of the home, the log's without `path`, as somebody with a shell does."""
        with closing(sqlite3.connect(path or self.path)) as connection, connection:
            connection.execute(sql, arguments)

    def forget(self) -> None:
        """Remove what the home remembers of its logs: heads seen, read store."""
        pins = [Trust(trust.origin, trust.genesis_leaf) for trust in self.known.trust]
        write_trust(self.settings.trust_path, pins)
        remove_file(self.settings.read_path)


def remove_file(path: Path) -> None:
    """Delete a database and what SQLite keeps beside it."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def read_entries(path: Path, limit: int = -1) -> list[bytes]:
    """The entries of a log file, at most `limit`; leaves nothing behind, not even a lock's file."""
    # Without a WAL nobody writes it now. Whoever begins meanwhile spoils this reading at most, and
    # what was read is verified.
    is_closed = not path.with_name(f"{path.name}-wal").exists()
    address = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_closed else ''}"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        rows = connection.execute("SELECT data FROM entry ORDER BY idx LIMIT ?", (limit,))
        return [bytes(data) for (data,) in rows]


def write_log(path: Path, entries: Sequence[bytes]) -> None:
    """A log file of these entries, whatever their links or signatures say; columns and head fit.

    Made without the unique indexes: an attacker's file need not keep its own rules.
    """
    create_file(path, entries[0])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP INDEX entry_stream")
        connection.execute("DROP INDEX entry_action")
        rows = [_row(index, data) for index, data in enumerate(entries)]
        connection.execute("DELETE FROM entry")
        connection.executemany(_INSERT, rows)
        last = leaf_hash(entries[-1])
        connection.execute("UPDATE head SET size = ?, leaf = ?", (len(entries), last))


def _row(index: int, data: bytes) -> tuple[object, ...]:
    # What the lines say is believed: bytes that are no entry any more still name a stream.
    seal, _, action = data.partition(b"\n")
    named = msgspec.json.decode(seal)
    action_id = msgspec.json.decode(action)["id"]
    return index, leaf_hash(data), named["stream"], named["version"], action_id, data


@contextmanager
def demo_scene(folder: Path) -> Iterator[Scene]:
    """A demo office made in `folder`, and a clone of it; its keys are published anyway."""
    home = folder / "office"
    run_demo(home, StringIO())
    with clone(Settings(home), folder / "clone") as cloned:
        store = KeyStore(home / KEYS_FOLDER)
        keys = {role: store.load_signing_key(role) for role in ("ledger", "source")}
        scene = Scene(cloned.folder, cloned.known._replace(keys=keys))
        scene.bundle_path.write_bytes(exported(scene))
        yield scene


@contextmanager
def clone(settings: Settings, folder: Path) -> Iterator[Scene]:
    """A clone of an embedded ledger in `folder`: verified, projected, sealed, witnessed. Its
    longest log is the one to attack. The original is read, and nothing is written there.

    Raises `DrillError`, and `NoLogError` where there is none.
    """
    if settings.kafka is not None or not settings.trust_path.exists():
        msg = f"there is no embedded ledger in {settings.home}"
        raise NoLogError(msg, next_step="pal drill without --home makes a demo office")
    trust = [Trust(pin.origin, pin.genesis_leaf) for pin in load_trust(settings.trust_path)]
    limit = max(ENTRIES_MAX // len(trust), ENTRIES_MIN)
    logs = [read_entries(settings.log_path_of(number), limit) for number in range(len(trust))]
    number = max(range(len(logs)), key=lambda number: len(logs[number]))
    if len(logs[number]) < ENTRIES_MIN:
        msg = f"{trust[number].origin} has {len(logs[number])} entries, a drill needs {ENTRIES_MIN}"
        raise DrillError(msg, next_step="pal drill without --home makes a demo office")
    with closing(Doors()) as doors:
        home, witnesses = Settings(folder / "home"), folder / "witnesses"
        first = [entries[: len(entries) - len(entries) // OLDER_SHARE] for entries in logs]
        _fill(home, trust, first)
        with open_ledger(home) as ledger:
            begin_sealing(ledger, witnesses, doors.urls)
        _seal_soundly(home, doors, witnesses)
        shutil.copytree(home.home, folder / "older")
        shutil.copytree(witnesses, folder / "older-witnesses")
        _fill(home, trust, logs)
        _seal_soundly(home, doors, witnesses)
        head = Head(len(logs[number]), leaf_hash(logs[number][-1]).hex())
        kept = tree_folder(home, str(number)).read_checkpoint() or b""
        yield Scene(folder, Known(tuple(trust), number, head, doors, load_policy(home), kept))


def exported(scene: Scene) -> bytes:
    """An evidence bundle of the dossier that is attacked, as `pal evidence export` makes it."""
    entries = scene.entries()
    dossier = plain_id(decode_entry(entries[target(entries)]).seal.stream)
    name, logs = scene.pinned.origin.rpartition("/")[0], len(scene.known.trust)
    sealed = SealedLedger(scene.settings.tiles_path, name, logs, lambda _origin, _size: None)
    request = Request(DossierScope(dossier), "drill")
    with closing(ReadStore.open(scene.settings.read_path)) as store:
        rows = dossier_events(store, dossier)
        policy = scene.known.policy.encode()
        made = export_bundle(request, rows, store, sealed, scene.known.key("ledger"), policy)
    return encode_archive(with_custody(made, "drill", format_instant(utc_now())))


def seal(
    settings: Settings,
    doors: Doors,
    witnesses: Path,
    now: Callable[[], datetime] = utc_now,
) -> tuple[Finding, ...]:
    """One round of the sealer of this home, with its witnesses at work; what it found."""
    with (
        doors.serving(witnesses),
        open_ledger(settings, now=now) as ledger,
        open_sealer(ledger) as sealer,
    ):
        return sealer.seal().findings


def _seal_soundly(settings: Settings, doors: Doors, witnesses: Path) -> None:
    for finding in seal(settings, doors, witnesses):
        msg = f"the clone cannot be sealed: {finding.code}: {finding.message}"
        raise DrillError(msg, next_step=finding.next_step)


def _fill(settings: Settings, trust: Sequence[Trust], logs: Sequence[Sequence[bytes]]) -> None:
    """Let the home hold these entries, verified and projected."""
    settings.home.mkdir(parents=True, exist_ok=True)
    if not settings.trust_path.exists():
        write_trust(settings.trust_path, trust)
    heads = {}
    for number, entries in enumerate(logs):
        path, pin = settings.log_path_of(number), trust[number]
        remove_file(path)
        write_log(path, entries)
        found = verify_file(path, origin=pin.origin, genesis_leaf=pin.genesis_leaf)
        if found.verdict is not Verdict.PASSED:
            msg = f"{pin.origin} does not verify: {found.findings[0].code}"
            raise DrillError(msg, next_step="pal verify; a drill begins with a log that passes")
        heads[found.origin] = found.head
    note_seen(settings.trust_path, heads)
    with open_ledger(settings) as ledger:
        ledger.store().close()


def target(entries: Sequence[bytes]) -> int:
    """The index that is attacked: in the middle, of a dossier, an officer's, not its first."""
    middle = len(entries) // 2
    for index in chain(range(middle, len(entries) - 2), range(middle, 0, -1)):
        entry = decode_entry(entries[index])
        is_officer = entry.action["actor"]["kind"] == "officer"
        if entry.seal.stream.startswith("dossier:") and is_officer and entry.seal.version > 1:
            return index
    msg = "no officer acted on a dossier in the middle of this log"
    raise DrillError(msg, next_step="pal drill without --home makes a demo office")
