"""`verify`, where checkpoints are sealed: the officer index computed again from the entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from consumers.bootstrap import Settings, open_ledger
from consumers.cli.errors import finding_lines, mark_of
from consumers.cli.output import write
from consumers.cli.terminal import progress
from ledger.adapters.tile_folder import TileFolder
from ledger.app.limits import READ_RECORDS_MAX
from ledger.app.ports import LogReader
from ledger.core.chain import Head
from ledger.core.findings import Finding, FindingError, Verdict, worst
from ledger.core.merkle import leaf_hash
from ledger.entry.checkpoint_log import CHECKPOINTS, checkpoints_origin
from ledger.entry.entry import Entry
from ledger.entry.log_state import LogState
from ledger.entry.officer_check import Commitments, OfficerCheck
from ledger.entry.officer_index import officer_in, officer_of
from ledger.entry.verification import Verification

_PROGRESS_ENTRIES: Final = 10_000


class Recount(msgspec.Struct, frozen=True):
    """How many commitments to the officer indexes of the logs were compared, and what was found."""

    checked: int
    findings: tuple[Finding, ...]


def recount(
    settings: Settings, results: Sequence[Verification], rounds: Verification | None
) -> Recount:
    """Count every officer's entries again. `rounds` says what the log of checkpoints is, None where
    none is published; where it failed, nothing that it says is compared."""
    if rounds is None:
        name = results[0].origin.rpartition("/")[0]
        return Recount(0, (_missing(checkpoints_origin(name), "no log of checkpoints is there"),))
    if rounds.verdict is Verdict.FAILED:
        return Recount(0, ())
    folder = TileFolder(settings.tiles_path / CHECKPOINTS)
    try:
        commitments = Commitments(folder.read, rounds.origin, rounds.entries)
        return _counted(settings, results, commitments)
    except FindingError as error:
        return Recount(0, (error.finding,))


def _missing(origin: str, what: str) -> Finding:
    return Finding(
        code="checkpoint.missing",
        verdict=Verdict.INDETERMINATE,
        message=f"{what}: nothing commits to how many entries each officer has",
        origin=origin,
        next_step="pal seal run",
    )


def _counted(
    settings: Settings, results: Sequence[Verification], commitments: Commitments
) -> Recount:
    checked, findings = 0, commitments.findings
    with open_ledger(settings) as ledger, progress("counting officers", "entries") as advance:
        for reader, result in zip(ledger.readers, results, strict=True):
            committed = commitments.of(reader.origin)
            if not committed:
                findings.append(_missing(reader.origin, "no round of checkpoints names this log"))
            check = OfficerCheck(reader.origin, committed)
            for officer, leaf in acts_of(reader, result):
                check.add(officer, leaf)
                if check.size % _PROGRESS_ENTRIES == 0:
                    advance(check.size, 0)
            check.finish(max(check.size, result.head.size))
            checked += check.checked
            findings += check.findings
    return Recount(checked, tuple(findings))


def acts_of(reader: LogReader, result: Verification) -> Iterator[tuple[str | None, bytes]]:
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
    # What nothing was compared of is not passed.
    is_judged = bool(recounted.checked or recounted.findings)
    mark = mark_of(worst(list(recounted.findings)) if is_judged else Verdict.INDETERMINATE)
    title = "officers in the log of checkpoints, counted again"
    write(f"  {number} {mark} {title:<52} {recounted.checked:>10,}")
    for finding in recounted.findings:
        for line in finding_lines(finding, with_origin=True):
            write(line)
