"""Ledgers with sealed trees for tests, without the sealer: published keys, two witnesses of two."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from io import StringIO
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from consumers.bootstrap import OpenLedger, Settings, open_ledger
from consumers.creation import create_ledger
from consumers.demo.office import demo_actions
from consumers.demo.people import demo_bytes, moment
from consumers.demo.run import DemoClock, run_demo
from ledger.adapters.tile_folder import TileFolder
from ledger.core.checkpoint import Checkpoint
from ledger.core.merkle import leaf_hash
from ledger.core.note import Algorithm, SignedNote
from ledger.core.policy import Policy, PolicyGroup, PolicyLog, PolicyWitness
from ledger.core.tiles import ENTRIES, WIDTH_MAX, GrowingTree, Tile, encode_bundle
from ledger.core.times import parse_instant
from ledger.entry.checkpoint_log import CHECKPOINTS, LoggedTree, Round, checkpoints_origin
from ledger.entry.entry import decode_entry
from ledger.entry.note_keys import NoteSigner
from ledger.entry.officer_index import OfficerIndex
from ledger.entry.officer_proof import encode_officer_map

SEALED_SECONDS = 1_790_000_000
"""When the witnesses cosigned, as POSIX seconds."""

SEALED_AT = "2026-09-21T14:13:20.000000Z"


class Sealing(msgspec.Struct, frozen=True):
    """Who signs: the logs' keys by origin, the witnesses, and the policy that names them."""

    logs: dict[str, tuple[NoteSigner, ...]]
    witnesses: tuple[NoteSigner, ...]
    policy: Policy

    def note(self, origin: str, size: int, root: bytes, *, witnesses: int = 2) -> SignedNote:
        """A signed checkpoint with the cosignatures of the first few witnesses."""
        text = Checkpoint(origin, size, root).text()
        signers = (*self.logs[origin], *self.witnesses[:witnesses])
        return SignedNote(text, tuple(signer.sign(text, SEALED_SECONDS) for signer in signers))


def ed25519(name: str, algorithm: Algorithm = Algorithm.ED25519) -> NoteSigner:
    seed = demo_bytes(f"note key {name} {algorithm.name}")
    return NoteSigner(name, Ed25519PrivateKey.from_private_bytes(seed), algorithm)


def ml_dsa(name: str) -> NoteSigner:
    seed = demo_bytes(f"note key {name} ml-dsa")
    private = MLDSA44PrivateKey.from_seed_bytes(seed)
    return NoteSigner(name, private, Algorithm.COSIGNATURE_ML_DSA_44)


def make_sealing(name: str, logs: int, *, has_ml_dsa: bool = True) -> Sealing:
    origins = [*(f"{name}/{log}" for log in range(logs)), checkpoints_origin(name)]
    signers = {
        origin: (ed25519(origin), *((ml_dsa(origin),) if has_ml_dsa else ())) for origin in origins
    }
    witnesses = tuple(
        ed25519(f"witness.example/{letter}", Algorithm.COSIGNATURE_ED25519) for letter in "ab"
    )
    policy = Policy(
        "both",
        tuple(PolicyLog(signer.key) for keys in signers.values() for signer in keys),
        tuple(PolicyWitness(f"w{n}", signer.key) for n, signer in enumerate(witnesses)),
        (PolicyGroup("both", 2, ("w0", "w1")),),
    )
    return Sealing(signers, witnesses, policy)


def publish(folder: TileFolder, entries: Sequence[bytes]) -> GrowingTree:
    """Bundles and tiles of a tree from nothing."""
    tree = GrowingTree()
    for number in range(0, len(entries), WIDTH_MAX):
        part = entries[number : number + WIDTH_MAX]
        folder.write(Tile(ENTRIES, number // WIDTH_MAX, len(part)), encode_bundle(part))
    for entry in entries:
        for tile, data in tree.append(leaf_hash(entry)):
            folder.write(tile, data)
    for tile, data in tree.partial_tiles():
        folder.write(tile, data)
    return tree


def seal(ledger: OpenLedger, *, size: int | None = None, has_ml_dsa: bool = True) -> Sealing:
    """Seal every log of a ledger once (log 0 up to `size`), and write the policy file."""
    settings = ledger.settings
    sealing = make_sealing(ledger.name, len(ledger.trust), has_ml_dsa=has_ml_dsa)
    logged = []
    for number, reader in enumerate(ledger.readers):
        entries = [record.data or b"" for record in read_all(reader)][:size]
        folder = TileFolder(settings.tiles_path / str(number))
        tree = publish(folder, entries)
        index = OfficerIndex()
        for data in entries:
            index.add(decode_entry(data))
        officers = index.map()
        folder.write_officers(tree.size, encode_officer_map(officers, reader.origin, tree.size))
        folder.write_checkpoint(sealing.note(reader.origin, tree.size, tree.root()).encode())
        logged.append(
            LoggedTree(
                len(officers), officers.root().hex(), reader.origin, tree.root().hex(), tree.size
            )
        )
    folder = TileFolder(settings.tiles_path / CHECKPOINTS)
    tree = publish(folder, [Round(tuple(logged), SEALED_AT).encode()])
    note = sealing.note(checkpoints_origin(ledger.name), tree.size, tree.root())
    folder.write_checkpoint(note.encode())
    settings.policy_path.write_bytes(sealing.policy.encode())
    return sealing


def read_all(reader):
    position = 0
    while records := reader.read(position, 5_000):
        yield from records
        position = records[-1].position + 1


def demo_home(home: Path, *, has_ml_dsa: bool = True) -> Sealing:
    """The demo office in one log, sealed."""
    run_demo(home, StringIO())
    with open_ledger(Settings(home)) as ledger:
        return seal(ledger, has_ml_dsa=has_ml_dsa)


def several_logs_home(home: Path, logs: int) -> Sealing:
    """The demo office spread over several logs, sealed."""
    clock = DemoClock(moment(0, "06:30"))
    with create_ledger(Settings(home), "spread", logs=logs, now=clock) as ledger:
        application = ledger.application()
        for action in demo_actions():
            clock.moment = parse_instant(action.occurred_at.at) + timedelta(seconds=4)
            application.record(action)
        return seal(ledger)
