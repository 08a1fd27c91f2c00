"""E48: what was tried on a dossier and refused is recorded, once, and nothing of what it held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from consumers.bootstrap import OpenLedger, Settings
from consumers.creation import create_ledger
from ledger.adapters.sqlite_verify import verify_file
from ledger.app import attempts
from ledger.app.router import LedgerRouter
from ledger.app.submission import RefusedError
from ledger.core.action import Action, decode_action, encode_action
from ledger.core.canonical import encode_canonical
from ledger.core.findings import Verdict
from ledger.domain.events import decode_event
from ledger.entry.entry import Entry, Signature, decode_entry
from ledger.entry.signatures import SigningKey
from tests.unit.domain.actions import STREAM, act, action_id

BEGUN = [
    act(1, "submitted", "2026-03-02", kind="applicant", who="a-1"),
    act(2, "accepted", "2026-03-02", {"duration_days": 10}),
    act(3, "custody_offered", "2026-03-03", {"to_unit": "land"}),
    act(4, "custody_accepted", "2026-03-03", {"offer_id": action_id(3)}, who="minh", unit="land"),
]
TWICE = act(5, "custody_accepted", "2026-03-04", {"offer_id": action_id(3)}, who="thu")
STRANGER = SigningKey("source", Ed25519PrivateKey.from_private_bytes(bytes(32)), "source")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenLedger]:
    with create_ledger(Settings(tmp_path), "audit") as made:
        yield made


@pytest.fixture
def router(opened: OpenLedger) -> Iterator[LedgerRouter]:
    made = opened.application()
    for action in BEGUN:
        made.record(action)
    yield made
    made.close()


def changed(number: int, **fields: Any) -> bytes:
    """The canonical bytes of an action, whatever they say."""
    whole = {
        "id": action_id(number),
        "type": "dossier.financial_obligation_issued.v1",
        "stream": STREAM,
        "occurred_at": {"at": "2026-03-04T02:00:00.000000Z", "precision": "second"},
        "actor": {"kind": "officer", "id": "lan"},
        "data": {"amount": 5},
    }
    return encode_canonical(whole | fields)


def notes(opened: OpenLedger) -> list[Entry]:
    entries = [decode_entry(item) for item in opened.logs[0].stream_entries(STREAM)]
    return [entry for entry in entries if entry.seal.type == attempts.ATTEMPT_TYPE]


async def refused(
    router: LedgerRouter, data: Action | bytes, sigs: Sequence[Signature] = ()
) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await router.append(data, sigs)
    return caught.value


async def test_an_offer_accepted_twice_is_refused_and_the_attempt_recorded_once(
    opened: OpenLedger, router: LedgerRouter
) -> None:
    before = router.dossier(STREAM)
    assert before is not None
    key = opened.keys.load_signing_key("source")
    body = encode_action(TWICE)
    for _ in range(3):
        error = await refused(router, body, key.sign([body])[0])
        assert (error.code, error.field) == ("custody.offer_not_open", "data.offer_id")
    (note,) = notes(opened)
    action = decode_action(note.action_bytes)
    assert action.data == {
        "command": "dossier.custody_accepted.v1",
        "code": "custody.offer_not_open",
        "field": "data.offer_id",
        "action_hash": sha256(body).hexdigest(),
    }
    decode_event(action.type, action.data)
    assert (action.actor.kind, action.actor.id, action.causes) == ("system", "ledger", (TWICE.id,))
    assert note.seal.sigs[0].key == opened.keys.load_signing_key("ledger").id
    after = router.dossier(STREAM)
    assert after is not None
    assert after.state.attempts_rejected == 1
    same = {"version": before.version, "attempts_rejected": 0}
    assert replace(after.state, **same) == before.state, "it moves nothing else"
    found = verify_file(opened.settings.log_path, genesis_leaf=opened.trust[0].genesis_leaf)
    assert found.verdict is Verdict.PASSED


def test_the_synchronous_door_records_it_too(opened: OpenLedger, router: LedgerRouter) -> None:
    for _ in range(2):
        with pytest.raises(RefusedError):
            router.record(TWICE)
    assert len(notes(opened)) == 1
    router.record(act(6, "note_added", "2026-03-05", {"text_hash": "0" * 64}, who="minh"))


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"data": {"amount": -1}}, "action.malformed", "data.amount"),
        ({"data": {"kind": 7}}, "action.malformed", "data.kind"),
        ({"data": {"nguyen_van_mau": 1}}, "action.malformed", "data"),
        ({"type": "dossier.forgotten.v1"}, "action.unknown_type", "type"),
        (
            {"occurred_at": {"at": "2100-01-01T00:00:00.000000Z", "precision": "day"}},
            "action.from_the_future",
            "occurred_at",
        ),
        ({"ledger": "trial"}, "action.other_ledger", "ledger"),
        ({"id": action_id(2)}, "action.id_reused", "id"),
        (
            {"type": "dossier.supplement_received.v1", "data": {}},
            "supplement.not_requested",
            "type",
        ),
        (
            {"type": "dossier.payment_confirmed.v1", "data": {"obligation_id": "o-1"}},
            "payment.not_requested",
            "data.obligation_id",
        ),
    ],
)
async def test_each_refusal_of_a_known_sender_leaves_its_code_and_field(
    opened: OpenLedger, router: LedgerRouter, fields: dict[str, Any], code: str, field: str
) -> None:
    body = changed(7, **fields)
    error = await refused(router, body, opened.keys.load_signing_key("source").sign([body])[0])
    assert error.code == code
    (note,) = notes(opened)
    data = note.action["data"]
    assert (data["code"], data["field"]) == (code, field)
    assert b"nguyen" not in note.action_bytes


async def test_who_cannot_be_known_and_what_has_not_begun_leaves_no_trace(
    opened: OpenLedger, router: LedgerRouter
) -> None:
    size = opened.logs[0].head().size
    body = encode_action(TWICE)
    forged = SigningKey(opened.keys.load_signing_key("source").id, STRANGER._private, "source")
    bad = changed(7, data={"amount": -1})
    for data, signer in ((body, forged), (body, STRANGER), (bad, forged), (bad, STRANGER)):
        await refused(router, data, signer.sign([data])[0])
    for data in (
        b"{}",
        b"no json",
        changed(8, stream="dossier:other", data={"amount": -1}),
        changed(8, stream="dossier:other"),
        changed(8, stream="unit:land", type="unit.created.v1"),
        changed(8, colour="red"),
    ):
        await refused(router, data)
    assert opened.logs[0].head().size == size


async def test_a_loop_does_not_bury_a_dossier(
    opened: OpenLedger, router: LedgerRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert attempts.ATTEMPTS_RECORDED_MAX == 100
    monkeypatch.setattr("ledger.app.application.ATTEMPTS_RECORDED_MAX", 3)
    for number in range(10, 16):
        await refused(router, changed(number, data={"amount": -1}))
    assert len(notes(opened)) == 3
    store = opened.store()
    rows = store.rows("SELECT officer, kind FROM interval ORDER BY number")
    assert rows[-1] == ("minh", "held"), "custody does not see it"
    store.close()
