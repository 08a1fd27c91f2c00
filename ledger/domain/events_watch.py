"""The data of what the insider watch records in a log's own stream: what its broker did to it."""

from __future__ import annotations

import msgspec

from ledger.domain.fields import Code, Count, EventData, Hash, Text

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class TopicSeen(EventData, frozen=True, kw_only=True):
    """The broker's own id of the topic, as first seen."""

    topic: Code
    topic_id: Code


class TopicRecreated(EventData, frozen=True, kw_only=True):
    """The topic was deleted and made again: another id under the same name."""

    topic: Code
    topic_id: Code
    previous_topic_id: Code


class LowWaterMoved(EventData, frozen=True, kw_only=True):
    """Records below offset `low_water` are no longer held; before it was `previous`."""

    low_water: Count
    previous: Count


class TopicSettingChanged(EventData, frozen=True, kw_only=True):
    """A setting of the topic is another than recorded last; `wanted` is what a ledger needs."""

    setting: Code
    value: str
    wanted: str


class ReplicasChanged(EventData, frozen=True, kw_only=True):
    """How many copies of the partition exist, and how many of them are in step."""

    in_sync: Count
    replicas: Count


class OffsetGapFound(EventData, frozen=True, kw_only=True):
    """Offsets, both included, at which no record lies."""

    first_offset: Count
    last_offset: Count


class StrayRecord(EventData, frozen=True, kw_only=True):
    """A record that does not count; `late` where a writer of this log sent it, too late.

    `leaf` is its leaf hash, left out where it has no value.
    """

    offset: Count
    reason: Text
    late: bool
    leaf: Hash | Unset = UNSET


class StraysFound(EventData, frozen=True, kw_only=True):
    """Records in the partition that do not count."""

    records: tuple[StrayRecord, ...]


class WriterDisplaced(EventData, frozen=True, kw_only=True):
    """A writer's session lost the log, while it lived, to another session."""

    session: Code
    by_session: Code


class LogBroken(EventData, frozen=True, kw_only=True):
    """Another log of the ledger cannot be written any more; `code` names the finding."""

    origin: Code
    code: Code
    message: Text
    index: Count | Unset = UNSET
    offset: Count | Unset = UNSET
