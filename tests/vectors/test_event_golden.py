"""Golden bytes of every schema that ever landed: old entries mean for ever what they meant.

`event_golden.jsonl` says of each example what it decodes to, defaults included; both files grow and
never change. `scripts/golden_events.py` adds the lines of new examples.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest

from ledger.core.action import decode_action
from ledger.domain.events import EVENT_TYPES, decode_event
from ledger.domain.upcasting import upcast
from scripts.golden_events import EXAMPLES, GOLDEN, golden

LANDED = 132
"""So many lines of both files are pinned here by their hash; raise it, with the hashes, when more
have landed."""
EXAMPLES_SHA256 = "5c36b4decf33a134504de639b820f6d6c9761aab9a1db2c00eb46c3b64c92477"
GOLDEN_SHA256 = "26d17f43577c9e0868d2a2ae3313c4e1678e6abc78f65fc75cb7651838bdfd36"

EXAMPLE_LINES = EXAMPLES.read_bytes().splitlines(keepends=True)
GOLDEN_LINES = GOLDEN.read_bytes().splitlines(keepends=True)


def test_what_has_landed_is_not_changed_and_nothing_is_taken_out() -> None:
    for lines, pinned in ((EXAMPLE_LINES, EXAMPLES_SHA256), (GOLDEN_LINES, GOLDEN_SHA256)):
        assert len(lines) >= LANDED
        assert sha256(b"".join(lines[:LANDED])).hexdigest() == pinned


def test_every_example_has_its_golden_line() -> None:
    known = {msgspec.json.decode(line)["sha256"] for line in GOLDEN_LINES}
    missing = [
        decode_action(line.rstrip(b"\n")).type
        for line in EXAMPLE_LINES
        if sha256(line.rstrip(b"\n")).hexdigest() not in known
    ]
    assert missing == [], "run scripts/golden_events.py"
    assert {msgspec.json.decode(line)["type"] for line in GOLDEN_LINES} == set(EVENT_TYPES)


@pytest.mark.parametrize("place", range(len(GOLDEN_LINES)))
def test_old_bytes_decode_to_what_they_always_were(place: int) -> None:
    expected = msgspec.json.decode(GOLDEN_LINES[place])
    lines = {sha256(line.rstrip(b"\n")).hexdigest(): line.rstrip(b"\n") for line in EXAMPLE_LINES}
    found = golden(lines[expected["sha256"]])
    assert found["type"] == expected["type"]
    # Fields that joined the version since, and were left out, say nothing.
    assert {k: v for k, v in found["data"].items() if k in expected["data"]} == expected["data"]


@pytest.mark.parametrize("line", EXAMPLE_LINES)
def test_folds_can_take_whatever_landed(line: bytes) -> None:
    """Led to the newest version of its type, each example is an event of that version."""
    action = upcast(decode_action(line.rstrip(b"\n")))
    decode_event(action.type, action.data)
