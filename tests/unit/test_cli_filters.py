"""The filter grammar of `pal events`."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from consumers.cli.errors import UsageError
from consumers.cli.filters import KEYS, parse_filter
from ledger.core.action import Action, Actor, OccurredAt, ProcedureRef

NOW = datetime(2026, 3, 5, tzinfo=UTC)
ACTION = Action(
    id="019cac46-8648-7bba-bd27-68cb03b9b0fb",
    type="dossier.custody_offered.v1",
    stream="dossier:H1",
    occurred_at=OccurredAt("2026-03-03T10:00:00.000000Z", "second"),
    actor=Actor(kind="officer", id="an", unit="desk", on_behalf_of="chi"),
    data={},
    procedure=ProcedureRef(code="1.002"),
)


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ("", True),
        ("action:custody_offered", True),
        ("action:dossier.custody_offered.v1", True),
        ("action:approved", False),
        ("on_behalf_of:chi unit:desk procedure:1.002", True),
        ("unit:other", False),
        ("recorded:2026-03-03", True),
        ("recorded:2026-03-04..", False),
        ("recorded:..2026-03-03", True),
        ("Nguyễn", True),
        ("nguyen tran", False),
    ],
)
def test_what_fits(words: str, fits: bool) -> None:
    chosen = parse_filter(words.split(), NOW)
    assert chosen.fits(ACTION, "2026-03-03T10:00:02.000000Z", "an offered h1 to nguyen") is fits


def test_store_part() -> None:
    words = ["actor:an", "dossier:Hồ", "occurred:2026-03..2026-04", "index:3..5"]
    chosen = parse_filter(words, NOW).store_filter()
    assert (chosen.actor, chosen.stream) == ("an", "dossier:H%E1%BB%93")
    assert chosen.occurred_from == "2026-02-28T17:00:00.000000Z"
    assert chosen.occurred_to == "2026-04-30T16:59:59.999999Z"
    assert (chosen.first_index, chosen.last_index) == (3, 5)


def test_one_string_is_the_same_as_many() -> None:
    assert parse_filter(["actor:an action:approved x"], NOW) == parse_filter(
        ["actor:an", "action:approved", "x"], NOW
    )
    assert parse_filter(['actor:"Lê B" x'], NOW).actor == "Lê B"


@pytest.mark.parametrize(
    ("word", "told"),
    [("acter:x", "actor:"), ("procedur:x", "procedure:"), ("ocurred:x", "occurred:")],
)
def test_unknown_key_names_the_nearest(word: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter([word], NOW)
    assert f"did you mean {told}" in caught.value.next_step
    assert all(f"{key}:" in caught.value.next_step for key in KEYS)


@pytest.mark.parametrize("word", ["index:x", "index:1..y"])
def test_bad_index(word: str) -> None:
    with pytest.raises(UsageError):
        parse_filter([word], NOW)
