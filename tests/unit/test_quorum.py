"""A quorum that two histories could both have is refused when sealing is opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.bootstrap import Settings, SettingsError
from consumers.creation import create_ledger
from consumers.sealing import WitnessNamed, open_sealing
from ledger.core.note import Algorithm
from ledger.entry.note_keys import NoteSigner


def witness(number: int) -> WitnessNamed:
    private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    signer = NoteSigner(f"w{number}.example", private, Algorithm.COSIGNATURE_ED25519)
    return WitnessNamed(f"w{number}", signer.key.text(), f"https://w{number}.example")


@pytest.mark.parametrize(("of", "least"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_more_than_half_of_the_witnesses_are_asked_for(tmp_path: Path, of: int, least: int) -> None:
    witnesses = [witness(number) for number in range(1, of + 1)]
    with create_ledger(Settings(tmp_path / "home"), "quorum") as ledger:
        for count in range(1, least):
            with pytest.raises(SettingsError, match="two histories could both have it") as refused:
                open_sealing(ledger, witnesses, count)
            assert f"--quorum {least}" in refused.value.next_step
            assert not ledger.settings.policy_path.exists()
        policy, failed = open_sealing(ledger, witnesses, least)
    assert failed == {}
    assert policy.is_quorum(policy.cosigners[:least])
    assert not policy.is_quorum(policy.cosigners[: least - 1])
