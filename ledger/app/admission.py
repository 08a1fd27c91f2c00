"""What a writer looks at before it seals: what would land as a void entry is refused. Pure.

Signatures are checked by the intake; whether their keys may sign is asked again here, where nothing
can come between the answer and the entry: a key may have been revoked since.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ledger.app.submission import Refused, SignedAction, Submission
from ledger.entry.log_state import GENESIS_TYPE, LogState
from ledger.entry.signatures import KEY_REVOKED


class _Revocation(msgspec.Struct, frozen=True):
    key_id: str


class _Revoking(msgspec.Struct, frozen=True):
    """What of a revocation's bytes names the key."""

    data: _Revocation


_revoking = msgspec.json.Decoder(_Revoking)


def refusal(submission: Submission, state: LogState, size: int) -> Refused | None:
    """Why none of the submission may be sealed in a log of this state and `size`; None if it may.

    The last key of role ledger is never revoked: nobody could sign the log's own entries any more.
    """
    gone: set[str] = set()
    for action in submission.actions:
        own = action.stream == state.own_stream
        if action.type == GENESIS_TYPE or (action.stream.startswith("ledger:") and not own):
            message = f"{action.type} of {action.stream} does not belong into {state.own_stream}"
            return Refused("stream.foreign", message, action.id, size)
        for signature in action.sigs:
            role = state.keys.role_of(signature.key)
            if role is None or (own and role != "ledger"):
                why = " any more: it was revoked" if state.keys.is_revoked(signature.key) else ""
                message = f"key {signature.key!r} may not sign {action.type} in this log{why}"
                return Refused("signature.invalid", message, action.id, size)
        if own and action.type == KEY_REVOKED:
            gone |= _revoked(action)
            if not state.keys.valid("ledger") - gone:
                message = "the last key of role ledger: nobody could sign for this log any more"
                return Refused("keys.last_ledger_key", message, action.id, size)
    return None


def _revoked(action: SignedAction) -> set[str]:
    try:
        return {_revoking.decode(action.data).data.key_id}
    except msgspec.DecodeError:
        return set()


def together(submissions: Iterable[Submission], state: LogState) -> int:
    """How many of the submissions, from the first on, may share a batch; the first was not refused.

    An entry of the log's own stream may change which keys count behind it: it goes alone.
    """
    count = 0
    for submission in submissions:
        alone = any(action.stream.startswith("ledger:") for action in submission.actions)
        if count and (alone or refusal(submission, state, 0) is not None):
            break
        count += 1
        if alone:
            break
    return count
