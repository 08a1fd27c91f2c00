"""`pal states` of several logs in Kafka: in two processes, with strays, against the projections."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from consumers import replaying
from consumers.cli.main import run
from consumers.demo.office import demo_actions
from ledger.core.action import encode_action
from projections.runtime import states

pytestmark = pytest.mark.kafka
LOGS = 3
Said = Callable[..., tuple[int, Any]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def answer(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = run([*words, "--format", "json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return answer


async def write_straight(bootstrap: str, topic: str, values: list[bytes | None]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for partition in range(LOGS):
            for value in values:
                await producer.send_and_wait(topic, value, key=b"x", partition=partition)


def test_they_are_those_of_the_projections_whatever_lies_between(
    tmp_path: Path, kafka_bootstrap: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = f"states-{secrets.token_hex(4)}"
    where = ["--home", str(tmp_path / "home"), "--log", f"kafka://{kafka_bootstrap}/{topic}"]
    actions = sorted(demo_actions(0), key=attrgetter("stream"))
    half = len(actions) // 2
    assert run(["log", "create", "--logs", str(LOGS), *where]) == 0
    for number, part in enumerate((actions[:half], actions[half:])):
        file = tmp_path / f"{number}.jsonl"
        file.write_bytes(b"".join(encode_action(action) + b"\n" for action in part))
        assert run(["import", str(file), *where]) == 0
        # What no writer of this ledger wrote: offsets and indexes go apart behind it.
        asyncio.run(write_straight(kafka_bootstrap, topic, [b"junk", None, b"{}"]))
    assert said("states", *where)[0] == 2

    code, verified = said("verify", *where)
    assert code == 0
    code, rebuilt = said("rebuild", *where)
    assert code == 0
    monkeypatch.setattr(states, "STEP_RECORDS", 7)
    here = said("states", *where)
    monkeypatch.setattr(replaying, "FEW_ENTRIES_MAX", 0)
    apart = said("states", *where)
    assert here == apart
    code, found = apart
    entries = sum(result["entries"] for result in verified["results"])
    assert (code, found["entries"], found["compared"]) == (0, entries, 40)
    assert found["digest"] == rebuilt["digests"]["dossier"]
    assert [log["size"] for log in found["logs"]] == [
        result["head"][0] for result in verified["results"]
    ]


def test_a_broker_that_is_gone_is_told(
    tmp_path: Path, kafka_bootstrap: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = f"states-{secrets.token_hex(4)}"
    home = tmp_path / "home"
    where = ["--home", str(home), "--log", f"kafka://{kafka_bootstrap}/{topic}"]
    assert run(["log", "create", "--logs", "2", *where]) == 0
    assert said("verify", *where)[0] == 0
    gone = ["--home", str(home), "--log", f"kafka://127.0.0.1:1/{topic}"]
    assert said("states", *gone)[0] == 5
    monkeypatch.setattr(replaying, "FEW_ENTRIES_MAX", 0)
    assert said("states", *gone)[0] == 5
    assert said("states", *where)[0] == 0
