"""The judge of the fault runs, held against the vectors that the ledger itself is held against."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from scripts.faults import chain_rule

ROOT = Path(__file__).parents[2]
VECTORS: dict[str, Any] = json.loads(
    (ROOT / "tests" / "vectors" / "entry_vectors.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("vector", VECTORS["refuse"], ids=lambda item: item["name"])
def test_what_the_ledger_refuses_it_refuses(vector: dict[str, Any]) -> None:
    with pytest.raises((chain_rule.NotAnEntryError, chain_rule.NewerFormatError)):
        chain_rule.parse_entry(b64decode(vector["entry_b64"]))


def test_it_counts_what_the_vectors_count() -> None:
    records = [
        b64decode(item["record_b64"]) if item["record_b64"] else None
        for item in VECTORS["chain_rule"]
    ]
    partition = chain_rule.judge(VECTORS["origin"], enumerate(records))
    assert partition.size == VECTORS["size_after_chain_rule"]
    assert partition.head == VECTORS["head_after_chain_rule"]
    strays = [
        at for at, item in enumerate(VECTORS["chain_rule"]) if item["verdict"].startswith("stray")
    ]
    assert [offset for offset, _ in partition.strays] == strays


def test_it_imports_nothing_of_the_ledger() -> None:
    for name in ("chain_rule.py", "raw_partition.py"):
        text = (ROOT / "scripts" / "faults" / name).read_text(encoding="utf-8")
        assert not any(
            f"{word} {room}" in text
            for word in ("import", "from")
            for room in ("ledger", "consumers", "projections", "aiokafka")
        )
