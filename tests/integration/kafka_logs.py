"""Logs and actions for tests on a real broker; also the writer that a test kills."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.adapters.kafka import KafkaLog, KafkaReader, create_log
from ledger.app.genesis import genesis_entry
from ledger.app.submission import Recorded, SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.core.times import format_instant
from ledger.entry.entry import Entry
from ledger.entry.log_state import LogState, Stray, StrayTracker
from ledger.entry.signatures import SigningKey

KEY = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(range(32))), "ledger")
OTHER_KEY = SigningKey("stranger", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
AT = "2026-03-02T08:00:00.000000Z"


class TestLog(NamedTuple):
    """Where a log lies and what it begins with."""

    bootstrap: str
    topic: str
    origin: str
    genesis: bytes

    __test__ = False

    def open(self, key: SigningKey = KEY, **options) -> KafkaLog:
        return KafkaLog.open(
            self.bootstrap, self.topic, self.origin, leaf_hash(self.genesis).hex(), key, **options
        )

    async def serve_here(self, **options) -> KafkaLog:
        leaf = leaf_hash(self.genesis).hex()
        return await KafkaLog.serve_here(
            self.bootstrap, self.topic, self.origin, leaf, KEY, **options
        )

    def records(self) -> list:
        reader = KafkaReader.open(self.bootstrap, self.topic, self.origin)
        found: list = []
        while batch := reader.read(found[-1].position + 1 if found else 0, 1_000):
            found += batch
        reader.close()
        return found

    def fold(self) -> tuple[LogState, dict[str, tuple[int, str]], list[tuple[int, Stray]], bool]:
        """By the chain rule alone: state, place of each action id, strays, overwritten."""
        state, tracker = LogState(self.origin), StrayTracker()
        places: dict[str, tuple[int, str]] = {}
        strays: list[tuple[int, Stray]] = []
        overwritten = False
        for record in self.records():
            result = state.admit(record.data)
            if isinstance(result, Entry):
                tracker.counted(result.leaf)
                judged = state.judge(result)
                assert not judged.void, judged.findings
                assert result.action["id"] not in places, "recorded twice"
                places[result.action["id"]] = (result.seal.index, result.leaf)
            else:
                strays.append((record.position, result))
                overwritten = tracker.add(result, state.head.size) or overwritten
        return state, places, strays, overwritten


def make_genesis(name: str, number: int = 0, logs: int = 1) -> bytes:
    now = datetime.now(UTC)
    return genesis_entry(
        name,
        number,
        logs,
        [KEY.enrolled()],
        KEY,
        uuid7_text(int(now.timestamp() * 1000), secrets.token_bytes(10)),
        format_instant(now),
        sha256(b"{}").hexdigest(),
    )


def new_log(bootstrap: str) -> TestLog:
    topic = f"test-{secrets.token_hex(6)}"
    genesis = make_genesis(topic)
    create_log(bootstrap, topic, genesis)
    return TestLog(bootstrap, topic, f"{topic}/0", genesis)


def signed(
    stream: str, number: int, *, note: str = "", expected: int | None = None, key=KEY
) -> SignedAction:
    action = Action(
        id=uuid7_text(number, sha256(f"{stream} {number}".encode()).digest()),
        type="dossier.note_added.v1",
        stream=stream,
        occurred_at=OccurredAt(AT, "second"),
        actor=Actor(kind="officer", id="C-0092"),
        data={"note": note or f"note {number}"},
    )
    data = encode_action(action)
    return SignedAction(action.id, stream, action.type, data, key.sign([data])[0], expected)


def one(stream: str, number: int, **options) -> Submission:
    return Submission((signed(stream, number, **options),))


def check_acknowledged(log: TestLog, acknowledged: Sequence[tuple[str, int, str]]) -> list:
    """No acknowledged action lost, doubled or misplaced; the strays for the caller to look at."""
    state, places, strays, overwritten = log.fold()
    assert not overwritten
    for action_id, index, leaf in acknowledged:
        assert places[action_id] == (index, leaf)
    assert len({index for index, _ in places.values()}) == len(places)
    assert state.head.size == len(places)
    return strays


def main(
    bootstrap: str, topic: str, genesis_hex: str, name: str, count: int, index_path: str = ""
) -> None:
    """Append one by one, telling of each acknowledgement on standard output."""
    log = TestLog(bootstrap, topic, f"{topic}/0", bytes.fromhex(genesis_hex))
    writer = log.open(index_path=Path(index_path) if index_path else None)
    for number in range(count):
        submission = one(f"dossier:{name}", number)
        answer = writer.submit([submission])[0]
        assert isinstance(answer, Recorded)
        place = answer.places[0]
        print(submission.actions[0].id, place.index, place.leaf, flush=True)
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), *sys.argv[6:])
