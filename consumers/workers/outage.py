"""What happens when the witnesses do not answer (INTEGRITY.md section 2, rule 11).

Recording goes on and checkpoints are published without them. After some minutes an alarm is raised,
one JSON line on the log `ledger.sealer`, and the outage is an entry of each log; so is its end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec

from ledger.adapters.checkpoint_store import CheckpointStore, Outage
from ledger.core.action import Action, Actor, OccurredAt, stream_id
from ledger.core.findings import Finding, Verdict
from ledger.core.ids import log_of, uuid7_text
from ledger.core.times import format_instant, parse_instant

OUTAGE_SECONDS: Final = 300.0
"""Before an outage is an alarm and an entry: witnesses are restarted now and then."""

SEALING_OPENED: Final = "ledger.sealing_opened.v1"
WITNESS_OUTAGE: Final = "ledger.witness_outage.v1"
WITNESS_RESTORED: Final = "ledger.witness_restored.v1"
SEALING_RESTORED: Final = "ledger.sealing_restored.v1"
_REASON_MAX: Final = 1_000

_log = logging.getLogger("ledger.sealer")


RecordActions = Callable[[Mapping[int, Action]], Mapping[int, str]]
"""Records each action in the log of its number, once; gives why that was not possible in some."""


def sealer_action(
    origin: str, type_name: str, data: Mapping[str, Any], at: str, once: str
) -> Action:
    """What the sealer records in the own stream of `origin`.

    The id follows from `once`: what is recorded again, after a crash and with other figures, is
    refused by the log.
    """
    material = f"pal/sealer/v1\n{origin}\n{type_name}\n{once}\n".encode()
    return Action(
        id=uuid7_text(0, sha256(material).digest()),
        type=type_name,
        stream=stream_id("ledger", origin),
        occurred_at=OccurredAt(at, "instant"),
        actor=Actor(kind="system", id="sealer"),
        data=dict(data),
    )


class Alarms:
    """Says each alarm once for as long as it lasts, as one JSON line."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, finding: Finding, not_recorded: str = "") -> None:
        """Say what was found, and why it could not be recorded where it should have been."""
        key = f"{finding.code} {finding.origin} {finding.message}"
        if key not in self._said:
            self._said.add(key)
            line = msgspec.to_builtins(finding) | {"not_recorded": not_recorded}
            _log.warning("%s", msgspec.json.encode(line).decode())

    def keep(self, findings: list[Finding]) -> None:
        """Forget the alarms that are over, so that they are said when they come again."""
        self._said &= {f"{each.code} {each.origin} {each.message}" for each in findings}


class OutageWatch:
    """Remembers since when no quorum is there, in the store, so that a restart does not forget."""

    def __init__(
        self,
        store: CheckpointStore,
        quorum: str,
        record: RecordActions,
        now: Callable[[], datetime],
        alarms: Alarms,
        after_seconds: float = OUTAGE_SECONDS,
    ) -> None:
        self._store = store
        self._quorum = quorum
        self._record = record
        self._now = now
        self._alarms = alarms
        self._after = timedelta(seconds=after_seconds)

    def tell(self, missing: str, sizes: Mapping[str, int]) -> Finding | None:
        """Take the answer of a round: why no quorum is there, "" where it is; and each log's size.

        Gives the finding of an outage that lasts too long.
        """
        outage, now = self._store.outage(), self._now()
        if not missing:
            if outage is not None:
                if outage.recorded_at:
                    self._record_each(WITNESS_RESTORED, sizes, outage.since_at, {})
                self._store.set_outage(None)
            return None
        if outage is None:
            outage = Outage(format_instant(now), missing)
            self._store.set_outage(outage)
        if now - parse_instant(outage.since_at) < self._after:
            return None
        finding = Finding(
            code="checkpoint.unwitnessed",
            verdict=Verdict.INDETERMINATE,
            message=f"no quorum of witnesses since {outage.since_at}: checkpoints are published "
            "without it",
            expected=f"quorum {self._quorum}",
            actual=missing,
            next_step="see that the witnesses run and can be reached",
        )
        not_recorded = ""
        if not outage.recorded_at:
            about = {"quorum": self._quorum, "reason": missing[:_REASON_MAX]}
            failed = self._record_each(WITNESS_OUTAGE, sizes, outage.since_at, about)
            not_recorded = "; ".join(failed)
            if len(failed) < len(sizes):
                recorded = Outage(outage.since_at, outage.reason, format_instant(now))
                self._store.set_outage(recorded)
        self._alarms.say(finding, not_recorded)
        return finding

    def _record_each(
        self, type_name: str, sizes: Mapping[str, int], since_at: str, about: Mapping[str, Any]
    ) -> list[str]:
        """Record it in each log; gives why it could not be in some."""
        at = format_instant(self._now())
        actions = {
            log_of(origin): sealer_action(
                origin, type_name, {"size": size, "since_at": since_at, **about}, at, since_at
            )
            for origin, size in sizes.items()
        }
        return [f"log {number}: {why}" for number, why in self._record(actions).items()]
