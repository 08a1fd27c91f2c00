"""What the demo office is: units, officers, procedures by version, authority, calendar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from consumers.demo.people import (
    CHAIR,
    OFFICERS,
    UNITS,
    demo_bytes,
    moment,
    sealed,
    system_actor,
)
from ledger.core.action import Action, OccurredAt, ProcedureRef, stream_id
from ledger.core.ids import uuid7_text
from ledger.core.times import format_instant
from ledger.domain.calendars import VN, data_hash

LAND: Final = ProcedureRef("1.990001", "committee", 2)
PERMIT: Final = ProcedureRef("1.990002", "committee", 1)
COPY: Final = ProcedureRef("2.990003", "committee", 1)

DURATION_DAYS: Final = {LAND.code: 10, PERMIT.code: 20, COPY.code: 1}
"""Working days that each procedure may take."""

_PROCEDURES: Final[tuple[tuple[ProcedureRef, str, tuple[str, ...]], ...]] = (
    (LAND, "Đăng ký biến động đất đai", ("application", "certificate", "identity")),
    (PERMIT, "Cấp giấy phép xây dựng", ("application", "drawings", "certificate")),
    (COPY, "Chứng thực bản sao", ("original",)),
)


def _steps(code: str) -> list[dict[str, Any]]:
    lead = "land-registry" if code == LAND.code else "construction"
    return [
        {"step": "intake", "unit": "one-stop", "role": "intake-officer", "budget_hours": 4},
        {"step": "appraisal", "unit": lead, "role": "case-officer", "budget_hours": 40},
        {"step": "signing", "unit": "committee", "role": "vice-chair", "budget_hours": 16},
        {"step": "numbering", "unit": "records", "role": "clerk", "budget_hours": 4},
        {"step": "delivery", "unit": "one-stop", "role": "intake-officer", "budget_hours": 8},
    ]


def _events() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Kind of stream, id, name of the event, data."""
    yield "calendar", "VN", "published", {"version": VN.version, "data_hash": data_hash(VN)}
    for unit, name, level, parent in UNITS:
        parents = {"parent": parent} if parent else {}
        yield "unit", unit, "created", {"name": name, "level": level, **parents}
    for officer in OFFICERS:
        subject = f"officer:{officer.id}"
        sealed_name = sealed(subject, subject, "name", officer.name)
        yield (
            "officer",
            officer.id,
            "registered",
            {
                "unit": officer.unit,
                "post": officer.post,
                "name": sealed_name,
                "valid_from_on": "2026-01-02",
            },
        )
    for ref, name, components in _PROCEDURES:
        for version in range(1, ref.version + 1):
            duration = DURATION_DAYS[ref.code] + 5 * (ref.version - version)
            yield (
                "procedure",
                ref.code,
                "version_published",
                {
                    "version": version,
                    "name": name,
                    "agency": ref.agency,
                    "duration_days": duration,
                    "components": list(components),
                    "valid_from_on": "2026-02-02" if version > 1 else "2025-07-01",
                },
            )
        if ref.version > 1:
            retired: dict[str, Any] = {"version": ref.version - 1, "from_on": "2026-02-02"}
            yield "procedure", ref.code, "version_retired", retired
        if ref is not COPY:
            steps: dict[str, Any] = {"version": 1, "steps": _steps(ref.code)}
            yield "procedure", ref.code, "internal_process_version_published", steps
    rules = [
        {"procedure": ref.code, "unit": CHAIR.unit, "post": CHAIR.post, "may": may}
        for ref in (LAND, PERMIT, COPY)
        for may in ("approve", "sign", "refuse", "extend")
    ]
    matrix: dict[str, Any] = {"version": 1, "rules": rules, "valid_from_on": "2026-01-02"}
    yield "authority", "committee", "matrix_published", matrix


def registry_actions() -> list[Action]:
    """The registry in the order in which it is recorded, early on the demo's first day."""
    actions: list[Action] = []
    for number, (kind, plain, name, data) in enumerate(_events()):
        at = moment(0, "07:00", number)
        entropy = demo_bytes(f"registry {number} {kind} {plain} {name}")
        actions.append(
            Action(
                id=uuid7_text(int(at.timestamp() * 1000), entropy),
                type=f"{kind}.{name}.v1",
                stream=stream_id(kind, plain),
                occurred_at=OccurredAt(format_instant(at), "second"),
                actor=system_actor("office-register"),
                data=data,
            )
        )
    return actions
