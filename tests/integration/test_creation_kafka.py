"""Eight logs made in a topic: killed on the way and gone on with; a topic that does not fit."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from consumers.bootstrap import Settings, open_ledger
from consumers.cli.main import run
from consumers.creation import create_ledger
from ledger.adapters.kafka_admin import TopicExistsError, TopicSettingsError
from ledger.entry.entry import decode_entry

REPOSITORY = Path(__file__).parents[2]
LOGS = 8

pytestmark = pytest.mark.kafka


def first_records(settings: Settings) -> list[list[bytes | None]]:
    with open_ledger(settings) as opened:
        return [[record.data for record in reader.read(0, 9)] for reader in opened.readers]


def kill_while_creating(settings: Settings) -> list[str]:
    """Kill -9 as soon as the plan is on the disk; the plan, or [] where the creation was faster."""
    code = "from consumers.cli.main import main; main()"
    where = ["--home", str(settings.home), "--log", settings.log]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "log", "create", "--logs", str(LOGS), *where],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    plan: list[str] = []
    while process.poll() is None:
        try:
            plan = msgspec.json.decode(settings.plan_path.read_bytes(), type=list[str])
        except (FileNotFoundError, msgspec.DecodeError):
            time.sleep(0.001)
            continue
        process.send_signal(signal.SIGKILL)
        process.wait()
    return [] if settings.trust_path.exists() else plan


def test_a_creation_that_was_killed_goes_on_with_the_same_geneses(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    plan: list[str] = []
    settings = Settings(tmp_path)
    for attempt in range(5):
        topic = f"creation-{secrets.token_hex(4)}"
        settings = Settings(tmp_path / str(attempt), f"kafka://{kafka_bootstrap}/{topic}")
        plan = kill_while_creating(settings)
        if plan:
            break
    assert plan, "never caught between plan and trust"
    # A genesis that was on its way when the process died lands before, not behind its twin.
    time.sleep(1.0)
    where = ["--home", str(settings.home), "--log", settings.log]
    assert run(["log", "create", *where]) == 0
    assert not settings.plan_path.exists()
    assert first_records(settings) == [[text.encode()] for text in plan]
    assert run(["verify", *where]) == 0


def test_a_topic_that_does_not_fit_is_refused_and_nothing_is_written(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    address = f"kafka://{kafka_bootstrap}/fit-{secrets.token_hex(4)}"
    owner = Settings(tmp_path / "owner", address)
    create_ledger(owner, "owner", logs=3).close()
    before = first_records(owner)
    assert [decode_entry(records[0] or b"").seal.origin for records in before] == [
        f"owner/{number}" for number in range(3)
    ]
    for logs, error, said in (
        (8, TopicSettingsError, r"has 3 partitions, this ledger has 8 logs"),
        (3, TopicExistsError, r"already holds owner/0"),
    ):
        other = Settings(tmp_path / f"other-{logs}", address)
        with pytest.raises(error, match=said):
            create_ledger(other, "other", logs=logs)
        assert not other.trust_path.exists()
        assert not other.plan_path.exists()
    assert first_records(owner) == before
