"""`verify --projections`: a replay of every entry against what is recorded and what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from consumers.bootstrap import Settings, open_ledger
from consumers.cli.errors import finding_lines, mark_of
from consumers.cli.output import write
from consumers.cli.terminal import progress
from ledger.core.findings import FindingError, Verdict, worst
from ledger.entry.verification import Verification

if TYPE_CHECKING:
    from projections.runtime.replaying import ProjectionCheck

_OF_DIGESTS: Final = frozenset(
    {"projection.digest_mismatch", "projection.not_recorded", "projection.other_version"}
)


def replay(settings: Settings, results: Sequence[Verification]) -> ProjectionCheck:
    """Fold every entry again and compare; `results` say what the verifier found of each log."""
    from projections.runtime.replaying import (  # noqa: PLC0415 - only when it is asked for
        ProjectionCheck,
        Replays,
        check_projections,
    )

    verified = {result.origin: result.head for result in results}
    try:
        with open_ledger(settings) as ledger, progress("replaying", "entries") as advance:
            replays = Replays(
                ledger.readers,
                genesis_leaves=ledger.genesis_leaves,
                strict_rows=ledger.every_row_counts,
                on_progress=lambda done: advance(done, 0),
            )
            return check_projections(replays, settings.read_path, verified)
    except FindingError as error:
        # A log that cannot be folded: nothing could be compared, and why is the finding.
        return ProjectionCheck(0, 0, (error.finding,), {}, {})


def show_replay(check: ProjectionCheck, steps_before: int) -> None:
    """Two more steps, as of which entries, and what they found."""
    digests = [item for item in check.findings if item.code in _OF_DIGESTS]
    rows = [item for item in check.findings if item.code not in _OF_DIGESTS]
    for number, title, checked, found in (
        (1, "digests of projections in the log, by replay", check.digests, digests),
        (2, "rows of the read store, by replay", check.rows, rows),
    ):
        # What nothing was compared of is not passed.
        verdict = worst(found) if found or checked else Verdict.INDETERMINATE
        write(f"  {steps_before + number} {mark_of(verdict)} {title:<52} {checked:>10,}")
    for name, heads in (("digests as of", check.recorded_at), ("store as of", check.shown_at)):
        sizes = ", ".join(f"{origin} {head.size:,}" for origin, head in heads.items())
        write(f"  {name:<16} {sizes or 'nothing'}")
    for finding in check.findings:
        for line in finding_lines(finding, with_origin=True):
            write(line)
