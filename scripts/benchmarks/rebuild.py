"""Rebuild every projection into a fresh SQLite read store from a log in memory; JSON.

    python scripts/benchmarks/rebuild.py [--entries 120000] [--submission 50] [--folder DIR]

Dossiers of fourteen entries with two-sided custody, a thousand open at a time. The log lies in
memory, so that neither its making nor its reading is measured. Signatures are checked, once for
each submission. One process verifies, another folds: with two free cores the whole takes about as
long as the busier of both. `cpu_seconds` counts both and stays telling on a busy machine; of the
verifying process the memory is what it grew by, because it holds the log.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[2]))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.app.genesis import genesis_entry
from ledger.app.group import seal_group
from ledger.app.ports import Record
from ledger.app.submission import Place, SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.chain import EMPTY_STREAM, Head, StreamHead
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.core.times import add_seconds
from ledger.entry.entry import decode_entry
from ledger.entry.signatures import SigningKey
from projections.runtime.rebuild import rebuild

AT = "2026-03-02T01:00:00.000000Z"
OPEN_DOSSIERS = 1_000
LEDGER = SigningKey("bench", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
LAND, COUNTER, HEAD_OF_UNIT = "land-unit", "one-stop", "board"


def _steps(offers: tuple[str, str]) -> tuple[tuple[str, str, str, dict[str, object]], ...]:
    """(type, unit, actor, data) of a dossier's entries."""
    due = {"due_at": "2026-03-20T10:00:00.000000Z", "function_version": "1", "working_days": 14}
    item = {"doc_type": "land-use-map", "basis": "law 31 art. 135", "why": "missing"}
    return (
        ("accepted", COUNTER, "counter", {"duration_days": 14, "calendar": "VN-2026"}),
        ("deadline_set", "", "ledger", {**due, "inputs_hash": sha256(b"").hexdigest()}),
        ("custody_offered", COUNTER, "counter", {"to_unit": LAND, "items": 4, "channel": "e"}),
        ("custody_accepted", LAND, "land", {"offer_id": offers[0]}),
        ("appraisal_recorded", LAND, "land", {}),
        ("supplement_requested", LAND, "land", {"stage": "appraisal", "items": [item]}),
        ("supplement_received", COUNTER, "counter", {}),
        ("draft_submitted", LAND, "land", {}),
        ("custody_offered", LAND, "land", {"to_unit": HEAD_OF_UNIT, "items": 5}),
        ("custody_accepted", HEAD_OF_UNIT, "board", {"offer_id": offers[1]}),
        ("approved", HEAD_OF_UNIT, "board", {}),
        ("result_issued", HEAD_OF_UNIT, "clerk", {"number": "17/QD-UBND"}),
        ("returned_to_result_desk", COUNTER, "counter", {}),
        ("result_delivered", COUNTER, "counter", {}),
    )


STEPS_COUNT = len(_steps(("", "")))


def _action_id(dossier: int, step: int) -> str:
    number = dossier * STEPS_COUNT + step
    return uuid7_text(1_770_000_000_000 + number, sha256(b"%d" % number).digest())


def make_action(dossier: int, step: int) -> Action:
    """Entry `step` of a dossier; officers by unit and dossier, 500 in all."""
    offers = (_action_id(dossier, 2), _action_id(dossier, 8))
    name, unit, kind, data = _steps(offers)[step]
    derived = kind == "ledger"
    actor = Actor("system", "ledger") if derived else Actor("officer", f"{kind}-{dossier % 170}")
    if not derived:
        actor = Actor("officer", actor.id, unit=unit)
    return Action(
        id=_action_id(dossier, step),
        type=f"dossier.{name}.v1",
        stream=f"dossier:H26-260302-{dossier:07d}",
        occurred_at=OccurredAt(add_seconds(AT, dossier % 600 + step * 5_400), "second"),
        actor=actor,
        data=data,
        causes=(_action_id(dossier, 0),) if derived else (),
    )


class MemoryLog:
    """A sealed log in memory: the heads that sealing asks for, and reading."""

    def __init__(self, name: str = "bench", number: int = 0, logs: int = 1) -> None:
        action_id = uuid7_text(0, number.to_bytes(10, "big"))
        genesis = genesis_entry(
            name, number, logs, [LEDGER.enrolled()], LEDGER, action_id, AT, "0" * 64
        )
        self.origin = f"{name}/{number}"
        self.entries = [genesis]
        self.genesis_leaf = leaf_hash(genesis).hex()
        self.head = Head(1, self.genesis_leaf)
        self.streams: dict[str, StreamHead] = {}

    def stream_head(self, stream: str) -> StreamHead:
        """Version and leaf of a stream."""
        return self.streams.get(stream, EMPTY_STREAM)

    def place_of(self, action_id: str) -> Place | None:
        """Nothing is sent twice here."""

    def holds(self, stream: str) -> bool:
        """Every stream: this ledger has one log."""
        return bool(stream)

    def seal(self, submissions: Sequence[Submission], recorded_at: str) -> None:
        """Append one group."""
        group = seal_group(self.origin, self, submissions, recorded_at)
        for entry in group.entries:
            self.entries.append(entry.data)
        self.streams.update(group.streams)
        self.head = group.head

    def read(self, position: int, limit: int) -> Sequence[Record]:
        """Records from `position` on."""
        part = self.entries[position : position + limit]
        return [Record(position + place, data) for place, data in enumerate(part)]

    def end(self) -> int:
        """The position behind the last record."""
        return len(self.entries)

    def wait_beyond(self, position: int, timeout_seconds: float) -> bool:  # noqa: ARG002 - the port's name
        """Nothing comes later."""
        return position < len(self.entries)

    def close(self) -> None:
        """Nothing is open."""


def interleaved(entries: int) -> Iterator[Action]:
    """About `entries` actions, a thousand dossiers a step at a time."""
    for first in range(0, entries // STEPS_COUNT, OPEN_DOSSIERS):
        for step in range(STEPS_COUNT):
            for place in range(OPEN_DOSSIERS):
                yield make_action(first + place, step)


def signed_together(actions: Sequence[Action]) -> Submission:
    """Actions under one signature."""
    bodies = [encode_action(action) for action in actions]
    return Submission(
        tuple(
            SignedAction(action.id, action.stream, action.type, body, sigs)
            for action, body, sigs in zip(actions, bodies, LEDGER.sign(bodies), strict=True)
        )
    )


def make_log(entries: int, submission: int) -> MemoryLog:
    """A log of about `entries` entries, steps of many dossiers interleaved."""
    log = MemoryLog()
    actions = interleaved(entries)
    number = 0
    while len(part := list(islice(actions, submission))) == submission:
        number += 1
        at = add_seconds("2026-04-01T00:00:00.000000Z", number)
        log.seal([signed_together(part)], at)
    return log


def _cpu_seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _watch_children(until: threading.Event, most: list[int]) -> None:
    """Note the most memory, in KiB, of any child since it began: what getrusage says of children
    counts what the parent had when it made them."""
    while not until.wait(0.1):
        for child in Path("/proc/self/task").glob("*/children"):
            for process in child.read_text().split():
                status = Path(f"/proc/{process}/status").read_text().splitlines()
                peak = next((line for line in status if line.startswith("VmHWM")), "VmHWM: 0 kB")
                most[0] = max(most[0], int(peak.split()[1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=120_000)
    parser.add_argument("--submission", type=int, default=50, help="actions signed together")
    parser.add_argument("--folder", type=Path, help="where the store lies; default a temporary one")
    options = parser.parse_args()
    log = make_log(options.entries, options.submission)
    streams = {decode_entry(data).seal.stream for data in log.entries[:: STEPS_COUNT * 50]}
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        path = Path(name) / "read.sqlite"
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        watching, most = threading.Event(), [0]
        threading.Thread(target=_watch_children, args=(watching, most), daemon=True).start()
        cpu, begun = _cpu_seconds(resource.RUSAGE_SELF), perf_counter()
        rebuilt = rebuild(
            [log], path, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True
        )
        seconds = perf_counter() - begun
        verifying = _cpu_seconds(resource.RUSAGE_SELF) - cpu
        folding = _cpu_seconds(resource.RUSAGE_CHILDREN)
        size = path.stat().st_size
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        watching.set()
    print(
        json.dumps(
            {
                "benchmark": "rebuild",
                "entries": rebuilt.entries,
                "bytes_per_entry": sum(map(len, log.entries)) // len(log.entries),
                "actions_per_submission": options.submission,
                "streams_sampled": len(streams),
                "entries_per_second": round(rebuilt.entries / seconds),
                "seconds": round(seconds, 2),
                "cpu_seconds": round(verifying + folding, 2),
                "cpu_seconds_verifying": round(verifying, 2),
                "cpu_seconds_folding": round(folding, 2),
                "load_average": os.getloadavg()[0],
                "store_bytes_per_entry": size // rebuilt.entries,
                "memory_growth_verifying_kib": memory,
                "memory_folding_kib": most[0],
                "synchronous": "OFF (the file is disposable until it is whole)",
                "sqlite": sqlite3.sqlite_version,
                "python": platform.python_version(),
                "machine": f"{os.cpu_count()} x {platform.machine()}",
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
