"""Keys on disk: seeds that sign actions and checkpoints, and the subject keys of sealed fields.

The folder is 0700 and each file 0600; a file that others can read is refused, because a key that
may have been read signs nothing any more. Where a hardware token signs, only this module changes.
"""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
import stat
import tomllib
from base64 import b64decode
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.adapters.new_file import new_file
from ledger.adapters.trust import sync_folder
from ledger.app.submission import LedgerError
from ledger.core.note import Algorithm
from ledger.entry.note_keys import NoteSigner
from ledger.entry.sealed import KEY_BYTES, SubjectKey
from ledger.entry.signatures import Role, SigningKey

SEED_BYTES: Final = 32
NOTE_PREFIX: Final = "note-"
"""Of the names of keys that sign checkpoints; no key that signs actions begins so."""

_NAME = re.compile(r"(?!note-)[a-z0-9][a-z0-9_-]{0,63}")
_NOTE_NAME = re.compile(r"note-[A-Za-z0-9._-]{1,255}")
_PRIVATE_FOLDER: Final = 0o700
_PRIVATE_FILE: Final = 0o600
_ERASED: Final = bytes(KEY_BYTES)
_LOCK_SECONDS: Final = 10.0
_SUBJECTS_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS subject (
    subject TEXT PRIMARY KEY,
    key_id TEXT NOT NULL UNIQUE,
    slot INTEGER NOT NULL UNIQUE,
    erased INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID
"""


class KeyStoreError(LedgerError):
    """A key that is missing, exists already, or lies where others can read it."""

    code = "keys.unusable"


class SubjectErasedError(LedgerError):
    """The subject's key was erased, and with it everything that was sealed with it."""

    code = "keys.subject_erased"


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    _check_private(folder, _PRIVATE_FOLDER)


def _check_private(path: Path, mode: int) -> None:
    found = stat.S_IMODE(path.stat().st_mode)
    if found & 0o077:
        msg = f"{path} is open to others (mode {found:04o})"
        raise KeyStoreError(
            msg,
            next_step=f"chmod {mode:04o} {path}; if others had access to it, replace the keys",
        )


def create_private_file(path: Path, data: bytes) -> None:
    """Create a private file with `data`, synced; raises FileExistsError where one exists."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create_key_file(path: Path, text: str) -> None:
    """A key file is whole or not there, and an existing key is never replaced."""
    try:
        with new_file(path) as unfinished:
            create_private_file(unfinished, text.encode())
    except FileExistsError as error:
        msg = f"key {path.stem!r} exists already in {path.parent}"
        raise KeyStoreError(msg, next_step="use it, or choose another name") from error


class KeyStore:
    """The keys of one home folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            msg = f"key name {name!r}: lower-case letters, digits, `-` and `_`, at most 64"
            raise KeyStoreError(msg)
        return self.folder / f"{name}.key"

    def create_signing_key(
        self, name: str, role: Role, *, seed: bytes | None = None, label: str = ""
    ) -> SigningKey:
        """Make a new Ed25519 key; raises `KeyStoreError` where the name is taken.

        Its id is the label (default: the name) and the start of the public key's hash: a new key
        never reuses an id. `seed` is for the demo alone, whose keys are published.
        """
        path = self._path(name)
        _make_folder(self.folder)
        seed = secrets.token_bytes(SEED_BYTES) if seed is None else seed
        private = Ed25519PrivateKey.from_private_bytes(seed)
        key_id = f"{label or name}-{_fingerprint(SigningKey('', private, role))}"
        _create_key_file(path, f'id = "{key_id}"\nrole = "{role}"\nseed = "{seed.hex()}"\n')
        return SigningKey(key_id, private, role)

    def load_signing_key(self, name: str) -> SigningKey:
        """The key `name`; raises `KeyStoreError` where it is missing, malformed or not private."""
        path = self._path(name)
        try:
            fields = self._fields(path)
            role: Role = fields["role"]
            private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(fields["seed"]))
            key_id = str(fields["id"])
        except (ValueError, KeyError, TypeError) as error:
            msg = f"{path} is no key file"
            raise KeyStoreError(msg, next_step="restore the key from its backup") from error
        if role not in get_args(Role):
            msg = f"{path}: role {role!r} is not one of {', '.join(get_args(Role))}"
            raise KeyStoreError(msg, next_step="restore the key from its backup")
        return SigningKey(key_id, private, role)

    def ensure_signing_key(self, name: str, role: Role, *, label: str = "") -> SigningKey:
        """The key `name`, made now if there is none; raises `KeyStoreError` for another role."""
        try:
            key = self.create_signing_key(name, role, label=label)
        except KeyStoreError:
            key = self.load_signing_key(name)
        if key.role != role:
            msg = f"key {name!r} has role {key.role}, wanted {role}"
            raise KeyStoreError(msg, next_step="choose another name")
        return key

    def next_signing_key(self, name: str) -> SigningKey:
        """The key that is to follow `name`, of its role, made now if there is none.

        It signs nothing before `replace_signing_key`.
        """
        role = self.load_signing_key(name).role
        return self.ensure_signing_key(_next(name), role, label=name)

    def replace_signing_key(self, name: str) -> str:
        """Make the next key the key `name`, in one rename; a crash leaves the one or the other.

        The key so far stays, under the name that is given back, which says its fingerprint. Raises
        `KeyStoreError` where another key has that name.
        """
        path, following = self._path(name), self._path(_next(name))
        self.load_signing_key(_next(name))
        kept = f"{name}-{_fingerprint(self.load_signing_key(name))}"
        target = self._path(kept)
        try:
            target.hardlink_to(path)
        except FileExistsError as error:
            if target.read_bytes() != path.read_bytes():
                msg = f"{target} is not {path}, which is to be kept under that name"
                raise KeyStoreError(msg, next_step="move it to another name") from error
        # The old key is safe under its name before the name that it had goes on.
        sync_folder(self.folder)
        following.replace(path)
        sync_folder(self.folder)
        return kept

    def create_note_key(
        self, name: str, origin: str, first: Algorithm = Algorithm.ED25519
    ) -> tuple[NoteSigner, NoteSigner]:
        """Make the two keys that sign the checkpoints of `origin`, Ed25519 and ML-DSA-44.

        `name` begins with `NOTE_PREFIX`; a witness signs as its own name, with
        `Algorithm.COSIGNATURE_ED25519` first. Raises `KeyStoreError` where the name is taken.
        """
        path = self._note_path(name)
        _make_folder(self.folder)
        seeds = (secrets.token_bytes(SEED_BYTES), secrets.token_bytes(SEED_BYTES))
        text = (
            f'origin = "{origin}"\ned25519 = "{seeds[0].hex()}"\nml_dsa_44 = "{seeds[1].hex()}"\n'
        )
        signers = _note_signers(origin, *seeds, first)
        _create_key_file(path, text)
        return signers

    def load_note_key(
        self, name: str, origin: str, first: Algorithm = Algorithm.ED25519
    ) -> tuple[NoteSigner, NoteSigner]:
        """The two keys `name`; raises `KeyStoreError` where they are missing, malformed, not
        private, or another log's: a key never signs for two origins."""
        path = self._note_path(name)
        try:
            fields = self._fields(path)
            found = str(fields["origin"])
            seeds = (bytes.fromhex(fields["ed25519"]), bytes.fromhex(fields["ml_dsa_44"]))
            signers = _note_signers(found, *seeds, first)
        except (ValueError, KeyError, TypeError) as error:
            msg = f"{path} is no file of note keys"
            raise KeyStoreError(msg, next_step="restore the key from its backup") from error
        if found != origin:
            msg = f"{path} holds the keys of {found}, not those of {origin}"
            raise KeyStoreError(msg, next_step="restore the key from its backup")
        return signers

    def ensure_note_key(self, name: str, origin: str) -> tuple[NoteSigner, NoteSigner]:
        """The two keys `name`, made now if there are none; raises as `load_note_key` does."""
        try:
            return self.create_note_key(name, origin)
        except KeyStoreError:
            return self.load_note_key(name, origin)

    def names(self) -> list[str]:
        """The names of the keys that sign actions, sorted."""
        names = sorted(path.stem for path in self.folder.glob("*.key"))
        return [name for name in names if not name.startswith(NOTE_PREFIX)]

    def _note_path(self, name: str) -> Path:
        if _NOTE_NAME.fullmatch(name) is None:
            msg = f"note key name {name!r}: `{NOTE_PREFIX}`, then letters, digits, `.`, `-`, `_`"
            raise KeyStoreError(msg)
        return self.folder / f"{name}.key"

    def _fields(self, path: Path) -> dict[str, Any]:
        """What a key file says; raises `KeyStoreError`, or `ValueError` where it is malformed."""
        if not path.exists():
            msg = f"no key {path.stem!r} in {self.folder}"
            raise KeyStoreError(msg, next_step="restore the key from its backup")
        _check_private(self.folder, _PRIVATE_FOLDER)
        _check_private(path, _PRIVATE_FILE)
        return tomllib.loads(path.read_text(encoding="ascii"))

    def subjects(self) -> SubjectKeys:
        """The subject keys of this home."""
        _make_folder(self.folder)
        return SubjectKeys(self.folder)


def _next(name: str) -> str:
    return f"{name}-next"


def _fingerprint(key: SigningKey) -> str:
    """The start of the public key's hash."""
    return sha256(b64decode(key.enrolled().public)).hexdigest()[:12]


def _note_signers(
    origin: str, ed25519: bytes, ml_dsa_44: bytes, first: Algorithm
) -> tuple[NoteSigner, NoteSigner]:
    return (
        NoteSigner(origin, Ed25519PrivateKey.from_private_bytes(ed25519), first),
        NoteSigner(
            origin, MLDSA44PrivateKey.from_seed_bytes(ml_dsa_44), Algorithm.COSIGNATURE_ML_DSA_44
        ),
    )


class SubjectKeys:
    """One AES-256 key per data subject; erasing it erases what it sealed.

    The register (subject, K, slot) is a SQLite file; the keys lie in a flat file of 32-byte slots,
    so that erasing is one overwrite in place: a database would leave copies in its journal. A file
    system that copies on write, or a backup, may keep the old bytes: erase there as well.
    """

    def __init__(self, folder: Path) -> None:
        self._register = folder / "subjects.sqlite"
        self._slots = folder / "subjects.keys"
        for path in (self._register, self._slots):
            try:
                create_private_file(path, b"")
            except FileExistsError:
                _check_private(path, _PRIVATE_FILE)
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute(_SUBJECTS_SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._register, timeout=_LOCK_SECONDS, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def create(self, subject: str, key: SubjectKey | None = None) -> SubjectKey:
        """The subject's key, made now if there is none; raises `SubjectErasedError`.

        A `key` that is given is kept in place of a new one: it sealed the subject's data elsewhere.
        """
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute(
                "SELECT slot, key_id, erased FROM subject WHERE subject = ?", (subject,)
            ).fetchone()
            if row is not None:
                connection.execute("ROLLBACK")
                return self._read(f"subject {subject!r}", *row)
            key = key or SubjectKey.generate(secrets.token_bytes(KEY_BYTES))
            # A key behind the last registered slot was never used: a crash left it there.
            (slot,) = connection.execute(
                "SELECT coalesce(max(slot) + 1, 0) FROM subject"
            ).fetchone()
            self._write_slot(slot, key.raw)
            connection.execute(
                "INSERT INTO subject (subject, key_id, slot) VALUES (?, ?, ?)",
                (subject, key.id, slot),
            )
            connection.execute("COMMIT")
        return key

    def get(self, subject: str) -> SubjectKey:
        """The subject's key; raises `KeyStoreError` if unknown, `SubjectErasedError` if erased."""
        return self._find("subject", subject)

    def by_id(self, key_id: str) -> SubjectKey:
        """The key that a sealed field names as K; raises as `get` does."""
        return self._find("key_id", key_id)

    def erase(self, subject: str) -> str:
        """Overwrite the subject's key for ever; gives its K. Erasing again changes nothing."""
        with closing(self._connect()) as connection:
            row = connection.execute(
                "SELECT slot, key_id FROM subject WHERE subject = ?", (subject,)
            ).fetchone()
            if row is None:
                raise self._unknown(f"subject {subject!r}")
            slot, key_id = row
            # Marked first: a crash in between leaves a key that nobody is given any more, and
            # erasing again completes it.
            connection.execute("UPDATE subject SET erased = 1 WHERE subject = ?", (subject,))
            self._write_slot(slot, _ERASED)
        return str(key_id)

    def _find(self, column: str, value: str) -> SubjectKey:
        query = f"SELECT slot, key_id, erased FROM subject WHERE {column} = ?"  # noqa: S608 - a column name of ours
        with closing(self._connect()) as connection:
            row = connection.execute(query, (value,)).fetchone()
        if row is None:
            raise self._unknown(f"{column} {value!r}")
        return self._read(f"{column} {value!r}", *row)

    def _unknown(self, what: str) -> KeyStoreError:
        msg = f"{what} has no key here"
        return KeyStoreError(msg, next_step="ask the home that recorded the action")

    def _read(self, what: str, slot: int, key_id: str, erased: int) -> SubjectKey:
        if erased:
            msg = f"the key of {what} was erased: what it sealed cannot be read any more"
            raise SubjectErasedError(msg)
        with self._slots.open("rb") as file:
            file.seek(slot * KEY_BYTES)
            raw = file.read(KEY_BYTES)
        if len(raw) != KEY_BYTES or SubjectKey(raw).id != key_id:
            msg = f"{self._slots} does not hold the key of {what}"
            raise KeyStoreError(msg, next_step="restore the file from its backup")
        return SubjectKey(raw)

    def _write_slot(self, slot: int, raw: bytes) -> None:
        descriptor = os.open(self._slots, os.O_WRONLY)
        try:
            os.pwrite(descriptor, raw, slot * KEY_BYTES)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
