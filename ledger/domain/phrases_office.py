"""Sentences of dossier events inside the office: work, access, escalation, issue, urging.

For each type four whole sentences: English and Vietnamese, and both again for an actor who acts on
behalf of a principal ("" where the sentence names no actor).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.domain.phrase import Phrase

OFFICE_PHRASES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "dossier.document_digitised.v1": Phrase(
            "{actor} digitised {doc_type} of {subject}",
            "{actor} đã số hoá giấy tờ {doc_type} của hồ sơ {subject}",
            "{actor} digitised {doc_type} of {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã số hoá giấy tờ {doc_type} của hồ sơ {subject}",
        ),
        "dossier.work_started.v1": Phrase(
            "{actor} began to work on {subject}",
            "{actor} đã bắt đầu giải quyết hồ sơ {subject}",
            "{actor} began to work on {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã bắt đầu giải quyết hồ sơ {subject}",
        ),
        "dossier.work_suspended.v1": Phrase(
            "{actor} laid {subject} aside: {reason}",
            "{actor} đã tạm dừng làm việc trên hồ sơ {subject}: {reason}",
            "{actor} laid {subject} aside on behalf of {principal}: {reason}",
            "{actor} thay mặt {principal} đã tạm dừng làm việc trên hồ sơ {subject}: {reason}",
        ),
        "dossier.work_resumed.v1": Phrase(
            "{actor} went on working on {subject}",
            "{actor} đã tiếp tục giải quyết hồ sơ {subject}",
            "{actor} went on working on {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã tiếp tục giải quyết hồ sơ {subject}",
        ),
        "dossier.verification_ordered.v1": Phrase(
            "{actor} ordered a verification on site for {subject}",
            "{actor} đã yêu cầu xác minh thực địa hồ sơ {subject}",
            "{actor} ordered a verification on site for {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã yêu cầu xác minh thực địa hồ sơ {subject}",
        ),
        "dossier.field_inspection_done.v1": Phrase(
            "{actor} recorded that the verification on site for {subject} was done",
            "{actor} đã ghi nhận việc xác minh thực địa hồ sơ {subject}",
            (
                "{actor} recorded that the verification on site for {subject} was done on "
                "behalf of {principal}"
            ),
            "{actor} thay mặt {principal} đã ghi nhận việc xác minh thực địa hồ sơ {subject}",
        ),
        "dossier.meeting_held.v1": Phrase(
            "{actor} recorded a meeting of {council} on {subject}",
            "{actor} đã ghi nhận cuộc họp của {council} về hồ sơ {subject}",
            "{actor} recorded a meeting of {council} on {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã ghi nhận cuộc họp của {council} về hồ sơ {subject}",
        ),
        "dossier.note_added.v1": Phrase(
            "{actor} added a note to {subject}",
            "{actor} đã thêm ghi chú vào hồ sơ {subject}",
            "{actor} added a note to {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã thêm ghi chú vào hồ sơ {subject}",
        ),
        "dossier.viewed.v1": Phrase(
            "{actor} looked at {subject}; purpose: {purpose}",
            "{actor} đã xem hồ sơ {subject}; mục đích: {purpose}",
            "{actor} looked at {subject} on behalf of {principal}; purpose: {purpose}",
            "{actor} thay mặt {principal} đã xem hồ sơ {subject}; mục đích: {purpose}",
        ),
        "dossier.exported.v1": Phrase(
            "{actor} exported data of {subject}; purpose: {purpose}",
            "{actor} đã trích xuất dữ liệu hồ sơ {subject}; mục đích: {purpose}",
            "{actor} exported data of {subject} on behalf of {principal}; purpose: {purpose}",
            (
                "{actor} thay mặt {principal} đã trích xuất dữ liệu hồ sơ {subject}; mục đích: "
                "{purpose}"
            ),
        ),
        "dossier.escalation_answered.v1": Phrase(
            "{actor} answered the request for an opinion on {subject}",
            "{actor} đã trả lời xin ý kiến về hồ sơ {subject}",
            "{actor} answered the request for an opinion on {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã trả lời xin ý kiến về hồ sơ {subject}",
        ),
        "dossier.electronic_result_issued.v1": Phrase(
            "{actor} issued the electronic result of {subject}",
            "{actor} đã phát hành kết quả điện tử của hồ sơ {subject}",
            "{actor} issued the electronic result of {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã phát hành kết quả điện tử của hồ sơ {subject}",
        ),
        "dossier.urge_issued.v1": Phrase(
            "{actor} urged {receiver} to go on with {subject}",
            "{actor} đã đôn đốc {receiver} giải quyết hồ sơ {subject}",
            "{actor} urged {receiver} to go on with {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã đôn đốc {receiver} giải quyết hồ sơ {subject}",
        ),
        "dossier.urge_answered.v1": Phrase(
            "{actor} answered the urging on {subject}",
            "{actor} đã trả lời đôn đốc về hồ sơ {subject}",
            "{actor} answered the urging on {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã trả lời đôn đốc về hồ sơ {subject}",
        ),
        "dossier.overdue_detected.v1": Phrase(
            "a check found {subject} past its due date of {due_at}",
            "kiểm tra thấy hồ sơ {subject} đã quá hạn {due_at}",
        ),
    }
)
