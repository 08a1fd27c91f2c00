"""What `verify` holds logs against besides themselves: the pinned policy and its checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from consumers.bootstrap import Settings
from consumers.cli.errors import UsageError
from consumers.witness_home import read_policy
from ledger.adapters.tile_folder import TileFolder
from ledger.adapters.verify_tree import TreeTrust, published_checkpoint, verify_tree
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.findings import Verdict
from ledger.core.note import NoteError, parse_note
from ledger.core.policy import Policy
from ledger.core.tiles import WIDTH_MAX
from ledger.entry.checkpoint_check import CheckpointCheck, CheckTime, GivenCheckpoint
from ledger.entry.checkpoint_log import CHECKPOINTS, RoundError, parse_round
from ledger.entry.tile_descent import read_bundle
from ledger.entry.verification import Verification

ROUNDS_COMPARED_MAX: Final = 256
"""Rounds whose roots are compared, the newest among them: its root covers all that came before, the
others tell where a difference begins."""


class Against(msgspec.Struct, frozen=True):
    """The policy, or None where none is pinned or named, and checkpoints that somebody kept.

    `kept` holds each with the origin that it names, "" where that cannot be read.
    """

    policy: Policy | None
    policy_name: str
    kept: tuple[tuple[str, GivenCheckpoint], ...]
    check_time: CheckTime | None

    def origin_of(self, number: int) -> str:
        """The origin of a log by its number, as the policy names it; "" where it does not."""
        logs = () if self.policy is None else self.policy.logs
        return next((origin for origin in logs if origin.endswith(f"/{number}")), "")

    def of(self, origin: str, published: GivenCheckpoint | None) -> list[GivenCheckpoint]:
        """The checkpoints of a log: the published one, and those that somebody kept."""
        own = [given for named, given in self.kept if named in {"", origin}]
        return [*([published] if published else ()), *own]


def load_against(
    settings: Settings, policy: Path | None, checkpoints: Sequence[Path], authority: Path | None
) -> Against:
    """Read the policy that is named, or else pinned in the home, and the checkpoint files."""
    path = policy or settings.policy_path
    is_there = policy is not None or path.exists()
    if checkpoints and not is_there:
        msg = "--checkpoint needs a policy: it says whose signatures count"
        raise UsageError(msg, next_step="name it with --policy FILE")
    pinned = settings.authority_path
    roots = authority or (pinned if pinned.exists() else None)
    kept = []
    for file in checkpoints:
        given = GivenCheckpoint(file.name, file.read_bytes())
        kept.append((_origin_of(given), given))
    return Against(
        read_policy(path) if is_there else None,
        path.name if is_there else "",
        tuple(kept),
        None if roots is None else time_check(roots),
    )


def _origin_of(given: GivenCheckpoint) -> str:
    try:
        return parse_checkpoint(parse_note(given.data).text).origin
    except NoteError:
        return ""


def time_check(path: Path) -> CheckTime:
    """What checks time-stamp tokens against the root certificates in a file."""
    from ledger.adapters.tsa import load_roots, verify_token  # noqa: PLC0415 - only where one is pinned

    roots = load_roots(path)

    def check(text: str, token: bytes) -> str:
        return verify_token(token, text.encode(), roots).isoformat()

    return check


def log_checks(
    settings: Settings, against: Against, origins: Sequence[str]
) -> tuple[list[CheckpointCheck | None], Verification | None]:
    """The checkpoints of each log by number; and what the tree of the log of checkpoints is, where
    one is published. Every round in it names a root of each log, which is compared too.
    """
    if against.policy is None or not all(origins):
        return [None] * len(origins), None
    known = {*origins, f"{origins[0].rpartition('/')[0]}/{CHECKPOINTS}", ""}
    for named, given in against.kept:
        if named not in known:
            msg = f"{given.source} is a checkpoint of {named}, which is no log of this ledger"
            raise UsageError(msg, next_step=f"the logs are {', '.join(origins)}")
    folder = TileFolder(settings.tiles_path / CHECKPOINTS)
    rounds = None
    if folder.read_checkpoint() is not None:
        rounds = verify_tree(folder.path, tree_trust(against))
    checks: list[CheckpointCheck | None] = []
    for number, origin in enumerate(origins):
        published = published_checkpoint(TileFolder(settings.tiles_path / str(number)))
        check = CheckpointCheck(
            origin,
            against.policy,
            against.of(origin, published),
            policy_name=against.policy_name,
            check_time=against.check_time,
        )
        if rounds is not None and rounds.verdict is Verdict.PASSED:
            for size, root in _spread(_roots_of(folder, rounds.entries, origin)):
                check.add_root("log of checkpoints", size, root)
        checks.append(check)
    return checks, rounds


def tree_trust(against: Against, geneses: dict[str, str] | None = None) -> TreeTrust:
    """What a published tree is held against."""
    return TreeTrust(
        against.policy,
        against.policy_name,
        geneses or {},
        tuple(against.kept),
        against.check_time,
    )


def _roots_of(folder: TileFolder, size: int, origin: str) -> dict[int, bytes]:
    """The roots of a log by size, as the rounds of a verified log of checkpoints name them."""
    found = {}
    for number in range(-(-size // WIDTH_MAX)):
        entries, _ = read_bundle(folder.read, number, size)
        for entry in entries:
            try:
                tree = parse_round(entry).of(origin)
            except RoundError:
                continue
            if tree is not None and tree.size:
                found[tree.size] = bytes.fromhex(tree.root)
    return found


def _spread(roots: dict[int, bytes]) -> list[tuple[int, bytes]]:
    """At most `ROUNDS_COMPARED_MAX` of these, evenly spread, the largest size among them."""
    newest_first = sorted(roots.items(), reverse=True)
    return newest_first[:: max(-(-len(newest_first) // ROUNDS_COMPARED_MAX), 1)]
