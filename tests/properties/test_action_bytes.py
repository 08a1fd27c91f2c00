"""Reading an action quickly and reading it step by step agree on every sequence of bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.action import (
    Action,
    ActionError,
    convert_action,
    decode_action,
    plain_id,
    read_action,
    stream_id,
)
from ledger.core.canonical import CanonicalError, decode_canonical, encode_canonical

ID = "0190b2c4-0000-7000-8000-000000000000"
BASE: dict[str, Any] = {
    "id": ID,
    "type": "dossier.approved.v1",
    "stream": "dossier:A",
    "occurred_at": {"at": "2026-03-02T01:00:00.000000Z", "precision": "second"},
    "actor": {"kind": "officer", "id": "an"},
    "data": {"note": "x", "count": 7},
}
VALUES = st.sampled_from(
    ["", "x", "ệ", 0, 7, 2**53, 2**64, True, [], ["x"], {}, {"a": 1}, {"ệ": "x"}, [[[[["x"]]]]]]
)
PLACES = st.sampled_from(
    [
        ("ledger",),
        ("corrects",),
        ("source",),
        ("unknown",),
        ("id",),
        ("stream",),
        ("actor", "unit"),
        ("actor", "kind"),
        ("data", "more"),
        ("data",),
        ("occurred_at", "at"),
    ]
)
EDITS = st.sampled_from(
    [
        (b"", b""),
        (b":7", b":7.0"),
        (b":7", b":1e3"),
        (b":7", b":-0"),
        (b":7", b":null"),
        (b":7", b":" + b"9" * 30),
        (b'"note"', b' "note"'),
        (b'"note":"x"', b'"note":"\\u0078"'),
        (b'"note":"x"', b'"note":"x","note":"x"'),
        (b'"note":"x"', b'"note":"\xff"'),
        (b'"kind":"officer"', b'"kind":"officer","unit":""'),
        (b'"note":"x"', b'"note":' + b"[" * 40 + b"]" * 40),
        (b"}", b""),
    ]
)


def step_by_step(data: bytes) -> Action | None:
    try:
        return convert_action(decode_canonical(data))
    except (CanonicalError, ActionError):
        return None


@given(st.lists(st.tuples(PLACES, VALUES), max_size=2), EDITS)
def test_both_ways_of_reading_agree(
    changes: list[tuple[tuple[str, ...], object]], edit: tuple[bytes, bytes]
):
    made = {**BASE, "actor": dict(BASE["actor"]), "data": dict(BASE["data"])}
    made["occurred_at"] = dict(BASE["occurred_at"])
    for place, value in changes:
        inner = made if len(place) == 1 else made[place[0]]
        if isinstance(inner, dict):
            inner[place[-1]] = value
    try:
        data = encode_canonical(made)
    except CanonicalError:
        # Numbers too long for canonical bytes are still written, as a bad client would.
        data = encode_canonical(BASE).replace(b":7", b":%d" % 2**64)
    data = data.replace(*edit, 1)
    expected = step_by_step(data)
    try:
        found = decode_action(data)
    except ActionError:
        found = None
    assert found == expected
    quick = read_action(data)
    assert expected is None or quick in (None, expected)
    if edit == (b"", b"") and not changes:
        assert quick == expected is not None


@given(st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable()))
def test_an_id_has_one_stream(name: str) -> None:
    stream = stream_id("dossier", name)
    assert plain_id(stream) == name
    assert decode_action(encode_canonical(BASE | {"stream": stream})).stream == stream


@pytest.mark.parametrize("name", ["%41", "a%2Fb", "%C3", "%FF", "A%7E", "%E1%BB%87%2D"])
def test_a_stream_with_a_needless_or_impossible_escape_is_refused(name: str) -> None:
    with pytest.raises(ActionError, match="does not escape what must be escaped"):
        decode_action(encode_canonical(BASE | {"stream": f"dossier:{name}"}))
