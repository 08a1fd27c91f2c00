"""What goes to a writer and what comes back."""

from __future__ import annotations

import msgspec

from ledger.entry.entry import Signature


class SignedAction(msgspec.Struct, frozen=True, gc=False):
    """An action ready to be sealed: its bytes, and what the writer needs to know of them.

    `expected_version` is the stream's version after this action, where the caller decided on a
    known state; None appends after whatever is there.
    """

    id: str
    stream: str
    type: str
    data: bytes
    sigs: tuple[Signature, ...]
    expected_version: int | None = None


class Submission(msgspec.Struct, frozen=True, gc=False):
    """Actions that are recorded together, all or none, and never split over two batches."""

    actions: tuple[SignedAction, ...]


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where an action is recorded: 0-based index in the log, 1-based version, hex leaf hash.

    `digest` is the SHA-256 of the action's bytes: one id never means two actions.
    """

    index: int
    version: int
    leaf: str
    digest: bytes


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """The final answer: each action of the submission and its place, in order.

    `new` counts those that this submission added; the others had their place before.
    """

    places: tuple[Place, ...]
    new: int


class Refused(msgspec.Struct, frozen=True):
    """Nothing of the submission was recorded, as of a log of `size` entries.

    `code` is `action.id_reused`, `stream.version_conflict`, `stream.other_log` or
    `entry.too_large`.
    """

    code: str
    message: str
    action_id: str
    size: int


Answer = Recorded | Refused


class LedgerError(Exception):
    """What happened, where and what to do next; the edge renders it (EXPERIENCE.md section 1.4)."""

    code = "ledger.error"

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class RefusedError(LedgerError):
    """The ledger recorded nothing of this submission. `field` names what is wrong, where known.

    `value` is what stands in that field, for the sender only: it may be personal and never goes
    into the message, which is logged.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str = "",
        value: object = None,
        next_step: str = "",
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.code = code
        self.field = field
        self.value = value


class OutcomeUnknownError(LedgerError):
    """Neither recorded nor not recorded is known: send the same action id again to learn which."""

    code = "log.outcome_unknown"


class UnavailableError(LedgerError):
    """The log or its broker cannot be reached or may not be written; nothing was recorded."""

    code = "log.unavailable"


class QueueFullError(UnavailableError):
    """More is waiting for the writer than may wait; nothing of this submission was recorded."""

    code = "log.queue_full"
