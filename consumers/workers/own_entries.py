"""Entries that this installation writes about itself: of a log's own stream, or of who looked."""

from __future__ import annotations

from collections.abc import Sequence

from consumers.bootstrap import OpenLedger
from ledger.app.submission import Recorded, Refused, RefusedError, SignedAction, Submission
from ledger.core.action import Action, encode_action
from ledger.entry.signatures import Role


async def record_own(ledger: OpenLedger, number: int, actions: Sequence[Action]) -> Recorded:
    """Record actions of the own stream of log `number`, all or none; see `record_as`."""
    return await record_as(ledger, number, actions, "ledger")


async def record_as(
    ledger: OpenLedger, number: int, actions: Sequence[Action], role: Role
) -> Recorded:
    """Record actions in log `number`, all or none, signed with this home's key of a role.

    In Kafka only where no writer owns the log, which a second writer would displace; raises
    `NotOwnedError` where one does, and whatever recording raises.
    """
    key = ledger.keys.load_signing_key(role)
    bodies = [encode_action(action) for action in actions]
    submission = Submission(
        tuple(
            SignedAction(action.id, action.stream, action.type, body, sigs)
            for action, body, sigs in zip(actions, bodies, key.sign(bodies), strict=True)
        )
    )
    if ledger.settings.kafka is None:
        answer = await ledger.logs[number].append(submission)
    else:
        async with ledger.unowned_logs() as unowned:
            log = await unowned.open_one(number)
            answer = await log.append(submission)
    if isinstance(answer, Refused):
        raise RefusedError(answer.code, answer.message)
    return answer
