"""`evidence export`, `evidence verify`: the file that is handed to whoever doubts."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import Settings, utc_now
from consumers.cli.audited import free, new_entry, record_entries
from consumers.cli.entries import chosen_rows, no_dossier
from consumers.cli.errors import (
    PASSED,
    VERDICT_CODES,
    NotFoundError,
    UsageError,
    finding_lines,
)
from consumers.cli.filters import Filter, parse_filter
from consumers.cli.moments import parse_moment
from consumers.cli.options import Common, Reading
from consumers.cli.output import Basis, show_value, write
from consumers.cli.session import View, place_of, settings_of, view
from consumers.cli.terminal import paint, safe_text, say
from consumers.cli.texts import text
from consumers.cli.verify_against import time_check
from ledger.adapters.trust import load_trust
from ledger.app.submission import LedgerError
from ledger.core.action import Action, stream_id
from ledger.core.findings import Verdict
from ledger.core.times import format_instant
from ledger.entry.archive import ARCHIVE_BYTES_MAX, encode_archive
from ledger.entry.bundle import (
    MANIFEST,
    DossierScope,
    Manifest,
    OfficerScope,
    Place,
    QueryScope,
    Scope,
)

if TYPE_CHECKING:
    from consumers.evidence.export import Exported
    from consumers.evidence.trees import SealedLedger
    from ledger.entry.bundle_state import Pins
    from ledger.entry.bundle_verify import BundleVerification
    from projections.queries.timeline import TimelineRow

_STYLES: Final = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INDETERMINATE: "yellow"}
_MARKS: Final = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.INDETERMINATE: "?"}
_HEX: Final = frozenset("0123456789abcdef")


class _ParkedError(LedgerError):
    code = "projection.stalled"


def export(
    kind: Literal["dossier", "officer", "query"],
    *what: str,
    purpose: Annotated[str, Parameter(help="Why; it stands in the manifest.")],
    out: Annotated[
        Path | None, Parameter(help="The bundle to write; without it contents and size are listed.")
    ] = None,
    from_: Annotated[str, Parameter(name="--from", help="Officer: first day, included.")] = "",
    to: Annotated[str, Parameter(name="--to", help="Officer: last day, included.")] = "",
    decision: Annotated[str, Parameter(help="Number of the decision behind it.")] = "",
    requester: Annotated[str, Parameter(help="For whom.")] = "",
    redact: Annotated[
        tuple[str, ...],
        Parameter(help="INDEX (LOG/INDEX): show only its hash; approved before.", negative=""),
    ] = (),
    inspection: Annotated[
        str, Parameter(help="Record the export in this inspection (E71), which has the approvals.")
    ] = "",
    by: Annotated[str, Parameter(env_var="PAL_BY", help="Your account, for --inspection.")] = "",
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Write an evidence bundle of a dossier, of an officer and period, or of a query.

    It holds entries, proofs and two verifiers. Personal data stays sealed: no subject key is ever
    in a bundle. What lies behind the newest checkpoint is left out, and said.

    Example: pal evidence export dossier H26.31.0007 --purpose "complaint 12" --out case.zip
    """
    from consumers.evidence.export import Request, export_bundle, with_custody  # noqa: PLC0415 - this command only

    if out is not None and out.exists():
        raise _there(out)
    reading = Reading(
        common.home, common.log, common.format, common.lang, inspection=inspection, by=by
    )
    words = free(" ".join(what)) if kind == "query" else f" {' '.join(what)}"
    with view(reading, f"evidence export {kind}{words}") as shown:
        sealed = _sealed(shown)
        scope, rows = _chosen(kind, what, (from_, to), shown)
        hidden = _hidden(redact, rows, shown)
        request = Request(scope, purpose, decision, requester, hidden, inspection)
        key = shown.ledger.keys.load_signing_key("ledger")
        policy = shown.ledger.settings.policy_path.read_bytes()
        exported = export_bundle(request, rows, shown.live, sealed, key, policy)
        now = format_instant(utc_now())
        files = with_custody(exported, by or requester or "-", now)
        data = encode_archive(files)
        shown.looked.rows = len(rows) - exported.later
        if out is not None:
            if inspection:
                entry = _exported_entry(exported, sealed, inspection, by)
                record_entries(shown.ledger, [entry])
            _write_new(out, data)
        _tell(exported, files, len(data), out, shown, common)
    return PASSED


def _sealed(shown: View) -> SealedLedger:
    """The published trees; a checkpoint that was just replaced comes from the sealer's store."""
    from consumers.evidence.trees import SealedLedger as Sealed  # noqa: PLC0415 - exports only
    from ledger.adapters.checkpoint_store import CheckpointStore  # noqa: PLC0415 - the same

    settings = shown.ledger.settings

    def find(origin: str, size: int) -> bytes | None:
        if not settings.sealer_path.exists():
            return None
        with closing(CheckpointStore.open(settings.sealer_path)) as store:
            found = store.checkpoint(origin, size)
        return None if found is None else found.note

    ledger = shown.ledger
    return Sealed(settings.tiles_path, ledger.name, len(ledger.trust), find)


def _chosen(
    kind: str, what: Sequence[str], period: tuple[str, str], shown: View
) -> tuple[Scope, list[TimelineRow]]:
    from projections.queries.evidence import is_parked  # noqa: PLC0415 - readers only

    now = utc_now()
    if kind == "query":
        if not what or any(period):
            msg = "a query is words in the grammar of pal events, without --from and --to"
            raise UsageError(msg, next_step='pal evidence export query "actor:x occurred:2026-03"')
        rows = list(chosen_rows(shown, parse_filter(what, now)))
        if not rows:
            msg = f"no entry fits {' '.join(what)!r}"
            raise NotFoundError(msg, next_step="pal events with the same words")
        return QueryScope(" ".join(what)), rows
    if len(what) != 1 or (kind == "dossier" and any(period)):
        msg = f"{kind} takes one id" + (", and no period" if kind == "dossier" else "")
        raise UsageError(msg, next_step=f"pal evidence export {kind} ID --purpose …")
    if kind == "dossier":
        if is_parked(shown.live, stream_id("dossier", what[0])):
            msg = f"dossier {what[0]} was set aside: not all of its entries are understood"
            raise _ParkedError(msg, next_step="pal status says why")
        rows = list(chosen_rows(shown, Filter(dossier=what[0])))
        if not rows:
            raise no_dossier(what[0])
        return DossierScope(what[0]), rows
    first = parse_moment(period[0], end=False, now=now) if period[0] else ""
    last = parse_moment(period[1], end=True, now=now) if period[1] else ""
    found = chosen_rows(shown, Filter(actor=what[0], occurred_from=first, occurred_to=last))
    return (
        OfficerScope(what[0], first, last),
        [row for row in found if row.action.actor.kind == "officer"],
    )


def _hidden(given: Sequence[str], rows: Iterable[TimelineRow], shown: View) -> frozenset[Place]:
    places = {Place(row.log, row.index) for row in rows}
    found = {Place(*place_of(shown.live, item, "--redact")) for item in given}
    for place in sorted(found - places):
        msg = f"--redact {place.log}/{place.index}: that entry is not in this bundle"
        raise UsageError(msg, next_step="pal dossier events shows the indexes")
    if found and not shown.reading.inspection:
        msg = "an entry is hidden where somebody approved it, which stands in an inspection"
        raise UsageError(msg, next_step="say --inspection ID --by ACCOUNT; pal evidence approve")
    return frozenset(found)


def _write_new(path: Path, data: bytes) -> None:
    """A bundle is never written over: the older one may be the evidence."""
    try:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise _there(path) from error


def _there(path: Path) -> UsageError:
    msg = f"{path} exists already"
    return UsageError(msg, next_step="name another file: a bundle is never replaced")


def _exported_entry(exported: Exported, sealed: SealedLedger, inspection: str, by: str) -> Action:
    """E71: bound to the manifest and to the heads that the bundle was made from."""
    heads = [
        {"origin": ref.origin, "size": ref.size, "leaf": sealed.tree(ref.log).last_leaf().hex()}
        for ref in exported.manifest.as_of
    ]
    package = sha256(exported.files[MANIFEST]).hexdigest()
    data = {"package_hash": package, "heads": heads, "as_of_at": exported.manifest.sealed_at}
    stream = stream_id("inspection", inspection)
    return new_entry("inspection.evidence_exported.v1", stream, "auditor", by, data)


def _tell(
    exported: Exported,
    files: dict[str, bytes],
    size: int,
    out: Path | None,
    shown: View,
    common: Common,
) -> None:
    from ledger.entry.bundle import EvidenceBundle  # noqa: PLC0415 - loaded when used

    lang = common.language
    parts: Counter[str] = Counter()
    lengths: Counter[str] = Counter()
    for name, data in files.items():
        folder = name.partition("/")[0]
        parts[folder] += 1
        lengths[folder] += len(data)
    fingerprint = EvidenceBundle(exported.manifest, files).fingerprint
    digest = sha256(files[MANIFEST]).hexdigest()
    if common.format != "table":
        value = {
            "contents": [
                {"name": name, "files": parts[name], "bytes": lengths[name]} for name in parts
            ],
            "bytes": size,
            "out": "" if out is None else str(out),
            "left_out": exported.later,
            "manifest_sha256": digest,
            "policy_fingerprint": fingerprint,
            "manifest": msgspec.to_builtins(exported.manifest),
        }
        show_value("evidence", value, basis=shown.basis(), form=common.format)
        return
    for name in parts:
        write(f"  {name:<16} {parts[name]:>7,}  {lengths[name]:>12,} B")
    counts = exported.manifest.counts
    said = text("bundle.size", lang, entries=f"{counts.entries:,}", size=f"{size:,}")
    write(said if out is None else f"{said}: {out}")
    write(text("bundle.manifest", lang, digest=digest))
    write(text("bundle.fingerprint", lang, fingerprint=fingerprint))
    write(safe_text(exported.manifest.completeness))
    if exported.later:
        say(text("bundle.later", lang, count=f"{exported.later:,}"))
    if out is not None:
        say(f"pal evidence verify {out} --fingerprint {fingerprint}")


def verify(
    bundle: Path,
    *,
    policy: Annotated[
        Path | None, Parameter(help="The policy file that is pinned; default that of the home.")
    ] = None,
    fingerprint: Annotated[str, Parameter(help="Or its SHA-256, as printed elsewhere.")] = "",
    trust: Annotated[
        Path | None, Parameter(help="A trust.toml: pins each genesis; default that of the home.")
    ] = None,
    authority: Annotated[
        Path | None,
        Parameter(help="Time-stamp authorities, a PEM file; default authority.pem of the home."),
    ] = None,
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Verify an evidence bundle against a policy that does not come out of it.

    Exit code 0 passed, 1 failed, 2 indeterminate: nothing is pinned, or witnesses are missing.

    Example: pal evidence verify case.zip --fingerprint 49bfcb03…
    """
    from ledger.entry.bundle_verify import verify_bundle  # noqa: PLC0415 - this command only

    pins, names = _pins(settings_of(common), policy, fingerprint, trust, authority)
    if bundle.stat().st_size > ARCHIVE_BYTES_MAX:
        msg = f"{bundle} has more than {ARCHIVE_BYTES_MAX:,} bytes: it is no bundle"
        raise UsageError(msg, next_step="name the .zip that was exported")
    found = verify_bundle(bundle.read_bytes(), pins)
    if common.format == "table":
        _show(found, bundle, names, common)
    else:
        value = {
            "verdict": found.verdict,
            "findings": msgspec.to_builtins(found.findings),
            "steps": msgspec.to_builtins(found.steps),
            "not_checked": list(found.not_checked),
            "pinned_by": names,
            "manifest": msgspec.to_builtins(found.bundle.manifest) if found.bundle else {},
            "not_proved": text("not_proved", common.language),
        }
        manifest = found.bundle.manifest if found.bundle else None
        basis = Basis(
            origin=manifest.ledger if manifest else "",
            log_size=sum(ref.size for ref in manifest.as_of) if manifest else 0,
            head="",
        )
        show_value("evidence_verification", value, basis=basis, form=common.format)
    return VERDICT_CODES[found.verdict]


def _pins(
    settings: Settings,
    policy: Path | None,
    fingerprint: str,
    trust: Path | None,
    authority: Path | None,
) -> tuple[Pins, list[str]]:
    from ledger.entry.bundle_state import Pins as Pinned  # noqa: PLC0415 - this command only

    pinned = fingerprint.lower()
    if pinned and (len(pinned) != 64 or not set(pinned) <= _HEX):
        msg = f"--fingerprint {fingerprint!r} is not 64 hex digits"
        raise UsageError(msg, next_step="sha256sum policy.txt gives it")
    names = [f"--fingerprint {pinned}"] if pinned else []
    at_home = not (policy or pinned or trust)
    if at_home and settings.policy_path.exists():
        policy = settings.policy_path
    if at_home and settings.trust_path.exists():
        trust = settings.trust_path
    if at_home and authority is None and settings.authority_path.exists():
        authority = settings.authority_path
    if policy is not None:
        digest = sha256(policy.read_bytes()).hexdigest()
        if pinned not in ("", digest):
            msg = f"{policy} has the fingerprint {digest}, not the one of --fingerprint"
            raise UsageError(msg, next_step="find out which of the two is the right one")
        pinned = digest
        names.append(f"policy {policy}")
    genesis = {}
    if trust is not None:
        genesis = {item.origin: item.genesis_leaf for item in load_trust(trust)}
        names.append(f"trust {trust}")
    check = None
    if authority is not None:
        check = time_check(authority)
        names.append(f"authority {authority}")
    return Pinned(pinned, genesis, check), names


def _show(found: BundleVerification, path: Path, names: Sequence[str], common: Common) -> None:
    lang = common.language
    said = paint(
        f"{_MARKS[found.verdict]} {found.verdict.upper()}", _STYLES[found.verdict], sys.stdout
    )
    manifest = None if found.bundle is None else found.bundle.manifest
    write(f"{said}  {safe_text(path.name)}{_scope_words(manifest)}")
    for finding in found.findings:
        for line in finding_lines(finding):
            write(line)
    for step in found.steps:
        mark = paint(_MARKS[step.verdict], _STYLES[step.verdict], sys.stdout)
        write(f"  {step.number:>2} {mark} {step.title:<42} {step.checked:>9,}")
    write(f"  {'pinned by':<16} {', '.join(names) or 'nothing'}")
    for line in found.not_checked:
        write(f"  {'not checked':<16} {line}")
    for line in () if manifest is None else manifest.not_shown:
        write(f"  {'not shown':<16} {safe_text(line)}")
    write(f"  {text('not_proved', lang)}")


def _scope_words(manifest: Manifest | None) -> str:
    if manifest is None:
        return ""
    scope = manifest.scope
    if isinstance(scope, DossierScope):
        named = f"dossier {scope.dossier}"
    elif isinstance(scope, OfficerScope):
        named = f"officer {scope.officer}"
    else:
        named = f"query {scope.query}"
    sizes = ", ".join(f"{ref.origin} {ref.size:,}" for ref in manifest.as_of)
    return f"  {safe_text(named)}: {manifest.counts.entries:,} entries as of {safe_text(sizes)}"
