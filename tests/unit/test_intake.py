"""Intake: a refusal names field, value and reason, whatever part of the action is bad."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.app.intake import check_action_bytes
from ledger.app.submission import RefusedError
from ledger.core.canonical import encode_canonical
from tests.unit.domain.actions import act, action_id

NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)


def sent(**changes: Any) -> bytes:
    whole: dict[str, Any] = {
        "id": action_id(1),
        "type": "dossier.financial_obligation_issued.v1",
        "stream": "dossier:d-1",
        "occurred_at": {"at": "2026-03-02T02:00:00.000000Z", "precision": "second"},
        "actor": {"kind": "officer", "id": "lan"},
        "data": {"amount": 5},
    }
    return encode_canonical(whole | changes)


def test_a_good_action_passes() -> None:
    assert check_action_bytes(sent(), "hanoi", NOW).data == {"amount": 5}


@pytest.mark.parametrize(
    ("changes", "code", "field", "value"),
    [
        ({"data": {"amount": -1}}, "action.malformed", "data.amount", -1),
        ({"data": {"sum": 1}}, "action.malformed", "data.sum", 1),
        ({"actor": {"kind": "robot", "id": "x"}}, "action.malformed", "actor.kind", "robot"),
        ({"actor": {"kind": "officer"}}, "action.malformed", "actor.id", None),
        ({"colour": "red"}, "action.malformed", "colour", "red"),
        ({"stream": "planet:x"}, "action.malformed", "stream", "planet:x"),
        (
            {"stream": "unit:x"},
            "action.malformed",
            "type",
            "dossier.financial_obligation_issued.v1",
        ),
        ({"type": "dossier.forgotten.v1"}, "action.unknown_type", "type", "dossier.forgotten.v1"),
        ({"ledger": "hue"}, "action.other_ledger", "ledger", "hue"),
        *(
            (
                {"occurred_at": {"at": f"{at}T00:00:00.000000Z", "precision": "day"}},
                "action.malformed",
                "occurred_at.at",
                f"{at}T00:00:00.000000Z",
            )
            for at in ("1899-12-31", "2101-01-01", "2026-02-30")
        ),
        (
            {"occurred_at": {"at": "2026-03-03T00:00:00.000000Z", "precision": "day"}},
            "action.from_the_future",
            "occurred_at.at",
            "2026-03-03T00:00:00.000000Z",
        ),
    ],
)
def test_a_refusal_names_field_and_value(
    changes: dict[str, Any], code: str, field: str, value: object
) -> None:
    with pytest.raises(RefusedError) as caught:
        check_action_bytes(sent(**changes), "hanoi", NOW)
    error = caught.value
    assert (error.code, error.field, error.value) == (code, field, value)
    assert str(error)


def test_a_value_that_may_be_personal_is_not_in_the_message() -> None:
    data = {"applicant_name": "Nguyễn Văn Mẫu"}
    with pytest.raises(RefusedError) as caught:
        check_action_bytes(sent(type="dossier.submitted.v1", data=data), "hanoi", NOW)
    assert caught.value.field == "data.applicant_name"
    assert "Nguyễn" not in str(caught.value)


def test_what_our_own_encoder_writes_is_taken() -> None:
    action = act(1, "submitted", "2026-03-02", {"channel": "online"})
    assert check_action_bytes(encode_canonical(action), "hanoi", NOW) == action
