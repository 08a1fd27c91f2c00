"""Signatures of what callers send: verified beside the event loop, refused where they are false."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.bootstrap import OpenLedger, Settings
from consumers.creation import create_ledger
from consumers.demo.office import demo_actions
from ledger.app.signature_checks import SignatureChecks
from ledger.app.submission import RefusedError
from ledger.core.action import Action, encode_action
from ledger.entry.entry import Signature
from ledger.entry.signatures import KeyRing, SignatureError, SigningKey

SUBMITTED = [a for copy in range(2) for a in demo_actions(copy) if a.type.endswith(".submitted.v1")]
STRANGER = SigningKey("source", Ed25519PrivateKey.from_private_bytes(bytes(32)), "source")


class WatchedRing(KeyRing):
    """Notes on which threads signatures were verified."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def is_genuine(self, signature: Signature, root: bytes) -> bool:
        self.threads.add(threading.get_ident())
        return super().is_genuine(signature, root)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenLedger]:
    with create_ledger(Settings(tmp_path), "audit") as made:
        yield made


async def test_what_is_genuine_is_verified_once_and_on_other_threads() -> None:
    key = SigningKey("s", Ed25519PrivateKey.generate(), "source")
    ring = WatchedRing()
    ring.enrol(key.enrolled())
    bodies = [encode_action(action) for action in SUBMITTED]
    alone = [(body, key.sign([body])[0]) for body in bodies]
    together = list(zip(bodies, key.sign(bodies), strict=True))
    checks = SignatureChecks()
    await asyncio.gather(*(checks.verify_ahead(body, sigs, ring) for body, sigs in alone))
    assert ring.verifications == len(bodies)
    assert threading.get_ident() not in ring.threads
    for body, sigs in together:
        await checks.verify_ahead(body, sigs, ring)
    assert ring.verifications == len(bodies) + 1
    for body, sigs in alone + together:
        ring.check(body, sigs)
    assert ring.verifications == len(bodies) + 1
    assert threading.get_ident() not in ring.threads
    checks.close()
    checks.close()


def spoiled(sigs: tuple[Signature, ...]) -> list[tuple[Signature, ...]]:
    """The same signatures, each made false in another way."""
    (good,) = sigs
    changed = [
        {"sig": good.sig[::-1]},
        {"sig": "not base64"},
        {"sig": ""},
        {"key": "unknown"},
        {"size": 2},
        {"at": 1},
        {"path": (good.sig,)},
        {"path": ("€",)},
    ]
    return [(msgspec.structs.replace(good, **change),) for change in changed]


async def test_what_is_false_ends_the_wait_and_is_left_to_the_check() -> None:
    key = SigningKey("s", Ed25519PrivateKey.generate(), "source")
    ring = KeyRing()
    ring.enrol(key.enrolled())
    body = encode_action(SUBMITTED[0])
    checks = SignatureChecks()
    false = spoiled(key.sign([body])[0])
    waits = (checks.verify_ahead(body, sigs, ring) for sigs in false)
    await asyncio.wait_for(asyncio.gather(*waits), 10)
    assert ring.verifications == 0
    for sigs in false:
        with pytest.raises((SignatureError, ValueError)):
            ring.check(body, sigs)
    checks.close()


async def test_a_forged_signature_among_many_is_refused_and_nothing_of_it_recorded(
    opened: OpenLedger,
) -> None:
    key = opened.keys.load_signing_key("source")
    forger = SigningKey(key.id, STRANGER._private, "source")
    ledger = opened.application()

    async def send(place: int, action: Action) -> str:
        body = encode_action(action)
        signer = forger if place % 5 == 0 else key
        try:
            await ledger.append(body, signer.sign([body])[0])
        except RefusedError as error:
            return error.code
        return "recorded"

    answers = await asyncio.gather(*(send(*item) for item in enumerate(SUBMITTED)))
    assert set(answers[::5]) == {"signature.invalid"}
    for place, (answer, action) in enumerate(zip(answers, SUBMITTED, strict=True)):
        assert (answer == "recorded") == (place % 5 != 0)
        assert (ledger.dossier(action.stream) is not None) == (answer == "recorded")
    ledger.close()
