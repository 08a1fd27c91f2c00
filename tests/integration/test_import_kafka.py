"""The same import into SQLite and into a real Kafka: the same actions, versions and digests."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from consumers.bootstrap import OpenLedger, Settings, create_ledger, utc_now
from consumers.workers.importer import ImportOptions, import_file
from ledger.entry.entry import decode_entry
from projections.queries.digest import digests

DATA = Path(os.environ.get("PAL_TEST_DATA", Path(__file__).parents[2] / "../shared/data")) / "logs"

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(not DATA.is_dir(), reason="the event logs are not there: PAL_TEST_DATA"),
]


def import_receipt(opened: OpenLedger) -> dict[str, str]:
    key = opened.keys.load_signing_key("source")
    path = DATA / "08_receipt.xes.gz"
    summary = import_file(path, opened.logs, key, opened.keys, ImportOptions(), now=utc_now)
    assert (summary.recorded, summary.problems) == (8577, ())
    again = import_file(path, opened.logs, key, opened.keys, ImportOptions(), now=utc_now)
    assert (again.recorded, again.known) == (0, 8577)
    store = opened.store()
    found = digests(store)
    store.close()
    return found


def actions(opened: OpenLedger) -> list[tuple[str, int, bytes]]:
    found, position = [], 0
    while records := opened.readers[0].read(position, 5_000):
        for record in records:
            assert record.data is not None
            entry = decode_entry(record.data)
            if not entry.seal.stream.startswith("ledger:"):
                found.append((entry.seal.stream, entry.seal.version, entry.action_bytes))
        position = records[-1].position + 1
    return found


def test_both_logs_carry_the_same_actions_and_give_the_same_digests(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    topic = f"receipt-{secrets.token_hex(4)}"
    embedded = Settings(tmp_path / "embedded")
    kafka = Settings(tmp_path / "kafka", f"kafka://{kafka_bootstrap}/{topic}")
    with create_ledger(embedded) as one, create_ledger(kafka) as two:
        assert import_receipt(one) == import_receipt(two)
        assert actions(one) == actions(two)
