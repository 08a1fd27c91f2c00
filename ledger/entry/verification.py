"""What the verifier takes and gives: records, claims stored beside them, steps, the verdict."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ledger.core.chain import Head
from ledger.core.findings import Finding, Verdict


class RecordLike(Protocol):
    """A record as a reader gives it: its offset (Kafka) or index (a file), and its bytes."""

    @property
    def position(self) -> int:
        """Where it lies."""

    @property
    def data(self) -> bytes | None:
        """Its bytes."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """What a store keeps beside an entry: claims that are compared with the bytes."""

    leaf: str
    stream: str
    version: int
    action_id: str


class SeenHead(msgspec.Struct, frozen=True):
    """A head that somebody has seen (trust file, cursor of a read store, `--expect`)."""

    source: str
    size: int
    leaf: str


class Step(msgspec.Struct, frozen=True):
    """One numbered step: how much it checked and what it found."""

    number: int
    title: str
    checked: int
    verdict: Verdict


class CheckpointSummary(msgspec.Struct, frozen=True):
    """How much of the checkpoints of a log was checked, and by which policy.

    `signed` counts checkpoints that the log's keys signed, `compared` roots, `witnessed` quorums
    asked for, `timed` time-stamps. `covered` is the size of the largest one that holds, 0 for none:
    the entries behind it are held by links and signatures alone.
    """

    policy: str
    signed: int
    compared: int
    witnessed: int
    timed: int
    covered: int


class Verification(msgspec.Struct, frozen=True):
    """What the verifier found, and how much it checked.

    `first_bad_index` is the first whose own leaf, link, stream link or signature fails, -1 for
    none. `links` and `stream_links` count links that hold, `signatures` those that were verified
    (one a submission), `root` is the hex RFC 6962 root over all entries. `checkpoints` is None
    where no policy is pinned: nothing was compared with a checkpoint then.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    more_findings: int
    steps: tuple[Step, ...]
    first_bad_index: int
    entries: int
    links: int
    stream_links: int
    signatures: int
    strays: int
    voids: int
    origin: str
    genesis_leaf: str
    head: Head
    recorded_at: str
    root: str
    checkpoints: CheckpointSummary | None = None
