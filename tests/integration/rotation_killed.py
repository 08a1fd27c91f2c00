"""Kills the rotation of a key at each write in turn; the next run ends it, with the same new key.

python -m tests.integration.rotation_killed HOME ROLE [STEP]

HOME is a ledger with keys; each trial works on a copy of it, and is killed STEP calls later than
the one before (default 1: at each). Writes one JSON object: how many kills there were at each call,
and how many left the home with its old key.
"""

from __future__ import annotations

import json
import shutil
import stat
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import get_args

from consumers.bootstrap import Settings, open_ledger
from consumers.rotation import rotate_key
from ledger.app.enrolled import enrolled_keys
from ledger.entry.signatures import KeyRing, Role
from tests.integration.kill_in_child import run_killed
from tests.integration.seal_killed import NEVER, append

REASON = "it was stolen"


def rotate(settings: Settings, role: Role) -> None:
    with open_ledger(settings) as ledger:
        done = rotate_key(ledger, role, revoke=True, reason=REASON)
        assert done.is_complete, done
        assert done.revoked


def record(settings: Settings) -> None:
    """One more entry in each log, with what the home signs with now."""
    with open_ledger(settings) as ledger:
        for number in range(len(ledger.trust)):
            append(ledger, number, 1)


def signs_and_rings(settings: Settings) -> tuple[dict[str, str], list[KeyRing]]:
    """The ids that the home signs with, each of which counts in every log; the keys of the logs."""
    with open_ledger(settings) as ledger:
        signs = {role: ledger.keys.load_signing_key(role).id for role in get_args(Role)}
        rings = [enrolled_keys(log) for log in ledger.logs]
    for ring in rings:
        assert {role: ring.role_of(key_id) for role, key_id in signs.items()} == {
            role: role for role in signs
        }
    return signs, rings


def judge_done(settings: Settings, role: Role, old: str) -> None:
    signs, rings = signs_and_rings(settings)
    assert signs[role] != old
    for ring in rings:
        assert [key.id for key in ring if key.role == role] == [old, signs[role]], "one new key"
        assert ring.is_revoked(old)
    folder = settings.home / "keys"
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names == {"ledger.key", "source.key", f"{old}.key"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())


def main(home: Path, role: Role, step: int) -> None:
    kills: Counter[str] = Counter()
    old = signs_and_rings(Settings(home))[0][role]
    kept_old = 0
    trial = home.with_name("trial")
    for at in range(1, NEVER, step):
        shutil.copytree(home, trial)
        settings = Settings(trial)
        killed = run_killed(partial(rotate, settings, role), at)
        kept_old += signs_and_rings(settings)[0][role] == old
        run_killed(partial(record, settings), NEVER)
        begun = (trial / "keys" / f"{role}.rotation").exists()
        if begun or signs_and_rings(settings)[0][role] == old:
            run_killed(partial(rotate, settings, role), NEVER)
        judge_done(settings, role, old)
        run_killed(partial(record, settings), NEVER)
        shutil.rmtree(trial)
        if not killed:
            break
        kills[killed] += 1
    print(json.dumps({"kills": kills, "kept_old": kept_old}))


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        "ledger" if sys.argv[2] == "ledger" else "source",
        int(sys.argv[3]) if len(sys.argv) > 3 else 1,
    )
