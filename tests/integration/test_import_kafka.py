"""An import shared by two processes over eight partitions gives what one gives in one partition."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consumers.bootstrap import OpenLedger, Settings, open_ledger
from consumers.creation import create_ledger
from ledger.core.ids import log_number
from ledger.entry.entry import decode_entry
from projections.queries.digest import digests

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("PAL_TEST_DATA", REPOSITORY / "../shared/data")) / "logs"
LOGS = 8
IMPORT_SECONDS = 240.0

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(not DATA.is_dir(), reason="the event logs are not there: PAL_TEST_DATA"),
]
# Half a minute each on two cores (two minutes when they are busy): only where the folder is named,
# as CI does.
LARGER = pytest.mark.skipif(
    "PAL_TEST_DATA" not in os.environ, reason="PAL_TEST_DATA is not set: the larger logs wait"
)


def importing(file: str, settings: Settings, told: Path) -> subprocess.Popen[bytes]:
    """`pal import` in a process of its own; what it says goes into a file."""
    code = "from consumers.cli.main import main; main()"
    where = ["--home", str(settings.home), "--log", settings.log]
    with told.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-c", code, "import", str(DATA / file), *where],
            cwd=REPOSITORY,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def finish(process: subprocess.Popen[bytes], told: Path) -> None:
    assert process.wait(IMPORT_SECONDS) == 0, told.read_text()


def actions(opened: OpenLedger) -> dict[tuple[str, int], bytes]:
    """Every action by stream and version; each in the log of its stream."""
    found: dict[tuple[str, int], bytes] = {}
    for number, reader in enumerate(opened.readers):
        position = 0
        while records := reader.read(position, 5_000):
            for record in records:
                assert record.data is not None
                entry = decode_entry(record.data)
                seal = entry.seal
                assert log_number(seal.stream, len(opened.readers)) == number
                if not seal.stream.startswith("ledger:"):
                    assert (seal.stream, seal.version) not in found
                    found[seal.stream, seal.version] = entry.action_bytes
            position = records[-1].position + 1
    return found


def answers(settings: Settings) -> tuple[dict[tuple[str, int], bytes], dict[str, str]]:
    with open_ledger(settings) as opened:
        store = opened.store()
        found = digests(store)
        store.close()
        return actions(opened), found


def ledgers(tmp_path: Path, bootstrap: str) -> tuple[Settings, Settings]:
    """One with one partition, one with eight; in homes of their own."""
    made = []
    for name, logs in (("one", 1), ("eight", LOGS)):
        settings = Settings(tmp_path / name, f"kafka://{bootstrap}/{name}-{secrets.token_hex(4)}")
        create_ledger(settings, logs=logs).close()
        made.append(settings)
    return made[0], made[1]


def wait_for(told: Path, text: str) -> None:
    deadline = time.monotonic() + IMPORT_SECONDS
    while text not in told.read_text():
        assert time.monotonic() < deadline, told.read_text()
        time.sleep(0.05)


@pytest.mark.parametrize(
    "file",
    [
        "08_receipt.xes.gz",
        pytest.param("BPIC15_1f.xes.gz", marks=LARGER),
        pytest.param("helpdesk.xes.gz", marks=LARGER),
    ],
)
def test_two_processes_over_eight_partitions_give_what_one_gives(
    file: str, tmp_path: Path, kafka_bootstrap: str
) -> None:
    one, eight = ledgers(tmp_path, kafka_bootstrap)
    told = [tmp_path / name for name in ("first", "second", "alone")]
    both = [importing(file, eight, path) for path in told[:2]]
    for process, path in zip(both, told[:2], strict=True):
        finish(process, path)
    finish(importing(file, one, told[2]), told[2])
    assert answers(eight) == answers(one)
    shares = [path.read_text() for path in told[:2]]
    assert all(f"of {LOGS}" in text for text in shares)


def test_one_of_two_is_killed_and_the_other_records_what_is_missing(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    file = "08_receipt.xes.gz"
    one, eight = ledgers(tmp_path, kafka_bootstrap)
    told = [tmp_path / name for name in ("survivor", "victim", "alone")]
    survivor, victim = (importing(file, eight, path) for path in told[:2])
    # Killed as soon as it has recorded something, long before it is through.
    wait_for(told[1], "logs of this process")
    with open_ledger(eight) as opened:
        while all(reader.end() < 9 for reader in opened.readers):
            assert victim.poll() is None, told[1].read_text()
            time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    finish(survivor, told[0])
    finish(importing(file, one, told[2]), told[2])
    assert answers(eight) == answers(one)
