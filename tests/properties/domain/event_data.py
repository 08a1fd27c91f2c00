"""Hypothesis strategies for the data of any registered dossier event, made from its struct."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

from ledger.core.action import Action, Actor, OccurredAt
from ledger.domain.events import EVENT_TYPES
from tests.unit.domain.actions import STREAM, action_id

DOSSIER_TYPES = sorted(name for name in EVENT_TYPES if name.startswith("dossier."))

near = st.integers(0, 500).map(lambda n: date(2025, 11, 1) + timedelta(n))
far = st.dates(date(1900, 1, 1), date(2100, 12, 31))
days = st.one_of(near, near, far).map(date.isoformat)
instants = st.builds("{}T{:02}:30:00.000000Z".format, days, st.integers(0, 23))
anytime = st.one_of(instants, instants, st.just("9999-12-31T23:59:59.999999Z"))
ids = st.integers(1, 6).map(action_id)
"""Few ids, so that offers and obligations are often answered."""

histories = st.deferred(
    lambda: st.one_of(
        st.lists(actions(), max_size=12), st.lists(actions(types=CLOCK_TYPES), max_size=12)
    )
)
"""Anything at all, and what moves the clock: rarely met by chance alone."""

texts = st.sampled_from(["a", "land", "minh", "Hồ sơ", "{x}", "0"])


def _named(name: str, kind: inspect.Type) -> st.SearchStrategy[Any]:
    if name in {"offer_id", "obligation_id", "cause_event"}:
        return ids
    if name.endswith("_on") or name == "unconfirmed":
        return days if not isinstance(kind, inspect.VarTupleType) else st.lists(days, max_size=2)
    if name.endswith("_at"):
        return instants
    if name == "ruleset":
        return st.sampled_from(["", "VN-2018", "VN-2025", "VN-1900"])
    return _typed(kind)


def _typed(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.Metadata(type=inner):
            return _typed(inner)
        case inspect.UnionType(types=kinds):
            return st.one_of(map(_typed, kinds))
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType(le=most):
            return st.sampled_from([0, 1, 2, 3, 10, 2**53 - 1 if most is None else most])
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.VarTupleType(item_type=item):
            return st.lists(_typed(item), max_size=2)
        case inspect.TupleType(item_types=items):
            return st.tuples(*map(_typed, items)).map(list)
        case inspect.StructType(fields=fields):
            return _struct(fields)
        case inspect.StrType(pattern=pattern):
            if pattern is None:
                return texts
            return st.from_regex(pattern.replace(r"\A", "^").replace(r"\Z", "$"), fullmatch=True)
    msg = f"no strategy for {kind}"
    raise TypeError(msg)


def _struct(fields: tuple[inspect.Field, ...]) -> st.SearchStrategy[dict[str, Any]]:
    required, optional = {}, {}
    for field in fields:
        kind = field.type.type if isinstance(field.type, inspect.Metadata) else field.type
        group = required if field.required else optional
        group[field.encode_name] = _named(field.encode_name, kind)
    return st.fixed_dictionaries(required, optional=optional)


def _data(name: str) -> st.SearchStrategy[dict[str, Any]]:
    info = inspect.type_info(EVENT_TYPES[name])
    assert isinstance(info, inspect.StructType)
    return _struct(info.fields)


DATA = {name: _data(name) for name in DOSSIER_TYPES}


CLOCK_TYPES = [
    f"dossier.{name}.v1"
    for name in (
        "accepted",
        "supplement_requested",
        "supplement_received",
        "supplement_lapsed",
        "financial_obligation_issued",
        "payment_confirmed",
        "deadline_set",
        "deadline_paused",
        "deadline_resumed",
        "deadline_extended",
        "result_delivered",
    )
]


@st.composite
def actions(draw: st.DrawFn, types: list[str] = DOSSIER_TYPES) -> Action:
    """Any dossier event of `types` with any data that it takes, by anybody, at any time."""
    name = draw(st.sampled_from(types))
    kind = draw(st.sampled_from(["officer", "officer", "applicant", "system"]))
    who = "ledger" if kind == "system" and draw(st.booleans()) else draw(texts)
    return Action(
        id=draw(ids),
        type=name,
        stream=STREAM,
        occurred_at=OccurredAt(draw(anytime), "second"),
        actor=Actor(kind=kind, id=who, unit=draw(st.sampled_from(["", "land"]))),
        data=draw(DATA[name]),
    )
