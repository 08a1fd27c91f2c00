"""Sentences of dossier events from submission to escalation.

For each type four whole sentences: English and Vietnamese, and both again for an actor who acts on
behalf of a principal ("" where the sentence names no actor).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.domain.phrase import Phrase

WORK_PHRASES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "dossier.submitted.v1": Phrase(
            "{actor} submitted {subject}",
            "{actor} đã nộp hồ sơ {subject}",
            "{actor} submitted {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã nộp hồ sơ {subject}",
        ),
        "dossier.document_reuse_checked.v1": Phrase(
            "{actor} checked whether {doc_type} for {subject} is already held: {result}",
            "{actor} đã kiểm tra giấy tờ {doc_type} của hồ sơ {subject} có sẵn hay không: {result}",
            (
                "{actor} checked whether {doc_type} for {subject} is already held on "
                "behalf of {principal}: {result}"
            ),
            (
                "{actor} thay mặt {principal} đã kiểm tra giấy tờ {doc_type} của hồ sơ "
                "{subject} có sẵn hay không: {result}"
            ),
        ),
        "dossier.document_attached.v1": Phrase(
            "{actor} attached {doc_type} to {subject}",
            "{actor} đã đính kèm giấy tờ {doc_type} vào hồ sơ {subject}",
            "{actor} attached {doc_type} to {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã đính kèm giấy tờ {doc_type} vào hồ sơ {subject}",
        ),
        "dossier.document_replaced.v1": Phrase(
            "{actor} replaced {doc_type} in {subject}",
            "{actor} đã thay thế giấy tờ {doc_type} trong hồ sơ {subject}",
            "{actor} replaced {doc_type} in {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã thay thế giấy tờ {doc_type} trong hồ sơ {subject}",
        ),
        "dossier.intake_checked.v1": Phrase(
            "{actor} checked {subject} at intake: {result}",
            "{actor} đã kiểm tra hồ sơ {subject} khi tiếp nhận: {result}",
            "{actor} checked {subject} at intake on behalf of {principal}: {result}",
            "{actor} thay mặt {principal} đã kiểm tra hồ sơ {subject} khi tiếp nhận: {result}",
        ),
        "dossier.accepted.v1": Phrase(
            "{actor} accepted {subject} for processing",
            "{actor} đã tiếp nhận hồ sơ {subject}",
            "{actor} accepted {subject} on behalf of {principal} for processing",
            "{actor} thay mặt {principal} đã tiếp nhận hồ sơ {subject}",
        ),
        "dossier.refused.v1": Phrase(
            "{actor} refused to receive {subject}",
            "{actor} đã từ chối tiếp nhận hồ sơ {subject}",
            "{actor} refused to receive {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã từ chối tiếp nhận hồ sơ {subject}",
        ),
        "dossier.supplement_requested.v1": Phrase(
            "{actor} asked for a supplement to {subject}, round {round}",
            "{actor} đã yêu cầu bổ sung hồ sơ {subject}, lần {round}",
            "{actor} asked for a supplement to {subject} on behalf of {principal}, round {round}",
            "{actor} thay mặt {principal} đã yêu cầu bổ sung hồ sơ {subject}, lần {round}",
        ),
        "dossier.supplement_received.v1": Phrase(
            "{actor} received the supplement to {subject}, round {round}",
            "{actor} đã nhận bổ sung hồ sơ {subject}, lần {round}",
            "{actor} received the supplement to {subject} on behalf of {principal}, round {round}",
            "{actor} thay mặt {principal} đã nhận bổ sung hồ sơ {subject}, lần {round}",
        ),
        "dossier.supplement_lapsed.v1": Phrase(
            "the time for the supplement to {subject}, round {round}, ended without an answer",
            "đã hết hạn bổ sung hồ sơ {subject}, lần {round}, mà không có trả lời",
        ),
        "dossier.custody_offered.v1": Phrase(
            "{actor} offered {subject} to {receiver}",
            "{actor} đã chuyển hồ sơ {subject} cho {receiver}, chờ nhận",
            "{actor} offered {subject} on behalf of {principal} to {receiver}",
            "{actor} thay mặt {principal} đã chuyển hồ sơ {subject} cho {receiver}, chờ nhận",
        ),
        "dossier.custody_accepted.v1": Phrase(
            "{actor} took over {subject}",
            "{actor} đã nhận bàn giao hồ sơ {subject}",
            "{actor} took over {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã nhận bàn giao hồ sơ {subject}",
        ),
        "dossier.custody_rejected.v1": Phrase(
            "{actor} did not take over {subject}: {reason}",
            "{actor} không nhận bàn giao hồ sơ {subject}: {reason}",
            "{actor} did not take over {subject} on behalf of {principal}: {reason}",
            "{actor} thay mặt {principal} không nhận bàn giao hồ sơ {subject}: {reason}",
        ),
        "dossier.assigned.v1": Phrase(
            "{actor} assigned {subject} to {officer}",
            "{actor} đã phân công hồ sơ {subject} cho {officer}",
            "{actor} assigned {subject} on behalf of {principal} to {officer}",
            "{actor} thay mặt {principal} đã phân công hồ sơ {subject} cho {officer}",
        ),
        "dossier.reassigned.v1": Phrase(
            "{actor} reassigned {subject} to {officer}",
            "{actor} đã phân công lại hồ sơ {subject} cho {officer}",
            "{actor} reassigned {subject} on behalf of {principal} to {officer}",
            "{actor} thay mặt {principal} đã phân công lại hồ sơ {subject} cho {officer}",
        ),
        "dossier.appraisal_recorded.v1": Phrase(
            "{actor} recorded the appraisal of {subject}",
            "{actor} đã ghi kết quả thẩm định hồ sơ {subject}",
            "{actor} recorded the appraisal of {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã ghi kết quả thẩm định hồ sơ {subject}",
        ),
        "dossier.consultation_requested.v1": Phrase(
            "{actor} asked {agency} for its opinion on {subject}",
            "{actor} đã xin ý kiến {agency} về hồ sơ {subject}",
            "{actor} asked {agency} for its opinion on {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã xin ý kiến {agency} về hồ sơ {subject}",
        ),
        "dossier.consultation_answered.v1": Phrase(
            "{agency} answered on {subject}: {answer}",
            "{agency} đã trả lời về hồ sơ {subject}: {answer}",
        ),
        "dossier.consultation_lapsed.v1": Phrase(
            "{agency} did not answer on {subject} in time; effect: {silence_effect}",
            "{agency} không trả lời về hồ sơ {subject} đúng hạn; hệ quả: {silence_effect}",
        ),
        "dossier.escalated_for_opinion.v1": Phrase(
            "{actor} asked {to_level} for its opinion on {subject}",
            "{actor} đã xin ý kiến cấp trên {to_level} về hồ sơ {subject}",
            "{actor} asked {to_level} for its opinion on {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã xin ý kiến cấp trên {to_level} về hồ sơ {subject}",
        ),
    }
)
