"""What `dossier show` says beside the entries: dimensions, clocks, findings, corrections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from consumers.cli.errors import finding_lines
from consumers.cli.moments import show_duration
from consumers.cli.options import Lang
from consumers.cli.output import write
from consumers.cli.terminal import safe_text
from consumers.cli.texts import text as told

if TYPE_CHECKING:
    from ledger.core.findings import Finding
    from ledger.domain.clocks import Clocks
    from ledger.domain.corrections import Correction
    from projections.queries.dossiers import DossierView


class DossierChecks:
    """Computed once for one dossier as at a moment, shown as a table or as values."""

    def __init__(self, found: DossierView, at: str) -> None:
        from ledger.domain.clocks import clocks  # noqa: PLC0415 - only where a dossier is shown
        from ledger.domain.corrections import (  # noqa: PLC0415 - the same
            correction_findings,
            corrections,
        )
        from ledger.domain.guards import guard_findings  # noqa: PLC0415 - the same

        self.state = found.state
        self.clocks: Clocks = clocks(found.state, at)
        self.corrections: tuple[Correction, ...] = corrections([r.action for r in found.entries])
        stream = found.entries[0].stream
        self.findings: tuple[Finding, ...] = (
            *guard_findings(found.state),
            *correction_findings(stream, self.corrections),
        )

    def values(self) -> dict[str, Any]:
        """For JSON."""
        state, clocks = self.state, self.clocks
        return {
            "dimensions": {
                "activities": state.activities,
                "payment": state.payment,
                "delivery": state.delivery,
                "synchronisation": state.synchronisation,
            },
            "clocks_microseconds": {
                **msgspec.to_builtins(clocks),
                "applicant_net": clocks.applicant_net,
                "office": clocks.office,
            },
            "findings": msgspec.to_builtins(self.findings),
            "corrections": msgspec.to_builtins(self.corrections),
        }

    def show_clocks(self, lang: Lang) -> None:
        """One line, where somebody but the office was waited for."""
        clocks = self.clocks
        if clocks.applicant or clocks.external:
            write(
                told(
                    "dossier.clocks",
                    lang,
                    gross=_duration(clocks.gross),
                    applicant=_duration(clocks.applicant),
                    external=_duration(clocks.external),
                    office=_duration(clocks.office),
                )
            )

    def show_findings(self) -> None:
        """Each finding in its one shape."""
        for finding in self.findings:
            for line in finding_lines(finding):
                write(line)

    def show_correction(self, version: int, lang: Lang) -> None:
        """Before and after, under the entry that corrects."""
        for item in _of(self.corrections, version):
            # A sealed value is told as sealed: its bytes mean nothing to a reader.
            before, after = (
                told("masked", lang) if text.startswith('{"sealed":') else text or "-"
                for text in (item.before, item.after)
            )
            shown = told(
                "dossier.correction",
                lang,
                target=item.target_version,
                field=safe_text(item.field),
                before=safe_text(before),
                after=safe_text(after),
                approver=safe_text(item.approver) or "-",
            )
            write(f"      {shown}")


def _of(found: Sequence[Correction], version: int) -> list[Correction]:
    return [item for item in found if item.version == version]


def _duration(microseconds: int) -> str:
    return show_duration(microseconds / 1_000_000)
