"""The sentinel: watches what the broker does to a ledger's logs, and records it in them.

It runs in the process that serves the logs, because a second writer would displace the first one
each time it records something. What it sees is said aloud as one JSON line, and recorded once as an
entry of the log's own stream; what cannot be recorded (the log is broken, the broker is away) is
only said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

import msgspec

from ledger.adapters.kafka_client import raise_if_cancelled
from ledger.adapters.kafka_log import KafkaLog
from ledger.adapters.kafka_watch import TopicWatch
from ledger.app.index_tables import StrayRecord
from ledger.app.limits import STRAYS_PER_CHECK_MAX
from ledger.app.submission import LedgerError, SignedAction, Submission
from ledger.app.watch import (
    LogFacts,
    Noted,
    Sighting,
    StraySeen,
    broken_sighting,
    is_from_writer,
    new_sightings,
)
from ledger.app.watch_alarms import finding_of, standing_findings
from ledger.core.action import encode_action
from ledger.core.findings import Finding, FindingError
from ledger.entry.entry import decode_entry
from ledger.entry.signatures import SigningKey

_log = logging.getLogger("ledger.sentinel")


class ServedLogs(Protocol):
    """The logs that this process serves, and why others that it should serve are not."""

    logs: Mapping[int, KafkaLog]
    problems: Mapping[int, Exception]


async def keep_looking(look: Callable[[], Awaitable[object]], every_seconds: float) -> None:
    """Look again and again, until cancelled; a broker that does not answer is said once."""
    last = ""
    while True:
        try:
            await look()
            last = ""
        except LedgerError as error:
            if str(error) != last:
                last = str(error)
                _log.error("the topic cannot be watched: %s", error)
        raise_if_cancelled()
        await asyncio.sleep(every_seconds)


class _Seen(NamedTuple):
    """What waits to be recorded: when it was seen first, and what is said of it."""

    sighting: Sighting
    finding: Finding | None
    at: datetime


class Sentinel:
    """Looks at every log of a ledger, records in those that `served` serves. One event loop.

    `origins` names each log by number; `key` is the ledger's key, which signs what is recorded.
    """

    def __init__(
        self,
        topic: TopicWatch,
        served: ServedLogs,
        origins: Mapping[int, str],
        key: SigningKey,
        now: Callable[[], datetime],
    ) -> None:
        self._topic = topic
        self._served = served
        self._origins = origins
        self._key = key
        self._now = now
        self._said: set[str] = set()
        self._pending: dict[str, dict[str, _Seen]] = {}
        self._opened_on: WeakKeyDictionary[KafkaLog, str] = WeakKeyDictionary()
        self._noted: WeakKeyDictionary[KafkaLog, Noted] = WeakKeyDictionary()

    async def check(self) -> list[Finding]:
        """One look: what is new, and what is wrong still. New sightings are recorded and said.

        Raises `UnavailableError` where the broker does not answer, or the topic is gone.
        """
        facts = await self._topic.look(self._origins)
        findings: list[Finding] = []
        for number, log_facts in facts.items():
            standing = standing_findings(log_facts)
            log = self._served.logs.get(number)
            if log is None:
                for finding in standing:
                    key = f"{finding.code} {finding.origin} {finding.actual}"
                    self._say(key, finding, "this process does not serve the log")
                findings += standing
                continue
            try:
                new = await self._check_log(log, log_facts)
            except FindingError:
                new = []  # told below
            except LedgerError:
                if self._served.logs.get(number) is log:
                    raise
                continue  # it was handed over meanwhile: its new owner looks
            findings += [*new, *(item for item in standing if item not in new)]
        for number, found in (await self._broken()).items():
            finding = msgspec.structs.replace(found, origin=self._origins[number])
            findings.append(finding)
            await self._record_broken(finding)
        return findings

    async def _check_log(self, log: KafkaLog, facts: LogFacts) -> list[Finding]:
        await asyncio.to_thread(log.head)
        noted = self._noted_of(log)
        facts = msgspec.structs.replace(
            facts,
            gaps=log.gaps(noted.gaps_until),
            strays=await asyncio.to_thread(lambda: list(_strays(log, noted))),
        )
        found = []
        pending = self._pending.setdefault(log.origin, {})
        for sighting in new_sightings(facts, noted):
            finding = finding_of(sighting, facts)
            seen = _Seen(sighting, finding, self._now())
            pending.setdefault(sighting.action_id(log.origin), seen)
            if finding is not None:
                found.append(finding)
        self._opened_on.setdefault(log, facts.topic_id)
        await self._record_pending(log, facts.topic_id)
        return found

    def _noted_of(self, log: KafkaLog) -> Noted:
        noted = self._noted.setdefault(log, Noted())
        for data in log.stream_entries(f"ledger:{log.origin}", after=noted.entries):
            noted.apply(decode_entry(data).action)
        return noted

    async def _record_pending(self, log: KafkaLog, topic_id: str) -> None:
        """Record what waits for this log, in order; what fails is tried again at the next look.

        What a broker does can also keep it from being recorded, and be undone before it can be.
        """
        pending = self._pending.get(log.origin, {})
        # A session that was opened in the topic before would send to the wrong place.
        failed = (
            "" if self._opened_on[log] == topic_id else "opened before the topic was made again"
        )
        for action_id, seen in list(pending.items()):
            failed = failed or await self._record(log, seen.sighting, seen.at)
            self._say(action_id, seen.finding, failed)
            if not failed:
                del pending[action_id]

    async def _record(self, log: KafkaLog, sighting: Sighting, at: datetime) -> str:
        """Record a sighting once; gives why it could not be recorded, or ""."""
        action = sighting.action(log.origin, at)
        data = encode_action(action)
        sigs = self._key.sign([data])[0]
        signed = SignedAction(action.id, action.stream, action.type, data, sigs)
        try:
            # Refused is: another sentinel recorded it just now, at another time of day.
            await log.append(Submission((signed,)))
        except (LedgerError, FindingError) as error:
            return str(error)
        return ""

    def _say(self, key: str, finding: Finding | None, not_recorded: str) -> None:
        if finding is None or key in self._said:
            return
        self._said.add(key)
        line = msgspec.to_builtins(finding) | {"not_recorded": not_recorded}
        _log.warning("%s", msgspec.json.encode(line).decode())

    async def _broken(self) -> dict[int, Finding]:
        """Why logs can be relied on no more, by number."""
        problems = self._served.problems.items()
        broken = {n: e.finding for n, e in problems if isinstance(e, FindingError)}
        for number, log in self._served.logs.items():
            try:
                await asyncio.to_thread(log.head)
            except FindingError as error:
                broken[number] = error.finding
        return broken

    async def _record_broken(self, finding: Finding) -> None:
        """A broken log takes no entry: one of its sound sisters does, if this process has one."""
        sighting, key = broken_sighting(finding), f"{finding.code} {finding.origin}"
        for log in self._served.logs.values():
            if log.origin == finding.origin:
                continue
            try:
                await asyncio.to_thread(log.head)
            except FindingError:
                continue
            if log.place_of(sighting.action_id(log.origin)) is None:
                self._say(key, finding, await self._record(log, sighting, self._now()))
            return
        self._say(key, finding, "no other log of this ledger is served here")


def _strays(log: KafkaLog, noted: Noted) -> Iterator[StraySeen]:
    new = [stray for stray in log.strays if stray.offset not in noted.stray_offsets]
    for stray in new[:STRAYS_PER_CHECK_MAX]:
        yield StraySeen(stray.offset, stray.leaf, stray.reason, _is_late(log, stray, noted))


def _is_late(log: KafkaLog, stray: StrayRecord, noted: Noted) -> bool:
    try:
        records = log.read(stray.offset, 1)
    except FindingError:
        return False  # deleted since: what it was cannot be known any more
    data = records[0].data if records and records[0].position == stray.offset else None
    if not is_from_writer(data, log.origin, noted.keys):
        return False
    # A writer never sends what counts already: that is somebody's copy.
    place = log.place_of(str(decode_entry(data or b"").action.get("id")))
    return place is None or place.leaf != stray.leaf
