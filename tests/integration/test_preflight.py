"""What `pal` refuses at its start on a real broker: named with its remedy, and nothing written."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from consumers.cli.main import run
from ledger.adapters.kafka import create_log
from tests.integration.kafka_logs import make_genesis

pytestmark = pytest.mark.kafka

LOGS = 2
EVENTS = "case,activity,resource,timestamp\nD-1,Receive,an,2026-03-02T08:00:00Z\n"


class Home(NamedTuple):
    """A ledger of two logs, and a file to import into it."""

    folder: Path
    bootstrap: str
    topic: str
    file: Path

    def pal(self, *arguments: str, bootstrap: str = "") -> int:
        where = f"kafka://{bootstrap or self.bootstrap}/{self.topic}"
        return run([*arguments, "--home", str(self.folder), "--log", where])

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def set(self, name: str, value: str) -> None:
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(
            ConfigResource.Type.TOPIC, self.topic, incremental_configs=[entry]
        )
        admin = self.admin()
        admin.incremental_alter_configs([resource])[resource].result(10)

    def delete_topic(self) -> None:
        admin = self.admin()
        admin.delete_topics([self.topic])[self.topic].result(10)

    def ends(self) -> list[int]:
        """The offset behind the last record of each log."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "ends"})
        partitions = [TopicPartition(self.topic, number) for number in range(LOGS)]
        found = [consumer.get_watermark_offsets(item, timeout=10)[1] for item in partitions]
        consumer.close()
        return found


@pytest.fixture
def home(kafka_bootstrap: str, tmp_path: Path) -> Home:
    file = tmp_path / "events.csv"
    file.write_text(EVENTS, encoding="ascii")
    made = Home(tmp_path / "home", kafka_bootstrap, f"preflight-{secrets.token_hex(4)}", file)
    assert made.pal("log", "create", "--logs", str(LOGS)) == 0
    assert made.ends() == [1] * LOGS
    return made


def test_on_a_topic_as_it_must_be_the_import_goes_through_and_a_doubt_is_said_aloud(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert home.pal("import", str(home.file)) == 0
    assert sum(home.ends()) > LOGS
    assert home.pal("status") == 0
    assert "topic settings         ✓" in capsys.readouterr().out
    home.set("flush.messages", "1000")
    assert home.pal("status") == 0
    assert "a power cut may lose acknowledged actions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("cleanup.policy", "compact", "delete"),
        ("retention.ms", "604800000", "-1"),
        ("unclean.leader.election.enable", "true", "false"),
    ],
)
def test_a_wrong_setting_is_named_with_the_command_that_mends_it(
    home: Home, capsys: pytest.CaptureFixture[str], name: str, value: str, wanted: str
) -> None:
    home.set(name, value)
    assert home.pal("import", str(home.file)) == 5
    said = " ".join(capsys.readouterr().err.split())
    assert f"{name} is {value}, a ledger needs {wanted}; nothing was written" in said
    assert "kafka-configs.sh" in said
    assert f"--add-config {name}={wanted}" in said
    assert home.ends() == [1] * LOGS
    assert home.pal("status") == 0
    assert f"▲ topic {home.topic}: {name} is {value}" in capsys.readouterr().out
    home.set(name, wanted)
    assert home.pal("import", str(home.file)) == 0


def test_a_topic_that_is_missing_is_named_and_not_made(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.delete_topic()
    assert home.pal("import", str(home.file)) == 5
    said = capsys.readouterr().err
    assert f"no topic '{home.topic}'" in said
    assert "pal log create" in said
    assert home.topic not in home.admin().list_topics(timeout=10).topics


def test_a_topic_of_another_ledger_is_refused_for_writing_and_for_creating(
    home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    home.delete_topic()
    name = f"other-{home.topic}"
    create_log(home.bootstrap, home.topic, *(make_genesis(name, n, LOGS) for n in range(LOGS)))
    assert home.pal("import", str(home.file)) == 1
    said = capsys.readouterr().err
    assert "trust.genesis_mismatch" in said
    assert name in said
    stranger = home._replace(folder=tmp_path / "stranger")
    assert stranger.pal("log", "create", "--logs", str(LOGS)) == 5
    assert f"already holds {name}/0" in capsys.readouterr().err
    assert home.ends() == [1] * LOGS


def test_a_broker_that_cannot_be_reached_is_named(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert home.pal("import", str(home.file), bootstrap="127.0.0.1:1") == 5
    said = capsys.readouterr().err
    assert "no Kafka broker answers at 127.0.0.1:1" in said
    assert "check the address" in said
    assert home.ends() == [1] * LOGS
