"""The procedures of the generated province: 36, four of them in two versions (G2). All invented."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, NamedTuple

from consumers.generate.office_time import DAY

Kind = Literal["instant", "simple", "normal", "consultative", "field", "financial"]

VERSION_CHANGE: Final = date(2025, 10, 1)
"""From here on second versions are valid: the same procedures, five working days shorter."""

DECENTRALISED: Final = date(2026, 1, 1)
"""From here on communes decide what departments decided before (R-0.6)."""

AGENCY: Final = "tinh-may"

_DAYS: Final[dict[Kind, int]] = {
    "instant": 0,
    "simple": 6,
    "normal": 12,
    "consultative": 20,
    "field": 15,
    "financial": 15,
}
SHORTER_DAYS: Final = 5
_SLACK: Final = 180


class Procedure(NamedTuple):
    """One version of a procedure; `fee` in đồng, 0 = none; `reused` may already be held."""

    code: str
    version: int
    name: str
    field: str
    kind: Kind
    level: Literal["commune", "province"]
    days: int
    budget_days: int
    components: tuple[str, ...]
    reused: str
    fee: int

    @property
    def may_ask_late(self) -> bool:
        """Whether the officer's own step is long enough to ask late, and be within its budget."""
        return int(LATE_SHARE * self.days * DAY) + _SLACK < self.budget("appraisal")

    def budget(self, step: str) -> int:
        """Working minutes of a step; together they fit the time that the law allots (D15).

        The internal process is the same for all versions, so it fits the shortest.
        """
        fixed = {"intake": 4, "assignment": 5, "signing": 12 if self.budget_days < 12 else 24}
        fixed |= {"numbering": 3, "delivery": 2}
        if self.kind == "instant":
            return 4 * 60
        if step in fixed:
            return fixed[step] * 60
        # What the other steps leave belongs to the appraisal.
        return self.budget_days * DAY - sum(fixed.values()) * 60


LATE_SHARE: Final = 0.62
"""A first supplement after this share of the statutory time is late (I11 draws the line at 0.6)."""


_FIELDS: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    ("land", ("application", "certificate", "identity"), "certificate"),
    ("construction", ("application", "drawings", "certificate"), "certificate"),
    ("civil_status", ("application", "identity"), "identity"),
    ("business", ("application", "charter", "identity"), "identity"),
    ("environment", ("application", "impact_report", "certificate"), "certificate"),
    ("social", ("application", "identity", "household"), "household"),
)
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "land": (
        "Đăng ký biến động đất đai",
        "Tách thửa đất",
        "Hợp thửa đất",
        "Cấp đổi giấy chứng nhận",
        "Gia hạn sử dụng đất",
        "Chuyển mục đích sử dụng đất",
    ),
    "construction": (
        "Cấp giấy phép xây dựng nhà ở",
        "Điều chỉnh giấy phép xây dựng",
        "Gia hạn giấy phép xây dựng",
        "Cấp giấy phép sửa chữa, cải tạo",
        "Thẩm định thiết kế",
        "Cấp giấy phép di dời công trình",
    ),
    "civil_status": (
        "Chứng thực bản sao",
        "Trích lục hộ tịch",
        "Xác nhận tình trạng hôn nhân",
        "Đăng ký khai sinh",
        "Cải chính hộ tịch",
        "Đăng ký lại khai sinh",
    ),
    "business": (
        "Đăng ký hộ kinh doanh",
        "Thay đổi nội dung hộ kinh doanh",
        "Tạm ngừng kinh doanh",
        "Cấp giấy phép bán lẻ",
        "Cấp lại giấy chứng nhận",
        "Đăng ký hợp tác xã",
    ),
    "environment": (
        "Đăng ký môi trường",
        "Cấp giấy phép môi trường",
        "Điều chỉnh giấy phép môi trường",
        "Khai thác nước dưới đất",
        "Xả thải vào nguồn nước",
        "Gia hạn giấy phép nước",
    ),
    "social": (
        "Trợ cấp xã hội hằng tháng",
        "Hỗ trợ mai táng phí",
        "Xác nhận khuyết tật",
        "Công nhận hộ nghèo",
        "Miễn giảm học phí",
        "Cấp thẻ ưu đãi",
    ),
}
_KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "land": ("financial", "financial", "normal", "simple", "normal", "consultative"),
    "construction": ("consultative", "normal", "simple", "field", "consultative", "field"),
    "civil_status": ("instant", "instant", "simple", "simple", "normal", "simple"),
    "business": ("simple", "simple", "simple", "normal", "simple", "normal"),
    "environment": ("normal", "consultative", "consultative", "field", "field", "normal"),
    "social": ("normal", "simple", "field", "field", "simple", "simple"),
}
_PROVINCE: Final = frozenset({"environment"})
_MOVED: Final = ("construction", 4)
"""Decided by the province until `DECENTRALISED`, by the commune after it."""


def _versions() -> list[Procedure]:
    found = []
    for place, (field, components, reused) in enumerate(_FIELDS):
        for number, (name, kind) in enumerate(zip(_NAMES[field], _KINDS[field], strict=True)):
            level: Literal["commune", "province"] = "commune"
            if field in _PROVINCE or (field, number) == _MOVED:
                level = "province"
            is_shortened = number == 0 and kind != "instant" and place != 3
            first = Procedure(
                code=f"1.99{place:02}{number:02}",
                version=1,
                name=name,
                field=field,
                kind=kind,
                level=level,
                days=_DAYS[kind],
                budget_days=_DAYS[kind] - SHORTER_DAYS * is_shortened,
                components=components,
                reused=reused,
                fee=0 if kind in {"simple", "field"} else 20_000 * (1 + number),
            )
            found.append(first)
            if is_shortened:
                found.append(first._replace(version=2, days=first.budget_days))
    return found


VERSIONS: Final = tuple(_versions())
_BY_CODE: Final = {(item.code, item.version): item for item in VERSIONS}
CODES: Final = tuple(dict.fromkeys(item.code for item in VERSIONS))
_MOVED_CODE: Final = f"1.9901{_MOVED[1]:02}"


def valid_on(code: str, day: date) -> Procedure:
    """The version of a procedure that a dossier accepted on a day is pinned to."""
    newer = _BY_CODE.get((code, 2)) if day >= VERSION_CHANGE else None
    found = newer or _BY_CODE[code, 1]
    if code == _MOVED_CODE and day >= DECENTRALISED:
        return found._replace(level="commune")
    return found
