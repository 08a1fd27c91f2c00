"""Duties of many dossiers read from the store, as of a moment."""

from __future__ import annotations

from pathlib import Path

from ledger.adapters.rule_files import DEFAULT_RULES
from projections.queries.as_of import AsOf
from projections.queries.duties import list_duties
from projections.runtime.runner import project
from projections.store.sqlite import ReadStore
from tests.unit.projections_logs import Log, act, at


def test_each_dossier_s_duties_with_the_versions_behind(tmp_path: Path) -> None:
    log = Log()
    log.append(act("accepted", "B", "lan", 1))
    known_then = log.recorded_at()
    log.append(act("accepted", "A", "lan", 2, slip_ref="s"))
    log.append(act("deadline_extended", "B", "lan", 3))
    store = ReadStore.open(tmp_path / "read.sqlite")
    project([log], store, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True)

    def found(duty: str, as_of: AsOf | None = None, only: str = "") -> list[tuple[object, ...]]:
        rows = list_duties(
            store,
            at=at(10),
            rules=DEFAULT_RULES,
            dossiers=frozenset([only]) if only else None,
            **({"as_of": as_of} if as_of else {}),
        )
        return [(r.dossier, r.found.result, r.versions) for r in rows if r.found.duty == duty]

    assert found("L1") == [("A", "kept", (1,)), ("B", "broken", (1,))]
    assert found("L1", only="B") == [("B", "broken", (1,))]
    assert found("L13") == [("A", "not_applicable", ()), ("B", "broken", (2,))]
    assert found("L13", AsOf("recorded", known_then)) == [("B", "not_applicable", ())]
    assert len(list(list_duties(store, at=at(10), rules=DEFAULT_RULES))) == 48
    store.close()
