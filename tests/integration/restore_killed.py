"""Kills the restoring of a lost store at each write in turn: there is none then, or a whole one.

python -m tests.integration.restore_killed HOME [STEP]

HOME is a ledger without witnesses whose store is lost; each trial works on a copy of it, and is
killed STEP calls later than the one before (default 1: at each). After each kill the store is made
if there is none, one round is sealed, and everything signed is judged. Writes one JSON object: how
many kills there were at each call, and after how many there was no store.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from pathlib import Path

from consumers.bootstrap import Settings, open_ledger
from consumers.restoring import restore_sealing
from consumers.sealing import load_policy
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.adapters.tile_folder import read_entry
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.note import parse_note
from ledger.entry.checkpoint_log import checkpoints_origin
from ledger.entry.entry import decode_entry
from tests.integration.kill_in_child import run_killed
from tests.integration.seal_killed import NEVER, Judge, folders_of, seal

RESTORED = "ledger.sealing_restored.v1"


def restore(settings: Settings) -> None:
    with open_ledger(settings) as ledger:
        restore_sealing(ledger, is_unconfirmed_accepted=True)


def judge_all(settings: Settings, judge: Judge) -> None:
    """Everything that was signed, as far as the judge has collected it, is of the one history that
    the logs hold, and so is every published file."""
    policy = load_policy(settings)
    with open_ledger(settings) as ledger:
        folders = folders_of(ledger)
        for reader in ledger.readers:
            judge.grow(reader.origin, [record.data or b"" for record in reader.read(0, 10_000)])
        rounds = checkpoints_origin(ledger.name)
        size = parse_checkpoint(parse_note(folders[rounds].read_checkpoint() or b"").text).size
        judge.grow(rounds, [read_entry(folders[rounds], index, size) for index in range(size)])
        for origin, folder in folders.items():
            judge.judge(origin, folder, policy)
            judge.judge_files(origin, folder)


def types_of(settings: Settings, number: int = 0) -> list[str]:
    """The types of the entries of a log."""
    with open_ledger(settings) as ledger:
        records = ledger.readers[number].read(0, 10_000)
        return [decode_entry(record.data or b"").seal.type for record in records]


def states_of(settings: Settings) -> list[object]:
    with open_ledger(settings) as ledger, CheckpointStore.open(settings.sealer_path) as store:
        origins = list(folders_of(ledger))
        rows = [store.officer_rows(origin) for origin in origins]
        return [list(map(store.state, origins)), rows, store.rounds(0)]


def main(home: Path, step: int) -> None:
    kills, without, trial = Counter[str](), 0, home.with_name("trial")
    whole: list[object] = []
    for at in range(1, NEVER, step):
        shutil.copytree(home, trial)
        settings = Settings(trial)
        killed = run_killed(lambda settings=settings: restore(settings), at)
        if not settings.sealer_path.exists():
            without += 1
            run_killed(lambda settings=settings: restore(settings), NEVER)
        found = states_of(settings)
        whole = whole or found
        assert found == whole, "another store than after the first kill"
        run_killed(lambda settings=settings: seal(settings), NEVER)
        judge = Judge(settings)
        with open_ledger(settings) as ledger:
            judge.collect(folders_of(ledger))
        judge_all(settings, judge)
        assert types_of(settings).count(RESTORED) == 1
        shutil.rmtree(trial)
        if not killed:
            break
        kills[killed] += 1
    print(json.dumps({"kills": kills, "without": without}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
