"""Each rule, duty, event and generator item of DOMAIN.md is named where it is built and tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IDS = (
    *(f"D{n}" for n in range(1, 17)),
    *(f"L{n}" for n in range(1, 25)),
    *(f"E{n:02}" for n in (*range(1, 54), *range(60, 68), *range(70, 78))),
    *(f"G{n}" for n in range(1, 9)),
)
_ID = re.compile(r"\b[DLEG][0-9]{1,2}\b")
_RANGE = re.compile(r"\b([DLEG])([0-9]{1,2}) to \1([0-9]{1,2})\b")


def named(*folders: str) -> set[str]:
    """The ids in the sources below some folders; `E60 to E66` names each of them."""
    found: set[str] = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".toml", ".txt"} and path.name != "test_ids.py":
                text = path.read_text(encoding="utf-8")
                found |= set(_ID.findall(text))
                for letter, first, last in _RANGE.findall(text):
                    digits = len(first)
                    numbers = range(int(first), int(last) + 1)
                    found |= {f"{letter}{number:0{digits}}" for number in numbers}
    return found


@pytest.mark.parametrize("folders", [("ledger", "consumers"), ("tests",)])
def test_every_id_of_the_domain_is_named(folders: tuple[str, ...]) -> None:
    found = named(*folders)
    assert [name for name in IDS if name not in found] == []
