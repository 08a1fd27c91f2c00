"""A ledger whose sealing is open, with a witness of its own or without."""

from __future__ import annotations

from pathlib import Path

from consumers.bootstrap import Settings, open_ledger
from consumers.creation import create_ledger
from consumers.sealing import open_sealing
from ledger.core.policy import parse_policy
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


def add_witness(settings: Settings, home: Path, name: str = WITNESS) -> Served:
    """Make a witness that knows this ledger, serve it, and have it asked from here on: any one of
    those that are named is enough."""
    path = settings.policy_path
    made = pal("witness", "create", name, "--home", home, "--policy", path)
    assert made.returncode == 0, made.stderr
    served = serve(home)
    before = parse_policy(path.read_bytes())
    lines = made.stdout.splitlines()
    added = "".join(f"{line}\n" for line in (f"{lines[0]} {served.url}", *lines[1:]))
    quorum = name
    if before.witnesses:
        quorum = f"any-with-{name}"
        added += f"group {quorum} any {before.quorum} {name}\n"
    kept = path.read_text(encoding="utf-8").replace(f"quorum {before.quorum}\n", "")
    path.write_text(f"{kept}{added}quorum {quorum}\n", encoding="utf-8")
    with open_ledger(settings) as ledger:
        _, failed = open_sealing(ledger)
        assert not failed
    return served
