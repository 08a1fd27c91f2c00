"""Attacks on evidence, by whoever exports it or keeps it."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import msgspec

from consumers.drill.scene import Scene
from ledger.core.ids import log_of
from ledger.core.policy import QUORUM_NONE, Policy, parse_policy
from ledger.entry.archive import decode_archive, encode_archive
from ledger.entry.bundle import (
    FORMAT_VERSION,
    MANIFEST,
    MANIFEST_NOTE,
    NOT_LISTED,
    POLICY,
    REDACTIONS,
    Counts,
    Place,
    Redaction,
    Redactions,
    encode_json,
    manifest_text,
    parse_manifest,
)
from ledger.entry.entry import decode_entry

Files = dict[str, bytes]


def edit_bundle(scene: Scene) -> None:
    """One byte of an entry in a bundle, by somebody through whose hands it goes."""

    def change(files: Files) -> None:
        path = _newest_entry(files)
        data = bytearray(files[path])
        data[data.index(b'"data":{') + 10] ^= 1
        files[path] = bytes(data)

    _change(scene, change)


def leave_out(scene: Scene) -> None:
    """An entry of the dossier left out without a word, by the exporter, who signs the manifest."""

    def change(files: Files) -> None:
        path = _newest_entry(files)
        del files[path], files[path.replace("entries/", "proofs/") + ".tlog-proof"]

    _change(scene, change)
    _sign(scene, entries=-1)


def own_policy(scene: Scene) -> None:
    """A policy of the exporter's own in the bundle, which asks for no witness."""

    def change(files: Files) -> None:
        policy = parse_policy(files[POLICY])
        files[POLICY] = Policy(QUORUM_NONE, policy.log_lines).encode()

    _change(scene, change)
    _sign(scene)


def redact_unapproved(scene: Scene) -> None:
    """A redaction that is declared and that nobody approved: some other entry is named for that."""

    def change(files: Files) -> None:
        path = _newest_entry(files)
        entry = decode_entry(files.pop(path))
        seal, genesis = entry.seal, Place(0, 0)
        log = log_of(seal.origin)
        redaction = Redaction(
            genesis, seal.index, entry.leaf, log, "by order", seal.stream, seal.version
        )
        files[REDACTIONS] = encode_json(Redactions((redaction,), FORMAT_VERSION))

    _change(scene, change)
    _sign(scene, entries=-1, redacted=1)


def _newest_entry(files: Files) -> str:
    """An entry of the scope with others before and behind it."""
    entries = [path for path in files if path.startswith("entries/")]
    return sorted(entries, key=lambda path: int(path.rpartition("/")[2]))[len(entries) // 2]


def _change(scene: Scene, change: Callable[[Files], None]) -> None:
    if not scene.bundle_path.exists():
        scene.known.key("ledger")
    files = decode_archive(scene.bundle_path.read_bytes())
    change(files)
    scene.bundle_path.write_bytes(encode_archive(files))


def _sign(scene: Scene, entries: int = 0, redacted: int = 0) -> None:
    """A manifest that fits what is there, with so many entries and redactions more, and the
    ledger's signature."""
    files = decode_archive(scene.bundle_path.read_bytes())
    manifest = parse_manifest(files[MANIFEST])
    had = manifest.counts
    counts = Counts(had.entries + entries, had.redacted + redacted, had.registry)
    hashes = {
        path: sha256(data).hexdigest() for path, data in files.items() if path not in NOT_LISTED
    }
    data = encode_json(msgspec.structs.replace(manifest, counts=counts, files=hashes))
    note = scene.known.key("ledger").sign_note(f"{manifest.ledger}/0", manifest_text(data))
    files |= {MANIFEST: data, MANIFEST_NOTE: note.encode()}
    scene.bundle_path.write_bytes(encode_archive(files))
