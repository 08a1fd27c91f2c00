"""Real logs of real offices against answers that another program computed (T8, T6)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from consumers.bootstrap import OpenLedger, Settings, utc_now
from consumers.creation import create_ledger
from consumers.workers.importer import ImportOptions, ImportSummary, import_file
from ledger.core.times import format_instant
from projections.queries.digest import digests
from projections.queries.dossiers import list_dossiers
from projections.queries.handovers import list_handovers, list_returns
from projections.queries.officers import list_officers
from projections.runtime.rebuild import rebuild

DATA = Path(os.environ.get("PAL_TEST_DATA", Path(__file__).parents[2] / "../shared/data")) / "logs"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the event logs are not there: set PAL_TEST_DATA"
)


def run_import(opened: OpenLedger, name: str) -> ImportSummary:
    return import_file(
        DATA / name,
        opened.logs,
        opened.keys.load_signing_key("source"),
        opened.keys,
        ImportOptions(),
        now=utc_now,
    )


@pytest.mark.parametrize(
    ("name", "oracle_name"),
    [
        ("08_receipt.xes.gz", "receipt"),
        ("helpdesk.xes.gz", "helpdesk"),
        ("bpic15_all_f.csv.gz", "BPIC15_all_f"),
        ("running-example.xes", "running-example"),
        ("running-example.csv", "running-example"),
    ],
)
def test_a_real_log_gives_the_oracle_s_answers(tmp_path: Path, name: str, oracle_name: str) -> None:
    oracle = json.loads((DATA / f"{oracle_name}.oracle.json").read_text())
    with create_ledger(Settings(tmp_path / "home")) as opened:
        summary = run_import(opened, name)
        assert (summary.cases, summary.recorded) == (oracle["cases"], oracle["events"])
        assert (summary.problems, summary.known) == ((), 0)
        store = opened.store()

        officers = list_officers(store)
        assert {o.officer: o.entries for o in officers} == oracle["resource_event_counts"]
        assert {o.officer: o.dossiers for o in officers} == oracle["resource_case_counts"]

        pairs = list_handovers(store)
        assert sum(pair.count for pair in pairs) == oracle["handovers_between_different_resources"]
        top = [[pair.giver, pair.receiver, pair.count] for pair in pairs[:10]]
        assert top == oracle["handover_top10_excl_self"]
        assert len(list_returns(store)) == oracle["pingpong_ABA_count"]

        now = format_instant(utc_now())
        dossiers = list_dossiers(store, at=now)
        assert len(dossiers) == oracle["cases"]
        closed = [state for state in dossiers if state.ended_at and state.due_at]
        late = [state for state in list_dossiers(store, at=now, late=True) if state.ended_at]
        assert len(closed) == oracle.get("closed_with_deadline", 0)
        assert len(late) == oracle.get("closed_after_deadline", 0)
        store.close()


def test_receipt_a_second_import_adds_nothing_and_a_rebuild_gives_the_same(tmp_path: Path) -> None:
    with create_ledger(Settings(tmp_path / "home")) as opened:
        first = run_import(opened, "08_receipt.xes.gz")
        size = opened.logs[0].head().size
        store = opened.store()
        live = digests(store)
        store.close()

        again = run_import(opened, "08_receipt.xes.gz")
        assert (again.recorded, again.known) == (0, first.recorded)
        assert opened.logs[0].head().size == size

        rebuilt = rebuild(
            opened.readers,
            opened.settings.read_path,
            genesis_leaves=opened.genesis_leaves,
            strict_rows=True,
        )
        assert rebuilt.compared
        assert rebuilt.digests == live
        assert rebuilt.entries == size
