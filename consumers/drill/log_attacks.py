"""Attacks on the log by somebody who can write its file: with no key, or with a source system's.

Each changes what lies in the scene's folder and nothing else. Where an attacker would make columns
and head row fit, they fit; where it would remove what the home remembers, that is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from consumers.drill.case import SkippedError
from consumers.drill.rewriting import (
    by_another_officer,
    seal_of,
    sealed_anew,
    sealed_behind,
    with_action,
    with_seal,
)
from consumers.drill.scene import Scene, target
from ledger.adapters.trust import Trust, write_trust
from ledger.core.action import Action, decode_action
from ledger.core.merkle import leaf_hash
from ledger.core.times import add_seconds
from ledger.entry.entry import decode_entry
from ledger.entry.signatures import KeyRing, Role, SigningKey
from projections.store.sqlite import ReadStore

_BACKDATED_SECONDS: Final = -3_600.0

Change = Callable[[Action], Action]


def edit_payload_byte(scene: Scene) -> None:
    """One bit of an action, in its row, as a disk or a hex editor changes it."""
    entries = scene.entries()
    index = target(entries)
    data = bytearray(entries[index])
    data[data.index(b'"data":{') + 10] ^= 1
    scene.edit("UPDATE entry SET data = ? WHERE idx = ?", (bytes(data), index))


def edit_seal_field(scene: Scene) -> None:
    """The moment of recording, in its row, with the leaf beside it made to fit."""
    entries = scene.entries()
    index = target(entries)
    data = recorded_earlier(entries, index)[index]
    row = (data, leaf_hash(data), index)
    scene.edit("UPDATE entry SET data = ?, leaf = ? WHERE idx = ?", row)


def _earlier(entries: Sequence[bytes], index: int) -> str:
    """The earliest moment at which this entry can have been recorded."""
    before = seal_of(entries[index - 1]).recorded_at
    own = seal_of(entries[index]).recorded_at
    return before if before < own else add_seconds(own, 1e-6)


def drop_entry(scene: Scene) -> None:
    """One row deleted."""
    scene.edit("DELETE FROM entry WHERE idx = ?", (target(scene.entries()),))


def drop_stream(scene: Scene) -> None:
    """Every entry of a dossier, the others sealed anew without it, the home's memory removed."""
    entries = scene.entries()
    stream = seal_of(entries[target(entries)]).stream
    scene.put(sealed_anew([data for data in entries if seal_of(data).stream != stream], 1))
    scene.forget()


def swap_entries(scene: Scene) -> None:
    """Two neighbours in each other's place."""
    entries = scene.entries()
    index = target(entries)
    entries[index : index + 2] = entries[index + 1], entries[index]
    scene.put(entries)


def duplicate_entry(scene: Scene) -> None:
    """An old action sealed once more behind the end, with its own signature and links that fit."""
    entries = scene.entries()
    scene.put([*entries, sealed_behind(entries, entries[_still_signed(entries)])])


def _still_signed(entries: Sequence[bytes]) -> int:
    """The index that is attacked, or where its key was revoked since, the last one of another key:
    sealed again, only that one's signature counts."""
    ring, read = KeyRing(), [decode_entry(data) for data in entries]
    for entry in read:
        if entry.seal.stream == f"ledger:{entry.seal.origin}":
            ring.apply(entry.seal.type, entry.action["data"])
    for index in (target(entries), *reversed(range(len(entries)))):
        if all(ring.role_of(signature.key) for signature in read[index].seal.sigs):
            return index
    msg = "every key that signed here was revoked"
    raise SkippedError(msg)


def insert_entry(scene: Scene) -> None:
    """A new action with a stranger's signature, everything behind it sealed anew."""
    entries = scene.entries()
    index = target(entries)
    forged = forged_action(entries, own_key("stranger", "source"))
    scene.put(sealed_anew([*entries[:index], forged, *entries[index:]], index))


def forged_action(entries: Sequence[bytes], key: SigningKey) -> bytes:
    """An entry with an action that nobody made, signed with `key`."""
    return with_action(entries[target(entries)], as_another_action, key)


def as_another_action(action: Action) -> Action:
    """A new action like this one, by somebody else."""
    # The last digits of an id are chance.
    last = "0" if action.id[-1] != "0" else "1"
    return replace(by_another_officer(action), id=action.id[:-1] + last)


def rehash_suffix(scene: Scene) -> None:
    """The moment of recording, everything behind it sealed anew, the home's memory removed.

    Nobody signs a seal: no key is needed, and every link and signature of the log fits.
    """
    entries = scene.entries()
    index = target(entries)
    scene.put(sealed_anew(recorded_earlier(entries, index), index))
    scene.forget()


def recorded_earlier(entries: Sequence[bytes], index: int) -> list[bytes]:
    """The entries with one of them as if it had been recorded earlier."""
    changed = with_seal(entries[index], recorded_at=_earlier(entries, index))
    return [*entries[:index], changed, *entries[index + 1 :]]


def cut_tail(scene: Scene) -> None:
    """Everything from the middle on removed, with a head row that fits."""
    entries = scene.entries()
    scene.put(entries[: target(entries)])


def swap_officer(scene: Scene) -> None:
    """Another officer in an action, everything behind it sealed anew; no key."""
    _alter(scene, target(scene.entries()), by_another_officer, None)


def swap_officer_signed(scene: Scene) -> None:
    """The same signed with the source system's key, the home's memory removed."""
    _alter(scene, target(scene.entries()), by_another_officer, scene.known.key("source"))
    scene.forget()


def backdate(scene: Scene) -> None:
    """The act that ended a late dossier moved before its due date; no key."""
    _alter(scene, *_ended_late(scene), None)


def backdate_signed(scene: Scene) -> None:
    """The same signed with the source system's key, the home's memory removed."""
    _alter(scene, *_ended_late(scene), scene.known.key("source"))
    scene.forget()


def _ended_late(scene: Scene) -> tuple[int, Change]:
    """The index of the act that ended a dossier after its due date, and how it is moved."""
    with closing(ReadStore.open(scene.settings.read_path)) as store:
        found = store.rows(
            "SELECT idx, due_at FROM dossier JOIN timeline"
            " ON stream = dossier_stream(dossier) AND occurred_at = ended_at"
            " WHERE log = ? AND due_at <> '' AND ended_at > due_at ORDER BY dossier LIMIT 1",
            (scene.number,),
        )
    if not found:
        raise SkippedError("no dossier of this log ended after its due date")
    index, due_at = found[0]

    def before_due(action: Action) -> Action:
        at = add_seconds(due_at, _BACKDATED_SECONDS)
        return replace(action, occurred_at=replace(action.occurred_at, at=at))

    return index, before_due


def _alter(scene: Scene, index: int, change: Change, key: SigningKey | None) -> None:
    entries = scene.entries()
    entries[index] = with_action(entries[index], change, key)
    scene.put(sealed_anew(entries, index))


def replace_key(scene: Scene) -> None:
    """Other keys under the genesis's ids, every action signed anew, the home made to pin it."""
    entries = scene.entries()
    genesis = decode_action(decode_entry(entries[0]).action_bytes)
    keys = {item["id"]: own_key(item["id"], item["role"]) for item in genesis.data["keys"]}
    own = [msgspec.to_builtins(key.enrolled()) for key in keys.values()]

    def enrol(action: Action) -> Action:
        return replace(action, data={**action.data, "keys": own}) if action == genesis else action

    signed = [with_action(data, enrol, keys.get(seal_of(data).sigs[0].key)) for data in entries]
    scene.put(sealed_anew(signed, 0))
    scene.forget()
    pins = [Trust(trust.origin, trust.genesis_leaf) for trust in scene.known.trust]
    pins[scene.number] = Trust(scene.pinned.origin, leaf_hash(scene.entries()[0]).hex())
    write_trust(scene.settings.trust_path, pins)


def own_key(key_id: str, role: Role) -> SigningKey:
    """A key that the attacker made."""
    seed = sha256(f"pal/drill/{role}".encode()).digest()
    return SigningKey(key_id, Ed25519PrivateKey.from_private_bytes(seed), role)


def edit_columns(scene: Scene) -> None:
    """The stream that the file's own index shows for an entry: a lookup misses it."""
    index = target(scene.entries())
    scene.edit("UPDATE entry SET stream = stream || '0' WHERE idx = ?", (index,))
