"""The second acknowledgement: an entry is covered by a published checkpoint with its quorum."""

from __future__ import annotations

import asyncio
from typing import Final

from ledger.adapters.tile_folder import TileFolder, prove_under
from ledger.app.limits import COMMIT_SECONDS
from ledger.app.submission import LedgerError, Place
from ledger.core.merkle import check_inclusion
from ledger.core.note import parse_note
from ledger.core.policy import Policy
from ledger.core.tlog_proof import TlogProof
from ledger.entry.note_keys import verify_checkpoint

_POLL_SECONDS: Final = 0.25
"""A checkpoint is some kilobytes, and comes every few seconds at most."""


class NotCommittedError(LedgerError):
    """The entry is recorded, and no checkpoint with a quorum covers it yet."""

    code = "checkpoint.not_committed"


async def committed(
    folder: TileFolder,
    policy: Policy,
    origin: str,
    place: Place,
    timeout_seconds: float = COMMIT_SECONDS,
) -> TlogProof:
    """Wait until a published checkpoint of `origin` with a quorum covers the entry at `place` (as
    `append` gave it), and give the proof, verified.

    Raises `NotCommittedError` when the time is over; `ProofError`, `NoteError` or
    `NoteSignatureError` where what is published is not what it should be, which no waiting mends.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    while True:
        proof = await asyncio.to_thread(_proof, folder, policy, origin, place)
        if isinstance(proof, TlogProof):
            return proof
        if loop.time() >= deadline:
            msg = f"{origin}: entry {place.index} is recorded and not committed: {proof}"
            raise NotCommittedError(msg, next_step="pal seal show; ask again later")
        await asyncio.sleep(_POLL_SECONDS)


def _proof(folder: TileFolder, policy: Policy, origin: str, place: Place) -> TlogProof | str:
    """The proof, or why there is none yet."""
    data = folder.read_checkpoint()
    if data is None:
        return "no checkpoint is published"
    note = parse_note(data)
    keys = policy.logs.get(origin, ())
    found = verify_checkpoint(note, origin, keys, policy.cosigners)
    tree = found.checkpoint
    if tree.size <= place.index:
        return f"the published checkpoint has size {tree.size}"
    if not policy.is_quorum([signature.key for signature in found.cosignatures]):
        return f"the checkpoint of size {tree.size} has no quorum of witnesses"
    proof = prove_under(folder, place.index, note)
    check_inclusion(place.index, tree.size, bytes.fromhex(place.leaf), proof.path, tree.root)
    return proof
