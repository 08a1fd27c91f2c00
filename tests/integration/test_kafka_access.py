"""A real broker with TLS, SASL/SCRAM and ACLs: every way in, and every door that stays shut."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from consumers.workers.writer import Writer
from ledger.adapters.kafka import KafkaLog, KafkaReader, create_log
from ledger.adapters.kafka_admin import preflight
from ledger.adapters.kafka_group import group_name
from ledger.adapters.kafka_security import KafkaAccessError, KafkaSecurity
from ledger.app.submission import Recorded, UnavailableError
from ledger.core.merkle import leaf_hash
from tests.integration.certificates import Authority
from tests.integration.conftest import running_broker
from tests.integration.kafka_logs import KEY, TestLog, make_genesis, one

pytestmark = pytest.mark.kafka

REPOSITORY = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse"
PROPERTIES = """
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.mtls.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config={login}
listener.name.clear.scram-sha-512.sasl.jaas.config={login}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:CN=pal-admin
auto.create.topics.enable=true
"""
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
LISTENERS = {"TLS": "SSL", "MTLS": "SSL", "SCRAM": "SASL_SSL", "CLEAR": "SASL_PLAINTEXT"}
WRITER_RIGHTS = ("WRITE", "READ", "DESCRIBE", "DESCRIBE_CONFIGS")
READER_RIGHTS = ("READ", "DESCRIBE")
LOOKER_RIGHTS = ("READ", "DESCRIBE", "DESCRIBE_CONFIGS")


def open_admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


class Secured(NamedTuple):
    """The addresses of the broker's listeners, and what its clients hold."""

    folder: Path
    authority: Authority
    client: tuple[Path, Path]
    password_file: Path

    def address(self, listener: str = "") -> str:
        file = f"bootstrap-{listener}" if listener else "bootstrap"
        return (self.folder / file).read_text(encoding="ascii").strip()

    def scram(self, username: str, protocol: str = "SASL_SSL") -> KafkaSecurity:
        ca_file = self.authority.ca_file if protocol == "SASL_SSL" else None
        return KafkaSecurity(
            protocol, username=username, password_file=self.password_file, ca_file=ca_file
        )

    def new_log(self) -> TestLog:
        """A log made through the open door of whoever runs the broker, with the recipe's ACLs."""
        topic = f"secured-{secrets.token_hex(4)}"
        genesis = make_genesis(topic)
        create_log(self.address(), topic, genesis)
        admin = open_admin(self.address())
        rights = {
            "pal-writer": WRITER_RIGHTS,
            "pal-reader": READER_RIGHTS,
            "pal-looker": LOOKER_RIGHTS,
        }
        bindings = [
            AclBinding(
                ResourceType.TOPIC,
                topic,
                ResourcePatternType.LITERAL,
                f"User:{account}",
                "*",
                AclOperation[operation],
                AclPermissionType.ALLOW,
            )
            for account, operations in rights.items()
            for operation in operations
        ]
        group = AclBinding(
            ResourceType.GROUP,
            group_name(topic),
            ResourcePatternType.LITERAL,
            "User:pal-writer",
            "*",
            AclOperation.READ,
            AclPermissionType.ALLOW,
        )
        for future in admin.create_acls([*bindings, group]).values():
            future.result(10)
        return TestLog(self.address(), topic, f"{topic}/0", genesis)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder, "authority")
    cert_file, key_file = authority.issue("broker", address="127.0.0.1")
    keystore = folder / "keystore.pem"
    keystore.write_bytes(key_file.read_bytes() + cert_file.read_bytes())
    properties = folder / "more.properties"
    properties.write_text(
        PROPERTIES.format(keystore=keystore, ca=authority.ca_file, login=LOGIN), encoding="ascii"
    )
    password_file = folder / "password"
    password_file.write_text(f"{PASSWORD}\n", encoding="ascii")
    listeners = [f"--listener={name}={protocol}" for name, protocol in LISTENERS.items()]
    with running_broker(folder / "kafka", *listeners, f"--properties={properties}") as bootstrap:
        admin = open_admin(bootstrap)
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        users = [
            UserScramCredentialUpsertion(name, info, PASSWORD.encode())
            for name in ("pal-writer", "pal-reader", "pal-looker", "pal-nobody")
        ]
        for future in admin.alter_user_scram_credentials(users).values():
            future.result(10)
        client = authority.issue("pal-admin")
        yield Secured(folder / "kafka", authority, client, password_file)


def open_at(log: TestLog, address: str, security: KafkaSecurity) -> KafkaLog:
    leaf = leaf_hash(log.genesis).hex()
    return KafkaLog.open(address, log.topic, log.origin, leaf, KEY, security=security)


def ways_in(secured: Secured) -> dict[str, KafkaSecurity]:
    ca_file = secured.authority.ca_file
    return {
        "TLS": KafkaSecurity("SSL", ca_file=ca_file),
        "MTLS": KafkaSecurity(
            "SSL", ca_file=ca_file, cert_file=secured.client[0], key_file=secured.client[1]
        ),
        "SCRAM": secured.scram("pal-writer"),
        "CLEAR": secured.scram("pal-writer", "SASL_PLAINTEXT"),
    }


@pytest.mark.parametrize("listener", LISTENERS)
def test_every_client_comes_in_by_every_way(secured: Secured, listener: str) -> None:
    log = secured.new_log()
    security = ways_in(secured)[listener]
    writer = open_at(log, secured.address(listener), security)
    assert isinstance(writer.submit([one("dossier:a", 1)])[0], Recorded)
    writer.close()
    reader = KafkaReader.open(secured.address(listener), log.topic, log.origin, security)
    assert len(reader.read(0, 10)) == 3
    reader.close()


def closed_doors(secured: Secured) -> dict[str, tuple[str, KafkaSecurity, str]]:
    """Name → listener's address, the wrong way in, what the refusal says."""
    good = secured.scram("pal-writer")
    wrong = secured.folder / "wrong-password"
    wrong.write_text("hunter2", encoding="ascii")
    stranger = Authority(secured.folder, "stranger")
    scram, tls = secured.address("SCRAM"), KafkaSecurity("SSL", ca_file=good.ca_file)
    port = secured.address("TLS").partition(":")[2]
    return {
        "wrong password": (
            scram,
            KafkaSecurity(
                "SASL_SSL", username="pal-writer", password_file=wrong, ca_file=good.ca_file
            ),
            "refused SASL_SSL as 'pal-writer'",
        ),
        "unknown user": (scram, secured.scram("stranger"), "refused SASL_SSL as 'stranger'"),
        "other mechanism": (
            scram,
            KafkaSecurity(
                "SASL_SSL",
                "SCRAM-SHA-256",
                username="pal-writer",
                password_file=good.password_file,
                ca_file=good.ca_file,
            ),
            "SCRAM-SHA-256",
        ),
        "foreign authority": (
            scram,
            KafkaSecurity(
                "SASL_SSL",
                username="pal-writer",
                password_file=good.password_file,
                ca_file=stranger.ca_file,
            ),
            "CERTIFICATE_VERIFY_FAILED",
        ),
        "other host": (f"localhost:{port}", tls, "Hostname mismatch"),
        "no certificate": (secured.address("MTLS"), tls, "no TLS|ends the connection"),
        "plain text to TLS": (secured.address("TLS"), KafkaSecurity(), "ends the connection"),
        "TLS to plain text": (secured.address(), tls, "no TLS|ends the connection"),
        "plain text to SASL": (secured.address("CLEAR"), KafkaSecurity(), "ends the connection"),
    }


DOORS = (
    "wrong password",
    "unknown user",
    "other mechanism",
    "foreign authority",
    "other host",
    "no certificate",
    "plain text to TLS",
    "TLS to plain text",
    "plain text to SASL",
)


@pytest.mark.parametrize("door", DOORS)
def test_a_shut_door_is_named_and_nothing_is_written(secured: Secured, door: str) -> None:
    log = secured.new_log()
    address, security, said = closed_doors(secured)[door]
    with pytest.raises(KafkaAccessError, match=said) as caught:
        open_at(log, address, security)
    assert "nothing was written" in str(caught.value)
    assert caught.value.next_step
    assert "hunter2" not in str(caught.value) + caught.value.next_step
    with pytest.raises(KafkaAccessError, match=said):
        create_log(address, f"{log.topic}-new", log.genesis, security=security)
    assert len(log.records()) == 1


def test_the_recipe_lets_writers_write_and_readers_read_and_nobody_else(secured: Secured) -> None:
    log = secured.new_log()
    address = secured.address("SCRAM")
    reader = KafkaReader.open(address, log.topic, log.origin, secured.scram("pal-reader"))
    assert len(reader.read(0, 10)) == 1
    reader.close()
    for account, missing in (("pal-reader", "DescribeConfigs"), ("pal-looker", "Write")):
        no_writer = open_at(log, address, secured.scram(account))
        assert no_writer.head().size == 1
        with pytest.raises(KafkaAccessError, match=f"'{account}' has no right to {missing} topic"):
            no_writer.submit([one("dossier:a", 1)])
        no_writer.close()
    nobody = secured.scram("pal-nobody")
    with pytest.raises(KafkaAccessError, match="'pal-nobody' has no right to Describe") as caught:
        open_at(log, address, nobody)
    assert f"--operation Describe --topic {log.topic}" in caught.value.next_step
    with pytest.raises(KafkaAccessError, match="no right to Create"):
        create_log(address, f"{log.topic}-new", log.genesis, security=nobody)
    assert len(log.records()) == 1


def test_looking_for_a_topic_makes_none_though_the_broker_would(secured: Secured) -> None:
    log = secured.new_log()
    missing = log._replace(topic=f"{log.topic}-missing", origin=f"{log.topic}-missing/0")
    for refused in (
        lambda: open_at(missing, secured.address(), KafkaSecurity()),
        lambda: asyncio.run(preflight(secured.address(), missing.topic)),
    ):
        with pytest.raises(UnavailableError, match="no topic"):
            refused()
    assert missing.topic not in open_admin(secured.address()).list_topics(timeout=10).topics


async def test_a_writer_service_needs_the_right_to_its_group(secured: Secured) -> None:
    log = await asyncio.to_thread(secured.new_log)
    address, leaf = secured.address("SCRAM"), leaf_hash(log.genesis).hex()

    async def start(account: str) -> Writer:
        security = secured.scram(account)

        async def open_log(number: int) -> KafkaLog:
            origin = f"{log.topic}/{number}"
            return await KafkaLog.serve_here(
                address, log.topic, origin, leaf, KEY, security=security
            )

        return await Writer.start(address, log.topic, open_log, security=security)

    writer = await start("pal-writer")
    assert isinstance(await writer.append(0, one("dossier:a", 1)), Recorded)
    await writer.stop()
    with pytest.raises(UnavailableError, match="GroupAuthorization") as caught:
        await start("pal-looker")
    assert f"Read group {group_name(log.topic)}" in caught.value.next_step


def test_the_command_line_takes_it_from_the_environment(secured: Secured, tmp_path: Path) -> None:
    topic = f"secured-{secrets.token_hex(4)}"
    where = ["--home", str(tmp_path), "--log", f"kafka://{secured.address('MTLS')}/{topic}"]
    environment = {
        "PAL_KAFKA_SECURITY_PROTOCOL": "SSL",
        "PAL_KAFKA_CA_FILE": str(secured.authority.ca_file),
        "PAL_KAFKA_CERT_FILE": str(secured.client[0]),
        "PAL_KAFKA_KEY_FILE": str(secured.client[1]),
    }

    def pal(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        code = "from consumers.cli.main import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments, *where],
            env={"PYTHONPATH": str(REPOSITORY), **environment, **changed},
            capture_output=True,
            text=True,
            check=False,
        )

    created = pal("log", "create", "--logs", "1")
    assert created.returncode == 0, created.stderr
    assert pal("verify").returncode == 0
    refused = pal("verify", PAL_KAFKA_CA_FILE="", PAL_KAFKA_SECURITY_PROTOCOL="PLAINTEXT")
    assert refused.returncode == 3
    assert "PAL_KAFKA_CERT_FILE is set" in refused.stderr
