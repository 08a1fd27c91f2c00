"""The sealer: signs what the logs hold, gathers it in the log of checkpoints, asks the witnesses.

One round after another, one sealer for a ledger. A log that cannot be relied on is signed no more;
the others go on. The rules are those of INTEGRITY.md section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from consumers.workers.outage import Alarms, OutageWatch
from consumers.workers.tree_sealer import TreeSealer
from consumers.workers.witnesses import Witnesses
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.app.limits import SEAL_ENTRIES_MAX
from ledger.app.sealing import SealerDisplacedError, TreeState
from ledger.app.submission import LedgerError
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.note import parse_note
from ledger.core.times import format_instant, parse_instant
from ledger.entry.checkpoint_log import LoggedTree, Round, parse_round

REFRESH_SECONDS: Final = 600.0
"""A checkpoint of a log that stands still is cosigned anew after this: freshness needs it too."""

STAMP_SECONDS: Final = 600.0
"""At most one RFC 3161 token a tree in this time: an authority is not asked for each round."""

Stamp = Callable[[bytes], bytes]
"""Gets an RFC 3161 token over a checkpoint's text; raises `LedgerError`."""


class SealedTree(msgspec.Struct, frozen=True):
    """A tree after a round: how many entries it `grew` by, when its newest checkpoint was signed
    and when a quorum last cosigned it ("" never); `problem` says why nothing is signed of it."""

    origin: str
    size: int
    grew: int
    signed_at: str
    witnessed_at: str
    problem: str = ""


class SealedRound(msgspec.Struct, frozen=True):
    """What a round did, and what it found wrong; `is_behind` where a log has more to be signed."""

    trees: tuple[SealedTree, ...]
    findings: tuple[Finding, ...]
    is_behind: bool


class Sealer:
    """All trees of one ledger: `logs` by number, and `rounds`, the log of checkpoints."""

    def __init__(
        self,
        store: CheckpointStore,
        logs: Sequence[TreeSealer],
        rounds: TreeSealer,
        witnesses: Witnesses,
        outage: OutageWatch,
        alarms: Alarms,
        now: Callable[[], datetime],
        stamp: Stamp | None = None,
    ) -> None:
        self._store = store
        self._logs = tuple(logs)
        self._rounds = rounds
        self._witnesses = witnesses
        self._outage = outage
        self._alarms = alarms
        self._now = now
        self._stamp = stamp
        self._stamp_tried: dict[str, datetime] = {}
        self._stopped: dict[str, FindingError] = {}
        self._forgetful: list[Finding] = []

    def seal(self) -> SealedRound:
        """One round. Raises `SealerDisplacedError`: another sealer is at work, end this one."""
        self._witnesses.begin_round()
        findings: list[Finding] = []
        before = {tree.origin: tree.state.size for tree in self._trees}
        problems: dict[str, Finding] = {}
        missing: dict[str, str] = {}
        for tree in self._logs:
            self._guarded(tree, problems, missing, self._grow)
        self._add_round()
        self._guarded(self._rounds, problems, missing, self._grow)
        for tree in self._trees:
            if tree.origin not in problems:
                self._guarded(tree, problems, missing, self._publish)
        findings += problems.values()
        findings += self._forgetful
        self._forgetful = []
        findings += self._stamp_each(problems)
        for finding in findings:
            self._alarms.say(finding)
        sizes = {tree.origin: tree.state.size for tree in self._logs}
        outage = self._outage.tell("; ".join(sorted(set(missing.values()))), sizes)
        findings += [outage] if outage is not None else []
        self._alarms.keep(findings)
        trees = [self._told(tree, before[tree.origin], problems) for tree in self._trees]
        return SealedRound(
            tuple(trees),
            tuple(findings),
            any(tree.grew >= SEAL_ENTRIES_MAX for tree in trees),
        )

    @property
    def _trees(self) -> tuple[TreeSealer, ...]:
        return (*self._logs, self._rounds)

    def _guarded(
        self,
        tree: TreeSealer,
        problems: dict[str, Finding],
        missing: dict[str, str],
        work: Callable[[TreeSealer, dict[str, str]], None],
    ) -> None:
        """Carry work on a tree out; what stops it is kept, and stops no other tree."""
        try:
            if tree.origin in self._stopped:
                raise self._stopped[tree.origin]
            work(tree, missing)
        except SealerDisplacedError:
            raise
        except FindingError as error:
            problems[tree.origin] = error.finding
        except LedgerError as error:
            problems[tree.origin] = Finding(
                code=error.code,
                verdict=Verdict.INDETERMINATE,
                message=str(error),
                origin=tree.origin,
                next_step=error.next_step,
            )

    def _grow(self, tree: TreeSealer, missing: dict[str, str]) -> None:
        signed = tree.signed()
        if signed is not None and not signed.witnessed_at:
            # A witness that knows another tree says so before anything more is signed.
            self._cosign(tree, missing)
        tree.grow()

    def _add_round(self) -> None:
        """Write down every log's latest, where it is not what was written last."""
        states = [tree.state for tree in self._logs]
        logged = tuple(map(_logged, states))
        last = self._store.last_round()
        if last is None or parse_round(last).logs != logged:
            entry = Round(logged, format_instant(self._now()))
            self._store.add_round(self._rounds.origin, entry.encode())

    def _publish(self, tree: TreeSealer, missing: dict[str, str]) -> None:
        signed = tree.signed()
        if signed is None:
            return
        due = self._now() - timedelta(seconds=REFRESH_SECONDS)
        if not signed.witnessed_at or parse_instant(signed.witnessed_at) <= due:
            self._cosign(tree, missing)
        tree.publish()

    def _cosign(self, tree: TreeSealer, missing: dict[str, str]) -> None:
        """Ask the witnesses for what was signed last of a tree, and keep what they gave."""
        signed = tree.signed()
        if signed is None or not self._witnesses.are_asked:
            return
        newest = self._store.newest_witnessed(tree.origin)
        if newest is not None:
            self._witnesses.remember(parse_note(newest.note))
        asked = self._witnesses.cosign(parse_note(signed.note), tree.prove_from)
        self._forgetful += [_forgot(tree.origin, *each) for each in asked.forgot]
        moment = format_instant(self._now()) if asked.is_quorum else None
        if asked.ahead is not None or asked.forked is not None:
            # Contradicted by one: shown to the witnesses again before anything more is signed.
            moment = ""
        self._store.keep_cosigned(tree.origin, signed.size, asked.note.encode(), moment)
        if asked.ahead is not None:
            raise self._stop(tree, tree.rolled_back(*asked.ahead))
        if asked.forked is not None:
            raise self._stop(tree, tree.forked(*asked.forked))
        missing.pop(tree.origin, None)
        if not asked.is_quorum:
            why = "; ".join(f"{name}: {text}" for name, text in sorted(asked.problems.items()))
            missing[tree.origin] = why or "fewer witnesses have a URL than the quorum asks for"

    def _stop(self, tree: TreeSealer, error: FindingError) -> FindingError:
        self._stopped[tree.origin] = error
        return error

    def _stamp_each(self, problems: Mapping[str, Finding]) -> list[Finding]:
        """Have the newest checkpoints stamped, where that is due; gives why it was not possible."""
        if self._stamp is None:
            return []
        findings: list[Finding] = []
        for tree in self._trees:
            now, signed = self._now(), tree.signed()
            newest = self._store.newest_stamped(tree.origin)
            tried = self._stamp_tried.get(tree.origin)
            if newest is not None and (tried is None or parse_instant(newest.stamped_at) > tried):
                tried = parse_instant(newest.stamped_at)
            is_due = tried is None or now - tried >= timedelta(seconds=STAMP_SECONDS)
            if signed is None or signed.token or tree.origin in problems or not is_due:
                continue
            self._stamp_tried[tree.origin] = now
            try:
                token = self._stamp(parse_note(signed.note).text.encode())
            except LedgerError as error:
                findings.append(_not_stamped(tree.origin, error))
                continue
            self._store.keep_token(tree.origin, signed.size, token, format_instant(now))
            tree.publish()
        return findings

    def _told(self, tree: TreeSealer, before: int, problems: Mapping[str, Finding]) -> SealedTree:
        signed, finding = tree.signed(), problems.get(tree.origin)
        return SealedTree(
            tree.origin,
            tree.state.size,
            tree.state.size - before,
            "" if signed is None else signed.signed_at,
            "" if signed is None else signed.witnessed_at,
            "" if finding is None else finding.code,
        )


def _logged(state: TreeState) -> LoggedTree:
    return LoggedTree(
        state.officers, state.officers_root.hex(), state.origin, state.root.hex(), state.size
    )


def _forgot(origin: str, name: str, theirs: int, ours: int) -> Finding:
    """It has cosigned again by now: no harm is done, and none would have been seen."""
    return Finding(
        code="witness.rolled_back",
        verdict=Verdict.FAILED,
        message=f"{name} has forgotten what it cosigned: its file was put back to an earlier state",
        origin=origin,
        expected=f"{ours} entries, which it cosigned",
        actual=f"{theirs} entries",
        next_step="tell whoever runs it (docs/operate/witness.md); until then it protects from "
        "nothing that it has forgotten",
    )


def _not_stamped(origin: str, error: LedgerError) -> Finding:
    return Finding(
        code="timestamp.missing",
        verdict=Verdict.INDETERMINATE,
        message=f"no RFC 3161 token for the newest checkpoint: {error}",
        origin=origin,
        next_step=error.next_step or "see that the authority can be reached; it is asked again",
    )
