#!/usr/bin/env python3
"""Explore the writer's protocol: every interleaving of two writers, three commands and faults.

Prints, for each scenario, the number of states, steps and the depth. Exit code 1: the invariant
broke, and the shortest way there is printed. `--variants` explores protocols that are a little
weaker instead, and prints how each one loses.

    .venv/bin/python scripts/explore.py --faults 2 --openings 3
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.simulation.explore import Bounds, explore
from tests.simulation.scenarios import SCENARIOS
from tests.simulation.variants import VARIANTS
from tests.simulation.world import Rules


def show_variants() -> int:
    """Print the counterexample of each weaker protocol; 1 where none was found."""
    missed = 0
    for variant in VARIANTS:
        bounds = Bounds(variant.faults, variant.openings)
        found = explore(variant.rules, variant.commands, bounds)
        print(f"{variant.name}: {found.violation or 'NOT CAUGHT'} ({found.line()})")
        print(*(f"    {told}" for told in found.trace), sep="\n")
        missed += not found.violation
    return int(missed > 0)


def main() -> int:
    """Run; gives the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=1, help="faults in one run (1)")
    parser.add_argument("--openings", type=int, default=2, help="sessions opened in one run (2)")
    parser.add_argument("--states", type=int, default=10_000_000, help="stop after so many states")
    parser.add_argument("--scenario", choices=SCENARIOS, help="only this one")
    parser.add_argument("--variants", action="store_true", help="protocols that are weaker")
    given = parser.parse_args()
    if given.variants:
        return show_variants()
    total = 0
    for name in [given.scenario] if given.scenario else SCENARIOS:
        bounds = Bounds(given.faults, given.openings, given.states)
        found = explore(Rules(), SCENARIOS[name], bounds)
        total += found.states
        print(f"{name}: {found.line()}, {found.cut} cut at {given.openings} openings", flush=True)
        if found.violation:
            print(found.violation, *found.trace, sep="\n    ")
            return 1
    print(f"{total} states in all; the invariant holds in each")
    return 0


if __name__ == "__main__":
    sys.exit(main())
