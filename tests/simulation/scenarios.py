"""Who submits what: two writers, three commands."""

from __future__ import annotations

from tests.simulation.small_log import submission
from tests.simulation.world import Command

_A, _B, _C = (submission(name) for name in "ABC")
_TWO = submission("A1", "A2")

THREE_ACTIONS = (Command(0, _A), Command(1, _B), Command(0, _C))
ONE_ID_TWICE = (Command(0, _A), Command(0, _A), Command(1, _B))
ONE_ID_AT_TWO_WRITERS = (Command(0, _A), Command(1, _A), Command(0, _B))
SAVE_OF_TWO = (Command(0, _TWO), Command(1, _B), Command(1, _TWO))
VERSIONS_EXPECTED = (
    Command(0, submission("A", expected=1)),
    Command(1, submission("B", expected=1)),
    Command(0, submission("C", expected=2)),
)

SCENARIOS = {
    "three actions": THREE_ACTIONS,
    "one id twice at one writer": ONE_ID_TWICE,
    "one id at two writers": ONE_ID_AT_TWO_WRITERS,
    "a save of two actions, sent again to the other writer": SAVE_OF_TWO,
    "versions expected": VERSIONS_EXPECTED,
}
