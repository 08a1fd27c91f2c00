"""Duties and the reasons of their answers in words, English and Vietnamese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

DUTY_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "L1": ("a slip for every accepted dossier", "có giấy tiếp nhận và hẹn trả"),
        "L2": ("decided within the days to check", "kiểm tra, quyết định tiếp nhận đúng hạn"),
        "L3": ("a supplement names everything at once", "yêu cầu bổ sung đầy đủ một lần"),
        "L4": ("one supplement a stage", "mỗi giai đoạn bổ sung một lần"),
        "L5": ("supplements through the One-Stop unit", "bổ sung qua Bộ phận Một cửa"),
        "L6": ("a refusal has a legal ground", "từ chối có căn cứ pháp lý"),
        "L7": ("transferred in time", "chuyển hồ sơ đúng hạn"),
        "L8": ("assigned in time", "phân công đúng hạn"),
        "L9": ("hand-over by both sides", "bàn giao có hai bên xác nhận"),
        "L10": ("each step within its budget", "từng bước trong thời hạn nội bộ"),
        "L11": ("consultations in order", "lấy ý kiến đúng quy định"),
        "L12": ("an apology before expiry, once", "xin lỗi trước khi quá hạn, một lần"),
        "L13": ("an extension has a legal basis", "gia hạn có căn cứ"),
        "L14": ("nothing asked that the state holds", "không yêu cầu giấy tờ đã có"),
        "L15": ("components and result digitised", "số hoá thành phần và kết quả"),
        "L16": ("fees as published", "phí, lệ phí đúng niêm yết"),
        "L17": ("stop or withdrawal with basis", "dừng, rút hồ sơ có căn cứ"),
        "L18": ("signed with authority", "ký đúng thẩm quyền"),
        "L19": ("number and issue by the clerk", "văn thư cấp số, ban hành"),
        "L20": ("proof of delivery", "có minh chứng trả kết quả"),
        "L21": ("status synchronised in time", "đồng bộ trạng thái đúng hạn"),
        "L22": ("feedback and complaints answered", "trả lời phản ánh, khiếu nại đúng hạn"),
        "L23": ("who held it late can be named", "xác định được người giữ khi quá hạn"),
        "L24": ("archived against a receipt", "nộp lưu trữ có biên nhận"),
    }
)
"""What each duty asks for (DOMAIN.md 1.7)."""

RESULT_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "kept": ("kept", "đã thực hiện"),
        "broken": ("broken", "vi phạm"),
        "not_applicable": ("not applicable", "không áp dụng"),
        "indeterminate": ("cannot be known", "không xác định được"),
    }
)

REASON_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "answered_late": ("answered late or not at all", "trả lời chậm hoặc chưa trả lời"),
        "apologised": ("an apology went out in time", "đã xin lỗi đúng hạn"),
        "apologised_again": ("more than one re-appointment", "hẹn lại quá một lần"),
        "archived": ("handed over against a receipt", "đã nộp, có biên nhận"),
        "asked_again": ("asked again in the same stage", "yêu cầu lại trong cùng giai đoạn"),
        "asked_despite_hit": (
            "asked for although it had been found valid",
            "yêu cầu dù đã tra cứu thấy còn hiệu lực",
        ),
        "asked_directly": ("asked past the One-Stop unit", "yêu cầu không qua Bộ phận Một cửa"),
        "asked_once": ("asked once", "yêu cầu một lần"),
        "assigned_late": ("assigned late or not at all", "phân công chậm hoặc chưa phân công"),
        "both_sides": ("offered and answered", "đã chuyển và đã trả lời"),
        "consultation_closed": ("answered or lapsed", "đã trả lời hoặc hết hạn"),
        "decided_late": ("decided late or not at all", "quyết định chậm hoặc chưa quyết định"),
        "decided_without_answer": (
            "decided while a required opinion was open",
            "quyết định khi chưa có ý kiến bắt buộc",
        ),
        "delivery_proved": ("a proof is recorded", "có minh chứng"),
        "digitised": ("digitised", "đã số hoá"),
        "extended_with_basis": ("a legal basis is named", "có căn cứ"),
        "extended_without_basis": ("no legal basis is named", "không nêu căn cứ"),
        "fee_as_published": ("as published", "đúng niêm yết"),
        "fee_differs": ("not the published amount", "khác mức niêm yết"),
        "foreign_log": (
            "a foreign log leaves things out",
            "nguồn nhập không ghi đầy đủ",
        ),
        "grounded": ("ground and legal basis are named", "có lý do và căn cứ"),
        "holder_known": ("the holder is known", "biết người giữ"),
        "holder_not_known": ("nobody can be named", "không xác định được ai"),
        "in_time": ("in time", "đúng hạn"),
        "issued_by_case_officer": (
            "by somebody who decided on the content",
            "do người tham gia giải quyết thực hiện",
        ),
        "issued_by_clerk": ("by somebody else", "do người khác thực hiện"),
        "item_outside_list": ("asks for more than is published", "yêu cầu ngoài danh mục"),
        "item_without_basis": ("an item has no basis", "có giấy tờ không nêu căn cứ"),
        "items_in_list": ("all items are published", "đều trong danh mục"),
        "items_with_basis": ("each item has its basis", "đều nêu căn cứ"),
        "looked_before": ("looked it up before asking", "đã tra cứu trước khi yêu cầu"),
        "missing_not_named": (
            "does not name what the check had found missing",
            "không nêu giấy tờ mà kiểm tra thấy thiếu",
        ),
        "never_assigned": ("nobody was ever assigned", "chưa từng phân công"),
        "never_synchronised": ("nothing was ever sent", "chưa từng đồng bộ"),
        "new_item_later": ("asks later for something new", "lần sau yêu cầu giấy tờ mới"),
        "no_apology_in_time": ("no apology before expiry", "không xin lỗi trước khi quá hạn"),
        "no_authority_matrix": ("no authority matrix for that day", "chưa có ma trận thẩm quyền"),
        "no_delegation": ("no delegation on that day", "không có uỷ quyền vào ngày đó"),
        "no_fee_table": ("no published fees", "chưa có mức phí niêm yết"),
        "no_handover": (
            "several officers worked without a hand-over",
            "nhiều người xử lý mà không bàn giao",
        ),
        "no_items": ("names no item", "không nêu giấy tờ nào"),
        "no_legal_ground": ("no ground or no legal basis", "không nêu lý do hoặc căn cứ"),
        "no_power": ("the post had no such power", "chức vụ không có thẩm quyền"),
        "no_proof": ("no proof is recorded", "không có minh chứng"),
        "no_receipt": ("no receipt is recorded", "không có biên nhận"),
        "no_reply_by": ("names no day to reply", "không nêu hạn trả lời"),
        "no_rule": ("no rule or calendar for it here", "chưa có quy định hoặc lịch"),
        "nobody_looked": ("nobody looked it up before", "chưa tra cứu trước"),
        "not_archived": ("not handed to the archive", "chưa nộp lưu trữ"),
        "not_digitised": ("not digitised", "chưa số hoá"),
        "not_due": ("not due yet", "chưa đến hạn"),
        "not_in_office": ("not in office on that day", "không giữ chức vụ vào ngày đó"),
        "nothing_new": ("nothing new", "không có giấy tờ mới"),
        "nothing_to_check": ("nothing to check", "không có nội dung kiểm tra"),
        "offer_unanswered": ("an offer was never answered", "có lần chuyển không được trả lời"),
        "officer_unknown": ("the officer is not registered", "cán bộ chưa được đăng ký"),
        "outage": ("systems did not work then", "hệ thống ngừng hoạt động khi đó"),
        "procedure_unknown": ("the version is not published", "chưa công bố phiên bản"),
        "result_digitised": ("a signed electronic result", "có kết quả điện tử đã ký"),
        "result_not_digitised": (
            "no signed electronic result",
            "không có kết quả điện tử đã ký",
        ),
        "silence_blocks": ("silence blocks by rule", "không trả lời thì phải chờ"),
        "slip_issued": ("slip issued", "đã cấp giấy tiếp nhận"),
        "slip_missing": ("no slip is recorded", "không có giấy tiếp nhận"),
        "step_in_budget": ("within the budget", "trong thời hạn"),
        "step_late": ("later than the step was due", "chậm so với hạn của bước"),
        "step_over_budget": ("more working hours than the budget", "vượt số giờ làm việc"),
        "stood_still_after_silence": (
            "stood still after the day to reply",
            "dừng lại sau hạn trả lời",
        ),
        "stopped_by_decision": ("ground and decision are named", "có lý do và quyết định"),
        "stopped_without_basis": ("no ground or no decision", "không có lý do hoặc quyết định"),
        "synchronised_late": ("sent late or not at all", "đồng bộ chậm hoặc chưa đồng bộ"),
        "through_one_stop": ("through the One-Stop unit", "qua Bộ phận Một cửa"),
        "transferred_late": ("transferred late or not at all", "chuyển chậm hoặc chưa chuyển"),
        "with_authority": ("with authority", "đúng thẩm quyền"),
        "withdrawn_on_request": ("the applicant asked for it", "theo yêu cầu của người nộp"),
        "withdrawn_without_request": (
            "the applicant's request is not recorded",
            "không có yêu cầu của người nộp",
        ),
    }
)
