"""What the steps of a bundle's verification share: what is pinned, and what was read so far."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final, NamedTuple

import msgspec

from ledger.core.checkpoint import Checkpoint
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.note import SignedNote
from ledger.core.policy import Policy
from ledger.entry.bundle import (
    ROUND,
    EvidenceBundle,
    Folder,
    Manifest,
    Place,
    Redaction,
)
from ledger.entry.checkpoint_check import CheckTime
from ledger.entry.checkpoint_log import Round, RoundError, parse_round
from ledger.entry.entry import Entry
from ledger.entry.note_keys import VerifiedCheckpoint
from ledger.entry.signatures import KeyRing

_NEXT: Final = "keep the bundle as it is: it is evidence; ask for another, and compare the two"


class Pins(msgspec.Struct, frozen=True):
    """What is trusted, from outside the bundle: the fingerprint of the policy (hex SHA-256), the
    genesis leaf of each origin, and what checks time-stamp tokens; "" and None pin nothing."""

    fingerprint: str = ""
    genesis_leaves: Mapping[str, str] = {}
    check_time: CheckTime | None = None


class Node(NamedTuple):
    """An entry that is shown, or one that stands as its hash."""

    place: Place
    leaf: str
    stream: str
    version: int
    entry: Entry | None


def failed(
    code: str, message: str, *, expected: object = "", actual: object = "", node: Node | None = None
) -> FindingError:
    """A finding that ends the verification; `node` is the entry that it speaks of."""
    return FindingError(
        Finding(
            code=code,
            verdict=Verdict.FAILED,
            message=message,
            index=-1 if node is None else node.place.index,
            stream="" if node is None else node.stream,
            version=-1 if node is None else node.version,
            expected=str(expected),
            actual=str(actual),
            next_step=_NEXT,
        )
    )


class BundleCheck:
    """A bundle on its way through the steps; each step leaves what later ones need."""

    def __init__(self, data: bytes, pins: Pins) -> None:
        self.data = data
        self.pins = pins
        self.bundle: EvidenceBundle | None = None
        self.findings: list[Finding] = []
        self.not_checked: list[str] = []
        self.checked = 0
        """How much the step that is running has checked."""
        self.files: Mapping[str, bytes] = {}
        self.entries: dict[Place, tuple[Folder, Entry]] = {}
        self.redactions: tuple[Redaction, ...] = ()
        self.nodes: list[Node] = []
        """What is shown and what is redacted, by log and index."""
        self.rings: dict[int, KeyRing] = {}
        self.notes: dict[str, tuple[SignedNote, Checkpoint]] = {}
        self.verified: list[VerifiedCheckpoint] = []
        self.policy: Policy | None = None

    @property
    def manifest(self) -> Manifest:
        """The manifest, which the first step reads."""
        if self.bundle is None:
            msg = "no manifest was read"
            raise RuntimeError(msg)
        return self.bundle.manifest

    @cached_property
    def round(self) -> Round:
        """The round; raises `FindingError`."""
        try:
            return parse_round(self.file("evidence.round", ROUND))
        except RoundError as error:
            raise failed("evidence.round", f"{ROUND}: {error}") from error

    def origin(self, log: int | str) -> str:
        """The origin of a log of this ledger."""
        return f"{self.manifest.ledger}/{log}"

    def file(self, code: str, path: str) -> bytes:
        """A file that must be there; raises `FindingError`."""
        if path not in self.files:
            raise failed(code, f"{path} is missing", expected=path)
        return self.files[path]

    def doubt(self, code: str, message: str, *, expected: str = "", actual: str = "") -> None:
        """What cannot be known; the steps go on."""
        self.findings.append(
            Finding(
                code=code,
                verdict=Verdict.INDETERMINATE,
                message=message,
                expected=expected,
                actual=actual,
                next_step="give what is expected, from a source that is not the bundle",
            )
        )
