"""How a client gets into a cluster: from settings to options, and no secret on the way."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from consumers.bootstrap import Settings, SettingsError, kafka_security
from ledger.adapters.kafka_security import (
    PLAINTEXT,
    KafkaSecurity,
    KafkaSecurityError,
    read_security,
)

SASL = {"SECURITY_PROTOCOL": "SASL_SSL", "USERNAME": "writer", "PASSWORD_FILE": "p"}


def test_without_settings_it_is_plain_text() -> None:
    assert read_security({}) == PLAINTEXT
    assert PLAINTEXT.client_options() == {"security_protocol": "PLAINTEXT"}


def test_scram_reads_its_password_at_each_connection(tmp_path: Path) -> None:
    password = tmp_path / "password"
    security = read_security({**SASL, "PASSWORD_FILE": str(password)})
    assert security.mechanism == "SCRAM-SHA-512"
    for secret in ("first", "second"):
        password.write_text(f"{secret}\n")
        options = security.client_options()
        assert options["sasl_plain_username"] == "writer"
        assert options["sasl_plain_password"] == secret
        assert secret not in repr(security)


def test_tls_always_checks_the_brokers_name() -> None:
    context = read_security({"SECURITY_PROTOCOL": "SSL"}).client_options()["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"SECURITY_PROTOCOL": "TLS"}, "X_SECURITY_PROTOCOL is 'TLS'"),
        ({**SASL, "SASL_MECHANISM": "PLAIN"}, "X_SASL_MECHANISM is 'PLAIN'"),
        ({**SASL, "USERNAME": ""}, "X_USERNAME is not set"),
        ({**SASL, "PASSWORD_FILE": ""}, "X_PASSWORD_FILE is not set"),
        ({"USERNAME": "writer"}, "X_USERNAME is set, but X_SECURITY_PROTOCOL is PLAINTEXT"),
        ({"SECURITY_PROTOCOL": "SSL", "PASSWORD_FILE": "p"}, "X_PASSWORD_FILE is set, but"),
        ({**SASL, "SECURITY_PROTOCOL": "SASL_PLAINTEXT", "CA_FILE": "c"}, "X_CA_FILE is set, but"),
        ({"SECURITY_PROTOCOL": "SSL", "CERT_FILE": "c"}, "X_KEY_FILE is not set"),
        ({"SECURITY_PROTOCOL": "SSL", "KEY_FILE": "k"}, "X_CERT_FILE is not set"),
    ],
)
def test_a_setting_that_cannot_be_used_or_would_be_ignored_is_refused(
    given: dict[str, str], said: str
) -> None:
    with pytest.raises(KafkaSecurityError) as caught:
        read_security(given, "X_")
    assert said in str(caught.value)
    assert "X_" in caught.value.next_step


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    empty, missing = tmp_path / "empty", tmp_path / "missing"
    empty.write_text("\n")
    for security in (
        KafkaSecurity("SASL_PLAINTEXT", username="u", password_file=empty),
        KafkaSecurity("SASL_PLAINTEXT", username="u", password_file=missing),
        KafkaSecurity("SSL", ca_file=empty),
        KafkaSecurity("SSL", ca_file=missing),
        KafkaSecurity("SSL", cert_file=missing, key_file=missing),
    ):
        with pytest.raises(KafkaSecurityError) as caught:
            security.client_options()
        assert str(empty) in str(caught.value) or str(missing) in str(caught.value)


def test_a_key_with_a_passphrase_is_refused_and_asks_nobody(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "writer")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    ).sign(key, hashes.SHA256())
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    for encryption, is_usable in (
        (serialization.NoEncryption(), True),
        (serialization.BestAvailableEncryption(b"secret"), False),
    ):
        encoded = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        key_file.write_bytes(encoded)
        security = KafkaSecurity("SSL", cert_file=cert_file, key_file=key_file)
        if is_usable:
            assert "ssl_context" in security.client_options()
            continue
        with pytest.raises(KafkaSecurityError, match="cannot be used"):
            security.client_options()


def test_the_environment_is_read_behind_its_prefix() -> None:
    environment = {f"PAL_KAFKA_{name}": value for name, value in SASL.items()}
    assert kafka_security(environment).username == "writer"
    assert kafka_security({"SECURITY_PROTOCOL": "SSL"}) == PLAINTEXT
    with pytest.raises(SettingsError, match="PAL_KAFKA_USERNAME is set"):
        kafka_security({"PAL_KAFKA_USERNAME": "writer"})


def test_an_account_in_the_address_is_refused_without_being_repeated() -> None:
    settings = Settings(Path(), "kafka://writer:hunter2@127.0.0.1:9092/ledger")
    with pytest.raises(SettingsError) as caught:
        _ = settings.kafka
    assert "hunter2" not in str(caught.value) + caught.value.next_step
    assert "PAL_KAFKA_PASSWORD_FILE" in caught.value.next_step
