"""What a case of the drill is, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from ledger.app.submission import LedgerError
from ledger.core.findings import Finding

S = TypeVar("S")

Detector = Callable[[S], Iterable[Finding]]
"""Looks at a scene now, and gives every finding that it makes, of whatever verdict."""


class Attacker(StrEnum):
    """Who attacks, by what is in their hands (docs/threat-model.md)."""

    DISK = "disk"
    OPERATOR = "operator"
    KEY_HOLDER = "key_holder"
    SOURCE = "source"
    BROKER_ADMINISTRATOR = "broker_administrator"
    TOPIC_WRITER = "topic_writer"
    STALE_WRITER = "stale_writer"
    SEALER_OPERATOR = "sealer_operator"
    WITNESS_OPERATOR = "witness_operator"
    PUBLISHER = "publisher"
    PROJECTION_OPERATOR = "projection_operator"
    ARCHIVE_KEEPER = "archive_keeper"
    EXPORTER = "exporter"


class Case(NamedTuple, Generic[S]):
    """One attack. `expected` names each detector that must tell, by the threat model, and with
    which finding; on a stage that lacks some of them the others must.
    """

    name: str
    title: tuple[str, str]
    attacker: Attacker
    attack: Callable[[S], None]
    expected: Mapping[str, str]


class Status(StrEnum):
    """What came of a case. Missed: somebody saw it, but not everybody whom the threat model names.
    Undetected: nobody. Both are defects."""

    DETECTED = "detected"
    MISSED = "missed"
    UNDETECTED = "undetected"
    SKIPPED = "skipped"


DEFECTS = frozenset({Status.MISSED, Status.UNDETECTED})


class Detection(msgspec.Struct, frozen=True):
    """What a detector said: the codes of its findings, worst first, and after how many seconds of
    looking, begun when the attack was done."""

    detector: str
    codes: tuple[str, ...]
    seconds: float


class Outcome(msgspec.Struct, frozen=True):
    """What came of a case on a stage. `reason` says why a case was not run, or what was missed."""

    case: str
    title: tuple[str, str]
    attacker: Attacker
    stage: str
    status: Status
    expected: Mapping[str, str] = {}
    detections: tuple[Detection, ...] = ()
    reason: str = ""


class DrillError(LedgerError):
    """The log cannot be drilled: it is too short, or not sound before it is attacked."""

    code = "drill.refused"


class SkippedError(Exception):
    """This log, or this machine, has not what the case needs: why."""


class Stage(Protocol[S]):
    """Where cases are played: a name, who looks, and a scene of its own for each case."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def detectors(self) -> Mapping[str, Detector[S]]:
        """Who looks, by name."""

    def scene(self) -> AbstractContextManager[S]:
        """A fresh scene that nobody has attacked, and every detector has looked at."""
