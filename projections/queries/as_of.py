"""As-of: which moment of the ledger an answer speaks of, and on which axis."""

from __future__ import annotations

from typing import Literal

import msgspec

from projections.store.sqlite import ReadStore

Axis = Literal["recorded", "occurred", "index"]


class AsOf(msgspec.Struct, frozen=True):
    """A past moment: everything recorded (known) or occurred (true) up to `at`, both included, or
    everything up to an index of a log, and of the other logs what was recorded by then."""

    axis: Axis = "recorded"
    at: str = ""
    index: int = -1
    log: int = 0

    def condition(self, store: ReadStore) -> tuple[str, tuple[object, ...]]:
        """The SQL condition on `timeline` and its arguments."""
        if self.axis == "index":
            condition = "CASE log WHEN ? THEN idx <= ? ELSE recorded_at <= ? END"
            return condition, (self.log, self.index, self.moment(store))
        column = "recorded_at" if self.axis == "recorded" else "occurred_at"
        return f"{column} <= ?", (self.at,)

    def moment(self, store: ReadStore) -> str:
        """The instant that is meant; for an index that of the entry's recording, "" before all."""
        if self.axis != "index":
            return self.at
        rows = store.rows(
            "SELECT recorded_at FROM timeline WHERE log = ? AND idx <= ? ORDER BY idx DESC LIMIT 1",
            (self.log, self.index),
        )
        return rows[0][0] if rows else ""


NOW = AsOf(at="~")
"""Everything that the store has: `~` sorts behind every instant."""
