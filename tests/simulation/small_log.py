"""A log for explorations: one key, one genesis, and submissions named by a letter."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.app.genesis import genesis_entry
from ledger.app.submission import SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.ids import uuid7_text
from ledger.entry.signatures import SigningKey

ORIGIN = "ledger.example/explored/0"
AT = "2026-03-02T08:00:00.000000Z"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")


def an_id(text: str) -> str:
    return uuid7_text(0, sha256(text.encode()).digest())


GENESIS = genesis_entry(
    ORIGIN.rpartition("/")[0], 0, 1, [KEY.enrolled()], KEY, an_id("genesis"), AT, "0" * 64
)


def submission(*names: str, expected: int | None = None) -> Submission:
    """Actions signed together, the first in `dossier:a`; `expected` is its version there."""
    bodies = []
    for name, place in zip(names, "abcdef", strict=False):
        action = Action(
            id=an_id(name),
            type="dossier.note_added.v1",
            stream=f"dossier:{place}",
            occurred_at=OccurredAt(AT, "second"),
            actor=Actor(kind="officer", id="C-0092"),
            data={"note": name},
        )
        bodies.append((action, encode_action(action)))
    sigs = KEY.sign([body for _, body in bodies])
    return Submission(
        tuple(
            SignedAction(
                action.id,
                action.stream,
                action.type,
                body,
                sigs[at],
                expected if at == 0 else None,
            )
            for at, (action, body) in enumerate(bodies)
        )
    )
