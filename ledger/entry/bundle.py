"""An evidence bundle as types: manifest, redactions, and the names of its files.

The format is docs/formats/evidence.md. Nothing here verifies: `bundle_verify` does. What is read is
a mapping of names to bytes, wherever it came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import msgspec

from ledger.core.canonical import CanonicalError, Struct, decode_canonical, encode_canonical
from ledger.entry.checkpoint_log import CHECKPOINTS
from ledger.entry.entry import Count, Positive

FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
MANIFEST_NOTE: Final = "manifest.note"
CUSTODY: Final = "custody.jsonl"
POLICY: Final = "proofs/policy.txt"
REDACTIONS: Final = "redactions.json"
ROUND: Final = f"proofs/{CHECKPOINTS}/round"
ROUND_PROOF: Final = f"{ROUND}.tlog-proof"
NOT_LISTED: Final = frozenset((MANIFEST, MANIFEST_NOTE, CUSTODY))
"""The files whose hashes the manifest cannot hold, or does not."""

ENTRIES_MAX: Final = 25_000
"""Entries, shown or redacted, of one bundle: each takes two files of the 65 535 that an archive
holds, and the registry needs room."""

_HEX = r"\A[0-9a-f]{64}\Z"
Hash = Annotated[str, msgspec.Meta(pattern=_HEX)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Folder = Literal["entries", "registry"]

_NUMBER = "(?:0|[1-9][0-9]{0,15})"
_ENTRY: Final = re.compile(rf"(entries|registry)/({_NUMBER})/({_NUMBER})")
_PROOF: Final = re.compile(rf"proofs/({_NUMBER})/({_NUMBER})\.tlog-proof")
_OF_LOG: Final = re.compile(
    rf"proofs/(?:{_NUMBER}|checkpoints)/checkpoint(?:\.tsr)?"
    rf"|proofs/{_NUMBER}/officer\.(?:json|leaves)"
)


class BundleError(ValueError):
    """A file of a bundle that is not what its name says; `path` names it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class DossierScope(msgspec.Struct, frozen=True, tag_field="kind", tag="dossier"):
    """Every entry of one dossier."""

    dossier: Text


class OfficerScope(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="officer"
):
    """The entries of one officer that occurred in a period, both ends included, "" for open."""

    officer: Text
    from_at: str = ""
    to_at: str = ""


class QueryScope(msgspec.Struct, frozen=True, tag_field="kind", tag="query"):
    """The entries that the exporter found for a query in the filter grammar of `pal events`."""

    query: Text


Scope = DossierScope | OfficerScope | QueryScope


class CheckpointRef(msgspec.Struct, frozen=True):
    """The checkpoint of one log that the bundle stands on; `root` in hex."""

    log: Count
    origin: Text
    root: Hash
    size: Positive


class Counts(msgspec.Struct, frozen=True):
    """How many entries are shown, redacted, and shown because others lean on them."""

    entries: Count
    redacted: Count
    registry: Count


class Signer(msgspec.Struct, frozen=True):
    """The key that signed the manifest, and the number of the log that enrolled it."""

    key: Text
    log: Count


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a bundle is. `files` gives the hex SHA-256 of each file but `NOT_LISTED`."""

    as_of: Annotated[tuple[CheckpointRef, ...], msgspec.Meta(min_length=1)]
    completeness: Text
    counts: Counts
    files: dict[str, Hash]
    ledger: Text
    logs: Positive
    not_shown: tuple[Text, ...]
    purpose: Text
    scope: Scope
    sealed_at: Text
    signer: Signer
    v: Literal[1]
    decision_no: Text | msgspec.UnsetType = msgspec.UNSET
    requester: Text | msgspec.UnsetType = msgspec.UNSET


class Place(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """Where an entry stands."""

    log: Count
    index: Count

    def path(self, folder: Folder) -> str:
        """The file of the entry."""
        return f"{folder}/{self.log}/{self.index}"

    @property
    def proof_path(self) -> str:
        """The file of its proof."""
        return f"proofs/{self.log}/{self.index}.tlog-proof"


class Redaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry that is not disclosed: its leaf hash, the place in its stream as the exporter says,
    and where it was approved that it stays hidden."""

    approval: Place
    index: Count
    leaf: Hash
    log: Count
    reason: Text
    stream: Text
    version: Positive


class Redactions(msgspec.Struct, frozen=True):
    """`redactions.json`, in the order of log and index."""

    redactions: tuple[Redaction, ...]
    v: Literal[1]


class EvidenceBundle(msgspec.Struct, frozen=True):
    """The files of a bundle by name, with its manifest read."""

    manifest: Manifest
    files: Mapping[str, bytes]

    @property
    def fingerprint(self) -> str:
        """The hex SHA-256 of the policy in the bundle: what is compared with the printed one."""
        return sha256(self.files.get(POLICY, b"")).hexdigest()


def checkpoint_path(log: int | str) -> str:
    """The file of a log's checkpoint; `CHECKPOINTS` for the log of checkpoints."""
    return f"proofs/{log}/checkpoint"


def officer_paths(log: int) -> tuple[str, str]:
    """The files of a log's officer proof and of the officer's leaf hashes."""
    return f"proofs/{log}/officer.json", f"proofs/{log}/officer.leaves"


def entry_place(path: str) -> tuple[Folder, Place] | None:
    """Folder and place of an entry's file; None for other files."""
    found = _ENTRY.fullmatch(path)
    if found is None:
        return None
    folder: Folder = "entries" if found[1] == "entries" else "registry"
    return folder, Place(int(found[2]), int(found[3]))


def proof_place(path: str) -> Place | None:
    """The place whose proof a file is; None for other files."""
    found = _PROOF.fullmatch(path)
    return None if found is None else Place(int(found[1]), int(found[2]))


def has_place(path: str) -> bool:
    """Whether a file may be in a bundle: strict where verifiers look, open elsewhere, so that later
    releases may add files."""
    if not path.startswith(("entries/", "registry/", "proofs/")):
        return True
    return (
        entry_place(path) is not None
        or proof_place(path) is not None
        or _OF_LOG.fullmatch(path) is not None
        or path in {POLICY, ROUND, ROUND_PROOF}
    )


def manifest_text(manifest: bytes) -> str:
    """The text that is signed for a manifest's bytes."""
    return f"pal/evidence/v1\n{sha256(manifest).hexdigest()}\n"


def parse_manifest(data: bytes) -> Manifest:
    """The manifest; keys that are not known are read over. Raises `BundleError`."""
    manifest = _read(MANIFEST, data, Manifest)
    logs = [ref.log for ref in manifest.as_of]
    if logs != sorted(set(logs)) or logs[-1] >= manifest.logs:
        raise BundleError(MANIFEST, f"as_of names the logs {logs} of {manifest.logs}")
    return manifest


def parse_redactions(data: bytes) -> tuple[Redaction, ...]:
    """The redactions in their order; raises `BundleError`."""
    found = _read(REDACTIONS, data, Redactions).redactions
    places = [(item.log, item.index) for item in found]
    if places != sorted(set(places)):
        raise BundleError(REDACTIONS, "not in the order of log and index, each once")
    return found


def parse_leaves(path: str, data: bytes) -> list[bytes]:
    """The leaf hashes of an officer, one in hex on each line; raises `BundleError`."""
    lines = data.decode("ascii", "replace").split("\n")
    if lines.pop() or any(re.fullmatch(_HEX, line) is None for line in lines):
        raise BundleError(path, "not lines of one lower-case hex hash each")
    return [bytes.fromhex(line) for line in lines]


def encode_leaves(leaves: list[bytes]) -> bytes:
    """The file that `parse_leaves` reads."""
    return "".join(f"{leaf.hex()}\n" for leaf in leaves).encode()


def encode_json(value: Any) -> bytes:
    """The canonical bytes of a struct or builtins; raises `CanonicalError`."""
    return encode_canonical(msgspec.to_builtins(value))


def _read(path: str, data: bytes, kind: type[Struct]) -> Struct:
    try:
        return msgspec.convert(decode_canonical(data), kind)
    except (CanonicalError, msgspec.ValidationError) as error:
        raise BundleError(path, str(error)) from error
