"""Verify a published tile tree in a folder without its log: files, checkpoint, and its entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from ledger.adapters import verify_process
from ledger.adapters.tile_folder import TileFolder
from ledger.adapters.verify_process import Bundles, Request, Task, verify_tasks
from ledger.app.ports import Record
from ledger.core.checkpoint import Checkpoint, parse_checkpoint
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.note import NoteError, parse_note
from ledger.core.policy import Policy
from ledger.core.tiles import WIDTH_MAX
from ledger.entry.checkpoint_check import CheckpointCheck, CheckTime, GivenCheckpoint
from ledger.entry.entry import EntryError, NewerFormatError, decode_entry
from ledger.entry.segment import Claimed
from ledger.entry.tile_check import TreeCheck, bundle_facts, unsigned_tree, verify_leaves
from ledger.entry.tile_descent import read_bundle
from ledger.entry.verify import Verification, Verifier

_PUBLISHED: Final = "published checkpoint"


class TreeTrust(msgspec.Struct, frozen=True):
    """What a tree is held against, none of it from the tree.

    `geneses` is the pinned genesis leaf of each origin; `kept` are further checkpoints, each
    with the origin that it names. Without a policy nothing is signed for the reader, and the
    verdict is indeterminate.
    """

    policy: Policy | None = None
    policy_name: str = ""
    geneses: dict[str, str] = {}
    kept: tuple[tuple[str, GivenCheckpoint], ...] = ()
    check_time: CheckTime | None = None


def published_checkpoint(folder: TileFolder) -> GivenCheckpoint | None:
    """The checkpoint of a tree with the time-stamp beside it; None where none is published."""
    data = folder.read_checkpoint()
    if data is None:
        return None
    try:
        token = folder.read_timestamp(parse_checkpoint(parse_note(data).text).size)
    except NoteError:
        token = None
    return GivenCheckpoint(_PUBLISHED, data, token)


def verify_tree(
    path: Path, trust: TreeTrust, *, on_progress: Callable[[int], None] | None = None
) -> Verification:
    """Verify the tree below `path` at the size of its checkpoint.

    Every bundle and tile that the size demands is read and hashed; where the leaves are entries of
    a ledger, they are verified in full besides. Raises `FindingError` where no checkpoint says what
    the tree should hold.
    """
    folder = TileFolder(path)
    given = published_checkpoint(folder)
    if given is None:
        raise _no_checkpoint(path, "checkpoint.missing", Verdict.INDETERMINATE, "none is published")
    try:
        claimed = parse_checkpoint(parse_note(given.data).text)
    except NoteError as error:
        raise _no_checkpoint(path, "checkpoint.malformed", Verdict.FAILED, str(error)) from error
    checks = None
    if trust.policy is not None:
        checks = CheckpointCheck(
            claimed.origin,
            trust.policy,
            [given, *(kept for named, kept in trust.kept if named in {"", claimed.origin})],
            policy_name=trust.policy_name,
            check_time=trust.check_time,
        )
    tree = TreeCheck(folder.read, claimed.origin, claimed.size, claimed.root)
    if not _is_ledger(folder, claimed):
        verifier = Verifier(claimed.origin)
        _read(folder, tree, verifier, on_progress, has_entries=False)
        return verify_leaves(tree, checks)
    leaf = trust.geneses.get(claimed.origin)
    verifier = Verifier(claimed.origin, leaf, every_record_counts=True, checkpoints=checks)
    _read(folder, tree, verifier, on_progress, has_entries=True)
    tree.finish()
    findings = tree.findings()
    if checks is None:
        findings.append(unsigned_tree(claimed.origin))
    verifier.add_steps(tree.steps(), findings)
    return verifier.finish()


def _no_checkpoint(path: Path, code: str, verdict: Verdict, what: str) -> FindingError:
    finding = Finding(
        code=code,
        verdict=verdict,
        message=f"{path}: {what}",
        expected="a signed checkpoint, which says what the tree holds",
        next_step="pal seal run, or name the folder of one published tree",
    )
    return FindingError(finding)


def _is_ledger(folder: TileFolder, claimed: Checkpoint) -> bool:
    """Whether the first leaf is an entry of this origin."""
    entries, _ = read_bundle(folder.read, 0, claimed.size) if claimed.size else ([], "")
    try:
        return bool(entries) and decode_entry(entries[0]).seal.origin == claimed.origin
    except (EntryError, NewerFormatError):
        return False


def _read(
    folder: TileFolder,
    tree: TreeCheck,
    verifier: Verifier,
    on_progress: Callable[[int], None] | None,
    *,
    has_entries: bool,
) -> None:
    def records(position: int, end: int) -> Iterable[Claimed]:
        for number in range(position // WIDTH_MAX, -(-end // WIDTH_MAX)):
            entries, _ = read_bundle(folder.read, number, tree.size)
            for index, entry in enumerate(entries, number * WIDTH_MAX):
                if position <= index < end:
                    yield Record(index, entry), None

    def tasks() -> Iterator[Task]:
        for position in range(WIDTH_MAX, tree.size, verify_process.PART_ENTRIES):
            if tree.is_hopeless:
                return
            end = min(position + verify_process.PART_ENTRIES, tree.size)
            bundles = Bundles(str(folder.path.absolute()), tree.size, position, end, has_entries)
            keys = list(verifier.state.keys)
            request = Request(bundles, tree.origin, keys, sorted(verifier.cuts))
            yield Task(request, records)

    if tree.size:
        # The first bundle before all others: the genesis in it names the keys.
        facts, entries = bundle_facts(folder.read, 0, tree.size)
        tree.add(facts)
        for index, entry in enumerate(entries if has_entries else ()):
            verifier.add(Record(index, entry))
    is_far = tree.size > verify_process.FEW_ENTRIES_MAX
    verify_tasks(
        verifier,
        tasks(),
        verify_process.processes() if is_far else 0,
        on_progress=on_progress,
        on_facts=tree.add,
    )
