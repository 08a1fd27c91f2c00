"""Attacks on what is published and signed of a log: checkpoints, tiles, the witnesses' memory.

Who holds the note keys can sign any tree; the witnesses are what that does not help against.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from consumers.bootstrap import KEYS_FOLDER, open_ledger
from consumers.drill.log_attacks import recorded_earlier, rehash_suffix
from consumers.drill.rewriting import sealed_anew
from consumers.drill.scene import Scene, remove_file, seal, target
from consumers.drill.witnessing import NAMES
from consumers.sealing import load_policy, open_sealer, open_sealing
from ledger.core.policy import QUORUM_NONE, Policy
from ledger.core.tiles import ENTRIES, WIDTH_MAX, Tile, decode_bundle, encode_bundle
from ledger.entry.entry import decode_entry


def cut_tail_resigned(scene: Scene) -> None:
    """The end cut off, and what is left signed with the log's own key."""
    entries = scene.entries()
    _restore_older(scene)
    size = len(scene.entries())
    scene.put(entries[: (size + len(entries)) // 2])
    _sign(scene)


def restore_backup(scene: Scene) -> None:
    """The whole home put back to its backup, with a checkpoint that was cosigned then."""
    _restore_older(scene)


def fork(scene: Scene) -> None:
    """Another history from a while ago on, as long as the first, and signed with the same key: two
    readers are shown two heads."""
    _rewrite(scene)
    _sign(scene)


def forget_cosignatures(scene: Scene) -> None:
    """One witness put back to an earlier state, and nothing else: it could be shown a fork now."""
    name = NAMES[0]
    shutil.rmtree(scene.witnesses / name)
    shutil.copytree(scene.older_witnesses / name, scene.witnesses / name)


def roll_witness_back(scene: Scene) -> None:
    """The same, so that it cosigns such a fork."""
    forget_cosignatures(scene)
    _rewrite(scene)
    _sign(scene, witness=NAMES[0])


def _rewrite(scene: Scene) -> None:
    entries = scene.entries()
    _restore_older(scene)
    size = len(scene.entries())
    scene.put(sealed_anew(recorded_earlier(entries, size), size))


def replace_note_keys(scene: Scene) -> None:
    """A log that was sealed anew, with note keys, policy and published trees made anew as well."""
    settings = scene.settings
    rehash_suffix(scene)
    for path in (settings.home / KEYS_FOLDER).glob("note-*"):
        path.unlink()
    settings.policy_path.unlink()
    remove_file(settings.sealer_path)
    shutil.rmtree(settings.tiles_path)
    with open_ledger(settings) as ledger:
        open_sealing(ledger)
        with open_sealer(ledger) as sealer:
            sealer.seal()


def hide_officer(scene: Scene) -> None:
    """What an officer did before is forgotten in the sealer's store, so that the officer index that
    is signed from then on does not count it. Logs and trees are whole, and the witnesses cosign."""
    entries = scene.entries()
    # Back to when the log was shorter, the witnesses too: it happens while the log grows.
    _restore_older(scene)
    shutil.rmtree(scene.witnesses)
    shutil.copytree(scene.older_witnesses, scene.witnesses)
    officer = decode_entry(entries[target(entries)]).action["actor"]["id"]
    scene.edit(
        "DELETE FROM officer WHERE origin = ? AND officer = ?",
        (scene.pinned.origin, officer),
        path=scene.settings.sealer_path,
    )
    scene.put(entries)
    seal(scene.settings, scene.known.doors, scene.witnesses)


def replay_checkpoint(scene: Scene) -> None:
    """The checkpoint of a while ago served in place of the newest, with its tiles."""
    shutil.rmtree(scene.settings.tiles_path)
    shutil.copytree(scene.older.tiles_path, scene.settings.tiles_path)


def rot_tile(scene: Scene) -> None:
    """One bit of a full tile."""
    _flip(scene.tree.path / Tile(0, 0, WIDTH_MAX).path())


def rot_bundle(scene: Scene) -> None:
    """One bit of an entry in a full bundle."""
    _flip(scene.tree.path / Tile(ENTRIES, 0, WIDTH_MAX).path())


def add_to_bundle(scene: Scene) -> None:
    """An entry that no checkpoint covers in the newest bundle."""
    size = scene.known.head.size
    number, width = divmod(size, WIDTH_MAX)
    path = scene.tree.path / Tile(ENTRIES, number, width).path()
    entries = decode_bundle(path.read_bytes(), width)
    path.write_bytes(encode_bundle([*entries, entries[-1]]))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _restore_older(scene: Scene) -> None:
    """Put the whole home back to its backup: log, store, trees, trust, read store."""
    shutil.rmtree(scene.settings.home)
    shutil.copytree(scene.older.home, scene.settings.home)


def _sign(scene: Scene, witness: str = "") -> None:
    """Sign what the log holds now with the keys of the home, and publish it with the cosignature of
    this witness at most."""
    settings, policy = scene.settings, load_policy(scene.settings)
    asked = tuple(each for each in policy.witnesses if each.name == witness)
    mine = Policy(witness or QUORUM_NONE, policy.log_lines, asked)
    settings.policy_path.write_bytes(mine.encode())
    with (
        scene.known.doors.serving(scene.witnesses),
        open_ledger(settings) as ledger,
        open_sealer(ledger) as sealer,
    ):
        sealer.seal()
    settings.policy_path.write_bytes(policy.encode())
    scene.forget()
