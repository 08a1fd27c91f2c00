"""Signed checkpoints against a log: signatures, witnesses, trusted time, and the root at each size.

The policy says whose signatures count; it is pinned elsewhere and never taken from the log. What is
missing is never taken for good: a checkpoint without its quorum is indeterminate, and so is a log
that no checkpoint covers although a policy is pinned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ledger.core.checkpoint import Checkpoint
from ledger.core.findings import Finding, Verdict
from ledger.core.merkle import EMPTY_ROOT
from ledger.core.note import NoteError, parse_note
from ledger.core.policy import QUORUM_NONE, Policy
from ledger.entry.note_keys import NoteSignatureError, VerifiedCheckpoint, verify_checkpoint
from ledger.entry.verification import CheckpointSummary, Step

CHECKPOINT_STEPS: Final = (
    "checkpoints signed by the log's keys",
    "roots of the log at its checkpoints",
    "witnesses of the checkpoints",
    "trusted time of the checkpoints",
)
SIGNED, ROOTS, WITNESSES, TIMES = range(len(CHECKPOINT_STEPS))

CheckTime = Callable[[str, bytes], str]
"""Takes a checkpoint's text and a time-stamp token over it; gives the instant (RFC 3339, UTC), or
raises ValueError where an authority that is pinned did not sign this text."""

_NEXT: Final = "keep the checkpoint and a copy of the log: together they are the evidence"


class GivenCheckpoint(msgspec.Struct, frozen=True):
    """A signed checkpoint as somebody published, kept or served it; `source` is for people.

    `token` is an RFC 3161 token over its text, where one lies beside it.
    """

    source: str
    data: bytes
    token: bytes | None = None


class _Known(msgspec.Struct):
    source: str
    checkpoint: Checkpoint
    is_witnessed: bool
    is_of_root: bool = False
    is_compared: bool = False


class CheckpointCheck:
    """The checkpoints of one log. Ask `compare` at each of `sizes`, then `finish`.

    `policy_name` is for people. `check_time` is None where no authority is pinned: tokens are then
    indeterminate.
    """

    def __init__(
        self,
        origin: str,
        policy: Policy,
        given: Sequence[GivenCheckpoint],
        *,
        policy_name: str = "policy",
        check_time: CheckTime | None = None,
    ) -> None:
        self.origin = origin
        self._policy = policy
        self._policy_name = policy_name
        self._check_time = check_time
        self._known: list[_Known] = []
        self._found: dict[int, list[Verdict]] = {step: [] for step in range(len(CHECKPOINT_STEPS))}
        self._signed = self._compared = self._witnessed = self._timed = 0
        self.findings: list[Finding] = []
        """What was found so far; whoever takes some empties the list."""
        for item in given:
            self._open(item)

    def add_root(self, source: str, size: int, root: bytes) -> None:
        """A root that is committed to elsewhere, under signatures that hold: in a log of
        checkpoints."""
        self._known.append(_Known(source, Checkpoint(self.origin, size, root), True))

    def newest(self) -> Checkpoint | None:
        """The largest checkpoint that is signed and witnessed; its root is not compared yet."""
        held = [known.checkpoint for known in self._known if known.is_witnessed]
        return max(held, key=lambda checkpoint: checkpoint.size, default=None)

    @property
    def sizes(self) -> frozenset[int]:
        """The sizes at which the log's root is asked for."""
        return frozenset(known.checkpoint.size for known in self._known if known.checkpoint.size)

    def _open(self, given: GivenCheckpoint) -> None:
        keys = self._policy.logs.get(self.origin, ())
        if not keys:
            self._find(
                SIGNED,
                "checkpoint.unknown_log",
                f"{self._policy_name} names no key of this log",
                source=given.source,
                verdict=Verdict.INDETERMINATE,
                expected=f"log {self.origin}+…",
            )
            return
        try:
            note = parse_note(given.data)
            verified = verify_checkpoint(note, self.origin, keys, self._policy.cosigners)
        except NoteSignatureError as error:
            self._find(SIGNED, "checkpoint.signature_invalid", str(error), source=given.source)
            return
        except NoteError as error:
            self._find(SIGNED, "checkpoint.malformed", str(error), source=given.source)
            return
        self._signed += 1
        witnessed = self._check_quorum(given.source, verified)
        self._check_token(given, note.text)
        self._known.append(_Known(given.source, verified.checkpoint, witnessed))

    def _check_quorum(self, source: str, verified: VerifiedCheckpoint) -> bool:
        if self._policy.quorum == QUORUM_NONE:
            return True
        self._witnessed += 1
        cosigned = [signature.key for signature in verified.cosignatures]
        if self._policy.is_quorum(cosigned):
            return True
        self._find(
            WITNESSES,
            "checkpoint.unwitnessed",
            "too few of the witnesses that the policy asks for cosigned this checkpoint",
            source=source,
            size=verified.checkpoint.size,
            verdict=Verdict.INDETERMINATE,
            expected=f"quorum {self._policy.quorum} of {self._policy_name}",
            actual=", ".join(key.name for key in cosigned) or "no cosignature",
        )
        return False

    def _check_token(self, given: GivenCheckpoint, text: str) -> None:
        if given.token is None:
            return
        self._timed += 1
        if self._check_time is None:
            self._find(
                TIMES,
                "timestamp.not_checked",
                "a time-stamp lies beside this checkpoint, and no authority is pinned",
                source=given.source,
                verdict=Verdict.INDETERMINATE,
                expected="the certificate of an authority",
            )
            return
        try:
            self._check_time(text, given.token)
        except ValueError as error:
            self._find(TIMES, "timestamp.invalid", str(error), source=given.source)

    def compare(self, size: int, root: bytes) -> None:
        """The log has this root at one of `sizes`."""
        for known in self._known:
            if known.checkpoint.size != size:
                continue
            self._compared += 1
            known.is_compared = True
            known.is_of_root = known.checkpoint.root == root
            if not known.is_of_root:
                self._find(
                    ROOTS,
                    "checkpoint.root_mismatch",
                    f"the {size} entries of this log are not those of the checkpoint",
                    source=known.source,
                    size=size,
                    expected=known.checkpoint.root.hex(),
                    actual=root.hex(),
                )

    def finish(self, size: int) -> CheckpointSummary:
        """The log ends at `size`."""
        self.compare(0, EMPTY_ROOT)
        for known in self._known:
            if known.checkpoint.size > size:
                self._compared += 1
                self._find(
                    ROOTS,
                    "log.truncated",
                    f"{known.source} covers {known.checkpoint.size} entries, {size} are there",
                    size=size + 1,
                    expected=f"{known.checkpoint.size} entries",
                    actual=f"{size} entries",
                )
            elif not known.is_compared:
                self._find(
                    ROOTS,
                    "checkpoint.not_compared",
                    f"entries before size {known.checkpoint.size} could not be read",
                    source=known.source,
                    verdict=Verdict.INDETERMINATE,
                    expected=known.checkpoint.root.hex(),
                )
        holding = [known for known in self._known if known.is_of_root and known.is_witnessed]
        covered = max((known.checkpoint.size for known in holding), default=0)
        if size and not covered and not any(self._found.values()):
            self._find(
                SIGNED,
                "checkpoint.missing",
                f"{self._policy_name} is pinned, and no checkpoint of this log covers an entry",
                verdict=Verdict.INDETERMINATE,
                expected="a checkpoint that the log signed",
                next_step="pal seal run, or name one that somebody kept: --checkpoint FILE",
            )
        return CheckpointSummary(
            self._policy_name, self._signed, self._compared, self._witnessed, self._timed, covered
        )

    def steps(self) -> list[Step]:
        """The steps that checked or found something; numbers are the caller's."""
        counts = (self._signed, self._compared, self._witnessed, self._timed)
        return [
            Step(0, title, counts[place], _worst(self._found[place]))
            for place, title in enumerate(CHECKPOINT_STEPS)
            if counts[place] or self._found[place]
        ]

    def _find(
        self,
        step: int,
        code: str,
        message: str,
        *,
        source: str = "",
        size: int = 0,
        verdict: Verdict = Verdict.FAILED,
        expected: str = "",
        actual: str = "",
        next_step: str = _NEXT,
    ) -> None:
        self._found[step].append(verdict)
        self.findings.append(
            Finding(
                code=code,
                verdict=verdict,
                message=f"{source}: {message}" if source else message,
                origin=self.origin,
                index=size - 1,
                expected=expected,
                actual=actual,
                next_step=next_step,
            )
        )


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    for verdict in (Verdict.FAILED, Verdict.INDETERMINATE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASSED
