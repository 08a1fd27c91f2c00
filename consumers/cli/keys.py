"""`keys`: who may sign, new keys in the place of old ones, and erasing a data subject's key."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, get_args

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import OpenLedger, open_ledger, utc_now
from consumers.cli.errors import INDETERMINATE, PASSED, NotFoundError, UsageError
from consumers.cli.options import Common, Lang
from consumers.cli.output import Basis, Column, basis_of, show_rows, show_value, write
from consumers.cli.session import settings_of
from consumers.cli.terminal import safe_text, say
from consumers.cli.texts import text
from ledger.adapters.keys import KeyStoreError, SubjectErasedError, SubjectKeys
from ledger.adapters.rotation import RotationFile
from ledger.core.action import stream_id
from ledger.core.times import format_instant
from ledger.entry.signatures import Role

if TYPE_CHECKING:
    from consumers.rotation import Rotated

ERASURES_FILE = "erasures.jsonl"
_SUBJECT_KINDS = ("dossier", "officer", "unit")
_SUBJECT_PREFIXES = ("applicant:",)


def list_keys(*, common: Common = Common()) -> int:  # noqa: B008 - frozen; cyclopts reads the default
    """List the keys that each log has enrolled, and which of them can sign here.

    Example: pal keys list
    """
    from ledger.app.enrolled import enrolled_keys  # noqa: PLC0415 - this command only

    rows: list[dict[str, object]] = []
    with open_ledger(settings_of(common)) as ledger:
        here = {name: ledger.keys.load_signing_key(name).id for name in ledger.keys.names()}
        signs = {here.get(role) for role in get_args(Role)}
        for number, log in enumerate(ledger.logs):
            ring = enrolled_keys(log)
            rows += [
                {
                    "log": number,
                    "id": key.id,
                    "role": key.role,
                    "public": key.public,
                    "revoked": ring.is_revoked(key.id),
                    "held_here": key.id in here.values(),
                    "signs_here": key.id in signs,
                }
                for key in ring
            ]
        basis = basis_of({log.origin: log.head() for log in ledger.logs})
    columns = (
        *([Column("log", "number")] if len(ledger.trust) > 1 else []),
        Column("id"),
        Column("role"),
        Column("public"),
        Column("revoked"),
        Column("held_here"),
        Column("signs_here"),
    )
    show_rows("keys", columns, rows, basis=basis, form=common.format, lang=common.language)
    tell_begun(ledger, common.language)
    return PASSED


def tell_begun(ledger: OpenLedger, lang: Lang) -> None:
    """Say which keys are being replaced and not completely yet."""
    for role in get_args(Role):
        if RotationFile(ledger.keys.folder, role).read() is not None:
            say(f"▲ {text('rotation.begun', lang, role=role)}")


def rotate(
    role: Role,
    *,
    revoke: Annotated[
        bool, Parameter(negative="", help="Revoke the old key once the new one signs.")
    ] = False,
    reason: Annotated[
        str, Parameter(help="Why the old key is revoked; it stands in the log for ever.")
    ] = "",
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Sign with a new key: it is enrolled in every log first; the old one is kept, or revoked.

    In Kafka no writer may own a log meanwhile. Exit code 2 where something is left to be done: run
    it again, it goes on with the same new key.

    Example: pal keys rotate source

    Example: pal keys rotate ledger --revoke --reason "laptop lost on 3 March"
    """
    from consumers.rotation import rotate_key  # noqa: PLC0415 - this command only

    reason = _reason(reason, f"pal keys rotate {role} --revoke") if revoke else reason
    if reason and not revoke:
        msg = "a reason is recorded where a key is revoked, and nowhere else"
        raise UsageError(msg, next_step=f"pal keys rotate {role} --revoke --reason …")
    lang = common.language
    with open_ledger(settings_of(common)) as ledger:
        done = rotate_key(ledger, role, revoke=revoke, reason=reason)
        if common.format != "table":
            value = msgspec.to_builtins(done, str_keys=True)
            show_value("rotation", value, basis=Basis(ledger.origin), form=common.format)
        elif done.signs == done.new:
            write(f"✓ {text('rotation.signs', lang, role=role, new=done.new, old=done.old)}")
        if done.revoked and common.format == "table":
            write(f"✓ {text('rotation.revoked', lang, name=done.old)}")
        _say_left(done, lang)
        if done.is_complete:
            say(f"  next  {text('rotation.after', lang, folder=ledger.keys.folder)}")
    return PASSED if done.is_complete else INDETERMINATE


def _say_left(done: Rotated, lang: Lang) -> None:
    for number, why in done.not_recorded.items():
        say(f"▲ log {number}: {safe_text(why)}")
    for name in done.waiting_for:
        say(f"▲ {text('rotation.waiting', lang, name=safe_text(name))}")
    if not done.is_complete:
        say(f"▲ {text('rotation.not_complete', lang, name=done.signs)}")


def revoke(
    key: str,
    *,
    reason: Annotated[str, Parameter(help="Why; it stands in the log for ever.")] = "",
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Revoke a key that this home does not sign with, by its id, in every log that enrolled it.

    What it signed before stays valid. Exit code 2 where that was not possible in every log.

    Example: pal keys revoke source-1f2e3d4c5b6a --reason "the machine was given away"
    """
    from consumers.rotation import revoke_key  # noqa: PLC0415 - this command only

    reason = _reason(reason, f"pal keys revoke {key}")
    with open_ledger(settings_of(common)) as ledger:
        failed = revoke_key(ledger, key, reason)
        if common.format != "table":
            value = {"key": key, "not_recorded": {str(n): why for n, why in failed.items()}}
            show_value("revocation", value, basis=Basis(ledger.origin), form=common.format)
        elif not failed:
            write(f"✓ {text('rotation.revoked', common.language, name=safe_text(key))}")
    for number, why in failed.items():
        say(f"▲ log {number}: {safe_text(why)}")
    return INDETERMINATE if failed else PASSED


def _reason(reason: str, command: str) -> str:
    if not reason.strip():
        raise UsageError("why is it revoked?", next_step=f'{command} --reason "…": it is recorded')
    return reason.strip()


def show_key(subject: str, *, common: Common = Common()) -> int:  # noqa: B008 - frozen; cyclopts reads the default
    """Show whether a data subject has a key here, and its id; never the key itself.

    Example: pal keys show dossier:H26.31.0007
    """
    with open_ledger(settings_of(common)) as ledger:
        name, key_id = _find(ledger, subject)
        value = {"subject": name, "key": key_id, "erased": not key_id}
        if common.format == "table":
            write(f"{safe_text(name)}  {key_id or 'erased'}")
        else:
            show_value("subject_key", value, basis=Basis(ledger.origin), form=common.format)
    return PASSED


def erase_key(
    subject: str,
    *,
    reason: Annotated[str, Parameter(help="The order or request that this follows.")] = "",
    yes: Annotated[bool, Parameter(negative="", help="Do it; it cannot be undone.")] = False,
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Erase a data subject's key: what it sealed can never be read again; every hash still holds.

    Backups of HOME/keys keep the key until they are erased as well. No entry records it yet; the
    reason is noted in HOME/erasures.jsonl.

    Example: pal keys erase dossier:H26.31.0007 --reason "order 12/QD-STP" --yes
    """
    with open_ledger(settings_of(common)) as ledger:
        name, key_id = _find(ledger, subject)
        if not reason.strip():
            raise UsageError("why is it erased?", next_step='give --reason "…": it is kept')
        if not yes and not _confirmed(name):
            msg = "nothing was erased: this cannot be undone and was not confirmed"
            raise UsageError(msg, next_step=f"pal keys erase {subject} --reason … --yes")
        erased = _subjects(ledger).erase(name)
        _note(ledger, name, erased, reason, utc_now())
        if common.format == "table":
            before = "was erased before" if not key_id else "erased"
            write(f"✓ {safe_text(name)}  {before}  key {erased}")
        else:
            value = {"subject": name, "key": erased, "erased": True, "reason": reason}
            show_value("subject_key", value, basis=Basis(ledger.origin), form=common.format)
        say(
            f"  next  erase it in every backup of {ledger.keys.folder} too; pal verify still passes"
        )
    return PASSED


def _confirmed(name: str) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"erase the key of {safe_text(name)} for ever? Type the subject to confirm: ")
    sys.stderr.flush()
    return input().strip() == name


def _subjects(ledger: OpenLedger) -> SubjectKeys:
    return ledger.keys.subjects()


def _find(ledger: OpenLedger, subject: str) -> tuple[str, str]:
    """The subject as it is registered, and K; "" where it was erased. Raises `NotFoundError`."""
    subjects = _subjects(ledger)
    candidates = [subject, *(stream_id(kind, subject) for kind in _SUBJECT_KINDS)]
    candidates += [f"{prefix}{subject}" for prefix in _SUBJECT_PREFIXES]
    for candidate in candidates:
        try:
            return candidate, subjects.get(candidate).id
        except SubjectErasedError:
            return candidate, ""
        except KeyStoreError:
            continue
    msg = f"no data subject is called {subject!r} here"
    raise NotFoundError(msg, next_step="subjects are called dossier:H26.31.0007 or applicant:NAME")


def _note(ledger: OpenLedger, subject: str, key_id: str, reason: str, now: datetime) -> None:
    line = {"at": format_instant(now), "subject": subject, "key": key_id, "reason": reason}
    path = ledger.settings.home / ERASURES_FILE
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
