"""Making the sealer's store anew where it is lost, from what was published.

Nothing but the store remembers every checkpoint that was signed. What is made anew must therefore
be held against all who may remember a later one: the published files, the log itself, and every
witness. Where nobody can exclude that there is one, a person has to say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from consumers.bootstrap import OpenLedger
from consumers.sealing import (
    action_recorder,
    load_policy,
    load_signers,
    log_follower,
    tree_folder,
)
from consumers.workers.outage import SEALING_RESTORED, sealer_action
from ledger.adapters.checkpoint_store import (
    CheckpointStore,
    RestoredTree,
    SignedCheckpoint,
    check_none,
)
from ledger.adapters.tile_folder import TileFolder
from ledger.app.growth import mismatch, prove_growth
from ledger.app.restoring import Advance, LogReread, reread_rounds
from ledger.app.sealing import TreeState
from ledger.app.submission import LedgerError
from ledger.core.checkpoint import Checkpoint
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.note import NoteError, SignedNote, parse_note
from ledger.core.policy import QUORUM_NONE, Policy
from ledger.core.times import format_instant
from ledger.entry.checkpoint_log import (
    CHECKPOINTS,
    LoggedTree,
    RoundError,
    checkpoints_origin,
    parse_round,
)
from ledger.entry.note_keys import NoteSignatureError, verify_checkpoint
from ledger.entry.officer_index import OfficerRow

if TYPE_CHECKING:
    from consumers.workers.witnesses import Witnesses

ANSWER_SECONDS_MAX: Final = 300.0
"""A cosignature that is older than this when it arrives is an old answer, kept by somebody: it says
nothing of what the witness knows now. Clocks that differ by more are to be set first."""

ACCEPT: Final = "--accept-that-nobody-can-exclude-a-newer-checkpoint"


class NotRecordedError(LedgerError):
    """What must stand in every log before the store is made could not be recorded in each."""

    code = "sealer.not_recorded"


class Confirmed(NamedTuple):
    """A tree as it was restored, and the witnesses that know no later checkpoint of it."""

    tree: RestoredTree
    by: tuple[str, ...]


class _Published(NamedTuple):
    """A published checkpoint that the log's keys signed, at `signed_at`."""

    folder: TileFolder
    note: SignedNote
    checkpoint: Checkpoint
    signed_at: str


def restore_sealing(
    ledger: OpenLedger, *, is_unconfirmed_accepted: bool = False, advance: Advance = lambda _: None
) -> tuple[Confirmed, ...]:
    """Make the lost store anew; gives the logs by number, then the log of checkpoints.

    Raises `StoreExistsError` where one is there, `FindingError` for whatever does not agree or
    cannot be excluded, `NotRecordedError`; then there is no store. Killed at any moment, there is
    none or a whole one.
    """
    check_none(ledger.settings.sealer_path)
    policy = load_policy(ledger.settings)
    load_signers(ledger, policy)
    if policy.quorum == QUORUM_NONE and not is_unconfirmed_accepted:
        what = "the policy asks for no witness: nobody can exclude a newer signed checkpoint"
        step = f"ask all who may keep one; if there is none, {ACCEPT}"
        raise _unconfirmed(ledger.origin, what, "a witness that says so", "quorum none", step)
    published = {
        origin: _published(folder, origin, policy) for origin, folder in _folders(ledger).items()
    }
    *logs, (rounds_origin, rounds) = published.items()
    rounds_state, kept = reread_rounds(rounds.folder.read, rounds.checkpoint)
    named = _named(kept, [origin for origin, _ in logs], rounds_origin)
    states: dict[str, tuple[TreeState, Sequence[OfficerRow]]] = {}
    for number, (origin, own) in enumerate(logs):
        _check_newest(own.checkpoint, named[origin][0])
        follower = log_follower(ledger, number)(TreeState(origin))
        read = own.folder.read
        states[origin] = LogReread(read, follower, own.checkpoint, named[origin], advance).run()
    states[rounds_origin] = rounds_state, ()
    confirmed = tuple(_confirm_each(ledger, policy, published, states))
    _record(ledger, confirmed, rounds)
    trees = [each.tree for each in confirmed]
    CheckpointStore.restore(ledger.settings.sealer_path, trees, rounds.checkpoint.size - 1, kept)
    return confirmed


def _folders(ledger: OpenLedger) -> dict[str, TileFolder]:
    """The published tree of each origin: the logs by number, then the log of checkpoints."""
    trees = {trust.origin: str(number) for number, trust in enumerate(ledger.trust)}
    trees[checkpoints_origin(ledger.name)] = CHECKPOINTS
    return {origin: tree_folder(ledger.settings, tree) for origin, tree in trees.items()}


def _published(folder: TileFolder, origin: str, policy: Policy) -> _Published:
    """The published checkpoint, signed by every key that the policy and this home have of it."""
    data = folder.read_checkpoint()
    path = folder.path / "checkpoint"
    if data is None:
        what = f"{path}: no checkpoint is published"
        raise _refused("checkpoint.missing", origin, what, verdict=Verdict.INDETERMINATE)
    try:
        note = parse_note(data)
        found = verify_checkpoint(note, origin, policy.logs[origin], policy.cosigners)
    except NoteSignatureError as error:
        raise _refused("checkpoint.signature_invalid", origin, f"{path}: {error}") from error
    except NoteError as error:
        raise _refused("checkpoint.malformed", origin, f"{path}: {error}") from error
    known = {(key.name, key.id) for key in (*policy.logs[origin], *policy.cosigners)}
    lines = tuple(line for line in note.signatures if (line.name, line.key_id) in known)
    # The log's own ML-DSA-44 signature says when it was made.
    at_seconds = max(signed.at_seconds for signed in found.signatures)
    signed_at = format_instant(datetime.fromtimestamp(at_seconds, UTC))
    return _Published(folder, SignedNote(note.text, lines), found.checkpoint, signed_at)


def _named(
    kept: Sequence[bytes], origins: Sequence[str], rounds_origin: str
) -> dict[str, list[LoggedTree]]:
    """What the newest published entry of the log of checkpoints says of each log, and those that
    were written behind it."""
    named: dict[str, list[LoggedTree]] = {origin: [] for origin in origins}
    for data in kept:
        try:
            trees = parse_round(data).logs
        except RoundError as error:
            raise mismatch(rounds_origin, str(error)) from error
        if [tree.origin for tree in trees] != list(origins):
            msg = f"an entry names {len(trees)} logs, not those of this ledger"
            raise mismatch(rounds_origin, msg)
        for tree in trees:
            named[tree.origin].append(tree)
    return named


def _check_newest(own: Checkpoint, named: LoggedTree) -> None:
    if named.size > own.size:
        who = "the published log of checkpoints"
        raise _not_newest(own, who, f"size {named.size}")


def _confirm_each(
    ledger: OpenLedger,
    policy: Policy,
    published: Mapping[str, _Published],
    states: Mapping[str, tuple[TreeState, Sequence[OfficerRow]]],
) -> Iterator[Confirmed]:
    """Have each witness cosign each checkpoint anew: the only answer that is signed and of now."""
    from consumers.workers.witnesses import Witnesses as Service  # noqa: PLC0415 - an HTTP client only when it is needed

    with closing(Service(policy, asks_forgetful=False)) as witnesses:
        for origin, own in published.items():
            state, rows = states[origin]
            now = ledger.now()
            note, by = _confirm(witnesses, own, now)
            log_keys = {(key.name, key.id) for key in policy.logs[origin]}
            lines = tuple(line for line in note.signatures if (line.name, line.key_id) in log_keys)
            kept = SignedCheckpoint(
                origin,
                state.size,
                own.signed_at,
                note.encode(),
                format_instant(now) if witnesses.are_asked else "",
                b"",
                "",
            )
            signed = replace(state, note=SignedNote(note.text, lines).encode())
            yield Confirmed(RestoredTree(signed, kept, rows), by)


def _confirm(
    witnesses: Witnesses, own: _Published, now: datetime
) -> tuple[SignedNote, tuple[str, ...]]:
    """The note with the new cosignatures, and who gave them. Raises `FindingError` where a witness
    knows another tree or more of this one, or where a later checkpoint could have a quorum."""
    tree, policy = own.checkpoint, witnesses.policy
    witnesses.remember(own.note)
    asked = witnesses.cosign(
        own.note, lambda old: prove_growth(own.folder, tree.origin, old, tree.size)
    )
    if asked.ahead is not None:
        raise _not_newest(tree, asked.ahead[0], f"size {asked.ahead[1]}")
    if asked.forked is not None:
        who, said = asked.forked
        what = f"{who} has seen another tree of this log"
        raise _refused("checkpoint.forked", tree.origin, what, actual=said)
    since = now.timestamp() - ANSWER_SECONDS_MAX
    fresh = [signed.key for signed in asked.fresh if signed.at_seconds >= since]
    silent = [each.key for each in policy.witnesses if each.key not in fresh]
    is_enough = policy.is_quorum(fresh) and not policy.is_quorum(silent)
    if witnesses.are_asked and not is_enough:
        answered = ", ".join(sorted({key.name for key in fresh})) or "none"
        why = [f"{who}: {said}" for who, said in sorted(asked.problems.items())]
        raise _unconfirmed(
            tree.origin,
            "too few witnesses say that they know no later checkpoint of this log",
            f"quorum {policy.quorum}, and no quorum among those that are silent",
            "; ".join([f"answered: {answered}", *why]),
            "see that every witness runs and can be reached, then again",
        )
    return asked.note, tuple(sorted({key.name for key in fresh}))


def _record(ledger: OpenLedger, confirmed: Sequence[Confirmed], rounds: _Published) -> None:
    """Record in every log that its store was lost, before there is a new one.

    Done again after a crash, it is the same action: recorded once.
    """
    at = format_instant(ledger.now())
    actions = {}
    for number, (tree, by) in enumerate(confirmed[:-1]):
        state = tree.state
        data = {
            "size": state.size,
            "root": state.root.hex(),
            "checkpoints_origin": rounds.checkpoint.origin,
            "rounds": rounds.checkpoint.size,
            "confirmed_by": list(by),
        }
        once = sha256(f"{state.size} {state.root.hex()}\n{rounds.note.text}".encode()).hexdigest()
        actions[number] = sealer_action(state.origin, SEALING_RESTORED, data, at, once)
    if failed := action_recorder(ledger)(actions):
        why = "; ".join(f"log {number}: {said}" for number, said in failed.items())
        msg = f"that the store was lost could not be recorded: {why}"
        raise NotRecordedError(msg, next_step="end the writers of these logs, then again")


def _not_newest(own: Checkpoint, who: str, actual: str) -> FindingError:
    return _refused(
        "sealer.not_newest",
        own.origin,
        f"{who} knows a later checkpoint of this log than the one that is published",
        expected=f"size {own.size}, root {own.root.hex()}",
        actual=actual,
        step="put that later checkpoint in the place of the published one (docs/operate/sealing.md:"
        " restoring the store), then again",
    )


def _unconfirmed(origin: str, what: str, expected: str, actual: str, step: str) -> FindingError:
    return _refused(
        "sealer.unconfirmed",
        origin,
        what,
        verdict=Verdict.INDETERMINATE,
        expected=expected,
        actual=actual,
        step=step,
    )


def _refused(
    code: str,
    origin: str,
    message: str,
    *,
    verdict: Verdict = Verdict.FAILED,
    expected: str = "",
    actual: str = "",
    step: str = "nothing was made; put the newest checkpoint there that anybody has kept",
) -> FindingError:
    return FindingError(
        Finding(
            code=code,
            verdict=verdict,
            message=message,
            origin=origin,
            expected=expected,
            actual=actual,
            next_step=step,
        )
    )
