"""Kills the opening of sealing, and the first round, at each write in turn; the next run ends it.

python -m tests.integration.opening_killed HOME [STEP]

HOME is a ledger that is not sealed; each trial works on a copy of it, and is killed STEP calls
later than the one before (default 1: at each). Writes one JSON object: how many kills there were at
each call.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from pathlib import Path

from consumers.bootstrap import Settings, open_ledger
from consumers.sealing import load_policy, open_sealing, tree_folder
from ledger.core.note import parse_note
from ledger.entry.entry import decode_entry
from ledger.entry.note_keys import verify_checkpoint
from tests.integration.kill_in_child import run_killed
from tests.integration.seal_killed import NEVER, seal


def open_and_seal(settings: Settings) -> None:
    with open_ledger(settings) as ledger:
        _, failed = open_sealing(ledger)
        assert not failed, failed
    seal(settings)


def judge(settings: Settings) -> None:
    policy = load_policy(settings)
    with open_ledger(settings) as ledger:
        records = ledger.readers[0].read(0, 100)
        (opened,) = (
            entry
            for entry in (decode_entry(record.data or b"") for record in records)
            if entry.seal.type == "ledger.sealing_opened.v1"
        )
        origin = ledger.origin
        keys = policy.logs[origin]
        assert opened.action["data"]["keys"] == [key.text() for key in keys]
        note = parse_note(tree_folder(settings, "0").read_checkpoint() or b"")
        assert verify_checkpoint(note, origin, keys).checkpoint.size == len(records)


def main(home: Path, step: int) -> None:
    kills: Counter[str] = Counter()
    trial = home.with_name("trial")
    for at in range(1, NEVER, step):
        shutil.copytree(home, trial)
        settings = Settings(trial)
        killed = run_killed(lambda settings=settings: open_and_seal(settings), at)
        run_killed(lambda settings=settings: open_and_seal(settings), NEVER)
        judge(settings)
        shutil.rmtree(trial)
        if not killed:
            break
        kills[killed] += 1
    print(json.dumps(kills))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
