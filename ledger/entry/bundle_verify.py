"""Verifies an evidence bundle: the ten steps of docs/formats/evidence.md, by the one verifier's
types. Pure: what is trusted is given.

The first step that fails ends it, and nothing is claimed of later ones. What cannot be known is
indeterminate and does not end it, because a later step may still fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from ledger.core.findings import Finding, FindingError, Verdict, worst
from ledger.entry.bundle import EvidenceBundle
from ledger.entry.bundle_content import check_chain, check_entries, check_files, check_signatures
from ledger.entry.bundle_proofs import check_checkpoints, check_proofs, check_times, check_witnesses
from ledger.entry.bundle_scope import check_completeness, check_manifest
from ledger.entry.bundle_state import BundleCheck, Pins
from ledger.entry.verification import Step

_STEPS: Final[tuple[tuple[str, Callable[[BundleCheck], None]], ...]] = (
    ("files are those of the manifest", check_files),
    ("entries well-formed, in their places", check_entries),
    ("signatures of officers and systems", check_signatures),
    ("links of the log and of the streams", check_chain),
    ("the log holds them all", check_proofs),
    ("checkpoints signed by the log's keys", check_checkpoints),
    ("witnesses of the checkpoints", check_witnesses),
    ("complete as the scope says", check_completeness),
    ("manifest signed by the ledger", check_manifest),
    ("trusted time of the checkpoints", check_times),
)


class BundleVerification(msgspec.Struct, frozen=True):
    """What was found. `not_checked` names what counts for nothing."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]
    not_checked: tuple[str, ...]
    bundle: EvidenceBundle | None


def verify_bundle(data: bytes, pins: Pins = Pins()) -> BundleVerification:  # noqa: B008 - frozen
    """Verify a bundle's bytes against what is pinned."""
    check = BundleCheck(data, pins)
    steps: list[Step] = []
    for number, (title, run) in enumerate(_STEPS, 1):
        before = len(check.findings)
        stopped = False
        try:
            run(check)
        except FindingError as error:
            check.findings.append(error.finding)
            stopped = True
        found = check.findings[before:]
        if check.checked or found:
            steps.append(Step(number, title, check.checked, worst(found)))
        check.checked = 0
        if stopped:
            break
    return BundleVerification(
        worst(check.findings),
        tuple(check.findings),
        tuple(steps),
        tuple(check.not_checked),
        check.bundle,
    )
