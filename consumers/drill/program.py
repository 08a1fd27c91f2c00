"""The whole drill, or the cases of it that are asked for, one after another."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from consumers.bootstrap import Settings
from consumers.drill.broker import BrokerStage
from consumers.drill.broker_attacks import BROKER_CASES
from consumers.drill.case import Outcome
from consumers.drill.clone_cases import CLONE_CASES, CloneStage
from consumers.drill.run import play
from consumers.drill.scene import clone, demo_scene

NAMES: Final = tuple(case.name for case in (*CLONE_CASES, *BROKER_CASES))
"""Every case, in the order of the table."""


def play_all(
    folder: Path, names: Collection[str] = (), home: Path | None = None, broker: str = ""
) -> Iterator[Outcome]:
    """Play every case, or those in `names`, in `folder`, which is left to the caller.

    `home` is that of the ledger to clone, else a demo office is made. `broker` is the address of a
    real one; without it the cases of a topic are played on the simulator. Raises `DrillError`.
    """
    on_clone = [case for case in CLONE_CASES if not names or case.name in names]
    if on_clone:
        cloned = demo_scene(folder) if home is None else clone(Settings(home), folder / "clone")
        with cloned as scene:
            clones = CloneStage(scene, folder)
            for case in on_clone:
                yield play(clones, case)
    topics = BrokerStage(folder, broker)
    for topic_case in BROKER_CASES:
        if not names or topic_case.name in names:
            yield play(topics, topic_case)
