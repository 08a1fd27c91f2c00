"""Sentences of a dossier's exceptions and of the citizen's voice.

For each type four whole sentences: English and Vietnamese, and both again for an actor who acts on
behalf of a principal ("" where the sentence names no actor).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.domain.phrase import Phrase

EXCEPTION_PHRASES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "dossier.reopened.v1": Phrase(
            "{actor} opened {subject} again",
            "{actor} đã mở lại hồ sơ {subject}",
            "{actor} opened {subject} again on behalf of {principal}",
            "{actor} thay mặt {principal} đã mở lại hồ sơ {subject}",
        ),
        "dossier.merged.v1": Phrase(
            "{actor} merged {subject} into {into}",
            "{actor} đã nhập hồ sơ {subject} vào hồ sơ {into}",
            "{actor} merged {subject} into {into} on behalf of {principal}",
            "{actor} thay mặt {principal} đã nhập hồ sơ {subject} vào hồ sơ {into}",
        ),
        "dossier.split.v1": Phrase(
            "{actor} split parts of {subject} off into other dossiers",
            "{actor} đã tách một phần hồ sơ {subject} thành hồ sơ khác",
            "{actor} split parts of {subject} off into other dossiers on behalf of {principal}",
            "{actor} thay mặt {principal} đã tách một phần hồ sơ {subject} thành hồ sơ khác",
        ),
        "dossier.linked_to.v1": Phrase(
            "{actor} linked {subject} to {dossier}",
            "{actor} đã liên kết hồ sơ {subject} với hồ sơ {dossier}",
            "{actor} linked {subject} to {dossier} on behalf of {principal}",
            "{actor} thay mặt {principal} đã liên kết hồ sơ {subject} với hồ sơ {dossier}",
        ),
        "dossier.rerouted.v1": Phrase(
            "{subject} moved from {from_system} to {to_system}",
            "hồ sơ {subject} đã chuyển từ {from_system} sang {to_system}",
        ),
        "dossier.attempt_rejected.v1": Phrase(
            "an attempt to record {command} for {subject} was refused: {code}",
            "một lần ghi {command} cho hồ sơ {subject} đã bị từ chối: {code}",
        ),
        "dossier.synchronised_to_portal.v1": Phrase(
            "the status of {subject} was sent to {target}",
            "trạng thái hồ sơ {subject} đã đồng bộ đến {target}",
        ),
        "dossier.sync_failed.v1": Phrase(
            "the status of {subject} could not be sent to {target}",
            "không đồng bộ được trạng thái hồ sơ {subject} đến {target}",
        ),
        "dossier.archived_transferred.v1": Phrase(
            "{actor} handed {subject} to the archive",
            "{actor} đã nộp lưu trữ hồ sơ {subject}",
            "{actor} handed {subject} to the archive on behalf of {principal}",
            "{actor} thay mặt {principal} đã nộp lưu trữ hồ sơ {subject}",
        ),
        "dossier.feedback_filed.v1": Phrase(
            "feedback on {subject} was filed",
            "đã tiếp nhận phản ánh, kiến nghị về hồ sơ {subject}",
        ),
        "dossier.complaint_filed.v1": Phrase(
            "a complaint about {subject} was filed",
            "đã tiếp nhận khiếu nại, tố cáo về hồ sơ {subject}",
        ),
        "dossier.answered.v1": Phrase(
            "{actor} answered feedback or a complaint about {subject}: {result}",
            "{actor} đã trả lời phản ánh, khiếu nại về hồ sơ {subject}: {result}",
            (
                "{actor} answered feedback or a complaint about {subject} on behalf of "
                "{principal}: {result}"
            ),
            (
                "{actor} thay mặt {principal} đã trả lời phản ánh, khiếu nại về hồ sơ "
                "{subject}: {result}"
            ),
        ),
        "dossier.satisfaction_rated.v1": Phrase(
            "the handling of {subject} was rated",
            "việc giải quyết hồ sơ {subject} đã được đánh giá",
        ),
    }
)
