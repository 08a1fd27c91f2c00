"""Breadth first through every state of a world, each visited once; the shortest way to a violation.

Two states are the same when they behave the same: entries are named by where they lie, strays that
nobody refers to have no name, counters and texts are left out (fork.LEFT_OUT says which and why).
"""

from __future__ import annotations

import gc
import marshal
import time
from collections import Counter, deque
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from ledger.app.submission import OutcomeUnknownError, Recorded
from tests.simulation.fork import key_of
from tests.simulation.oracle import LOST, ViolationError, sealed
from tests.simulation.world import Command, Rules, Step, World

Trail = tuple[Any, Step] | None
"""The steps that led somewhere: the trail before, and the last one."""


class Bounds(NamedTuple):
    """What makes the number of states finite; `states` ends a larger search all the same."""

    faults: int
    openings: int
    states: int = 10_000_000


class Found(NamedTuple):
    """What an exploration saw. `violation` is "" and `trace` empty where the invariant held."""

    states: int
    steps: int
    depth: int
    whole: bool
    """Every state within the bounds was visited."""
    cut: int
    """States from which only another opening leads on: the bound on openings ends them."""
    endings: Counter[tuple[str, ...]]
    """How often each combination of outcomes was seen, once every command had one."""
    seconds: float
    violation: str = ""
    trace: tuple[str, ...] = ()

    def line(self) -> str:
        """The figures in one line."""
        text = f"{self.states} states, {self.steps} steps, depth {self.depth}, "
        text += f"{'all' if self.whole else 'not all'} within the bounds, {self.seconds:.1f} s"
        return text


class StuckError(ViolationError):
    """Somebody waits for ever."""


def explore(rules: Rules, commands: Sequence[Command], bounds: Bounds) -> Found:
    """Visit every state within the bounds, the nearest first, until the invariant breaks."""
    # Worlds hold no cycles, and looking for some takes a fifth of the time.
    gc.disable()
    try:
        return _explore(rules, commands, bounds)
    finally:
        gc.enable()


def _explore(rules: Rules, commands: Sequence[Command], bounds: Bounds) -> Found:
    started = time.perf_counter()
    first = World(rules, commands, bounds.faults, bounds.openings)
    worlds: deque[tuple[World, int, Trail]] = deque([(first, 0, None)])
    seen = {state_key(first)}
    endings: Counter[tuple[str, ...]] = Counter()
    steps = depth = cut = 0
    while worlds and len(seen) < bounds.states:
        world, depth, trail = worlds.popleft()
        moved = 0
        for step in world.steps():
            steps += 1
            try:
                after = world.take(step)
            except ViolationError as error:
                return Found(
                    len(seen),
                    steps,
                    depth + 1,
                    False,
                    cut,
                    endings,
                    time.perf_counter() - started,
                    str(error),
                    tell(first, (trail, step)),
                )
            moved += 1
            if after.openings < 0:
                cut += 1
                continue
            key = state_key(after)
            if key not in seen:
                seen.add(key)
                worlds.append((after, depth + 1, (trail, step)))
                if None not in after.outcomes:
                    endings[tuple(map(outcome_name, after.outcomes))] += 1
        if not moved and None in world.outcomes:
            raise StuckError("\n".join(tell(first, trail)))
    spent = time.perf_counter() - started
    return Found(len(seen), steps, depth, not worlds, cut, endings, spent)


def tell(world: World, trail: Trail) -> tuple[str, ...]:
    """The steps of a trail in words, by walking it again from its first world."""
    steps: list[Step] = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    told: list[str] = []
    for step in reversed(steps):
        told.append(world.describe(step))
        try:
            world = world.take(step)
        except ViolationError as error:
            told.append(str(error))
    return tuple(told)


def outcome_name(outcome: object) -> str:
    """An outcome in one word."""
    if isinstance(outcome, Recorded):
        return "recorded"
    if outcome == LOST or isinstance(outcome, OutcomeUnknownError):
        return "unknown"
    return "not recorded"


def state_key(world: World) -> bytes:
    """A digest of everything that says how a world will go on."""
    offsets = {}
    for offset, record in enumerate(world.log):
        offsets.setdefault(sealed(record).leaf, offset)
    batches = sorted(
        (_batch_key(batch, offsets), place) for place, batch in enumerate(world.batches)
    )
    under_way: dict[str, str] = {}
    for rank, (_, place) in enumerate(batches):
        for at, entry in enumerate(world.batches[place].entries):
            under_way.setdefault(sealed(entry).leaf, f"{rank}.{at}")
    named: set[int] = set()
    counting = world.fold.counting

    def name(leaf: str) -> Any:
        offset = offsets.get(leaf)
        if offset is None:
            return under_way.get(leaf)
        named.add(offset)
        return offset

    def name_sent(leaf: str) -> Any:
        # A replicated stray never counts: that it was sent tells nobody anything.
        offset = offsets.get(leaf)
        if offset is not None and offset < world.watermark and not counting[offset]:
            return None
        return name(leaf)

    writers = tuple(key_of(writer, name, name_sent) for writer in world.writers)
    for batch in world.batches:
        offset = offsets.get(sealed(batch.entries[0]).prev)
        if offset is not None:
            named.add(offset)
    log = tuple(
        _record_key(record, offset, offsets) if counting[offset] or offset in named else None
        for offset, record in enumerate(world.log)
    )
    outcomes = tuple(
        None if outcome is None else outcome_name(outcome) for outcome in world.outcomes
    )
    reads = tuple(None if read is None else read.offset for read in world.reads)
    key = (
        log,
        tuple(item for item, _ in batches),
        writers,
        reads,
        outcomes,
        tuple(world.submitted),
        world.watermark,
        world.seams,
        world.faults,
        world.openings,
    )
    # Version 2 writes equal values alike, whether or not they are the same object.
    return blake2b(marshal.dumps(key, 2), digest_size=16).digest()


def _batch_key(batch: Any, offsets: dict[str, int]) -> tuple:
    entries = [sealed(entry) for entry in batch.entries]
    return (
        batch.writer,
        batch.waiting,
        batch.base,
        batch.part_of,
        offsets.get(entries[0].prev, -1),
        entries[0].index,
        entries[0].recorded_at,
        tuple(_what(entry) for entry in entries),
    )


def _record_key(record: bytes, offset: int, offsets: dict[str, int]) -> tuple:
    seal = sealed(record)
    return (_what(seal), seal.index, seal.recorded_at, offsets.get(seal.prev, -1))


def _what(seal: Any) -> str:
    """Which action an entry holds; opening entries differ in nothing that matters."""
    return "opening" if seal.type == "ledger.writer_opened.v1" else seal.action_id
