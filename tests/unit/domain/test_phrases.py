"""One sentence per event type in English and Vietnamese: whole, in words, without personal data."""

from __future__ import annotations

from string import Formatter
from typing import Any, get_args, get_type_hints

import pytest

from ledger.core.action import Action, Actor, OccurredAt
from ledger.domain.events import EVENT_TYPES, PERSONAL_FIELDS
from ledger.domain.phrases import CODED, CODES, SENTENCES, Language, sentence
from tests.unit.domain.actions import act, action_id

COMMON = {"actor", "principal", "subject", "receiver"}
LANGUAGES: tuple[Language, ...] = ("en", "vi")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_each_type_has_its_sentences_and_nothing_else_has() -> None:
    assert set(SENTENCES) == set(EVENT_TYPES)


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_both_languages_say_the_same_of_fields_that_exist(name: str) -> None:
    phrase = SENTENCES[name]
    assert all(phrase[:2])
    assert phrase.en != phrase.vi
    assert places(phrase.en) == places(phrase.vi)
    fields = set(EVENT_TYPES[name].__struct_fields__)
    assert places(phrase.en) <= COMMON | fields
    assert not places(phrase.en) & set(PERSONAL_FIELDS.get(name, ()))
    if "actor" in places(phrase.en):
        expected = places(phrase.en) | {"principal"}
        assert places(phrase.en_for) == places(phrase.vi_for) == expected
    else:
        assert phrase[2:] == ("", "")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_a_sentence_needs_no_data(name: str, lang: Language) -> None:
    stream = f"{name.partition('.')[0]}:x%20y"
    when = OccurredAt("2026-03-02T02:00:00.000000Z", "second")
    actor = Actor(kind="officer", id="lan", on_behalf_of="hoa")
    said = sentence(Action(action_id(1), name, stream, when, actor, {}), lang)
    assert "x y" in said
    assert not set("{}") & set(said)
    assert "  " not in said


def test_on_behalf_of() -> None:
    action = act(1, "approved", "2026-03-02", behalf="hoa")
    subject = "000.00.00.H29-260302-0001"
    assert sentence(action, "en") == f"lan approved {subject} on behalf of hoa"
    assert sentence(action, "vi") == f"lan thay mặt hoa đã phê duyệt hồ sơ {subject}"


@pytest.mark.parametrize(
    ("name", "data", "english", "vietnamese"),
    [
        (
            "deadline_set",
            {"due_at": "2026-03-05T17:00:00.000000Z"},
            "2026-03-05 24:00",
            "05/03/2026 24:00",
        ),
        (
            "deadline_extended",
            {"new_due_at": "2026-03-05T10:00:00.000000Z"},
            "2026-03-05 17:00",
            "05/03/2026 17:00",
        ),
        ("financial_obligation_issued", {"amount": 1_500_000}, "1,500,000 đồng", "1.500.000 đồng"),
        ("custody_rejected", {"offer_id": "x", "reason": "overload"}, "overload", "quá tải"),
        ("custody_offered", {"to_unit": "land", "to_officer": "minh"}, "to minh", "cho minh"),
        ("custody_offered", {"to_unit": "land"}, "to land", "cho land"),
        ("custody_offered", {}, "to not stated", "cho không ghi"),
        ("consultation_requested", {"agency": ""}, "asked not stated", "xin ý kiến không ghi"),
        ("action_imported", {"activity": "T02 {Check}"}, "“T02 {Check}”", "“T02 {Check}”"),
    ],
)
def test_values_in_the_reader_s_words(
    name: str, data: dict[str, Any], english: str, vietnamese: str
) -> None:
    action = act(1, name, "2026-03-02", data)
    assert english in sentence(action, "en")
    assert vietnamese in sentence(action, "vi")


def test_each_code_that_a_sentence_shows_has_words() -> None:
    for name, struct in EVENT_TYPES.items():
        for field, kind in get_type_hints(struct).items():
            if field in CODED and field in places(SENTENCES[name].en):
                codes = {code for code in get_args(kind) if isinstance(code, str) and code}
                assert codes <= set(CODES), (name, field)


def test_sealed_data_is_never_said() -> None:
    box = {"sealed": {"key": "0" * 64, "nonce": "AAAA", "box": "U0VDUkVU"}}
    action = act(1, "submitted", "2026-03-02", {"applicant_name": box, "contact": box})
    for lang in LANGUAGES:
        assert "U0VDUkVU" not in sentence(action, lang)


def test_an_unknown_type_is_named_and_not_a_crash() -> None:
    action = act(1, "forgotten", "2026-03-02")
    assert "dossier.forgotten.v1" in sentence(action, "en")
    assert "dossier.forgotten.v1" in sentence(action, "vi")
