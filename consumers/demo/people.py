"""Who works in the demo office, and when it is open. All names are invented."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from hashlib import sha256
from typing import Final

import msgspec

from ledger.core.action import Actor
from ledger.core.times import format_instant
from ledger.domain.calendars import VN
from ledger.domain.deadlines import LOCAL, next_working_day
from ledger.entry.sealed import NONCE_BYTES, SubjectKey, seal_text

FIRST_DAY: Final = date(2026, 3, 2)
"""Working day 0 of the demo: a Monday. Everything that happens lies in the spring of 2026."""

DEMO_NOTICE: Final = "pal/demo: published, protects nothing"
"""What every key of the demo is derived from: anybody can make them, so they prove nothing."""


class Officer(msgspec.Struct, frozen=True):
    """An officer of the demo: account, unit, post, and the name that is recorded sealed."""

    id: str
    unit: str
    post: str
    name: str

    @property
    def actor(self) -> Actor:
        """The officer as an action names them."""
        return Actor(kind="officer", id=self.id, unit=self.unit, post=self.post)


DESK: Final = Officer("desk.lam", "one-stop", "intake-officer", "Đinh Thị Lam Khê")
LAND_1: Final = Officer("land.nguyet", "land-registry", "case-officer", "Tạ Minh Nguyệt Cầm")
LAND_2: Final = Officer("land.toan", "land-registry", "case-officer", "Lưu Bá Toàn Phúc")
BUILD: Final = Officer("build.son", "construction", "case-officer", "Khúc Sơn Trà")
PLAN: Final = Officer("plan.vy", "planning", "case-officer", "Thái Vy Lan")
CHAIR: Final = Officer("chair.quang", "committee", "vice-chair", "Giang Quảng Đông")
CLERK: Final = Officer("clerk.mo", "records", "clerk", "Ninh Thị Mơ Hạ")
OFFICERS: Final = (DESK, LAND_1, LAND_2, BUILD, PLAN, CHAIR, CLERK)

UNITS: Final = (
    ("committee", "Ủy ban nhân dân xã Suối Mây (demo)", "commune", ""),
    ("one-stop", "Trung tâm Phục vụ hành chính công (demo)", "department", "committee"),
    ("land-registry", "Chi nhánh Văn phòng đăng ký đất đai (demo)", "department", "committee"),
    ("construction", "Phòng Xây dựng (demo)", "department", "committee"),
    ("planning", "Phòng Quy hoạch (demo)", "department", "committee"),
    ("records", "Văn thư (demo)", "department", "committee"),
)

APPLICANT_NAMES: Final = (
    "Ông Sầm Vọng Nguyệt",
    "Bà Kha Thị Hương Trầm",
    "Ông Mạc Trúc Lâm Viên",
    "Bà Tôn Thị Bạch Dương",
    "Ông Cao Thiên Lý Hải",
)


def system_actor(name: str) -> Actor:
    """A system of the office."""
    return Actor(kind="system", id=name)


def agency_actor(name: str) -> Actor:
    """An agency outside the office that answers."""
    return Actor(kind="external_agency", id=name)


@cache
def working_day(number: int) -> date:
    """The working day `number` days after the demo's first one (day 0)."""
    if number == 0:
        return FIRST_DAY
    return next_working_day(working_day(number - 1), VN)


@cache
def moment(day: int, clock: str, second: int = 0) -> datetime:
    """The aware UTC time of local `HH:MM` on a working day of the demo."""
    local = datetime.combine(working_day(day), time.fromisoformat(clock), LOCAL)
    return (local + timedelta(seconds=second)).astimezone(UTC)


def instant(day: int, clock: str, second: int = 0) -> str:
    """The same as text."""
    return format_instant(moment(day, clock, second))


def demo_bytes(purpose: str) -> bytes:
    """32 bytes that anybody can compute: a published key or the entropy of an id."""
    return sha256(f"{DEMO_NOTICE}\n{purpose}\n".encode()).digest()


def subject_key(subject: str) -> SubjectKey:
    """The published key of a data subject (`officer:<account>`, `applicant:<reference>`)."""
    return SubjectKey(demo_bytes(f"subject {subject}"))


def sealed(subject: str, stream: str, path: str, text: str) -> dict[str, object]:
    """`text` sealed with the subject's key for one field of one stream."""
    nonce = demo_bytes(f"nonce {subject} {stream} {path}")[:NONCE_BYTES]
    return seal_text(subject_key(subject), stream, path, text, nonce)
