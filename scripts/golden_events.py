#!/usr/bin/env python3
"""Keep tests/vectors/event_golden.jsonl: what each example of an event decodes to, for ever.

.venv/bin/python scripts/golden_events.py     adds a line for each example that has none

A line that is there is never changed: where software decodes an example to something else, the
software is wrong, or the type needs a next version and an upcast (ledger/domain/upcasting.py).
"""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ledger.core.action import decode_action
from ledger.domain.events import decode_event

VECTORS = Path(__file__).resolve().parent.parent / "tests" / "vectors"
EXAMPLES = VECTORS / "event_examples.jsonl"
GOLDEN = VECTORS / "event_golden.jsonl"


def whole(value: Any) -> Any:
    """A decoded value with the fields that were left out at their defaults, as plain values."""
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return {k: whole(v) for k, v in fields.items() if v is not msgspec.UNSET}
    if isinstance(value, (list, tuple)):
        return [whole(item) for item in value]
    return value


def golden(line: bytes) -> dict[str, Any]:
    """What the example in `line` is: its hash, its type, and its data as that type reads it."""
    action = decode_action(line)
    return {
        "sha256": sha256(line).hexdigest(),
        "type": action.type,
        "data": whole(decode_event(action.type, action.data)),
    }


def main() -> int:
    """Add what is missing; gives the exit code."""
    known = GOLDEN.read_bytes().splitlines() if GOLDEN.is_file() else []
    hashes = {msgspec.json.decode(line)["sha256"] for line in known}
    made = [golden(line) for line in EXAMPLES.read_bytes().splitlines()]
    new = [msgspec.json.encode(item) for item in made if item["sha256"] not in hashes]
    GOLDEN.write_bytes(b"".join(line + b"\n" for line in (*known, *new)))
    print(f"{GOLDEN.name}: {len(known)} lines, {len(new)} added")
    return 0


if __name__ == "__main__":
    sys.exit(main())
