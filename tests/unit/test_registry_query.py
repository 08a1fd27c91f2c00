"""The registry read from the store as of a moment: known then, and valid then."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from ledger.core.action import Action
from projections.queries.as_of import NOW, AsOf
from projections.queries.registry import registry_as_of
from projections.runtime.runner import project
from projections.store.sqlite import ReadStore
from tests.unit.projections_logs import Log, act, at, handed_over

NEW_YEAR = "2026-01-01"


def said(stream: str, what: str, minutes: int, /, **data: str) -> Action:
    return replace(act(what, stream=stream, minutes=minutes), data=data)


def test_what_was_not_recorded_yet_is_not_known(tmp_path: Path) -> None:
    log = Log()
    log.append(*handed_over("A"))
    log.append(said("officer:l%C3%AA", "registered", 1, unit="one-stop", valid_from_on=NEW_YEAR))
    known_then = log.recorded_at()
    log.append(said("officer:l%C3%AA", "moved", 2, unit="land", valid_from_on="2026-02-01"))
    log.append(said("unit:land", "created", 3, name="Land"))
    store = ReadStore.open(tmp_path / "read.sqlite")
    project([log], store, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True)

    def unit_of(as_of: AsOf, day: str) -> str:
        post = registry_as_of(store, as_of).post("lê", day)
        return post.unit if post else ""

    then, true_by_then = AsOf("recorded", known_then), AsOf("occurred", at(1))
    assert [unit_of(NOW, day) for day in ("2026-01-15", "2026-03-01")] == ["one-stop", "land"]
    assert unit_of(then, "2026-03-01") == "one-stop"
    assert unit_of(true_by_then, "2026-03-01") == "one-stop"
    assert registry_as_of(store, then).unit("land", "2026-03-03") is None
    assert registry_as_of(store).unit("land", "2026-03-03") is not None
    store.close()
