"""The insider watch, pure: what a broker does to a log that nobody may do, and what is noted of it.

A sighting becomes an entry of the log's own stream. What that stream says already decides what is
new, so a sighting is recorded once, whoever looks and however often a sentinel starts: its action
id follows from its content and from the sighting of the same thing before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from ledger.app.limits import GAPS_PER_CHECK_MAX, STRAYS_PER_ENTRY_MAX
from ledger.app.sequencer import WRITER_OPENED
from ledger.core.action import Action, Actor, OccurredAt, stream_id
from ledger.core.canonical import encode_canonical
from ledger.core.findings import Finding
from ledger.core.ids import uuid7_text
from ledger.core.merkle import ProofError
from ledger.core.times import format_instant
from ledger.domain.events import EventError, decode_event
from ledger.entry.entry import EntryError, decode_entry
from ledger.entry.signatures import KeyRing, SignatureError

TOPIC_SEEN: Final = "ledger.topic_seen.v1"
TOPIC_RECREATED: Final = "ledger.topic_recreated.v1"
LOW_WATER_MOVED: Final = "ledger.low_water_moved.v1"
SETTING_CHANGED: Final = "ledger.topic_setting_changed.v1"
REPLICAS_CHANGED: Final = "ledger.replicas_changed.v1"
GAP_FOUND: Final = "ledger.offset_gap_found.v1"
STRAYS_FOUND: Final = "ledger.strays_found.v1"
WRITER_DISPLACED: Final = "ledger.writer_displaced.v1"
LOG_BROKEN: Final = "ledger.log_broken.v1"

_REASON_MAX: Final = 200


class StraySeen(msgspec.Struct, frozen=True):
    """A record that does not count: offset, hex leaf hash ("" without value), reason.

    `is_late` tells a batch of one of this log's own writers that came too late from a record that
    somebody else wrote straight to the topic.
    """

    offset: int
    leaf: str
    reason: str
    is_late: bool


class LogFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One log as the broker and a reader of its records know it.

    `low_water` is the first offset that the broker still holds, `in_sync` and `replicas` count the
    partition's copies, `deviating` holds the settings that are not as a ledger needs them, `wanted`
    how it needs them, `gaps` offsets (first, last) at which lies neither entry nor stray.
    """

    origin: str
    topic: str
    topic_id: str
    low_water: int
    replicas: int
    in_sync: int
    deviating: Mapping[str, str]
    wanted: Mapping[str, str]
    strays: Sequence[StraySeen] = ()
    gaps: Sequence[tuple[int, int]] = ()


class Sighting(msgspec.Struct, frozen=True):
    """Something to record: event type, its data, and the action id of the sighting before it."""

    type: str
    data: dict[str, Any]
    after: str = ""

    def action_id(self, origin: str) -> str:
        """The id under which it is recorded in the log `origin`, the same whoever saw it."""
        text = f"pal/sighting/v1\n{origin}\n{self.type}\n{self.after}\n".encode()
        return uuid7_text(0, sha256(text + encode_canonical(self.data)).digest())

    def action(self, origin: str, seen_at: datetime) -> Action:
        """The sighting as an action of the log `origin`."""
        return Action(
            id=self.action_id(origin),
            type=self.type,
            stream=stream_id("ledger", origin),
            occurred_at=OccurredAt(format_instant(seen_at), "instant"),
            actor=Actor(kind="system", id="sentinel"),
            data=self.data,
        )


class Noted:
    """What a log's own stream says of its broker: the fold of the sightings recorded in it."""

    def __init__(self) -> None:
        self.entries = 0
        """Entries (not void) of the log's own stream taken in."""
        self.keys = KeyRing()
        self.topic_id = ""
        self.low_water = 0
        self.settings: dict[str, str] = {}
        self.replicas: tuple[int, int] | None = None
        self.stray_offsets: set[int] = set()
        self.gaps_until = 0
        """Gaps below this offset are recorded."""
        self.displaced: list[tuple[str, str]] = []
        self.displaced_noted: set[tuple[str, str]] = set()
        self.last: dict[str, str] = {}
        self._session = ""

    def apply(self, action: Mapping[str, Any]) -> None:
        """Take the next action of the log's own stream in."""
        self.entries += 1
        self.keys.apply(action["type"], action["data"])
        take = _NOTES.get(action["type"])
        if take is None:
            return
        try:
            decode_event(action["type"], action["data"])
        except EventError:
            return  # not what its type says: it notes nothing, and stops no watch
        take(self, action["id"], action["data"])

    def take_session(self, data: Mapping[str, Any]) -> None:
        """A writer opened. One that names another session before it than the newest lost its log
        to that newest one while it lived."""
        previous = data.get("previous_session", "")
        if previous and previous != self._session:
            self.displaced.append((previous, self._session))
        self._session = data["session"]


def _note_topic(noted: Noted, action_id: str, data: Mapping[str, Any]) -> None:
    noted.topic_id = data["topic_id"]
    noted.last["topic"] = action_id


def _note_low_water(noted: Noted, action_id: str, data: Mapping[str, Any]) -> None:
    noted.low_water = data["low_water"]
    noted.last["low_water"] = action_id


def _note_setting(noted: Noted, action_id: str, data: Mapping[str, Any]) -> None:
    name = data["setting"]
    noted.settings[name] = data["value"]
    noted.last[f"setting {name}"] = action_id
    if data["value"] == data["wanted"]:
        del noted.settings[name]


def _note_replicas(noted: Noted, action_id: str, data: Mapping[str, Any]) -> None:
    noted.replicas = (data.get("in_sync", 0), data["replicas"])
    noted.last["replicas"] = action_id


def _note_gap(noted: Noted, _action_id: str, data: Mapping[str, Any]) -> None:
    noted.gaps_until = max(noted.gaps_until, data["last_offset"] + 1)


def _note_strays(noted: Noted, _action_id: str, data: Mapping[str, Any]) -> None:
    noted.stray_offsets.update(record["offset"] for record in data["records"])


def _note_displaced(noted: Noted, _action_id: str, data: Mapping[str, Any]) -> None:
    noted.displaced_noted.add((data["session"], data["by_session"]))


_NOTES: Final[Mapping[str, Callable[[Noted, str, Mapping[str, Any]], None]]] = {
    TOPIC_SEEN: _note_topic,
    TOPIC_RECREATED: _note_topic,
    LOW_WATER_MOVED: _note_low_water,
    SETTING_CHANGED: _note_setting,
    REPLICAS_CHANGED: _note_replicas,
    GAP_FOUND: _note_gap,
    STRAYS_FOUND: _note_strays,
    WRITER_DISPLACED: _note_displaced,
    WRITER_OPENED: lambda noted, _id, data: noted.take_session(data),
}


def new_sightings(facts: LogFacts, noted: Noted) -> Iterator[Sighting]:
    """What is to be recorded now, given what was recorded before."""
    yield from _topic_sightings(facts, noted)
    yield from _setting_sightings(facts, noted)
    yield from _replica_sightings(facts, noted)
    for first, last in facts.gaps:
        if first >= noted.gaps_until:
            yield Sighting(GAP_FOUND, {"first_offset": first, "last_offset": last})
    strays = [stray for stray in facts.strays if stray.offset not in noted.stray_offsets]
    for at in range(0, len(strays), STRAYS_PER_ENTRY_MAX):
        part = strays[at : at + STRAYS_PER_ENTRY_MAX]
        yield Sighting(STRAYS_FOUND, {"records": [_stray_record(stray) for stray in part]})
    for session, by_session in noted.displaced:
        if (session, by_session) not in noted.displaced_noted:
            yield Sighting(WRITER_DISPLACED, {"session": session, "by_session": by_session})


def _topic_sightings(facts: LogFacts, noted: Noted) -> Iterator[Sighting]:
    data = {"topic": facts.topic, "topic_id": facts.topic_id}
    if not noted.topic_id:
        yield Sighting(TOPIC_SEEN, data)
    elif noted.topic_id != facts.topic_id:
        data["previous_topic_id"] = noted.topic_id
        yield Sighting(TOPIC_RECREATED, data, noted.last["topic"])
    if facts.low_water > noted.low_water:
        moved = {"low_water": facts.low_water, "previous": noted.low_water}
        yield Sighting(LOW_WATER_MOVED, moved, noted.last.get("low_water", ""))


def _setting_sightings(facts: LogFacts, noted: Noted) -> Iterator[Sighting]:
    for name in sorted({*facts.deviating, *noted.settings}):
        wanted = facts.wanted.get(name, "not set")
        value = facts.deviating.get(name, wanted)
        if value != noted.settings.get(name, wanted):
            data = {"setting": name, "value": value, "wanted": wanted}
            yield Sighting(SETTING_CHANGED, data, noted.last.get(f"setting {name}", ""))


def _replica_sightings(facts: LogFacts, noted: Noted) -> Iterator[Sighting]:
    now = (facts.in_sync, facts.replicas)
    if now != (noted.replicas or (facts.replicas, facts.replicas)):
        data = {"in_sync": facts.in_sync, "replicas": facts.replicas}
        yield Sighting(REPLICAS_CHANGED, data, noted.last.get("replicas", ""))


def _stray_record(stray: StraySeen) -> dict[str, Any]:
    record: dict[str, Any] = {
        "offset": stray.offset,
        "reason": stray.reason[:_REASON_MAX],
        "late": stray.is_late,
    }
    return record | ({"leaf": stray.leaf} if stray.leaf else {})


def is_from_writer(data: bytes | None, origin: str, keys: KeyRing) -> bool:
    """Whether a stray looks like a batch of the log's own writers: an entry of this log whose
    action an enrolled key signed. The seal is not signed, so this is a hint and no proof."""
    try:
        entry = decode_entry(data or b"")
        keys.check(entry.action_bytes, entry.seal.sigs)
    except (EntryError, SignatureError, ProofError):
        return False
    return entry.seal.origin == origin


def broken_sighting(finding: Finding) -> Sighting:
    """What another log of the ledger records of one that cannot be written any more."""
    data: dict[str, Any] = {"origin": finding.origin, "code": finding.code}
    data["message"] = finding.message
    data |= {k: v for k, v in (("index", finding.index), ("offset", finding.offset)) if v >= 0}
    return Sighting(LOG_BROKEN, data)


def offset_gaps(
    size: int, position: int, offset_of: Callable[[int], int], strays: Sequence[int], after: int = 0
) -> list[tuple[int, int]]:
    """Offsets (first, last) from `after` to below `position` at which lies neither one of `size`
    entries, whose offsets `offset_of` gives by index, nor a stray; at most GAPS_PER_CHECK_MAX.

    In a log of entries and strays alone the counts agree, and nothing else is looked up.
    """
    gaps: list[tuple[int, int]] = []
    known, behind = sorted(strays), -1
    low = bisect_left(range(size), after, key=offset_of)
    found = after - low - bisect_left(known, after)
    missing = position - size - len(known)
    while found < missing and behind < size and len(gaps) < GAPS_PER_CHECK_MAX:
        behind = _first_behind_gap(low, size, offset_of, known, found)
        start = max(offset_of(behind - 1) + 1 if behind else 0, after)
        end = offset_of(behind) if behind < size else position
        for stray in (*known[bisect_left(known, start) : bisect_left(known, end)], end):
            if stray > start:
                gaps.append((start, stray - 1))
                found += stray - start
            start = stray + 1
        low = behind + 1
    return gaps


def _first_behind_gap(
    low: int, size: int, offset_of: Callable[[int], int], strays: Sequence[int], found: int
) -> int:
    """The first index from `low` on before which more than `found` offsets are missing, or `size`:
    how many are missing before an index never falls, so that halving finds it."""
    high = size
    while low < high:
        middle = (low + high) // 2
        offset = offset_of(middle)
        if offset - middle - bisect_left(strays, offset) > found:
            high = middle
        else:
            low = middle + 1
    return low
