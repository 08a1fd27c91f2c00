"""Entries of a log's own stream that this installation writes about itself, by the ledger's key."""

from __future__ import annotations

from collections.abc import Sequence

from consumers.bootstrap import OpenLedger
from ledger.app.submission import Recorded, Refused, RefusedError, SignedAction, Submission
from ledger.core.action import Action, encode_action


async def record_own(ledger: OpenLedger, number: int, actions: Sequence[Action]) -> Recorded:
    """Record actions of the own stream of log `number`, all or none.

    In Kafka only where no writer owns the log, which a second writer would displace; raises
    `NotOwnedError` where one does, and whatever recording raises.
    """
    key = ledger.keys.load_signing_key("ledger")
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
