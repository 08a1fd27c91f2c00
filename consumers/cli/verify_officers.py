"""`verify`, where checkpoints are sealed: the officer index computed again from the entries."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from consumers.bootstrap import Settings, open_ledger
from consumers.cli.errors import finding_lines
from consumers.cli.output import write
from consumers.cli.terminal import paint, progress
from consumers.witness_home import read_policy
from ledger.adapters.tile_folder import TileFolder
from ledger.app.limits import READ_RECORDS_MAX
from ledger.app.ports import LogReader
from ledger.core.chain import Head
from ledger.core.checkpoint import Checkpoint
from ledger.core.findings import Finding, FindingError, Verdict, worst
from ledger.core.merkle import leaf_hash
from ledger.core.note import NoteError, parse_note
from ledger.entry.checkpoint_log import CHECKPOINTS, checkpoints_origin
from ledger.entry.entry import Entry
from ledger.entry.log_state import LogState
from ledger.entry.note_keys import NoteSignatureError, verify_checkpoint
from ledger.entry.officer_check import Commitments, OfficerCheck
from ledger.entry.officer_index import officer_in, officer_of
from ledger.entry.verification import Verification

_STYLES: Final = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INDETERMINATE: "yellow"}
_MARKS: Final = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.INDETERMINATE: "?"}
_PROGRESS_ENTRIES: Final = 10_000


class Recount(msgspec.Struct, frozen=True):
    """How many commitments to the officer indexes of the logs were compared, and what was found."""

    checked: int
    findings: tuple[Finding, ...]


def recount(settings: Settings, results: Sequence[Verification]) -> Recount | None:
    """Count every officer's entries again; None where sealing was never opened."""
    if not settings.policy_path.exists():
        return None
    try:
        commitments = _commitments(settings, results[0].origin.rpartition("/")[0])
        if commitments.findings:
            return Recount(0, tuple(commitments.findings))
        return _counted(settings, results, commitments)
    except FindingError as error:
        return Recount(0, (error.finding,))


def _commitments(settings: Settings, name: str) -> Commitments:
    """What the published log of checkpoints says, under a signature that the policy knows."""
    folder = TileFolder(settings.tiles_path / CHECKPOINTS)
    return Commitments(folder.read, _signed(settings, folder, checkpoints_origin(name)))


def _signed(settings: Settings, folder: TileFolder, origin: str) -> Checkpoint:
    policy, data = read_policy(settings.policy_path), folder.read_checkpoint()
    code, message, verdict = "", "", Verdict.FAILED
    if data is None:
        code, verdict = "checkpoint.missing", Verdict.INDETERMINATE
        message = "no log of checkpoints is published: nothing commits to the officers' entries"
    else:
        try:
            keys = policy.logs.get(origin, ())
            return verify_checkpoint(parse_note(data), origin, keys, policy.cosigners).checkpoint
        except NoteSignatureError as error:
            code, message = "checkpoint.signature_invalid", str(error)
        except NoteError as error:
            code, message = "checkpoint.malformed", str(error)
    raise FindingError(
        Finding(
            code=code,
            verdict=verdict,
            message=message,
            origin=origin,
            next_step="pal seal run publishes it" if data is None else "keep the file as evidence",
        )
    )


def _counted(
    settings: Settings, results: Sequence[Verification], commitments: Commitments
) -> Recount:
    checked, findings = 0, list[Finding]()
    with open_ledger(settings) as ledger, progress("counting officers", "entries") as advance:
        for reader, result in zip(ledger.readers, results, strict=True):
            check = OfficerCheck(reader.origin, commitments.of(reader.origin))
            for officer, leaf in _acts(reader, result):
                check.add(officer, leaf)
                if check.size % _PROGRESS_ENTRIES == 0:
                    advance(check.size, 0)
            check.finish(max(check.size, result.head.size))
            checked += check.checked
            findings += check.findings
    return Recount(checked, tuple(findings))


def _acts(reader: LogReader, result: Verification) -> Iterator[tuple[str | None, bytes]]:
    """Whose each entry is, and its leaf hash. As far as the verifier has just found every record
    to be an entry in its place, the chain rule is not applied once more."""
    is_plain = result.links == result.entries and not result.strays
    state, position, known = LogState(reader.origin), 0, 0
    if is_plain:
        state.head, known = result.head, result.head.size
    while records := reader.read(position, READ_RECORDS_MAX):
        position = records[-1].position + 1
        for record in records:
            if known and record.data is not None:
                known -= 1
                action = record.data[record.data.index(b"\n") + 1 :]
                yield officer_in(action), leaf_hash(record.data)
                continue
            entry = state.admit(record.data)
            if isinstance(entry, Entry):
                state.head = Head(state.head.size + 1, entry.leaf)
                yield officer_of(entry), bytes.fromhex(entry.leaf)


def show_recount(recounted: Recount, number: int) -> None:
    """One more step, and what it found."""
    verdict = worst(list(recounted.findings))
    mark = paint(_MARKS[verdict], _STYLES[verdict], sys.stdout)
    title = "officers in the log of checkpoints, counted again"
    write(f"  {number} {mark} {title:<52} {recounted.checked:>10,}")
    for finding in recounted.findings:
        for line in finding_lines(finding, with_origin=True):
            write(line)
