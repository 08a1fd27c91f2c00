"""The home folder of a witness: made, and opened. The composition root of that service.

It holds `policy.txt` (the keys of the logs that it knows, and its own), `witness.sqlite` (what it
has cosigned) and `keys/`. It shares nothing with a ledger's home: a witness that runs where the log
runs protects from nobody who has both.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from consumers.bootstrap import KEYS_FOLDER, utc_now
from ledger.adapters.keys import KeyStore
from ledger.adapters.trust import sync_folder
from ledger.adapters.witness_store import WitnessStore
from ledger.app.submission import LedgerError
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.note import Algorithm
from ledger.core.policy import (
    Policy,
    PolicyError,
    PolicyGroup,
    PolicyLog,
    PolicyWitness,
    parse_policy,
)
from ledger.entry.note_keys import NoteSigner

if TYPE_CHECKING:
    from consumers.workers.witness import Witness

POLICY_FILE: Final = "policy.txt"
STORE_FILE: Final = "witness.sqlite"
KEY_NAME: Final = "note-witness"
_KEY: Final = Algorithm.COSIGNATURE_ED25519
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
"""A URL without its scheme, as the specification advises; it fits every file that it stands in."""


class WitnessHomeError(LedgerError):
    """A home that is taken, or a name that a witness cannot have."""

    code = "witness.home"


class OpenWitness(msgspec.Struct, frozen=True):
    """A witness's policy, keys and store. Close after use."""

    policy: Policy
    signers: tuple[NoteSigner, NoteSigner]
    store: WitnessStore

    @property
    def name(self) -> str:
        """The name that it cosigns under."""
        return self.signers[0].key.name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def witness(self) -> Witness:
        """The service over it, by the wall clock."""
        from consumers.workers.witness import Witness as Service  # noqa: PLC0415 - not needed to show it

        return Service(self.signers, self.policy.logs, self.store, utc_now)


def policy_lines(signers: Sequence[NoteSigner], url: str = "") -> str:
    """The lines about a witness that go into a log's policy; its quorum line is the log's own."""
    policy = _own_policy(signers, url)
    return policy.encode().decode().removesuffix(f"quorum {policy.quorum}\n")


def _own_policy(signers: Sequence[NoteSigner], url: str) -> Policy:
    """A witness's keys, of which either is enough.

    The URL stands with the first key alone: asked once, a witness gives all its cosignatures.
    """
    name = signers[0].key.name
    keys = [signer.key for signer in signers]
    names = (f"{name}/ed25519", f"{name}/ml-dsa-44")
    witnesses = (PolicyWitness(names[0], keys[0], url), PolicyWitness(names[1], keys[1]))
    return Policy(name, (), witnesses, (PolicyGroup(name, 1, names),))


def create_witness(home: Path, name: str, logs: Sequence[PolicyLog], url: str = "") -> OpenWitness:
    """Make a witness with new keys that knows `logs`; raises `WitnessHomeError`, `PolicyError`."""
    if _NAME.fullmatch(name) is None:
        msg = f"{name[:60]!r} is no name of a witness: a URL without its scheme, letters and digits"
        raise WitnessHomeError(msg, next_step="pal witness create witness.example/w1 …")
    if not logs:
        msg = "a witness must be told which logs it may cosign"
        raise WitnessHomeError(msg, next_step="--log VKEY, or --policy FILE with log lines")
    path = home / POLICY_FILE
    if path.exists() or (home / STORE_FILE).exists():
        msg = f"{home} is the home of a witness or a ledger already"
        raise WitnessHomeError(msg, next_step="choose another folder: --home DIR")
    home.mkdir(parents=True, exist_ok=True)
    signers = KeyStore(home / KEYS_FOLDER).create_note_key(KEY_NAME, name, _KEY)
    policy = msgspec.structs.replace(_own_policy(signers, url), log_lines=tuple(logs))
    data = policy.encode()
    store = WitnessStore.create(home / STORE_FILE)
    # Written last: a home with this file is whole.
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(home)
    return OpenWitness(policy, signers, store)


def open_witness(home: Path) -> OpenWitness:
    """The witness of a home; raises `FindingError`, `KeyStoreError`, `WitnessStoreError`."""
    path = home / POLICY_FILE
    policy = read_policy(path)
    if not policy.witnesses:
        raise _unreadable(path, "it names no witness: whose home is this?")
    name = policy.witnesses[0].key.name
    signers = KeyStore(home / KEYS_FOLDER).load_note_key(KEY_NAME, name, _KEY)
    keys = tuple(signer.key for signer in signers)
    if policy.cosigners != keys:
        raise _unreadable(path, "its witness lines are not the keys in the folder of keys")
    return OpenWitness(policy, signers, WitnessStore.open(home / STORE_FILE))


def read_policy(path: Path) -> Policy:
    """The policy in a file; raises `FindingError` (`policy.unreadable`)."""
    try:
        return parse_policy(path.read_bytes())
    except (OSError, PolicyError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, message: str) -> FindingError:
    finding = Finding(
        code="policy.unreadable",
        verdict=Verdict.INDETERMINATE,
        message=f"{path}: {message}",
        next_step="mend the line that is named, or restore the file from its backup",
    )
    return FindingError(finding)
