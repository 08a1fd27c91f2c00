"""As-of: which moment of the log an answer speaks of, and on which axis."""

from __future__ import annotations

from typing import Literal

import msgspec

from projections.store.sqlite import ReadStore

Axis = Literal["recorded", "occurred", "index"]


class AsOf(msgspec.Struct, frozen=True):
    """A past moment: everything recorded (known) or occurred (true) up to `at`, both included, or
    everything up to an index."""

    axis: Axis = "recorded"
    at: str = ""
    index: int = -1

    def condition(self) -> tuple[str, tuple[object, ...]]:
        """The SQL condition on `timeline` and its arguments."""
        if self.axis == "index":
            return "idx <= ?", (self.index,)
        column = "recorded_at" if self.axis == "recorded" else "occurred_at"
        return f"{column} <= ?", (self.at,)

    def moment(self, store: ReadStore) -> str:
        """The instant that is meant; for an index that of the entry's recording, "" before all."""
        if self.axis != "index":
            return self.at
        rows = store.rows(
            "SELECT recorded_at FROM timeline WHERE idx <= ? ORDER BY idx DESC LIMIT 1",
            (self.index,),
        )
        return rows[0][0] if rows else ""


NOW = AsOf("index", index=2**62)
"""Everything that the store has."""
