"""Small real logs in memory, sealed by the very code that the writers use, for projection tests."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from ledger.app.genesis import genesis_entry
from ledger.app.group import seal_group
from ledger.app.ports import Record
from ledger.app.submission import Place, SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action, stream_id
from ledger.core.chain import EMPTY_STREAM, Head, StreamHead
from ledger.core.ids import log_number, log_of, uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.core.times import add_seconds
from ledger.entry.entry import decode_entry
from ledger.entry.signatures import SigningKey

AT = "2026-03-02T01:00:00.000000Z"
LEDGER = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
SOURCE = SigningKey("source-1", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32), "source")
UNKNOWN = SigningKey("unknown", Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32), "source")


def at(minutes: float) -> str:
    """The instant so many minutes after `AT`."""
    return add_seconds(AT, 60 * minutes)


def action_id(name: str) -> str:
    """An action id that is always the same for a name."""
    return uuid7_text(1_770_000_000_000, sha256(name.encode()).digest())


def act(
    name: str,
    dossier: str = "A",
    officer: str = "",
    minutes: float = 0,
    *,
    id_name: str = "",
    kind: str = "officer",
    unit: str = "",
    stream: str = "",
    **data: Any,
) -> Action:
    """An action on a dossier; without `officer` it is the ledger's own (or of `kind`)."""
    by = officer or ("ledger" if kind == "officer" else "someone")
    actor = Actor(kind if officer or kind != "officer" else "system", by, unit=unit)
    stream = stream or stream_id("dossier", dossier)
    label = id_name or f"{name}|{stream}|{by}|{minutes}|{sorted(data.items())}"
    return Action(
        id=action_id(label),
        type=f"{stream.partition(':')[0]}.{name}.v1",
        stream=stream,
        occurred_at=OccurredAt(at(minutes), "second"),
        actor=actor,
        data=data,
    )


def imported(
    dossier: str,
    officer: str,
    minutes: float,
    case: Sequence[Sequence[str]] = (),
    activity: str = "work",
    number: int = 0,
) -> Action:
    """An imported event, without officer where `officer` is ""."""
    data: dict[str, Any] = {"activity": activity, "source_log": "foreign", "attributes": []}
    if case:
        data["case"] = [list(item) for item in case]
    made = act(
        "action_imported",
        dossier,
        officer,
        minutes,
        id_name=f"{dossier}|{officer}|{minutes}|{activity}|{number}",
        kind="officer" if officer else "system",
        **data,
    )
    return made if officer else replace(made, actor=Actor("system", "foreign"))


class Log:
    """A log in memory: append signed actions, or whatever lies in a broker's partition."""

    def __init__(self, name: str = "office", number: int = 0, logs: int = 1) -> None:
        keys = [LEDGER.enrolled(), SOURCE.enrolled()]
        genesis = genesis_entry(
            name, number, logs, keys, LEDGER, action_id(f"{name}/{number}"), AT, "0" * 64
        )
        self.origin = f"{name}/{number}"
        self.logs = logs
        self.genesis_leaf = leaf_hash(genesis).hex()
        self.head = Head(1, self.genesis_leaf)
        own = stream_id("ledger", self.origin)
        self.streams = {own: StreamHead(1, self.genesis_leaf)}
        self.own_stream = own
        self.records: list[bytes] = [genesis]
        self.reads: list[int] = []
        self.minutes = 60.0 * 24 * 365

    def stream_head(self, stream: str) -> StreamHead:
        return self.streams.get(stream, EMPTY_STREAM)

    def place_of(self, action_id: str) -> Place | None:
        return None

    def holds(self, stream: str) -> bool:
        return log_number(stream, self.logs) == log_of(self.origin)

    def seal(self, actions: Sequence[Action], key: SigningKey = SOURCE) -> list[bytes]:
        """The entries that would continue this log, without appending them."""
        return [entry.data for entry in self._group(actions, key).entries]

    def append(self, *actions: Action, key: SigningKey = SOURCE) -> None:
        """Record one submission."""
        group = self._group(actions, key)
        for entry in group.entries:
            self.records.append(entry.data)
            self.streams[entry.stream] = StreamHead(entry.place.version, entry.place.leaf)
        self.head = group.head

    def append_void(self, action: Action) -> None:
        """An entry of a key that is not enrolled: it counts, and is applied by nobody."""
        before = self.stream_head(action.stream)
        self.append(action, key=UNKNOWN)
        self.streams[action.stream] = before

    def recorded_at(self) -> str:
        """The recording time of the newest group."""
        return at(self.minutes)

    def recorded_at_of(self, index: int) -> str:
        """The recording time of an entry, of a log without strays."""
        return decode_entry(self.records[index]).seal.recorded_at

    def _group(self, actions: Sequence[Action], key: SigningKey) -> Any:
        self.minutes += 1
        bodies = [encode_action(action) for action in actions]
        signed = tuple(
            SignedAction(action.id, action.stream, action.type, body, sigs)
            for action, body, sigs in zip(actions, bodies, key.sign(bodies), strict=True)
        )
        return seal_group(self.origin, self, [Submission(signed)], self.recorded_at())

    def read(self, position: int, limit: int) -> Sequence[Record]:
        self.reads.append(position)
        part = self.records[position : position + limit]
        return [Record(position + place, data) for place, data in enumerate(part)]

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:
        return position < len(self.records)

    def end(self) -> int:
        return len(self.records)

    def close(self) -> None:
        """Nothing is open."""


def handed_over(dossier: str = "A") -> list[Action]:
    """One dossier with a two-sided hand-over that is first rejected, minutes 0 to 100."""
    first, second = f"{dossier}-offer-1", f"{dossier}-offer-2"
    return [
        act("accepted", dossier, "lan", 0, unit="desk"),
        act("custody_offered", dossier, "lan", 10, id_name=first, unit="desk", to_unit="land"),
        act(
            "custody_rejected",
            dossier,
            "minh",
            30,
            unit="land",
            offer_id=action_id(first),
            reason="incomplete",
        ),
        act("custody_offered", dossier, "lan", 40, id_name=second, unit="desk", to_unit="land"),
        act("custody_accepted", dossier, "minh", 70, unit="land", offer_id=action_id(second)),
        act("result_delivered", dossier, "minh", 100, unit="land"),
    ]
