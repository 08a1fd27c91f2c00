"""Some entries of a log without all the others: a range of it, or one stream.

What lies outside is not read, so the first link of the log and of each stream is taken at its word;
every link inside is checked. The keys come from the log's own stream, which is followed from the
genesis that is pinned. What ties the part to the log is a checkpoint: each entry is proved to stand
under its root by the tiles that are published beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ledger.core.chain import Head, StreamHead
from ledger.core.findings import Verdict
from ledger.core.merkle import NodeReader, ProofError, check_inclusion, prove_inclusion
from ledger.core.tiles import TileError
from ledger.entry.checkpoint_check import CheckpointCheck
from ledger.entry.entry import Entry, EntryError, NewerFormatError, Seal, decode_entry
from ledger.entry.verification import RecordLike, SeenHead, Step, Stored, Verification
from ledger.entry.verify import Verifier

INCLUSION_STEP = "entries under the root of a checkpoint"


class PartVerifier(Verifier):
    """Add the log's own entries before the part, then its records in order, then finish.

    `span` holds the indexes of a range; without it these are the entries of `stream`, which lie
    apart. `read` gives the subtrees of the published tree under the newest checkpoint of `checks`.
    """

    def __init__(
        self,
        origin: str,
        genesis_leaf: str | None,
        *,
        span: range | None = None,
        stream: str = "",
        checks: CheckpointCheck | None = None,
        read: NodeReader | None = None,
    ) -> None:
        super().__init__(origin, genesis_leaf, every_record_counts=True)
        self._span = span
        self._is_range = span is not None
        self._stream = stream
        self._checks = checks
        self._checkpoint = None if checks is None else checks.newest()
        self._read_node = read
        self._pinned_leaf = genesis_leaf
        self._first = -1
        self._included = self._assumed = 0
        self._not_included = False

    def add_own(self, data: bytes) -> None:
        """An entry of the log's own stream, from its genesis on: it may enrol or revoke a key."""
        try:
            entry = decode_entry(data)
        except (EntryError, NewerFormatError) as error:
            self._fail("entry.malformed", f"an entry of the log's own stream: {error}")
            return
        if not self._is_of(self.state.own_stream, entry.seal):
            return
        self.state.head = Head(entry.seal.index, entry.seal.prev)
        recorded_at, self.state.recorded_at = self.state.recorded_at, ""
        for finding in self.state.judge(entry).findings:
            self.add_finding(finding)
        self.state.recorded_at = recorded_at

    def add(self, record: RecordLike, stored: Stored | None = None) -> None:
        """Take the next record of the part."""
        if self._first < 0 or not self._is_range:
            self._next_position = record.position
            self.state.head = Head(record.position, self._claimed_prev(record))
        if self._first < 0:
            self._first = record.position
        super().add(record, stored)

    def _is_of(self, stream: str, seal: Seal) -> bool:
        """Whoever looked for the entries of a stream is not believed that these are."""
        if seal.stream != stream:
            self._fail(
                "entry.other_stream",
                "this entry was given out as one of another stream",
                index=seal.index,
                expected=stream,
                actual=seal.stream,
            )
        return seal.stream == stream

    def _accept(self, record: RecordLike, entry: Entry) -> None:
        seal = entry.seal
        if not self._is_range:
            self._is_of(self._stream, seal)
        is_open = self._is_range and seal.version > 1
        if is_open and seal.stream not in self.state.streams:
            self._assumed += 1
            before = StreamHead(seal.version - 1, seal.stream_prev)
            self.state.set_stream_head(seal.stream, before)
        super()._accept(record, entry)
        self._prove(seal.index, bytes.fromhex(entry.leaf))

    def _prove(self, index: int, leaf: bytes) -> None:
        """That an entry stands under the checkpoint's root."""
        tree, read = self._checkpoint, self._read_node
        if tree is None or read is None or index >= tree.size:
            return
        try:
            path = prove_inclusion(index, tree.size, read)
            check_inclusion(index, tree.size, leaf, path, tree.root)
        except TileError as error:
            self._not_included = True
            self._fail("tile.missing", str(error), index=index, is_of_step=False)
        except ProofError as error:
            self._fail(
                "entry.not_included",
                f"this entry does not stand under the root of the checkpoint: {error}",
                index=index,
                expected=tree.root.hex(),
                is_of_step=False,
            )
            self._not_included = True
        else:
            self._included += 1

    def finish(
        self, seen_heads: Sequence[SeenHead] = (), *, stored_head: Head | None = None
    ) -> Verification:
        """The verdict over the part alone."""
        count = self._root.size
        if count and self._span is not None:
            self._check_span(self._span)
        # Links that were taken at their word were not checked.
        self._links = self._links - (self._first > 0) if self._is_range else 0
        self._stream_links -= self._assumed
        is_anchored = self._is_range and self._first == 0 and self._pinned_leaf is not None
        if self._checks is not None:
            for finding in self._checks.findings:
                self._found.report(finding, is_of_step=False)
        verdict = Verdict.PASSED
        if count and not is_anchored and self._included < count:
            self._fail(
                "log.not_anchored",
                "nothing ties these entries to the log that is pinned: what lies before was not "
                "read, and no checkpoint was found that covers them all",
                expected=f"{count} entries under a checkpoint",
                actual=f"{self._included}",
                verdict=Verdict.INDETERMINATE,
                is_of_step=False,
            )
            verdict = Verdict.INDETERMINATE
        if self._not_included:
            verdict = Verdict.FAILED
        if self._included or verdict is not Verdict.PASSED:
            self._more_steps.append(Step(0, INCLUSION_STEP, self._included, verdict))
        if self._checks is not None:
            self._more_steps += self._checks.steps()
        found = super().finish(seen_heads, stored_head=stored_head)
        return msgspec.structs.replace(found, root="", genesis_leaf=self._pinned_leaf or "")

    def _check_span(self, span: range) -> None:
        """That the range is there from its first entry to its last."""
        missing = span.start if self._first != span.start else self._next_position
        if missing >= span.stop:
            return
        is_covered = self._checkpoint is not None and missing < self._checkpoint.size
        self._fail(
            "chain.index_missing",
            "the range is not there as a whole" + ("" if is_covered else ", or the log is shorter"),
            index=missing,
            expected=f"entries {span.start} to {span.stop - 1}",
            actual=f"{self._first} to {self._next_position - 1}",
            verdict=Verdict.FAILED if is_covered else Verdict.INDETERMINATE,
        )
