"""The sequencer in every interleaving: what is answered holds, in every state (issue 4).

PAL_EXPLORE_FAULTS and PAL_EXPLORE_OPENINGS go deeper; scripts/explore.py prints what was visited.
"""

from __future__ import annotations

import os

import pytest

from ledger.app.log_index import MemoryIndex
from ledger.app.sequencer import Sequencer
from tests.simulation.explore import Bounds, Found, explore
from tests.simulation.fork import KEYED, LEFT_OUT
from tests.simulation.scenarios import SCENARIOS
from tests.simulation.small_log import KEY, ORIGIN
from tests.simulation.variants import VARIANTS, Variant
from tests.simulation.world import Rules

FAULTS = int(os.environ.get("PAL_EXPLORE_FAULTS", "1"))
OPENINGS = int(os.environ.get("PAL_EXPLORE_OPENINGS", "2"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_interleaving_with_faults_keeps_the_invariant(name: str) -> None:
    found = explore(Rules(), SCENARIOS[name], Bounds(FAULTS, OPENINGS))
    print(f"{name}: {found.line()}")
    assert not found.violation, found.trace
    assert found.whole
    assert found.states > 10_000
    kinds = {outcome for ending in found.endings for outcome in ending}
    assert kinds == {"recorded", "not recorded", "unknown"}


@pytest.mark.parametrize("name", SCENARIOS)
def test_without_faults_two_writers_only_lose_time(name: str) -> None:
    found = explore(Rules(), SCENARIOS[name], Bounds(0, 3))
    assert not found.violation, found.trace
    assert found.whole
    expected = {"recorded"} if name != "versions expected" else {"recorded", "not recorded"}
    assert {outcome for ending in found.endings for outcome in ending} == expected


def follows(trace: tuple[str, ...], steps: tuple[str, ...]) -> bool:
    """Whether the steps are part of the trace, in this order."""
    left = iter(trace)
    return all(any(step in told for told in left) for step in steps)


def found_in(variant: Variant, rules: Rules, states: int) -> Found:
    return explore(rules, variant.commands, Bounds(variant.faults, variant.openings, states))


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_weaker_protocol_is_caught(variant: Variant) -> None:
    found = found_in(variant, variant.rules, 40_000)
    assert variant.violation in found.violation
    assert follows(found.trace, variant.trace), found.trace
    # The model alone does not break the invariant: the protocol as it is holds there.
    assert not found_in(variant, Rules(), 2 * found.states).violation


def test_the_key_of_a_state_knows_every_field_of_the_sequencer() -> None:
    """A new field: say in fork.py that states which differ in it differ, or why they do not."""
    fields = vars(Sequencer(MemoryIndex(ORIGIN), KEY, software="a test"))
    assert set(fields) == KEYED | set(LEFT_OUT)
