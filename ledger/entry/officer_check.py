"""The officer index of a log computed again, and held against what the log of checkpoints says.

A sealer that counts wrongly is found by nobody who has its proofs alone: whoever has the entries
finds it here, at every size that was committed to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ledger.core.findings import Finding, Verdict
from ledger.core.tiles import TileReader
from ledger.entry.checkpoint_log import RoundError, parse_round
from ledger.entry.officer_index import OfficerIndex
from ledger.entry.officer_proof import Committed
from ledger.entry.tile_check import bundle_count
from ledger.entry.tile_descent import read_bundle

_NEXT: Final = "keep the log of checkpoints and its signatures: they are the evidence"


class Commitments:
    """What a verified log of checkpoints of `size` rounds says of each log's officers.

    `read` gives the files of its tree. `findings` name entries that are no rounds.
    """

    def __init__(self, read: TileReader, origin: str, size: int) -> None:
        self._found: dict[str, set[Committed]] = {}
        self._origin = origin
        self.findings: list[Finding] = []
        for number in range(bundle_count(size)):
            entries, _ = read_bundle(read, number, size)
            for entry in entries:
                self._take(entry)

    def of(self, origin: str) -> frozenset[Committed]:
        """The commitments to the officers of one log, each once."""
        return frozenset(self._found.get(origin, ()))

    def _take(self, entry: bytes) -> None:
        try:
            logs = parse_round(entry).logs
        except RoundError as error:
            self.findings.append(
                Finding(
                    code="entry.malformed",
                    verdict=Verdict.FAILED,
                    message=str(error),
                    origin=self._origin,
                    next_step=_NEXT,
                )
            )
            return
        for log in logs:
            root = bytes.fromhex(log.officers_root)
            item = Committed(log.origin, log.size, log.officers, root)
            self._found.setdefault(log.origin, set()).add(item)


class OfficerCheck:
    """The officers of one log against what is committed. Add every entry that counts, then finish.

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

    def add(self, officer: str | None, leaf: bytes) -> None:
        """Take the next entry of the log, void or not: whose it is (`officer_of`), and its hash."""
        if officer is not None:
            self._index.add_leaf(officer, leaf)
        self.size += 1
        if self.size in self._waiting:
            self._compare()

    def finish(self, size: int) -> None:
        """The log has `size` entries. What is committed beyond those that were added cannot be
        compared, and says so."""
        beyond = [item for item in sorted(self._waiting) if item > size]
        if beyond:
            self._find(
                "log.truncated",
                f"the log of checkpoints covers {beyond[-1]} entries, {size} are there",
                size + 1,
                f"{beyond[-1]} entries",
                f"{size} entries",
            )
        if len(beyond) < len(self._waiting):
            self._find(
                "officers.not_compared",
                "whose entries there are is not known behind a record that breaks the chain",
                self.size + 1,
                f"{size} entries",
                f"{self.size} entries",
                Verdict.INDETERMINATE,
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

    def _find(
        self,
        code: str,
        message: str,
        size: int,
        expected: str,
        actual: str,
        verdict: Verdict = Verdict.FAILED,
    ) -> None:
        self.findings.append(
            Finding(
                code=code,
                verdict=verdict,
                message=message,
                origin=self.origin,
                index=size - 1,
                expected=expected,
                actual=actual,
                next_step=_NEXT,
            )
        )
