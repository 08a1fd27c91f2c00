"""What a verification has found so far: findings, the first bad index, the worst of each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.core.findings import Finding, Verdict
from ledger.entry.verification import Step

FINDINGS_MAX: Final = 1_000
"""Findings kept whole; further ones are counted. A broken log must not fill the memory."""

_WORST_FIRST: Final = (Verdict.FAILED, Verdict.INDETERMINATE, Verdict.PASSED)

_STEPS: Final = (
    ("origin and genesis", ("trust.", "chain.genesis", "chain.foreign_origin")),
    ("entries well-formed, bytes fit their leaf", ("entry.", "store.leaf")),
    (
        "links of the log",
        ("chain.link", "chain.index", "chain.recorded_at", "log.stray", "log.off"),
    ),
    ("links of the streams", ("chain.stream", "chain.version", "chain.foreign_stream", "stream.")),
    ("signatures, and no action twice", ("signature.", "action.")),
    ("columns, indexes and head row beside the entries", ("store.",)),
    ("heads seen before", ("log.truncated", "log.overwritten", "log.head")),
)


class Found:
    """Collects findings. Whatever is left out, the first failure, what decides and the first of
    each code are kept."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self._codes: dict[str, Verdict] = {}
        self._kept: set[str] = set()
        self._count = 0
        self.verdict = Verdict.PASSED
        """The worst of all, those included that were counted only."""
        self.first_bad = -1

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those that are kept whole, in the order of their coming."""
        return tuple(self._findings)

    @property
    def more(self) -> int:
        """How many were counted only."""
        return self._count - len(self._findings)

    def report(self, finding: Finding, *, is_of_step: bool = True) -> None:
        """Take a finding; `is_of_step` is False where another list of steps counts it."""
        self._count += 1
        if is_of_step:
            known = self._codes.get(finding.code, Verdict.PASSED)
            self._codes[finding.code] = _worse(known, finding.verdict)
        failed = finding.verdict is Verdict.FAILED
        if failed and finding.index >= 0 and not 0 <= self.first_bad <= finding.index:
            self.first_bad = finding.index
        is_first = failed and self.first_bad == finding.index
        worse = _worse(self.verdict, finding.verdict)
        is_kept = is_first or worse is not self.verdict or finding.code not in self._kept
        if len(self._findings) < FINDINGS_MAX or is_kept:
            self._findings.append(finding)
            self._kept.add(finding.code)
        self.verdict = worse

    def steps(self, checked: Sequence[int], others: Sequence[Step] = ()) -> tuple[Step, ...]:
        """The numbered steps with how much each checked, and `others` numbered behind them."""
        verdicts: list[Verdict] = [Verdict.PASSED] * len(_STEPS)
        has_found = [False] * len(_STEPS)
        for code, verdict in self._codes.items():
            places = (n for n, (_, codes) in enumerate(_STEPS) if code.startswith(codes))
            place = next(places, len(_STEPS) - 1)
            verdicts[place] = _worse(verdicts[place], verdict)
            has_found[place] = True
        steps: list[Step] = []
        counts = checked or [0] * len(_STEPS)
        for place, (title, _) in enumerate(_STEPS):
            # A step that checked nothing is left out where nothing was to be checked: it is never
            # shown as passed.
            if counts[place] or has_found[place]:
                steps.append(Step(len(steps) + 1, title, counts[place], verdicts[place]))
        for step in others:
            steps.append(Step(len(steps) + 1, step.title, step.checked, step.verdict))
        return tuple(steps)


def _worse(one: Verdict, other: Verdict) -> Verdict:
    return next(verdict for verdict in _WORST_FIRST if verdict in (one, other))
