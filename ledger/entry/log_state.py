"""Which records count, and what an entry means for its stream: the fold every reader shares.

Chain rule (KAFKA.md section 1): a record counts only if it is a well-formed entry of this origin
with `index` = size and `prev` = head; any other record is a stray, for everyone, for ever. A
counted entry whose signature is wrong, that does not continue its stream, or whose stream belongs
into another log, keeps its index but is void: no fold applies it. Writer, projections and verifier
use this one class, so they cannot part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ledger.core.chain import EMPTY_HEAD, EMPTY_STREAM, Head, StreamHead
from ledger.core.findings import Finding, Verdict
from ledger.core.ids import log_number, log_of
from ledger.core.merkle import ProofError, leaf_hash
from ledger.entry.entry import Entry, EntryError, decode_entry
from ledger.entry.signatures import KeyRing, SignatureError

GENESIS_TYPE = "ledger.genesis.v1"


class Stray(msgspec.Struct, frozen=True):
    """A record that does not count, with why; `entry` where it is well-formed all the same."""

    reason: str
    leaf: str
    entry: Entry | None = None


class Judged(msgspec.Struct, frozen=True):
    """An entry that counts; `void` says that no fold may apply it. Findings say what is wrong."""

    entry: Entry
    void: bool
    findings: tuple[Finding, ...]


class LogState:
    """The head of a log, the heads of its streams and its keys, after `size` entries."""

    def __init__(self, origin: str, *, genesis_leaf: str | None = None) -> None:
        self.origin = origin
        self.own_stream = f"ledger:{origin}"
        """The stream of the log itself."""
        self.genesis_leaf = genesis_leaf
        self.head: Head = EMPTY_HEAD
        self.recorded_at = ""
        self.streams: dict[str, StreamHead] = {}
        self.keys = KeyRing()
        self.logs = 1
        """How many logs the ledger has, as its genesis says."""

    def stream_head(self, stream: str) -> StreamHead:
        """Where a stream stands; version 0 for one without entries."""
        return self.streams.get(stream, EMPTY_STREAM)

    def stream_heads(self, streams: Sequence[str]) -> list[StreamHead]:
        """Where each of some streams stands."""
        return [self.stream_head(stream) for stream in streams]

    def holds(self, stream: str) -> bool:
        """Whether a stream belongs into this log: each stream is in one log of its ledger."""
        if self.logs == 1 or stream.startswith("ledger:"):
            return True
        return log_number(stream, self.logs) == log_of(self.origin)

    def apply_own(self, type_name: str, data: Mapping[str, Any]) -> None:
        """Fold an entry of the log's own stream: its keys and, from the genesis, how many logs.

        Raises `SignatureError`. Whoever restores a state hands every such entry in again.
        """
        self.keys.apply(type_name, data)
        if type_name == GENESIS_TYPE:
            logs = data.get("logs", 1)
            self.logs = logs if isinstance(logs, int) and logs > 0 else 1

    def set_stream_head(self, stream: str, head: StreamHead) -> None:
        """An entry that is not void continued its stream."""
        self.streams[stream] = head

    def set_stream_heads(self, heads: Iterable[tuple[str, StreamHead]]) -> None:
        """Entries that are not void continued their streams."""
        for stream, head in heads:
            self.set_stream_head(stream, head)

    def admit(self, data: bytes | None) -> Entry | Stray:
        """Apply the chain rule to one record without changing anything.

        Raises `NewerFormatError` where this software is too old to go on.
        """
        read = self.decode(data)
        return self.place(read) if isinstance(read, Entry) else read

    def decode(self, data: bytes | None) -> Entry | Stray:
        """What a record is by itself, wherever it lies; raises `NewerFormatError`."""
        if data is None:
            return Stray("a record without a value", "")
        try:
            return decode_entry(data)
        except EntryError as error:
            return Stray(f"not an entry: {error}", leaf_hash(data).hex())

    def place(self, entry: Entry) -> Entry | Stray:
        """The second half of `admit`: whether an entry extends the head."""
        seal = entry.seal
        if seal.origin != self.origin:
            return Stray(f"an entry of {seal.origin}", entry.leaf, entry)
        if seal.index != self.head.size:
            reason = f"index {seal.index} where {self.head.size} was expected"
            return Stray(reason, entry.leaf, entry)
        if seal.prev != self.head.leaf:
            reason = f"prev {seal.prev} where {self.head.leaf} was expected"
            return Stray(reason, entry.leaf, entry)
        return entry

    def judge(self, entry: Entry, root: bytes | None = None) -> Judged:
        """Take an admitted entry into the state: always the head, its stream only if not void.

        `root` is that of its submission, where `submission_roots` found it.
        """
        seal = entry.seal
        doubts = self._check_clock(entry) if seal.recorded_at < self.recorded_at else ()
        faults: Sequence[Finding] = ()
        if seal.index == 0 or seal.type == GENESIS_TYPE:
            faults = self._check_genesis(entry)
        faults = faults or self._check_stream(entry) or self._check_signatures(entry, root)
        void = bool(faults)
        self.head = Head(seal.index + 1, entry.leaf)
        if not doubts:
            self.recorded_at = seal.recorded_at
        if not void:
            self.set_stream_head(seal.stream, StreamHead(seal.version, entry.leaf))
        return Judged(entry, void, (*doubts, *faults) if doubts or faults else ())

    def _check_clock(self, entry: Entry) -> Sequence[Finding]:
        # A clock that ran backwards is a failed check of the writer, but the action stands.
        seal = entry.seal
        return [
            self._finding(
                entry,
                "chain.recorded_at_backwards",
                "recorded earlier than the entry before it",
                expected=f"not before {self.recorded_at}",
                actual=seal.recorded_at,
            )
        ]

    def _check_genesis(self, entry: Entry) -> Sequence[Finding]:
        seal = entry.seal
        if (seal.index == 0) != (seal.type == GENESIS_TYPE):
            return [
                self._finding(
                    entry,
                    "chain.genesis_misplaced",
                    "a log begins with its genesis, and only there",
                    expected=GENESIS_TYPE if seal.index == 0 else "no second genesis",
                    actual=seal.type,
                )
            ]
        if seal.index == 0 and self.genesis_leaf not in (None, entry.leaf):
            return [
                self._finding(
                    entry,
                    "trust.genesis_mismatch",
                    "this log begins with another genesis than the one that is pinned",
                    expected=str(self.genesis_leaf),
                    actual=entry.leaf,
                )
            ]
        return ()

    def _check_stream(self, entry: Entry) -> Sequence[Finding]:
        seal = entry.seal
        before = self.stream_head(seal.stream)
        if seal.stream.startswith("ledger:") and seal.stream != self.own_stream:
            return [
                self._finding(
                    entry,
                    "chain.foreign_stream",
                    "the stream of another log",
                    expected=self.own_stream,
                    actual=seal.stream,
                )
            ]
        # A stream that never began here cannot go on here: looking at its first version is enough.
        if before.version == 0 and not self.holds(seal.stream):
            return [
                self._finding(
                    entry,
                    "stream.other_log",
                    f"this stream belongs into another of the ledger's {self.logs} logs",
                    expected=f"log {log_number(seal.stream, self.logs)}",
                    actual=f"log {log_of(self.origin)}",
                )
            ]
        if seal.version != before.version + 1:
            return [
                self._finding(
                    entry,
                    "chain.version_mismatch",
                    "the version does not continue its stream",
                    expected=str(before.version + 1),
                    actual=str(seal.version),
                )
            ]
        if seal.stream_prev != before.leaf:
            return [
                self._finding(
                    entry,
                    "chain.stream_link_mismatch",
                    "the stream link is not the leaf of the version before",
                    expected=before.leaf,
                    actual=seal.stream_prev,
                )
            ]
        return ()

    def _check_signatures(self, entry: Entry, root: bytes | None) -> Sequence[Finding]:
        seal = entry.seal
        own = seal.stream == self.own_stream
        try:
            if seal.index == 0:
                # The first keys stand in the entry that they sign; trust.toml pins that entry.
                self.apply_own(seal.type, entry.action.get("data", {}))
            self.keys.check(entry.action_bytes, seal.sigs, root)
            if own and any(self.keys.role_of(s.key) != "ledger" for s in seal.sigs):
                msg = "an entry of the log's own stream needs a key of role ledger"
                raise SignatureError(msg)  # noqa: TRY301 - one place turns all of these into a finding
            if own and seal.index > 0:
                self.apply_own(seal.type, entry.action.get("data", {}))
        except (SignatureError, ProofError) as error:
            return [
                self._finding(
                    entry,
                    "signature.invalid",
                    str(error),
                    expected="a signature of a key enrolled before this entry",
                    actual=", ".join(s.key for s in seal.sigs),
                )
            ]
        return ()

    def _finding(
        self, entry: Entry, code: str, message: str, *, expected: str, actual: str
    ) -> Finding:
        return Finding(
            code=code,
            verdict=Verdict.FAILED,
            message=message,
            origin=self.origin,
            index=entry.seal.index,
            stream=entry.seal.stream,
            version=entry.seal.version,
            expected=expected,
            actual=actual,
        )


class StrayTracker:
    """Tells a late batch (harmless) from a log that was overwritten (KAFKA.md section 1).

    An entry altered inside the broker turns everything behind it into strays: strays that chain to
    one another over more than one batch. A late batch of an earlier session is one batch, because a
    session has one batch in flight. All entries of a batch share one `recorded_at`, and no other
    batch of that log has it, so a link between different `recorded_at` joins two batches.
    """

    def __init__(self) -> None:
        self._times: dict[str, str] = {}

    def add(self, stray: Stray, size: int = 0) -> bool:
        """Take one stray; True when it continues a stray of another batch: `log.overwritten`.

        `size` is the size of the log by then: what lies behind an overwritten entry has an index
        not below it, while an old entry sent again has, and says nothing.
        """
        if stray.entry is None or stray.entry.seal.index < size:
            return False
        seal = stray.entry.seal
        before = self._times.get(seal.prev)
        self._times[stray.leaf] = seal.recorded_at
        return before is not None and before != seal.recorded_at

    def remembered(self, leaf: str) -> str:
        """The `recorded_at` of a stray that others may continue; "" where it is not remembered."""
        return self._times.get(leaf, "")

    def restore(self, leaf: str, recorded_at: str) -> None:
        """Remember a stray again, as `remembered` gave it."""
        self._times[leaf] = recorded_at

    def counted(self, leaf: str) -> None:
        """A record of this leaf counts after all: what continues it continues the log."""
        if self._times:
            self._times.pop(leaf, None)
