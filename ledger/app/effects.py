"""What the sequencer asks its adapter to do, and the clocks that it is told of."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from ledger.app.submission import Answer


class Moment(NamedTuple):
    """What the adapter's clocks say: wall time, monotonic seconds, and a jitter from 0 to 1."""

    now: datetime
    seconds: float
    jitter: float = 0.5


class Phase(StrEnum):
    """Where a session stands."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    READING = "reading"
    OPENING = "opening"
    CONFIRMING = "confirming"
    SERVING = "serving"
    WAITING = "waiting"


class NewProducer(msgspec.Struct, frozen=True):
    """End the producer of earlier sessions and make a new one; then call `producer_ready`."""

    session: int


class ReadFrom(msgspec.Struct, frozen=True):
    """Read from `offset` to the end of the log as it is now; then call `end_reached`."""

    session: int
    offset: int


class SendBatch(msgspec.Struct, frozen=True):
    """Send the entries as one batch; then call `echoed` or `batch_unknown`."""

    session: int
    entries: tuple[bytes, ...]


class Deliver(msgspec.Struct, frozen=True):
    """The outcome of one submission: an answer, or the error that its caller gets."""

    token: int
    outcome: Answer | Exception


class WakeAt(msgspec.Struct, frozen=True):
    """Call `tick` when the monotonic clock shows `seconds`."""

    seconds: float


class CloseProducer(msgspec.Struct, frozen=True):
    """End the producer: this session serves nobody any more."""


Effect = NewProducer | ReadFrom | SendBatch | Deliver | WakeAt | CloseProducer
