"""How a client gets into a Kafka cluster: plain text, TLS, SASL/SCRAM, or a certificate of its own.

Secrets lie in files and are read at each connection, so that no secret stands in an environment, a
URL, an object's text or a log, and a new password takes effect without a restart.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from ledger.app.submission import LedgerError, UnavailableError

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256"]

SECURITY_NAMES: Final = (
    "SECURITY_PROTOCOL",
    "SASL_MECHANISM",
    "USERNAME",
    "PASSWORD_FILE",
    "CA_FILE",
    "CERT_FILE",
    "KEY_FILE",
)
"""The settings that `read_security` knows, behind whatever prefix the caller's variables have."""
_OF_SASL: Final = ("SASL_MECHANISM", "USERNAME", "PASSWORD_FILE")
_PROBE_MS: Final = 5_000
_OF_TLS: Final = ("CA_FILE", "CERT_FILE", "KEY_FILE")


class KafkaSecurityError(LedgerError):
    """A security setting that cannot be used; no connection was tried."""

    code = "settings.invalid"


class KafkaSecurity(msgspec.Struct, frozen=True):
    """One way in, for every client of a process: admin, producer, readers.

    Files are PEM; `ca_file` None means the system's authorities. The broker's name must be in its
    certificate: there is no way to leave that check out.
    """

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def has_sasl(self) -> bool:
        """Whether a password is asked for."""
        return self.protocol.startswith("SASL_")

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments of any aiokafka client; reads the files.

        Raises `KafkaSecurityError` where one cannot be read or used.
        """
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.has_tls:
            options["ssl_context"] = self._tls_context()
        if self.has_sasl:
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self._password()
        return options

    def _password(self) -> str:
        path = self.password_file or Path()
        try:
            password = path.read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise _unusable("password file", path, error) from error
        if not password:
            raise _unusable("password file", path, "it is empty")
        return password

    def _tls_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise _unusable("CA file", self.ca_file, error) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert_file is not None:
            try:
                # Without a password OpenSSL would ask for one on the terminal.
                context.load_cert_chain(self.cert_file, self.key_file, password="")
            except OSError as error:
                raise _unusable("certificate or its key", self.cert_file, error) from error
        return context


PLAINTEXT: Final = KafkaSecurity()


class KafkaAccessError(UnavailableError):
    """The cluster answers, but does not let this client in; nothing was written."""

    code = "kafka.access_denied"


def not_allowed(topic: str, operation: str, security: KafkaSecurity) -> KafkaAccessError:
    """The error for an account to which the topic's ACL denies an operation."""
    name = security.username or "ANONYMOUS"
    return KafkaAccessError(
        f"account {name!r} has no right to {operation} topic {topic}; nothing was written",
        next_step=f"kafka-acls.sh --add --allow-principal User:{name} --operation {operation} "
        f"--topic {topic}",
    )


async def why_refused(bootstrap: str, security: KafkaSecurity) -> KafkaAccessError | None:
    """Why the brokers do not let this client in; None where none of them answers at all.

    aiokafka's own bootstrap logs the reason and drops it.
    """
    options = security.client_options()
    way = security.protocol + (f" as {security.username!r}" if security.has_sasl else "")
    found = None
    for host, port, _ in collect_hosts(bootstrap):
        place = f"{host}:{port}"
        try:
            made = create_conn(host, port, request_timeout_ms=_PROBE_MS, **options)
            connection = await made
            try:
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
        except ssl.SSLError as error:
            return KafkaAccessError(
                f"no TLS with the broker at {place} ({way}): {error}; nothing was written",
                next_step="check the security protocol, that the CA file holds the authority of "
                "the broker's certificate, and that the certificate names this host",
            )
        except SaslAuthenticationFailed as error:
            return KafkaAccessError(
                f"the broker at {place} refused {way}, {security.mechanism}: {error}; nothing was "
                "written",
                next_step="check user name and password file; kafka-configs.sh --alter "
                f"--entity-type users --entity-name {security.username} --add-config "
                f"'{security.mechanism}=[password=…]' sets the password",
            )
        except UnsupportedSaslMechanismError:
            return KafkaAccessError(
                f"the broker at {place} has not enabled {security.mechanism}; nothing was written",
                next_step="set the mechanism to one that the broker has enabled",
            )
        except (KafkaError, ConnectionResetError, EOFError) as error:
            found = KafkaAccessError(
                f"the broker at {place} ends the connection ({way}): {error!r}; nothing was "
                "written",
                next_step="check that the security protocol is that of this listener, and that the "
                "broker is not just stopping",
            )
        except OSError:
            continue  # nobody there, no such name, no answer in time
    return found


def read_security(values: Mapping[str, str], prefix: str = "") -> KafkaSecurity:
    """The security that settings of the names in `SECURITY_NAMES` describe; "" counts as not set.

    `prefix` stands before the names in messages. Raises `KafkaSecurityError`: also for a setting
    that the protocol would ignore, since whoever set it believes that it protects something.
    """
    given = {name: values.get(name, "") for name in SECURITY_NAMES}
    protocol = _one_of(prefix, "SECURITY_PROTOCOL", given, get_args(Protocol))
    mechanism = _one_of(prefix, "SASL_MECHANISM", given, get_args(Mechanism))
    paths = {name: Path(given[name]) if given[name] else None for name in given}
    security = KafkaSecurity(
        protocol,
        mechanism,
        given["USERNAME"],
        paths["PASSWORD_FILE"],
        paths["CA_FILE"],
        paths["CERT_FILE"],
        paths["KEY_FILE"],
    )
    for is_used, names, kind in (
        (security.has_sasl, _OF_SASL, "SASL_SSL"),
        (security.has_tls, _OF_TLS, "SSL or SASL_SSL"),
    ):
        idle = next((name for name in names if given[name]), None)
        if idle is not None and not is_used:
            msg = f"{prefix}{idle} is set, but {prefix}SECURITY_PROTOCOL is {protocol}: not used"
            raise KafkaSecurityError(msg, next_step=f"{prefix}SECURITY_PROTOCOL={kind}")
    needed = ["USERNAME", "PASSWORD_FILE"] if security.has_sasl else []
    if given["CERT_FILE"] or given["KEY_FILE"]:
        needed += ["CERT_FILE", "KEY_FILE"]
    missing = next((name for name in needed if not given[name]), None)
    if missing is not None:
        msg = f"{prefix}{missing} is not set"
        raise KafkaSecurityError(msg, next_step=f"set {prefix}{missing}")
    return security


def _one_of(prefix: str, name: str, given: Mapping[str, str], allowed: tuple[str, ...]) -> Any:
    value = given[name] or allowed[0]
    if value not in allowed:
        msg = f"{prefix}{name} is {value!r}, wanted one of {', '.join(allowed)}"
        raise KafkaSecurityError(msg, next_step=f"{prefix}{name}={allowed[0]}")
    return value


def _unusable(what: str, path: Path | None, why: object) -> KafkaSecurityError:
    return KafkaSecurityError(
        f"the {what} {path or 'of the system'} cannot be used: {why}",
        next_step="check the path, its permissions, and that it is PEM text without a passphrase",
    )
