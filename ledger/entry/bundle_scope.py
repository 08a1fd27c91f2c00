"""Steps 8 and 9 of a bundle's verification: complete as its scope says, signed by its ledger."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import Final

from ledger.core.action import stream_id
from ledger.core.merkle import ProofError
from ledger.core.note import Algorithm, NoteError, VerifierKey, parse_note
from ledger.entry.bundle import (
    MANIFEST,
    MANIFEST_NOTE,
    BundleError,
    DossierScope,
    OfficerScope,
    Place,
    manifest_text,
    officer_paths,
    parse_leaves,
)
from ledger.entry.bundle_state import BundleCheck, Node, failed
from ledger.entry.note_keys import NoteSignatureError, verify_note
from ledger.entry.officer_index import officer_of
from ledger.entry.officer_proof import (
    Committed,
    check_complete,
    check_officer_proof,
    parse_officer_proof,
)
from ledger.entry.redaction import read_approval

_OFFICER_FILE: Final = re.compile(r"proofs/[0-9]+/officer\.[a-z]+")


def check_completeness(check: BundleCheck) -> None:
    """What the scope promises to hold in full, and that somebody approved what is hidden."""
    _check_approvals(check)
    scope = check.manifest.scope
    own = [
        node
        for node in check.nodes
        if node.entry is None or check.entries[node.place][0] == "entries"
    ]
    expected: set[str] = set()
    if isinstance(scope, OfficerScope):
        expected = {path for log in range(len(check.round.logs)) for path in officer_paths(log)}
    there = {path for path in check.files if _OFFICER_FILE.fullmatch(path)}
    if there != expected:
        raise failed(
            "evidence.officer_count",
            "not the proofs that a bundle of this scope has",
            expected=", ".join(sorted(expected - there)),
            actual=", ".join(sorted(there - expected)),
        )
    if isinstance(scope, DossierScope):
        _check_dossier(check, stream_id("dossier", scope.dossier), own)
    elif isinstance(scope, OfficerScope):
        _check_officer(check, scope, own)


def _check_approvals(check: BundleCheck) -> None:
    named = {redaction.approval for redaction in check.redactions} & check.entries.keys()
    # Each is read once: one entry may approve hundreds.
    approvals = {place: read_approval(check.entries[place][1]) for place in named}
    for redaction in check.redactions:
        place = redaction.approval
        approval = approvals.get(place)
        if approval is not None:
            fault = approval.fault(check.origin(redaction.log), redaction)
        else:
            fault = "approves nothing" if place in approvals else "is not shown"
        if fault:
            at = Place(redaction.log, redaction.index)
            raise failed(
                "evidence.redaction_unapproved",
                "an entry is hidden, and it is not shown that somebody approved it",
                node=Node(at, redaction.leaf, redaction.stream, redaction.version, None),
                expected=f"the approval of another than who asked for it, {place.path('registry')}",
                actual=f"{place.log}/{place.index} {fault}",
            )
        check.checked += 1


def _check_dossier(check: BundleCheck, stream: str, own: Sequence[Node]) -> None:
    for version, node in enumerate(own, 1):
        if node.stream != stream:
            raise failed(
                "evidence.out_of_scope", "an entry of another stream", node=node, expected=stream
            )
        if node.version != version:
            raise failed(
                "evidence.stream_gap",
                "versions are missing in the stream",
                node=node,
                expected=version,
                actual=node.version,
            )
        check.checked += 1
    if not own:
        raise failed("evidence.stream_gap", f"no entry of {stream}", expected="version 1")


def _check_officer(check: BundleCheck, scope: OfficerScope, own: Sequence[Node]) -> None:
    for node in own:
        if node.entry is None:
            continue
        occurred = "" if node.entry.typed is None else node.entry.typed.occurred_at.at
        within = scope.from_at <= occurred <= (scope.to_at or "~")
        if officer_of(node.entry) != scope.officer or not within:
            raise failed(
                "evidence.out_of_scope", "not an entry of this officer and period", node=node
            )
    for log, committed in enumerate(check.round.logs):
        _check_officer_log(
            check,
            scope.officer,
            log,
            Committed(
                committed.origin,
                committed.size,
                committed.officers,
                bytes.fromhex(committed.officers_root),
            ),
            [node for node in own if node.place.log == log],
        )


def _check_officer_log(
    check: BundleCheck, officer: str, log: int, committed: Committed, own: Iterable[Node]
) -> None:
    proof_path, leaves_path = officer_paths(log)
    try:
        proof = parse_officer_proof(check.files[proof_path])
        counted = check_officer_proof(proof, officer, committed)
        leaves = parse_leaves(leaves_path, check.files[leaves_path])
        check_complete(counted, leaves)
    except (ProofError, BundleError) as error:
        raise failed("evidence.officer_count", f"log {log}: {error}") from error
    rest = iter(leaves)
    for node in own:
        if bytes.fromhex(node.leaf) not in rest:  # looks on from the one found before
            raise failed(
                "evidence.officer_count",
                "an entry that the officer index does not hold in this place",
                node=node,
                actual=node.leaf,
            )
    check.checked += 1


def check_manifest(check: BundleCheck) -> None:
    """The note over the manifest, by a key that the log enrolled."""
    signer = check.manifest.signer
    ring = check.rings.get(signer.log)
    public = next((key.public for key in ring or () if key.id == signer.key), None)
    code = "evidence.manifest_signature"
    if ring is None or public is None or ring.role_of(signer.key) != "ledger":
        raise failed(
            code,
            "the manifest is not signed by a key that the log enrolled for this",
            expected="a key of role ledger, enrolled and not revoked",
            actual=f"{signer.key} of log {signer.log}",
        )
    try:
        key = VerifierKey(check.origin(signer.log), Algorithm.ED25519, b64decode(public))
        note = parse_note(check.files[MANIFEST_NOTE])
        verify_note(note, [key])
    except (NoteError, NoteSignatureError) as error:
        raise failed(code, f"{MANIFEST_NOTE}: {error}") from error
    expected = manifest_text(check.files[MANIFEST])
    if note.text != expected or len(note.signatures) != 1:
        raise failed(
            code, f"{MANIFEST_NOTE} signs another text", expected=expected, actual=note.text
        )
    check.checked += 1
