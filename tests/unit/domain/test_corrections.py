"""E47: a correction stands beside what it corrects, with before and after."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from ledger.core.action import Action
from ledger.core.canonical import encode_canonical
from ledger.domain.corrections import Correction, correction_findings, corrections
from tests.unit.domain.actions import STREAM, act, action_id, recorded


def found_in(actions: list[Action]) -> tuple[Correction, ...]:
    return corrections(enumerate(actions, 1))


FIRST = act(1, "submitted", "2026-03-02", {"channel": "online"}, kind="applicant", who="a-1")
PAID = act(2, "financial_obligation_issued", "2026-03-03", {"amount": 15_000})


def correct(number: int, target: int, field: str, before: Any, after: Any) -> Any:
    standing = b"" if before is None else encode_canonical(before)
    data = {
        "correction_of": action_id(target),
        "field": field,
        "before_hash": sha256(standing).hexdigest(),
        "after": after,
        "approver": "hoa",
    }
    return act(number, "event_corrected", "2026-03-04", data)


def test_a_correction_shows_before_after_and_approver() -> None:
    [found] = found_in([FIRST, PAID, correct(3, 2, "amount", 15_000, "1500")])
    assert (found.version, found.target_version, found.field) == (3, 2, "amount")
    assert (found.before, found.after, found.matches, found.approver) == (
        "15000",
        "1500",
        True,
        "hoa",
    )


def test_a_second_correction_is_compared_with_the_first() -> None:
    first, second = found_in(
        [
            FIRST,
            PAID,
            correct(3, 2, "amount", 15_000, "1500"),
            correct(4, 2, "amount", 1500, "1600"),
        ]
    )
    assert (first.matches, second.matches, second.before) == (True, True, "1500")


def test_what_was_left_out_has_no_before() -> None:
    [found] = found_in([FIRST, PAID, correct(3, 2, "payee", None, '"tax office"')])
    assert (found.before, found.after, found.matches) == ("", '"tax office"', True)


def test_a_nested_field_and_a_text_that_is_no_json() -> None:
    imported = {"imported": {"activity": "a", "source_log": "b"}}
    action = act(2, "note_added", "2026-03-03", {"text_hash": "0" * 64, **imported})
    [found] = found_in([FIRST, action, correct(3, 2, "imported.activity", "a", "T02 Check")])
    assert (found.before, found.after, found.matches) == ('"a"', '"T02 Check"', True)


def test_a_correction_that_fits_nothing_is_a_finding_and_is_recorded() -> None:
    wrong = [
        correct(3, 2, "amount", 14_000, "1500"),
        correct(4, 99, "amount", 15_000, "1500"),
        correct(5, 2, "no.such.place", None, "1"),
    ]
    state = recorded([FIRST, PAID, *wrong])
    assert state.corrections == 3
    found = found_in([FIRST, PAID, *wrong])
    first, second, third = correction_findings(STREAM, found)
    assert [item.target_version for item in found] == [2, 0, 2]
    assert (first.code, first.version, first.actual) == (
        "dossier.correction_unmatched",
        3,
        "something else, or no such place",
    )
    assert third.version == 5
    assert (second.version, second.actual) == (4, "no such action before it")


def test_what_it_corrects_stays_as_it_was() -> None:
    before = encode_canonical(PAID.data)
    found_in([FIRST, PAID, correct(3, 2, "amount", 15_000, "1500")])
    assert encode_canonical(PAID.data) == before
