"""`proof`: the proof that an entry stands under a signed, witnessed checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from consumers.bootstrap import OpenLedger, open_ledger
from consumers.cli.errors import (
    VERDICT_CODES,
    NotFoundError,
    UsageError,
    finding_lines,
)
from consumers.cli.options import Common
from consumers.cli.output import Basis, show_value, write
from consumers.cli.session import settings_of
from consumers.cli.terminal import paint, say
from consumers.cli.texts import text
from consumers.sealing import load_policy, tree_folder
from consumers.witness_home import read_policy
from ledger.adapters.tile_folder import prove_under, read_entry
from ledger.app.growth import mismatch
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import ProofError, leaf_hash
from ledger.core.note import NoteError, parse_note
from ledger.core.policy import Policy
from ledger.core.tlog_proof import TlogProof, parse_tlog_proof
from ledger.entry.note_keys import NoteSignatureError, VerifiedCheckpoint, verify_tlog_proof

app: Final = App(name="proof", help="Write the proof of an entry, or verify one.")


@app.default
def proof(
    place: str,
    *,
    out: Annotated[
        Path | None, Parameter(help="The proof file; default LOG-INDEX.tlog-proof here.")
    ] = None,
    entry: Annotated[
        Path | None, Parameter(help="Also write the entry's exact bytes, which the proof needs.")
    ] = None,
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Write the .tlog-proof of the entry at PLACE (301, or 3/301 in log 3), verified first.

    It stands under the newest published checkpoint. Exit code 2 where that has no quorum.

    Example: pal proof 301 --out entry.tlog-proof --entry entry.bin
    """
    with open_ledger(settings_of(common)) as ledger:
        number, index = _place_of(ledger, place)
        policy, folder = load_policy(ledger.settings), tree_folder(ledger.settings, str(number))
        origin = ledger.trust[number].origin
        try:
            note = parse_note(folder.read_checkpoint() or b"")
            size = parse_checkpoint(note.text).size
        except NoteError as error:
            msg = f"no checkpoint of {origin} is published: {error}"
            raise NotFoundError(msg, next_step="pal seal run") from error
        if index >= size:
            msg = f"the checkpoint of {origin} covers {size} entries: index {index} is not covered"
            raise NotFoundError(msg, next_step="pal seal run")
        try:
            made, body = prove_under(folder, index, note), read_entry(folder, index, size)
        except ProofError as error:
            raise mismatch(origin, str(error)) from error
    found, is_quorum = _verified(made, body, policy)
    path = out or Path(f"{number}-{index}.tlog-proof")
    path.write_bytes(made.encode())
    if entry is not None:
        entry.write_bytes(body)
    say(text("proving.written", common.language, path=path, origin=origin, size=size))
    return _told(found, made, body, is_quorum, common)


@app.command
def verify(
    file: Path,
    *,
    entry: Annotated[Path, Parameter(help="The entry's exact bytes.")],
    policy: Annotated[
        Path, Parameter(help="The pinned policy: keys of the logs, witnesses and quorum.")
    ],
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Verify a .tlog-proof against an entry, by a policy that you have from elsewhere; offline.

    Exit code 0 passed, 1 failed, 2 where the policy does not know the log or lacks its quorum.

    Example: pal proof verify entry.tlog-proof --entry entry.bin --policy policy.txt
    """
    body = entry.read_bytes()
    try:
        made = parse_tlog_proof(file.read_bytes())
        found, is_quorum = _verified(made, body, read_policy(policy))
    except (ProofError, NoteError) as error:
        raise FindingError(_failed(str(error), leaf_hash(body).hex())) from error
    return _told(found, made, body, is_quorum, common)


def _place_of(ledger: OpenLedger, place: str) -> tuple[int, int]:
    number, stroke, index = place.rpartition("/")
    if not stroke and len(ledger.trust) > 1:
        msg = f"this ledger has {len(ledger.trust)} logs: index {index} is one entry in each"
        raise UsageError(msg, next_step=f"pal proof 0/{index}")
    if not index.isdecimal() or (stroke and not number.isdecimal()):
        raise UsageError(f"{place!r} is no place", next_step="pal proof 301, or 3/301")
    if int(number or 0) >= len(ledger.trust):
        raise NotFoundError(f"there is no log {number}", next_step="pal status")
    return int(number or 0), int(index)


def _verified(made: TlogProof, body: bytes, policy: Policy) -> tuple[VerifiedCheckpoint, bool]:
    """The checkpoint that covers the entry, and whether it has its quorum.

    Raises `FindingError`: failed where something is wrong, indeterminate for an unknown log.
    """
    leaf = leaf_hash(body).hex()
    try:
        origin = parse_checkpoint(made.checkpoint.text).origin
        keys = policy.logs.get(origin, ())
        if not keys:
            raise FindingError(_unknown(origin))
        found = verify_tlog_proof(made, body, origin, keys, policy.cosigners)
    except (ProofError, NoteError, NoteSignatureError) as error:
        raise FindingError(_failed(str(error), leaf)) from error
    return found, policy.is_quorum([signed.key for signed in found.cosignatures])


def _told(
    found: VerifiedCheckpoint, made: TlogProof, body: bytes, is_quorum: bool, common: Common
) -> int:
    tree, leaf = found.checkpoint, leaf_hash(body).hex()
    witnesses = sorted({signed.key.name for signed in found.cosignatures})
    verdict = Verdict.PASSED if is_quorum else Verdict.INDETERMINATE
    if common.format != "table":
        value = {
            "verdict": verdict,
            "index": made.index,
            "leaf": leaf,
            "size": tree.size,
            "root": tree.root.hex(),
            "witnesses": witnesses,
        }
        show_value("proof", value, basis=Basis(tree.origin), form=common.format)
        return VERDICT_CODES[verdict]
    if not is_quorum:
        for line in finding_lines(_unwitnessed(tree.origin, tree.size, witnesses)):
            write(line)
        return VERDICT_CODES[verdict]
    lang = common.language
    write(
        paint("✓ ", "green", sys.stdout)
        + text("proving.passed", lang, index=made.index, origin=tree.origin, size=tree.size)
    )
    write(f"  leaf      {leaf}")
    named = ", ".join(witnesses) or text("proving.no_witness", lang)
    write(f"  {text('proving.witnesses', lang):<9} {named}")
    write(f"  {text('not_proved', lang)}")
    return VERDICT_CODES[verdict]


def _failed(message: str, leaf: str) -> Finding:
    return Finding(
        code="proof.invalid",
        verdict=Verdict.FAILED,
        message=f"the proof does not show that this entry stands under a signed checkpoint: "
        f"{message}",
        actual=f"leaf {leaf}",
        next_step="get proof and entry again from whoever made them; keep these",
    )


def _unknown(origin: str) -> Finding:
    return Finding(
        code="checkpoint.unknown_log",
        verdict=Verdict.INDETERMINATE,
        message="the policy names no key of this log",
        origin=origin,
        expected=f"log {origin}+…",
        next_step="get the log's policy from a place that you trust",
    )


def _unwitnessed(origin: str, size: int, witnesses: Sequence[str]) -> Finding:
    return Finding(
        code="checkpoint.unwitnessed",
        verdict=Verdict.INDETERMINATE,
        message=f"the checkpoint of size {size} covers the entry, without its quorum of witnesses",
        origin=origin,
        actual=", ".join(witnesses) or "no cosignature",
        next_step="ask for a proof again when the witnesses answer",
    )
