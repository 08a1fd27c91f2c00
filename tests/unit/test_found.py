"""A log with thousands of one fault still names every other kind of fault that it has."""

from __future__ import annotations

from ledger.core.findings import Finding, Verdict
from ledger.entry.found import FINDINGS_MAX, Found


def finding(code: str, index: int) -> Finding:
    return Finding(code=code, verdict=Verdict.FAILED, message=code, index=index)


def test_the_first_of_each_code_is_kept_behind_a_thousand_others() -> None:
    found = Found()
    for index in range(2 * FINDINGS_MAX):
        found.report(finding("signature.invalid", index))
    for code in ("checkpoint.root_mismatch", "log.truncated"):
        for _ in range(3):
            found.report(finding(code, 2 * FINDINGS_MAX), is_of_step=False)
    codes = [item.code for item in found.findings]
    assert codes[:FINDINGS_MAX] == ["signature.invalid"] * FINDINGS_MAX
    assert codes[FINDINGS_MAX:] == ["checkpoint.root_mismatch", "log.truncated"]
    assert (found.first_bad, found.more) == (0, FINDINGS_MAX + 4)
