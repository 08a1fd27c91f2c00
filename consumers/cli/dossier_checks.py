"""What `dossier show` says beside the entries: clocks, duties, findings, corrections."""

from __future__ import annotations

from collections import Counter
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
    from ledger.domain.clocks import Clocks, StatutoryDays
    from ledger.domain.corrections import Correction
    from ledger.domain.duty import DutyResult
    from ledger.domain.registry import Registry
    from ledger.domain.step_budget import StepBudget
    from projections.queries.dossiers import DossierView


class DossierChecks:
    """Computed once for one dossier as at a moment, shown as a table or as values."""

    def __init__(self, found: DossierView, at: str, registry: Registry) -> None:
        from ledger.adapters.rule_files import (  # noqa: PLC0415 - only where a dossier is shown
            DEFAULT_RULES,
        )
        from ledger.domain.clocks import clocks, statutory_days  # noqa: PLC0415 - the same
        from ledger.domain.corrections import (  # noqa: PLC0415 - the same
            correction_findings,
            corrections,
        )
        from ledger.domain.deadlines import local_date  # noqa: PLC0415 - the same
        from ledger.domain.due_check import due_findings  # noqa: PLC0415 - the same
        from ledger.domain.duties import check_duties  # noqa: PLC0415 - the same
        from ledger.domain.duty import DutyCase  # noqa: PLC0415 - the same
        from ledger.domain.guards import guard_findings  # noqa: PLC0415 - the same
        from ledger.domain.step_budget import step_budget  # noqa: PLC0415 - the same

        self.state = found.state
        self.clocks: Clocks = clocks(found.state, at)
        rules = DEFAULT_RULES.knowing(registry.calendars)
        on = local_date(found.state.accepted_at or found.state.begun_at).isoformat()
        calendar = rules.calendar(found.state.calendar, on)
        self.statutory: StatutoryDays | None = (
            statutory_days(found.state, at, calendar) if calendar else None
        )
        entries = [(row.version, row.current) for row in found.entries]
        self.versions = {action.id: version for version, action in entries}
        self.corrections: tuple[Correction, ...] = corrections(entries)
        self.budget: StepBudget | None = step_budget(DutyCase(entries, registry, rules, at))
        self.duties: tuple[DutyResult, ...] = check_duties(entries, registry, rules, at)
        actions = [action for _, action in entries]
        # As of what had occurred by then, entries between may be left out: what was derived from
        # them cannot be derived again.
        whole = found.entries[-1].version == len(actions)
        stream = found.entries[0].stream
        self.findings: tuple[Finding, ...] = (
            *guard_findings(found.state),
            *correction_findings(stream, self.corrections),
            *(due_findings(actions, found.state, rules) if whole else ()),
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
            "statutory_days": msgspec.to_builtins(self.statutory) if self.statutory else {},
            "step_budget": msgspec.to_builtins(self.budget) if self.budget else {},
            "findings": msgspec.to_builtins(self.findings),
            "duties": [
                {
                    **msgspec.to_builtins(item),
                    "versions": [self.versions[e] for e in item.entries if e in self.versions],
                }
                for item in self.duties
            ],
            "corrections": msgspec.to_builtins(self.corrections),
        }

    def show_clocks(self, lang: Lang) -> None:
        """The statutory clock; whose time passed, where somebody but the office was waited for."""
        clocks = self.clocks
        if self.statutory is not None:
            used, left = self.statutory.used, self.statutory.left
            key = "dossier.statutory" if left >= 0 else "dossier.statutory_late"
            write(told(key, lang, used=used, allotted=self.statutory.allotted, over=-left))
        if self.budget is not None:
            budget = self.budget
            hours = [f"{s / 3600:.1f}" for s in (budget.used_seconds, budget.allotted_seconds)]
            step = safe_text(budget.step)
            write(told("dossier.step", lang, step=step, used=hours[0], allotted=hours[1]))
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

    def show_duties(self, lang: Lang) -> None:
        """How many duties are kept, broken, or cannot be known; the broken ones by name."""
        from ledger.domain.duty_words import DUTY_WORDS, REASON_WORDS  # noqa: PLC0415 - shown only

        word = 0 if lang == "en" else 1
        counts = Counter[str](item.result for item in self.duties)
        names = ("kept", "broken", "indeterminate")
        write(told("dossier.duties", lang, **{name: counts[name] for name in names}))
        for item in self.duties:
            if item.result != "broken":
                continue
            why = "; ".join(REASON_WORDS[reason][word] for reason in item.reasons)
            versions = sorted(self.versions[e] for e in item.entries if e in self.versions)
            places = ", ".join(f"#{version}" for version in versions)
            write(f"  {item.duty:<4} {DUTY_WORDS[item.duty][word]}: {why}  {places}")

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
                target=f"#{item.target_version}" if item.target_version else item.target,
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
