"""Which recorded approval lets an entry stand as its hash in a bundle."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from consumers.evidence.trees import SealedLedger
from ledger.app.submission import LedgerError
from ledger.core.action import stream_id
from ledger.entry.bundle import Place, Redaction
from ledger.entry.entry import Entry, decode_entry
from ledger.entry.redaction import APPROVAL_TYPE, Approval, read_approval
from projections.queries.evidence import places_of
from projections.queries.timeline import TimelineRow
from projections.store.sqlite import ReadStore

_FAULTS_SHOWN: Final = 3
_SEAL: Final = "pal seal run, then export again"


class UnapprovedError(LedgerError):
    """An entry is to be hidden, and no approval that counts is recorded for it."""

    code = "evidence.redaction_unapproved"


class Redacted(NamedTuple):
    """A redaction, the entry that approves it, and what that says."""

    redaction: Redaction
    entry: Entry
    approval: Approval


class Approvals:
    """The approvals of one inspection that lie under the checkpoints of a sealed ledger.

    The read store says where they stand, by its index of streams; what they say is read from the
    published tree. Void ones are in no row, and one that is to be hidden itself is none. Raises
    `NotSealedError` where the tree cannot be relied on.
    """

    def __init__(
        self, inspection: str, store: ReadStore, sealed: SealedLedger, hidden: Collection[Place]
    ) -> None:
        self._inspection = inspection
        self._sealed = sealed
        self._found: list[tuple[Place, Entry, Approval]] = []
        self._later: list[Place] = []
        for place in places_of(store, stream_id("inspection", inspection), APPROVAL_TYPE):
            if place.index >= sealed.size(place.log):
                self._later.append(place)
            elif place not in hidden:
                tree = sealed.tree(place.log)
                data = tree.entry(place.index)
                tree.proof(place.index, data)  # so that it is what was sealed, and an entry at all
                entry = decode_entry(data)
                approval = read_approval(entry)
                if approval is not None:
                    self._found.append((place, entry, approval))

    def redact(self, row: TimelineRow) -> Redacted:
        """The redaction of an entry by the first approval of it; raises `UnapprovedError`."""
        origin = self._sealed.round.logs[row.log].origin
        faults = [f"{place.log}/{place.index} lies behind the checkpoint" for place in self._later]
        for place, entry, approval in self._found:
            reason = approval.data.reason
            redaction = Redaction(
                place, row.index, row.leaf, row.log, reason, row.stream, row.version
            )
            fault = approval.fault(origin, redaction)
            if not fault:
                return Redacted(redaction, entry, approval)
            faults.append(f"{place.log}/{place.index} {fault}")
        raise self._unapproved(f"{row.log}/{row.index}", faults)

    def _unapproved(self, place: str, faults: list[str]) -> UnapprovedError:
        told = "; ".join(faults[:_FAULTS_SHOWN]) or "none is recorded there"
        approve = (
            f"pal evidence approve {place} --inspection {self._inspection} --reason WHY "
            f"--requested-by ACCOUNT --by ANOTHER, then {_SEAL}"
        )
        return UnapprovedError(
            f"entry {place} is not approved to be hidden in inspection {self._inspection}: {told}",
            next_step=_SEAL if self._later else approve,
        )
