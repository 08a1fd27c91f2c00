"""What the generated province registers before its first dossier (E60 to E66)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import count
from typing import Any, Final

from consumers.demo.people import sealed
from consumers.generate.case import action_id
from consumers.generate.office_time import FIRST_DAY, at_local, instant
from consumers.generate.procedures import (
    AGENCY,
    CODES,
    DECENTRALISED,
    VERSION_CHANGE,
    VERSIONS,
    Procedure,
    valid_on,
)
from consumers.generate.province import Competent, Province
from ledger.core.action import Action, Actor, OccurredAt, stream_id
from ledger.core.canonical import encode_canonical
from ledger.domain.calendars import VN, data_hash

REGISTER: Final = Actor(kind="system", id="province-register")
_TRANSITION_ENDS: Final = date(2026, 7, 1)
_STEPS: Final = (
    ("intake", "intake-officer"),
    ("assignment", "head"),
    ("appraisal", "case-officer"),
    ("signing", "signatory"),
    ("numbering", "clerk"),
    ("delivery", "intake-officer"),
)

Event = tuple[str, str, str, dict[str, Any]]
"""Kind of stream, id, name of the event, data."""


def registry_lines(province: Province, seed: str) -> list[bytes]:
    """The registry as canonical actions, stream by stream."""
    at = at_local(FIRST_DAY, 5 * 60)
    streams: dict[str, list[bytes]] = {}
    for number, (kind, plain, name, data) in zip(count(), _events(province), strict=False):
        stream = stream_id(kind, plain)
        action = Action(
            id=action_id(seed, stream, number, at),
            type=f"{kind}.{name}.v1",
            stream=stream,
            occurred_at=OccurredAt(instant(at), "minute"),
            actor=REGISTER,
            data=data,
        )
        streams.setdefault(stream, []).append(encode_canonical(action))
    return [line for lines in streams.values() for line in lines]


def _events(province: Province) -> Iterator[Event]:
    yield "calendar", "VN", "published", {"version": VN.version, "data_hash": data_hash(VN)}
    for unit in province.units:
        parent = {"parent": unit.parent} if unit.parent else {}
        yield "unit", unit.id, "created", {"name": unit.name, "level": unit.level, **parent}
    yield from _officers(province)
    yield from _procedures()
    for competent in (*province.communes, *province.departments):
        yield from _authority(competent)
    for number, outage in enumerate(province.outages, 1):
        data = {
            "systems": ["national-portal"],
            "from_at": instant(outage.begins),
            "to_at": instant(outage.ends),
            "reason": f"interface down ({number})",
        }
        yield "system", "national-portal", "outage_declared", data


def _officers(province: Province) -> Iterator[Event]:
    for officer in province.officers:
        subject = f"officer:{officer.id}"
        data = {
            "unit": officer.unit,
            "post": officer.post,
            "name": sealed(subject, subject, "name", officer.name),
            "valid_from_on": FIRST_DAY.isoformat(),
        }
        yield "officer", officer.id, "registered", data
    for absence in province.absences:
        data = {"from_on": absence.first.isoformat(), "to_on": absence.last.isoformat()}
        yield "officer", absence.officer, "absence_registered", data
    for number, item in enumerate(province.delegations, 1):
        data = {
            "delegation_id": f"delegation-{number}",
            "on_behalf_of": item.on_behalf_of,
            "capacity": "TUQ",
            "from_on": item.first.isoformat(),
            "to_on": item.last.isoformat(),
        }
        yield "officer", item.officer, "delegation_granted", data


def _procedures() -> Iterator[Event]:
    for item in VERSIONS:
        valid_from = FIRST_DAY if item.version == 1 else VERSION_CHANGE
        data: dict[str, Any] = {
            "version": item.version,
            "name": item.name,
            "agency": AGENCY,
            "duration_days": item.days,
            "components": list(item.components),
            "valid_from_on": valid_from.isoformat(),
        }
        if item.fee:
            data["fees"] = [{"kind": "fee", "amount": item.fee}]
        yield "procedure", item.code, "version_published", data
        if item.version > 1:
            gone = {"version": item.version - 1, "from_on": VERSION_CHANGE.isoformat()}
            yield "procedure", item.code, "version_retired", gone
        else:
            process = {"version": 1, "steps": _steps(item)}
            yield "procedure", item.code, "internal_process_version_published", process


def _steps(procedure: Procedure) -> list[dict[str, Any]]:
    return [
        {"step": step, "role": role, "budget_hours": procedure.budget(step) // 60}
        for step, role in _STEPS
    ]


def _authority(competent: Competent) -> Iterator[Event]:
    """Who may sign and extend what: the matrix before and after decentralisation (E64).

    What a department accepted before, it may finish until the transition ends.
    """
    signer = competent.signer
    level = "province" if signer.post == "head" else "commune"
    changed = _TRANSITION_ENDS if level == "province" else DECENTRALISED
    before = ""
    for version, day in ((1, FIRST_DAY), (2, changed)):
        codes = [code for code in CODES if valid_on(code, day).level == level]
        rules = [
            {"procedure": code, "unit": signer.unit, "post": signer.post, "may": power}
            for code in codes
            for power in ("sign", "extend")
        ]
        if ",".join(codes) != before:
            data = {"version": version, "rules": rules, "valid_from_on": day.isoformat()}
            yield "authority", signer.unit, "matrix_published", data
        before = ",".join(codes)
