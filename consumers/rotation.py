"""Replacing and revoking the keys that sign actions (INTEGRITY.md section 2, rule 9).

A new key is enrolled in the own stream of every log before it signs anything, and the old one is
revoked after that, by an entry that a key signs which stays. Between any two steps this home signs
with a key that counts in every log; whoever runs the command again goes on from where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from consumers.bootstrap import OpenLedger, SettingsError
from consumers.cli.errors import NotFoundError
from consumers.creation import new_action_id
from consumers.workers.own_entries import record_own
from ledger.adapters.keys import KeyStoreError
from ledger.adapters.rotation import Rotation, RotationFile, locked_keys
from ledger.app.enrolled import enrolled_keys
from ledger.app.submission import LedgerError, RefusedError
from ledger.core.action import Action, Actor, OccurredAt, stream_id
from ledger.core.findings import FindingError
from ledger.core.times import format_instant
from ledger.entry.signatures import KEY_ENROLLED, KEY_REVOKED, KeyRing, Role, SigningKey

_SIGNS: tuple[Role, ...] = ("ledger", "source")
"""The names of the keys that a home signs with, which are their roles."""


class Rotated(msgspec.Struct, frozen=True):
    """How far a rotation is: complete where nothing is left in `not_recorded` and `waiting_for`.

    `signs` is the key that this home signs with now. `not_recorded` says by log number why an entry
    could not be recorded; `waiting_for` names the trust files of the home's other ledgers, in whose
    logs the same has to be done.
    """

    role: Role
    old: str
    new: str
    signs: str
    revoked: bool
    not_recorded: Mapping[int, str] = {}
    waiting_for: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to be done."""
        return not self.not_recorded and not self.waiting_for


def rotate_key(
    ledger: OpenLedger, role: Role, *, revoke: bool = False, reason: str = ""
) -> Rotated:
    """Make a new key of a role, enrol it in every log, then sign with it; `revoke` the old one.

    A rotation that was begun goes on with its key. Raises `KeyStoreError`, `SettingsError` where
    another reason was given before, and whatever reading a log raises.
    """
    with locked_keys(ledger.keys.folder):
        file = RotationFile(ledger.keys.folder, role)
        plan = _plan(ledger, file, role, reason if revoke else "", revoke=revoke)
        if ledger.keys.load_signing_key(role).id == plan.old:
            key = ledger.keys.next_signing_key(role)
            failed = _enrol(ledger, key)
            plan, waiting = _noted(ledger, file, plan, "enrolled", failed)
            if failed or waiting:
                return Rotated(role, plan.old, plan.new, plan.old, False, failed, waiting)
            ledger.keys.replace_signing_key(role)
        if plan.revoke:
            failed = _revoke(ledger, plan.old, plan.reason)
            plan, waiting = _noted(ledger, file, plan, "revoked", failed)
            if failed or waiting:
                return Rotated(role, plan.old, plan.new, plan.new, False, failed, waiting)
        file.finish()
    return Rotated(role, plan.old, plan.new, plan.new, plan.revoke)


def _plan(
    ledger: OpenLedger, file: RotationFile, role: Role, reason: str, *, revoke: bool
) -> Rotation:
    """What was begun, or the plan of a new rotation; on the disk before anything is recorded."""
    plan, signs = file.read(), ledger.keys.load_signing_key(role).id
    if plan is None:
        new = ledger.keys.next_signing_key(role).id
        plan = Rotation(signs, new, revoke, reason)
        file.write(plan)
        return plan
    if signs not in (plan.old, plan.new) or (
        signs == plan.old and ledger.keys.next_signing_key(role).id != plan.new
    ):
        msg = f"{file.path} replaces {plan.old} with {plan.new}: other keys lie beside it"
        step = f"restore the folder from its backup, or delete {file.path} to begin anew"
        raise KeyStoreError(msg, next_step=step)
    if revoke and not plan.revoke:
        plan = msgspec.structs.replace(plan, revoke=True, reason=reason)
        file.write(plan)
    if reason not in ("", plan.reason):
        msg = f"the rotation of {plan.old} was begun with the reason {plan.reason!r}"
        raise SettingsError(msg, next_step=f"pal keys rotate {role} goes on with it")
    return plan


def _noted(
    ledger: OpenLedger,
    file: RotationFile,
    plan: Rotation,
    step: str,
    failed: Mapping[int, str],
) -> tuple[Rotation, tuple[str, ...]]:
    """The plan once a step is done in every log of this ledger, and the ledgers still without.

    All that this home pins, or is about to create, sign with the same keys.
    """
    done: set[str] = set(getattr(plan, step))
    home, own = ledger.settings.home, ledger.settings.trust_path.name
    if not failed and own not in done:
        done.add(own)
        plan = msgspec.structs.replace(plan, **{step: tuple(sorted(done))})
        file.write(plan)
    others = {
        path.name for ending in ("toml", "creating") for path in home.glob(f"trust*.{ending}")
    }
    return plan, tuple(sorted(others - done))


def revoke_key(ledger: OpenLedger, key_id: str, reason: str) -> Mapping[int, str]:
    """Revoke a key in every log that has enrolled it; gives why that was not possible in some.

    Raises `NotFoundError` where no log knows it, and `RefusedError` for a key that this home signs
    with, or the last of role ledger.
    """
    with locked_keys(ledger.keys.folder):
        rings = _rings(ledger)
        if not any(key.id == key_id for ring in rings for key in ring):
            msg = f"no log of {ledger.name} has enrolled a key {key_id!r}"
            raise NotFoundError(msg, next_step="pal keys list")
        if any(ring.valid("ledger") == {key_id} for ring in rings):
            raise RefusedError(
                "keys.last_ledger_key",
                f"{key_id} is the last key of role ledger that counts: nobody could sign for the "
                "log any more",
                next_step="pal keys rotate ledger --revoke: it enrols another one first",
            )
        for role in _SIGNS:
            if ledger.keys.load_signing_key(role).id == key_id:
                raise RefusedError(
                    "keys.in_use",
                    f"{key_id} is the key of role {role} that this home signs with",
                    next_step=f"pal keys rotate {role} --revoke: another one takes its place first",
                )
        return _revoke(ledger, key_id, reason)


def _enrol(ledger: OpenLedger, key: SigningKey) -> Mapping[int, str]:
    data = {"key": msgspec.to_builtins(key.enrolled())}
    return _record_where(ledger, lambda ring: ring.role_of(key.id) is None, KEY_ENROLLED, data)


def _revoke(ledger: OpenLedger, key_id: str, reason: str) -> Mapping[int, str]:
    data = {"key_id": key_id, "reason": reason}
    return _record_where(ledger, lambda ring: ring.role_of(key_id) is not None, KEY_REVOKED, data)


def _record_where(
    ledger: OpenLedger,
    is_needed: Callable[[KeyRing], bool],
    type_name: str,
    data: Mapping[str, Any],
) -> Mapping[int, str]:
    """Record it in each log that needs it; gives why it does not count in some."""
    failed: dict[int, str] = {}
    needed = [number for number, ring in enumerate(_rings(ledger)) if is_needed(ring)]
    for number in needed:
        try:
            action = _own_action(ledger, ledger.trust[number].origin, type_name, data)
            asyncio.run(record_own(ledger, number, [action]))
        except (LedgerError, FindingError) as error:
            failed[number] = str(error)
    if not needed:
        return failed
    # Read again: what counts is what the log says, not what was answered.
    missing = [number for number, ring in enumerate(_rings(ledger)) if is_needed(ring)]
    return {number: failed.get(number, "the entry is not in the log") for number in missing}


def _rings(ledger: OpenLedger) -> list[KeyRing]:
    """The keys of each log as recorded now; no log stays open."""
    try:
        return [enrolled_keys(log) for log in ledger.logs]
    finally:
        ledger.close()


def _own_action(ledger: OpenLedger, origin: str, type_name: str, data: Mapping[str, Any]) -> Action:
    """An entry of the log's own stream. Its id is fresh: nobody can take it before."""
    now = ledger.now()
    return Action(
        id=new_action_id(now),
        type=type_name,
        stream=stream_id("ledger", origin),
        occurred_at=OccurredAt(format_instant(now), "instant"),
        actor=Actor(kind="system", id="keys"),
        data=dict(data),
    )
