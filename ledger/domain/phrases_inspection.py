"""Sentences of inspection events.

For each type four whole sentences: English and Vietnamese, and both again for an actor who acts on
behalf of a principal ("" where the sentence names no actor).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.domain.phrase import Phrase

INSPECTION_PHRASES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "inspection.opened.v1": Phrase(
            "{actor} opened inspection {subject} by decision {decision_no}",
            "{actor} đã mở cuộc thanh tra {subject} theo quyết định {decision_no}",
            (
                "{actor} opened inspection {subject} by decision {decision_no} on behalf of "
                "{principal}"
            ),
            (
                "{actor} thay mặt {principal} đã mở cuộc thanh tra {subject} theo quyết định "
                "{decision_no}"
            ),
        ),
        "inspection.evidence_requested.v1": Phrase(
            "{actor} asked for evidence {request_id} in inspection {subject}",
            "{actor} đã yêu cầu chứng cứ {request_id} trong cuộc thanh tra {subject}",
            (
                "{actor} asked for evidence {request_id} in inspection {subject} on behalf of "
                "{principal}"
            ),
            (
                "{actor} thay mặt {principal} đã yêu cầu chứng cứ {request_id} trong cuộc thanh "
                "tra {subject}"
            ),
        ),
        "inspection.evidence_exported.v1": Phrase(
            "{actor} exported a sealed evidence package in inspection {subject}",
            "{actor} đã xuất gói chứng cứ niêm phong trong cuộc thanh tra {subject}",
            (
                "{actor} exported a sealed evidence package in inspection {subject} on behalf "
                "of {principal}"
            ),
            (
                "{actor} thay mặt {principal} đã xuất gói chứng cứ niêm phong trong cuộc thanh "
                "tra {subject}"
            ),
        ),
        "inspection.redaction_approved.v1": Phrase(
            (
                "{actor} approved that entries stay hidden in evidence of inspection {subject}, as "
                "{requested_by} asked: {reason}"
            ),
            (
                "{actor} đã phê duyệt che các mục trong chứng cứ của cuộc thanh tra {subject} theo "
                "đề nghị của {requested_by}: {reason}"
            ),
            (
                "{actor} approved on behalf of {principal} that entries stay hidden in evidence of "
                "inspection {subject}, as {requested_by} asked: {reason}"
            ),
            (
                "{actor} thay mặt {principal} đã phê duyệt che các mục trong chứng cứ của cuộc "
                "thanh tra {subject} theo đề nghị của {requested_by}: {reason}"
            ),
        ),
        "inspection.legal_hold_placed.v1": Phrase(
            "{actor} placed hold {hold_id} in inspection {subject}",
            "{actor} đã đặt lệnh lưu giữ {hold_id} trong cuộc thanh tra {subject}",
            "{actor} placed hold {hold_id} in inspection {subject} on behalf of {principal}",
            (
                "{actor} thay mặt {principal} đã đặt lệnh lưu giữ {hold_id} trong cuộc thanh "
                "tra {subject}"
            ),
        ),
        "inspection.legal_hold_released.v1": Phrase(
            "{actor} released hold {hold_id} in inspection {subject}",
            "{actor} đã gỡ lệnh lưu giữ {hold_id} trong cuộc thanh tra {subject}",
            "{actor} released hold {hold_id} in inspection {subject} on behalf of {principal}",
            (
                "{actor} thay mặt {principal} đã gỡ lệnh lưu giữ {hold_id} trong cuộc thanh tra "
                "{subject}"
            ),
        ),
        "inspection.finding_raised.v1": Phrase(
            "{actor} raised finding {finding_id} by indicator {indicator} in inspection {subject}",
            (
                "{actor} đã nêu phát hiện {finding_id} theo chỉ báo {indicator} trong cuộc "
                "thanh tra {subject}"
            ),
            (
                "{actor} raised finding {finding_id} by indicator {indicator} in inspection "
                "{subject} on behalf of {principal}"
            ),
            (
                "{actor} thay mặt {principal} đã nêu phát hiện {finding_id} theo chỉ báo "
                "{indicator} trong cuộc thanh tra {subject}"
            ),
        ),
        "inspection.explanation_requested.v1": Phrase(
            "{actor} asked {officer} to explain finding {finding_id} in inspection {subject}",
            (
                "{actor} đã yêu cầu {officer} giải trình phát hiện {finding_id} trong cuộc "
                "thanh tra {subject}"
            ),
            (
                "{actor} asked {officer} to explain finding {finding_id} in inspection "
                "{subject} on behalf of {principal}"
            ),
            (
                "{actor} thay mặt {principal} đã yêu cầu {officer} giải trình phát hiện "
                "{finding_id} trong cuộc thanh tra {subject}"
            ),
        ),
        "inspection.explanation_submitted.v1": Phrase(
            "{actor} explained finding {finding_id} in inspection {subject}",
            "{actor} đã giải trình phát hiện {finding_id} trong cuộc thanh tra {subject}",
            (
                "{actor} explained finding {finding_id} in inspection {subject} on behalf of "
                "{principal}"
            ),
            (
                "{actor} thay mặt {principal} đã giải trình phát hiện {finding_id} trong cuộc "
                "thanh tra {subject}"
            ),
        ),
        "inspection.finding_decided.v1": Phrase(
            "{actor} decided on finding {finding_id} in inspection {subject}: {decision}",
            "{actor} đã kết luận phát hiện {finding_id} trong cuộc thanh tra {subject}: {decision}",
            (
                "{actor} decided on finding {finding_id} in inspection {subject} on behalf of "
                "{principal}: {decision}"
            ),
            (
                "{actor} thay mặt {principal} đã kết luận phát hiện {finding_id} trong cuộc "
                "thanh tra {subject}: {decision}"
            ),
        ),
        "inspection.identity_revealed.v1": Phrase(
            "{actor} opened sealed data of {ref} in inspection {subject}; purpose: {purpose}",
            (
                "{actor} đã mở dữ liệu niêm phong của {ref} trong cuộc thanh tra {subject}; mục "
                "đích: {purpose}"
            ),
            (
                "{actor} opened sealed data of {ref} in inspection {subject} on behalf of "
                "{principal}; purpose: {purpose}"
            ),
            (
                "{actor} thay mặt {principal} đã mở dữ liệu niêm phong của {ref} trong cuộc "
                "thanh tra {subject}; mục đích: {purpose}"
            ),
        ),
        "inspection.audit_access.v1": Phrase(
            "{actor} asked the ledger in inspection {subject} and was shown {rows} rows",
            "{actor} đã tra cứu sổ trong cuộc thanh tra {subject} và được xem {rows} dòng",
            (
                "{actor} asked the ledger in inspection {subject} on behalf of {principal} and "
                "was shown {rows} rows"
            ),
            (
                "{actor} thay mặt {principal} đã tra cứu sổ trong cuộc thanh tra {subject} và "
                "được xem {rows} dòng"
            ),
        ),
    }
)
