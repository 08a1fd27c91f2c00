"""Writes an evidence bundle: files by name, from sealed trees and the read store.

Everything but `custody.jsonl` follows from the request and the round: two exports at one as-of are
the same bytes (docs/formats/evidence.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from consumers.cli.options import Lang
from consumers.evidence.approvals import Approvals, Redacted
from consumers.evidence.choose import registry_for
from consumers.evidence.figures import figures_of
from consumers.evidence.trees import NotSealedError, SealedLedger
from consumers.evidence.views import timeline_page
from ledger.app.submission import LedgerError
from ledger.core.merkle import ProofError
from ledger.entry.bundle import (
    CUSTODY,
    ENTRIES_MAX,
    FORMAT_VERSION,
    MANIFEST,
    MANIFEST_NOTE,
    POLICY,
    REDACTIONS,
    ROUND,
    ROUND_PROOF,
    CheckpointRef,
    Counts,
    DossierScope,
    Folder,
    Manifest,
    OfficerScope,
    Place,
    Redactions,
    Scope,
    Signer,
    checkpoint_path,
    encode_json,
    encode_leaves,
    manifest_text,
    officer_paths,
)
from ledger.entry.checkpoint_log import CHECKPOINTS
from ledger.entry.entry import decode_entry
from ledger.entry.officer_index import officer_of
from ledger.entry.officer_proof import check_complete, prove_officer
from ledger.entry.signatures import KeyRing, SigningKey
from projections.queries.evidence import key_places, officer_leaves, void_indexes
from projections.queries.timeline import TimelineRow
from projections.store.sqlite import ReadStore

_LANGUAGES: Final[tuple[Lang, ...]] = ("en", "vi")
_VERIFIERS: Final = {"verify.py": "verify_bundle.py", "verify.html": "verify_bundle.html"}

_NOT_SHOWN: Final = (
    "that what an officer wrote is true, or that an action outside the system was recorded",
    "what came after the checkpoint: later entries, keys revoked since",
    "that no key was revoked in an entry that is left out here",
    "that figures and timelines follow from the entries: the entries are the evidence",
    "exports in formats of analysts, and the control slip: this release makes none",
)


class TooLargeError(LedgerError):
    """More entries than one bundle holds."""

    code = "evidence.too_large"


class Request(msgspec.Struct, frozen=True):
    """What is asked for. `redact` names the entries of the scope that are not to be disclosed,
    `inspection` where it was approved that they are hidden."""

    scope: Scope
    purpose: str
    decision_no: str = ""
    requester: str = ""
    redact: frozenset[Place] = frozenset()
    inspection: str = ""


class Exported(msgspec.Struct, frozen=True):
    """The files of a bundle by name, its manifest, and how many entries of the scope lie behind the
    round and are not in it."""

    files: dict[str, bytes]
    manifest: Manifest
    later: int


def export_bundle(
    request: Request,
    rows: Sequence[TimelineRow],
    store: ReadStore,
    sealed: SealedLedger,
    key: SigningKey,
    policy: bytes,
) -> Exported:
    """The bundle of `rows`, the entries of the request's scope; without `custody.jsonl`.

    Raises `NotSealedError` where none of them is sealed, `UnapprovedError` where nobody approved
    that an entry is hidden, `TooLargeError`.
    """
    covered = [row for row in rows if row.index < sealed.size(row.log)]
    if rows and not covered:
        msg = f"none of these {len(rows)} entries lies under a checkpoint yet"
        raise NotSealedError(msg, next_step="pal seal run, then export again")
    if len(covered) > ENTRIES_MAX:
        msg = f"{len(covered):,} entries: a bundle holds {ENTRIES_MAX:,}"
        raise TooLargeError(msg, next_step="name a shorter period, or a narrower query")
    return _Export(request, covered, store, sealed, key).run(policy, len(rows) - len(covered))


class _Export:
    def __init__(
        self,
        request: Request,
        rows: Sequence[TimelineRow],
        store: ReadStore,
        sealed: SealedLedger,
        key: SigningKey,
    ) -> None:
        self._request = request
        self._rows = rows
        self._store = store
        self._sealed = sealed
        self._key = key
        self._files: dict[str, bytes] = {}

    def run(self, policy: bytes, later: int) -> Exported:
        """Every file but the custody."""
        self._check_key()
        hidden = {Place(row.log, row.index) for row in self._rows} & self._request.redact
        shown = [row for row in self._rows if Place(row.log, row.index) not in hidden]
        redacted = self._redacted(hidden)
        places = {Place(row.log, row.index) for row in shown}
        for place in sorted(places):
            self._add_entry("entries", place)
        registry = self._registry(shown, redacted) - places - hidden
        for place in sorted(registry):
            self._add_entry("registry", place)
        logs = sorted({place.log for place in (*places, *registry, *hidden)})
        for log in logs:
            self._add_checkpoint(log)
        self._add_round()
        if isinstance(self._request.scope, OfficerScope):
            self._add_officer(self._request.scope.officer)
        self._files[POLICY] = policy
        redactions = Redactions(tuple(item.redaction for item in redacted), FORMAT_VERSION)
        self._files[REDACTIONS] = encode_json(redactions)
        at = self._sealed.round.sealed_at
        figures = figures_of(self._request.scope, shown, len(hidden), at)
        self._files["metrics/figures.json"] = encode_json(figures)
        for name, source in _VERIFIERS.items():
            self._files[name] = offline_file(source)
        counts = Counts(len(places), len(redacted), len(registry))
        manifest = self._manifest(counts, logs)
        for lang in _LANGUAGES:
            page = timeline_page(manifest, self._rows, redacted, lang)
            self._files[f"views/timeline.{lang}.html"] = page
        return Exported(self._files, self._sign(manifest), later)

    def _check_key(self) -> None:
        """The bundle must show that log 0 has enrolled the key of its manifest.

        Where it was enrolled behind the checkpoint, or revoked before, nobody could verify it.
        """
        tree, ring = self._sealed.tree(0), KeyRing()
        for place in key_places(self._store, 0, tree.origin):
            if place.index < tree.size:
                entry = decode_entry(tree.entry(place.index))
                ring.apply(entry.seal.type, entry.action["data"])
        if ring.role_of(self._key.id) != "ledger":
            msg = f"as of the newest checkpoint {self._key.id} is no key of role ledger of log 0"
            raise NotSealedError(msg, next_step="pal seal run, then export again; pal keys list")

    def _add_entry(self, folder: Folder, place: Place) -> None:
        tree = self._sealed.tree(place.log)
        data = tree.entry(place.index)
        self._files[place.path(folder)] = data
        self._files[place.proof_path] = tree.proof(place.index, data)

    def _redacted(self, hidden: set[Place]) -> list[Redacted]:
        """What stands as its hash, in the order of log and index."""
        if not hidden:
            return []
        approvals = Approvals(self._request.inspection, self._store, self._sealed, hidden)
        found = []
        for row in self._rows:
            place = Place(row.log, row.index)
            if place in hidden:
                tree = self._sealed.tree(row.log)
                self._files[place.proof_path] = tree.proof(row.index, tree.entry(row.index))
                found.append(approvals.redact(row))
        return sorted(found, key=lambda item: (item.redaction.log, item.redaction.index))

    def _registry(self, shown: Sequence[TimelineRow], redacted: Sequence[Redacted]) -> set[Place]:
        """What the entries shown lean on, approvals with what these lean on, and the keys of every
        log that is spoken of.

        The key of log 0 signs the manifest: its genesis is always there.
        """
        approvals = {item.redaction.approval: item.entry.typed for item in redacted}
        actions = [row.action for row in shown]
        actions += [action for action in approvals.values() if action is not None]
        needed = approvals.keys() | {
            Place(entry.log, entry.index) for entry in registry_for(self._store, actions)
        }
        for log in {place.log for place in needed} | {row.log for row in self._rows} | {0}:
            needed |= set(key_places(self._store, log, self._sealed.round.logs[log].origin))
        return {place for place in needed if place.index < self._sealed.size(place.log)}

    def _add_checkpoint(self, log: int) -> None:
        tree = self._sealed.tree(log)
        self._files[checkpoint_path(log)] = tree.note.encode()
        token = tree.token()
        if token is not None:
            self._files[f"{checkpoint_path(log)}.tsr"] = token

    def _add_round(self) -> None:
        rounds = self._sealed.rounds
        path = checkpoint_path(CHECKPOINTS)
        self._files[path] = rounds.note.encode()
        token = rounds.token()
        if token is not None:
            self._files[f"{path}.tsr"] = token
        self._files[ROUND] = self._sealed.round_data
        self._files[ROUND_PROOF] = rounds.proof(self._sealed.round_index, self._sealed.round_data)

    def _add_officer(self, officer: str) -> None:
        for log, committed in enumerate(self._sealed.round.logs):
            officers = self._sealed.tree(log).officers(committed)
            proof = prove_officer(officers, officer, committed.origin, committed.size)
            leaves = self._leaves(officer, log, committed.size)
            position, is_there = officers.place_of(officer)
            if is_there:
                try:
                    check_complete(officers.leaf_at(position), leaves)
                except ProofError as error:
                    raise NotSealedError(
                        f"log {log}: {error}",
                        next_step="pal verify, then pal rebuild: log and read store may differ",
                    ) from error
            proof_path, leaves_path = officer_paths(log)
            self._files[proof_path] = proof.encode()
            self._files[leaves_path] = encode_leaves(leaves)

    def _leaves(self, officer: str, log: int, size: int) -> list[bytes]:
        """The leaf hashes of the officer's entries in order, void ones included."""
        found = dict(officer_leaves(self._store, officer, log, size))
        for index in void_indexes(self._store, log, size):
            entry = decode_entry(self._sealed.tree(log).entry(index))
            if officer_of(entry) == officer:
                found[index] = entry.leaf
        return [bytes.fromhex(found[index]) for index in sorted(found)]

    def _manifest(self, counts: Counts, logs: Sequence[int]) -> Manifest:
        request, sealed = self._request, self._sealed
        as_of = []
        for log in logs:
            committed = sealed.round.logs[log]
            as_of.append(CheckpointRef(log, committed.origin, committed.root, committed.size))
        return Manifest(
            as_of=tuple(as_of),
            completeness=_completeness(request.scope),
            counts=counts,
            files={},
            ledger=sealed.name,
            logs=sealed.logs,
            not_shown=_NOT_SHOWN,
            purpose=request.purpose,
            scope=request.scope,
            sealed_at=sealed.round.sealed_at,
            signer=Signer(self._key.id, 0),
            v=FORMAT_VERSION,
            decision_no=request.decision_no or msgspec.UNSET,
            requester=request.requester or msgspec.UNSET,
        )

    def _sign(self, manifest: Manifest) -> Manifest:
        hashes = {name: sha256(data).hexdigest() for name, data in self._files.items()}
        manifest = msgspec.structs.replace(manifest, files=hashes)
        data = encode_json(manifest)
        self._files[MANIFEST] = data
        origin = f"{self._sealed.name}/0"
        self._files[MANIFEST_NOTE] = self._key.sign_note(origin, manifest_text(data)).encode()
        return manifest


def _completeness(scope: Scope) -> str:
    if isinstance(scope, DossierScope):
        return (
            "Complete: every version of the dossier from 1 to the last one here, shown or as its "
            "leaf hash. Not shown: whether later versions follow, other dossiers."
        )
    if isinstance(scope, OfficerScope):
        return (
            "Complete: officer.leaves of each log holds the leaf hash of every entry of the "
            "officer up to the checkpoint, by number and root as the log of checkpoints commits "
            "to. Those of the period are shown; that the others lie outside it is the exporter's "
            "word, and whoever holds the log finds each by its hash."
        )
    return "Not complete: these are entries that fit the query; that no other fits is not shown."


def custody_line(manifest: bytes, by: str, at: str) -> bytes:
    """The line that an export writes into `custody.jsonl`."""
    return (
        encode_json(
            {
                "at": at,
                "by": by,
                "event": "exported",
                "manifest_sha256": sha256(manifest).hexdigest(),
                "note": "this file is covered by no hash: it is not evidence",
            }
        )
        + b"\n"
    )


def with_custody(exported: Exported, by: str, at: str) -> dict[str, bytes]:
    """All files of the bundle."""
    return exported.files | {CUSTODY: custody_line(exported.files[MANIFEST], by, at)}


def offline_file(name: str) -> bytes:
    """A verifier that a bundle carries: installed beside this package, or in a source folder below
    `scripts/`."""
    installed = Path(__file__).parent / "offline" / name
    source = Path(__file__).parents[2] / "scripts" / name
    return (installed if installed.exists() else source).read_bytes()
