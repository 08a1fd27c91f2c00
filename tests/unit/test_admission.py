"""Keys that come and go under an open writer: what it may still seal, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.adapters.sqlite_log import SqliteLog
from ledger.adapters.sqlite_verify import verify_file
from ledger.app.sequencer import Sequencer
from ledger.app.submission import (
    Answer,
    Recorded,
    Refused,
    SignedAction,
    Submission,
    UnavailableError,
)
from ledger.core.action import Action, encode_action
from ledger.core.findings import Verdict
from ledger.entry.signatures import KEY_ENROLLED, KEY_REVOKED, Role, SigningKey
from tests.unit.domain.actions import act
from tests.unit.test_sequencer import Session
from tests.unit.test_sqlite_log import GENESIS, KEY, LEAF, ORIGIN

OWN = f"ledger:{ORIGIN}"
DAY = "2026-03-02"


def key(name: str, role: Role) -> SigningKey:
    seed = name.encode().ljust(32, b".")
    return SigningKey(name, Ed25519PrivateKey.from_private_bytes(seed), role)


SECOND, SOURCE = key("ledger-2", "ledger"), key("source-1", "source")


def signed(by: SigningKey, *actions: Action) -> Submission:
    bodies = [encode_action(action) for action in actions]
    return Submission(
        tuple(
            SignedAction(action.id, action.stream, action.type, body, sigs)
            for action, body, sigs in zip(actions, bodies, by.sign(bodies), strict=True)
        )
    )


def own(number: int, type_name: str, data: dict[str, Any]) -> Action:
    return msgspec.structs.replace(
        act(number, "submitted", DAY), stream=OWN, type=type_name, data=data
    )


def enrol(number: int, new: SigningKey, by: SigningKey = KEY) -> Submission:
    return signed(by, own(number, KEY_ENROLLED, {"key": msgspec.to_builtins(new.enrolled())}))


def revoke(number: int, *ids: str, by: SigningKey = KEY) -> Submission:
    return signed(
        by, *(own(number + at, KEY_REVOKED, {"key_id": name}) for at, name in enumerate(ids))
    )


def code(answer: Answer) -> str:
    return answer.code if isinstance(answer, Refused) else ""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog.create(tmp_path / "log.sqlite", GENESIS)) as opened:
        yield opened


def test_in_one_group_a_key_counts_from_its_enrolment_to_its_revocation(log: SqliteLog) -> None:
    answers = log.submit(
        [
            signed(SOURCE, act(1, "submitted", DAY)),
            enrol(2, SOURCE),
            signed(SOURCE, act(3, "submitted", DAY)),
            revoke(4, SOURCE.id),
            signed(SOURCE, act(5, "note_added", DAY)),
            signed(KEY, act(6, "note_added", DAY)),
        ]
    )
    assert [code(answer) for answer in answers] == [
        *("signature.invalid", "", "", ""),
        *("signature.invalid", ""),
    ]
    assert isinstance(answers[4], Refused)
    assert "revoked" in answers[4].message
    found = verify_file(log.path, genesis_leaf=LEAF)
    assert (found.verdict, found.head.size) == (Verdict.PASSED, 5)


def test_an_open_writer_goes_by_what_another_process_has_recorded(log: SqliteLog) -> None:
    with closing(SqliteLog.open(log.path, ORIGIN, genesis_leaf=LEAF)) as other:
        assert isinstance(other.submit([signed(KEY, act(1, "submitted", DAY))])[0], Recorded)
        log.submit([enrol(2, SOURCE)])
        assert isinstance(other.submit([signed(SOURCE, act(3, "note_added", DAY))])[0], Recorded)
        log.submit([revoke(4, SOURCE.id)])
        (answer,) = other.submit([signed(SOURCE, act(5, "note_added", DAY))])
        assert code(answer) == "signature.invalid"
    assert verify_file(log.path, genesis_leaf=LEAF).verdict is Verdict.PASSED


def test_a_source_enrols_and_revokes_nothing(log: SqliteLog) -> None:
    log.submit([enrol(1, SOURCE)])
    answers = log.submit([enrol(2, SECOND, by=SOURCE), revoke(3, KEY.id, by=SOURCE)])
    assert [code(answer) for answer in answers] == ["signature.invalid"] * 2


def test_the_last_ledger_key_is_never_revoked(log: SqliteLog) -> None:
    log.submit([enrol(1, SOURCE)])
    assert code(log.submit([revoke(2, KEY.id)])[0]) == "keys.last_ledger_key"
    log.submit([enrol(3, SECOND)])
    assert code(log.submit([revoke(4, KEY.id, SECOND.id)])[0]) == "keys.last_ledger_key"
    assert log.head().size == 3
    assert code(log.submit([revoke(6, KEY.id, by=SECOND)])[0]) == ""
    assert code(log.submit([revoke(7, SECOND.id, by=SECOND)])[0]) == "keys.last_ledger_key"
    # What is said of a key that nobody knows takes none away.
    assert code(log.submit([revoke(8, "nobody", by=SECOND)])[0]) == ""
    assert verify_file(log.path, genesis_leaf=LEAF).verdict is Verdict.PASSED


def test_a_writer_whose_key_does_not_count_sends_nothing() -> None:
    session = Session()
    session.machine = Sequencer(session.machine.index, SECOND, software="test")
    session.submit(1, "a")
    assert session.sent == []
    assert isinstance(session.answers[1], UnavailableError)
    assert SECOND.id in str(session.answers[1])
