"""Kills a sealer at each of its writes in turn, lets the next one go on, and judges what is there.

python -m tests.integration.seal_killed HOME [ENTRIES]

HOME is a ledger whose sealing is open. Before each round log 0 grows by ENTRIES (default: a bundle
and one more), every other log by one. Writes one JSON object: how many kills there were at each
call, and the sizes that were signed. Ends with an error at the first thing that does not fit.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from consumers.bootstrap import OpenLedger, Settings, open_ledger
from consumers.creation import new_action_id
from consumers.sealing import load_policy, open_sealer, tree_folder
from ledger.adapters import http_post
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.adapters.tile_folder import TileFolder, read_entry
from ledger.app.submission import Recorded, SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.ids import log_number
from ledger.core.merkle import RootAccumulator, leaf_hash
from ledger.core.note import parse_note
from ledger.core.policy import Policy
from ledger.core.tiles import ENTRIES, GrowingTree, Tile, check_bundle, read_tile, width_at
from ledger.core.times import format_instant
from ledger.entry.checkpoint_log import CHECKPOINTS, checkpoints_origin
from ledger.entry.note_keys import verify_checkpoint
from tests.integration.kill_in_child import run_killed

NEVER = 10**9


def stream_of(ledger: OpenLedger, number: int) -> str:
    logs = len(ledger.trust)
    return next(
        name
        for name in (f"dossier:D-{number}-{trial}" for trial in range(1_000))
        if log_number(name, logs) == number
    )


def append(ledger: OpenLedger, number: int, count: int) -> None:
    """Record `count` actions of two officers in one log."""
    key, stream, now = (
        ledger.keys.load_signing_key("source"),
        stream_of(ledger, number),
        ledger.now(),
    )
    actions = [
        Action(
            new_action_id(now),
            "dossier.note_added.v1",
            stream,
            OccurredAt(format_instant(now), "instant"),
            Actor(kind="officer", id=("lan", "minh")[at % 2]),
            {"note_kind": "remark"},
        )
        for at in range(count)
    ]
    bodies = [encode_action(action) for action in actions]
    signed = [
        SignedAction(action.id, stream, action.type, body, sigs)
        for action, body, sigs in zip(actions, bodies, key.sign(bodies), strict=True)
    ]
    (answer,) = ledger.logs[number].submit([Submission(tuple(signed))])
    assert isinstance(answer, Recorded)


def seal(settings: Settings) -> None:
    with open_ledger(settings) as ledger, open_sealer(ledger) as sealer:
        done = sealer.seal()
        assert not done.findings, done.findings


class Judge:
    """What was signed so far of each tree, and the roots of what the logs really hold."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.texts: dict[str, set[str]] = defaultdict(set)
        self._fresh: dict[str, set[str]] = defaultdict(set)
        self._trees: dict[str, RootAccumulator] = defaultdict(RootAccumulator)
        self._roots: dict[str, dict[int, bytes]] = defaultdict(dict)

    def collect(self, folders: dict[str, TileFolder]) -> None:
        """Every checkpoint that was signed since the last time, wherever it lies."""
        with CheckpointStore.open(self.settings.sealer_path) as store:
            for origin, folder in folders.items():
                kept = [signed.note for signed in store.checkpoints(origin)][-3:]
                published = folder.read_checkpoint()
                assert store.evidence() == []
                found = {parse_note(data).text for data in (*kept, published) if data}
                self._fresh[origin] |= found - self.texts[origin]
                self.texts[origin] |= found

    def grow(self, origin: str, entries: Iterable[bytes]) -> None:
        for data in entries:
            tree = self._trees[origin]
            tree.append(leaf_hash(data))
            self._roots[origin][tree.size] = tree.root()

    def size(self, origin: str) -> int:
        return self._trees[origin].size

    def judge(self, origin: str, folder: TileFolder, policy: Policy) -> None:
        """What is published verifies, and every checkpoint ever signed is of this one history."""
        note = parse_note(folder.read_checkpoint() or b"")
        found = verify_checkpoint(note, origin, policy.logs[origin], policy.cosigners)
        assert policy.is_quorum([signature.key for signature in found.cosignatures])
        tree = found.checkpoint
        assert tree.size == self.size(origin), (origin, tree.size, self.size(origin))
        GrowingTree.resume(folder.read, tree.size, tree.root)
        for text in self._fresh.pop(origin, ()):
            signed = parse_checkpoint(text)
            assert signed.root == self._roots[origin][signed.size], (origin, signed.size)

    def judge_files(self, origin: str, folder: TileFolder) -> None:
        """Every tile and bundle of the published tree, from the entries up."""
        size, tree = self.size(origin), GrowingTree()
        for number in range((size + 255) // 256):
            width = width_at(0, number, size)
            hashes = read_tile(folder.read, Tile(0, number, width))
            bundle = folder.read(Tile(ENTRIES, number, width))
            assert bundle is not None
            for data in check_bundle(bundle, hashes):
                for tile, expected in tree.append(leaf_hash(data)):
                    assert folder.read(tile) == expected
        assert tree.root() == self._roots[origin][size]
        assert dict(tree.partial_tiles()) == {t: folder.read(t) for t, _ in tree.partial_tiles()}


def folders_of(ledger: OpenLedger) -> dict[str, TileFolder]:
    named = {trust.origin: str(number) for number, trust in enumerate(ledger.trust)}
    named[checkpoints_origin(ledger.name)] = CHECKPOINTS
    return {origin: tree_folder(ledger.settings, name) for origin, name in named.items()}


def main(home: Path, count: int) -> None:
    settings = Settings(home)
    policy, judge, kills = load_policy(settings), Judge(settings), Counter[str]()
    http_post._certificates()  # read once for all children
    with open_ledger(settings) as ledger:
        folders, readers = folders_of(ledger), ledger.readers
        for at in range(1, NEVER):
            for number in range(len(ledger.trust)):
                append(ledger, number, count if number == 0 else 1)
            # The writers' threads are no part of what is forked.
            ledger.close()
            killed = run_killed(lambda: seal(settings), at)
            judge.collect(folders)
            if killed:
                kills[killed] += 1
                run_killed(lambda: seal(settings), NEVER)
                judge.collect(folders)
            readers = ledger.readers
            for reader in readers:
                position = judge.size(reader.origin)
                while records := reader.read(position, 5_000):
                    judge.grow(reader.origin, [record.data or b"" for record in records])
                    position += len(records)
            origin = checkpoints_origin(ledger.name)
            size = parse_checkpoint(parse_note(folders[origin].read_checkpoint() or b"").text).size
            entries = [
                read_entry(folders[origin], i, size) for i in range(judge.size(origin), size)
            ]
            judge.grow(origin, entries)
            for name, folder in folders.items():
                judge.judge(name, folder, policy)
            if not killed:
                break
        for name, folder in folders.items():
            judge.judge_files(name, folder)
    signed = {origin: len(texts) for origin, texts in judge.texts.items()}
    print(json.dumps({"kills": kills, "signed": signed}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 257)
