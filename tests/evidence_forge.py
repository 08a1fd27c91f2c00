"""Evidence bundles for tests, and what somebody needs to alter one.

`sign` makes the manifest fit again and signs it with the ledger's key, as an insider would who has
it; without it the forger has nothing but the file.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from consumers.bootstrap import OpenLedger, Settings, open_ledger
from consumers.demo.people import demo_bytes
from consumers.evidence.export import Exported, Request, export_bundle, with_custody
from consumers.evidence.trees import SealedLedger
from ledger.adapters.keys import KeyStore
from ledger.core.canonical import encode_canonical
from ledger.core.merkle import leaf_hash
from ledger.core.tlog_proof import TlogProof
from ledger.entry.archive import encode_archive
from ledger.entry.bundle import (
    DossierScope,
    OfficerScope,
    Place,
    Scope,
    manifest_text,
)
from ledger.entry.entry import Entry, Seal, decode_entry, encode_entry
from ledger.entry.signatures import SigningKey
from projections.queries.timeline import EventFilter, TimelineRow, events
from tests.evidence_approvals import DOSSIER, REASON, WRONG, inspection_of
from tests.sealed_ledger import Sealing

OFFICER = "land.nguyet"
AT = "2026-09-22T00:00:00.000000Z"

Files = dict[str, bytes]


def rows_of(home: Path, scope: Scope) -> list[TimelineRow]:
    with open_ledger(Settings(home)) as ledger:
        store = ledger.store()
        if isinstance(scope, DossierScope):
            return list(events(store, EventFilter(stream=f"dossier:{scope.dossier}")))
        if isinstance(scope, OfficerScope):
            chosen = EventFilter(
                actor=scope.officer, occurred_from=scope.from_at, occurred_to=scope.to_at
            )
            return [r for r in events(store, chosen) if r.action.actor.kind == "officer"]
        return list(events(store, EventFilter(type=scope.query)))


def sealed_ledger(ledger: OpenLedger) -> SealedLedger:
    folder = ledger.settings.tiles_path
    return SealedLedger(folder, ledger.name, len(ledger.trust), lambda _origin, _size: None)


def export(
    home: Path, scope: Scope, redact: Iterable[Place] = (), approvals: str = "right"
) -> Exported:
    """A bundle of a home; what is hidden was approved in the inspection of that name."""
    rows = rows_of(home, scope)
    settings = Settings(home)
    with open_ledger(settings) as ledger:
        sealed, hidden = sealed_ledger(ledger), frozenset(redact)
        request = Request(
            scope, "complaint 12", "31/QD-TT", "inspectorate", hidden, inspection_of(approvals)
        )
        key = ledger.keys.load_signing_key("ledger")
        policy = settings.policy_path.read_bytes()
        return export_bundle(request, rows, ledger.store(), sealed, key, policy)


def files_of(exported: Exported) -> Files:
    return with_custody(exported, "tester", AT)


def sign(files: Files, key: SigningKey) -> Files:
    """The manifest lists these files, and is signed again."""
    manifest = json.loads(files["manifest.json"])
    unlisted = {"manifest.json", "manifest.note", "custody.jsonl"}
    manifest["files"] = {
        name: sha256(data).hexdigest() for name, data in files.items() if name not in unlisted
    }
    data = encode_canonical(manifest)
    origin = f"{manifest['ledger']}/{manifest['signer']['log']}"
    note = key.sign_note(origin, manifest_text(data)).encode()
    return files | {"manifest.json": data, "manifest.note": note}


def change_manifest(files: Files, **values: object) -> Files:
    manifest = json.loads(files["manifest.json"]) | values
    return files | {"manifest.json": encode_canonical(manifest)}


def count(files: Files, **by: int) -> Files:
    """The counts of the manifest, changed by so many."""
    counts = json.loads(files["manifest.json"])["counts"]
    return change_manifest(files, counts={k: v + by.get(k, 0) for k, v in counts.items()})


class Scene(NamedTuple):
    """What the cases work on: bundles of one home as files, and who may sign there. `approvals`
    has each approval of that home by name, as the files of an entry of the registry."""

    dossier: Files
    redacted: Files
    officer: Files
    approvals: Mapping[str, Files]
    key: SigningKey
    source: SigningKey
    sealing: Sealing

    def entry(self, number: int) -> str:
        """The path of an entry of the dossier, by its place among them."""
        names = [name for name in self.dossier if name.startswith("entries/")]
        return sorted(names, key=lambda name: int(name.rpartition("/")[2]))[number]


Make = Callable[[Scene], bytes]


class Case(NamedTuple):
    name: str
    step: int
    make: Make


def case_of(cases: list[Case]) -> Callable[[int], Callable[[Make], Make]]:
    """What puts a function among the cases, with the step at which its bundle is refused."""

    def at(step: int) -> Callable[[Make], Make]:
        def add(make: Make) -> Make:
            cases.append(Case(make.__name__, step, make))
            return make

        return add

    return at


def make_scene(home: Path, sealing: Sealing) -> Scene:
    rows = rows_of(home, DossierScope(DOSSIER))
    hidden = {Place(rows[2].log, rows[2].index)}
    period = OfficerScope(OFFICER, "2026-03-01T00:00:00.000000Z", "2026-03-31T16:59:59.999999Z")
    return Scene(
        files_of(export(home, DossierScope(DOSSIER))),
        files_of(export(home, DossierScope(DOSSIER), hidden)),
        files_of(export(home, period)),
        {name: approval_files(home, name) for name in ("right", *WRONG)},
        KeyStore(home / "keys").load_signing_key("ledger"),
        KeyStore(home / "keys").load_signing_key("source"),
        sealing,
    )


def approval_files(home: Path, name: str) -> Files:
    """The entry of an inspection and its proof, as they stand in a registry."""
    with open_ledger(Settings(home)) as ledger:
        tree, stream = sealed_ledger(ledger).tree(0), f"inspection:{inspection_of(name)}"
        found = [n for n in range(tree.size) if decode_entry(tree.entry(n)).seal.stream == stream]
        place, data = Place(0, found[0]), tree.entry(found[0])
        return {place.path("registry"): data, place.proof_path: tree.proof(place.index, data)}


def approved_by(scene: Scene, name: str, **changes: object) -> Files:
    """The bundle with a redaction, which names another approval; `changes` are of the redaction."""
    path, _ = scene.approvals[name]
    approval = {"index": int(path.rpartition("/")[2]), "log": 0}
    files = without(scene.redacted, *scene.approvals["right"]) | scene.approvals[name]
    return change_redaction(files, **{"approval": approval, **changes})


def change_redaction(files: Files, **changes: object) -> Files:
    """The bundle with other words in its one redaction."""
    value = json.loads(files["redactions.json"])
    value["redactions"][0] |= changes
    return files | {"redactions.json": encode_canonical(value)}


def insider(scene: Scene, files: Files) -> bytes:
    return encode_archive(sign(files, scene.key))


def reseal(data: bytes, **fields: object) -> bytes:
    """The entry with other fields of its seal."""
    entry = decode_entry(data)
    seal: Seal = msgspec.structs.replace(entry.seal, **fields)
    return encode_entry(seal, entry.action_bytes)


def other_note(scene: Scene, origin: str, change: Callable[[bytes], bytes]) -> Files:
    """Another note for a log's checkpoint, in its file and in every proof under it."""
    name = origin.rpartition("/")[2]
    path = f"proofs/{name}/checkpoint"
    note = change(scene.dossier[path])
    files = scene.dossier | {path: note}
    for proof in files:
        if proof.startswith(f"proofs/{name}/") and proof.endswith(".tlog-proof"):
            files[proof] = files[proof].partition(b"\n\n")[0] + b"\n\n" + note
    return files


def without(files: Files, *names: str) -> Files:
    """The other files."""
    return {name: data for name, data in files.items() if name not in names}


def proof_of(path: str) -> str:
    """The proof's file of an entry's."""
    return f"proofs/{path.removeprefix('entries/')}.tlog-proof"


def redaction_of(entry: Entry) -> dict[str, object]:
    """What stands in `redactions.json` for an entry of log 0; the genesis approves nothing."""
    return {
        "approval": {"index": 0, "log": 0},
        "index": entry.seal.index,
        "leaf": entry.leaf,
        "log": 0,
        "reason": REASON,
        "stream": entry.seal.stream,
        "version": entry.seal.version,
    }


def other_round(scene: Scene, change: Callable[[dict], None]) -> Files:
    """Another round, alone in a log of checkpoints that its keys and both witnesses signed."""
    value = json.loads(scene.dossier["proofs/checkpoints/round"])
    change(value)
    data = encode_canonical(value)
    note = scene.sealing.note("demo/checkpoints", 1, leaf_hash(data))
    return scene.dossier | {
        "proofs/checkpoints/round": data,
        "proofs/checkpoints/checkpoint": note.encode(),
        "proofs/checkpoints/round.tlog-proof": TlogProof(0, (), note).encode(),
    }


def packed(files: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """As a zip program would write it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in sorted(files):
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, data)
    return buffer.getvalue()


def source_key(scene: Scene) -> str:
    genesis = decode_entry(scene.dossier["registry/0/0"])
    return next(key["id"] for key in genesis.action["data"]["keys"] if key["role"] == "source")


def private_key(name: str):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(demo_bytes(f"forger {name}"))
