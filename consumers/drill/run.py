"""Plays cases on a stage: attacks, lets every detector look, and judges by the threat model."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Final, TypeVar

from consumers.drill.case import (
    Case,
    Detection,
    Detector,
    DrillError,
    Outcome,
    SkippedError,
    Stage,
    Status,
)
from ledger.app.submission import LedgerError
from ledger.core.findings import Finding, FindingError, Verdict

S = TypeVar("S")

_WORST_FIRST: Final = (Verdict.FAILED, Verdict.INDETERMINATE, Verdict.PASSED)


def look(detector: Detector[S], scene: S) -> tuple[Finding, ...]:
    """What a detector says; an error that it ends with is what it found."""
    try:
        return tuple(detector(scene))
    except FindingError as error:
        return (error.finding,)
    except LedgerError as error:
        return (Finding(code=error.code, verdict=Verdict.INDETERMINATE, message=str(error)),)


def check_quiet(detectors: Mapping[str, Detector[S]], scene: S) -> None:
    """Raise `DrillError` where a detector finds anything before the attack: it would seem to have
    detected it."""
    for name, detector in detectors.items():
        for finding in look(detector, scene):
            msg = f"before any attack the {name} says {finding.code}: {finding.message}"
            raise DrillError(msg, next_step="pal verify; a drill begins with a sound log")


def play(stage: Stage[S], case: Case[S]) -> Outcome:
    """One case on a scene of its own."""
    try:
        with stage.scene() as scene:
            case.attack(scene)
            seen = [_ask(name, detector, scene) for name, detector in stage.detectors.items()]
    except SkippedError as skipped:
        return _outcome(stage, case, Status.SKIPPED, str(skipped))
    detections = tuple(detection for detection in seen if detection.codes)
    return _judge(stage, case, detections)


def _ask(name: str, detector: Detector[S], scene: S) -> Detection:
    begun = perf_counter()
    findings = look(detector, scene)
    seconds = perf_counter() - begun
    ordered = sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.verdict))
    return Detection(name, tuple(dict.fromkeys(finding.code for finding in ordered)), seconds)


def _judge(stage: Stage[S], case: Case[S], detections: tuple[Detection, ...]) -> Outcome:
    told = {detection.detector: detection.codes for detection in detections}
    wanted = _wanted(stage, case)
    missed = [f"{name} {code}" for name, code in wanted.items() if code not in told.get(name, ())]
    status = Status.DETECTED
    if not detections:
        status = Status.UNDETECTED
    elif missed or not wanted:
        status = Status.MISSED
    return _outcome(stage, case, status, ", ".join(missed), detections)


def _wanted(stage: Stage[S], case: Case[S]) -> dict[str, str]:
    return {name: code for name, code in case.expected.items() if name in stage.detectors}


def _outcome(
    stage: Stage[S],
    case: Case[S],
    status: Status,
    reason: str,
    detections: tuple[Detection, ...] = (),
) -> Outcome:
    return Outcome(
        case.name,
        case.title,
        case.attacker,
        stage.name,
        status,
        _wanted(stage, case),
        detections,
        reason,
    )
