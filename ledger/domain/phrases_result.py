"""Sentences of dossier events from the draft to the end, of clock and money.

For each type four whole sentences: English and Vietnamese, and both again for an actor who acts on
behalf of a principal ("" where the sentence names no actor).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.domain.phrase import Phrase

RESULT_PHRASES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "dossier.draft_submitted.v1": Phrase(
            "{actor} submitted a draft for {subject}",
            "{actor} đã trình dự thảo của hồ sơ {subject}",
            "{actor} submitted a draft for {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã trình dự thảo của hồ sơ {subject}",
        ),
        "dossier.draft_returned.v1": Phrase(
            "{actor} returned the draft for {subject}",
            "{actor} đã trả lại dự thảo của hồ sơ {subject}",
            "{actor} returned the draft for {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã trả lại dự thảo của hồ sơ {subject}",
        ),
        "dossier.approved.v1": Phrase(
            "{actor} approved {subject}",
            "{actor} đã phê duyệt hồ sơ {subject}",
            "{actor} approved {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã phê duyệt hồ sơ {subject}",
        ),
        "dossier.signed.v1": Phrase(
            "{actor} signed the result of {subject}",
            "{actor} đã ký kết quả hồ sơ {subject}",
            "{actor} signed the result of {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã ký kết quả hồ sơ {subject}",
        ),
        "dossier.result_numbered.v1": Phrase(
            "{actor} gave the result of {subject} its number",
            "{actor} đã cấp số cho kết quả hồ sơ {subject}",
            "{actor} gave the result of {subject} its number on behalf of {principal}",
            "{actor} thay mặt {principal} đã cấp số cho kết quả hồ sơ {subject}",
        ),
        "dossier.result_issued.v1": Phrase(
            "{actor} issued the result of {subject}",
            "{actor} đã ban hành kết quả hồ sơ {subject}",
            "{actor} issued the result of {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã ban hành kết quả hồ sơ {subject}",
        ),
        "dossier.negative_decision_issued.v1": Phrase(
            "{actor} issued a negative decision on {subject}",
            "{actor} đã ban hành quyết định không chấp thuận hồ sơ {subject}",
            "{actor} issued a negative decision on {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã ban hành quyết định không chấp thuận hồ sơ {subject}",
        ),
        "dossier.returned_to_result_desk.v1": Phrase(
            "{actor} handed the result of {subject} to the result desk",
            "{actor} đã chuyển kết quả hồ sơ {subject} đến bộ phận trả kết quả",
            "{actor} handed the result of {subject} to the result desk on behalf of {principal}",
            (
                "{actor} thay mặt {principal} đã chuyển kết quả hồ sơ {subject} đến bộ "
                "phận trả kết quả"
            ),
        ),
        "dossier.result_delivered.v1": Phrase(
            "{actor} delivered the result of {subject}",
            "{actor} đã trả kết quả hồ sơ {subject}",
            "{actor} delivered the result of {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã trả kết quả hồ sơ {subject}",
        ),
        "dossier.deadline_set.v1": Phrase(
            "the due date of {subject} is {due_at}",
            "hạn trả kết quả của hồ sơ {subject} là {due_at}",
        ),
        "dossier.deadline_paused.v1": Phrase(
            "the clock of {subject} stands still: {cause}",
            "tạm dừng tính thời hạn hồ sơ {subject}: {cause}",
        ),
        "dossier.deadline_resumed.v1": Phrase(
            "the clock of {subject} goes on: {cause}",
            "tiếp tục tính thời hạn hồ sơ {subject}: {cause}",
        ),
        "dossier.deadline_extended.v1": Phrase(
            "{actor} extended the due date of {subject} to {new_due_at}",
            "{actor} đã gia hạn hồ sơ {subject} đến {new_due_at}",
            "{actor} extended the due date of {subject} on behalf of {principal} to {new_due_at}",
            "{actor} thay mặt {principal} đã gia hạn hồ sơ {subject} đến {new_due_at}",
        ),
        "dossier.apology_issued.v1": Phrase(
            "{actor} issued a written apology for {subject}",
            "{actor} đã gửi văn bản xin lỗi về hồ sơ {subject}",
            "{actor} issued a written apology for {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã gửi văn bản xin lỗi về hồ sơ {subject}",
        ),
        "dossier.financial_obligation_issued.v1": Phrase(
            "{actor} asked for the payment of {amount} đồng for {subject}",
            "{actor} đã thông báo nghĩa vụ tài chính {amount} đồng của hồ sơ {subject}",
            "{actor} asked for the payment of {amount} đồng for {subject} on behalf of {principal}",
            (
                "{actor} thay mặt {principal} đã thông báo nghĩa vụ tài chính {amount} "
                "đồng của hồ sơ {subject}"
            ),
        ),
        "dossier.payment_confirmed.v1": Phrase(
            "the payment of {amount} đồng for {subject} is confirmed",
            "đã xác nhận thanh toán {amount} đồng của hồ sơ {subject}",
        ),
        "dossier.payment_failed.v1": Phrase(
            "a payment for {subject} failed",
            "thanh toán của hồ sơ {subject} không thành công",
        ),
        "dossier.refunded.v1": Phrase(
            "{amount} đồng were paid back for {subject}",
            "đã hoàn trả {amount} đồng của hồ sơ {subject}",
        ),
        "dossier.withdrawal_requested.v1": Phrase(
            "{actor} asked to withdraw {subject}",
            "{actor} đã yêu cầu rút hồ sơ {subject}",
            "{actor} asked to withdraw {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã yêu cầu rút hồ sơ {subject}",
        ),
        "dossier.withdrawn.v1": Phrase(
            "{actor} recorded that {subject} is withdrawn",
            "{actor} đã ghi nhận việc rút hồ sơ {subject}",
            "{actor} recorded on behalf of {principal} that {subject} is withdrawn",
            "{actor} thay mặt {principal} đã ghi nhận việc rút hồ sơ {subject}",
        ),
        "dossier.processing_stopped.v1": Phrase(
            "{actor} stopped the processing of {subject}",
            "{actor} đã dừng giải quyết hồ sơ {subject}",
            "{actor} stopped the processing of {subject} on behalf of {principal}",
            "{actor} thay mặt {principal} đã dừng giải quyết hồ sơ {subject}",
        ),
        "dossier.event_corrected.v1": Phrase(
            "{actor} corrected “{field}” of an earlier action on {subject}",
            "{actor} đã đính chính “{field}” của một thao tác trước trên hồ sơ {subject}",
            (
                "{actor} corrected “{field}” of an earlier action on {subject} on "
                "behalf of {principal}"
            ),
            (
                "{actor} thay mặt {principal} đã đính chính “{field}” của một thao tác "
                "trước trên hồ sơ {subject}"
            ),
        ),
        "dossier.action_imported.v1": Phrase(
            "{actor} did “{activity}” on {subject} (imported)",
            "{actor} đã thực hiện “{activity}” trên hồ sơ {subject} (nhập từ hệ thống khác)",
            "{actor} did “{activity}” on {subject} on behalf of {principal} (imported)",
            (
                "{actor} thay mặt {principal} đã thực hiện “{activity}” trên hồ sơ "
                "{subject} (nhập từ hệ thống khác)"
            ),
        ),
    }
)
