"""The doors of a ledger with several logs: each action goes to the application of its log.

A submission is all or none, and each log stands alone: what a caller records together is of one
dossier, so of one log. Nothing here spans logs, and nothing needs to.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ledger.app.aggregate import Dossier
from ledger.app.application import ProcedureLedger
from ledger.app.submission import Place, Recorded
from ledger.core.action import Action
from ledger.core.ids import log_number
from ledger.entry.entry import Signature


class _Addressed(msgspec.Struct, frozen=True):
    """What of an action's bytes names its log; everything else is its application's to check."""

    stream: str


_addressed = msgspec.json.Decoder(_Addressed)


class LedgerRouter:
    """One eventsourcing application for each log, by number, behind the doors of one."""

    def __init__(self, applications: Sequence[ProcedureLedger]) -> None:
        self.applications = tuple(applications)

    def of(self, stream: str) -> ProcedureLedger:
        """The application whose log holds the stream."""
        return self.applications[log_number(stream, len(self.applications))]

    def dossier(self, stream: str) -> Dossier | None:
        """See `ProcedureLedger.dossier`."""
        return self.of(stream).dossier(stream)

    def record(self, action: Action, sigs: Sequence[Signature] = ()) -> Sequence[Place]:
        """See `ProcedureLedger.record`."""
        return self._of_action(action).record(action, sigs)

    async def append(self, action: Action | bytes, sigs: Sequence[Signature] = ()) -> Recorded:
        """See `ProcedureLedger.append`.

        The answer means recorded; `OpenLedger.committed` waits for the checkpoint that covers it.
        """
        return await self._of_action(action).append(action, sigs)

    def close(self) -> None:
        """Close every application; safe to call again."""
        for application in self.applications:
            application.close()

    def _of_action(self, action: Action | bytes) -> ProcedureLedger:
        try:
            stream = (
                action.stream if isinstance(action, Action) else _addressed.decode(action).stream
            )
            return self.of(stream)
        except (msgspec.DecodeError, ValueError):
            # Malformed, or for a log that there is not: any application refuses it, saying why.
            return self.applications[0]
