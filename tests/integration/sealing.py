"""A ledger whose sealing is open, with a witness of its own or without."""

from __future__ import annotations

from pathlib import Path

from consumers.bootstrap import Settings, open_ledger
from consumers.creation import create_ledger
from consumers.sealing import open_sealing
from tests.integration.commands import pal
from tests.integration.witnesses import Served, serve

WITNESS = "witness.example/w1"


def opened(home: Path, logs: int = 1) -> Settings:
    """A new ledger named office, sealed without witnesses."""
    settings = Settings(home)
    with create_ledger(settings, "office", logs=logs) as ledger:
        _, failed = open_sealing(ledger)
        assert not failed
    return settings


def add_witness(settings: Settings, home: Path) -> Served:
    """Make a witness that knows this ledger, serve it, and ask for it from here on."""
    policy = settings.policy_path
    made = pal("witness", "create", WITNESS, "--home", home, "--policy", policy)
    assert made.returncode == 0, made.stderr
    served = serve(home)
    first, *rest = made.stdout.splitlines()
    lines = policy.read_text(encoding="utf-8").replace("quorum none\n", "")
    added = "".join(f"{line}\n" for line in (f"{first} {served.url}", *rest, f"quorum {WITNESS}"))
    policy.write_text(lines + added, encoding="utf-8")
    with open_ledger(settings) as ledger:
        _, failed = open_sealing(ledger)
        assert not failed
    return served
