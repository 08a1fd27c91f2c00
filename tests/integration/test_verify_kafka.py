"""`pal verify` of two logs in Kafka, read in parts by other processes, sealed and unsealed."""

from __future__ import annotations

import json
import secrets
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from consumers.cli.main import run
from consumers.demo.office import demo_actions
from ledger.adapters import verify_log, verify_process
from ledger.core.action import encode_action

pytestmark = pytest.mark.kafka


def test_parts_and_single_records_give_the_same(
    tmp_path: Path,
    kafka_bootstrap: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = f"verify-{secrets.token_hex(4)}"
    where = ["--home", str(tmp_path / "home"), "--log", f"kafka://{kafka_bootstrap}/{topic}"]
    file = tmp_path / "office.jsonl"
    actions = sorted(demo_actions(0), key=attrgetter("stream"))
    file.write_bytes(b"".join(encode_action(action) + b"\n" for action in actions))
    assert run(["log", "create", "--logs", "2", *where]) == 0
    assert run(["import", str(file), *where]) == 0

    def verify() -> dict[str, Any]:
        capsys.readouterr()
        assert run(["verify", "--format", "json", *where]) == 0
        value: dict[str, Any] = json.loads(capsys.readouterr().out)
        value.pop("heads_compared")
        for result in value["results"]:
            # A head that the first run noted is one more to compare with.
            result["steps"] = [s for s in result["steps"] if s["title"] != "heads seen before"]
        return value

    one_by_one = verify()
    monkeypatch.setattr(verify_process, "FEW_ENTRIES_MAX", 0)
    monkeypatch.setattr(verify_process, "PART_ENTRIES", 40)
    monkeypatch.setattr(verify_process, "processes", lambda: 2)
    monkeypatch.setattr(verify_log, "READ_RECORDS_MAX", 30)
    assert verify() == one_by_one
    assert sum(result["entries"] for result in one_by_one["results"]) > len(actions)
