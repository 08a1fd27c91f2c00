"""The officer index of a log computed again, and held against what the log of checkpoints says.

A sealer that counts wrongly is found by nobody who has its proofs alone: whoever has the entries
finds it here, at every size that was committed to.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.core.findings import Finding, Verdict
from ledger.entry.entry import Entry
from ledger.entry.officer_index import OfficerIndex
from ledger.entry.officer_proof import Committed


class OfficerCheck:
    """The commitments to the officer index of one log. Add every entry that counts, then finish.

    `checked` counts commitments that were compared. `findings` are one for each that is wrong.
    """

    def __init__(self, origin: str, committed: Iterable[Committed]) -> None:
        self.origin = origin
        self.size = 0
        self.checked = 0
        self.findings: list[Finding] = []
        self._index = OfficerIndex()
        self._waiting: dict[int, set[Committed]] = {}
        for item in committed:
            self._waiting.setdefault(item.size, set()).add(item)
        self._compare()

    def add(self, entry: Entry) -> None:
        """Take the next entry of the log, void or not."""
        self._index.add(entry)
        self.size += 1
        if self.size in self._waiting:
            self._compare()

    def finish(self) -> None:
        """The log ends here: what is committed beyond it cannot be compared, and says so."""
        beyond = sorted(self._waiting)
        if beyond:
            self._find(
                "log.truncated",
                f"the log of checkpoints covers {beyond[-1]} entries, {self.size} are there",
                self.size + 1,
                f"{beyond[-1]} entries",
                f"{self.size} entries",
            )

    def _compare(self) -> None:
        officers = self._index.map()
        count, root = len(officers), officers.root()
        for item in self._waiting.pop(self.size, ()):
            self.checked += 1
            if (item.officers, item.root) != (count, root):
                self._find(
                    "officers.root_mismatch",
                    f"the officer index that was committed to at {self.size} entries is not that "
                    "of the entries: proofs of completeness under it are worth nothing",
                    self.size,
                    f"{count} officers, root {root.hex()}",
                    f"{item.officers} officers, root {item.root.hex()}",
                )

    def _find(self, code: str, message: str, size: int, expected: str, actual: str) -> None:
        self.findings.append(
            Finding(
                code=code,
                verdict=Verdict.FAILED,
                message=message,
                origin=self.origin,
                index=size - 1,
                expected=expected,
                actual=actual,
                next_step="keep the log of checkpoints and its signatures: they are the evidence",
            )
        )
