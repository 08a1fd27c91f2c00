"""The closed registry of event types (E01 to E77) and what each may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.core.action import FOREIGN_EVENT, STREAM_KINDS, decode_action, encode_action
from ledger.domain.events import (
    CATALOGUE,
    EVENT_TYPES,
    MAY_BE_EMPTY,
    PERSONAL_FIELDS,
    EventError,
    decode_event,
    is_registered,
)

VECTORS = Path(__file__).parents[2] / "vectors"
TABLE = VECTORS / "event_types.txt"
EXAMPLE_LINES = (VECTORS / "event_examples.jsonl").read_bytes().splitlines()
EXAMPLES: dict[str, dict[str, Any]] = {}
for _line in EXAMPLE_LINES:
    _action = decode_action(_line)
    EXAMPLES.setdefault(_action.type, _action.data)
BOX = {"sealed": {"key": "0" * 64, "nonce": "AAAA", "box": "AAAA"}}


def test_the_committed_table_is_the_code() -> None:
    """A type that was recorded once keeps its name for ever: the table changes by additions."""
    assert TABLE.read_text().splitlines() == [f"{number} {name}" for number, name, _ in CATALOGUE]


def test_names_belong_to_a_kind_of_stream_and_drop_it() -> None:
    assert len(EVENT_TYPES) == len(CATALOGUE)
    for name in EVENT_TYPES:
        kind, _, rest = name.partition(".")
        assert kind in STREAM_KINDS
        assert not rest.startswith(f"{kind}_")
    assert is_registered(FOREIGN_EVENT[1])
    assert not is_registered("dossier.forgotten.v1")


def test_structs_are_frozen_strict_and_leave_out_what_is_not_known() -> None:
    for _, name, struct in CATALOGUE:
        config = struct.__struct_config__
        assert config.frozen, name
        assert config.forbid_unknown_fields, name
        assert config.omit_defaults, name


def test_each_type_has_an_example_that_shows_every_field() -> None:
    """Bytes that were good once stay good: lines are added, never changed or taken out."""
    shown: dict[str, set[str]] = {}
    for line in EXAMPLE_LINES:
        action = decode_action(line)
        assert encode_action(action) == line
        decode_event(action.type, action.data)
        shown.setdefault(action.type, set()).update(action.data)
    for name, struct in EVENT_TYPES.items():
        fields = {field.encode_name for field in msgspec.structs.fields(struct)}
        assert fields - {"imported"} <= shown.get(name, set()) | {"imported"}, name
    assert set(shown) == set(EVENT_TYPES)


def test_every_struct_names_its_number_in_the_catalogue() -> None:
    for number, name, struct in CATALOGUE:
        if number != "log":
            assert (struct.__doc__ or "").startswith(f"{number}: "), name


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_an_unknown_field_and_a_wrong_type_are_refused_in_each_type(name: str) -> None:
    data = EXAMPLES[name]
    with pytest.raises(EventError) as caught:
        decode_event(name, data | {"not_a_field": "x"})
    assert (caught.value.field, caught.value.value) == ("data.not_a_field", "x")
    for field in EVENT_TYPES[name].__struct_fields__:
        with pytest.raises(EventError) as caught:
            decode_event(name, data | {field: 1.5})
        assert (caught.value.field, caught.value.value) == (f"data.{field}", 1.5)
        assert caught.value.reason


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_dates_and_amounts_out_of_bounds_are_refused_in_each_type(name: str) -> None:
    data = EXAMPLES[name]
    bad: list[tuple[str, Any]] = []
    for field in EVENT_TYPES[name].__struct_fields__:
        if field.endswith("_on"):
            bad += [(field, "1899-12-31"), (field, "2101-01-01"), (field, "2026-02-30")]
        elif field.endswith("_at"):
            bad += [(field, f"{year}-06-01T00:00:00.000000Z") for year in (1899, 2101)]
        elif field == "amount":
            bad.append((field, -1))
    for field, value in bad:
        with pytest.raises(EventError) as caught:
            decode_event(name, data | {field: value})
        assert (caught.value.field, caught.value.value) == (f"data.{field}", value)


def test_an_approval_names_at_least_one_entry() -> None:
    name = "inspection.redaction_approved.v1"
    with pytest.raises(EventError) as caught:
        decode_event(name, EXAMPLES[name] | {"entries": []})
    assert caught.value.field == "data.entries"


def test_each_dossier_event_can_keep_what_a_mapped_import_came_from() -> None:
    source = {
        "activity": "T06 Determine",
        "source_log": "receipt",
        "lifecycle": "complete",
        "attributes": [["org:resource", "string", "Resource10"]],
        "case": [["deadline", "date", "2011-10-11T13:45:40.276+02:00"]],
    }
    for name in EVENT_TYPES:
        if not name.startswith("dossier.") or name == "dossier.action_imported.v1":
            continue
        event = decode_event(name, EXAMPLES[name] | {"imported": source})
        assert msgspec.json.decode(msgspec.json.encode(event))["imported"] == source, name
    whole = decode_event("dossier.action_imported.v1", source)
    assert msgspec.json.decode(msgspec.json.encode(whole)) == source


def test_personal_fields_are_sealed_and_nothing_else() -> None:
    for name, fields in PERSONAL_FIELDS.items():
        for field in fields:
            data = EXAMPLES[name]
            if name == "dossier.event_corrected.v1":
                data = data | {"field": "applicant_name"}
            decode_event(name, data | {field: BOX})
            with pytest.raises(EventError) as caught:
                decode_event(name, data | {field: "Nguyễn Văn Mẫu"})
            assert caught.value.field == f"data.{field}"
            assert "Nguyễn Văn Mẫu" not in str(caught.value)
    sealed = {
        (name, field.name)
        for name, struct in EVENT_TYPES.items()
        for field in msgspec.structs.fields(struct)
        if "Sealed" in str(field.type)
    }
    assert sealed == {(name, field) for name, fields in PERSONAL_FIELDS.items() for field in fields}


@pytest.mark.parametrize(
    ("name", "data", "field", "value"),
    [
        ("dossier.financial_obligation_issued.v1", {"amount": -1}, "data.amount", -1),
        ("dossier.refunded.v1", {"obligation_id": "o", "amount": 1.5}, "data.amount", 1.5),
        ("dossier.custody_accepted.v1", {}, "data.offer_id", None),
        ("dossier.submitted.v1", {"name": "x"}, "data.name", "x"),
        (
            "dossier.submitted.v1",
            {"components": [{"doc_type": "deed"}, {"doc_type": 5}]},
            "data.components[1].doc_type",
            5,
        ),
        ("dossier.accepted.v1", {"cutoff": "25:00"}, "data.cutoff", "25:00"),
        (
            "dossier.accepted.v1",
            {"received_at": "2026-13-45T29:00:00.000000Z"},
            "data.received_at",
            "2026-13-45T29:00:00.000000Z",
        ),
        (
            "dossier.result_numbered.v1",
            {"dated_on": "2026-02-31"},
            "data.dated_on",
            "2026-02-31",
        ),
        (
            "dossier.result_numbered.v1",
            {"dated_on": "1899-12-31"},
            "data.dated_on",
            "1899-12-31",
        ),
        (
            "dossier.apology_issued.v1",
            {"sent_at": "2101-01-01T00:00:00.000000Z"},
            "data.sent_at",
            "2101-01-01T00:00:00.000000Z",
        ),
        (
            "calendar.published.v1",
            {"version": "VN-2027.1", "holidays": ["2027-01-01", "2027-1-2"]},
            "data.holidays[1]",
            "2027-1-2",
        ),
        ("dossier.forgotten.v1", {}, "type", "dossier.forgotten.v1"),
    ],
)
def test_a_refusal_names_field_value_and_reason(
    name: str, data: dict[str, Any], field: str, value: object
) -> None:
    with pytest.raises(EventError) as caught:
        decode_event(name, data)
    error = caught.value
    assert (error.type_name, error.field, error.value) == (name, field, value)
    assert error.reason
    assert str(error) == f"{name}: {field}: {error.reason}"


@pytest.mark.parametrize("day", ["1900-01-01", "2024-02-29", "2100-12-31"])
def test_the_years_1900_to_2100_are_taken(day: str) -> None:
    decode_event("dossier.result_numbered.v1", {"dated_on": day})
    decode_event("dossier.apology_issued.v1", {"sent_at": f"{day}T00:00:00.000000Z"})


def test_fields_of_dates_and_instants_are_typed_so_and_named_so() -> None:
    """`_on` and `_at` are what decides that a text is checked as a date or an instant."""
    listed = {"unconfirmed", "holidays", "makeup_days"}
    for name, struct in EVENT_TYPES.items():
        for field in msgspec.structs.fields(struct):
            form = str(field.type)
            assert ("'form': 'instant'" in form) == field.name.endswith("_at"), (name, field.name)
            dated = field.name.endswith("_on") or field.name in listed
            assert ("'form': 'date'" in form) == dated, (name, field.name)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_which_types_may_say_nothing(name: str) -> None:
    try:
        decode_event(name, {})
    except EventError:
        assert name not in MAY_BE_EMPTY
    else:
        assert name in MAY_BE_EMPTY
