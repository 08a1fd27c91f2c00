"""`keys`: who may sign, and erasing a data subject's key."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from consumers.bootstrap import OpenLedger, open_ledger, utc_now
from consumers.cli.errors import PASSED, NotFoundError, UsageError
from consumers.cli.options import Common
from consumers.cli.output import Basis, Column, basis_of, show_rows, show_value, write
from consumers.cli.session import settings_of
from consumers.cli.terminal import safe_text, say
from ledger.adapters.keys import KeyStoreError, SubjectErasedError, SubjectKeys
from ledger.core.action import stream_id
from ledger.core.times import format_instant

ERASURES_FILE = "erasures.jsonl"
_SUBJECT_KINDS = ("dossier", "officer", "unit")
_SUBJECT_PREFIXES = ("applicant:",)


def list_keys(*, common: Common = Common()) -> int:  # noqa: B008 - frozen; cyclopts reads the default
    """List the keys that each log has enrolled, and which of them can sign here.

    Example: pal keys list
    """
    from ledger.entry.entry import decode_entry  # noqa: PLC0415 - this command only
    from ledger.entry.signatures import KeyRing  # noqa: PLC0415 - loaded when used

    rows: list[dict[str, object]] = []
    with open_ledger(settings_of(common)) as ledger:
        here = {ledger.keys.load_signing_key(name).id for name in ledger.keys.names()}
        for number, log in enumerate(ledger.logs):
            ring = KeyRing()
            for data in log.stream_entries(f"ledger:{log.origin}"):
                entry = decode_entry(data)
                ring.apply(entry.seal.type, entry.action["data"])
            rows += [
                {
                    "log": number,
                    "id": key.id,
                    "role": key.role,
                    "public": key.public,
                    "revoked": ring.is_revoked(key.id),
                    "held_here": key.id in here,
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
    )
    show_rows("keys", columns, rows, basis=basis, form=common.format, lang=common.language)
    return PASSED


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
