"""The one verifier: a pure fold over a log's records that trusts no stored digest and no index.

It re-hashes every byte, follows both links of each entry, checks each submission's signature once,
and compares with what is pinned, stored beside the entries, or was seen before. Three verdicts: a
log that nothing pins, or without entries, is indeterminate, never passed.

It does not show that what an officer wrote is true, nor that an action outside was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ledger.core.chain import ZERO_LINK, Head, StreamHead
from ledger.core.findings import Finding, Verdict
from ledger.core.merkle import RootAccumulator, leaf_hash
from ledger.entry.checkpoint_check import CheckpointCheck
from ledger.entry.entry import Entry, NewerFormatError
from ledger.entry.found import FINDINGS_MAX, Found
from ledger.entry.log_state import LogState, Stray, StrayTracker
from ledger.entry.recorded_twice import RecordedTwice
from ledger.entry.segment import Segment, SegmentStream
from ledger.entry.verification import (
    CheckpointSummary,
    RecordLike,
    SeenHead,
    Step,
    Stored,
    Verification,
)

__all__ = ["FINDINGS_MAX", "RecordLike", "SeenHead", "Step", "Stored", "Verification", "Verifier"]

_NEXT_STEP: Final = "keep a copy as evidence, then compare with a witness, a backup or a bundle"


class Verifier:
    """Verifies one log. Add every record in order, then finish.

    `every_record_counts` is for a log without strays (SQLite, a segment, a bundle): there a record
    that does not extend the head is a failure, and the fold goes on behind it from what the record
    claims, so that each fault is named where it lies and not again at everything behind it. Without
    it the chain rule holds as for every reader of a Kafka partition. `logs` is how many the ledger
    has by the caller's trust: the genesis must say the same.
    """

    def __init__(
        self,
        origin: str,
        genesis_leaf: str | None = None,
        expect: Head | None = None,
        *,
        seen: Iterable[SeenHead] = (),
        every_record_counts: bool = False,
        logs: int | None = None,
        checkpoints: CheckpointCheck | None = None,
    ) -> None:
        self._logs = logs
        self._checkpoints = checkpoints
        self._rooted = frozenset[int]() if checkpoints is None else checkpoints.sizes
        self.state = LogState(origin, genesis_leaf=genesis_leaf)
        self._pinned = genesis_leaf is not None or expect is not None
        self._strict = every_record_counts
        self._watched: dict[int, list[SeenHead]] = {}
        self._heads_compared = 0
        for head in (*seen, *([SeenHead("expected head", *expect)] if expect else ())):
            self._watched.setdefault(head.size, []).append(head)
        self._root = RootAccumulator()
        self._tracker = StrayTracker()
        self._actions = RecordedTwice()
        self._found = Found()
        self._records = 0
        self._links = self._stream_links = self._strays = self._voids = self._stored = 0
        self._malformed = 0
        self._next_position = 0
        self._genesis_leaf = ""
        self._stopped = False
        self._more_steps: list[Step] = []
        self._segment_signatures = 0
        self._last_submission = ""
        self._stray_indices: set[int] = set()
        self._summary: CheckpointSummary | None = None

    def add(self, record: RecordLike, stored: Stored | None = None) -> None:
        """Take the next record, with what the store keeps beside it where it does."""
        if self._stopped:
            return
        self._records += 1
        if record.position != self._next_position:
            self._gap(record)
        self._next_position = record.position + 1
        try:
            admitted = self.state.admit(record.data)
        except NewerFormatError as error:
            self._newer(record, stored, str(error))
            return
        if stored is not None:
            self._compare_stored(record.position, admitted, stored)
        if isinstance(admitted, Stray):
            self._stray(record, admitted, stored)
            return
        self._links += 1
        self._tracker.counted(admitted.leaf)
        self._accept(record, admitted)

    def add_segment(self, segment: Segment) -> bool:
        """Take entries that hold by themselves, if they go on from here; else nothing is changed,
        and their records are to be added one by one. What is found is the same either way.
        """
        state = self.state
        if (
            self._stopped
            or segment.position != self._next_position
            or state.head != (segment.index, segment.prev)
            or self._root.size != segment.index
            or segment.recorded_at[0] < state.recorded_at
            or any(state.keys.role_of(key) is None for key in segment.keys)
            or not all(map(self._is_continued_by, segment.streams))
            or not self._stray_indices.isdisjoint(
                range(segment.index, segment.index + segment.count)
            )
        ):
            return False
        for part in segment.streams:
            state.set_stream_head(part.stream, StreamHead(part.last_version, part.last_leaf))
        state.head = Head(segment.index + segment.count, segment.leaf)
        state.recorded_at = segment.recorded_at[1]
        is_counted = bool(segment.ends[0]) and segment.ends[0] == self._last_submission
        self._segment_signatures += segment.submissions - is_counted
        self._last_submission = segment.ends[1]
        self._next_position = segment.end
        self._records += segment.count
        self._links += segment.count
        self._stream_links += segment.count
        self._stored += segment.stored
        self._actions.join(segment.actions)
        for subtree in segment.subtrees:
            self._root.append_subtree(*subtree)
        self._compare_here()
        return True

    def _is_continued_by(self, part: SegmentStream) -> bool:
        before = self.state.stream_head(part.stream)
        return before == StreamHead(part.version - 1, part.prev) and (
            before.version > 0 or self.state.holds(part.stream)
        )

    @property
    def cuts(self) -> frozenset[int]:
        """The sizes at which a segment has to end, because something is compared there."""
        return self._rooted | self._watched.keys()

    def _accept(self, record: RecordLike, entry: Entry) -> None:
        index = self.state.head.size
        judged = self.state.judge(entry)
        self.state.head = Head(index + 1, entry.leaf)
        if not judged.void:
            self._stream_links += 1
            self._actions.add(entry.action_id, index)
            last = entry.seal.sigs[-1]
            self._last_submission = f"{last.key} {last.sig}"
        else:
            self._voids += 1
            if self._strict:
                self._resume_stream(entry.seal.stream, entry.seal.version, entry.leaf)
        for finding in judged.findings:
            self._found.report(
                msgspec.structs.replace(
                    finding, index=index, offset=record.position, next_step=_NEXT_STEP
                )
            )
        self._count_in(entry.leaf)

    def _count_in(self, leaf: str) -> None:
        if self._root.size == 0:
            self._genesis_leaf = leaf
        self._root.append(bytes.fromhex(leaf))
        self._compare_here()

    def _gap(self, record: RecordLike) -> None:
        if not self._strict:
            self._fail(
                "log.offset_gap",
                "offsets are missing: records of a foreign transaction, or removed ones",
                offset=record.position,
                expected=str(self._next_position),
                actual=str(record.position),
                verdict=Verdict.INDETERMINATE,
            )
            return
        self._fail(
            "chain.index_missing",
            "the row of this index is missing"
            if record.position > self._next_position
            else "a row lies where none can be",
            index=max(min(self._next_position, record.position), 0),
            expected=str(self._next_position),
            actual=str(record.position),
        )
        # Go on behind the gap as if the link held, so that it is named once.
        head = Head(record.position, self._claimed_prev(record))
        self.state.head = head

    def _claimed_prev(self, record: RecordLike) -> str:
        data = record.data or b""
        marker = b'"prev":"'
        at = data.find(marker) + len(marker)
        return data[at : at + len(ZERO_LINK)].decode("ascii", errors="replace")

    def _newer(self, record: RecordLike, stored: Stored | None, message: str) -> None:
        index = self.state.head.size
        self._fail(
            "entry.newer_format",
            message,
            index=index,
            offset=record.position,
            expected="format version 1",
            verdict=Verdict.INDETERMINATE,
        )
        self._malformed += 1
        if not self._strict:
            self._stopped = True
            return
        leaf = leaf_hash(record.data or b"").hex()
        if stored is not None and stored.leaf != leaf:
            self._leaf_mismatch(record.position, stored.leaf, leaf)
        self._go_on_behind(record.position, leaf, stored)

    def _stray(self, record: RecordLike, stray: Stray, stored: Stored | None) -> None:
        if not self._strict:
            self._strays += 1
            if stray.entry is not None:
                self._stray_indices.add(stray.entry.seal.index)
            self._fail(
                "log.stray",
                f"this record does not count: {stray.reason}",
                offset=record.position,
                actual=stray.leaf,
                verdict=Verdict.PASSED,
            )
            if self._tracker.add(stray, self.state.head.size):
                self._fail(
                    "log.overwritten",
                    "strays chain to one another over more than one batch: an entry before them "
                    "was changed or lost",
                    index=self.state.head.size,
                    offset=record.position,
                    expected=f"prev {self.state.head.leaf}",
                    actual=stray.leaf,
                )
            return
        code, expected, actual = self._why(stray)
        if code == "entry.malformed":
            self._malformed += 1
        self._fail(
            code,
            f"this row does not extend the log: {stray.reason}",
            index=self.state.head.size,
            offset=record.position,
            expected=expected,
            actual=actual,
        )
        entry = stray.entry
        if entry is None or entry.seal.origin != self.state.origin:
            self._go_on_behind(record.position, stray.leaf, stored)
            return
        # Only its place or its link is wrong, and that is said: judge the rest of it.
        self.state.head = Head(record.position, entry.seal.prev)
        self._accept(record, entry)

    def _why(self, stray: Stray) -> tuple[str, str, str]:
        head = self.state.head
        if stray.entry is None:
            return "entry.malformed", "an entry", stray.leaf
        seal = stray.entry.seal
        if seal.origin != self.state.origin:
            return "chain.foreign_origin", self.state.origin, seal.origin
        if seal.index != head.size:
            return "chain.index_mismatch", str(head.size), str(seal.index)
        return "chain.link_mismatch", head.leaf, seal.prev

    def _go_on_behind(self, position: int, leaf: str, stored: Stored | None) -> None:
        self.state.head = Head(position + 1, leaf)
        if stored is not None:
            self._resume_stream(stored.stream, stored.version, leaf)
        self._count_in(leaf)

    def _resume_stream(self, stream: str, version: int, leaf: str) -> None:
        self.state.streams[stream] = StreamHead(version, leaf)

    def _compare_stored(self, index: int, admitted: Entry | Stray, stored: Stored) -> None:
        self._stored += 1
        if stored.leaf != admitted.leaf:
            self._leaf_mismatch(index, stored.leaf, admitted.leaf)
        entry = admitted.entry if isinstance(admitted, Stray) else admitted
        if entry is None:
            return
        seal = entry.seal
        found = (seal.stream, seal.version, entry.action_id)
        if found != (stored.stream, stored.version, stored.action_id):
            self._fail(
                "store.column_mismatch",
                "what is stored beside the entry is not what the entry says",
                index=index,
                expected=" ".join(map(str, found)),
                actual=f"{stored.stream} {stored.version} {stored.action_id}",
            )

    def _leaf_mismatch(self, index: int, stored: str, found: str) -> None:
        self._fail(
            "store.leaf_mismatch",
            "the bytes of the entry are not those of the leaf stored beside them",
            index=max(index, 0),
            expected=stored,
            actual=found,
        )

    def _compare_here(self) -> None:
        """Compare with what was seen at exactly this size, heads and roots."""
        head = self.state.head
        if head.size in self._watched:
            for seen in self._watched.pop(head.size):
                self._compare_head(seen, head)
        if self._checkpoints is not None and head.size in self._rooted:
            self._checkpoints.compare(head.size, self._root.root())

    def _compare_head(self, seen: SeenHead, head: Head) -> None:
        self._heads_compared += 1
        if seen.leaf != head.leaf:
            self._fail(
                "log.overwritten",
                f"{seen.source} saw another entry at index {seen.size - 1}",
                index=seen.size - 1,
                expected=seen.leaf,
                actual=head.leaf,
            )

    def add_finding(self, finding: Finding) -> None:
        """Take what an adapter found beside the records (an index of its store, a setting)."""
        self._found.report(finding)

    def add_steps(self, steps: Iterable[Step], findings: Iterable[Finding]) -> None:
        """Take steps that were checked beside the records, of a tile tree, with their findings."""
        self._more_steps += steps
        for finding in findings:
            self._found.report(finding, is_of_step=False)

    def finish(
        self, seen_heads: Sequence[SeenHead] = (), *, stored_head: Head | None = None
    ) -> Verification:
        """The verdict. `stored_head` is the head row; `seen_heads` lie at or beyond the end."""
        head = self.state.head
        for seen in (*(item for group in self._watched.values() for item in group), *seen_heads):
            if seen.size == head.size:
                self._compare_head(seen, head)
            elif seen.size > head.size:
                self._heads_compared += 1
                self._fail(
                    "log.truncated",
                    f"{seen.source} saw {seen.size} entries, {head.size} are there",
                    index=head.size,
                    expected=f"{seen.size}:{seen.leaf}",
                    actual=f"{head.size}:{head.leaf}",
                )
            else:
                self._fail(
                    "log.head_not_compared",
                    f"{seen.source} lies within the log and was not named before the records",
                    expected=f"{seen.size}:{seen.leaf}",
                    verdict=Verdict.INDETERMINATE,
                )
        if stored_head is not None and stored_head != head:
            self._fail(
                "store.head_mismatch",
                "the head row is not the head of the entries",
                index=min(stored_head.size, head.size - (stored_head.size == head.size)),
                expected=f"{head.size}:{head.leaf}",
                actual=f"{stored_head.size}:{stored_head.leaf}",
            )
        for index, first in self._actions.repeated():
            self._fail(
                "action.recorded_twice",
                "the action of this entry is recorded before: somebody put it into the log again",
                index=index,
                expected=f"the entry at index {first} alone",
                actual=f"entries at {first} and {index}",
            )
        if self._logs not in (None, self.state.logs) and self._root.size:
            self._fail(
                "trust.logs_mismatch",
                "the genesis names another number of logs than are pinned",
                index=0,
                expected=f"{self._logs} logs",
                actual=f"{self.state.logs} logs",
            )
        self._finish_checkpoints()
        if self._root.size == 0:
            self._fail("log.empty", "no entries were checked", verdict=Verdict.INDETERMINATE)
        elif not self._pinned and (self._summary is None or not self._summary.covered):
            self._fail(
                "trust.not_pinned",
                "nothing pins this log: it agrees with itself, whoever wrote it",
                expected="a genesis leaf (trust.toml), an expected head or a checkpoint",
                actual=self._genesis_leaf,
                verdict=Verdict.INDETERMINATE,
            )
        return self._result(head, stored_head)

    def _finish_checkpoints(self) -> None:
        if self._checkpoints is not None:
            self._summary = self._checkpoints.finish(self.state.head.size)
            for finding in self._checkpoints.findings:
                self._found.report(finding, is_of_step=False)

    def _result(self, head: Head, stored_head: Head | None) -> Verification:
        signatures = self.state.keys.verifications + self._segment_signatures
        checked = (
            int(self._root.size > 0),
            self._records - self._malformed,
            self._links,
            self._stream_links,
            signatures,
            self._stored + (stored_head is not None),
            self._heads_compared,
        )
        others = [*self._more_steps, *(self._checkpoints.steps() if self._checkpoints else ())]
        return Verification(
            verdict=self._found.verdict,
            findings=self._found.findings,
            more_findings=self._found.more,
            steps=self._found.steps(checked, others),
            first_bad_index=self._found.first_bad,
            entries=self._root.size,
            links=self._links,
            stream_links=self._stream_links,
            signatures=signatures,
            strays=self._strays,
            voids=self._voids,
            origin=self.state.origin,
            genesis_leaf=self._genesis_leaf,
            head=head,
            recorded_at=self.state.recorded_at,
            root=self._root.root().hex(),
            checkpoints=self._summary,
        )

    def _fail(
        self,
        code: str,
        message: str,
        *,
        index: int = -1,
        offset: int = -1,
        expected: str = "",
        actual: str = "",
        verdict: Verdict = Verdict.FAILED,
        is_of_step: bool = True,
    ) -> None:
        self._found.report(
            Finding(
                code=code,
                verdict=verdict,
                message=message,
                origin=self.state.origin,
                index=index,
                offset=offset,
                expected=expected,
                actual=actual,
                next_step="" if verdict is Verdict.PASSED else _NEXT_STEP,
            ),
            is_of_step=is_of_step,
        )
