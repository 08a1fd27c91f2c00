"""One sentence for each event type, in English and Vietnamese. Never personal data, never blame.

Whole sentences with named places; nothing is put together from fragments.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from ledger.core.action import Action, plain_id

Language = Literal["en", "vi"]

SENTENCES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "dossier.submitted.v1": (
            "{actor} submitted {subject}",
            "{actor} đã nộp hồ sơ {subject}",
        ),
        "dossier.document_reuse_checked.v1": (
            "{actor} checked whether {doc_type} for {subject} is already held: {result}",
            "{actor} đã kiểm tra giấy tờ {doc_type} của hồ sơ {subject} có sẵn hay không: {result}",
        ),
        "dossier.document_attached.v1": (
            "{actor} attached {doc_type} to {subject}",
            "{actor} đã đính kèm giấy tờ {doc_type} vào hồ sơ {subject}",
        ),
        "dossier.document_replaced.v1": (
            "{actor} replaced {doc_type} in {subject}",
            "{actor} đã thay thế giấy tờ {doc_type} trong hồ sơ {subject}",
        ),
        "dossier.intake_checked.v1": (
            "{actor} checked {subject} at intake: {result}",
            "{actor} đã kiểm tra hồ sơ {subject} khi tiếp nhận: {result}",
        ),
        "dossier.accepted.v1": (
            "{actor} accepted {subject} for processing",
            "{actor} đã tiếp nhận hồ sơ {subject}",
        ),
        "dossier.refused.v1": (
            "{actor} refused to receive {subject}",
            "{actor} đã từ chối tiếp nhận hồ sơ {subject}",
        ),
        "dossier.supplement_requested.v1": (
            "{actor} asked for a supplement to {subject}, round {round}",
            "{actor} đã yêu cầu bổ sung hồ sơ {subject}, lần {round}",
        ),
        "dossier.supplement_received.v1": (
            "{actor} received the supplement to {subject}, round {round}",
            "{actor} đã nhận bổ sung hồ sơ {subject}, lần {round}",
        ),
        "dossier.supplement_lapsed.v1": (
            "the time for the supplement to {subject}, round {round}, ended without an answer",
            "đã hết hạn bổ sung hồ sơ {subject}, lần {round}, mà không có trả lời",
        ),
        "dossier.custody_offered.v1": (
            "{actor} offered {subject} to {receiver}",
            "{actor} đã chuyển hồ sơ {subject} cho {receiver}, chờ nhận",
        ),
        "dossier.custody_accepted.v1": (
            "{actor} took over {subject}",
            "{actor} đã nhận bàn giao hồ sơ {subject}",
        ),
        "dossier.custody_rejected.v1": (
            "{actor} did not take over {subject}: {reason}",
            "{actor} không nhận bàn giao hồ sơ {subject}: {reason}",
        ),
        "dossier.assigned.v1": (
            "{actor} assigned {subject} to {officer}",
            "{actor} đã phân công hồ sơ {subject} cho {officer}",
        ),
        "dossier.reassigned.v1": (
            "{actor} reassigned {subject} to {officer}",
            "{actor} đã phân công lại hồ sơ {subject} cho {officer}",
        ),
        "dossier.appraisal_recorded.v1": (
            "{actor} recorded the appraisal of {subject}",
            "{actor} đã ghi kết quả thẩm định hồ sơ {subject}",
        ),
        "dossier.consultation_requested.v1": (
            "{actor} asked {agency} for its opinion on {subject}",
            "{actor} đã xin ý kiến {agency} về hồ sơ {subject}",
        ),
        "dossier.consultation_answered.v1": (
            "{agency} answered on {subject}: {answer}",
            "{agency} đã trả lời về hồ sơ {subject}: {answer}",
        ),
        "dossier.consultation_lapsed.v1": (
            "{agency} did not answer on {subject} in time; effect: {silence_effect}",
            "{agency} không trả lời về hồ sơ {subject} đúng hạn; hệ quả: {silence_effect}",
        ),
        "dossier.escalated_for_opinion.v1": (
            "{actor} asked {to_level} for its opinion on {subject}",
            "{actor} đã xin ý kiến cấp trên {to_level} về hồ sơ {subject}",
        ),
        "dossier.draft_submitted.v1": (
            "{actor} submitted a draft for {subject}",
            "{actor} đã trình dự thảo của hồ sơ {subject}",
        ),
        "dossier.draft_returned.v1": (
            "{actor} returned the draft for {subject}",
            "{actor} đã trả lại dự thảo của hồ sơ {subject}",
        ),
        "dossier.approved.v1": (
            "{actor} approved {subject}",
            "{actor} đã phê duyệt hồ sơ {subject}",
        ),
        "dossier.signed.v1": (
            "{actor} signed the result of {subject}",
            "{actor} đã ký kết quả hồ sơ {subject}",
        ),
        "dossier.result_numbered.v1": (
            "{actor} gave the result of {subject} its number",
            "{actor} đã cấp số cho kết quả hồ sơ {subject}",
        ),
        "dossier.result_issued.v1": (
            "{actor} issued the result of {subject}",
            "{actor} đã ban hành kết quả hồ sơ {subject}",
        ),
        "dossier.negative_decision_issued.v1": (
            "{actor} issued a negative decision on {subject}",
            "{actor} đã ban hành quyết định không chấp thuận hồ sơ {subject}",
        ),
        "dossier.returned_to_result_desk.v1": (
            "{actor} handed the result of {subject} to the result desk",
            "{actor} đã chuyển kết quả hồ sơ {subject} đến bộ phận trả kết quả",
        ),
        "dossier.result_delivered.v1": (
            "{actor} delivered the result of {subject}",
            "{actor} đã trả kết quả hồ sơ {subject}",
        ),
        "dossier.deadline_set.v1": (
            "the due date of {subject} is {due_at}",
            "hạn trả kết quả của hồ sơ {subject} là {due_at}",
        ),
        "dossier.deadline_paused.v1": (
            "the clock of {subject} stands still: {cause}",
            "tạm dừng tính thời hạn hồ sơ {subject}: {cause}",
        ),
        "dossier.deadline_resumed.v1": (
            "the clock of {subject} goes on: {cause}",
            "tiếp tục tính thời hạn hồ sơ {subject}: {cause}",
        ),
        "dossier.deadline_extended.v1": (
            "{actor} extended the due date of {subject} to {new_due_at}",
            "{actor} đã gia hạn hồ sơ {subject} đến {new_due_at}",
        ),
        "dossier.apology_issued.v1": (
            "{actor} issued a written apology for {subject}",
            "{actor} đã gửi văn bản xin lỗi về hồ sơ {subject}",
        ),
        "dossier.financial_obligation_issued.v1": (
            "{actor} asked for the payment of {amount} đồng for {subject}",
            "{actor} đã thông báo nghĩa vụ tài chính {amount} đồng của hồ sơ {subject}",
        ),
        "dossier.payment_confirmed.v1": (
            "the payment of {amount} đồng for {subject} is confirmed",
            "đã xác nhận thanh toán {amount} đồng của hồ sơ {subject}",
        ),
        "dossier.payment_failed.v1": (
            "a payment for {subject} failed",
            "thanh toán của hồ sơ {subject} không thành công",
        ),
        "dossier.refunded.v1": (
            "{amount} đồng were paid back for {subject}",
            "đã hoàn trả {amount} đồng của hồ sơ {subject}",
        ),
        "dossier.withdrawal_requested.v1": (
            "{actor} asked to withdraw {subject}",
            "{actor} đã yêu cầu rút hồ sơ {subject}",
        ),
        "dossier.withdrawn.v1": (
            "{actor} recorded that {subject} is withdrawn",
            "{actor} đã ghi nhận việc rút hồ sơ {subject}",
        ),
        "dossier.processing_stopped.v1": (
            "{actor} stopped the processing of {subject}",
            "{actor} đã dừng giải quyết hồ sơ {subject}",
        ),
        "dossier.event_corrected.v1": (
            "{actor} corrected “{field}” of an earlier action on {subject}",
            "{actor} đã đính chính “{field}” của một thao tác trước trên hồ sơ {subject}",
        ),
        "dossier.action_imported.v1": (
            "{actor} did “{activity}” on {subject} (imported)",
            "{actor} đã thực hiện “{activity}” trên hồ sơ {subject} (nhập từ hệ thống khác)",
        ),
        "officer.registered.v1": (
            "officer {subject} was registered in unit {unit}",
            "cán bộ {subject} đã được đăng ký tại đơn vị {unit}",
        ),
        "officer.moved.v1": (
            "officer {subject} moved to unit {unit}",
            "cán bộ {subject} đã chuyển đến đơn vị {unit}",
        ),
        "officer.absence_registered.v1": (
            "officer {subject} is absent from {from_on} to {to_on}",
            "cán bộ {subject} vắng mặt từ {from_on} đến {to_on}",
        ),
        "officer.delegation_granted.v1": (
            "officer {subject} may act for {on_behalf_of} from {from_on}",
            "cán bộ {subject} được uỷ quyền thay {on_behalf_of} từ {from_on}",
        ),
        "officer.delegation_revoked.v1": (
            "delegation {delegation_id} of officer {subject} ended on {from_on}",
            "uỷ quyền {delegation_id} của cán bộ {subject} chấm dứt ngày {from_on}",
        ),
        "unit.created.v1": (
            "unit {subject} was created: {name}",
            "đơn vị {subject} đã được thành lập: {name}",
        ),
        "unit.renamed.v1": (
            "unit {subject} is now called {name}",
            "đơn vị {subject} nay có tên {name}",
        ),
        "unit.merged.v1": (
            "unit {subject} was merged into {into}",
            "đơn vị {subject} đã sáp nhập vào {into}",
        ),
        "unit.succeeded.v1": (
            "the tasks of unit {subject} go on in {successor}",
            "nhiệm vụ của đơn vị {subject} được chuyển cho {successor}",
        ),
        "procedure.version_published.v1": (
            "version {version} of procedure {subject} was published: {name}",
            "phiên bản {version} của thủ tục {subject} đã được công bố: {name}",
        ),
        "procedure.version_retired.v1": (
            "version {version} of procedure {subject} was retired",
            "phiên bản {version} của thủ tục {subject} đã hết hiệu lực",
        ),
        "procedure.internal_process_version_published.v1": (
            "version {version} of the internal process of procedure {subject} was published",
            "quy trình nội bộ phiên bản {version} của thủ tục {subject} đã được ban hành",
        ),
        "authority.matrix_published.v1": (
            "version {version} of the authority matrix {subject} was published",
            "phiên bản {version} của bảng phân cấp thẩm quyền {subject} đã được ban hành",
        ),
        "calendar.published.v1": (
            "calendar {subject} was published in version {version}",
            "lịch làm việc {subject} đã được công bố, phiên bản {version}",
        ),
        "ledger.key_enrolled.v1": (
            "a key was enrolled in the log {subject}",
            "một khoá đã được đăng ký vào nhật ký {subject}",
        ),
        "ledger.key_revoked.v1": (
            "key {key_id} was revoked in the log {subject}",
            "khoá {key_id} đã bị thu hồi trong nhật ký {subject}",
        ),
        "ledger.genesis.v1": (
            "the log {subject} was created",
            "nhật ký {subject} đã được tạo",
        ),
        "ledger.writer_opened.v1": (
            "a writer opened the log {subject} (session {session})",
            "một tiến trình ghi đã mở nhật ký {subject} (phiên {session})",
        ),
        "ledger.loss_accepted.v1": (
            "{approver} answered for lost records of the log {subject}: {reason}",
            "{approver} đã xác nhận mất bản ghi của nhật ký {subject}: {reason}",
        ),
    }
)
"""English and Vietnamese, by type."""

_ON_BEHALF: Final = {
    "en": "{actor} (on behalf of {principal})",
    "vi": "{actor} (thay mặt {principal})",
}
_UNKNOWN: Final = {"en": "not stated", "vi": "không ghi"}
_UNNAMED: Final = {
    "en": "{actor} recorded {type} for {subject}",
    "vi": "{actor} đã ghi {type} cho {subject}",
}


class _Places(dict[str, Any]):
    def __init__(self, values: Mapping[str, Any], unknown: str) -> None:
        super().__init__(values)
        self._unknown = unknown

    def __missing__(self, key: str) -> str:
        return self._unknown


def sentence(action: Action, lang: Language) -> str:
    """What happened, in one sentence; ids stand for people, names stay sealed."""
    actor = action.actor.id
    if action.actor.on_behalf_of:
        actor = _ON_BEHALF[lang].format(actor=actor, principal=action.actor.on_behalf_of)
    values = {key: value for key, value in action.data.items() if isinstance(value, (str, int))}
    values |= {"actor": actor, "subject": plain_id(action.stream), "type": action.type}
    receiver = values.get("to_officer") or values.get("to_unit")
    if receiver:
        values["receiver"] = receiver
    values.setdefault("round", 1)
    pair = SENTENCES.get(action.type)
    if pair is None:
        return _UNNAMED[lang].format_map(_Places(values, _UNKNOWN[lang]))
    text = pair[0] if lang == "en" else pair[1]
    return text.format_map(_Places(values, _UNKNOWN[lang]))
