"""Verdicts and findings: what a check says, in one shape for library, CLI and reports.

A finding is data until the edge renders it: what happened, where, expected, actual, what next.
"Cannot know" is indeterminate: never passed, never failed.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """The only three verdicts."""

    PASSED = "passed"
    FAILED = "failed"
    INDETERMINATE = "indeterminate"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a check found. `index`, `offset`, `version` are -1 where they do not apply.

    `code` is `<area>.<what>` (`chain.link_mismatch`) and names the page `docs/findings/<code>.md`.
    """

    code: str
    verdict: Verdict
    message: str
    origin: str = ""
    index: int = -1
    offset: int = -1
    stream: str = ""
    version: int = -1
    expected: str = ""
    actual: str = ""
    next_step: str = ""


class FindingError(Exception):
    """A finding that stops the caller: the log, the trust or the read store cannot be relied on."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.code}: {finding.message}")
        self.finding = finding


def worst(findings: list[Finding]) -> Verdict:
    """Failed before indeterminate before passed; an empty list of findings is passed."""
    verdicts = {finding.verdict for finding in findings}
    for verdict in (Verdict.FAILED, Verdict.INDETERMINATE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASSED
