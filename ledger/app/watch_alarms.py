"""What the insider watch says aloud: the finding of each kind of sighting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from ledger.app.watch import (
    GAP_FOUND,
    LOW_WATER_MOVED,
    REPLICAS_CHANGED,
    SETTING_CHANGED,
    STRAYS_FOUND,
    TOPIC_RECREATED,
    WRITER_DISPLACED,
    LogFacts,
    Noted,
    Sighting,
    new_sightings,
)
from ledger.core.findings import Finding, Verdict


def finding_of(sighting: Sighting, facts: LogFacts) -> Finding | None:
    """The alarm that a sighting raises; None for what is only noted."""
    make = _ALARMS.get(sighting.type)
    return None if make is None else make(facts, sighting.data)


def standing_findings(facts: LogFacts) -> list[Finding]:
    """What the broker does wrong now, whether it was recorded or not."""
    broker_only = msgspec.structs.replace(facts, strays=(), gaps=())
    looked = [finding_of(item, facts) for item in new_sightings(broker_only, Noted())]
    return [finding for finding in looked if finding is not None]


def _recreated(facts: LogFacts, data: Mapping[str, Any]) -> Finding:
    return Finding(
        code="kafka.topic_recreated",
        verdict=Verdict.FAILED,
        message=f"topic {facts.topic} was deleted and made again",
        origin=facts.origin,
        expected=data["previous_topic_id"],
        actual=data["topic_id"],
        next_step="find out who did it; pal verify --expect SIZE:HASH compares what it holds now "
        "with a head noted elsewhere",
    )


def _low_water(facts: LogFacts, data: Mapping[str, Any]) -> Finding:
    return Finding(
        code="kafka.low_water_moved",
        verdict=Verdict.FAILED,
        message=f"the broker no longer holds the records below offset {data['low_water']}",
        origin=facts.origin,
        offset=data["low_water"],
        expected=str(data["previous"]),
        actual=str(data["low_water"]),
        next_step="keep every copy that still holds them; find out who deleted records",
    )


def _setting(facts: LogFacts, data: Mapping[str, Any]) -> Finding | None:
    name, value, wanted = data["setting"], data["value"], data["wanted"]
    if value == wanted:
        return None
    return Finding(
        code="kafka.setting_changed",
        verdict=Verdict.FAILED,
        message=f"topic {facts.topic}: {name} is not as a ledger needs it",
        origin=facts.origin,
        expected=wanted,
        actual=value,
        next_step=f"kafka-configs.sh --alter --entity-type topics --entity-name {facts.topic} "
        f"--add-config {name}={wanted}; find out who changed it",
    )


def _replicas(facts: LogFacts, data: Mapping[str, Any]) -> Finding | None:
    in_sync, replicas = data["in_sync"], data["replicas"]
    if in_sync >= replicas:
        return None
    return Finding(
        code="kafka.replicas_out_of_sync",
        verdict=Verdict.INDETERMINATE,
        message=f"{in_sync} of {replicas} copies of {facts.origin} are in step",
        origin=facts.origin,
        expected=str(replicas),
        actual=str(in_sync),
        next_step="see which broker is down or slow before another one fails",
    )


def _gap(facts: LogFacts, data: Mapping[str, Any]) -> Finding:
    first, last = data["first_offset"], data["last_offset"]
    return Finding(
        code="log.offset_gap",
        verdict=Verdict.INDETERMINATE,
        message="offsets hold no record: marks of a foreign transaction, or removed records",
        origin=facts.origin,
        offset=first,
        expected="an entry or a stray at each offset",
        actual=f"nothing at {first} to {last}",
        next_step="find out who else may write to the topic or delete records of it",
    )


def _strays(facts: LogFacts, data: Mapping[str, Any]) -> Finding:
    records = data["records"]
    foreign = [record for record in records if not record["late"]]
    if not foreign:
        return Finding(
            code="log.stray",
            verdict=Verdict.PASSED,
            message=f"records of this log's own writers came too late: {len(records)}",
            origin=facts.origin,
            offset=records[0]["offset"],
            actual=records[0]["reason"],
            next_step="nothing, as long as they are few",
        )
    first = foreign[0]
    return Finding(
        code="log.foreign_record",
        verdict=Verdict.FAILED,
        message="records lie in the partition that no writer of this log put there, and that "
        f"count for nobody: {len(foreign)}",
        origin=facts.origin,
        offset=first["offset"],
        expected="entries that this log's writers sealed, each once",
        actual=f"{first['reason']}; leaf {first.get('leaf', 'none: no value')}",
        next_step="find out who may write to the topic, and take that right away (ACL)",
    )


def _displaced(facts: LogFacts, data: Mapping[str, Any]) -> Finding:
    return Finding(
        code="log.writer_displaced",
        verdict=Verdict.PASSED,
        message=f"writer session {data['session']} lost the log while it lived",
        origin=facts.origin,
        actual=f"session {data['by_session']} took it",
        next_step="see whether a writer runs outside the group (pal status names the owners)",
    )


_ALARMS: Final[Mapping[str, Callable[[LogFacts, Mapping[str, Any]], Finding | None]]] = {
    TOPIC_RECREATED: _recreated,
    LOW_WATER_MOVED: _low_water,
    SETTING_CHANGED: _setting,
    REPLICAS_CHANGED: _replicas,
    GAP_FOUND: _gap,
    STRAYS_FOUND: _strays,
    WRITER_DISPLACED: _displaced,
}
