"""Steps 5 to 7 and 10 of a bundle's verification: inclusion, checkpoints, witnesses, time."""

from __future__ import annotations

from hashlib import sha256

from ledger.core.checkpoint import parse_checkpoint
from ledger.core.merkle import ProofError, check_inclusion, leaf_hash
from ledger.core.note import NoteError, parse_note
from ledger.core.policy import QUORUM_NONE, Policy, PolicyError, parse_policy
from ledger.core.tlog_proof import parse_tlog_proof
from ledger.entry.bundle import (
    POLICY,
    ROUND,
    ROUND_PROOF,
    Place,
    checkpoint_path,
    proof_place,
)
from ledger.entry.bundle_state import BundleCheck, failed
from ledger.entry.checkpoint_log import CHECKPOINTS
from ledger.entry.note_keys import NoteSignatureError, verify_checkpoint


def check_proofs(check: BundleCheck) -> None:
    """Each entry, shown or redacted, under its log's checkpoint, and that in the round."""
    logs = {ref.log for ref in check.manifest.as_of}
    for log in sorted({node.place.log for node in check.nodes} - logs):
        raise failed("evidence.proof", f"the manifest names no checkpoint of log {log}")
    for log in sorted(logs):
        _read_checkpoint(check, log)
    _read_checkpoint(check, CHECKPOINTS)
    needed = {node.place for node in check.nodes}
    there = {place for path in check.files if (place := proof_place(path)) is not None}
    for place in sorted(there - needed):
        raise failed("evidence.proof", f"{place.proof_path} proves no entry of the bundle")
    for node in check.nodes:
        _check_proof(
            check, node.place.proof_path, node.place.log, bytes.fromhex(node.leaf), node.place.index
        )
        check.checked += 1
    _check_round(check)


def _read_checkpoint(check: BundleCheck, log: int | str) -> None:
    path = checkpoint_path(log)
    try:
        note = parse_note(check.file("evidence.proof", path))
        checkpoint = parse_checkpoint(note.text)
    except NoteError as error:
        raise failed("evidence.proof", f"{path}: {error}") from error
    if checkpoint.origin != check.origin(log):
        raise failed(
            "evidence.proof",
            f"{path} is the checkpoint of another log",
            expected=check.origin(log),
            actual=checkpoint.origin,
        )
    check.notes[path] = note, checkpoint


def _check_proof(
    check: BundleCheck, path: str, log: int | str, leaf: bytes, index: int | None = None
) -> None:
    note, checkpoint = check.notes[checkpoint_path(log)]
    try:
        proof = parse_tlog_proof(check.file("evidence.proof", path))
        check_inclusion(proof.index, checkpoint.size, leaf, proof.path, checkpoint.root)
    except ProofError as error:
        raise failed("evidence.proof", f"{path}: {error}") from error
    if proof.checkpoint != note or index not in (None, proof.index) or proof.extra:
        raise failed(
            "evidence.proof",
            f"{path} is a proof of another index or checkpoint, or has an extra line",
            expected=index,
            actual=proof.index,
        )


def _check_round(check: BundleCheck) -> None:
    manifest, found = check.manifest, check.round
    _check_proof(check, ROUND_PROOF, CHECKPOINTS, leaf_hash(check.files[ROUND]))
    origins = [log.origin for log in found.logs]
    if origins != [check.origin(log) for log in range(manifest.logs)]:
        raise failed(
            "evidence.round",
            "the round does not name the logs of this ledger",
            expected=f"{check.origin(0)} to {check.origin(manifest.logs - 1)}",
            actual=", ".join(origins),
        )
    if found.sealed_at != manifest.sealed_at:
        raise failed(
            "evidence.round",
            "the round was sealed at another time than the manifest says",
            expected=manifest.sealed_at,
            actual=found.sealed_at,
        )
    for ref in manifest.as_of:
        _, checkpoint = check.notes[checkpoint_path(ref.log)]
        committed = found.logs[ref.log]
        told = {
            (ref.origin, ref.size, ref.root),
            (committed.origin, committed.size, committed.root),
            (checkpoint.origin, checkpoint.size, checkpoint.root.hex()),
        }
        if len(told) > 1:
            raise failed(
                "evidence.round",
                f"round, manifest and checkpoint of log {ref.log} differ",
                expected=f"{committed.origin} {committed.size} {committed.root}",
                actual=f"{ref.origin} {ref.size} {ref.root}, checkpoint "
                f"{checkpoint.size} {checkpoint.root.hex()}",
            )
        check.checked += 1


def check_checkpoints(check: BundleCheck) -> None:
    """The pinned policy, the log's signatures on each checkpoint, the pinned genesis."""
    policy = _check_policy(check)
    for path, (note, checkpoint) in check.notes.items():
        keys = policy.logs.get(checkpoint.origin, ())
        if not keys:
            check.doubt(
                "checkpoint.unknown_log",
                f"the policy names no key of {checkpoint.origin}",
                expected=f"log {checkpoint.origin}+…",
            )
            continue
        try:
            verified = verify_checkpoint(note, checkpoint.origin, keys, policy.cosigners)
        except (NoteSignatureError, NoteError) as error:
            raise failed("checkpoint.signature_invalid", f"{path}: {error}") from error
        check.verified.append(verified)
        check.checked += len(verified.signatures)
    for log in sorted(check.rings):
        _check_genesis(check, log)


def _check_policy(check: BundleCheck) -> Policy:
    data = check.file("evidence.policy", POLICY)
    fingerprint = sha256(data).hexdigest()
    pinned = check.pins.fingerprint
    if pinned not in ("", fingerprint):
        raise failed(
            "trust.policy_mismatch",
            "the policy in the bundle is not the one that is pinned",
            expected=pinned,
            actual=fingerprint,
        )
    if not pinned:
        check.doubt(
            "trust.not_pinned",
            "nothing outside the bundle says that its policy is the right one",
            expected="a policy file, or the fingerprint that was printed elsewhere",
            actual=fingerprint,
        )
    try:
        check.policy = parse_policy(data)
    except PolicyError as error:
        raise failed("evidence.policy", str(error)) from error
    return check.policy


def _check_genesis(check: BundleCheck, log: int) -> None:
    pinned, origin = check.pins.genesis_leaves, check.origin(log)
    if not pinned:
        return
    if origin not in pinned:
        raise failed(
            "trust.origin_mismatch",
            "the trust file pins other logs",
            expected=", ".join(sorted(pinned)),
            actual=origin,
        )
    _, genesis = check.entries[Place(log, 0)]
    if genesis.leaf != pinned[origin]:
        raise failed(
            "trust.genesis_mismatch",
            f"{origin} begins with another genesis than the one that is pinned",
            expected=pinned[origin],
            actual=genesis.leaf,
        )
    check.checked += 1


def check_witnesses(check: BundleCheck) -> None:
    """The quorum of the policy on each checkpoint."""
    policy = check.policy
    if policy is None or policy.quorum == QUORUM_NONE:
        check.not_checked.append("witnesses: the policy asks for none")
        return
    for verified in check.verified:
        cosigned = [signature.key for signature in verified.cosignatures]
        check.checked += len(cosigned)
        if not policy.is_quorum(cosigned):
            check.doubt(
                "checkpoint.unwitnessed",
                f"too few witnesses cosigned the checkpoint of {verified.checkpoint.origin}",
                expected=f"quorum {policy.quorum}",
                actual=", ".join(key.name for key in cosigned) or "no cosignature",
            )


def check_times(check: BundleCheck) -> None:
    """The time-stamp tokens, where authorities are pinned."""
    tokens = 0
    for path, (note, _) in check.notes.items():
        token = check.files.get(f"{path}.tsr")
        if token is None:
            continue
        tokens += 1
        if check.pins.check_time is not None:
            try:
                check.pins.check_time(note.text, token)
            except ValueError as error:
                raise failed("timestamp.invalid", f"{path}.tsr: {error}") from error
            check.checked += 1
    if tokens > check.checked:
        check.not_checked.append(f"trusted time: {tokens} tokens, no authority is pinned")
