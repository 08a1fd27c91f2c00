"""What counts, and what answers promise: the invariant, in code that shares none with the ledger.

A record counts if it is an entry of this origin whose `index` is the number of entries before it
and whose `prev` is the leaf of the one before. Everything else follows from that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import Final, NamedTuple

from ledger.app.submission import Recorded, Refused, Submission, UnavailableError
from ledger.core.findings import FindingError

NO_LEAF: Final = "0" * 64
NOT_RECORDED: Final = (Refused, UnavailableError)
LEDGERS_OWN: Final = ("ledger.genesis.v1", "ledger.writer_opened.v1")


class ViolationError(Exception):
    """An answer that does not hold, or an entry that should not count."""


class Sealed(NamedTuple):
    """What the oracle reads in a record; `entry` is False for bytes that are none."""

    entry: bool
    leaf: str
    prev: str = ""
    index: int = -1
    version: int = 0
    recorded_at: str = ""
    stream: str = ""
    action_id: str = ""
    type: str = ""


@cache
def sealed(record: bytes) -> Sealed:
    leaf = sha256(b"\x00" + record).hexdigest()
    line, found, action = record.partition(b"\n")
    if not found:
        return Sealed(False, leaf)
    seal = json.loads(line)
    return Sealed(
        True,
        leaf,
        seal["prev"],
        seal["index"],
        seal["version"],
        seal["recorded_at"],
        seal["stream"],
        json.loads(action)["id"],
        seal["type"],
    )


class Counted(NamedTuple):
    """A place that counts."""

    index: int
    leaf: str
    offset: int
    type: str


class Fold(NamedTuple):
    """A log folded up to some offset. Values: `take` gives another one."""

    check_prev: bool = True
    offset: int = 0
    size: int = 0
    head: str = NO_LEAF
    versions: Mapping[str, int] = {}
    places: Mapping[str, Counted] = {}
    counting: tuple[bool, ...] = ()

    def take(self, records: Iterable[bytes]) -> Fold:
        """The fold after these records; raises `ViolationError` for an id that counts twice."""
        size, head, offset = self.size, self.head, self.offset
        versions, places, counting = dict(self.versions), dict(self.places), list(self.counting)
        for record in records:
            seal = sealed(record)
            counts = (
                seal.entry and seal.index == size and (seal.prev == head or not self.check_prev)
            )
            counting.append(counts)
            if counts:
                if seal.action_id in places:
                    msg = f"an action counts twice: at {places[seal.action_id].index} and at {size}"
                    raise ViolationError(msg)
                if seal.version != versions.get(seal.stream, 0) + 1:
                    raise ViolationError(f"the entry at {size} counts and is void: its version")
                places[seal.action_id] = Counted(size, seal.leaf, offset, seal.type)
                versions[seal.stream] = seal.version
                size, head = size + 1, seal.leaf
            offset += 1
        return Fold(self.check_prev, offset, size, head, versions, places, tuple(counting))


LOST: Final = "lost"
"""The outcome of a caller whose writer died: nobody told it anything."""


def check(
    fold: Fold,
    watermark: int,
    submissions: Sequence[Submission],
    outcomes: Sequence[object],
) -> None:
    """The invariant, in every state. `outcomes` holds None for whoever waits or was not sent yet.

    An acknowledged action counts at the place that its answer named (and, by the fold, only
    there); what was reported as not recorded counts nowhere, unless another submission of the same
    id may have recorded it; a save counts whole or not at all; nothing else counts.
    """
    for submission, outcome in zip(submissions, outcomes, strict=True):
        places = [fold.places.get(action.id) for action in submission.actions]
        if len({place is None for place in places}) > 1:
            raise ViolationError("half of a save counts")
        if isinstance(outcome, Recorded):
            named = [(place.index, place.leaf) for place in outcome.places]
            found = [place and (place.index, place.leaf) for place in places]
            if named != found:
                raise ViolationError("acknowledged, and not there")
        elif isinstance(outcome, NOT_RECORDED):
            for action, place in zip(submission.actions, places, strict=True):
                if place is not None and place.offset < watermark:
                    _check_absent(action.id, submissions, outcomes)
        elif isinstance(outcome, FindingError):
            raise ViolationError(f"a sound log was called {outcome.finding.code}")
    ours = {action.id for submission in submissions for action in submission.actions}
    for action_id, place in fold.places.items():
        if action_id not in ours and place.type not in LEDGERS_OWN:
            raise ViolationError(f"nobody submitted the entry at {place.index}")


def _check_absent(
    action_id: str, submissions: Sequence[Submission], outcomes: Sequence[object]
) -> None:
    others = [
        outcome
        for submission, outcome in zip(submissions, outcomes, strict=True)
        if any(action.id == action_id for action in submission.actions)
    ]
    if all(isinstance(outcome, NOT_RECORDED) for outcome in others):
        raise ViolationError("reported as not recorded, and it counts")
