"""Laws of the projections: intervals are the lifetime, batches do not matter, a log does not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.app.ports import Record
from ledger.core.action import Action
from ledger.core.ids import log_number, log_of
from ledger.core.times import parse_instant
from projections.folds.custody import Interval
from projections.folds.dossier import EMPTY_FOLD, fold_dossier
from projections.queries.as_of import NOW, AsOf
from projections.queries.digest import digests
from projections.queries.dossiers import get_dossier, list_dossiers
from projections.queries.officers import list_officers
from projections.queries.timeline import EventFilter, events
from projections.reports.officer import officer_report
from projections.runtime.rebuild import rebuild
from projections.runtime.runner import project
from projections.store.sqlite import ReadStore
from tests.unit.projections_logs import Log, act, action_id, imported

STEPS = st.tuples(
    st.sampled_from(["work", "work", "work", "offer", "foreign offer", "accept", "reject", "due"]),
    st.sampled_from(["", "an", "binh", "chi"]),
    st.integers(0, 30),
)


def actions_of(dossier: str, steps: Sequence[tuple[str, str, int]]) -> list[Action]:
    """Any sequence at all: what decide would refuse must not break a fold either."""
    minute = 0
    offers = ["none"]
    made = []
    for number, (step, officer, minutes) in enumerate(steps):
        # Now and then an entry is recorded after a later one.
        minute += minutes - (5 if minutes > 25 else 0)
        name = f"{dossier}-{number}"
        if step == "work" or (step != "due" and not officer):
            made.append(imported(dossier, officer, minute, number=number))
        elif step == "due":
            due = {"due_at": "2026-04-01T00:00:00.000000Z", "function_version": "1"}
            made.append(
                act("deadline_set", dossier, "", minute, id_name=name, inputs_hash="0" * 64, **due)
            )
        elif step in {"offer", "foreign offer"}:
            offers.append(name)
            data = {"imported": {"activity": "x", "source_log": "y"}} if " " in step else {}
            made.append(
                act(
                    "custody_offered",
                    dossier,
                    officer,
                    minute,
                    id_name=name,
                    to_unit="unit",
                    **data,
                )
            )
        else:
            given_up = {} if step == "accept" else {"reason": "overload"}
            made.append(
                act(
                    f"custody_{step}ed",
                    dossier,
                    officer,
                    minute,
                    id_name=name,
                    offer_id=action_id(offers[-1]),
                    **given_up,
                )
            )
    return made


LIVES = st.lists(STEPS, min_size=1, max_size=25).map(lambda steps: actions_of("A", steps))
OFFICES = st.lists(st.lists(STEPS, min_size=1, max_size=8), min_size=1, max_size=4).map(
    lambda lives: [actions_of(f"D{number}", steps) for number, steps in enumerate(lives)]
)


@given(LIVES)
def test_intervals_are_the_lifetime_without_gap_or_overlap(actions: list[Action]):
    fold = EMPTY_FOLD
    found: dict[int, Interval] = {}
    own = []
    for version, action in enumerate(actions, 1):
        fold, effects = fold_dossier(fold, action, version)
        found |= {item.number: item for item in effects.intervals}
        if action.type != "dossier.deadline_set.v1":
            own.append(action.occurred_at.at)
    intervals = [found[number] for number in range(1, len(found) + 1)]
    if not own:
        assert intervals == []
        return
    assert intervals[0].from_at == own[0]
    assert intervals[-1].to_at == max(own)
    for before, after in pairwise(intervals):
        assert before.to_at == after.from_at
    spans = [parse_instant(i.to_at) - parse_instant(i.from_at) for i in intervals]
    assert all(span.total_seconds() >= 0 for span in spans)
    lifetime = parse_instant(max(own)) - parse_instant(own[0])
    assert sum(spans[1:], spans[0]) == lifetime
    assert all((i.kind == "held") == bool(i.officer) for i in intervals)


@contextmanager
def new_store() -> Iterator[ReadStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = ReadStore.open(Path(folder) / "read.sqlite")
        try:
            yield store
        finally:
            store.close()


class Window:
    """A log as it was when it had `size` records, `most` of which are read at a time."""

    def __init__(self, log: Log, size: int, most: int) -> None:
        self.origin = log.origin
        self._log = log
        self._size = size
        self._most = most

    def read(self, position: int, limit: int) -> Sequence[Record]:
        return self._log.read(position, max(0, min(limit, self._most, self._size - position)))

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:
        return position < self._size

    def close(self) -> None:
        """Nothing is open."""


class Ledger:
    """Several logs in memory; each action lies in the log of its stream."""

    def __init__(self, logs: int, name: str = "office") -> None:
        self.logs = [Log(name, number, logs) for number in range(logs)]
        self.genesis_leaves = {log.origin: log.genesis_leaf for log in self.logs}

    def append(self, action: Action) -> None:
        """Record an action by itself, a minute after the one before it, whatever log that is in."""
        log = self.logs[log_number(action.stream, len(self.logs))]
        log.minutes = max(log.minutes for log in self.logs)
        log.append(action)

    def project(self, store: ReadStore, order: Sequence[int]) -> int:
        """Fold all logs, read in an order."""
        readers = [self.logs[number] for number in order]
        return project(readers, store, genesis_leaves=self.genesis_leaves, strict_rows=False)


def merged(lives: list[list[Action]], order: Sequence[int]) -> list[Action]:
    """One order of all actions that keeps that of each dossier."""
    left = [list(life) for life in lives]
    made = []
    for choice in order:
        waiting = [life for life in left if life]
        if not waiting:
            break
        made.append(waiting[choice % len(waiting)].pop(0))
    return made + [action for life in left for action in life]


@settings(max_examples=25, deadline=None)
@given(OFFICES, st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4)), max_size=5), st.data())
def test_any_batches_any_restarts_any_log_give_the_same_digests(
    lives: list[list[Action]], stops: list[tuple[int, int]], data: st.DataObject
):
    size = sum(map(len, lives))
    orders = st.lists(st.integers(0, 3), min_size=size, max_size=size)
    first, second = Log(), Log("elsewhere")
    first.append(*merged(lives, data.draw(orders)))
    for action in merged(lives, data.draw(orders)):
        second.append(action)
    with new_store() as live, new_store() as other:
        for grown, most in stops:
            if grown >= live.head().size:
                window = Window(first, grown, most)
                project(
                    [window],
                    live,
                    genesis_leaves={window.origin: first.genesis_leaf},
                    strict_rows=True,
                )
        project([first], live, genesis_leaves={first.origin: first.genesis_leaf}, strict_rows=True)
        project(
            [second], other, genesis_leaves={second.origin: second.genesis_leaf}, strict_rows=False
        )
        assert live.head() == first.head
        found = digests(live)
        assert digests(other) == found
        made = rebuild(
            [first], live.path, genesis_leaves={first.origin: first.genesis_leaf}, strict_rows=True
        )
        assert (made.compared, made.digests) == (True, found)


@settings(max_examples=25, deadline=None)
@given(OFFICES, st.data())
def test_the_past_is_the_prefix_folded_from_zero(lives: list[list[Action]], data: st.DataObject):
    log = Log()
    for action in merged(lives, data.draw(st.lists(st.integers(0, 3), max_size=40))):
        log.append(action)
    index = data.draw(st.integers(0, log.head.size - 1))
    with new_store() as whole, new_store() as prefix:
        project([log], whole, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True)
        window = Window(log, index + 1, 5_000)
        project(
            [window], prefix, genesis_leaves={window.origin: log.genesis_leaf}, strict_rows=True
        )
        as_of = AsOf("index", index=index)
        assert list_dossiers(whole, at="", as_of=as_of) == list_dossiers(prefix, at="")
        for number in range(len(lives)):
            assert get_dossier(whole, f"D{number}", as_of) == get_dossier(prefix, f"D{number}")


@settings(max_examples=25, deadline=None)
@given(OFFICES)
def test_reports_agree_with_the_lists(lives: list[list[Action]]):
    log = Log()
    log.append(*(action for life in lives for action in life))
    with new_store() as store:
        project([log], store, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True)
        given_up = received = 0
        for row in list_officers(store):
            report = officer_report(store, row.officer)
            assert report is not None
            assert report.adds_up
            assert (len(report.entries), len(report.dossiers)) == (row.entries, row.dossiers)
            given_up += len(report.given)
            received += len(report.received)
        ((pairs,),) = store.rows("SELECT count(*) FROM handover")
        assert given_up == received == pairs


@settings(max_examples=40, deadline=None)
@given(OFFICES, st.integers(2, 4), st.data())
def test_any_number_of_logs_in_any_order_gives_the_same_digests(
    lives: list[list[Action]], logs: int, data: st.DataObject
):
    size = sum(map(len, lives))
    one, several = Ledger(1), Ledger(logs)
    actions = merged(lives, data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)))
    stop = data.draw(st.integers(0, size))
    orders = st.permutations(range(logs))
    with new_store() as alone, new_store() as store:
        for place, action in enumerate(actions):
            if place == stop:
                several.project(store, data.draw(orders))
            one.append(action)
            several.append(action)
        assert one.project(alone, [0]) == size + 1
        several.project(store, data.draw(orders))
        assert [cursor.head for cursor in store.cursors()] == [log.head for log in several.logs]
        found = digests(alone)
        assert digests(store) == found
        made = rebuild(
            several.logs, store.path, genesis_leaves=several.genesis_leaves, strict_rows=True
        )
        assert (made.entries, made.compared, made.digests) == (size + logs, True, found)


def told(store: ReadStore, as_of: AsOf) -> list[tuple[str, int, str]]:
    """Entries in the order of their recording, but for those of the logs themselves."""
    rows = events(store, EventFilter(), as_of)
    return [(r.stream, r.version, r.recorded_at) for r in rows if r.stream.startswith("dossier:")]


@settings(max_examples=25, deadline=None)
@given(OFFICES, st.integers(2, 4), st.data())
def test_a_recorded_moment_is_the_same_in_any_number_of_logs(
    lives: list[list[Action]], logs: int, data: st.DataObject
):
    one, several = Ledger(1), Ledger(logs)
    for action in merged(lives, data.draw(st.lists(st.integers(0, 3), max_size=40))):
        one.append(action)
        several.append(action)
    with new_store() as alone, new_store() as store:
        one.project(alone, [0])
        several.project(store, range(logs))
        log = data.draw(st.sampled_from(several.logs))
        index = data.draw(st.integers(0, log.head.size - 1))
        by_index = AsOf("index", index=index, log=log_of(log.origin))
        moment = AsOf(at=by_index.moment(store))
        assert told(store, NOW) == told(alone, NOW)
        assert told(store, moment) == told(alone, moment) == told(store, by_index)
        for as_of in (NOW, moment):
            assert list_dossiers(store, at="", as_of=as_of) == list_dossiers(
                alone, at="", as_of=as_of
            )
        for officer in list_officers(alone):
            ours, theirs = (officer_report(s, officer.officer) for s in (store, alone))
            assert ours is not None
            assert theirs is not None
            assert (ours.adds_up, ours.entries_by_type) == (True, theirs.entries_by_type)
            assert (ours.held, ours.dossiers) == (theirs.held, theirs.dossiers)
