"""Sealing logs on a real broker: strays in the partitions, writers that own logs, a broken log."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from consumers.bootstrap import OpenLedger, Settings
from consumers.creation import create_ledger
from consumers.restoring import NotRecordedError, restore_sealing
from consumers.sealing import load_policy, open_sealer, open_sealing, tree_folder
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.adapters.kafka_client import LoopThread
from ledger.adapters.tile_folder import read_entry
from ledger.core.note import parse_note
from ledger.entry.entry import decode_entry
from ledger.entry.log_state import LogState
from ledger.entry.note_keys import verify_checkpoint
from tests.integration.seal_killed import append

LOGS = 2

pytestmark = pytest.mark.kafka


@pytest.fixture
def ledger(tmp_path: Path, kafka_bootstrap: str) -> Iterator[OpenLedger]:
    topic = f"sealed-{secrets.token_hex(4)}"
    settings = Settings(tmp_path / "home", f"kafka://{kafka_bootstrap}/{topic}")
    with create_ledger(settings, logs=LOGS) as opened:
        yield opened


async def send_straight(bootstrap: str, topic: str, data: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(topic, data, partition=0)


def counted(ledger: OpenLedger, number: int) -> list[bytes]:
    """The entries of a log by the chain rule alone, read anew."""
    state, entries = LogState(ledger.trust[number].origin), []
    for record in ledger.readers[number].read(0, 10_000):
        entry = state.admit(record.data)
        if hasattr(entry, "seal"):
            state.judge(entry)
            entries.append(entry.data)
    return entries


def test_what_counts_is_sealed_and_a_writer_is_not_disturbed(ledger: OpenLedger) -> None:
    bootstrap, topic = ledger.settings.kafka or ("", "")
    thread = LoopThread("writer")
    writer = thread.run(ledger.join_writers(lambda _owned: None))
    _, failed = open_sealing(ledger)
    assert set(failed) == {0, 1}, "a writer owns both logs, and is not displaced"
    thread.run(writer.stop())
    _, failed = open_sealing(ledger)
    assert failed == {}
    append(ledger, 0, 300)
    thread.run(send_straight(bootstrap, topic, b"no entry at all"))
    thread.run(send_straight(bootstrap, topic, counted(ledger, 0)[7]))
    append(ledger, 0, 5)
    append(ledger, 1, 2)
    policy = load_policy(ledger.settings)
    with open_sealer(ledger) as sealer:
        assert sealer.seal().findings == ()
        append(ledger, 0, 1)
        thread.run(send_straight(bootstrap, topic, b"and again"))
        assert sealer.seal().findings == ()
        for number in range(LOGS):
            entries, folder = counted(ledger, number), tree_folder(ledger.settings, str(number))
            note = parse_note(folder.read_checkpoint() or b"")
            origin = ledger.trust[number].origin
            size = verify_checkpoint(note, origin, policy.logs[origin]).checkpoint.size
            assert size == len(entries)
            assert [read_entry(folder, index, size) for index in range(size)] == entries
        types = [decode_entry(data).seal.type for data in counted(ledger, 0)]
        assert types.count("ledger.sealing_opened.v1") == 1
        names = {path.name for path in ledger.settings.home.iterdir()}
        assert {f"policy-{topic}.txt", f"tiles-{topic}", f"sealer-{topic}.sqlite"} <= names
    check_restoring(ledger, thread)
    thread.close()


def check_restoring(ledger: OpenLedger, thread: LoopThread) -> None:
    """The store lost and made anew, strays and all; not while a writer could not be told of it."""
    origins = [trust.origin for trust in ledger.trust]
    with CheckpointStore.open(ledger.settings.sealer_path) as store:
        before = list(map(store.state, origins))
    for path in ledger.settings.home.glob("sealer-*"):
        path.unlink()
    ledger.close()
    writer = thread.run(ledger.join_writers(lambda _owned: None))
    with pytest.raises(NotRecordedError):
        restore_sealing(ledger, is_unconfirmed_accepted=True)
    assert not ledger.settings.sealer_path.exists()
    thread.run(writer.stop())
    restore_sealing(ledger, is_unconfirmed_accepted=True)
    with CheckpointStore.open(ledger.settings.sealer_path) as store:
        after = list(map(store.state, origins))
    for old, new in zip(before, after, strict=True):
        # A stray that lies behind the last entry is looked at again.
        assert new.position <= old.position
        assert replace(new, position=old.position, note=b"") == replace(old, note=b"")
    with open_sealer(ledger) as sealer:
        assert sealer.seal().findings == ()
