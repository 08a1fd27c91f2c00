"""Upcasting: from every version of a type to its newest, step by step, for folds only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.core.action import Action, encode_action
from ledger.domain.dossier import EMPTY_DOSSIER, evolve
from ledger.domain.events import EVENT_TYPES
from ledger.domain.upcasting import UPCASTS, Upcast, Upcaster, UpcastError, upcast
from tests.unit.domain.actions import act

V1, V2, V3 = (f"dossier.rated.v{version}" for version in (1, 2, 3))
OTHER = "dossier.noted.v1"
TYPES = {V1, V2, V3, OTHER}


def split_in_two(data: Mapping[str, Any]) -> dict[str, Any]:
    first, _, last = data["scores"].partition("/")
    return {"first": int(first), "last": int(last)}


def listed(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"scores": [data["first"], data["last"]]}


TABLE = {V1: Upcast(V2, split_in_two), V2: Upcast(V3, listed)}


def rated(version: int, data: dict[str, Any]) -> Action:
    return replace(act(1, "rated", "2026-03-02", data), type=f"dossier.rated.v{version}")


def test_each_version_is_led_through_every_later_one() -> None:
    steps = Upcaster(TABLE, TYPES)
    oldest = rated(1, {"scores": "4/5"})
    bytes_before = encode_action(oldest)
    newest = steps.current(oldest)
    assert (newest.type, newest.data) == (V3, {"scores": [4, 5]})
    assert steps.current(rated(2, {"first": 4, "last": 5})) == newest
    assert steps.current(newest) is newest
    assert replace(newest, type=V1, data=oldest.data) == oldest, "nothing but type and data"
    assert encode_action(oldest) == bytes_before, "what was recorded is not touched"


def test_what_has_no_later_version_is_left_as_it_is() -> None:
    other = act(1, "noted", "2026-03-02")
    assert Upcaster(TABLE, TYPES).current(other) is other


@pytest.mark.parametrize(
    ("table", "types", "says"),
    [
        ({V1: Upcast(V3, listed)}, TYPES, "the version after it is dossier.rated.v2"),
        ({V1: Upcast(V1, listed)}, TYPES, "the version after it is dossier.rated.v2"),
        (
            {V1: Upcast(V2, split_in_two), V2: Upcast(V1, listed)},
            {V1, V2},
            "dossier.rated.v2 leads to dossier.rated.v1",
        ),
        ({V1: Upcast(OTHER, listed)}, TYPES, "leads to dossier.noted.v1"),
        ({V1: Upcast(V2, split_in_two)}, TYPES, "nothing leads from dossier.rated.v2"),
        ({}, {V1, V3}, "nothing leads from dossier.rated.v1 to dossier.rated.v2"),
        ({V2: Upcast(V3, listed)}, TYPES, "nothing leads from dossier.rated.v1"),
        (TABLE, {V2, V3}, "dossier.rated.v1 is no type of this ledger"),
        ({V1: Upcast(V2, split_in_two)}, {V1}, "dossier.rated.v2 is no type of this ledger"),
        ({"rated": Upcast("rated.v2", listed)}, TYPES, "rated does not end in a version"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_gaps_circles_and_types_that_are_gone_are_refused(
    table: dict[str, Upcast], types: set[str], says: str
) -> None:
    with pytest.raises(UpcastError, match=says.replace(".", r"\.")):
        Upcaster(table, types)


def test_the_ledgers_own_table_leads_from_every_type_to_its_newest() -> None:
    """Each version but the newest has its step; today no type has a second version."""
    Upcaster(UPCASTS, EVENT_TYPES)
    newest = {name.rpartition(".v")[0]: name for name in EVENT_TYPES}
    assert len(newest) + len(UPCASTS) == len(EVENT_TYPES)
    action = act(1, "submitted", "2026-03-02", {"channel": "online"})
    assert upcast(action) is action
    assert evolve(EMPTY_DOSSIER, upcast(action), 1).channel == "online"
