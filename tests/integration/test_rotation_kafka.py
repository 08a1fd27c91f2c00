"""Replacing keys on a real broker: not while a writer owns the logs; then nothing old counts."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from consumers.bootstrap import OpenLedger, Settings, open_ledger
from consumers.cli.main import run
from consumers.creation import create_ledger
from consumers.rotation import rotate_key
from ledger.adapters.kafka_client import LoopThread
from ledger.app.enrolled import enrolled_keys
from ledger.app.submission import Refused, SignedAction, Submission, UnavailableError
from ledger.core.action import encode_action
from ledger.entry.signatures import SigningKey
from tests.integration.seal_killed import append, stream_of
from tests.unit.domain.actions import act

LOGS = 2

pytestmark = pytest.mark.kafka


@pytest.fixture
def ledger(tmp_path: Path, kafka_bootstrap: str) -> Iterator[OpenLedger]:
    topic = f"rotated-{secrets.token_hex(4)}"
    settings = Settings(tmp_path / "home", f"kafka://{kafka_bootstrap}/{topic}")
    with create_ledger(settings, logs=LOGS) as opened:
        yield opened


def signed(ledger: OpenLedger, number: int, by: SigningKey) -> Submission:
    note = act(9, "note_added", "2026-03-02", {"note_kind": "remark"})
    action = replace(note, stream=stream_of(ledger, number))
    body = encode_action(action)
    sigs = by.sign([body])[0]
    return Submission((SignedAction(action.id, action.stream, action.type, body, sigs),))


def test_keys_are_replaced_where_no_writer_owns_a_log(ledger: OpenLedger) -> None:
    keys = ledger.keys
    old = {role: keys.load_signing_key(role) for role in ("ledger", "source")}
    append(ledger, 0, 3)
    ledger.close()
    thread = LoopThread("writer")
    writer = thread.run(ledger.join_writers(lambda _owned: None))
    held = rotate_key(ledger, "ledger", revoke=True, reason="stolen")
    assert set(held.not_recorded) == {0, 1}, "a writer owns both logs, and is not displaced"
    assert keys.load_signing_key("ledger").id == old["ledger"].id
    thread.run(writer.stop())
    # Logs that were opened before, and sign their openings with the old key.
    stale = open_ledger(ledger.settings)
    assert [log.head().size for log in stale.logs] == [5, 1]
    done = rotate_key(ledger, "ledger")
    assert (done.is_complete, done.revoked, done.new) == (True, True, held.new)
    assert rotate_key(ledger, "source", revoke=True, reason="lost").is_complete
    for log in ledger.logs:
        ring = enrolled_keys(log)
        assert ring.valid("ledger") == {keys.load_signing_key("ledger").id}
        assert ring.valid("source") == {keys.load_signing_key("source").id}
    before = [log.head() for log in ledger.logs]
    with pytest.raises(UnavailableError, match="would not count"):
        stale.logs[0].submit([signed(ledger, 0, old["source"])])
    stale.close()
    assert [log.head() for log in ledger.logs] == before
    (answer,) = ledger.logs[1].submit([signed(ledger, 1, old["source"])])
    assert isinstance(answer, Refused)
    assert answer.code == "signature.invalid"
    for number in range(LOGS):
        append(ledger, number, 2)
    thread.close()
    ledger.close()
    settings = ledger.settings
    assert run(["verify", "--home", str(settings.home), "--log", settings.log]) == 0
