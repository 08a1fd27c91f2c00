"""Who looks at a ledger, and what they say of it now: the programs themselves, none made for this.

A detector gives every finding that it makes, of whatever verdict; an error with a code is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, redirect_stdout
from datetime import datetime, timedelta
from hashlib import sha256
from io import StringIO
from typing import Any

import msgspec

from consumers.bootstrap import open_ledger, utc_now
from consumers.cli.options import Common
from consumers.cli.verify import verify
from consumers.drill.scene import Scene, seal
from consumers.drill.witnessing import NAMES
from consumers.witness_home import open_witness
from consumers.workers.sealer import REFRESH_SECONDS
from consumers.workers.witnesses import Witnesses
from ledger.adapters.sqlite_log import SqliteLog
from ledger.adapters.sqlite_verify import verify_file
from ledger.adapters.verify_tree import TreeTrust, published_checkpoint, verify_tree
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.findings import Finding, Verdict
from ledger.core.merkle import prove_consistency
from ledger.core.note import parse_note
from ledger.core.tiles import nodes_of_tiles
from ledger.entry.bundle_state import Pins
from ledger.entry.bundle_verify import verify_bundle
from ledger.entry.checkpoint_check import CheckpointCheck, GivenCheckpoint
from projections.runtime.rebuild import rebuild
from projections.runtime.replaying import Replays, check_projections
from projections.store.sqlite import ReadStore


def verifier(scene: Scene) -> Iterable[Finding]:
    """`pal verify` by an outsider: the log and the pinned genesis, nothing else."""
    found = verify_file(
        scene.path,
        origin=scene.pinned.origin,
        genesis_leaf=scene.pinned.genesis_leaf,
        logs=len(scene.known.trust),
    )
    return found.findings


def memory(scene: Scene) -> Iterable[Finding]:
    """`pal verify` in the home: compared with what its trust file and its read store have seen, its
    own policy and what it publishes."""
    said = StringIO()
    with redirect_stdout(said):
        verify(common=Common(home=scene.settings.home, format="json"))
    return list(_findings_in(json.loads(said.getvalue())))


def _findings_in(value: Any) -> Iterator[Finding]:
    """Every finding in the answer of a command, whatever it belongs to."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "findings":
                yield from msgspec.convert(item, tuple[Finding, ...])
            else:
                yield from _findings_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _findings_in(item)


def writer(scene: Scene) -> Iterable[Finding]:
    """The writer, when it opens the log to append."""
    pinned = scene.pinned
    SqliteLog.open(scene.path, pinned.origin, genesis_leaf=pinned.genesis_leaf).close()
    return ()


def projector(scene: Scene) -> Iterable[Finding]:
    """The projector, going on from where the read store stands."""
    with open_ledger(scene.settings) as ledger, closing(ledger.store()) as store:
        return stored_findings(store)


def stored_findings(store: ReadStore) -> Sequence[Finding]:
    """What was found while the store was made."""
    rows = store.rows("SELECT finding FROM finding ORDER BY number")
    return [msgspec.json.decode(data, type=Finding) for (data,) in rows]


def rebuilder(scene: Scene) -> Iterable[Finding]:
    """`pal rebuild`: everything folded again from zero and compared with the read store."""
    with open_ledger(scene.settings) as ledger:
        if scene.settings.read_path.exists():
            ledger.store().close()
        rebuild(
            ledger.readers,
            scene.settings.read_path,
            genesis_leaves=ledger.genesis_leaves,
            strict_rows=ledger.every_row_counts,
        )
        with closing(ReadStore.open(scene.settings.read_path)) as store:
            return stored_findings(store)


def auditor(scene: Scene) -> Iterable[Finding]:
    """`pal verify --projections`: every entry folded again and compared with what is shown."""
    with open_ledger(scene.settings) as ledger:
        replays = Replays(
            ledger.readers,
            genesis_leaves=ledger.genesis_leaves,
            strict_rows=ledger.every_row_counts,
        )
        heads = {log.origin: log.head() for log in ledger.logs}
        check = check_projections(replays, scene.settings.read_path, heads)
    # The clone has no key of its ledger, so nobody records a digest in it.
    return [item for item in check.findings if item.code != "projection.not_recorded"]


def sealer(scene: Scene) -> Iterable[Finding]:
    """The sealer, in the first round in which it asks the witnesses again."""

    def later() -> datetime:
        return utc_now() + timedelta(seconds=REFRESH_SECONDS)

    return seal(scene.settings, scene.known.doors, scene.witnesses, later)


def holder(scene: Scene) -> Iterable[Finding]:
    """`pal verify --policy --checkpoint` by somebody who kept the newest cosigned checkpoint."""
    return _verify_with(scene, _kept(scene))


def reader(scene: Scene) -> Iterable[Finding]:
    """`pal verify --policy` by somebody who is given the log with its published checkpoint, and has
    the policy from elsewhere."""
    published = published_checkpoint(scene.tree)
    return _verify_with(scene, published or GivenCheckpoint("published checkpoint", b""))


def tiles(scene: Scene) -> Iterable[Finding]:
    """`pal verify --tiles --policy --checkpoint` of the published tree, by somebody who has no log
    and kept the newest cosigned checkpoint."""
    pinned = scene.pinned
    trust = TreeTrust(
        scene.known.policy,
        "policy",
        {pinned.origin: pinned.genesis_leaf},
        ((pinned.origin, _kept(scene)),),
    )
    return verify_tree(scene.tree.path, trust).findings


def _kept(scene: Scene) -> GivenCheckpoint:
    return GivenCheckpoint("a checkpoint that was kept", scene.known.kept)


def _verify_with(scene: Scene, given: GivenCheckpoint) -> Iterable[Finding]:
    pinned = scene.pinned
    return verify_file(
        scene.path,
        origin=pinned.origin,
        genesis_leaf=pinned.genesis_leaf,
        logs=len(scene.known.trust),
        checkpoints=CheckpointCheck(pinned.origin, scene.known.policy, [given]),
    ).findings


def recipient(scene: Scene) -> Iterable[Finding]:
    """`pal evidence verify` by whoever was handed a bundle, with what is pinned elsewhere."""
    if not scene.bundle_path.exists():
        return ()
    fingerprint = sha256(scene.known.policy.encode()).hexdigest()
    geneses = {trust.origin: trust.genesis_leaf for trust in scene.known.trust}
    return verify_bundle(scene.bundle_path.read_bytes(), Pins(fingerprint, geneses)).findings


def witness(scene: Scene) -> Iterable[Finding]:
    """The witnesses, asked to cosign what is published, and what they show of forks."""
    origin = scene.pinned.origin
    note = parse_note(scene.tree.read_checkpoint() or b"")
    size = parse_checkpoint(note.text).size

    def prove(old: int) -> tuple[bytes, ...]:
        return prove_consistency(old, size, nodes_of_tiles(scene.tree.read, size))

    with (
        scene.known.doors.serving(scene.witnesses),
        closing(Witnesses(scene.known.policy)) as asked,
    ):
        answer = asked.cosign(note, prove)
    if answer.ahead is not None:
        name, larger = answer.ahead
        yield _refused("witness.size_conflict", origin, f"409: {name} cosigned {larger} entries")
    if answer.forked is not None:
        name, said = answer.forked
        yield _refused("witness.inconsistent", origin, f"422: {name}: {said}")
    for name in NAMES:
        with open_witness(scene.witnesses / name) as opened:
            if opened.store.forks(origin):
                yield _refused("witness.fork", origin, f"{name} keeps two trees of one size")


def _refused(code: str, origin: str, message: str) -> Finding:
    return Finding(code=code, verdict=Verdict.FAILED, message=message, origin=origin)
