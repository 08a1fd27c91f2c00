"""`pal demo`: record the demo office, verify it, rebuild state and reports, alter a copy.

Everything is deterministic: a clock that follows the office's own times, and keys that are
published (their ids begin with `demo-`), so that the same entries have the same hashes anywhere.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Final, TextIO

import msgspec

from consumers.bootstrap import KEYS_FOLDER, OpenLedger, Settings, open_ledger
from consumers.creation import create_ledger
from consumers.demo.office import LAND_STORY, demo_actions, demo_subjects
from consumers.demo.people import LAND_1, demo_bytes, moment, subject_key
from consumers.demo.scribe import dossier_id
from consumers.demo.show import Language, show_dossier, show_report, text
from ledger.adapters.keys import KeyStore
from ledger.adapters.sqlite_verify import verify_file
from ledger.core.findings import Verdict
from ledger.core.ids import uuid7_text
from ledger.core.times import parse_instant
from ledger.entry.signatures import Role
from ledger.entry.verify import Verification
from projections.queries.dossiers import get_dossier, list_dossiers
from projections.queries.officers import list_officers
from projections.reports.officer import officer_report

DEMO_NAME: Final = "demo"
ALTERED_FOLDER: Final = "altered"
RECORDING_SECONDS: Final = 4
"""How long after it happened the demo records an action."""

_ALTERED_TYPE: Final = b'"type":"dossier.custody_accepted.v1"'


class DemoResult(msgspec.Struct, frozen=True):
    """What the demo made: counts, the verdict, seconds for the projections, the altered entry."""

    dossiers: int
    officers: int
    verification: Verification
    projected_seconds: float
    altered_home: Path
    altered_dossier: str
    altered_index: int


class DemoClock:
    """The clock of the demo: it stands at the moment that is being recorded."""

    def __init__(self, start: datetime) -> None:
        self.moment = start

    def __call__(self) -> datetime:
        """The aware time now, as far as the demo is concerned."""
        return self.moment


def run_demo(home: Path, out: TextIO, lang: Language = "en") -> DemoResult:
    """Make the demo in `home` and tell about it on `out`; a second run adds nothing.

    Raises `SettingsError` where `home` holds another log, `FindingError` where it is broken.
    """
    settings = Settings(home)
    clock = DemoClock(moment(0, "06:30"))
    with _open_demo(settings, clock) as opened:
        _record(opened, clock)
        verification = verify_file(
            settings.log_path, origin=opened.origin, genesis_leaf=opened.trust[0].genesis_leaf
        )
        begun = perf_counter()
        with closing(opened.store()) as store:
            seconds = perf_counter() - begun
            report = officer_report(store, LAND_1.id)
            view = get_dossier(store, dossier_id(LAND_STORY))
            dossiers, officers = len(list_dossiers(store, at="")), len(list_officers(store))
    stream, index = _alter_copy(settings, home / ALTERED_FOLDER)
    result = DemoResult(
        dossiers, officers, verification, seconds, home / ALTERED_FOLDER, stream, index
    )
    _show_result(result, home, out, lang)
    if report is not None and view is not None:
        show_report(report, out, lang)
        show_dossier(view, out, lang)
    _show_next(result, home, out, lang)
    return result


def _open_demo(settings: Settings, clock: Callable[[], datetime]) -> OpenLedger:
    """The demo's log in this home, created with the published keys where there is none."""
    if settings.trust_path.exists():
        opened = open_ledger(settings, now=clock)
        if opened.origin.startswith(f"{DEMO_NAME}/"):
            return opened
        opened.close()
    else:
        keys = KeyStore(settings.home / KEYS_FOLDER)
        roles: tuple[Role, ...] = ("ledger", "source")
        for role in roles:
            if role not in keys.names():
                seed = demo_bytes(f"signing key {role}")
                keys.create_signing_key(role, role, seed=seed, label=f"demo-{role}")
        subjects = keys.subjects()
        for subject in demo_subjects():
            subjects.create(subject, subject_key(subject))
    genesis_id = uuid7_text(int(clock().timestamp() * 1000), demo_bytes("genesis"))
    return create_ledger(settings, DEMO_NAME, action_id=genesis_id, now=clock)


def _record(opened: OpenLedger, clock: DemoClock) -> None:
    """One submission for each action, as an office makes them: each decided on what came before."""
    application = opened.application()
    for action in demo_actions():
        at = parse_instant(action.occurred_at.at)
        clock.moment = at + timedelta(seconds=RECORDING_SECONDS)
        application.record(action)


def _alter_copy(settings: Settings, altered: Path) -> tuple[str, int]:
    """A copy in which one officer seems to have taken a dossier seven working days later.

    Only the entry's bytes are changed, as somebody would who edits the file; gives dossier, index.
    """
    altered.mkdir(exist_ok=True)
    copied = Settings(altered)
    for path in (copied.log_path, copied.read_path):
        for leftover in path.parent.glob(f"{path.name}*"):
            leftover.unlink()
    shutil.copyfile(settings.trust_path, copied.trust_path)
    stream = f"dossier:{dossier_id(LAND_STORY)}"
    with (
        closing(sqlite3.connect(settings.log_path)) as source,
        closing(sqlite3.connect(copied.log_path)) as target,
    ):
        source.backup(target)
        index, data = target.execute(
            "SELECT idx, data FROM entry WHERE stream = ? AND instr(data, ?) ORDER BY idx LIMIT 1",
            (stream, _ALTERED_TYPE),
        ).fetchone()
        before, after = (moment(day, "13:40").isoformat()[:10].encode() for day in (0, 7))
        seal, separator, action = data.partition(b"\n")
        changed = seal + separator + action.replace(b'"at":"' + before, b'"at":"' + after, 1)
        target.execute("UPDATE entry SET data = ? WHERE idx = ?", (changed, index))
        target.commit()
    return dossier_id(LAND_STORY), int(index)


def _show_result(result: DemoResult, home: Path, out: TextIO, lang: Language) -> None:
    verification = result.verification
    passed = verification.verdict == Verdict.PASSED
    out.write(
        text(
            "recorded",
            lang,
            mark="✓" if passed else "✗",
            dossiers=result.dossiers,
            officers=result.officers,
            entries=verification.entries,
            verdict=verification.verdict.upper(),
            seconds=f"{result.projected_seconds:.1f}",
            origin=verification.origin,
            home=home,
        )
    )


def _show_next(result: DemoResult, home: Path, out: TextIO, lang: Language) -> None:
    out.write(
        text(
            "next",
            lang,
            altered=result.altered_home,
            officer=LAND_1.id,
            dossier=result.altered_dossier,
            home=home,
        )
    )
