"""Attacks on what is made of a log: the read store, which anybody with a shell can edit."""

from __future__ import annotations

import shutil

import msgspec

from consumers.drill.log_attacks import forged_action, own_key
from consumers.drill.rewriting import sealed_behind
from consumers.drill.scene import Scene, remove_file
from ledger.core.canonical import encode_canonical


def edit_projection(scene: Scene) -> None:
    """Another holder of a dossier, in its row."""
    scene.edit(
        "UPDATE dossier SET holder = 'somebody.else' WHERE dossier = (SELECT min(dossier)"
        " FROM dossier)",
        path=scene.settings.read_path,
    )


def stale_projection(scene: Scene) -> None:
    """An older read store in place of the newest, its cursor set to the log's head."""
    now, then = scene.settings.read_path, scene.older.read_path
    remove_file(now)
    shutil.copy(then, now)
    scene.edit(
        "UPDATE cursor SET position = ?, size = ?, leaf = ? WHERE log = ?",
        (scene.known.head.size, *scene.known.head, scene.number),
        path=now,
    )


def enrol_in_store(scene: Scene) -> None:
    """A stranger's key among those that the read store keeps, and an action signed with it."""
    stranger = own_key("stranger", "source")
    entries = scene.entries()
    forged = forged_action(entries, stranger)
    scene.put([*entries, sealed_behind(entries, forged)])
    enrolment = {"data": {"key": msgspec.to_builtins(stranger.enrolled())}}
    scene.edit(
        "INSERT INTO log_key SELECT log, max(idx) + 1, 'ledger.key_enrolled.v1', ?"
        " FROM log_key WHERE log = ? GROUP BY log",
        (encode_canonical(enrolment), scene.number),
        path=scene.settings.read_path,
    )
