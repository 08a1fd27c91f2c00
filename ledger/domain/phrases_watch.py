"""Sentences of what the insider watch and the projections recorded."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.domain.phrase import Phrase

WATCH_PHRASES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "ledger.topic_seen.v1": Phrase(
            "the log {subject} lies in topic {topic} with id {topic_id}",
            "nhật ký {subject} nằm trong topic {topic} có mã {topic_id}",
        ),
        "ledger.topic_recreated.v1": Phrase(
            "topic {topic} of the log {subject} was made again: id {topic_id} instead of "
            "{previous_topic_id}",
            "topic {topic} của nhật ký {subject} đã bị tạo lại: mã {topic_id} thay cho "
            "{previous_topic_id}",
        ),
        "ledger.low_water_moved.v1": Phrase(
            "the broker no longer holds records of the log {subject} below offset {low_water}",
            "máy chủ không còn giữ các bản ghi của nhật ký {subject} trước vị trí {low_water}",
        ),
        "ledger.topic_setting_changed.v1": Phrase(
            "setting {setting} of the log {subject} was found to be {value}; {wanted} is needed",
            "thiết lập {setting} của nhật ký {subject} đang là {value}; cần là {wanted}",
        ),
        "ledger.replicas_changed.v1": Phrase(
            "{in_sync} of {replicas} copies of the log {subject} are in step",
            "{in_sync} trên {replicas} bản sao của nhật ký {subject} đang đồng bộ",
        ),
        "ledger.offset_gap_found.v1": Phrase(
            "offsets {first_offset} to {last_offset} of the log {subject} hold no record",
            "các vị trí từ {first_offset} đến {last_offset} của nhật ký {subject} không có bản ghi",
        ),
        "ledger.strays_found.v1": Phrase(
            "records that do not count were found in the log {subject}",
            "đã phát hiện bản ghi không được tính trong nhật ký {subject}",
        ),
        "ledger.writer_displaced.v1": Phrase(
            "writer session {session} lost the log {subject} to session {by_session}",
            "phiên ghi {session} đã mất nhật ký {subject} cho phiên {by_session}",
        ),
        "ledger.log_broken.v1": Phrase(
            "the log {origin} cannot be written any more ({code}), as {subject} records",
            "nhật ký {origin} không còn ghi được nữa ({code}), theo ghi nhận của {subject}",
        ),
        "ledger.projection_digest.v1": Phrase(
            "projection {projection}, version {projection_version}, had the digest {digest}, as "
            "the log {subject} records",
            "dữ liệu tổng hợp {projection}, phiên bản {projection_version}, có mã băm {digest}, "
            "theo ghi nhận của nhật ký {subject}",
        ),
    }
)
