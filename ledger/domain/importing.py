"""Foreign logs to actions, by the rules of DOMAIN.md section 4. Pure: no file, no clock.

One source event is one action. An activity that no mapping names becomes E53; a mapping only
sharpens it. Inside a case the order is by instant in UTC, then by place in the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from typing import Any, Final, Literal

import msgspec

from ledger.core.action import Action, ActionError, Actor, OccurredAt, Source, stream_id
from ledger.core.canonical import CanonicalError, encode_canonical
from ledger.core.ids import uuid7_text
from ledger.core.times import format_instant
from ledger.domain.events import EventError, decode_event
from ledger.domain.fields import FIRST_YEAR, LAST_YEAR

IMPORTED_TYPE: Final = "dossier.action_imported.v1"

_id_encoder = msgspec.json.Encoder()
_OFFSET: Final = re.compile(r"(?:Z|[+-][0-9:]+)\Z")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

Attribute = tuple[str, str, str]
Precision = Literal["instant", "second", "minute", "day"]
SealText = Callable[[str, str, str], dict[str, Any]]
"""(stream, field path, text) to a sealed value."""


class Fault(msgspec.Struct, frozen=True):
    """Why a reader kept nothing of an event or case: it is too long to be held, or has no form."""

    field: str
    reason: str


class SourceEvent(msgspec.Struct, frozen=True):
    """One event as its source has it; `line` and `position` say where in the file it stands."""

    activity: str
    resource: str
    time: str
    lifecycle: str
    attributes: tuple[Attribute, ...]
    line: int
    position: int
    fault: Fault | None = None
    unit: str = ""


class SourceCase(msgspec.Struct, frozen=True):
    """One case: its name, its own attributes [name, type, text], and its events in file order."""

    name: str
    attributes: tuple[Attribute, ...]
    events: tuple[SourceEvent, ...]
    line: int
    fault: Fault | None = None


class CaseError(ValueError):
    """Why a case is refused: line, field, the reason, and the value that stands there.

    The value is for whoever sent it alone; None where there is none, or the reason says it.
    """

    def __init__(self, line: int, field: str, reason: str, value: object = None) -> None:
        super().__init__(reason)
        self.line = line
        self.field = field
        self.reason = reason
        self.value = value


class ActivityMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an activity becomes: a type, constant data, and data fields taken from attributes.

    Fields that end in `_at` or `_on` are read as times of the source. With `when` it holds only for
    events whose attributes have these texts: some logs record questions, and the answer beside.
    """

    type: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    when: dict[str, str] = msgspec.field(default_factory=dict)


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names of a CSV file's columns; "" is guessed from the usual names."""

    case: str = ""
    activity: str = ""
    resource: str = ""
    time: str = ""
    lifecycle: str = ""
    unit: str = ""


class ImportMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A TOML mapping: columns, activities, and the attributes that hold personal data.

    `time_format` is for sources whose times are not ISO 8601, in the letters of `strptime`.
    """

    columns: Columns = Columns()
    time_format: str = ""
    activities: dict[str, ActivityMapping] = msgspec.field(default_factory=dict)
    personal: tuple[str, ...] = ()


NO_MAPPING: Final = ImportMapping()


class ImportRules(msgspec.Struct, frozen=True):
    """How one file is imported. `source` names the log; `timezone` is for times without offset."""

    source: str
    prefix: str = ""
    timezone: tzinfo | None = None
    mapping: ImportMapping = NO_MAPPING
    ledger: str = ""


class CaseActions(msgspec.Struct, frozen=True):
    """The actions of a case in order, the line of each in its file, how many stood elsewhere."""

    stream: str
    actions: tuple[Action, ...]
    lines: tuple[int, ...]
    disordered: int


def parse_time(
    text: str, timezone: tzinfo | None, time_format: str = ""
) -> tuple[datetime, Precision]:
    """The aware moment in a source's text and how precise it is; raises ValueError."""
    body = text.strip()
    if not body:
        raise ValueError("the event has no timestamp")
    moment = datetime.fromisoformat(body) if not time_format else _formatted(body, time_format)
    if moment.tzinfo is None:
        if timezone is None:
            msg = f"{text!r} has no offset from UTC: name the zone with --timezone"
            raise ValueError(msg)
        moment = moment.replace(tzinfo=timezone)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        msg = f"{text!r} lies outside the years {FIRST_YEAR} to {LAST_YEAR}"
        raise ValueError(msg)
    precision: Precision = "second"
    if time_format:
        return moment, _precision_of(time_format)
    if len(body) <= len("2026-03-02"):
        precision = "day"
    elif "." in body or "," in body:
        precision = "instant"
    elif len(re.sub(r"[^0-9]", "", _OFFSET.sub("", body))) <= len("202603020800"):
        precision = "minute"
    return moment, precision


def _formatted(text: str, time_format: str) -> datetime:
    return datetime.strptime(text, time_format)  # noqa: DTZ007 - the zone is the caller's to add


def _precision_of(time_format: str) -> Precision:
    """How precise a time of such a format is: by its finest letter."""
    finest: tuple[tuple[str, Precision], ...] = (
        ("f", "instant"),
        ("STXcs", "second"),
        ("MHIR", "minute"),
    )
    letters = set(re.findall(r"%(.)", time_format))
    return next((name for found, name in finest if letters.intersection(found)), "day")


def import_id(source: str, case: str, event: SourceEvent, moment: datetime, twin: int) -> str:
    """The UUIDv7 of a source event: time of the event (0 before 1970), the rest from its content.

    `twin` is the running number among identical events of the case. Mapping and file name do not
    enter, so that a better mapping never imports an event again.
    """
    # An array of text and one integer: the plain encoder writes its canonical bytes.
    content = _id_encoder.encode((source, case, event.attributes, twin))
    digest = sha256(b"pal/import/v1\n" + content).digest()
    return uuid7_text((moment - _EPOCH) // _MILLISECOND, digest)


def dossier_stream(case: SourceCase, rules: ImportRules) -> str:
    """The stream of the case's dossier; raises `CaseError` for a case without name."""
    if not case.name:
        raise CaseError(case.line, "case", "the case has no name")
    return stream_id("dossier", rules.prefix + case.name)


def case_actions(
    case: SourceCase, rules: ImportRules, seal: SealText | None = None, first_id: str = ""
) -> CaseActions:
    """The actions of a case in order; raises `CaseError` where one of its events is bad.

    `seal` is needed where the mapping names personal attributes. `first_id` is the action of the
    dossier's first entry where it has one: the case's attributes stay with it, even if the source
    has since learnt of an earlier event.
    """
    if case.fault is not None:
        raise CaseError(case.line, case.fault.field, case.fault.reason)
    stream = dossier_stream(case, rules)
    if not case.events:
        raise CaseError(case.line, "events", "the case has no events")
    timed = []
    for event in case.events:
        _check_event(event)
        try:
            moment, precision = parse_time(event.time, rules.timezone, rules.mapping.time_format)
            text = format_instant(moment)
        except (ValueError, OverflowError) as error:
            raise CaseError(event.line, "time", str(error)) from error
        timed.append((text, event.position, event, moment, precision))
    ordered = sorted(timed, key=lambda item: item[:2])
    disordered = sum(a[1] != b[1] for a, b in zip(timed, ordered, strict=True))
    twins: Counter[tuple[Attribute, ...]] = Counter()
    actions: list[Action] = []
    for text, _, event, moment, precision in ordered:
        twin = twins[event.attributes]
        twins[event.attributes] += 1
        action_id = import_id(rules.source, case.name, event, moment, twin)
        first = action_id == first_id if first_id else not actions
        try:
            actions.append(
                Action(
                    id=action_id,
                    stream=stream,
                    occurred_at=OccurredAt(text, precision),
                    actor=_actor(event, rules),
                    source=Source(rules.source),
                    ledger=rules.ledger,
                    **_typed(case, event, rules, stream, seal, first=first),
                )
            )
        except (ActionError, EventError, CanonicalError) as error:
            raise CaseError(event.line, "data", str(error)) from error
        except CaseError as error:
            raise CaseError(event.line, error.field, error.reason) from error
    lines = tuple(event.line for _, _, event, _, _ in ordered)
    return CaseActions(stream, tuple(actions), lines, disordered)


def _check_event(event: SourceEvent) -> None:
    if event.fault is not None:
        raise CaseError(event.line, event.fault.field, event.fault.reason)
    if not event.activity:
        raise CaseError(event.line, "activity", "the event names no activity")


def _actor(event: SourceEvent, rules: ImportRules) -> Actor:
    if event.resource:
        return Actor(kind="officer", id=event.resource, unit=event.unit)
    return Actor(kind="system", id=rules.source)


def _typed(
    case: SourceCase,
    event: SourceEvent,
    rules: ImportRules,
    stream: str,
    seal: SealText | None,
    *,
    first: bool,
) -> dict[str, Any]:
    """`type` and `data` of the action."""
    imported: dict[str, Any] = {"activity": event.activity, "source_log": rules.source}
    if event.lifecycle:
        imported["lifecycle"] = event.lifecycle
    imported["attributes"] = _sealed(event.attributes, rules, stream, "attributes", seal)
    if first and case.attributes:
        imported["case"] = _sealed(case.attributes, rules, stream, "case", seal)
    mapped = rules.mapping.activities.get(event.activity)
    values = {name: text for name, _, text in (*case.attributes, *event.attributes)}
    if mapped is None or any(values.get(name) != text for name, text in mapped.when.items()):
        decode_event(IMPORTED_TYPE, imported)
        return {"type": IMPORTED_TYPE, "data": imported}
    data = dict(mapped.data)
    for field, name in mapped.fields.items():
        if name not in values:
            continue
        if name in rules.mapping.personal:
            data[field] = _seal(seal, stream, f"data.{field}", values[name])
        else:
            data[field] = _value(field, values[name], rules)
    data["imported"] = imported
    decode_event(mapped.type, data)
    return {"type": mapped.type, "data": data}


def _value(field: str, text: str, rules: ImportRules) -> str:
    """The text of an attribute as a field of data holds it: instants and dates in our forms."""
    if not field.endswith(("_at", "_on")):
        return text
    try:
        moment, _ = parse_time(text, rules.timezone, rules.mapping.time_format)
    except ValueError as error:
        raise CaseError(0, f"data.{field}", str(error)) from error
    return format_instant(moment) if field.endswith("_at") else moment.date().isoformat()


def _sealed(
    attributes: tuple[Attribute, ...],
    rules: ImportRules,
    stream: str,
    path: str,
    seal: SealText | None,
) -> list[list[str]]:
    """The attributes; personal ones as type `sealed` with the sealed value as canonical text."""
    found = []
    for name, kind, text in attributes:
        if name in rules.mapping.personal:
            box = _seal(seal, stream, f"data.{path}.{name}", text)
            found.append([name, "sealed", encode_canonical(box).decode()])
        else:
            found.append([name, kind, text])
    return found


def _seal(seal: SealText | None, stream: str, path: str, text: str) -> dict[str, Any]:
    """Personal text is sealed or the case refused: it never goes on in clear."""
    if seal is None:
        raise CaseError(0, path, "personal, and there is no key to seal it with")
    return seal(stream, path, text)


def convert_mapping(value: Mapping[str, Any]) -> ImportMapping:
    """The mapping in a decoded TOML file; raises ValueError naming the field."""
    try:
        mapping = msgspec.convert(value, ImportMapping)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    for activity, target in mapping.activities.items():
        if not target.type.startswith("dossier."):
            msg = f"activities.{activity}.type: {target.type} is no dossier event"
            raise ValueError(msg)
        try:
            decode_event(target.type, target.data)
        except EventError as error:
            if "missing required field" not in str(error):
                msg = f"activities.{activity}: {error}"
                raise ValueError(msg) from error
    return mapping
