"""On three real brokers: the topic that a ledger gets there, and one short fault run."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ledger.adapters.kafka import create_log
from ledger.adapters.kafka_admin import TopicSettingsError
from ledger.app.submission import Recorded, UnavailableError
from tests.integration.conftest import REPOSITORY, run_script, running_broker
from tests.integration.kafka_logs import make_genesis, new_log, one

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    found = tmp_path_factory.mktemp("three")
    with running_broker(found, "--brokers", "3"):
        yield found


@pytest.fixture
def bootstrap(folder: Path) -> str:
    return run_script("status", folder=folder).stdout.strip()


def describe(bootstrap: str, topic: str) -> tuple[int, dict[str, str]]:
    """Replicas and settings of a topic."""

    async def ask() -> tuple[int, dict[str, str]]:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        (found,) = await admin.describe_topics([topic])
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        (response,) = await admin.describe_configs([resource])
        await admin.close()
        settings = {entry[0]: entry[1] for entry in response.resources[0][4]}
        return len(found["partitions"][0]["replicas"]), settings

    return asyncio.run(ask())


def test_a_log_has_three_replicas_and_needs_two(bootstrap: str) -> None:
    assert bootstrap.count(",") == 2
    log = new_log(bootstrap)
    replicas, settings = describe(bootstrap, log.topic)
    assert replicas == 3
    assert settings["min.insync.replicas"] == "2"
    # Two other disks take the place of the one that is synced at each append.
    assert settings["flush.messages"] != "1"
    writer = log.open()
    assert isinstance(writer.submit([one("dossier:a", 1)])[0], Recorded)
    assert writer.warning == ""
    writer.close()
    lower(bootstrap, log.topic, settings)
    opened = log.open()
    with pytest.raises(TopicSettingsError, match=r"min.insync.replicas is 1, a ledger needs 2"):
        opened.submit([one("dossier:a", 2)])
    opened.close()
    assert len(log.records()) == 3


def lower(bootstrap: str, topic: str, settings: dict[str, str]) -> None:
    """One replica decides: whatever it takes in is acknowledged."""

    async def alter() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        changed = {**settings, "min.insync.replicas": "1"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, changed)])
        await admin.close()

    asyncio.run(alter())


def test_with_one_broker_down_no_log_is_made_that_would_have_one_replica_for_ever(
    folder: Path, bootstrap: str
) -> None:
    assert run_script("stop", "--broker", "3", folder=folder).returncode == 0
    try:
        with pytest.raises(UnavailableError, match="shows 2 brokers") as caught:
            create_log(bootstrap, "while-one-is-down", make_genesis("while-one-is-down"))
        assert "third broker" in caught.value.next_step
    finally:
        assert run_script("start", "--broker", "3", folder=folder).returncode == 0


def test_a_writer_that_is_killed_thrice_under_load_loses_nothing(
    folder: Path, bootstrap: str, tmp_path: Path
) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "scripts/faults", "--folder", str(folder), "--keep"]
    options = ["--kind", "writer-killed", "--runs", "1", "--callers", "16", "--json", str(figures)]
    done = subprocess.run(
        [*command, *options], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads(figures.read_text(encoding="utf-8"))["rows"]
    assert row["acknowledged"] > 100
    assert row["sessions"] >= 4
    assert row["lost"] == row["doubled"] == row["misplaced"] == 0
