"""One sentence for each event type, in English and Vietnamese. Never personal data, never blame.

Whole sentences with named places; nothing is put together from fragments. Codes are said in words,
instants in local time, amounts with the language's separators; ids stand for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from ledger.core.action import Action, plain_id
from ledger.core.times import parse_instant
from ledger.domain.deadlines import LOCAL, due_day
from ledger.domain.phrase import Phrase
from ledger.domain.phrases_exceptions import EXCEPTION_PHRASES
from ledger.domain.phrases_inspection import INSPECTION_PHRASES
from ledger.domain.phrases_office import OFFICE_PHRASES
from ledger.domain.phrases_registry import REGISTRY_PHRASES
from ledger.domain.phrases_result import RESULT_PHRASES
from ledger.domain.phrases_sealing import SEALING_PHRASES
from ledger.domain.phrases_watch import WATCH_PHRASES
from ledger.domain.phrases_work import WORK_PHRASES

Language = Literal["en", "vi"]

SENTENCES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        **WORK_PHRASES,
        **OFFICE_PHRASES,
        **RESULT_PHRASES,
        **EXCEPTION_PHRASES,
        **REGISTRY_PHRASES,
        **INSPECTION_PHRASES,
        **WATCH_PHRASES,
        **SEALING_PHRASES,
    }
)

CODES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "agree": ("agrees", "đồng ý"),
        "agree_with": ("agrees with remarks", "đồng ý kèm ý kiến"),
        "blocks": ("the dossier waits", "hồ sơ phải chờ"),
        "citizen_enquiry": ("a citizen's enquiry", "yêu cầu của công dân"),
        "complaint": ("a complaint", "giải quyết khiếu nại"),
        "complete": ("complete", "đầy đủ"),
        "conflict_of_interest": ("conflict of interest", "xung đột lợi ích"),
        "consultation": ("consultation", "phối hợp cho ý kiến"),
        "court": ("court or inspection", "toà án hoặc thanh tra"),
        "deemed_agreed": ("deemed to agree", "coi như đồng ý"),
        "disagree": ("disagrees", "không đồng ý"),
        "external": ("another agency", "cơ quan khác"),
        "finance": ("payment", "nghĩa vụ tài chính"),
        "force_majeure": ("force majeure", "bất khả kháng"),
        "found_expired": ("found, but expired", "có nhưng đã hết hiệu lực"),
        "found_valid": ("found and valid", "có và còn hiệu lực"),
        "incomplete": ("incomplete", "chưa đầy đủ"),
        "inspection": ("inspection", "thanh tra, kiểm tra"),
        "no_competence": ("not competent", "không thuộc thẩm quyền"),
        "not": ("not upheld", "không chấp nhận"),
        "not_found": ("not found", "không có"),
        "not_my_authority": ("not within the authority", "không thuộc thẩm quyền"),
        "other": ("another reason", "lý do khác"),
        "out_of_scope": ("out of scope", "không thuộc phạm vi tiếp nhận"),
        "overload": ("overload", "quá tải"),
        "own_task": ("own task", "thực hiện nhiệm vụ"),
        "partly": ("partly upheld", "chấp nhận một phần"),
        "proceed_with_note": ("goes on with a note", "tiếp tục và ghi chú"),
        "referred": ("referred", "chuyển cơ quan khác"),
        "rejected": ("rejected", "bác bỏ"),
        "source_down": ("the source did not answer", "nguồn dữ liệu không phản hồi"),
        "statistics": ("statistics", "thống kê"),
        "supervision": ("supervision", "giám sát"),
        "supplement": ("supplement", "bổ sung hồ sơ"),
        "support": ("support", "hỗ trợ kỹ thuật"),
        "systemic_cause": ("a cause in the system", "nguyên nhân hệ thống"),
        "upheld": ("upheld", "chấp nhận"),
        "wrong_step": ("wrong step", "sai bước"),
    }
)
"""Codes of the closed lists, in English and Vietnamese words."""

CODED: Final = frozenset(
    {"answer", "cause", "decision", "purpose", "reason", "result", "silence_effect"}
)
"""Places that hold such a code; another text in them stands as it is."""

_UNKNOWN: Final = Phrase("not stated", "không ghi")
_UNNAMED: Final = Phrase(
    "{actor} recorded {type} for {subject}", "{actor} đã ghi {type} cho {subject}"
)


class _Places(dict[str, str]):
    def __init__(self, values: Mapping[str, str], unknown: str) -> None:
        super().__init__(values)
        self._unknown = unknown

    def __missing__(self, key: str) -> str:
        return self._unknown


def sentence(action: Action, lang: Language) -> str:
    """What happened, in one sentence; ids stand for people, names stay sealed."""
    english = lang == "en"
    values = {
        name: _shown(name, value, english=english)
        for name, value in action.data.items()
        if isinstance(value, (str, int)) and value != ""
    }
    values |= {
        "actor": action.actor.id,
        "principal": action.actor.on_behalf_of,
        "subject": plain_id(action.stream),
        "type": action.type,
    }
    values["receiver"] = values.get("to_officer") or values.get("to_unit") or _in(_UNKNOWN, lang)
    if action.type == "dossier.supplement_requested.v1":
        values.setdefault("round", "1")
    phrase = SENTENCES.get(action.type, _UNNAMED)
    text = _in(phrase, lang)
    if action.actor.on_behalf_of:
        text = (phrase.en_for if english else phrase.vi_for) or text
    return text.format_map(_Places(values, _in(_UNKNOWN, lang)))


def _in(phrase: Phrase, lang: Language) -> str:
    return phrase.en if lang == "en" else phrase.vi


def _shown(name: str, value: Any, *, english: bool) -> str:
    """A value as a reader of the language expects it; what cannot be read stands as it is."""
    if name == "amount" and isinstance(value, int):
        return f"{value:,}" if english else f"{value:,}".replace(",", ".")
    text = str(value)
    if name in CODED and text in CODES:
        return CODES[text][0 if english else 1]
    try:
        if name.endswith("_at"):
            text = _moment(text, english=english)
        elif name.endswith("_on"):
            text = _day(date.fromisoformat(text), english=english)
    except (ValueError, OverflowError):
        return str(value)
    return text


def _day(day: date, *, english: bool) -> str:
    return day.isoformat() if english else f"{day:%d/%m/%Y}"


def _moment(instant: str, *, english: bool) -> str:
    """Local time; midnight is said as the end of the day before, as deadlines are."""
    local: datetime = parse_instant(instant).astimezone(LOCAL)
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        return f"{_day(due_day(instant), english=english)} 24:00"
    return f"{_day(local.date(), english=english)} {local:%H:%M}"
