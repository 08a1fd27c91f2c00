"""`verify --range` and `--stream`: some entries of a log without all the others."""

from __future__ import annotations

from collections.abc import Sequence

from consumers.bootstrap import Settings, log_parts
from consumers.cli.errors import NotFoundError, UsageError
from consumers.cli.terminal import progress
from consumers.cli.verify_against import Against
from ledger.adapters.tile_folder import TileFolder
from ledger.adapters.trust import Trust
from ledger.adapters.verify_tree import published_checkpoint
from ledger.core.action import STREAM_KINDS
from ledger.core.ids import log_number
from ledger.core.tiles import nodes_of_tiles
from ledger.entry.checkpoint_check import CheckpointCheck
from ledger.entry.verification import Verification
from ledger.entry.verify_part import PartVerifier


def verify_some(
    settings: Settings, pinned: Sequence[Trust], against: Against, span: str, stream: str
) -> Verification:
    """Verify what `--range` or `--stream` names; raises `UsageError`, `NotFoundError`."""
    if bool(span) == bool(stream):
        msg = "--range and --stream name two parts"
        raise UsageError(msg, next_step="give one of them")
    if not pinned:
        msg = f"no log is pinned in {settings.trust_path}: the keys of a part come from its genesis"
        raise UsageError(msg, next_step="restore trust.toml, or verify the whole log")
    number, first, end = _place(span, len(pinned)) if span else (_log_of(stream, pinned), 0, 0)
    parts = log_parts(settings, number, pinned[number])
    indexes = range(first, end) if span else None
    verifier = _verifier(settings, pinned[number], number, against, indexes, stream)
    with progress("verifying", "entries"):
        if indexes is not None:
            found = parts.verify_range(verifier, indexes)
        else:
            found = parts.verify_stream(verifier, stream)
    if not found.entries:
        raise NotFoundError(f"no entry of {span or stream} in {pinned[number].origin}")
    return found


def _verifier(
    settings: Settings,
    trust: Trust,
    number: int,
    against: Against,
    span: range | None,
    stream: str,
) -> PartVerifier:
    checks = read = None
    folder = TileFolder(settings.tiles_path / str(number))
    published = published_checkpoint(folder)
    if against.policy is not None and published is not None:
        checks = CheckpointCheck(
            trust.origin,
            against.policy,
            [published],
            policy_name=against.policy_name,
            check_time=against.check_time,
        )
        newest = checks.newest()
        read = None if newest is None else nodes_of_tiles(folder.read, newest.size)
    return PartVerifier(
        trust.origin, trust.genesis_leaf, span=span, stream=stream, checks=checks, read=read
    )


def _place(span: str, logs: int) -> tuple[int, int, int]:
    """The log, first index and end of `A-B` or `LOG/A-B`."""
    number, stroke, indexes = span.rpartition("/")
    first, dash, last = indexes.partition("-")
    if not dash or not first.isdecimal() or not last.isdecimal() or int(first) > int(last):
        msg = f"--range {span!r} is not A-B with A up to B"
        raise UsageError(msg, next_step="write 300-399, or 3/300-399 of log 3")
    if (stroke and not number.isdecimal()) or (not stroke and logs > 1) or int(number or 0) >= logs:
        msg = f"--range {span!r} names none of {logs} logs"
        raise UsageError(msg, next_step=f"name the log, 0 to {logs - 1}: 0/{indexes}")
    return int(number or 0), int(first), int(last) + 1


def _log_of(stream: str, pinned: Sequence[Trust]) -> int:
    kind = stream.partition(":")[0]
    if kind not in STREAM_KINDS:
        msg = f"--stream {stream!r} is no stream"
        raise UsageError(msg, next_step="write its kind too, e.g. dossier:H26.31.0007")
    origins = [trust.origin for trust in pinned]
    if kind == "ledger":
        own = stream.partition(":")[2]
        return origins.index(own) if own in origins else 0
    return log_number(stream, len(pinned))
